/* The HTTP server's behaviour on real sockets, each test over plain TCP and over TLS. Limits and timeouts are in
 * http_limits_test.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

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
static void sink(struct http_request *request, size_t step)
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
        http_reply(request, 400, bytes_from_str(status_name(status)));
    } else {
        snprintf(text, sizeof(text), "%08x %llu", crc, (unsigned long long)request->bytes_in);
        CHECK(http_reply(request, 200, bytes_from_str(text)) == STATUS_OK);
    }
}

/* Streams BIG_BYTES; the length is announced unless the path is /chunks. */
static void source(struct http_request *request, uint64_t length, size_t stop_at)
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

static void describe(struct http_request *request)
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
    http_reply(request, 201, bytes_from_str(text));
    CHECK(request->status == 201);
    CHECK(request->ttfb_us >= request->start_us);
    CHECK(request->bytes_out == strlen(text));
}

/* Sends until the client is gone: what ends by itself may fit into the kernel's buffers and never learn of it. */
static void send_for_ever(struct http_request *request)
{
    enum status status = http_reply_start(request, 200, HTTP_LENGTH_UNKNOWN);

    while (status == STATUS_OK)
        status = http_reply_write(request, big, 65536);
    if (status == STATUS_CLOSED)
        __atomic_fetch_add(&closed_seen, 1, __ATOMIC_RELAXED);
}

static void wait_for_departure(struct http_request *request)
{
    __atomic_fetch_add(&departing, 1, __ATOMIC_RELAXED);
    while (!http_request_is_closed(request))
        task_sleep_ms(2);
    __atomic_fetch_add(&closed_seen, 1, __ATOMIC_RELAXED);
}

static void read_all(struct http_request *request)
{
    struct buffer body;
    enum status status;

    buffer_init(&body, 1000);
    status = http_body_read_all(request, &body);
    http_reply(request, status ? 413 : 200, status ? bytes_from_str(status_name(status)) : buffer_bytes(&body));
    buffer_release(&body);
}

static void handle(struct http_request *request, void *arg)
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
        http_reply(request, 403, BYTES("denied"));
    else if (bytes_equal_str(path, "/late")) {
        char piece[1000];
        size_t len;

        CHECK(http_body_read(request, piece, sizeof(piece), &len) == STATUS_OK);
        CHECK(len > 0);
        http_reply(request, 403, BYTES("denied"));
    } else if (bytes_equal_str(path, "/big"))
        source(request, BIG_BYTES, SIZE_MAX);
    else if (bytes_equal_str(path, "/chunks"))
        source(request, HTTP_LENGTH_UNKNOWN, SIZE_MAX);
    else if (bytes_equal_str(path, "/cut"))
        source(request, BIG_BYTES, BIG_BYTES / 2);
    else if (bytes_equal_str(path, "/cutchunks"))
        source(request, HTTP_LENGTH_UNKNOWN, BIG_BYTES / 2);
    else if (bytes_equal_str(path, "/short")) {
        http_reply_start(request, 200, 10);
        http_reply_write(request, "short", 5);
        CHECK(http_reply_finish(request) == STATUS_INTERNAL);
    } else if (bytes_equal_str(path, "/none"))
        http_reply_header_str(request, "X-Lost", "yes");
    else if (bytes_equal_str(path, "/describe"))
        describe(request);
    else if (bytes_equal_str(path, "/endless"))
        send_for_ever(request);
    else if (bytes_equal_str(path, "/depart"))
        wait_for_departure(request);
    else if (bytes_equal_str(path, "/empty"))
        http_reply(request, 204, BYTES(""));
    else if (bytes_equal_str(path, "/close")) {
        http_reply_close_connection(request);
        http_reply(request, 200, BYTES("bye"));
    } else
        http_reply(request, 200, path);
}

/* ---- helpers ---- */

static uint16_t port_of(void **state)
{
    return http_server_port(servers[*(bool *)*state]);
}

static void open_peer(struct peer *peer, void **state)
{
    peer_open(peer, port_of(state), *(bool *)*state);
}

static void expect_sum(struct peer *peer, const void *data, size_t len)
{
    char text[64];

    snprintf(text, sizeof(text), "%08x %zu", crc32c_update(0, data, len), len);
    peer_expect(peer, 200, false, text);
}

static void wait_until(const unsigned *counter, unsigned value)
{
    uint64_t deadline_ms = clock_monotonic_ms() + 10000;

    while (__atomic_load_n(counter, __ATOMIC_RELAXED) != value) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        usleep(1000);
    }
}

