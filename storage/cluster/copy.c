/* The state machine of one copy. Silence counts as a stall only while the node owes something (bytes to take, or its
 * answer), and only when it is seen twice with a turn of the loop between: a pause of this process looks the same from
 * in here, but after one the loop delivers the progress that was missed. How long is too long, write_pace.h says. */
#include "storage/cluster/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "storage/cluster/chunk_writer.h"
#include "storage/cluster/write_pace.h"

#define STALL_CONFIRM_MS 50
#define LATE_CONFIRM_MS  10
#define STALL_POLL_MS    100 /* how often a stalled copy is looked at */

static_assert(WINDOW_SPARE_BYTES >= PROTOCOL_FOOTER_LEN, "a footer must fit behind a segment");

static void footer_make(struct copy *copy)
{
    const struct chunk_writer *chunk = copy->chunk;
    protocol_footer_make(&chunk->cluster->config.identity, bytes_from_str(copy->auth), chunk->available - chunk->begin,
                         chunk->crc32c, copy->footer);
}

/* http_call_read_fn: the payload as far as there is any, then the footer. */
static size_t copy_read(void *arg, char *out, size_t capacity)
{
    struct copy *copy = arg;
    struct chunk_writer *chunk = copy->chunk;
    size_t len = 0;
    while (len < capacity && copy->position < chunk->available) {
        struct bytes piece = window_at(chunk->window, copy->position, chunk->available);
        size_t take = piece.len < capacity - len ? piece.len : capacity - len;
        memcpy(out + len, piece.data, take);
        len += take;
        copy->position += take;
    }
    if (len < capacity && chunk->complete && copy->footer_sent < PROTOCOL_FOOTER_LEN) {
        size_t take = PROTOCOL_FOOTER_LEN - copy->footer_sent;
        if (take > capacity - len)
            take = capacity - len;
        if (copy->footer_sent == 0)
            footer_make(copy);
        memcpy(out + len, copy->footer + copy->footer_sent, take);
        len += take;
        copy->footer_sent += take;
        copy->all_sent_ms = clock_monotonic_ms();
    }
    if (len == 0 && !chunk->complete) {
        copy->paused = true;
        return HTTP_CALL_PAUSE;
    }
    task_unpark(chunk->owner); /* it may wait for room in the window */
    return len;
}

/* http_call_rewind_fn: a kept connection turned out to be dead. */
static bool copy_rewind(void *arg)
{
    struct copy *copy = arg;
    if (copy->chunk->begin < copy->chunk->window->begin)
        return false;
    copy->position = copy->chunk->begin;
    copy->footer_sent = 0;
    return true;
}

/* The body in one piece, the footer written behind the payload. All nodes whose signature is the same share it; a node
 * with another clock has another signature and so another footer, and is sent the pieces instead. */
static struct bytes whole_body(struct copy *copy)
{
    struct chunk_writer *chunk = copy->chunk;
    size_t len = (size_t)(chunk->available - chunk->begin);
    if (!chunk->payload)
        return bytes_of(NULL, 0);
    for (unsigned i = 0; i < chunk->copy_count; i++)
        if (chunk->copies[i].whole && strcmp(chunk->copies[i].auth, copy->auth) != 0)
            return bytes_of(NULL, 0);
    footer_make(copy);
    memcpy(chunk->payload + len, copy->footer, PROTOCOL_FOOTER_LEN);
    return bytes_of(chunk->payload, len + PROTOCOL_FOOTER_LEN);
}

/* Once the node's clock proved to be another than thought, the time that the copies share is no basis any more. */
static void send_begin(struct copy *copy)
{
    struct chunk_writer *chunk = copy->chunk;
    struct http_call_options options = {0};
    int64_t wall_ms = chunk->payload && !copy->redated ? chunk->signed_wall_ms : clock_wall_ms();
    copy->position = chunk->begin;
    protocol_sign(&chunk->cluster->config.identity, "PUT", bytes_from_str(chunk->target),
                  node_signing_time(copy->node, wall_ms), "footer", copy->auth);
    options.body = whole_body(copy);
    copy->whole = options.body.len > 0;
    if (copy->whole) {
        copy->all_sent_ms = clock_monotonic_ms();
    } else {
        options.read = copy_read;
        options.rewind = copy_rewind;
        options.read_arg = copy;
        options.body_length =
            chunk->length_known || chunk->complete ? chunk->limit - chunk->begin + PROTOCOL_FOOTER_LEN : UINT64_MAX;
    }
    node_call_start(&copy->call, chunk->cluster, copy->node, "PUT", chunk->target, copy->auth, options);
}

