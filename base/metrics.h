/* Metrics in Prometheus text form 0.0.4. Cells are created once and kept for the process's life; updating one is a
 * relaxed atomic add, from any thread. A family may have many cells, told apart by their label text; callers keep the
 * pointers that they use often. Label values come from code, never from clients. */
#ifndef TERCET_BASE_METRICS_H
#define TERCET_BASE_METRICS_H

#include <stdint.h>

#include "base/bytes.h"

struct metric_counter;
struct metric_gauge;
struct metric_histogram;

/* labels: `a="x",b="y"` or "". The same name and labels give the same cell. name and help must be literals. */
struct metric_counter *metric_counter_get(const char *name, const char *help, const char *labels);
struct metric_gauge *metric_gauge_get(const char *name, const char *help, const char *labels);
/* bounds: ascending upper bounds, a static array that the family shares; +Inf is added. */
struct metric_histogram *metric_histogram_get(const char *name, const char *help, const char *labels,
                                              const double *bounds, unsigned bound_count);
/* A gauge or counter whose value is asked for when /metrics is rendered; fn must not block and not
 * create metrics. */
void metric_gauge_callback(const char *name, const char *help, const char *labels, double (*fn)(void *arg), void *arg);
void metric_counter_callback(const char *name, const char *help, const char *labels, double (*fn)(void *arg),
                             void *arg);

void metric_counter_add(struct metric_counter *counter, uint64_t value);
uint64_t metric_counter_value(const struct metric_counter *counter);
void metric_gauge_set(struct metric_gauge *gauge, double value);
void metric_gauge_add(struct metric_gauge *gauge, double value);
/* Leaves the gauge out of the text until it is set again: for a label that what it stood for has given up. */
void metric_gauge_hide(struct metric_gauge *gauge);
void metric_histogram_observe(struct metric_histogram *histogram, double value);

extern const double metric_seconds_bounds[]; /* 100 us ... 60 s */
extern const unsigned metric_seconds_bound_count;

/* Registers tercet_build_info and the process_* metrics (CPU, RSS, fds, start time). */
void metrics_register_process(const char *role);
/* Appends the whole exposition, families sorted by name. */
enum status metrics_render(struct buffer *out);

#endif
