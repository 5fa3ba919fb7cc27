/* See the header. One task per node asks it, one more counts the answers and tells those who wait; all are tasks of one
 * loop, so only what those who ask touch needs the lock. An answer counts for the round in which its question was sent,
 * and a waiter waits for a round that begins after it came. */
#include "gateway/replication/lease.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/task.h"
#include "storage/cluster/meta_link.h"

#define RENEW_MS 400  /* asked anew when what was said is older, before anybody has to wait */
#define FEW_MS   500  /* then it is enough that one has answered */
#define NONE_MS  3000 /* then none will */
#define RETRY_MS 100  /* a node that could not be asked is asked again; after a pause connections may be gone */

struct waiter {
    struct waiter *next;
    bool held;
    struct completion done;
};

struct asker {
    struct lease *lease;
    unsigned index, number;
    struct task *task;
    bool wanted, asking;                  /* it asks again after what is under way */
    uint64_t asked_round, answered_round; /* the last in which a question was sent, and was answered well */
};

struct lease {
    struct lease_config config;
    unsigned count, needed;
    uint64_t confirmed_ms; /* atomic; boot clock: as of then this gateway was the one; 0: it is not known to be */
    bool nudged;           /* atomic: a round is wanted */
    bool replaced;         /* atomic */
    bool stopping;         /* atomic, set under lock: no waiter comes any more */
    unsigned running;      /* tasks; the loop's */
    struct task *task;     /* of the rounds; set by them under lock */
    uint64_t round;        /* the loop's: its number */
    struct asker askers[CLUSTER_NODES_MAX];
    struct completion started, stopped;
    pthread_mutex_t lock;
    struct waiter *waiters; /* under lock */
};

static bool is_stopping(const struct lease *lease)
{
    return __atomic_load_n(&lease->stopping, __ATOMIC_ACQUIRE);
}

static bool is_replaced(const struct lease *lease)
{
    return __atomic_load_n(&lease->replaced, __ATOMIC_ACQUIRE);
}

static void task_ended(struct lease *lease)
{
    if (--lease->running == 0)
        completion_signal(&lease->stopped);
}

/* ---- asking one node ----------------------------------------------------------------------------------------- */

static void answer_take(struct asker *asker, const struct cluster_meta_state *state)
{
    struct lease *lease = asker->lease;
    if (state->fence <= lease->config.generation) {
        asker->answered_round = asker->asked_round;
        return;
    }
    __atomic_store_n(&lease->confirmed_ms, 0, __ATOMIC_RELEASE);
    if (!__atomic_exchange_n(&lease->replaced, true, __ATOMIC_ACQ_REL))
        lease->config.replaced(lease->config.arg, asker->number, state->fence);
}

static void asker_main(void *arg)
{
    struct asker *asker = arg;
    struct lease *lease = asker->lease;
    asker->task = task_self();
    while (!is_stopping(lease)) {
        if (!asker->wanted) {
            task_park();
            continue;
        }
        struct cluster_meta_state state = {0};
        asker->wanted = false;
        asker->asking = true;
        asker->asked_round = lease->round;
        if (cluster_meta_state(lease->config.cluster, asker->index, &state) == STATUS_OK)
            answer_take(asker, &state);
        asker->asking = false;
        if (lease->task)
            task_unpark(lease->task);
    }
    asker->task = NULL;
    task_ended(lease);
}

/* ---- a round -------------------------------------------------------------------------------------------------- */

static bool is_readable(const struct asker *asker)
{
    return cluster_node_readable(asker->lease->config.cluster, asker->number);
}

/* Asks the nodes that can be reached, as far as is known; all of them when none can. */
static void ask_all(struct lease *lease)
{
    bool any = false;
    for (unsigned i = 0; i < lease->count; i++)
        any |= is_readable(&lease->askers[i]);
    for (unsigned i = 0; i < lease->count; i++) {
        struct asker *asker = &lease->askers[i];
        bool under_way = asker->asking && asker->asked_round == lease->round;
        asker->wanted = (!any || is_readable(asker)) && !under_way && asker->answered_round != lease->round;
        if (asker->wanted && asker->task)
            task_unpark(asker->task);
    }
}

/* How many nodes have answered in this round, and how many others should. */
static unsigned round_count(const struct lease *lease, unsigned *silent)
{
    unsigned answered = 0;
    *silent = 0;
    for (unsigned i = 0; i < lease->count; i++) {
        bool has = lease->askers[i].answered_round == lease->round;
        answered += has;
        *silent += !has && is_readable(&lease->askers[i]);
    }
    return answered;
}

/* Whether this gateway was still the one when the round began. */
static bool round_run(struct lease *lease)
{
    uint64_t begun_ms = clock_monotonic_ms(), retry_ms = begun_ms;
    unsigned silent;
    lease->round++;
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms >= retry_ms) {
            ask_all(lease);
            retry_ms = now_ms + RETRY_MS;
        }
        unsigned answered = round_count(lease, &silent);
        if (is_replaced(lease) || is_stopping(lease))
            return false;
        if (answered >= lease->needed || (answered > 0 && (silent == 0 || now_ms >= begun_ms + FEW_MS)))
            return true;
        if (now_ms >= begun_ms + NONE_MS)
            return false;
        task_park_until(retry_ms);
    }
}