static void pull_begin(struct copy *copy)
{
    const struct chunk_writer *chunk = copy->chunk;
    char target[NODE_TARGET_MAX];
    CHECK(chunk->complete); /* its source has all of it */
    snprintf(target, sizeof(target), "%s/pull?from=%s&size=%" PRIu64 "&crc32c=%08" PRIx32, chunk->target,
             copy->source->address, chunk->available - chunk->begin, chunk->crc32c);
    node_call_start(&copy->call, copy->chunk->cluster, copy->node, "POST", target, NULL, (struct http_call_options){0});
}

void copy_send(struct copy *copy, struct chunk_writer *chunk, struct node *node)
{
    *copy = (struct copy){.chunk = chunk, .node = node, .state = COPY_SENDING, .owing_since_ms = clock_monotonic_ms()};
    send_begin(copy);
}

void copy_pull(struct copy *copy, struct chunk_writer *chunk, struct node *node, struct node *source)
{
    *copy = (struct copy){
        .chunk = chunk, .node = node, .source = source, .state = COPY_PULLING, .owing_since_ms = clock_monotonic_ms()};
    pull_begin(copy);
}

/* The node refused the time of our signature, and nothing else: once more with its own, if the bytes are still here. */
static bool copy_redate(struct copy *copy)
{
    bool sending = copy->state == COPY_SENDING;
    if (!node_call_is_misdated(&copy->call, &copy->redated) || (sending && !copy_rewind(copy)))
        return false;
    node_call_finish(&copy->call, NODE_ANSWERED, NULL);
    copy->whole = copy->paused = copy->stalled = false;
    copy->all_sent_ms = copy->silence_noted_ms = copy->late_noted_ms = 0;
    copy->owing_since_ms = clock_monotonic_ms();
    if (sending)
        send_begin(copy);
    else
        pull_begin(copy);
    return true;
}

void copy_resume(struct copy *copy)
{
    if (copy->state != COPY_SENDING || !copy->paused)
        return;
    copy->paused = false;
    copy->owing_since_ms = clock_monotonic_ms();
    http_call_resume(copy->call.http);
}

bool copy_is_running(const struct copy *copy)
{
    return copy->state == COPY_SENDING || copy->state == COPY_PULLING;
}

uint64_t copy_floor(const struct copy *copy)
{
    if (copy->state != COPY_SENDING)
        return UINT64_MAX;
    return copy->whole ? copy->chunk->begin : copy->position;
}

static void copy_log_failure(const struct copy *copy, const char *reason)
{
    char id[CHUNK_ID_TEXT_LEN + 1];
    chunk_id_format(&copy->chunk->id, id);
    log_warn("a copy of a chunk could not be made", LOG_STR("chunkID", id), LOG_INT("node", copy->node->number),
             LOG_STR("error", reason));
}

static void copy_abort(struct copy *copy, enum node_outcome outcome, const char *reason)
{
    copy->may_be_stored = true;
    copy->state = COPY_FAILED;
    node_call_finish(&copy->call, outcome, reason);
}

void copy_cancel(struct copy *copy)
{
    if (!copy_is_running(copy))
        return;
    bool blamed = copy->stalled && write_pace_stalled(copy->chunk->cluster, copy->node);
    copy_abort(copy, blamed ? NODE_FAILED : NODE_ABANDONED, "stalled while a chunk was written");
}

void copy_drop(struct copy *copy)
{
    copy_log_failure(copy, "fell behind the window while a chunk was written");
    copy_cancel(copy);
}

/* Gives a running copy up because of its node. */
static void copy_fail(struct copy *copy, const char *reason)
{
    copy_log_failure(copy, reason);
    copy_abort(copy, NODE_FAILED, reason);
}

static void copy_end(struct copy *copy)
{
    enum node_outcome outcome;
    const char *reason;
    enum status status = node_call_judge(&copy->call, &outcome, &reason);
    if (copy_redate(copy))
        return;
    bool all_sent = copy->state == COPY_PULLING || copy->whole || copy->footer_sent == PROTOCOL_FOOTER_LEN;
    if (status == STATUS_OK && all_sent) {
        if (copy->all_sent_ms)
            write_pace_answered(copy->chunk->cluster, copy->node, (clock_monotonic_ms() - copy->all_sent_ms) * 1000);
        copy->state = COPY_STORED;
        copy->may_be_stored = true;
    } else {
        copy_log_failure(copy, reason);
        bool refused = outcome != NODE_FAILED || http_call_outcome(copy->call.http) == STATUS_UNAVAILABLE;
        copy->may_be_stored = !refused;
        copy->state = COPY_FAILED;
    }
    node_call_finish(&copy->call, outcome, reason);
}

