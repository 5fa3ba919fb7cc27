/* How a connection of the HTTP server ends or is kept, and how either side learns that the other has gone; on real
 * sockets, each test over plain TCP and over TLS. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/base/answering_server.h"

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

static void a_client_may_want_no_more_than_an_answer(void **state)
{
    struct peer peer;

    open_peer(&peer, state);
    peer_say(&peer, "GET /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    peer_expect(&peer, 200, true, "/f");
    assert_true(peer_at_end(&peer));
    peer_close(&peer);
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

/* how: 0 the connection, 1 TLS and the connection, 2 TLS alone */
static void end_side(struct peer *peer, int how)
{
    if (how > 0 && peer->ssl != NULL)
        SSL_shutdown(peer->ssl);
    if (how < 2 || peer->ssl == NULL)
        shutdown(peer->fd, SHUT_WR);
}

/* Interim answers are passed over. */
static void expect_final(struct peer *peer, const char *body)
{
    struct answer answer;

    do {
        peer_answer(peer, &answer);
        if (answer.status != 100)
            break;
        answer_free(&answer);
    } while (true);
    assert_int_equal(answer.status, 200);
    assert_true(answer.complete);
    if (body != NULL)
        assert_string_equal(answer.body, body);
    answer_free(&answer);
}

static void a_client_may_end_its_side_after_the_request(void **state)
{
    struct peer peer;

    for (int how = 0; how < 3; how++) {
        open_peer(&peer, state);
        put(&peer, "/sink", "", "hello", 5);
        end_side(&peer, how);
        expect_sum(&peer, "hello", 5);
        assert_true(peer_at_end(&peer));
        peer_close(&peer);

        open_peer(&peer, state); /* to a handler that looks for it */
        peer_say(&peer, "DELETE /time HTTP/1.1\r\nHost: x\r\n\r\n");
        end_side(&peer, how);
        expect_final(&peer, "DELETE");
        assert_true(peer_at_end(&peer));
        peer_close(&peer);
    }
}

static void a_client_may_end_its_side_in_mid_pipeline(void **state)
{
    struct peer peer;

    for (int how = 0; how < 3; how++) {
        open_peer(&peer, state);
        peer_say(&peer, "PUT /time HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        put(&peer, "/sink", "", big, 300000);
        peer_say(&peer, "GET /big HTTP/1.1\r\nHost: x\r\n\r\nPOST /time HTTP/1.1\r\nHost: x\r\n"
                        "Content-Length: 0\r\n\r\n");
        end_side(&peer, how);
        expect_final(&peer, "PUT");
        expect_final(&peer, NULL);
        expect_final(&peer, NULL);
        expect_final(&peer, "POST");
        assert_true(peer_at_end(&peer));
        peer_close(&peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(an_early_answer_keeps_the_connection_if_little_is_left),
        BOTH(an_early_answer_reaches_a_client_that_sends_all_first),
        BOTH(an_aborted_stream_never_looks_complete),
        BOTH(old_clients_are_served),
        BOTH(a_client_may_want_no_more_than_an_answer),
        BOTH(bad_chunks_end_the_connection),
        BOTH(a_handler_learns_that_its_client_has_gone),
        BOTH(a_client_may_end_its_side_after_the_request),
        BOTH(a_client_may_end_its_side_in_mid_pipeline),
    };

    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
