/* The thread of a target: reads what waits, sends it, removes it. After a failure it pauses, longer each time; the rows
 * are as they were, and are read again. */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "gateway/notify/event.h"
#include "gateway/notify/notify_internal.h"

#define PAGE_ROWS    256
#define IDLE_MS      1000
#define PAUSE_MS_MIN 100
#define PAUSE_MS_MAX 10000 /* and no more than a quarter of -notify-age */
#define REFUSALS_MAX 8     /* so often an event is tried that is refused for what it is: half a minute */

/* The rows of a page that are for this target, and what is sent of them. */
struct notify_batch {
    const struct meta_outbox_row *rows[PAGE_ROWS];
    struct notify_message messages[PAGE_ROWS];
    struct buffer bodies[PAGE_ROWS], keys[PAGE_ROWS];
    size_t count;
};

static void batch_release(struct notify_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        buffer_release(&batch->bodies[i]);
        buffer_release(&batch->keys[i]);
    }
    batch->count = 0;
}

static enum status batch_add(struct notify_batch *batch, const struct meta_outbox_row *row,
                             const struct notify_payload *payload, const struct notify_choice *choice,
                             const char *region)
{
    struct buffer *body = &batch->bodies[batch->count], *key = &batch->keys[batch->count];

    buffer_init(body, NOTIFY_RECORD_BYTES_MAX);
    buffer_init(key, META_BUCKET_MAX + 1 + META_KEY_MAX);
    enum status status = notify_record_write(body, row, payload, choice, region);
    if (!status)
        status = buffer_append_bytes(key, payload->bucket);
    if (!status)
        status = buffer_append_char(key, '/');
    if (!status)
        status = buffer_append_bytes(key, row->key);
    if (status) {
        buffer_release(body);
        buffer_release(key);
        return status;
    }
    batch->rows[batch->count] = row;
    batch->messages[batch->count++] =
        (struct notify_message){.body = buffer_bytes(body),
                                .key = buffer_bytes(key),
                                .event = bytes_from_str(notification_event_name(choice->event))};
    return STATUS_OK;
}

static void note_success(struct notify_queue *queue)
{
    queue->pause_ms = PAUSE_MS_MIN;
    queue->refusals = 0;
    lock_acquire(&queue->lock);
    bool was_away = queue->failed_ms != 0;
    queue->failed_ms = 0;
    lock_release(&queue->lock);
    if (was_away)
        log_info("a target of events is there again", LOG_STR("target", queue->name));
}

/* The first one of a row of failures is said in the log, and then each time that the pause has grown to its end. */
static void note_failure(struct notify_queue *queue, enum status status, const struct buffer *error)
{
    struct bytes text = error->len > 0 ? buffer_bytes(error) : bytes_from_str(status_name(status));

    atomic_fetch_add(&queue->failures, 1);
    lock_acquire(&queue->lock);
    bool is_first = queue->failed_ms == 0;
    if (is_first)
        queue->failed_ms = clock_wall_ms();
    STATUS_IGNORE(buffer_assign(&queue->error, text), "a longer text is left out");
    lock_release(&queue->lock);
    if (is_first)
        log_warn("a target of events fails: they wait", LOG_STR("target", queue->name), LOG_BYTES("error", text));
}

/* What waited too long for a target that fails goes, from the front on. */
static void drop_old(struct notify_queue *queue, const struct notify_batch *batch)
{
    int64_t now_ms = clock_wall_ms();
    size_t end = 0;

    while (end < batch->count &&
           clock_age_reached(now_ms, batch->rows[end]->time_ms, queue->notify->options.age_max_ms))
        end++;
    if (end == 0 || notify_rows_done(queue, batch->rows, end))
        return;
    notify_count_drop(queue, NOTIFY_DROP_OLD, end);
    queue->after = batch->rows[end - 1]->place;
}

/* The first event is refused for what it is: it must not hold up the others for ever. It is set aside when it was sent
 * alone, so that it is no other one that is refused. Returns whether it was. */
static bool note_refusal(struct notify_queue *queue, const struct notify_batch *batch, size_t sent,
                         const struct buffer *error)
{
    if (queue->refusals < REFUSALS_MAX)
        queue->refusals++;
    if (queue->refusals < REFUSALS_MAX || sent > 1 || notify_rows_done(queue, batch->rows, 1))
        return false;
    log_warn("an event is set aside: its target refuses it", LOG_STR("target", queue->name),
             LOG_BYTES("key", batch->messages[0].key), LOG_BYTES("error", buffer_bytes(error)));
    notify_count_drop(queue, NOTIFY_DROP_REFUSED, 1);
    queue->after = batch->rows[0]->place;
    queue->refusals = 0;
    queue->pause_ms = PAUSE_MS_MIN;
    return true;
}

/* *delivered: how many the target has. That it has none is a failure; a later one, of which it has only some, shows
 * with the next attempt. */
static enum status batch_send(struct notify_queue *queue, const struct notify_batch *batch, size_t *delivered)
{
    size_t count = queue->refusals > 0 ? 1 : batch->count;
    struct buffer error;

