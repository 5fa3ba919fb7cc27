/* The event loop: ready tasks, messages of other threads, sockets (h2o's epoll loop) and timers, in turn.
 *
 * Messages arrive in a lock-free list that the loop takes as a whole. A sender wakes the loop by its eventfd
 * only if the loop said that it is about to sleep: it sets `sleeping` and then looks at the inbox once more,
 * a sender adds to the inbox and then looks at `sleeping`; both sequentially consistent, so one of them sees
 * the other. */
#include "base/loop_internal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <h2o.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"

#define LOOP_LAST_TASKS_MS 5000 /* how long loop_run waits for tasks after loop_stop */
#define LOOP_TURN_MS       1000 /* longest sleep; only a bound, nothing relies on it */
#define LOOP_LAST_TURN_MS  5    /* the same while stopping: the message that ends the loop may be the last one */

static __thread struct loop *loop_of_thread;

static void on_wake(h2o_socket_t *socket, const char *error)
{
    struct loop *loop = socket->data;
    uint64_t count;
    ssize_t result;

    (void)error;
    do
        result = read(loop->wake_fd, &count, sizeof(count));
    while (result < 0 && errno == EINTR);
}

struct loop *loop_create(void)
{
    struct loop *loop = mem_zalloc(sizeof(*loop));

    loop->evloop = h2o_evloop_create();
    CHECK(loop->evloop != NULL);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(loop->wake_fd >= 0);
    loop->wake_socket = h2o_evloop_socket_create(loop->evloop, loop->wake_fd, H2O_SOCKET_FLAG_DONT_READ);
    loop->wake_socket->data = loop;
    h2o_socket_read_start(loop->wake_socket, on_wake);
    return loop;
}

/* Runs the messages that are there now. */
static void loop_deliver(struct loop *loop)
{
    struct loop_message *message, *next, *in_order = NULL;

    if (__atomic_load_n(&loop->inbox, __ATOMIC_RELAXED) == NULL)
        return;
    for (message = __atomic_exchange_n(&loop->inbox, NULL, __ATOMIC_SEQ_CST); message != NULL; message = next) {
        next = message->next;
        message->next = in_order;
        in_order = message;
    }
    for (; in_order != NULL; in_order = next) {
        next = in_order->next;
        in_order->deliver(in_order);
    }
}

/* Nothing has woken a loop for two of its shortest sleeps: all that it waits for is the time. */
static void skip_idle(struct loop *loop, bool slept)
{
    int32_t wait_ms = timers_wait_ms(loop);

    if (!slept || loop->ready.head != NULL || __atomic_load_n(&loop->inbox, __ATOMIC_ACQUIRE) != NULL)
        loop->idle_turns = 0;
    else if (++loop->idle_turns >= 2 && wait_ms > 0)
        clock_move_ms((uint64_t)wait_ms);
}

/* Sleeps for so long at most; true when nothing ended the sleep. */
static bool loop_sleep(struct loop *loop, int32_t wait_ms)
{
    struct timespec begin, end;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    h2o_evloop_run(loop->evloop, wait_ms); /* -1 on EINTR: nothing was ready, the next turn looks again */
    clock_gettime(CLOCK_MONOTONIC, &end);
    return wait_ms > 0 && (end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec >= wait_ms * 1000000;
}

static void loop_turn(struct loop *loop)
{
    int32_t wait_ms;
    uint64_t looked_ms;

    tasks_run_ready(loop);
    looked_ms = clock_monotonic_ms();
    loop_deliver(loop);
    wait_ms = timers_wait_ms(loop);
    int32_t wait_max_ms = __atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE) ? LOOP_LAST_TURN_MS : LOOP_TURN_MS;
    if (clock_is_held())
        wait_max_ms = CLOCK_HELD_LOOK_MS;
    if (wait_ms < 0 || wait_ms > wait_max_ms)
        wait_ms = wait_max_ms;
    if (loop->ready.head != NULL)
        wait_ms = 0;
    if (wait_ms > 0) {
        __atomic_store_n(&loop->sleeping, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&loop->inbox, __ATOMIC_SEQ_CST) != NULL)
            wait_ms = 0;
    }
    if (clock_skips_idle())
        skip_idle(loop, loop_sleep(loop, wait_ms));
    else
        h2o_evloop_run(loop->evloop, wait_ms); /* -1 on EINTR: nothing was ready, the next turn looks again */
    __atomic_store_n(&loop->sleeping, 0, __ATOMIC_SEQ_CST);
    /* A timer that became due since then waits for the next turn: what had come before it was due is seen first, so
     * that nobody is told that the time is over while what it waits for is there. */
    timers_run(loop, looked_ms);
}

