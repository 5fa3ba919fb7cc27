/* Overload control; see the header. A request costs two atomic additions on a counter of its class. */
#include "gateway/front/admission.h"

#include <stdio.h>

#include "base/metrics.h"

#define LABELS_MAX 64

static const char *const class_names[CLASS_COUNT] = {"read", "write", "list", "other", "error", "form", "system"};

static struct metric_counter *refused_counter(const char *reason)
{
    char labels[LABELS_MAX];

    snprintf(labels, sizeof(labels), "reason=\"%s\"", reason);
    return metric_counter_get("tercet_requests_refused_total",
                              "Requests refused because too much was under way, by the bound that was reached.",
                              labels);
}

void admission_count_refusal(const char *reason)
{
    metric_counter_add(refused_counter(reason), 1);
}

/* Adds to the counter unless it would get beyond the limit. */
static bool take(uint64_t *counter, uint64_t amount, uint64_t limit)
{
    uint64_t sum = __atomic_add_fetch(counter, amount, __ATOMIC_RELAXED);

    if (sum <= limit)
        return true;
    __atomic_sub_fetch(counter, amount, __ATOMIC_RELAXED);
    return false;
}

/* The place of one that was told to go. */
static bool take_over(struct admission *admission, enum operation_class class)
{
    if (admission->make_room == NULL || !admission->make_room(admission->make_room_arg, class))
        return false;
    __atomic_add_fetch(&admission->in_flight[class], 1, __ATOMIC_RELAXED);
    return true;
}

bool admission_enter(struct admission *admission, enum operation_class class, uint64_t kept_bytes,
                     struct admission_share *share)
{
    uint64_t limit = class == CLASS_SYSTEM ? UINT64_MAX : admission->limits[class];

    *share = (struct admission_share){.class = class};
    if (!take(&admission->in_flight[class], 1, limit) && !take_over(admission, class)) {
        metric_counter_add(refused_counter(class_names[class]), 1);
        return false;
    }
    if (class != CLASS_WRITE)
        return true;
    share->bytes = kept_bytes;
    if (take(&admission->upload_bytes, share->bytes, admission->upload_bytes_max))
        return true;
    __atomic_sub_fetch(&admission->in_flight[class], 1, __ATOMIC_RELAXED);
    metric_counter_add(refused_counter("upload-memory"), 1);
    return false;
}

bool admission_is_beyond(const struct admission *admission, enum operation_class class)
{
    return __atomic_load_n(&admission->in_flight[class], __ATOMIC_RELAXED) > admission->limits[class];
}

void admission_leave(struct admission *admission, const struct admission_share *share)
{
    __atomic_sub_fetch(&admission->in_flight[share->class], 1, __ATOMIC_RELAXED);
    if (share->bytes > 0)
        __atomic_sub_fetch(&admission->upload_bytes, share->bytes, __ATOMIC_RELAXED);
}

static double load_value(void *arg)
{
    return (double)__atomic_load_n((uint64_t *)arg, __ATOMIC_RELAXED);
}

void admission_register_metrics(struct admission *admission)
{
    char labels[LABELS_MAX];

    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        snprintf(labels, sizeof(labels), "class=\"%s\"", class_names[class]);
        metric_gauge_callback("tercet_requests_in_flight", "Requests being served, by class.", labels, load_value,
                              &admission->in_flight[class]);
        if (class == CLASS_SYSTEM)
            continue;
        metric_gauge_callback("tercet_requests_in_flight_limit",
                              "Requests of a class that are served at once; more of them are refused.", labels,
                              load_value, &admission->limits[class]);
        refused_counter(class_names[class]);
    }
    refused_counter("upload-memory");
    refused_counter(ADMISSION_GARBAGE);
    metric_gauge_callback("tercet_upload_memory_bytes", "Memory promised to the uploads under way.", "", load_value,
                          &admission->upload_bytes);
    metric_gauge_callback("tercet_upload_memory_limit_bytes",
                          "Memory that all uploads under way may be promised together; an upload beyond it is refused.",
                          "", load_value, &admission->upload_bytes_max);
}