    *delivered = 0;
    buffer_init(&error, NOTIFY_ERROR_MAX);
    enum status status = queue->kind->send(queue->target, batch->messages, count,
                                           (uint32_t)queue->notify->options.timeout_ms, delivered, &error);
    CHECK(*delivered <= count);
    if (*delivered == 0) {
        status = status ? status : STATUS_UNAVAILABLE;
        note_failure(queue, status, &error);
        if (status != STATUS_LIMIT)
            queue->refusals = 0;
        if (status != STATUS_LIMIT || !note_refusal(queue, batch, count, &error))
            drop_old(queue, batch);
    } else {
        note_success(queue);
        status = notify_rows_done(queue, batch->rows, *delivered);
        if (!status) {
            atomic_fetch_add(&queue->delivered, *delivered);
            queue->after = batch->rows[*delivered - 1]->place;
        }
    }
    buffer_release(&error);
    return status;
}

static void note_oldest(struct notify_queue *queue, int64_t time_ms)
{
    lock_acquire(&queue->lock);
    queue->oldest_ms = time_ms;
    lock_release(&queue->lock);
}

/* Takes the rows of the page that are counted already and for this target. Returns how many were looked at. */
static size_t page_take(struct notify_queue *queue, const struct meta_outbox_page *page, struct notify_batch *batch)
{
    uint64_t counted = atomic_load(&queue->notify->counted);
    size_t i = 0;

    for (; i < page->count && page->rows[i].place.sequence <= counted; i++) {
        const struct meta_outbox_row *row = &page->rows[i];
        const struct notify_choice *choice;
        struct notify_payload payload;
        if (notify_row_read(row, &payload, &choice) || notify_queue_of(queue->notify, choice) != queue)
            continue;
        if (batch_add(batch, row, &payload, choice, queue->notify->gateway->options.region) &&
            notify_rows_done(queue, &row, 1) == STATUS_OK)
            notify_count_drop(queue, NOTIFY_DROP_DAMAGED, 1);
    }
    return i;
}

/* One page of rows. *more: there may be more behind it. */
static enum status page_run(struct notify_queue *queue, struct notify_batch *batch, bool *more)
{
    struct meta_outbox_page page;
    enum status status = meta_outbox_next(queue->notify->gateway->meta, &queue->after, PAGE_ROWS, &page);

    *more = false;
    if (status)
        return status;
    size_t looked_at = page_take(queue, &page, batch), delivered = 0;
    note_oldest(queue, batch->count > 0 ? batch->rows[0]->time_ms : 0);
    if (batch->count > 0)
        status = batch_send(queue, batch, &delivered);
    if (!status && delivered == batch->count && looked_at > 0) {
        queue->after = page.rows[looked_at - 1].place;
        note_oldest(queue, 0);
    }
    *more = !status && (looked_at == PAGE_ROWS || delivered < batch->count);
    batch_release(batch);
    meta_outbox_page_release(&page);
    return status;
}

static void trials_run(struct notify_queue *queue)
{
    lock_acquire(&queue->lock);
    struct notify_trial *trial = queue->trials;
    queue->trials = NULL;
    queue->trial_count = 0;
    lock_release(&queue->lock);
    while (trial) {
        struct notify_trial *next = trial->next;
        const struct notify_message message = {trial->message, BYTES(""), BYTES("s3:TestEvent")};
        size_t delivered = 0;
        trial->status = queue->kind->send(queue->target, &message, 1, (uint32_t)queue->notify->options.timeout_ms,
                                          &delivered, trial->error);
        if (!trial->status && delivered == 0)
            trial->status = STATUS_UNAVAILABLE;
        completion_signal(&trial->done);
        trial = next;
    }
}

/* New rows are no reason to try again sooner; somebody who tries the target is. */
static void pause_after_failure(struct notify_queue *queue)
{
    uint64_t max_ms = queue->notify->options.age_max_ms / 4;
    uint64_t until_ms = clock_monotonic_ms() + queue->pause_ms;

    max_ms = max_ms < PAUSE_MS_MAX ? max_ms : PAUSE_MS_MAX;
    queue->pause_ms = queue->pause_ms * 2 < max_ms ? queue->pause_ms * 2 : max_ms;
    lock_acquire(&queue->lock);
    while (!queue->trials && !atomic_load(&queue->notify->stopping) &&
           clock_cond_wait(&queue->wake, &queue->lock, until_ms))
        continue;
    lock_release(&queue->lock);
}

void *notify_deliver(void *arg)
{
    struct notify_queue *queue = arg;
    struct notify_batch *batch = mem_zalloc(sizeof(*batch));
    bool more = false;

    queue->pause_ms = PAUSE_MS_MIN;
    while (!atomic_load(&queue->notify->stopping)) {
        trials_run(queue);
        enum status status = page_run(queue, batch, &more);
        if (status)
            pause_after_failure(queue);
        else if (!more)
            notify_queue_wait(queue, IDLE_MS);
    }
    notify_trials_refuse(queue);
    free(batch);
    return NULL;
}
