/* One-shot timers of a loop: a binary heap by due time. Setting, moving and cancelling cost O(log n) and, but
 * for the heap's growth, no allocation: a timer is embedded in what it belongs to and knows its place in the
 * heap. */
#include "base/loop_internal.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

static void put(struct timer_heap *timers, uint32_t index, struct timer *timer)
{
    timers->heap[index] = timer;
    timer->slot = index + 1;
}

static void sift_up(struct timer_heap *timers, uint32_t index, struct timer *timer)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;

        if (timers->heap[parent]->due_ms <= timer->due_ms)
            break;
        put(timers, index, timers->heap[parent]);
        index = parent;
    }
    put(timers, index, timer);
}

static void sift_down(struct timer_heap *timers, uint32_t index, struct timer *timer)
{
    for (;;) {
        uint32_t child = 2 * index + 1;

        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
            child++;
        if (timer->due_ms <= timers->heap[child]->due_ms)
            break;
        put(timers, index, timers->heap[child]);
        index = child;
    }
    put(timers, index, timer);
}

/* Finds the place of `timer` from `index`, where its due time may be wrong in either direction. */
static void settle(struct timer_heap *timers, uint32_t index, struct timer *timer)
{
    if (index > 0 && timer->due_ms < timers->heap[(index - 1) / 2]->due_ms)
        sift_up(timers, index, timer);
    else
        sift_down(timers, index, timer);
}

void timer_set(struct loop *loop, struct timer *timer, uint64_t delay_ms, void (*fn)(struct timer *timer))
{
    struct timer_heap *timers = &loop->timers;
    uint64_t now_ms = clock_monotonic_ms();

    timer->fn = fn;
    timer->loop = loop;
    timer->due_ms = delay_ms < CLOCK_NEVER - now_ms ? now_ms + delay_ms : CLOCK_NEVER;
    if (timer->slot != 0) {
        settle(timers, timer->slot - 1, timer);
        return;
    }
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity ? 2 * timers->capacity : 64;
        timers->heap = mem_realloc(timers->heap, timers->capacity * sizeof(*timers->heap));
    }
    sift_up(timers, timers->count++, timer);
}

void timer_cancel(struct timer *timer)
{
    struct timer_heap *timers;
    struct timer *last;

    if (timer->slot == 0)
        return;
    timers = &timer->loop->timers;
    last = timers->heap[--timers->count];
    if (last != timer)
        settle(timers, timer->slot - 1, last);
    timer->slot = 0;
}

int32_t timers_wait_ms(const struct loop *loop)
{
    uint64_t now_ms, due_ms;

    if (loop->timers.count == 0)
        return -1;
    now_ms = clock_monotonic_ms();
    due_ms = loop->timers.heap[0]->due_ms;
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms < INT32_MAX ? (int32_t)(due_ms - now_ms) : INT32_MAX;
}

void timers_run(struct loop *loop, uint64_t until_ms)
{
    uint32_t left = loop->timers.count; /* one that re-arms itself with no delay waits for the loop's next turn */

    while (left-- > 0 && loop->timers.count > 0 && loop->timers.heap[0]->due_ms <= until_ms) {
        struct timer *timer = loop->timers.heap[0];

        timer_cancel(timer);
        timer->fn(timer);
    }
}

void timers_release(struct loop *loop)
{
    for (uint32_t i = 0; i < loop->timers.count; i++)
        loop->timers.heap[i]->slot = 0;
    free(loop->timers.heap);
    loop->timers = (struct timer_heap){0};
}
