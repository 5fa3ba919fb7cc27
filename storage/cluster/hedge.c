/* See the header. A node's estimate moves up by an eighth with every answer that is slower, and down by a nineteenth of
 * that with every other: it rests where one in twenty is slower. Two threads that move it at once may lose one of the
 * moves, which does no harm. */
#include "storage/cluster/hedge.h"

#include "base/clock.h"

#define ESTIMATE_FIRST_US 2000
#define ESTIMATE_MIN_US   200
#define STEP_UP           8
#define STEP_DOWN         (8 * 19)
#define DELAY_MS_MIN      10
#define SLOW_US_MIN       20000
#define SLOW_FACTOR       8
#define SLOW_FOR_MS       5000 /* a slow node is not asked first, so that its estimate would never get better */
#define CREDIT_OF_HEDGE   100
#define CREDIT_MAX        (20 * CREDIT_OF_HEDGE)

static uint64_t estimate_us(const struct node *node)
{
    uint64_t estimate = atomic_load_explicit(&node->first_us, memory_order_relaxed);
    return estimate ? estimate : ESTIMATE_FIRST_US;
}

void hedge_learn(struct node *node, uint64_t first_us)
{
    uint64_t estimate = estimate_us(node);
    if (first_us > estimate)
        estimate += estimate / STEP_UP;
    else if (estimate > ESTIMATE_MIN_US)
        estimate -= estimate / STEP_DOWN;
    atomic_store_explicit(&node->first_us, estimate, memory_order_relaxed);
    atomic_store_explicit(&node->first_learnt_ms, clock_monotonic_ms(), memory_order_relaxed);
}

uint64_t hedge_delay_ms(const struct cluster *cluster, const struct node *node)
{
    uint64_t delay_ms = estimate_us(node) / 1000, most_ms = cluster->config.stall_ms / 2;
    if (delay_ms > most_ms)
        delay_ms = most_ms;
    return delay_ms < DELAY_MS_MIN ? DELAY_MS_MIN : delay_ms;
}

bool hedge_is_slower(const struct node *node, const struct node *other)
{
    uint64_t estimate = estimate_us(node);
    uint64_t learnt_ms = atomic_load_explicit(&node->first_learnt_ms, memory_order_relaxed);
    return estimate > SLOW_US_MIN && estimate > SLOW_FACTOR * estimate_us(other) &&
           clock_monotonic_ms() - learnt_ms < SLOW_FOR_MS;
}

void hedge_earn(struct cluster *cluster)
{
    uint64_t percent = cluster->config.hedge_percent;
    if (percent && atomic_load_explicit(&cluster->hedge_credit, memory_order_relaxed) < CREDIT_MAX)
        atomic_fetch_add_explicit(&cluster->hedge_credit, (int64_t)percent, memory_order_relaxed);
}

bool hedge_spend(struct cluster *cluster)
{
    if (atomic_fetch_sub_explicit(&cluster->hedge_credit, CREDIT_OF_HEDGE, memory_order_relaxed) >= CREDIT_OF_HEDGE)
        return true;
    atomic_fetch_add_explicit(&cluster->hedge_credit, CREDIT_OF_HEDGE, memory_order_relaxed);
    return false;
}