static struct waiter *waiters_take(struct lease *lease)
{
    lock_acquire(&lease->lock);
    struct waiter *waiters = lease->waiters;
    lease->waiters = NULL;
    lock_release(&lease->lock);
    return waiters;
}

static void waiters_tell(struct waiter *waiter, bool held)
{
    while (waiter) {
        struct waiter *next = waiter->next; /* it is gone once it was told */
        waiter->held = held;
        completion_signal(&waiter->done);
        waiter = next;
    }
}

static void task_set(struct lease *lease, struct task *task)
{
    lock_acquire(&lease->lock);
    lease->task = task;
    lock_release(&lease->lock);
}

static void rounds_main(void *arg)
{
    struct lease *lease = arg;
    task_set(lease, task_self());
    completion_signal(&lease->started);
    while (!is_stopping(lease)) {
        if (!__atomic_exchange_n(&lease->nudged, false, __ATOMIC_ACQ_REL)) {
            task_park();
            continue;
        }
        struct waiter *waiters = waiters_take(lease);
        uint64_t begun_ms = clock_boot_ms();
        bool held = round_run(lease);
        if (held)
            __atomic_store_n(&lease->confirmed_ms, begun_ms, __ATOMIC_RELEASE);
        waiters_tell(waiters, held);
    }
    waiters_tell(waiters_take(lease), false);
    task_set(lease, NULL);
    for (unsigned i = 0; i < lease->count; i++)
        if (lease->askers[i].task)
            task_unpark(lease->askers[i].task);
    task_ended(lease);
}

/* ---- what requests ask ---------------------------------------------------------------------------------------- */

static void nudge_locked(struct lease *lease)
{
    if (!__atomic_exchange_n(&lease->nudged, true, __ATOMIC_ACQ_REL) && lease->task)
        task_unpark(lease->task);
}

static void nudge(struct lease *lease)
{
    lock_acquire(&lease->lock);
    nudge_locked(lease);
    lock_release(&lease->lock);
}

/* False: the rounds end, and nobody would tell it. */
static bool waiter_add(struct lease *lease, struct waiter *waiter)
{
    lock_acquire(&lease->lock);
    bool added = !is_stopping(lease);
    if (added) {
        waiter->next = lease->waiters;
        lease->waiters = waiter;
        nudge_locked(lease);
    }
    lock_release(&lease->lock);
    return added;
}

bool lease_holds(struct lease *lease)
{
    if (!lease)
        return true;
    if (is_stopping(lease))
        return false;
    uint64_t confirmed_ms = __atomic_load_n(&lease->confirmed_ms, __ATOMIC_ACQUIRE);
    uint64_t age_ms = clock_boot_ms() - confirmed_ms;
    if (confirmed_ms && age_ms < LEASE_MS) {
        if (age_ms >= RENEW_MS)
            nudge(lease);
        return true;
    }
    if (is_replaced(lease))
        return false;
    struct waiter waiter = {0};
    completion_init(&waiter.done);
    if (!waiter_add(lease, &waiter))
        return false;
    completion_wait(&waiter.done);
    return waiter.held;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

struct lease *lease_start(const struct lease_config *config)
{
    struct lease *lease = mem_zalloc(sizeof(*lease));
    struct cluster_node_info info;

    CHECK(config->replaced != NULL);
    lease->config = *config;
    lease->count = cluster_node_count(config->cluster);
    /* A restore meets all nodes but one, or all but copies - 1 when these are less. */
    lease->needed = config->copies < 2 || lease->count < 2 ? 1 : 2;
    pthread_mutex_init(&lease->lock, NULL);
    completion_init(&lease->started);
    completion_init(&lease->stopped);
    lease->running = lease->count + 1;
    for (unsigned i = 0; i < lease->count; i++) {
        cluster_node_info(config->cluster, i, &info);
        lease->askers[i] = (struct asker){.lease = lease, .index = i, .number = info.number};
        task_spawn(config->loop, asker_main, &lease->askers[i]);
    }
    task_spawn(config->loop, rounds_main, lease);
    completion_wait(&lease->started);
    return lease;
}

static void stop(void *arg)
{
    struct lease *lease = arg;
    lock_acquire(&lease->lock);
    __atomic_store_n(&lease->stopping, true, __ATOMIC_RELEASE);
    lock_release(&lease->lock);
    task_unpark(lease->task);
}

void lease_stop(struct lease *lease)
{
    if (!lease)
        return;
    loop_post(lease->config.loop, stop, lease); /* its tasks cannot end meanwhile */
    completion_wait(&lease->stopped);
}

bool lease_is_lost(const struct lease *lease)
{
    return lease && is_replaced(lease);
}

void lease_free(struct lease *lease)
{
    if (!lease)
        return;
    pthread_mutex_destroy(&lease->lock);
    free(lease);
}
