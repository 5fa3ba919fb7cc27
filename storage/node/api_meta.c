/* The paths below /meta/: the replica of the gateway's metadata. Bodies are read whole, since a record is applied as a
 * whole; their length and checksum are signed by the request, and every record has a checksum of its own. */
#include <string.h>

#include "base/pool.h"
#include "storage/node/api_internal.h"
#include "storage/node/meta_replica.h"

#define POSITION_MAX (UINT16_MAX + 1) /* family byte and key */
#define EPOCH_DIGITS 16

struct meta_job {
    struct api_request *request;
    struct meta_replica *replica;
    struct meta_replica_page page;
    uint32_t generation; /* of the fence */
    struct buffer body, answer;
    enum status (*run)(struct meta_job *job); /* in the pool */
    enum status status;
    bool full; /* no more chunks are taken */
};

static void reply_state(struct meta_job *job)
{
    struct http_request *http = job->request->http;
    struct meta_replica_state state;
    uint8_t epoch[8];
    char hex[2 * sizeof(epoch) + 1];
    meta_replica_state(job->replica, &state);
    put_u64(epoch, state.epoch);
    hex_encode(epoch, sizeof(epoch), hex);
    http_reply_header_str(http, PROTOCOL_HEADER_EPOCH, hex);
    http_reply_header_u64(http, PROTOCOL_HEADER_SEQUENCE, state.sequence);
    http_reply_header_u64(http, PROTOCOL_HEADER_FENCE, state.fence);
    if (meta_replica_is_lost(job->replica))
        http_reply_header_u64(http, PROTOCOL_HEADER_LOST, 1);
    if (job->full)
        http_reply_header_u64(http, PROTOCOL_HEADER_FULL, 1);
}

static enum status run_apply(struct meta_job *job)
{
    struct disk_space space;
    enum status status = meta_replica_apply(job->replica, buffer_bytes(&job->body));
    job->full = disk_space(chunk_store_disk(job->request->api->config.store), &space) == STATUS_OK && space.full;
    return status;
}

static enum status run_last(struct meta_job *job)
{
    return meta_replica_last(job->replica, &job->answer);
}

static enum status run_load(struct meta_job *job)
{
    return meta_replica_load(job->replica, &job->page, buffer_bytes(&job->body));
}

static enum status run_dump(struct meta_job *job)
{
    return meta_replica_dump(job->replica, buffer_bytes(&job->body), &job->answer);
}

static enum status run_fence(struct meta_job *job)
{
    return meta_replica_fence(job->replica, job->generation);
}

static void job_run(void *arg)
{
    struct meta_job *job = arg;
    job->status = job->run(job);
}

static void reply_outcome(struct meta_job *job)
{
    struct http_request *http = job->request->http;
    reply_state(job);
    switch (job->status) {
    case STATUS_OK:
        HTTP_LAST_REPLY(http_reply(http, job->answer.len ? 200 : 204, buffer_bytes(&job->answer)));
        return;
    case STATUS_CONFLICT:
        api_reply_error(http, 409, "this does not continue the replica of the metadata");
        return;
    case STATUS_PRECONDITION:
        api_reply_error(http, 412, "the gateway that made this was replaced: nothing more is taken from it");
        return;
    case STATUS_CORRUPT:
        api_reply_error(http, 400, "a record is malformed");
        return;
    default:
        api_reply_status(http, job->status);
        return;
    }
}

static void run_job(struct meta_job *job, size_t body_max, enum status (*run)(struct meta_job *job))
{
    buffer_init(&job->body, body_max);
    buffer_init(&job->answer, CHANGE_RECORD_MAX);
    job->run = run;
    job->status = api_body_read(job->request, &job->body);
    if (!job->status)
        pool_run(job->request->api->config.pool, job_run, job);
    reply_outcome(job);
    buffer_release(&job->body);
    buffer_release(&job->answer);
}

static enum status epoch_parse(struct bytes text, uint64_t *epoch)
{
    uint8_t bytes[8];
    enum status status = hex_decode(text, bytes, sizeof(bytes));
    *epoch = status ? 0 : get_u64(bytes);
    return status;
}

