/* Paused answers; see the header. One lock for all: an answer takes it when it falls behind and when it catches up. */
#include "base/http_pauses.h"

#include "base/http_stream.h"
#include "base/lock.h"
#include "base/metrics.h"
#include "base/task.h"

void http_pauses_init(struct http_pauses *pauses)
{
    *pauses = (struct http_pauses){0};
    pthread_mutex_init(&pauses->lock, NULL);
}

static void unlink_pause(struct http_pauses *pauses, struct http_pause *pause)
{
    *(pause->previous != NULL ? &pause->previous->next : &pauses->first) = pause->next;
    *(pause->next != NULL ? &pause->next->previous : &pauses->last) = pause->previous;
    pauses->count--;
    __atomic_store_n(&pause->in, NULL, __ATOMIC_RELEASE); /* last: its task may free it from then on */
}

void http_pause_begin(struct http_pauses *pauses, struct http_pause *pause, struct http_stream *stream, unsigned place)
{
    *pause = (struct http_pause){.in = pauses, .stream = stream, .task = task_self(), .place = place};
    lock_acquire(&pauses->lock);
    pause->previous = pauses->last;
    *(pauses->last != NULL ? &pauses->last->next : &pauses->first) = pause;
    pauses->last = pause;
    pauses->count++;
    lock_release(&pauses->lock);
}

void http_pause_end(struct http_pause *pause)
{
    struct http_pauses *pauses = __atomic_load_n(&pause->in, __ATOMIC_ACQUIRE);

    if (pauses == NULL)
        return;
    lock_acquire(&pauses->lock);
    if (pause->in != NULL)
        unlink_pause(pauses, pause);
    lock_release(&pauses->lock);
}

bool http_pauses_cut_longest(struct http_pauses *pauses, unsigned place)
{
    struct http_pause *pause;

    lock_acquire(&pauses->lock);
    for (pause = pauses->first; pause != NULL && pause->place != place; pause = pause->next)
        ;
    if (pause != NULL) {
        http_stream_interrupt(pause->stream, pause->task);
        unlink_pause(pauses, pause);
    }
    lock_release(&pauses->lock);
    return pause != NULL;
}

static double count_value(void *arg)
{
    struct http_pauses *pauses = arg;
    unsigned count;

    lock_acquire(&pauses->lock);
    count = pauses->count;
    lock_release(&pauses->lock);
    return count;
}

void http_pauses_register_metrics(struct http_pauses *pauses)
{
    metric_gauge_callback("tercet_http_paused",
                          "Answers under way whose clients take them more slowly than the minimum rate.", "",
                          count_value, pauses);
}
