/* The metrics registry and its text form (Prometheus exposition format 0.0.4).
 *
 * A family is a metric name; its cells are told apart by their label text. Finding or creating a cell and
 * rendering take the registry's lock; updating a cell takes none. Nothing is ever removed. */
#include "base/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/lock.h"

#define SLOT_COUNT 1024 /* a power of two */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_counter {
    uint64_t value; /* atomic */
};

struct metric_gauge {
    uint64_t bits; /* atomic; a double */
    bool hidden;   /* atomic */
};

struct metric_histogram {
    const double *bounds;
    unsigned bound_count;
    uint64_t sum_bits; /* atomic; a double */
    uint64_t counts[]; /* atomic; observations per bucket, not cumulated; the last one is beyond all bounds */
};

struct cell {
    struct cell *next;         /* in the family, sorted by labels */
    struct cell *next_in_slot; /* in the hash table */
    const struct family *family;
    char *labels;
    double (*callback)(void *arg); /* NULL: the value is in `value` */
    void *callback_arg;
    void *value; /* the metric_counter, metric_gauge or metric_histogram */
};

struct family {
    struct family *next; /* sorted by name */
    const char *name, *help;
    enum metric_type type;
    struct cell *cells;
};

static struct {
    pthread_mutex_t lock; /* guards the rest, but not the values of cells */
    struct family *families;
    struct cell *slots[SLOT_COUNT];
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

const double metric_seconds_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                        0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
const unsigned metric_seconds_bound_count = sizeof(metric_seconds_bounds) / sizeof(*metric_seconds_bounds);

static struct cell **slot_of(const char *name, const char *labels)
{
    const uint64_t prime = UINT64_C(1099511628211); /* FNV-1a */
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * prime;
    hash *= prime;
    for (; *labels; labels++)
        hash = (hash ^ (uint8_t)*labels) * prime;
    return &registry.slots[(hash ^ hash >> 32) & (SLOT_COUNT - 1)];
}

static struct family *family_get(const char *name, const char *help, enum metric_type type)
{
    struct family **at = &registry.families;

    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    if (!*at || strcmp((*at)->name, name) != 0) {
        struct family *family = mem_zalloc(sizeof(*family));
        CHECK(strpbrk(help, "\n\\") == NULL); /* would need escaping */
        *family = (struct family){.next = *at, .name = name, .help = help, .type = type};
        *at = family;
    }
    return *at;
}

/* Finds the cell or creates it without a value. Under the lock. */
static struct cell *cell_get(const char *name, const char *help, const char *labels, enum metric_type type)
{
    struct cell **slot = slot_of(name, labels), *cell;

