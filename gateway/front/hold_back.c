/* See the header. */
#include "gateway/front/hold_back.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"

static struct metric_counter *held_counter(void)
{
    return metric_counter_get("tercet_writes_held_back_total",
                              "Writes delayed or refused because freeing deleted data does not keep up.", "");
}

void hold_back_register_metrics(void)
{
    held_counter();
}

uint64_t hold_back_delay_ms(const struct hold_back *hold_back, uint64_t overdue)
{
    if (hold_back->rows_max == 0 || overdue <= hold_back->rows_max)
        return 0;
    if (overdue / 2 >= hold_back->rows_max)
        return HOLD_BACK_MS_MAX;
    return 1 + (overdue - hold_back->rows_max) * (HOLD_BACK_MS_MAX - 1) / hold_back->rows_max;
}

void hold_back_update(struct hold_back *hold_back, uint64_t overdue)
{
    uint64_t delay_ms = hold_back_delay_ms(hold_back, overdue);
    bool refuse = delay_ms > 0 && overdue / HOLD_BACK_REFUSE >= hold_back->rows_max;

    __atomic_store_n(&hold_back->delay_ms, delay_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&hold_back->refuse, refuse, __ATOMIC_RELAXED);
    if (delay_ms > 0 && !hold_back->told) {
        log_warn("writes are held back: freeing deleted data does not keep up", LOG_INT("overdue", overdue),
                 LOG_INT("bound", hold_back->rows_max));
        hold_back->told = true;
    } else if (hold_back->told && overdue <= hold_back->rows_max / 2) {
        log_info("writes are not held back any more", LOG_INT("overdue", overdue));
        hold_back->told = false;
    }
}

bool hold_back_wait(struct hold_back *hold_back)
{
    uint64_t delay_ms = __atomic_load_n(&hold_back->delay_ms, __ATOMIC_RELAXED);

    if (delay_ms == 0)
        return true;
    metric_counter_add(held_counter(), 1);
    if (__atomic_load_n(&hold_back->refuse, __ATOMIC_RELAXED))
        return false;
    task_sleep_ms(delay_ms);
    return true;
}
