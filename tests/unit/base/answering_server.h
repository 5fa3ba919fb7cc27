/* A server over plain TCP and one over TLS whose handler answers by the path, for tests of what the HTTP server does
 * with requests and connections; each test runs against both. */
#ifndef TERCET_TESTS_ANSWERING_SERVER_H
#define TERCET_TESTS_ANSWERING_SERVER_H

#include "tests/unit/base/http_peer.h"

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/http_server.h"
#include "base/loop.h"
#include "base/task.h"

#define BIG_BYTES (4 * 1024 * 1024)

static struct loop_group loops;
static struct http_server *servers[2]; /* plain, TLS */
static char *big;                      /* BIG_BYTES of a pattern */
static unsigned departing;             /* atomic: handlers that began to wait for that */
static unsigned closed_seen;           /* atomic: handlers whose client went away */

/* ---- the handler under test: what it does is chosen by the path (it must not use cmocka's asserts) ---- */

/* Answers with the CRC32C and the length of the body, read with a buffer of `step` bytes. */
static inline void sink(struct http_request *request, size_t step)
{
    char *piece = malloc(step), text[64];
    enum status status;
    uint32_t crc = 0;
    size_t len;

    while ((status = http_body_read(request, piece, step, &len)) == STATUS_OK && len > 0)
        crc = crc32c_update(crc, piece, len);
    free(piece);
    if (status == STATUS_CLOSED) {
        CHECK(http_reply(request, 200, BYTES("gone")) == STATUS_CLOSED);
        __atomic_fetch_add(&closed_seen, 1, __ATOMIC_RELAXED);
    } else if (status) {
        (void)http_reply(request, 400, bytes_from_str(status_name(status)));
    } else {
        snprintf(text, sizeof(text), "%08x %llu", crc, (unsigned long long)request->bytes_in);
        CHECK(http_reply(request, 200, bytes_from_str(text)) == STATUS_OK);
    }
}

/* Streams BIG_BYTES; the length is announced unless the path is /chunks. */
static inline void source(struct http_request *request, uint64_t length, size_t stop_at)
{
    enum status status = http_reply_start(request, 200, length);

    for (size_t at = 0; status == STATUS_OK && at < BIG_BYTES; at += 65536) {
        if (at >= stop_at) {
            http_reply_abort(request);
            return;
        }
        status = http_reply_write(request, big + at, 65536);
    }
    if (status == STATUS_OK)
        status = http_reply_finish(request);
    if (status) {
        CHECK(status == STATUS_CLOSED);
        __atomic_fetch_add(&closed_seen, 1, __ATOMIC_RELAXED);
    }
}

static inline void describe(struct http_request *request)
{
    char text[256], peer[64];
    struct bytes agent = http_request_header(request, "USER-agent");

    http_request_peer_text(request, peer);
    snprintf(text, sizeof(text), "%.*s|%.*s|%.*s|%.*s|%u|%s|%d|%d", (int)request->method.len, request->method.data,
             (int)request->path.len, request->path.data, (int)request->query.len, request->query.data, (int)agent.len,
             agent.data, http_request_header_count(request, "x-twice"), peer, http_request_peer_is_loopback(request),
             request->tls);
    http_reply_header_str(request, "X-CasED-Name", "some value");
    http_reply_header_u64(request, "X-Number", 18446744073709551615u);
    (void)http_reply(request, 201, bytes_from_str(text));
    CHECK(request->status == 201);
    CHECK(request->ttfb_us >= request->start_us);
    CHECK(request->bytes_out == strlen(text));
}

/* Sends until the client is gone: what ends by itself may fit into the kernel's buffers and never learn of it. */
static inline void send_for_ever(struct http_request *request)
{
    enum status status = http_reply_start(request, 200, HTTP_LENGTH_UNKNOWN);

    while (status == STATUS_OK)
        status = http_reply_write(request, big, 65536);
    if (status == STATUS_CLOSED)
        __atomic_fetch_add(&closed_seen, 1, __ATOMIC_RELAXED);
}

/* Takes its time, and looks for its client meanwhile. */
static inline void take_time(struct http_request *request)
{
    for (int i = 0; i < 20 && !http_request_is_closed(request); i++)
        task_sleep_ms(5);
    if (!http_request_is_closed(request))
        (void)http_reply(request, 200, request->method);
}

static inline void wait_for_departure(struct http_request *request)
{
    __atomic_fetch_add(&departing, 1, __ATOMIC_RELAXED);
    while (!http_request_is_closed(request))
        task_sleep_ms(2);
    __atomic_fetch_add(&closed_seen, 1, __ATOMIC_RELAXED);
}

static inline void read_all(struct http_request *request)
{
    struct buffer body;
    enum status status;

    buffer_init(&body, 1000);
    status = http_body_read_all(request, &body);
    (void)http_reply(request, status ? 413 : 200, status ? bytes_from_str(status_name(status)) : buffer_bytes(&body));
    buffer_release(&body);
}

