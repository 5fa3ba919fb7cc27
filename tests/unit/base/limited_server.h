/* A server with settings of the test's own, on two loops whose clock the test moves, for tests of what the HTTP server
 * does not put up with. Time passes in pass() alone, which lets both loops see it; all else is awaited. */
#ifndef TERCET_TESTS_LIMITED_SERVER_H
#define TERCET_TESTS_LIMITED_SERVER_H

#include <poll.h>
#include <pthread.h>

#include "tests/unit/base/http_peer.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/http_server.h"
#include "base/loop.h"
#include "base/task.h"

#define LONG_MS  20000
#define SHORT_MS 200
#define STEP_MS  10
#define REAL_US  20000000 /* in which everything that does not depend on the clock has happened */

#define ENDLESS_PLACE 7
#define LATE_PIECES   128
#define WAITING_MAX   8

static struct loop_group loops;
static int outcome;          /* atomic: status of the handler's last read or write, -1 before */
static unsigned received;    /* atomic: bytes that /sink has read since the server's start */
static unsigned sleeping;    /* atomic: handlers in /sleep */
static unsigned let_them_go; /* atomic: ends /sleep and the wait of /late */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static struct task *waiting[WAITING_MAX]; /* to be let go */
static unsigned waiting_count;

static inline enum status sink(struct http_request *request)
{
    char piece[65536];
    enum status status;
    size_t len;

    do {
        status = http_body_read(request, piece, sizeof(piece), &len);
        if (status == STATUS_OK)
            __atomic_fetch_add(&received, (unsigned)len, __ATOMIC_RELAXED);
    } while (status == STATUS_OK && len > 0);
    return status;
}

static inline void wait_to_be_let_go(void)
{
    pthread_mutex_lock(&gate);
    if (!let_them_go) {
        CHECK(waiting_count < WAITING_MAX);
        waiting[waiting_count++] = task_self();
    }
    pthread_mutex_unlock(&gate);
    while (!__atomic_load_n(&let_them_go, __ATOMIC_RELAXED))
        task_park_until(CLOCK_NEVER);
    pthread_mutex_lock(&gate); /* let_go has done with this task */
    pthread_mutex_unlock(&gate);
}

static inline void let_go(void)
{
    pthread_mutex_lock(&gate);
    __atomic_store_n(&let_them_go, 1, __ATOMIC_RELAXED);
    while (waiting_count > 0)
        task_unpark(waiting[--waiting_count]);
    pthread_mutex_unlock(&gate);
}

/* It must not use cmocka's asserts: it runs on other threads. */
static inline void handle(struct http_request *request, void *arg)
{
    static const char piece[65536];
    enum status status = STATUS_OK;

    (void)arg;
    if (bytes_equal_str(request->path, "/sink")) {
        status = sink(request);
        __atomic_store_n(&outcome, (int)status, __ATOMIC_RELAXED);
        (void)http_reply(request, status ? 408 : 200, bytes_from_str(status_name(status)));
    } else if (bytes_equal_str(request->path, "/held")) { /* reads a byte, and after a while of its own the rest */
        char byte;
        size_t len;

        status = http_body_read(request, &byte, 1, &len);
        __atomic_fetch_add(&sleeping, 1, __ATOMIC_RELAXED);
        wait_to_be_let_go();
        __atomic_fetch_sub(&sleeping, 1, __ATOMIC_RELAXED);
        status = status ? status : sink(request);
        __atomic_store_n(&outcome, (int)status, __ATOMIC_RELAXED);
        (void)http_reply(request, status ? 408 : 200, bytes_from_str(status_name(status)));
    } else if (bytes_equal_str(request->path, "/endless")) {
        request->place = request->query.data == NULL ? ENDLESS_PLACE : 0;
        status = http_reply_start(request, 200, HTTP_LENGTH_UNKNOWN);
        while (status == STATUS_OK)
            status = http_reply_write(request, piece, sizeof(piece));
        __atomic_store_n(&outcome, (int)status, __ATOMIC_RELAXED);
    } else if (bytes_equal_str(request->path, "/late")) { /* its end comes when the client has all the rest */
        request->place = ENDLESS_PLACE;
        status = http_reply_start(request, 200, (uint64_t)LATE_PIECES * sizeof(piece) + 1);
        for (int i = 0; status == STATUS_OK && i < LATE_PIECES; i++)
            status = http_reply_write(request, piece, sizeof(piece));
        __atomic_store_n(&outcome, (int)status, __ATOMIC_RELAXED);
        wait_to_be_let_go();
        if (status == STATUS_OK && http_reply_write(request, piece, 1) == STATUS_OK)
            (void)http_reply_finish(request);
    } else if (bytes_equal_str(request->path, "/sleep")) {
        __atomic_fetch_add(&sleeping, 1, __ATOMIC_RELAXED);
        wait_to_be_let_go();
        __atomic_fetch_sub(&sleeping, 1, __ATOMIC_RELAXED);
        status = http_reply(request, 200, BYTES("slept"));
        __atomic_store_n(&outcome, (int)status, __ATOMIC_RELAXED);
    } else {
        (void)http_reply(request, 200, request->path);
    }
}

static inline struct http_server_config patient(void)
{
    return (struct http_server_config){
        .address = "127.0.0.1",
        .handler = handle,
        .idle_timeout_ms = LONG_MS,
        .head_timeout_ms = LONG_MS,
        .body_timeout_ms = LONG_MS,
        .pause_timeout_ms = LONG_MS,
    };
}