/* When the node last did something, or began to owe it. */
static uint64_t copy_silent_since(const struct copy *copy)
{
    uint64_t progress_ms = http_call_last_progress_ms(copy->call.http);
    return progress_ms > copy->owing_since_ms ? progress_ms : copy->owing_since_ms;
}

static uint64_t copy_poll_stall(struct copy *copy, uint64_t now_ms)
{
    uint64_t stall_at_ms = copy_silent_since(copy) + write_pace_stall_ms(copy->chunk->cluster, copy->node);
    if (now_ms < stall_at_ms) {
        copy->stalled = false;
        copy->silence_noted_ms = 0;
        return stall_at_ms;
    }
    if (!copy->silence_noted_ms) {
        copy->silence_noted_ms = now_ms;
        return now_ms + STALL_CONFIRM_MS;
    }
    if (now_ms < copy->silence_noted_ms + STALL_CONFIRM_MS)
        return copy->silence_noted_ms + STALL_CONFIRM_MS;
    if (!copy->stalled)
        node_doubt(copy->node, "stalled while a chunk was written");
    copy->stalled = true;
    return now_ms + STALL_POLL_MS;
}

/* Long before a silent node has stalled it is asked whether it is there, and so are all that were as silent: if one of
 * them is to stand in, it should be known. A small chunk is cheap to send once more meanwhile. */
static uint64_t copy_poll_late(struct copy *copy, uint64_t now_ms)
{
    struct cluster *cluster = copy->chunk->cluster;
    uint64_t since_ms = copy_silent_since(copy);
    uint64_t late_at_ms = since_ms + write_pace_late_ms(cluster, copy->node);
    if (now_ms < late_at_ms) {
        copy->late_noted_ms = 0;
        copy->late = copy->late && copy->whole;
        return late_at_ms;
    }
    if (!copy->late_noted_ms)
        copy->late_noted_ms = now_ms;
    if (now_ms < copy->late_noted_ms + LATE_CONFIRM_MS)
        return copy->late_noted_ms + LATE_CONFIRM_MS;
    if (!copy->late) {
        node_late(copy->node, since_ms);
        for (unsigned i = 0; i < cluster->node_count; i++)
            node_ask(&cluster->nodes[i], since_ms);
    }
    copy->late = true;
    return now_ms + STALL_POLL_MS;
}

/* A pull is silent until the node has the whole chunk, so its silence alone says nothing: are both nodes there? */
static uint64_t copy_poll_pull(struct copy *copy, uint64_t now_ms)
{
    uint64_t since_ms = copy_silent_since(copy);
    uint64_t look_at_ms = since_ms + write_pace_late_ms(copy->chunk->cluster, copy->node);
    if (now_ms < look_at_ms)
        return look_at_ms;
    if (node_was_found_down(copy->node)) {
        copy_fail(copy, "did not answer while it was to fetch a chunk");
        return CLOCK_NEVER;
    }
    if (node_was_found_down(copy->source)) {
        copy_log_failure(copy, "its source does not answer");
        copy_abort(copy, NODE_ABANDONED, NULL);
        return CLOCK_NEVER;
    }
    node_late(copy->node, since_ms);
    node_late(copy->source, since_ms);
    return now_ms + STALL_POLL_MS;
}

uint64_t copy_poll(struct copy *copy, uint64_t now_ms)
{
    uint64_t timeout_ms = copy->chunk->cluster->config.node_timeout_ms;
    uint64_t due_ms = CLOCK_NEVER;
    if (!copy_is_running(copy))
        return CLOCK_NEVER;
    if (http_call_ended(copy->call.http)) {
        copy_end(copy);
        return copy_is_running(copy) ? now_ms : CLOCK_NEVER;
    }
    if (copy->paused)
        return CLOCK_NEVER;
    if (copy->state == COPY_PULLING) {
        due_ms = copy_poll_pull(copy, now_ms);
        if (!copy_is_running(copy))
            return CLOCK_NEVER;
    } else {
        uint64_t late_ms = copy_poll_late(copy, now_ms);
        due_ms = copy_poll_stall(copy, now_ms);
        due_ms = late_ms < due_ms ? late_ms : due_ms;
    }
    uint64_t give_up_ms = copy_silent_since(copy) + timeout_ms;
    bool found_down = (copy->stalled || copy->late) && node_was_found_down(copy->node);
    if (found_down || now_ms >= give_up_ms + STALL_CONFIRM_MS) {
        copy_fail(copy, "timed out while a chunk was written");
        return CLOCK_NEVER;
    }
    return due_ms < give_up_ms + STALL_CONFIRM_MS ? due_ms : give_up_ms + STALL_CONFIRM_MS;
}
