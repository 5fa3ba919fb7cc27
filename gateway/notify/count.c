/* The thread that counts what waits: it reads each row of the outbox once, as commits add them, adds it to its queue
 * and wakes the queue's thread. Rows whose target is not in -notify wait for it to come back, and are dropped when they
 * are too old; what nobody is to be told of after all goes at once. */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "gateway/notify/event.h"
#include "gateway/notify/notify_internal.h"

#define LOOK_MS    20    /* between two looks for new rows */
#define OTHERS_MS  60000 /* between two looks at rows without a target */
#define SETTLED_MS 2000  /* so long after the last commit the nodes mostly have what there is; else it is looked for */
#define LAGGING_MS 500   /* more rarely */

enum status notify_row_read(const struct meta_outbox_row *row, struct notify_payload *payload,
                            const struct notify_choice **choice)
{
    *choice = NULL;
    if (row->kind != NOTIFY_OUTBOX_KIND)
        return STATUS_NOT_FOUND;
    enum status status = notify_payload_decode(row->payload, payload);
    if (!status)
        *choice = notify_payload_choose(payload, &row->object);
    return status;
}

struct notify_queue *notify_queue_of(struct notify *notify, const struct notify_choice *choice)
{
    for (size_t i = 0; choice && i < notify->count; i++)
        if (bytes_equal_str(choice->target, notify->queues[i].name))
            return &notify->queues[i];
    return &notify->others;
}

static uint64_t row_bytes(const struct meta_outbox_row *row)
{
    return row->key.len + row->payload.len + 96;
}

enum status notify_rows_done(struct notify_queue *queue, const struct meta_outbox_row *const *rows, size_t count)
{
    struct meta_outbox_place *places = mem_alloc(count * sizeof(*places));
    enum status status = STATUS_UNAVAILABLE;
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        places[i] = rows[i]->place;
        bytes += row_bytes(rows[i]);
    }
    while (!atomic_load(&queue->notify->stopping)) {
        status = meta_outbox_done(queue->notify->gateway->meta, places, count);
        if (!status || status == STATUS_UNCERTAIN)
            break;
        notify_queue_wait(queue, 1000); /* to send them again would not help */
    }
    free(places);
    if (status && status != STATUS_UNCERTAIN)
        return status;
    atomic_fetch_sub(&queue->rows, count);
    atomic_fetch_sub(&queue->bytes, bytes);
    return STATUS_OK;
}

/* ---- new rows -----------------------------------------------------------------------------------------------------
 */

static void row_count(struct notify *notify, const struct meta_outbox_row *row)
{
    struct notify_payload payload;
    const struct notify_choice *choice;
    enum status status = notify_row_read(row, &payload, &choice);
    struct notify_queue *queue = notify_queue_of(notify, choice);

    if (status == STATUS_NOT_FOUND)
        return; /* not of ours */
    atomic_fetch_add(&queue->rows, 1);
    atomic_fetch_add(&queue->bytes, row_bytes(row));
    queue->has_new = true;
    if (queue != &notify->others || choice)
        return; /* its target may come back */
    if (notify_rows_done(queue, &row, 1) == STATUS_OK && status)
        notify_count_drop(queue, NOTIFY_DROP_DAMAGED, 1);
}

/* Rows are sent when they are counted, and not before, or they would be taken off first. */
static void publish(struct notify *notify, uint64_t sequence)
{
    atomic_store(&notify->counted, sequence);
    for (size_t i = 0; i < notify->count; i++) {
        if (notify->queues[i].has_new)
            notify_queue_wake(&notify->queues[i]);
        notify->queues[i].has_new = false;
    }
}

/* The rows that came since; *after is how far. */
static void new_rows_count(struct notify *notify, struct meta_outbox_place *after)
{
    struct meta_outbox_page page;
    bool more = true;

    while (more && !atomic_load(&notify->stopping)) {
        enum status status = meta_outbox_next(notify->gateway->meta, after, META_OUTBOX_DONE_MAX, &page);
        if (status) {
            log_warn("events that wait cannot be counted now", LOG_STATUS(status));
            notify_queue_wait(&notify->others, 1000);
            return;
        }
        for (size_t i = 0; i < page.count; i++)
            row_count(notify, &page.rows[i]);
        more = page.count == META_OUTBOX_DONE_MAX;
        if (page.count > 0) {
            *after = page.rows[page.count - 1].place;
            publish(notify, after->sequence - more); /* the commit of the last one may have left more */
        }
        meta_outbox_page_release(&page);
    }
}

/* ---- rows without a target ----------------------------------------------------------------------------------------
 */

static void others_drop_old(struct notify *notify)
{
    struct meta_outbox_place after = {0};
    struct meta_outbox_page page;
    int64_t now_ms = clock_wall_ms();
    bool more = true;

    while (more && !atomic_load(&notify->stopping) &&
           meta_outbox_next(notify->gateway->meta, &after, META_OUTBOX_DONE_MAX, &page) == STATUS_OK) {
        const struct meta_outbox_row *old[META_OUTBOX_DONE_MAX];
        size_t count = 0;
        for (size_t i = 0; i < page.count; i++) {
            struct notify_payload payload;
            const struct notify_choice *choice;
            if (notify_row_read(&page.rows[i], &payload, &choice) == STATUS_OK && choice &&
                notify_queue_of(notify, choice) == &notify->others &&
                clock_age_reached(now_ms, page.rows[i].time_ms, notify->options.age_max_ms))
                old[count++] = &page.rows[i];
        }
        if (page.count > 0)
            after = page.rows[page.count - 1].place;
        more = page.count == META_OUTBOX_DONE_MAX;
        if (count > 0 && notify_rows_done(&notify->others, old, count) == STATUS_OK)
            notify_count_drop(&notify->others, NOTIFY_DROP_OLD, count);
        meta_outbox_page_release(&page);
    }
}

/* Are there rows that were not counted? Those of other kinds than ours are among them. */
static bool has_uncounted(struct notify *notify)
{
    uint64_t counted = atomic_load(&notify->others.rows);

    for (size_t i = 0; i < notify->count; i++)
        counted += atomic_load(&notify->queues[i].rows);
    return meta_outbox_backlog(notify->gateway->meta) > counted;
}

void *notify_count(void *arg)
{
    struct notify *notify = arg;
    struct meta_outbox_place after = {0};
    uint64_t sequence = 0, changed_ms = clock_monotonic_ms(), looked_ms = 0, others_ms = 0;

    while (!atomic_load(&notify->stopping)) {
        uint64_t now = meta_sequence(notify->gateway->meta), now_ms = clock_monotonic_ms();
        if (now != sequence) {
            sequence = now;
            changed_ms = now_ms;
        }
        if (now_ms - changed_ms < SETTLED_MS ? meta_outbox_backlog(notify->gateway->meta) > 0
                                             : now_ms - looked_ms >= LAGGING_MS && has_uncounted(notify)) {
            new_rows_count(notify, &after);
            looked_ms = now_ms;
        }
        if (atomic_load(&notify->others.rows) > 0 && now_ms >= others_ms) {
            others_drop_old(notify);
            others_ms = now_ms + OTHERS_MS;
        }
        notify_queue_wait(&notify->others, LOOK_MS);
    }
    return NULL;
}
