/* How long the HTTP server waits for a client that says nothing, does not end what it began, or sends too slowly. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/base/limited_server.h"

static struct certificate certificate;

/* A timeout ends what it is for at its time: not before, and at the latest in the steps in which the test looks. */
static void assert_in_time(uint64_t ms)
{
    assert_in_range(ms, SHORT_MS, SHORT_MS + 10 * STEP_MS);
}

static void silent_connections_are_closed(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;

    (void)state;
    config.idle_timeout_ms = SHORT_MS;
    server = start(&config);
    assert_in_time(closed_after(http_server_port(server), ""));
    assert_in_time(closed_after(http_server_port(server), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
    stop(server);
}

static void a_head_must_be_complete_in_time(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer peer;
    uint64_t start_ms;

    (void)state;
    config.head_timeout_ms = SHORT_MS;
    server = start(&config);
    assert_in_time(closed_after(http_server_port(server), "GET / HTTP/1.1\r\nHost"));
    peer_open(&peer, http_server_port(server), false); /* more bytes do not buy more time */
    start_ms = clock_monotonic_ms();
    while (!peer_has_input(&peer) && peer_send(&peer, "G", 1) == 1)
        pass(STEP_MS);
    assert_in_time(clock_monotonic_ms() - start_ms);
    peer_close(&peer);
    stop(server);
}

static void a_handshake_must_be_complete_in_time(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;

    (void)state;
    config.head_timeout_ms = SHORT_MS;
    config.tls = certificate_identity(&certificate);
    server = start(&config);
    assert_in_time(closed_after(http_server_port(server), ""));
    stop(server);
    tls_identity_free(config.tls);
}

static void a_body_must_go_on(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer peer;

    (void)state;
    config.body_timeout_ms = SHORT_MS;
    server = start(&config);
    peer_open(&peer, http_server_port(server), false);
    peer_say(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
    wait_for(&received, 3);
    assert_in_time(pass_until_outcome(STATUS_TIMEOUT));
    peer_expect(&peer, 408, true, status_name(STATUS_TIMEOUT));
    peer_close(&peer);
    stop(server);
}

/* It takes many times as long as a pause may be. */
static void a_body_may_be_slow_but_steady(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer peer;

    (void)state;
    config.body_timeout_ms = SHORT_MS;
    server = start(&config);
    peer_open(&peer, http_server_port(server), false);
    peer_say(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n");
    for (unsigned i = 0; i < 30; i++) {
        wait_for(&received, i);
        pass(SHORT_MS - 1);
        peer_say(&peer, "x");
    }
    peer_expect(&peer, 200, false, status_name(STATUS_OK));
    peer_close(&peer);
    stop(server);
}

/* Sends pieces of so many bytes every 20 ms until the server answers or 50 pieces are sent; returns the answer's
 * status.
 */
static int trickle(uint16_t port, size_t bytes)
{
    char text[128], piece[1000] = {0};
    unsigned before = __atomic_load_n(&received, __ATOMIC_RELAXED);
    struct answer answer;
    struct peer peer;
    int status;

    peer_open(&peer, port, false);
    snprintf(text, sizeof(text), "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", 50 * bytes);
    peer_say(&peer, text);
    for (unsigned i = 0; i < 50; i++) {
        pass(20);
        if (peer_has_input(&peer) || peer_send(&peer, piece, bytes) < bytes)
            break;
        wait_for(&received, before + (i + 1) * (unsigned)bytes);
    }
    peer_answer(&peer, &answer);
    status = answer.status;
    answer_free(&answer);
    peer_close(&peer);
    return status;
}

static void a_body_must_not_trickle(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;

    (void)state;
    config.rate_bytes_per_second_min = 2000;
    config.rate_window_ms = SHORT_MS;
    server = start(&config);
    assert_int_equal(trickle(http_server_port(server), 30), 408);
    assert_int_equal(trickle(http_server_port(server), 40), 200); /* 2,000 bytes a second */
    stop(server);
}

/* While a handler does not read, a client's system finds its window closed and asks ever more rarely. */
static void a_body_may_be_late_after_a_pause_of_the_servers(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer peer;

    (void)state;
    config.rate_bytes_per_second_min = 2000;
    config.rate_window_ms = SHORT_MS;
    server = start(&config);
    peer_open(&peer, http_server_port(server), false);
    peer_say(&peer, "PUT /held HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
    pass(1); /* it is waited for */
    peer_say(&peer, "a");
    wait_for(&sleeping, 1);
    pass(10 * SHORT_MS);
    let_go();
    wait_for(&sleeping, 0);
    pass(9 * SHORT_MS);
    peer_say(&peer, "b");
    peer_expect(&peer, 200, false, status_name(STATUS_OK));
    peer_close(&peer);
    stop(server);
}

static int set_up(void **state)
{
    certificate_make(&certificate);
    return start_loops(state);
}

static int tear_down(void **state)
{
    stop_loops(state);
    certificate_remove(&certificate);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_connections_are_closed),
        cmocka_unit_test(a_head_must_be_complete_in_time),
        cmocka_unit_test(a_handshake_must_be_complete_in_time),
        cmocka_unit_test(a_body_must_go_on),
        cmocka_unit_test(a_body_may_be_slow_but_steady),
        cmocka_unit_test(a_body_must_not_trickle),
        cmocka_unit_test(a_body_may_be_late_after_a_pause_of_the_servers),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
