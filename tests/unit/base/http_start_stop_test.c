/* How the HTTP server starts and stops: addresses, ports in use, TLS versions, and requests that are under way. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/base/limited_server.h"

static struct certificate certificate;

struct stopping {
    struct http_server *server;
    uint64_t drain_ms;
    uint64_t took_ms;
    bool stopped; /* atomic */
};

static void *stop_thread(void *arg)
{
    struct stopping *stopping = arg;
    uint64_t start_ms = clock_monotonic_ms();

    http_server_stop(stopping->server, stopping->drain_ms);
    stopping->took_ms = clock_monotonic_ms() - start_ms;
    __atomic_store_n(&stopping->stopped, true, __ATOMIC_RELEASE);
    return NULL;
}

/* Until every loop has closed its listener. */
static void wait_until_refused(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int result;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    do {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        result = connect(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
    } while (result == 0);
}

static void stopping_lets_requests_finish(void **state)
{
    struct http_server_config config = patient();
    struct stopping stopping = {.drain_ms = 10000};
    struct peer idle, busy;
    pthread_t thread;

    (void)state;
    stopping.server = start(&config);
    peer_open(&idle, http_server_port(stopping.server), false);
    peer_say(&idle, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&idle, 200, false, "/a");
    peer_open(&busy, http_server_port(stopping.server), false);
    peer_say(&busy, "GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_sleepers(1);
    while (http_server_requests(stopping.server) != 1) /* the first one's end comes after its answer */
        usleep(100);
    pthread_create(&thread, NULL, stop_thread, &stopping);
    assert_true(peer_at_end(&idle));
    wait_until_refused(http_server_port(stopping.server));
    let_go();
    peer_expect(&busy, 200, true, "slept");
    assert_true(peer_at_end(&busy));
    pthread_join(thread, NULL);
    assert_int_equal(stopping.took_ms, 0);
    assert_int_equal(http_server_connections(stopping.server), 0);
    http_server_free(stopping.server);
    peer_close(&idle);
    peer_close(&busy);
}

/* Lets the drain time pass, which a thread of its own looks at, until the server has cut the peer. */
static void pass_until_cut(const struct peer *peer)
{
    while (!peer_has_input(peer)) {
        pass(STEP_MS);
        usleep(1000);
    }
}

static void stopping_cuts_requests_that_do_not_finish(void **state)
{
    struct http_server_config config = patient();
    struct stopping stopping = {.drain_ms = 50};
    struct peer peer;
    pthread_t thread;

    (void)state;
    stopping.server = start(&config);
    peer_open(&peer, http_server_port(stopping.server), false);
    peer_say(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
    wait_for(&received, 3);
    pthread_create(&thread, NULL, stop_thread, &stopping);
    pass_until_cut(&peer);
    pthread_join(thread, NULL);
    assert_true(stopping.took_ms >= stopping.drain_ms);
    wait_for_outcome(STATUS_CLOSED);
    http_server_free(stopping.server);
    peer_close(&peer);
}

/* The server does not wait for ever for a handler that is busy with something else. */
static void answers_after_the_drain_time_come_too_late(void **state)
{
    struct http_server_config config = patient();
    struct stopping stopping = {.drain_ms = 50};
    struct peer peer;
    pthread_t thread;

    (void)state;
    stopping.server = start(&config);
    peer_open(&peer, http_server_port(stopping.server), false);
    peer_say(&peer, "GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_sleepers(1);
    pthread_create(&thread, NULL, stop_thread, &stopping);
    while (!__atomic_load_n(&stopping.stopped, __ATOMIC_ACQUIRE)) {
        pass(STEP_MS);
        usleep(100);
    }
    pthread_join(thread, NULL);
    assert_int_equal(http_server_connections(stopping.server), 1);
    let_go();
    wait_for_outcome(STATUS_CLOSED);
    assert_true(peer_at_end(&peer));
    while (http_server_connections(stopping.server) > 0)
        usleep(100);
    http_server_free(stopping.server);
    peer_close(&peer);
}

static void a_port_is_not_shared(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server, *second = NULL;

    (void)state;
    server = start(&config);
    config.port = http_server_port(server);
    assert_int_equal(http_server_start(&loops, &config, &second), STATUS_IO);
    assert_null(second);
    stop(server);
    server = start(&config); /* free again */
    assert_int_equal(http_server_port(server), config.port);
    stop(server);
}

static void bad_settings_are_refused(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server = NULL;

    (void)state;
    config.address = "localhost";
    assert_int_equal(http_server_start(&loops, &config, &server), STATUS_INVALID);
    assert_null(server);
}

static void ipv6_is_served(void **state)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer peer;

    (void)state;
    config.address = "::";
    server = start(&config);
    peer_open(&peer, http_server_port(server), false); /* over IPv4 */
    peer_say(&peer, "GET /v4 HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&peer, 200, false, "/v4");
    peer_close(&peer);
    peer = (struct peer){.fd = socket(AF_INET6, SOCK_STREAM, 0)};
    address.sin6_port = htons(http_server_port(server));
    if (connect(peer.fd, (struct sockaddr *)&address, sizeof(address)) == 0) { /* unless the machine has none */
        peer_say(&peer, "GET /v6 HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_expect(&peer, 200, false, "/v6");
    }
    peer_close(&peer);
    stop(server);
}

/* Tries a handshake with this highest version and these ALPN protocols. */
static bool handshakes(uint16_t port, int version_max, const char *protocols, unsigned protocols_len)
{
    struct peer peer;
    bool worked;

    peer_open(&peer, port, false);
    peer.tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(peer.tls, 0);
    SSL_CTX_set_min_proto_version(peer.tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(peer.tls, version_max);
    peer.ssl = SSL_new(peer.tls);
    SSL_set_fd(peer.ssl, peer.fd);
    if (protocols_len > 0)
        SSL_set_alpn_protos(peer.ssl, (const unsigned char *)protocols, protocols_len);
    worked = SSL_connect(peer.ssl) == 1;
    if (worked) {
        peer_say(&peer, "GET /t HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_expect(&peer, 200, false, "/t");
    }
    peer_close(&peer);
    return worked;
}

static void only_modern_tls_and_http_1_1_are_spoken(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    uint16_t port;

    (void)state;
    config.tls = certificate_identity(&certificate);
    server = start(&config);
    port = http_server_port(server);
    assert_true(handshakes(port, TLS1_3_VERSION, "", 0));
    assert_true(handshakes(port, TLS1_2_VERSION, "", 0));
    assert_false(handshakes(port, TLS1_1_VERSION, "", 0));
    assert_true(handshakes(port, TLS1_3_VERSION, "\x02h2\x08http/1.1", 12));
    assert_false(handshakes(port, TLS1_3_VERSION, "\x02h2", 3));
    closed_after(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); /* no TLS at all */
    stop(server);
    tls_identity_free(config.tls);
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
        cmocka_unit_test(stopping_lets_requests_finish),
        cmocka_unit_test(stopping_cuts_requests_that_do_not_finish),
        cmocka_unit_test(answers_after_the_drain_time_come_too_late),
        cmocka_unit_test(a_port_is_not_shared),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(ipv6_is_served),
        cmocka_unit_test(only_modern_tls_and_http_1_1_are_spoken),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
