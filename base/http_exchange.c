/* Waiting for a call, and the whole exchange at once. Built on the functions that do not suspend; a wait checks its
 * condition after every unpark, since a task may drive several calls. */
#include "base/http_client.h"

#include "base/task.h"

/* Parks until something may have changed. STATUS_TIMEOUT once the deadline has passed. */
static enum status wait_for_news(uint64_t deadline_ms)
{
    return task_park_until(deadline_ms) ? STATUS_OK : STATUS_TIMEOUT;
}

enum status http_call_wait_head(struct http_call *call, uint64_t deadline_ms)
{
    enum status status = STATUS_OK;

    while (!status && !http_call_head_arrived(call) && !http_call_ended(call))
        status = wait_for_news(deadline_ms);
    if (http_call_head_arrived(call))
        return STATUS_OK;
    return http_call_ended(call) ? http_call_outcome(call) : status;
}

enum status http_call_wait_end(struct http_call *call, uint64_t deadline_ms)
{
    enum status status = STATUS_OK;

    while (!status && !http_call_ended(call))
        status = wait_for_news(deadline_ms);
    return http_call_ended(call) ? http_call_outcome(call) : status;
}

enum status http_call_receive(struct http_call *call, uint64_t deadline_ms, struct bytes *out)
{
    enum status status = STATUS_OK;

    *out = http_call_received(call);
    while (!status && !out->len && !http_call_ended(call)) {
        status = wait_for_news(deadline_ms);
        *out = http_call_received(call);
    }
    if (out->len)
        return STATUS_OK;
    return http_call_ended(call) ? http_call_outcome(call) : status;
}

enum status http_exchange(const struct http_call_options *options, uint64_t deadline_ms, int *http_status,
                          struct buffer *response)
{
    struct http_call *call = http_call_start(options);
    enum status status;
    struct bytes piece;

    for (;;) {
        status = http_call_receive(call, deadline_ms, &piece);
        if (status || !piece.len)
            goto out;
        status = response ? buffer_append_bytes(response, piece) : STATUS_OK;
        if (status)
            goto out;
        http_call_consume(call, piece.len);
    }
out:
    *http_status = http_call_status(call);
    if (options->problem)
        *options->problem = http_call_problem(call);
    http_call_free(call);
    return status;
}
