/* What the HTTP server does not put up with, and how it starts and stops: sizes, timeouts, rates, the number of
 * connections, TLS versions, ports in use. Each test has a server of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "tests/unit/base/http_peer.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/http_server.h"
#include "base/loop.h"
#include "base/task.h"

#define LONG_MS  20000
#define SHORT_MS 200

static struct loop_group loops;
static char directory[] = "/tmp/tercet-limits-XXXXXX", cert[64], key[64];
static int outcome;          /* atomic: status of the handler's last read or write, -1 before */
static unsigned sleeping;    /* atomic: handlers in /sleep */
static unsigned let_them_go; /* atomic: ends /sleep */

/* It must not use cmocka's asserts: it runs on other threads. */
static void handle(struct http_request *request, void *arg)
{
    static char piece[65536];
    enum status status = STATUS_OK;
    size_t len;

    (void)arg;
    if (bytes_equal_str(request->path, "/sink")) {
        do
            status = http_body_read(request, piece, sizeof(piece), &len);
        while (status == STATUS_OK && len > 0);
        __atomic_store_n(&outcome, (int)status, __ATOMIC_RELAXED);
        http_reply(request, status ? 408 : 200, bytes_from_str(status_name(status)));
    } else if (bytes_equal_str(request->path, "/endless")) {
        status = http_reply_start(request, 200, HTTP_LENGTH_UNKNOWN);
        while (status == STATUS_OK)
            status = http_reply_write(request, piece, sizeof(piece));
        __atomic_store_n(&outcome, (int)status, __ATOMIC_RELAXED);
    } else if (bytes_equal_str(request->path, "/sleep")) {
        __atomic_fetch_add(&sleeping, 1, __ATOMIC_RELAXED);
        while (!__atomic_load_n(&let_them_go, __ATOMIC_RELAXED))
            task_sleep_ms(1);
        __atomic_fetch_sub(&sleeping, 1, __ATOMIC_RELAXED);
        status = http_reply(request, 200, BYTES("slept"));
        __atomic_store_n(&outcome, (int)status, __ATOMIC_RELAXED);
    } else {
        http_reply(request, 200, request->path);
    }
}

static struct http_server_config patient(void)
{
    return (struct http_server_config){
        .address = "127.0.0.1",
        .handler = handle,
        .idle_timeout_ms = LONG_MS,
        .head_timeout_ms = LONG_MS,
        .body_timeout_ms = LONG_MS,
        .write_timeout_ms = LONG_MS,
    };
}

static struct http_server *start(const struct http_server_config *config)
{
    struct http_server *server;

    __atomic_store_n(&outcome, -1, __ATOMIC_RELAXED);
    __atomic_store_n(&let_them_go, 0, __ATOMIC_RELAXED);
    assert_int_equal(http_server_start(&loops, config, &server), STATUS_OK);
    assert_int_not_equal(http_server_port(server), 0);
    return server;
}

static void stop(struct http_server *server)
{
    http_server_stop(server, 1000);
    assert_int_equal(http_server_connections(server), 0);
    http_server_free(server);
}

static void wait_for_outcome(enum status expected)
{
    uint64_t deadline_ms = clock_monotonic_ms() + 10000;

    while (__atomic_load_n(&outcome, __ATOMIC_RELAXED) == -1) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        usleep(1000);
    }
    assert_int_equal(__atomic_load_n(&outcome, __ATOMIC_RELAXED), expected);
}

static void wait_for_sleepers(unsigned count)
{
    uint64_t deadline_ms = clock_monotonic_ms() + 10000;

    while (__atomic_load_n(&sleeping, __ATOMIC_RELAXED) != count) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        usleep(1000);
    }
}

/* Says text, then waits for the server to close; returns after how many milliseconds it did. */
static uint64_t closed_after(uint16_t port, const char *text)
{
    uint64_t start_ms = clock_monotonic_ms();
    struct peer peer;

    peer_open(&peer, port, false);
    peer_say(&peer, text);
    while (peer_receive(&peer))
        ;
    peer_close(&peer);
    return clock_monotonic_ms() - start_ms;
}

