/* Event loops: one thread, one h2o event loop, one HTTP client (libcurl multi handle) each.
 * Everything that belongs to a loop is used on its thread only, but for loop_post, loop_stop and task_spawn. */
#ifndef TERCET_BASE_LOOP_H
#define TERCET_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct st_h2o_evloop_t;

/* Creates a loop without a thread; loop_run runs it on the caller's. */
struct loop *loop_create(void);
void loop_run(struct loop *loop);  /* until loop_stop; then until its last task has ended (5 s at most) */
void loop_stop(struct loop *loop); /* from any thread */
void loop_free(struct loop *loop); /* after loop_run returned */

/* Starts `count` loops, each on a thread of its own, and waits until they run. */
struct loop_group {
    struct loop **loops;
    unsigned count;
    void *threads;
};
void loop_group_start(struct loop_group *group, unsigned count);
void loop_group_stop(struct loop_group *group); /* stops, joins and frees */

struct loop *loop_current(void);                     /* the loop whose thread this is, or NULL */
struct st_h2o_evloop_t *loop_h2o(struct loop *loop); /* for h2o_evloop_socket_create */

/* The HTTP client's state of this loop, NULL until set. free_fn(client) is called by loop_free, as if on the loop's
 * thread, before the event loop goes. */
void *loop_http_client(struct loop *loop);
void loop_set_http_client(struct loop *loop, void *client, void (*free_fn)(void *client));

/* A link in a loop's inbox, embedded in what is sent; private to the loop, tasks and completions. */
struct loop_message {
    struct loop_message *next;
    void (*deliver)(struct loop_message *message);
};

/* Runs fn(arg) on the loop's thread, outside of any task, soon. From any thread, in order per caller. */
void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* One-shot timers of the loop, in milliseconds. Zero-initialise; set may re-arm; cancel is idempotent. The callback
 * runs on the loop outside of any task. */
struct timer {
    void (*fn)(struct timer *timer);
    struct loop *loop;
    uint64_t due_ms;
    uint32_t slot; /* position in the loop's heap + 1, 0 when idle */
};
void timer_set(struct loop *loop, struct timer *timer, uint64_t delay_ms, void (*fn)(struct timer *timer));
void timer_cancel(struct timer *timer);

#endif