/* Sends the head with this length and the body. */
static void put(struct peer *peer, const char *path, const char *headers, const void *data, size_t len)
{
    char head[256];

    snprintf(head, sizeof(head), "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n", path, len, headers);
    peer_say(peer, head);
    assert_int_equal(peer_send(peer, data, len), len);
}

/* ---- tests ---- */

static void a_connection_serves_request_after_request(void **state)
{
    struct peer peer;

    open_peer(&peer, state);
    for (size_t len = 100000; len < 100003; len++) {
        put(&peer, "/sink", "", big, len);
        expect_sum(&peer, big, len);
    }
    peer_say(&peer, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&peer, 200, false, "/a");
    peer_close(&peer);
}

static void a_request_is_described_to_the_handler(void **state)
{
    struct answer answer;
    struct peer peer;
    char expected[128];

    open_peer(&peer, state);
    peer_say(&peer, "LIST /describe?a=%2f HTTP/1.1\r\nHost: x\r\nUser-Agent: me\r\nX-Twice: 1\r\nx-twice: 2\r\n\r\n");
    peer_answer(&peer, &answer);
    assert_int_equal(answer.status, 201);
    assert_non_null(strstr(answer.head, "\r\nX-CasED-Name: some value\r\n"));
    assert_non_null(strstr(answer.head, "\r\nX-Number: 18446744073709551615\r\n"));
    assert_string_equal(answer_header(&answer, "Server"), "Tercet");
    assert_int_equal(strlen(answer_header(&answer, "Date")), 29);
    assert_null(answer_header(&answer, "Connection"));
    snprintf(expected, sizeof(expected), "LIST|/describe|a=%%2f|me|2|127.0.0.1|1|%d", *(bool *)*state);
    assert_string_equal(answer.body, expected);
    answer_free(&answer);
    peer_close(&peer);
}