static inline void handle(struct http_request *request, void *arg)
{
    struct bytes path = request->path;

    CHECK(arg == &loops);
    if (bytes_equal_str(path, "/sink"))
        sink(request, 100000);
    else if (bytes_equal_str(path, "/sip"))
        sink(request, 7);
    else if (bytes_equal_str(path, "/all"))
        read_all(request);
    else if (bytes_equal_str(path, "/deny"))
        (void)http_reply(request, 403, BYTES("denied"));
    else if (bytes_equal_str(path, "/late")) {
        char piece[1000];
        size_t len;

        CHECK(http_body_read(request, piece, sizeof(piece), &len) == STATUS_OK);
        CHECK(len > 0);
        (void)http_reply(request, 403, BYTES("denied"));
    } else if (bytes_equal_str(path, "/big"))
        source(request, BIG_BYTES, SIZE_MAX);
    else if (bytes_equal_str(path, "/chunks"))
        source(request, HTTP_LENGTH_UNKNOWN, SIZE_MAX);
    else if (bytes_equal_str(path, "/cut"))
        source(request, BIG_BYTES, BIG_BYTES / 2);
    else if (bytes_equal_str(path, "/cutchunks"))
        source(request, HTTP_LENGTH_UNKNOWN, BIG_BYTES / 2);
    else if (bytes_equal_str(path, "/short")) {
        (void)http_reply_start(request, 200, 10);
        (void)http_reply_write(request, "short", 5);
        CHECK(http_reply_finish(request) == STATUS_INTERNAL);
    } else if (bytes_equal_str(path, "/none"))
        http_reply_header_str(request, "X-Lost", "yes");
    else if (bytes_equal_str(path, "/describe"))
        describe(request);
    else if (bytes_equal_str(path, "/endless"))
        send_for_ever(request);
    else if (bytes_equal_str(path, "/time"))
        take_time(request);
    else if (bytes_equal_str(path, "/busy"))
        (void)http_reply(request, 503, BYTES("busy"));
    else if (bytes_equal_str(path, "/busier")) {
        http_reply_retry_after(request, 5);
        (void)http_reply(request, 503, BYTES("busier"));
    } else if (bytes_equal_str(path, "/depart"))
        wait_for_departure(request);
    else if (bytes_equal_str(path, "/empty"))
        (void)http_reply(request, 204, BYTES(""));
    else
        (void)http_reply(request, 200, path);
}

/* ---- helpers ---- */

static inline uint16_t port_of(void **state)
{
    return http_server_port(servers[*(bool *)*state]);
}

static inline void open_peer(struct peer *peer, void **state)
{
    peer_open(peer, port_of(state), *(bool *)*state);
}

static inline void expect_sum(struct peer *peer, const void *data, size_t len)
{
    char text[64];

    snprintf(text, sizeof(text), "%08x %zu", crc32c_update(0, data, len), len);
    peer_expect(peer, 200, false, text);
}

static inline void wait_until(const unsigned *counter, unsigned value)
{
    uint64_t deadline_ms = clock_monotonic_ms() + 10000;

    while (__atomic_load_n(counter, __ATOMIC_RELAXED) != value) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        usleep(1000);
    }
}

/* Sends the head with this length and the body. */
static inline void put(struct peer *peer, const char *path, const char *headers, const void *data, size_t len)
{
    char head[256];

    snprintf(head, sizeof(head), "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n", path, len, headers);
    peer_say(peer, head);
    assert_int_equal(peer_send(peer, data, len), len);
}

/* The form of these tests. */
static inline void refuse(struct http_request *request, const struct http_refusal *refusal)
{
    char text[256];
    int len = snprintf(text, sizeof(text), "%s: %s", refusal->code, refusal->message);

    http_reply_header_str(request, "Content-Type", "text/x-refusal");
    http_reply_header_str(request, "X-Id", request->id);
    (void)http_reply(request, refusal->status, bytes_of(text, (size_t)len));
}

/* ---- set-up ---- */

static struct tls_identity *server_identity;

static inline int start_servers(void **state)
{
    struct http_server_config config = {
        .address = "127.0.0.1", .handler = handle, .handler_arg = &loops, .refuse = refuse};
    struct certificate certificate;

    (void)state;
    big = malloc(BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 31 + (i >> 12));
    certificate_make(&certificate);
    loop_group_start(&loops, 2);
    assert_int_equal(http_server_start(&loops, &config, &servers[0]), STATUS_OK);
    config.tls = server_identity = certificate_identity(&certificate);
    assert_int_equal(http_server_start(&loops, &config, &servers[1]), STATUS_OK);
    certificate_remove(&certificate);
    return 0;
}

static inline int stop_servers(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        http_server_stop(servers[i], 1000);
        assert_int_equal(http_server_connections(servers[i]), 0);
        http_server_free(servers[i]);
    }
    loop_group_stop(&loops);
    tls_identity_free(server_identity);
    assert_int_equal(task_count(), 0);
    free(big);
    return 0;
}

static bool plain = false, tls = true;

#define BOTH(test)                                                                                                     \
    {#test " (plain)", test, NULL, NULL, &plain},                                                                      \
    {                                                                                                                  \
#test " (TLS)", test, NULL, NULL, &tls                                                                         \
    }

#endif