/* Epoch and sequence, with a hyphen between. */
static enum status position_parse(struct bytes text, struct meta_replica_state *position)
{
    if (text.len < EPOCH_DIGITS + 2 || text.data[EPOCH_DIGITS] != '-')
        return STATUS_INVALID;
    enum status status = epoch_parse(bytes_of(text.data, EPOCH_DIGITS), &position->epoch);
    if (!status)
        status = bytes_parse_u64(bytes_of(text.data + EPOCH_DIGITS + 1, text.len - EPOCH_DIGITS - 1), UINT64_MAX,
                                 &position->sequence);
    return status;
}

static enum status page_parse(struct bytes query, struct meta_replica_page *page)
{
    struct bytes name, value;
    uint64_t number = 0;
    memset(page, 0, sizeof(*page));
    while (api_query_next(&query, &name, &value)) {
        enum status status = STATUS_INVALID;
        if (bytes_equal_str(name, "epoch")) {
            status = epoch_parse(value, &page->as_of.epoch);
        } else if (bytes_equal_str(name, "sequence")) {
            status = bytes_parse_u64(value, UINT64_MAX, &page->as_of.sequence);
        } else if (bytes_equal_str(name, "page")) {
            status = bytes_parse_u64(value, UINT32_MAX - 1, &number);
        } else if (bytes_equal_str(name, "last")) {
            status = bytes_equal_str(value, "1") ? STATUS_OK : STATUS_INVALID;
            page->last = true;
        } else if (bytes_equal_str(name, "over")) {
            status = position_parse(value, &page->over);
        }
        if (status)
            return status;
    }
    page->number = (uint32_t)number;
    return page->as_of.epoch ? STATUS_OK : STATUS_INVALID;
}

/* The whole query is signed with the target; there is no body. */
static void fence(struct meta_job *job)
{
    struct bytes name, value, query = job->request->http->query;
    uint64_t generation = 0;
    while (api_query_next(&query, &name, &value))
        if (!bytes_equal_str(name, "generation") || bytes_parse_u64(value, UINT32_MAX, &generation))
            generation = UINT64_MAX;
    if (generation == 0 || generation == UINT64_MAX) {
        api_reply_error(job->request->http, 400, "the request is malformed");
        return;
    }
    job->generation = (uint32_t)generation;
    job->run = run_fence;
    pool_run(job->request->api->config.pool, job_run, job);
    if (job->status != STATUS_CONFLICT) {
        reply_outcome(job);
        return;
    }
    reply_state(job);
    api_reply_error(job->request->http, 409, "there is such a fence already");
}

void api_meta(struct api_request *request, enum node_method method)
{
    struct http_request *http = request->http;
    struct meta_job job = {.request = request, .replica = request->api->config.replica};
    struct bytes path = http->path;
    if (!job.replica) {
        api_reply_error(http, 404, "no metadata are kept here");
    } else if (method == METHOD_GET && bytes_equal_str(path, "/meta/state")) {
        reply_state(&job);
        HTTP_LAST_REPLY(http_reply(http, 204, bytes_of(NULL, 0)));
    } else if (method == METHOD_PUT && bytes_equal_str(path, "/meta/batches")) {
        run_job(&job, CHANGE_BATCH_MAX, run_apply);
    } else if (method == METHOD_GET && bytes_equal_str(path, "/meta/last")) {
        buffer_init(&job.answer, CHANGE_RECORD_MAX);
        job.run = run_last;
        pool_run(request->api->config.pool, job_run, &job);
        reply_outcome(&job);
        buffer_release(&job.answer);
    } else if (method == METHOD_PUT && bytes_equal_str(path, "/meta/snapshot")) {
        if (page_parse(http->query, &job.page))
            api_reply_error(http, 400, "the request is malformed");
        else
            run_job(&job, CHANGE_BATCH_MAX, run_load);
    } else if (method == METHOD_POST && bytes_equal_str(path, "/meta/dump")) {
        run_job(&job, POSITION_MAX, run_dump);
    } else if (method == METHOD_POST && bytes_equal_str(path, "/meta/fence")) {
        fence(&job);
    } else {
        api_reply_error(http, 404, "no such path");
    }
}
