/* Figures of events: metrics, and the state for operators. The names of targets are in the state alone. */
#include <jansson.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/front/exchange.h"
#include "gateway/front/json_reply.h"
#include "gateway/front/reply.h"
#include "gateway/notify/notify_internal.h"

static const char *const drop_labels[NOTIFY_DROP_COUNT] = {[NOTIFY_DROP_FULL] = "reason=\"full\"",
                                                           [NOTIFY_DROP_OLD] = "reason=\"old\"",
                                                           [NOTIFY_DROP_DAMAGED] = "reason=\"damaged\"",
                                                           [NOTIFY_DROP_REFUSED] = "reason=\"refused\""};

void notify_count_drop(struct notify_queue *queue, enum notify_drop why, uint64_t count)
{
    uint64_t before = atomic_fetch_add(&queue->dropped[why], count);

    if (before == 0) /* the metric says how it goes on */
        log_warn("events are dropped", LOG_STR("target", queue->name), LOG_STR("why", drop_labels[why]));
}

static struct notify_queue *queue_at(struct notify *notify, size_t index)
{
    return index < notify->count ? &notify->queues[index] : index == notify->count ? &notify->others : NULL;
}

static double sum(struct notify *notify, size_t offset)
{
    const struct notify_queue *queue;
    uint64_t value = 0;

    for (size_t i = 0; (queue = queue_at(notify, i)); i++)
        value += atomic_load((const atomic_uint_fast64_t *)((const char *)queue + offset));
    return (double)value;
}

#define SUM(name_, field_)                                                                                             \
    static double name_(void *arg)                                                                                     \
    {                                                                                                                  \
        return sum(arg, offsetof(struct notify_queue, field_));                                                        \
    }
SUM(waiting, rows)
SUM(waiting_bytes, bytes)
SUM(delivered, delivered)
SUM(failures, failures)
SUM(dropped_full, dropped[NOTIFY_DROP_FULL])
SUM(dropped_old, dropped[NOTIFY_DROP_OLD])
SUM(dropped_damaged, dropped[NOTIFY_DROP_DAMAGED])
SUM(dropped_refused, dropped[NOTIFY_DROP_REFUSED])

static double oldest_seconds(struct notify_queue *queue)
{
    lock_acquire(&queue->lock);
    int64_t oldest_ms = queue->oldest_ms;
    lock_release(&queue->lock);
    int64_t now_ms = clock_wall_ms();

    return oldest_ms && oldest_ms < now_ms ? (double)(now_ms - oldest_ms) / 1000 : 0;
}

static double behind(void *arg)
{
    struct notify *notify = arg;
    double longest = 0;

    for (size_t i = 0; i < notify->count; i++) {
        double seconds = oldest_seconds(&notify->queues[i]);
        longest = seconds > longest ? seconds : longest;
    }
    return longest;
}

void notify_register_metrics(struct notify *notify)
{
    static double (*const dropped[NOTIFY_DROP_COUNT])(void *arg) = {dropped_full, dropped_old, dropped_damaged,
                                                                    dropped_refused};

    metric_gauge_callback("tercet_notifications_waiting", "Events that wait to be sent to their targets.", "", waiting,
                          notify);
    metric_gauge_callback("tercet_notifications_waiting_bytes",
                          "Size of the events that wait to be sent, in the outbox.", "", waiting_bytes, notify);
    metric_gauge_callback("tercet_notifications_behind_seconds",
                          "Age of the oldest event that waits for a target, of the target that is behind the most.", "",
                          behind, notify);
    metric_counter_callback("tercet_notifications_delivered_total", "Events that their targets have taken.", "",
                            delivered, notify);
    metric_counter_callback("tercet_notifications_failures_total", "Attempts to send events that failed.", "", failures,
                            notify);
    for (int i = 0; i < NOTIFY_DROP_COUNT; i++)
        metric_counter_callback("tercet_notifications_dropped_total", "Events that were not sent and will not be.",
                                drop_labels[i], dropped[i], notify);
}

static json_t *queue_value(struct notify_queue *queue)
{
    char since[CLOCK_TEXT_MAX];
    double behind_s = oldest_seconds(queue);

    lock_acquire(&queue->lock);
    int64_t failed_ms = queue->failed_ms;
    json_t *error = failed_ms ? json_text(buffer_bytes(&queue->error)) : json_null();
    lock_release(&queue->lock);
    clock_format_iso8601_ms(failed_ms, since);
    return json_pack("{s:s, s:s, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "name", queue->name, "kind",
                     queue->kind ? queue->url.scheme : "none", "waiting", (json_int_t)atomic_load(&queue->rows),
                     "waitingBytes", (json_int_t)atomic_load(&queue->bytes), "behindSeconds", behind_s, "delivered",
                     (json_int_t)atomic_load(&queue->delivered), "failures", (json_int_t)atomic_load(&queue->failures),
                     "droppedFull", (json_int_t)atomic_load(&queue->dropped[NOTIFY_DROP_FULL]), "droppedOld",
                     (json_int_t)atomic_load(&queue->dropped[NOTIFY_DROP_OLD]), "droppedDamaged",
                     (json_int_t)atomic_load(&queue->dropped[NOTIFY_DROP_DAMAGED]), "droppedRefused",
                     (json_int_t)atomic_load(&queue->dropped[NOTIFY_DROP_REFUSED]), "failingSince",
                     failed_ms ? json_string(since) : json_null(), "lastError", error);
}

void notify_state(struct exchange *exchange)
{
    struct notify *notify = exchange->gateway->notify;
    json_t *targets = json_array();

    for (size_t i = 0; i < notify->count; i++)
        json_array_append_new(targets, queue_value(&notify->queues[i]));
    HTTP_LAST_REPLY(json_reply(
        exchange, 200, json_pack("{s:o, s:o}", "targets", targets, "withoutTarget", queue_value(&notify->others))));
}
