/* See the header. */
#include "meta/damage.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#define LOG_INTERVAL_MS 10000

static _Atomic uint64_t found, logged_ms; /* logged_ms 0: not yet */

static bool is_time_to_log(void)
{
    uint64_t now_ms = clock_monotonic_ms(), last_ms = atomic_load(&logged_ms);
    return (last_ms == 0 || now_ms - last_ms >= LOG_INTERVAL_MS) &&
           atomic_compare_exchange_strong(&logged_ms, &last_ms, now_ms);
}

enum status damage_found(const char *action, const char *reason)
{
    uint64_t count = atomic_fetch_add(&found, 1) + 1;
    metric_counter_add(metric_counter_get("tercet_metadata_corruptions_total",
                                          "Reads and writes that met damage of the metadata database.", ""),
                       1);
    if (is_time_to_log())
        log_error("the metadata database is damaged: stop the gateway and make it anew from the nodes, with "
                  "-restore-metadata -restore-damaged (docs/runbooks/TercetMetadataDamaged.md)",
                  LOG_STR("action", action), LOG_STR("error", reason), LOG_INT("found", count));
    return STATUS_DAMAGED;
}

enum status damage_of_row(enum status status, const char *action)
{
    return status == STATUS_CORRUPT ? damage_found(action, "a row is malformed") : status;
}

uint64_t damage_count(void)
{
    return atomic_load(&found);
}