static void pipelined_requests_are_answered_in_turn(void **state)
{
    const char *chunked = "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n";
    char *all = malloc(400000);
    struct peer peer;
    size_t len;

    open_peer(&peer, state);
    len = (size_t)sprintf(all, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n");
    memcpy(all + len, big, 300000);
    len += 300000;
    len += (size_t)sprintf(all + len, "%s%sGET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
                           chunked, chunked);
    assert_int_equal(peer_send(&peer, all, len), len);
    expect_sum(&peer, big, 300000);
    expect_sum(&peer, "hello world", 11);
    expect_sum(&peer, "hello world", 11);
    peer_expect(&peer, 200, false, "/a");
    peer_expect(&peer, 200, false, "/b");
    peer_close(&peer);
    free(all);
}

static void bytes_may_arrive_one_by_one(void **state)
{
    struct peer peer;

    open_peer(&peer, state);
    peer_say_bytewise(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n");
    expect_sum(&peer, "hello world", 11);
    peer_say_bytewise(&peer, "PUT /sip HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world");
    expect_sum(&peer, "hello world", 11);
    peer_close(&peer);
}

static void a_handler_may_read_in_small_pieces(void **state)
{
    char head[128], chunks[20000];
    size_t len = 0;
    struct peer peer;

    open_peer(&peer, state);
    put(&peer, "/sip", "", big, 10000);
    expect_sum(&peer, big, 10000);
    for (size_t at = 0; at < 10000; at += 10) {
        len += (size_t)sprintf(chunks + len, "a\r\n");
        memcpy(chunks + len, big + at, 10);
        len += 10;
        len += (size_t)sprintf(chunks + len, "\r\n");
    }
    len += (size_t)sprintf(chunks + len, "0\r\n\r\n");
    sprintf(head, "PUT /sip HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    peer_say(&peer, head);
    assert_int_equal(peer_send(&peer, chunks, len), len);
    expect_sum(&peer, big, 10000);
    peer_close(&peer);
}

static void bodies_may_be_empty(void **state)
{
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                    "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n"
                    "PUT /sink HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 3; i++)
        expect_sum(&peer, "", 0);
    peer_close(&peer);
}

static void a_whole_body_is_read_up_to_a_limit(void **state)
{
    char body[1002];
    struct peer peer;

    open_peer(&peer, state);
    memset(body, 'b', sizeof(body));
    put(&peer, "/all", "", body, 1000);
    body[1000] = '\0';
    peer_expect(&peer, 200, false, body);
    body[1000] = 'b';
    put(&peer, "/all", "", body, 1001);
    peer_expect(&peer, 413, false, status_name(STATUS_LIMIT));
    peer_say(&peer, "PUT /all HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
    peer_send(&peer, body, 1001);
    peer_say(&peer, "\r\n0\r\n\r\n");
    peer_expect(&peer, 413, true, status_name(STATUS_LIMIT));
    assert_true(peer_at_end(&peer));
    peer_close(&peer);
}

static void the_first_read_asks_for_the_body(void **state)
{
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    peer_expect(&peer, 100, false, "");
    peer_say(&peer, "hello");
    expect_sum(&peer, "hello", 5);
    put(&peer, "/sink", "", "again", 5);
    expect_sum(&peer, "again", 5);
    /* botocore expects it for an empty body too, and loses track of the connection without it */
    peer_say(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    peer_expect(&peer, 100, false, "");
    expect_sum(&peer, "", 0);
    peer_say(&peer, "PUT /deny HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    peer_expect(&peer, 403, true, "denied"); /* it may or may not send the body now: no further request can be told */
    assert_true(peer_at_end(&peer));
    peer_close(&peer);
}

static void an_early_answer_keeps_the_connection_if_little_is_left(void **state)
{
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "PUT /deny HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n");
    peer_expect(&peer, 403, false, "denied");
    assert_int_equal(peer_send(&peer, big, 65536), 65536);
    peer_say(&peer, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&peer, 200, false, "/c");
    peer_close(&peer);
}

static void an_early_answer_reaches_a_client_that_sends_all_first(void **state)
{
    static const char *const paths[] = {"/deny", "/late"};
    struct peer peer;
    char head[128];

    for (int i = 0; i < 2; i++) {
        open_peer(&peer, state);
        sprintf(head, "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", paths[i], 4 * BIG_BYTES);
        peer_say(&peer, head);
        for (int piece = 0; piece < 4; piece++)
            assert_int_equal(peer_send(&peer, big, BIG_BYTES), BIG_BYTES);
        peer_expect(&peer, 403, true, "denied");
        assert_true(peer_at_end(&peer));
        peer_close(&peer);
    }
}

static void streams_arrive_whole(void **state)
{
    static const char *const paths[] = {"/big", "/chunks"};
    struct answer answer;
    struct peer peer;
    char head[128];

    open_peer(&peer, state);
    for (int i = 0; i < 2; i++) {
        sprintf(head, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        peer_say(&peer, head);
        peer_answer(&peer, &answer);
        assert_true(answer.complete);
        assert_int_equal(answer.len, BIG_BYTES);
        assert_memory_equal(answer.body, big, BIG_BYTES);
        assert_int_equal(answer_header(&answer, "Content-Length") != NULL, i == 0);
        answer_free(&answer);
    }
    peer_close(&peer);
}

static void an_aborted_stream_never_looks_complete(void **state)
{
    static const char *const paths[] = {"/cut HTTP/1.1", "/cutchunks HTTP/1.1", "/short HTTP/1.1"};
    struct answer answer;
    struct peer peer;
    char head[128];

    for (int i = 0; i < 3; i++) {
        open_peer(&peer, state);
        sprintf(head, "GET %s\r\nHost: x\r\n\r\n", paths[i]);
        peer_say(&peer, head);
        peer_answer(&peer, &answer);
        assert_false(answer.complete);
        answer_free(&answer);
        peer_close(&peer);
    }
    open_peer(&peer, state); /* here only a reset tells */
    peer_say(&peer, "GET /cutchunks HTTP/1.0\r\n\r\n");
    while (peer_receive(&peer))
        ;
    assert_int_equal(errno, peer.ssl != NULL ? errno : ECONNRESET);
    if (peer.ssl != NULL)
        assert_int_equal(SSL_get_shutdown(peer.ssl) & SSL_RECEIVED_SHUTDOWN, 0);
    peer_close(&peer);
}

static void head_requests_get_the_length_alone(void **state)
{
    static const char *const paths[] = {"/abc", "/big", "/chunks"};
    static const char *const lengths[] = {"4", "4194304", NULL};
    struct answer answer;
    struct peer peer;
    char head[128];

    open_peer(&peer, state);
    for (int i = 0; i < 3; i++) {
        sprintf(head, "HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        peer_say(&peer, head);
        peer_answer_to(&peer, &answer, true);
        assert_int_equal(answer.status, 200);
        if (lengths[i] != NULL)
            assert_string_equal(answer_header(&answer, "Content-Length"), lengths[i]);
        answer_free(&answer);
    }
    peer_say(&peer, "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_answer(&peer, &answer);
    assert_int_equal(answer.status, 204);
    assert_null(answer_header(&answer, "Content-Length"));
    assert_null(answer_header(&answer, "Transfer-Encoding"));
    answer_free(&answer);
    peer_say(&peer, "GET /d HTTP/1.1\r\nHost: x\r\n\r\n"); /* nothing of the bodies is left in between */
    peer_expect(&peer, 200, false, "/d");
    peer_close(&peer);
}

static void old_clients_are_served(void **state)
{
    struct answer answer;
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "GET /e HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    peer_answer(&peer, &answer);
    assert_string_equal(answer_header(&answer, "Connection"), "keep-alive");
    assert_string_equal(answer.body, "/e");
    answer_free(&answer);
    peer_say(&peer, "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"); /* ends with the connection */
    peer_answer(&peer, &answer);
    assert_true(answer_closes(&answer));
    assert_null(answer_header(&answer, "Transfer-Encoding"));
    assert_int_equal(answer.len, BIG_BYTES);
    assert_memory_equal(answer.body, big, BIG_BYTES);
    answer_free(&answer);
    peer_close(&peer);
    open_peer(&peer, state);
    peer_say(&peer, "GET /e HTTP/1.0\r\n\r\n");
    peer_expect(&peer, 200, true, "/e");
    assert_true(peer_at_end(&peer));
    peer_close(&peer);
}

static void either_side_may_close_after_an_answer(void **state)
{
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "GET /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    peer_expect(&peer, 200, true, "/f");
    assert_true(peer_at_end(&peer));
    peer_close(&peer);
    open_peer(&peer, state);
    peer_say(&peer, "GET /close HTTP/1.1\r\nHost: x\r\n\r\nGET /g HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&peer, 200, true, "bye");
    assert_true(peer_at_end(&peer));
    peer_close(&peer);
}

static void a_silent_handler_is_answered_for(void **state)
{
    struct answer answer;
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_answer(&peer, &answer);
    assert_int_equal(answer.status, 500);
    assert_null(answer_header(&answer, "X-Lost"));
    assert_non_null(strstr(answer.body, "<Code>InternalError</Code>"));
    answer_free(&answer);
    peer_say(&peer, "GET /h HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&peer, 200, false, "/h");
    peer_close(&peer);
}

static void refusals_explain_themselves(void **state)
{
    static const struct {
        const char *head, *code;
        int status;
    } cases[] = {
        {"PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "BadRequest", 400},
        {"PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "NotImplemented", 501},
        {"PUT /sink HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", "ExpectationFailed", 417},
        {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", "HTTPVersionNotSupported", 505},
        {"GET /i HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n", "BadRequest", 400}, /* the second one */
    };
    struct answer answer;
    struct peer peer;
    char id[32];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_peer(&peer, state);
        peer_say(&peer, cases[i].head);
        if (i == 4)
            peer_expect(&peer, 200, false, "/i");
        peer_answer(&peer, &answer);
        assert_int_equal(answer.status, cases[i].status);
        assert_true(answer_closes(&answer));
        assert_string_equal(answer_header(&answer, "Content-Type"), "application/xml");
        assert_non_null(strstr(answer.body, cases[i].code));
        snprintf(id, sizeof(id), "<RequestId>%.16s<", answer_header(&answer, "x-amz-request-id"));
        assert_int_equal(strlen(id), 11 + 16 + 1);
        assert_non_null(strstr(answer.body, id));
        answer_free(&answer);
        peer_send(&peer, big, 100000); /* taken and dropped, so that the answer is not lost */
        assert_true(peer_at_end(&peer));
        peer_close(&peer);
    }
}

static void bad_chunks_end_the_connection(void **state)
{
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n");
    peer_expect(&peer, 400, true, status_name(STATUS_INVALID));
    assert_true(peer_at_end(&peer));
    peer_close(&peer);
}

static void a_handler_learns_that_its_client_has_gone(void **state)
{
    static void (*const leave[])(struct peer *) = {peer_close, peer_reset};
    struct peer peer;
    unsigned seen = __atomic_load_n(&closed_seen, __ATOMIC_RELAXED);

    __atomic_store_n(&departing, 0, __ATOMIC_RELAXED);

    for (int i = 0; i < 2; i++) {
        open_peer(&peer, state);
        peer_say(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n");
        assert_int_equal(peer_send(&peer, big, BIG_BYTES), BIG_BYTES);
        leave[i](&peer);
        wait_until(&closed_seen, ++seen);
        open_peer(&peer, state);
        peer_say(&peer, "GET /depart HTTP/1.1\r\nHost: x\r\n\r\n");
        wait_until(&departing, i + 1);
        leave[i](&peer);
        wait_until(&closed_seen, ++seen);
        open_peer(&peer, state);
        peer_say(&peer, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_receive(&peer);
        peer_reset(&peer);
        wait_until(&closed_seen, ++seen);
    }
    assert_int_equal(http_server_requests(servers[*(bool *)*state]), 0);
}

static void a_client_may_end_its_side_after_the_request(void **state)
{
    struct peer peer;

    open_peer(&peer, state);
    put(&peer, "/sink", "", "hello", 5);
    if (peer.ssl == NULL)
        shutdown(peer.fd, SHUT_WR);
    else
        SSL_shutdown(peer.ssl);
    expect_sum(&peer, "hello", 5);
    peer_close(&peer);
}

static void many_connections_are_spread_and_served(void **state)
{
    struct peer peers[40];

    for (int i = 0; i < 40; i++)
        open_peer(&peers[i], state);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 40; i++)
            put(&peers[i], "/sink", "", big + i, 1000);
        for (int i = 0; i < 40; i++)
            expect_sum(&peers[i], big + i, 1000);
    }
    assert_in_range(http_server_connections(servers[*(bool *)*state]), 40, 60); /* old ones may linger */
    for (int i = 0; i < 40; i++)
        peer_close(&peers[i]);
}

static void request_ids_are_unique(void **state)
{
    char ids[50][17];
    struct answer answer;
    struct peer peer;

    for (int i = 0; i < 50; i++) {
        open_peer(&peer, state);
        peer_say(&peer, "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        peer_answer(&peer, &answer);
        snprintf(ids[i], sizeof(ids[i]), "%.16s", answer_header(&answer, "x-amz-request-id"));
        assert_int_equal(strspn(ids[i], "0123456789ABCDEF"), 16);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
        answer_free(&answer);
        peer_close(&peer);
    }
}

/* ---- set-up ---- */

static char directory[] = "/tmp/tercet-http-XXXXXX";

static int start_servers(void **state)
{
    struct http_server_config config = {.address = "127.0.0.1", .handler = handle, .handler_arg = &loops};
    char cert[64], key[64];

    (void)state;
    big = malloc(BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 31 + (i >> 12));
    assert_non_null(mkdtemp(directory));
    snprintf(cert, sizeof(cert), "%s/cert.pem", directory);
    snprintf(key, sizeof(key), "%s/key.pem", directory);
    make_certificate(cert, key);
    loop_group_start(&loops, 2);
    assert_int_equal(http_server_start(&loops, &config, &servers[0]), STATUS_OK);
    config.tls_cert = cert;
    config.tls_key = key;
    assert_int_equal(http_server_start(&loops, &config, &servers[1]), STATUS_OK);
    unlink(cert);
    unlink(key);
    rmdir(directory);
    return 0;
}

static int stop_servers(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        http_server_stop(servers[i], 1000);
        assert_int_equal(http_server_connections(servers[i]), 0);
        http_server_free(servers[i]);
    }
    loop_group_stop(&loops);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_connection_serves_request_after_request),
        BOTH(a_request_is_described_to_the_handler),
        BOTH(pipelined_requests_are_answered_in_turn),
        BOTH(bytes_may_arrive_one_by_one),
        BOTH(a_handler_may_read_in_small_pieces),
        BOTH(bodies_may_be_empty),
        BOTH(a_whole_body_is_read_up_to_a_limit),
        BOTH(the_first_read_asks_for_the_body),
        BOTH(an_early_answer_keeps_the_connection_if_little_is_left),
        BOTH(an_early_answer_reaches_a_client_that_sends_all_first),
        BOTH(streams_arrive_whole),
        BOTH(an_aborted_stream_never_looks_complete),
        BOTH(head_requests_get_the_length_alone),
        BOTH(old_clients_are_served),
        BOTH(either_side_may_close_after_an_answer),
        BOTH(a_silent_handler_is_answered_for),
        BOTH(refusals_explain_themselves),
        BOTH(bad_chunks_end_the_connection),
        BOTH(a_handler_learns_that_its_client_has_gone),
        BOTH(a_client_may_end_its_side_after_the_request),
        BOTH(many_connections_are_spread_and_served),
        BOTH(request_ids_are_unique),
    };

    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
