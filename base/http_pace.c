/* Waiting for the peer, with a minimum rate: how far it is behind what it should have sent or taken while we waited.
 *
 * A peer that sends at the minimum rate or faster never falls behind by a whole window, however it spreads the bytes.
 * Of what we send only bytes count that its system acknowledged: one that is written may wait in our system for
 * minutes. A system acknowledges in steps of up to a part of its buffer, while its program reads on steadily; so a peer
 * may be ahead by a few of these, and rests on that while its system says nothing. */
#include "base/check.h"
#include "base/http_connection.h"
#include "base/metrics.h"

#define AHEAD_BYTES_MAX  (256 * 1024) /* of a peer that takes; one that sends is seen at once, a window is enough */
#define LOOKS_PER_WINDOW 8            /* at one that is behind, and may catch up without us being woken */
#define CUT_SLOW         "reason=\"slow\""
#define CUT_PLACE        "reason=\"place\""
#define RESERVED_SEND_MS 2000 /* an answer in a place of the reserve takes so long at most: others need the place */

static int64_t behind_max(const struct http_server_config *config)
{
    return (int64_t)config->rate_bytes_per_second_min * config->rate_window_ms;
}

static bool is_behind(const struct http_server_config *config, const struct http_pace *pace)
{
    return pace->behind >= behind_max(config);
}

static void note(const struct http_server_config *config, struct http_pace *pace, uint64_t waited_ms, uint64_t bytes,
                 int64_t ahead_max)
{
    pace->behind += (int64_t)(config->rate_bytes_per_second_min * waited_ms) - (int64_t)(bytes * 1000);
    if (pace->behind < -ahead_max)
        pace->behind = -ahead_max;
    if (pace->behind > behind_max(config))
        pace->behind = behind_max(config);
}

static uint64_t until_behind_ms(const struct http_server_config *config, const struct http_pace *pace)
{
    uint64_t rate = config->rate_bytes_per_second_min;

    return ((uint64_t)(behind_max(config) - pace->behind) + rate - 1) / rate;
}

/* While nothing is read here the peer's system finds the window closed and asks again in intervals that double (RFC
 * 9293, 3.8.6.1). Should it miss that the window has opened, it is silent for as long as it was closed: that is not the
 * peer's slowness, and does not count. */
enum status http_wait_to_receive(struct http_transaction *transaction, enum http_io io)
{
    struct http_connection *connection = transaction->connection;
    const struct http_server_config *config = &connection->listener->server->config;
    struct http_pace *pace = &transaction->pace_in;
    uint64_t start_ms = clock_monotonic_ms(), closed_ms = pace->looked_ms ? start_ms - pace->looked_ms : 0, left_ms;
    enum status status;

    note(config, pace, 0, pace->bytes, behind_max(config));
    pace->bytes = 0;
    if (is_behind(config, pace))
        return STATUS_TIMEOUT;
    left_ms = until_behind_ms(config, pace);
    if (left_ms > config->body_timeout_ms)
        left_ms = config->body_timeout_ms;
    connection->turn_bytes = 0;
    status = http_stream_wait(&connection->stream, io, start_ms + closed_ms + left_ms);
    pace->looked_ms = clock_monotonic_ms();
    if (pace->looked_ms - start_ms > closed_ms)
        note(config, pace, pace->looked_ms - start_ms - closed_ms, 0, behind_max(config));
    return status;
}

/* What the peer's system took since the last look. */
static uint64_t taken(struct http_transaction *transaction)
{
    struct http_stream *stream = &transaction->connection->stream;
    struct http_pace *pace = &transaction->pace_out;
    uint64_t before = pace->acknowledged;

    pace->acknowledged = http_stream_acknowledged(stream);
    if (!pace->began) { /* what it took of this answer without us waiting */
        size_t waiting = http_stream_unacknowledged(stream);

        pace->began = true;
        return pace->bytes > waiting ? pace->bytes - waiting : 0;
    }
    return pace->acknowledged - before;
}

/* Others may need what an answer holds: one that cannot be asked for it may not pause. */
static uint32_t pause_max_ms(const struct http_transaction *transaction)
{
    const struct http_server_config *config = &transaction->connection->listener->server->config;

    return config->pauses != NULL && transaction->request.place == 0 ? 0 : config->pause_timeout_ms;
}

/* Looks how far the peer is after so much waiting. False when it has been behind for too long. */
static bool look(struct http_transaction *transaction, uint64_t waited_ms, uint64_t now_ms)
{
    const struct http_server_config *config = &transaction->connection->listener->server->config;
    struct http_pace *pace = &transaction->pace_out;

    note(config, pace, waited_ms, taken(transaction), (int64_t)AHEAD_BYTES_MAX * 1000);
    if (!is_behind(config, pace)) {
        http_pause_end(&transaction->pause);
        pace->paused = false;
        return true;
    }
    if (!pace->paused && config->pauses != NULL && transaction->request.place != 0)
        http_pause_begin(config->pauses, &transaction->pause, &transaction->connection->stream,
                         transaction->request.place);
    if (!pace->paused)
        pace->paused_ms = now_ms;
    pace->paused = true;
    return now_ms - pace->paused_ms < pause_max_ms(transaction);
}

static uint64_t next_look_ms(const struct http_transaction *transaction, uint64_t now_ms)
{
    const struct http_server_config *config = &transaction->connection->listener->server->config;
    const struct http_pace *pace = &transaction->pace_out;
    uint64_t step_ms = config->rate_window_ms / LOOKS_PER_WINDOW + 1, end_ms;

    if (!pace->paused)
        return now_ms + until_behind_ms(config, pace);
    end_ms = pace->paused_ms + pause_max_ms(transaction);
    return now_ms + step_ms < end_ms ? now_ms + step_ms : end_ms;
}

/* When an answer has to be out, however fast the peer is. */
static uint64_t end_ms(const struct http_transaction *transaction)
{
    return transaction->connection->place.reserved ? transaction->request.start_us / 1000 + RESERVED_SEND_MS
                                                   : CLOCK_NEVER;
}

static struct metric_counter *cut_counter(const char *labels)
{
    return metric_counter_get("tercet_http_cut_total",
                              "Answers cut because the client took them too slowly, or because another request needed "
                              "the place of a slow one.",
                              labels);
}

void http_pace_register_metrics(void)
{
    cut_counter(CUT_SLOW);
    cut_counter(CUT_PLACE);
}

static enum status cut(const char *labels)
{
    metric_counter_add(cut_counter(labels), 1);
    return STATUS_TIMEOUT;
}

enum status http_wait_to_send(struct http_transaction *transaction, enum http_io io)
{
    struct http_connection *connection = transaction->connection;
    struct http_stream *stream = &connection->stream;
    uint64_t start_ms = clock_monotonic_ms(), last_ms = end_ms(transaction), look_ms, now_ms;
    enum status status;

    connection->turn_bytes = 0;
    if (!look(transaction, 0, start_ms))
        return cut(CUT_SLOW);
    if (start_ms >= last_ms)
        return cut(CUT_PLACE);
    look_ms = next_look_ms(transaction, start_ms);
    status = http_stream_wait(stream, io, look_ms < last_ms ? look_ms : last_ms);
    if (status == STATUS_CLOSED)
        return status;
    now_ms = clock_monotonic_ms();
    if (http_stream_is_interrupted(stream))
        return cut(CUT_PLACE);
    if (!look(transaction, now_ms - start_ms, now_ms) && status == STATUS_TIMEOUT)
        return cut(CUT_SLOW);
    return STATUS_OK;
}