void loop_run(struct loop *loop)
{
    uint64_t deadline_ms;

    CHECK(loop_of_thread == NULL);
    loop_of_thread = loop;
    context_init_thread(&loop->context);
    while (!__atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE))
        loop_turn(loop);
    deadline_ms = clock_monotonic_ms() + LOOP_LAST_TASKS_MS;
    while (loop->task_count > 0 || __atomic_load_n(&loop->inbox, __ATOMIC_RELAXED) != NULL) {
        if (clock_monotonic_ms() >= deadline_ms) {
            log_warn("tasks still run at the end of a loop", LOG_INT("tasks", loop->task_count));
            break;
        }
        loop_turn(loop);
    }
    loop_of_thread = NULL;
}

static void on_stop(void *arg)
{
    struct loop *loop = arg;

    __atomic_store_n(&loop->stopping, 1, __ATOMIC_RELEASE);
}

void loop_stop(struct loop *loop)
{
    loop_post(loop, on_stop, loop);
}

void loop_free(struct loop *loop)
{
    if (loop->task_count > 0) /* their stacks hold pointers to the loop: better kept than dangling */
        return;
    while (__atomic_load_n(&loop->sending, __ATOMIC_ACQUIRE) != 0)
        sched_yield();
    if (loop->http_client_free != NULL) {
        loop_of_thread = loop;
        loop->http_client_free(loop->http_client);
        loop_of_thread = NULL;
    }
    tasks_release(loop);
    timers_release(loop);
    h2o_socket_close(loop->wake_socket);
    h2o_evloop_destroy(loop->evloop);
    free(loop);
}

static void *group_thread(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void on_running(void *arg)
{
    completion_signal(arg);
}

void loop_group_start(struct loop_group *group, unsigned count)
{
    pthread_t *threads = mem_zalloc(count * sizeof(*threads));

    group->loops = mem_zalloc(count * sizeof(*group->loops));
    group->count = count;
    group->threads = threads;
    for (unsigned i = 0; i < count; i++) {
        struct completion running;
        char name[16];

        group->loops[i] = loop_create();
        CHECK(pthread_create(&threads[i], NULL, group_thread, group->loops[i]) == 0);
        snprintf(name, sizeof(name), "loop-%u", i % 1000);
        pthread_setname_np(threads[i], name);
        completion_init(&running);
        loop_post(group->loops[i], on_running, &running);
        completion_wait(&running);
    }
}

void loop_group_stop(struct loop_group *group)
{
    pthread_t *threads = group->threads;

    for (unsigned i = 0; i < group->count; i++)
        loop_stop(group->loops[i]);
    for (unsigned i = 0; i < group->count; i++)
        pthread_join(threads[i], NULL);
    /* Only now: a loop's last tasks may still have sent messages to another loop. */
    for (unsigned i = 0; i < group->count; i++)
        loop_free(group->loops[i]);
    free(group->loops);
    free(threads);
    *group = (struct loop_group){0};
}

struct loop *loop_current(void)
{
    return loop_of_thread;
}

struct st_h2o_evloop_t *loop_h2o(struct loop *loop)
{
    return loop->evloop;
}

void *loop_http_client(struct loop *loop)
{
    return loop->http_client;
}

void loop_set_http_client(struct loop *loop, void *client, void (*free_fn)(void *client))
{
    CHECK(loop->http_client == NULL);
    loop->http_client = client;
    loop->http_client_free = free_fn;
}

void loop_send(struct loop *loop, struct loop_message *message)
{
    struct loop_message *head = __atomic_load_n(&loop->inbox, __ATOMIC_RELAXED);
    uint64_t one = 1;
    ssize_t result;

    __atomic_fetch_add(&loop->sending, 1, __ATOMIC_RELAXED);
    do
        message->next = head;
    while (!__atomic_compare_exchange_n(&loop->inbox, &head, message, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    /* The message may be gone from here on. The loop's own thread looks at the inbox before it sleeps anyway.
     */
    if (loop != loop_of_thread && __atomic_exchange_n(&loop->sleeping, 0, __ATOMIC_SEQ_CST) != 0) {
        do
            result = write(loop->wake_fd, &one, sizeof(one));
        while (result < 0 && errno == EINTR);
    }
    __atomic_fetch_sub(&loop->sending, 1, __ATOMIC_RELEASE);
}

struct posted {
    struct loop_message message; /* first */
    void (*fn)(void *arg);
    void *arg;
};

static void deliver_posted(struct loop_message *message)
{
    struct posted *posted = (struct posted *)message;
    void (*fn)(void *arg) = posted->fn;
    void *arg = posted->arg;

    free(posted);
    fn(arg);
}

void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct posted *posted = mem_alloc(sizeof(*posted));

    posted->message.deliver = deliver_posted;
    posted->fn = fn;
    posted->arg = arg;
    loop_send(loop, &posted->message);
}
