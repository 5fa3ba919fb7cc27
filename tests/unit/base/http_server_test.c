/* What the HTTP server makes of requests and of answers, on real sockets, each test over plain TCP and over TLS. How a
 * connection ends is in http_closing_test.c; limits, timeouts and the minimum rate are in http_places_test.c,
 * http_timeouts_test.c and http_pace_test.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/base/answering_server.h"

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

static void a_silent_handler_is_answered_for(void **state)
{
    struct answer answer;
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_answer(&peer, &answer);
    assert_int_equal(answer.status, 500);
    assert_null(answer_header(&answer, "X-Lost"));
    assert_string_equal(answer.body, "InternalError: The request was not answered.");
    answer_free(&answer);
    peer_say(&peer, "GET /h HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&peer, 200, false, "/h");
    peer_close(&peer);
}

static void expect_retry_after(struct peer *peer, const char *seconds, const char *milliseconds)
{
    struct answer answer;

    peer_answer(peer, &answer);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Retry-After"), seconds);
    assert_string_equal(answer_header(&answer, "X-Amz-Retry-After"), milliseconds);
    answer_free(&answer);
}

/* AWS's SDK for Go knows only the second header, and without it spends its tries within a tenth of a second. */
static void a_503_says_when_to_try_again(void **state)
{
    struct answer answer;
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "GET /busy HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_retry_after(&peer, "1", "1000");
    peer_say(&peer, "GET /busier HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_retry_after(&peer, "5", "5000");
    peer_say(&peer, "GET /deny HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_answer(&peer, &answer);
    assert_null(answer_header(&answer, "Retry-After"));
    assert_null(answer_header(&answer, "X-Amz-Retry-After"));
    answer_free(&answer);
    peer_close(&peer);
}

static void refusals_explain_themselves(void **state)
{
    static const struct {
        const char *head, *text;
        int status;
    } cases[] = {
        {"PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
         "BadRequest: Content-Length is not a number or is given twice with different values.", 400},
        {"PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
         "NotImplemented: The only transfer coding understood is chunked.", 501},
        {"PUT /sink HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n",
         "ExpectationFailed: The only expectation understood is 100-continue.", 417},
        {"GET / HTTP/3.0\r\nHost: x\r\n\r\n",
         "HTTPVersionNotSupported: The HTTP version is not supported; use HTTP/1.1.", 505},
        {"GET /i HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n",
         "BadRequest: The request needs exactly one valid Host header.", 400}, /* the second one */
    };
    struct answer answer;
    struct peer peer;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_peer(&peer, state);
        peer_say(&peer, cases[i].head);
        if (i == 4)
            peer_expect(&peer, 200, false, "/i");
        peer_answer(&peer, &answer);
        assert_int_equal(answer.status, cases[i].status);
        assert_true(answer_closes(&answer));
        assert_string_equal(answer_header(&answer, "Content-Type"), "text/x-refusal");
        assert_string_equal(answer.body, cases[i].text);
        answer_free(&answer);
        peer_send(&peer, big, 100000); /* taken and dropped, so that the answer is not lost */
        assert_true(peer_at_end(&peer));
        peer_close(&peer);
    }
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
        snprintf(ids[i], sizeof(ids[i]), "%.16s", answer_header(&answer, "X-Id"));
        assert_int_equal(strspn(ids[i], "0123456789ABCDEF"), 16);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
        answer_free(&answer);
        peer_close(&peer);
    }
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
        BOTH(streams_arrive_whole),
        BOTH(head_requests_get_the_length_alone),
        BOTH(a_silent_handler_is_answered_for),
        BOTH(a_503_says_when_to_try_again),
        BOTH(refusals_explain_themselves),
        BOTH(many_connections_are_spread_and_served),
        BOTH(request_ids_are_unique),
    };

    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