static inline struct http_server *start_on(struct loop_group *group, const struct http_server_config *config)
{
    struct http_server *server;

    __atomic_store_n(&outcome, -1, __ATOMIC_RELAXED);
    __atomic_store_n(&received, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&let_them_go, 0, __ATOMIC_RELAXED);
    assert_int_equal(http_server_start(group, config, &server), STATUS_OK);
    assert_int_not_equal(http_server_port(server), 0);
    return server;
}

static inline struct http_server *start(const struct http_server_config *config)
{
    return start_on(&loops, config);
}

/* The loops have queues of their own: this is about one of them. */
static inline struct http_server *start_on_one_loop(const struct http_server_config *config)
{
    static struct loop_group one;

    one = (struct loop_group){.loops = loops.loops, .count = 1};
    return start_on(&one, config);
}

static inline void stop(struct http_server *server)
{
    http_server_stop(server, 1000);
    assert_int_equal(http_server_connections(server), 0);
    http_server_free(server);
}

static inline void on_turn(void *arg)
{
    completion_signal(arg);
}

/* What was ready on the loops before the call has run: sockets, timers and the tasks that they woke. */
static inline void let_loops_turn(void)
{
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < loops.count; i++) {
            struct completion turned;

            completion_init(&turned);
            loop_post(loops.loops[i], on_turn, &turned);
            completion_wait(&turned);
        }
    }
}

static inline void pass(uint64_t ms)
{
    clock_move_ms(ms);
    let_loops_turn();
}

/* Without the clock: for what happens by itself. */
static inline void wait_for(unsigned *value, unsigned expected)
{
    for (unsigned waited_us = 0; __atomic_load_n(value, __ATOMIC_RELAXED) != expected; waited_us += 100) {
        assert_true(waited_us < REAL_US);
        usleep(100);
    }
}

static inline void wait_for_sleepers(unsigned count)
{
    wait_for(&sleeping, count);
}

/* Lets time pass until the handler has ended; returns how much. */
static inline uint64_t pass_until_outcome(enum status expected)
{
    uint64_t start_ms = clock_monotonic_ms();

    while (__atomic_load_n(&outcome, __ATOMIC_RELAXED) == -1) {
        assert_true(clock_monotonic_ms() < start_ms + LONG_MS);
        pass(STEP_MS);
    }
    assert_int_equal(__atomic_load_n(&outcome, __ATOMIC_RELAXED), expected);
    return clock_monotonic_ms() - start_ms;
}

static inline void wait_for_outcome(enum status expected)
{
    for (unsigned waited_us = 0; __atomic_load_n(&outcome, __ATOMIC_RELAXED) == -1; waited_us += 100) {
        assert_true(waited_us < REAL_US);
        usleep(100);
    }
    assert_int_equal(__atomic_load_n(&outcome, __ATOMIC_RELAXED), expected);
}

static inline bool peer_has_input(const struct peer *peer)
{
    struct pollfd input = {.fd = peer->fd, .events = POLLIN};

    return poll(&input, 1, 0) > 0;
}

/* Lets time pass until the server has closed; returns how much. */
static inline uint64_t pass_until_end(struct peer *peer)
{
    uint64_t start_ms = clock_monotonic_ms();

    do {
        while (!peer_has_input(peer)) {
            assert_true(clock_monotonic_ms() < start_ms + LONG_MS);
            pass(STEP_MS);
        }
    } while (peer_receive(peer));
    return clock_monotonic_ms() - start_ms;
}

/* Says text; returns after how many milliseconds the server has closed. */
static inline uint64_t closed_after(uint16_t port, const char *text)
{
    struct peer peer;
    uint64_t ms;

    peer_open(&peer, port, false);
    peer_say(&peer, text);
    ms = pass_until_end(&peer);
    peer_close(&peer);
    return ms;
}

/* A connection whose system keeps little of what it did not read; 0: what systems keep. */
static inline void begin_endless(struct peer *peer, uint16_t port, const char *target, int receive_bytes)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval timeout = {.tv_sec = 20};
    char text[64];

    *peer = (struct peer){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (receive_bytes > 0)
        setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    peer_say(peer, text);
}

/* A connection from this address of the loopback network that was served once, or has a request that is being handled.
 */
static inline void open_from(struct peer *peer, uint16_t port, const char *address, bool busy)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval timeout = {.tv_sec = 20};
    unsigned before = __atomic_load_n(&sleeping, __ATOMIC_RELAXED);

    *peer = (struct peer){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    assert_int_equal(bind(peer->fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    peer_say(peer, busy ? "GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    if (busy)
        wait_for_sleepers(before + 1);
    else
        peer_expect(peer, 200, false, "/a");
}

static inline void end_sleepers(struct peer *peers, unsigned count)
{
    let_go();
    for (unsigned i = 0; i < count; i++) {
        peer_expect(&peers[i], 200, false, "slept");
        peer_close(&peers[i]);
    }
}

static inline int start_loops(void **state)
{
    (void)state;
    clock_hold();
    loop_group_start(&loops, 2);
    return 0;
}

static inline int stop_loops(void **state)
{
    (void)state;
    clock_release(); /* after a failure, something may wait for a time */
    loop_group_stop(&loops);
    assert_int_equal(task_count(), 0);
    return 0;
}

#endif