static void silent_connections_are_closed(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;

    (void)state;
    config.idle_timeout_ms = SHORT_MS;
    server = start(&config);
    assert_in_range(closed_after(http_server_port(server), ""), SHORT_MS, 5000);
    assert_in_range(closed_after(http_server_port(server), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), SHORT_MS, 5000);
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
    assert_in_range(closed_after(http_server_port(server), "GET / HTTP/1.1\r\nHost"), SHORT_MS, 5000);
    peer_open(&peer, http_server_port(server), false); /* more bytes do not buy more time */
    start_ms = clock_monotonic_ms();
    while (peer_send(&peer, "G", 1) == 1 && clock_monotonic_ms() < start_ms + 10000)
        usleep(5000);
    assert_in_range(clock_monotonic_ms() - start_ms, SHORT_MS, 5000);
    peer_close(&peer);
    config.tls_cert = cert;
    config.tls_key = key;
    stop(server);
    server = start(&config); /* a handshake, too */
    assert_in_range(closed_after(http_server_port(server), ""), SHORT_MS, 5000);
    stop(server);
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
    peer_expect(&peer, 408, true, status_name(STATUS_TIMEOUT));
    peer_close(&peer);
    wait_for_outcome(STATUS_TIMEOUT);
    peer_open(&peer, http_server_port(server), false); /* slow but steady */
    peer_say(&peer, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n");
    for (int i = 0; i < 30; i++) {
        usleep(20000);
        peer_say(&peer, "x");
    }
    peer_expect(&peer, 200, false, status_name(STATUS_OK));
    peer_close(&peer);
    stop(server);
}

/* Sends pieces of `bytes` every 20 ms until the server answers or 50 pieces are sent; returns the answer's status. */
static int trickle(uint16_t port, size_t bytes)
{
    char text[128], piece[1000] = {0};
    struct answer answer;
    struct peer peer;
    int status;

    peer_open(&peer, port, false);
    snprintf(text, sizeof(text), "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", 50 * bytes);
    peer_say(&peer, text);
    for (int i = 0; i < 50; i++) {
        usleep(20000);
        if (peer_send(&peer, piece, bytes) < bytes || recv(peer.fd, piece, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
            break;
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
    assert_int_equal(trickle(http_server_port(server), 4), 408);
    assert_int_equal(trickle(http_server_port(server), 500), 200);
    stop(server);
}

static void an_answer_must_be_read(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer peer;

    (void)state;
    config.write_timeout_ms = SHORT_MS;
    server = start(&config);
    peer_open(&peer, http_server_port(server), false);
    peer_say(&peer, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_outcome(STATUS_TIMEOUT);
    peer_close(&peer);
    stop(server);
}

static void heads_have_a_maximum(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    char *text = malloc(100000);
    struct peer peer;
    size_t len;

    (void)state;
    config.head_bytes_max = 16384;
    server = start(&config);
    for (int huge = 0; huge < 3; huge++) { /* in one read, in several, too many headers */
        len = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
        memset(text + len, 'a', 90000);
        len += huge == 0 ? 16384 - len - 4 : 90000;
        len += (size_t)sprintf(text + len, "\r\n\r\n");
        if (huge == 2) {
            len = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\n");
            for (int i = 0; i < 120; i++)
                len += (size_t)sprintf(text + len, "A%d: a\r\n", i);
            len += (size_t)sprintf(text + len, "\r\n");
        }
        peer_open(&peer, http_server_port(server), false);
        assert_int_equal(peer_send(&peer, text, len), len);
        peer_expect(&peer, huge == 0 ? 200 : 431, huge != 0, NULL);
        peer_close(&peer);
    }
    free(text);
    stop(server);
}

static void connections_have_a_maximum(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer peers[3], late;

    (void)state;
    config.connections_max = 3;
    server = start(&config);
    for (int i = 0; i < 3; i++) {
        peer_open(&peers[i], http_server_port(server), false);
        peer_say(&peers[i], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_expect(&peers[i], 200, false, "/a");
    }
    peer_open(&late, http_server_port(server), false);
    peer_say(&late, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&late, 503, true, NULL);
    assert_true(peer_at_end(&late));
    peer_close(&late);
    for (int i = 0; i < 3; i++)
        peer_close(&peers[i]);
    stop(server);
}

struct stopping {
    struct http_server *server;
    uint64_t drain_ms;
    uint64_t took_ms;
};

static void *stop_thread(void *arg)
{
    struct stopping *stopping = arg;
    uint64_t start_ms = clock_monotonic_ms();

    http_server_stop(stopping->server, stopping->drain_ms);
    stopping->took_ms = clock_monotonic_ms() - start_ms;
    return NULL;
}

/* Until every loop has closed its listener. */
static void wait_until_refused(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    uint64_t deadline_ms = clock_monotonic_ms() + 10000;
    int result;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    do {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        result = connect(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
        assert_true(clock_monotonic_ms() < deadline_ms);
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
    assert_int_equal(http_server_requests(stopping.server), 1);
    pthread_create(&thread, NULL, stop_thread, &stopping);
    assert_true(peer_at_end(&idle));
    wait_until_refused(http_server_port(stopping.server));
    __atomic_store_n(&let_them_go, 1, __ATOMIC_RELAXED);
    peer_expect(&busy, 200, true, "slept");
    assert_true(peer_at_end(&busy));
    pthread_join(thread, NULL);
    assert_in_range(stopping.took_ms, 0, 5000);
    assert_int_equal(http_server_connections(stopping.server), 0);
    http_server_free(stopping.server);
    peer_close(&idle);
    peer_close(&busy);
}

static void stopping_cuts_what_does_not_finish(void **state)
{
    struct http_server_config config = patient();
    struct stopping stopping = {.drain_ms = 50};
    struct peer reading, sleeping_peer;
    pthread_t thread;

    (void)state;
    stopping.server = start(&config);
    peer_open(&reading, http_server_port(stopping.server), false);
    peer_say(&reading, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
    while (http_server_requests(stopping.server) == 0)
        usleep(1000); /* a connection without a request is closed at once */
    pthread_create(&thread, NULL, stop_thread, &stopping);
    pthread_join(thread, NULL);
    assert_in_range(stopping.took_ms, 50, 3000);
    wait_for_outcome(STATUS_CLOSED);
    http_server_free(stopping.server);
    peer_close(&reading);

    stopping.server = start(&config);
    peer_open(&sleeping_peer, http_server_port(stopping.server), false);
    peer_say(&sleeping_peer, "GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_sleepers(1);
    pthread_create(&thread, NULL, stop_thread, &stopping);
    usleep(100000); /* beyond the drain time: the answer comes too late */
    __atomic_store_n(&let_them_go, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    wait_for_outcome(STATUS_CLOSED);
    http_server_free(stopping.server);
    peer_close(&sleeping_peer);
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
    config = patient();
    config.tls_cert = key;
    config.tls_key = key;
    assert_int_equal(http_server_start(&loops, &config, &server), STATUS_INVALID);
    config.tls_cert = cert;
    config.tls_key = "/nonexistent";
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
    config.tls_cert = cert;
    config.tls_key = key;
    server = start(&config);
    port = http_server_port(server);
    assert_true(handshakes(port, TLS1_3_VERSION, "", 0));
    assert_true(handshakes(port, TLS1_2_VERSION, "", 0));
    assert_false(handshakes(port, TLS1_1_VERSION, "", 0));
    assert_true(handshakes(port, TLS1_3_VERSION, "\x02h2\x08http/1.1", 12));
    assert_false(handshakes(port, TLS1_3_VERSION, "\x02h2", 3));
    closed_after(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); /* no TLS at all */
    stop(server);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(cert, sizeof(cert), "%s/cert.pem", directory);
    snprintf(key, sizeof(key), "%s/key.pem", directory);
    make_certificate(cert, key);
    loop_group_start(&loops, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_group_stop(&loops);
    assert_int_equal(task_count(), 0);
    unlink(cert);
    unlink(key);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_connections_are_closed),
        cmocka_unit_test(a_head_must_be_complete_in_time),
        cmocka_unit_test(a_body_must_go_on),
        cmocka_unit_test(a_body_must_not_trickle),
        cmocka_unit_test(an_answer_must_be_read),
        cmocka_unit_test(heads_have_a_maximum),
        cmocka_unit_test(connections_have_a_maximum),
        cmocka_unit_test(stopping_lets_requests_finish),
        cmocka_unit_test(stopping_cuts_what_does_not_finish),
        cmocka_unit_test(a_port_is_not_shared),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(ipv6_is_served),
        cmocka_unit_test(only_modern_tls_and_http_1_1_are_spoken),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