    for (cell = *slot; cell; cell = cell->next_in_slot)
        if (strcmp(cell->family->name, name) == 0 && strcmp(cell->labels, labels) == 0)
            break;
    if (!cell) {
        struct family *family = family_get(name, help, type);
        struct cell **at = &family->cells;
        while (*at && strcmp((*at)->labels, labels) < 0)
            at = &(*at)->next;
        cell = mem_zalloc(sizeof(*cell));
        *cell = (struct cell){.next = *at, .next_in_slot = *slot, .family = family, .labels = mem_strdup(labels)};
        *at = cell;
        *slot = cell;
    }
    CHECK(cell->family->type == type);
    return cell;
}

/* The value of the cell, made of `size` zero bytes if it is new. */
static void *value_get(const char *name, const char *help, const char *labels, enum metric_type type, size_t size)
{
    lock_acquire(&registry.lock);
    struct cell *cell = cell_get(name, help, labels, type);
    CHECK(cell->callback == NULL);
    if (!cell->value)
        cell->value = mem_zalloc(size);
    void *value = cell->value;
    lock_release(&registry.lock);
    return value;
}

struct metric_counter *metric_counter_get(const char *name, const char *help, const char *labels)
{
    return value_get(name, help, labels, METRIC_COUNTER, sizeof(struct metric_counter));
}

struct metric_gauge *metric_gauge_get(const char *name, const char *help, const char *labels)
{
    return value_get(name, help, labels, METRIC_GAUGE, sizeof(struct metric_gauge));
}

struct metric_histogram *metric_histogram_get(const char *name, const char *help, const char *labels,
                                              const double *bounds, unsigned bound_count)
{
    lock_acquire(&registry.lock);
    struct cell *cell = cell_get(name, help, labels, METRIC_HISTOGRAM);
    struct metric_histogram *histogram = cell->value;
    if (!histogram) {
        histogram = mem_zalloc(sizeof(*histogram) + (bound_count + 1) * sizeof(*histogram->counts));
        histogram->bounds = bounds;
        histogram->bound_count = bound_count;
        cell->value = histogram;
    }
    CHECK(histogram->bounds == bounds);
    lock_release(&registry.lock);
    return histogram;
}

static void callback_set(const char *name, const char *help, const char *labels, enum metric_type type,
                         double (*fn)(void *arg), void *arg)
{
    lock_acquire(&registry.lock);
    struct cell *cell = cell_get(name, help, labels, type);
    CHECK(cell->value == NULL);
    cell->callback = fn;
    cell->callback_arg = arg;
    lock_release(&registry.lock);
}

void metric_gauge_callback(const char *name, const char *help, const char *labels, double (*fn)(void *arg), void *arg)
{
    callback_set(name, help, labels, METRIC_GAUGE, fn, arg);
}

void metric_counter_callback(const char *name, const char *help, const char *labels, double (*fn)(void *arg), void *arg)
{
    callback_set(name, help, labels, METRIC_COUNTER, fn, arg);
}

static uint64_t double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double double_load(const uint64_t *atomic_bits)
{
    uint64_t bits = __atomic_load_n(atomic_bits, __ATOMIC_RELAXED);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void double_add(uint64_t *atomic_bits, double value)
{
    uint64_t old = __atomic_load_n(atomic_bits, __ATOMIC_RELAXED), new;
    double sum;

    do {
        memcpy(&sum, &old, sizeof(sum));
        new = double_bits(sum + value);
    } while (!__atomic_compare_exchange_n(atomic_bits, &old, new, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

void metric_counter_add(struct metric_counter *counter, uint64_t value)
{
    __atomic_fetch_add(&counter->value, value, __ATOMIC_RELAXED);
}

uint64_t metric_counter_value(const struct metric_counter *counter)
{
    return __atomic_load_n(&counter->value, __ATOMIC_RELAXED);
}

void metric_gauge_set(struct metric_gauge *gauge, double value)
{
    __atomic_store_n(&gauge->bits, double_bits(value), __ATOMIC_RELAXED);
    __atomic_store_n(&gauge->hidden, false, __ATOMIC_RELEASE);
}

void metric_gauge_hide(struct metric_gauge *gauge)
{
    __atomic_store_n(&gauge->hidden, true, __ATOMIC_RELAXED);
}

void metric_gauge_add(struct metric_gauge *gauge, double value)
{
    double_add(&gauge->bits, value);
}

void metric_histogram_observe(struct metric_histogram *histogram, double value)
{
    unsigned bucket = 0;

    while (bucket < histogram->bound_count && value > histogram->bounds[bucket])
        bucket++;
    __atomic_fetch_add(&histogram->counts[bucket], 1, __ATOMIC_RELAXED);
    double_add(&histogram->sum_bits, value);
}

/* The shortest of the usual precisions that reads back as the same number. */
static void format_double(char out[32], double value)
{
    if (isnan(value)) {
        strcpy(out, "NaN");
    } else if (isinf(value)) {
        strcpy(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        snprintf(out, 32, "%.15g", value);
        if (strtod(out, NULL) != value)
            snprintf(out, 32, "%.17g", value);
    }
}

static enum status render_sample(struct buffer *out, const struct cell *cell, const char *suffix, const char *value)
{
    const char *name = cell->family->name;

    if (!*cell->labels)
        return buffer_printf(out, "%s%s %s\n", name, suffix, value);
    return buffer_printf(out, "%s%s{%s} %s\n", name, suffix, cell->labels, value);
}

static enum status render_histogram(struct buffer *out, const struct cell *cell)
{
    const struct metric_histogram *histogram = cell->value;
    uint64_t cumulated = 0;
    char text[32];
    enum status status = STATUS_OK;

    for (unsigned i = 0; i <= histogram->bound_count && !status; i++) {
        cumulated += __atomic_load_n(&histogram->counts[i], __ATOMIC_RELAXED);
        format_double(text, i < histogram->bound_count ? histogram->bounds[i] : INFINITY);
        status = buffer_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", cell->family->name, cell->labels,
                               *cell->labels ? "," : "", text, cumulated);
    }
    if (status)
        return status;
    format_double(text, double_load(&histogram->sum_bits));
    status = render_sample(out, cell, "_sum", text);
    if (status)
        return status;
    snprintf(text, sizeof(text), "%" PRIu64, cumulated);
    return render_sample(out, cell, "_count", text);
}

static bool is_hidden(const struct cell *cell)
{
    const struct metric_gauge *gauge = cell->value;
    return cell->family->type == METRIC_GAUGE && gauge && __atomic_load_n(&gauge->hidden, __ATOMIC_ACQUIRE);
}

static enum status render_cell(struct buffer *out, const struct cell *cell)
{
    char text[32];

    if (is_hidden(cell))
        return STATUS_OK;
    if (cell->family->type == METRIC_HISTOGRAM)
        return render_histogram(out, cell);
    if (cell->callback)
        format_double(text, cell->callback(cell->callback_arg));
    else if (cell->family->type == METRIC_GAUGE)
        format_double(text, double_load(&((const struct metric_gauge *)cell->value)->bits));
    else
        snprintf(text, sizeof(text), "%" PRIu64, metric_counter_value(cell->value));
    return render_sample(out, cell, "", text);
}

enum status metrics_render(struct buffer *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    enum status status = STATUS_OK;

    lock_acquire(&registry.lock);
    for (const struct family *family = registry.families; family && !status; family = family->next) {
        status = buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                               types[family->type]);
        for (const struct cell *cell = family->cells; cell && !status; cell = cell->next)
            status = render_cell(out, cell);
    }
    lock_release(&registry.lock);
    return status;
}
