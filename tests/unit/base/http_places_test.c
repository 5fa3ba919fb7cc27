/* What connections, peers and heads may take of the HTTP server, and who makes room for whom. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/base/limited_server.h"

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
            for (int i = 0; i < 600; i++)
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

static bool is_vital(struct bytes path)
{
    return bytes_equal_str(path, "/health");
}

/* Nobody can make room: what supervisors ask for is answered all the same, and the rest told to come again. */
static void connections_have_a_maximum(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer peers[3], late;
    struct answer answer;

    (void)state;
    config.connections_max = 3;
    config.is_vital = is_vital;
    server = start(&config);
    for (int i = 0; i < 3; i++)
        open_from(&peers[i], http_server_port(server), "127.0.0.1", true);
    for (int i = 0; i < 300; i++) { /* more than the reserve has places */
        peer_open(&late, http_server_port(server), false);
        peer_say(&late, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_answer(&late, &answer);
        assert_int_equal(answer.status, 503);
        assert_true(answer_closes(&answer));
        assert_string_equal(answer_header(&answer, "Retry-After"), "1");
        assert_string_equal(answer_header(&answer, "X-Amz-Retry-After"), "1000");
        answer_free(&answer);
        assert_true(peer_at_end(&late));
        peer_close(&late);
        peer_open(&late, http_server_port(server), false);
        peer_say(&late, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_expect(&late, 200, true, "/health");
        peer_close(&late);
    }
    end_sleepers(peers, 3);
    stop(server);
}

/* However many connections say nothing, the reserve has room for one that does. */
static void silent_connections_do_not_fill_the_reserve(void **state)
{
    struct http_server_config config = patient();
    struct peer busy, silent[600], late;
    struct http_server *server;

    (void)state;
    config.connections_max = 1;
    config.is_vital = is_vital;
    server = start(&config);
    open_from(&busy, http_server_port(server), "127.0.0.1", true);
    for (int i = 0; i < 600; i++)
        peer_open(&silent[i], http_server_port(server), false);
    peer_open(&late, http_server_port(server), false);
    peer_say(&late, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&late, 200, true, "/health");
    peer_close(&late);
    for (int i = 0; i < 600; i++)
        peer_close(&silent[i]);
    end_sleepers(&busy, 1);
    stop(server);
}

static bool is_endless(struct bytes path)
{
    return bytes_equal_str(path, "/endless");
}

/* Who asks there for metrics and reads nothing has its place for a moment only, though it is not behind for long. */
static void unread_answers_do_not_fill_the_reserve(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer busy, unread;

    (void)state;
    config.connections_max = 1;
    config.is_vital = is_endless;
    server = start(&config);
    open_from(&busy, http_server_port(server), "127.0.0.1", true);
    begin_endless(&unread, http_server_port(server), "/endless", 4096);
    assert_true(pass_until_outcome(STATUS_TIMEOUT) < LONG_MS / 2);
    peer_close(&unread);
    end_sleepers(&busy, 1);
    stop(server);
}

static void the_greediest_peer_makes_room(void **state)
{
    struct http_server_config config = patient();
    struct peer modest, greedy[3], late;
    struct http_server *server;

    (void)state;
    config.connections_max = 4;
    server = start_on_one_loop(&config);
    open_from(&modest, http_server_port(server), "127.0.0.2", false); /* it waits for the longest time */
    for (int i = 0; i < 3; i++)
        open_from(&greedy[i], http_server_port(server), "127.0.0.3", i == 0);
    open_from(&late, http_server_port(server), "127.0.0.4", false);
    assert_true(peer_at_end(&greedy[1]));
    peer_say(&greedy[2], "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&greedy[2], 200, false, "/b");
    peer_say(&modest, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&modest, 200, false, "/b");
    peer_close(&modest);
    peer_close(&greedy[1]);
    peer_close(&greedy[2]);
    peer_close(&late);
    end_sleepers(greedy, 1);
    stop(server);
}

static void a_peer_has_a_part_of_the_places(void **state)
{
    struct http_server_config config = patient();
    struct peer greedy[3], other;
    struct http_server *server;

    (void)state;
    config.connections_max = 4;
    config.connections_per_peer_max = 2;
    server = start_on_one_loop(&config);
    open_from(&greedy[0], http_server_port(server), "127.0.0.2", true);
    open_from(&greedy[1], http_server_port(server), "127.0.0.2", false);
    open_from(&other, http_server_port(server), "127.0.0.3", false);
    open_from(&greedy[2], http_server_port(server), "127.0.0.2", true); /* its own connection goes for it */
    assert_true(peer_at_end(&greedy[1]));
    peer_close(&greedy[1]);
    peer_say(&other, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&other, 200, false, "/b");
    peer_close(&other);
    peer_open(&other, http_server_port(server), false); /* from 127.0.0.1 */
    peer_say(&other, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_expect(&other, 200, false, "/b");
    peer_close(&other);
    greedy[1] = greedy[2];
    end_sleepers(greedy, 2);
    stop(server);
}

/* Takes the one of three that has an answer to the end; it must be refused. */
static void take_refused(struct peer peers[3])
{
    struct pollfd fds[3];
    struct answer answer;
    struct peer refused;
    int which = 0;

    for (int i = 0; i < 3; i++)
        fds[i] = (struct pollfd){.fd = peers[i].fd, .events = POLLIN};
    assert_true(poll(fds, 3, 20000) > 0);
    while (fds[which].revents == 0)
        which++;
    refused = peers[which];
    peers[which] = peers[2];
    peers[2] = refused;
    peer_answer(&peers[2], &answer);
    assert_int_equal(answer.status, 503);
    /* this server was given no form of its own for what it refuses */
    assert_string_equal(answer_header(&answer, "Content-Type"), "text/plain");
    assert_string_equal(answer.body, "The server has too many large request heads; retry later.\n");
    answer_free(&answer);
}

/* Two unfinished heads fill the memory of large ones; small ones and what is under way do not care. */
static void large_heads_share_memory(void **state)
{
    struct http_server_config config = patient();
    struct peer large[3], small;
    struct http_server *server;
    char *text = malloc(60000);

    (void)state;
    memset(text, 'a', 60000);
    config.head_memory_max = 150000;
    server = start(&config);
    for (int i = 0; i < 3; i++) {
        peer_open(&large[i], http_server_port(server), false);
        peer_say(&large[i], "GET /large HTTP/1.1\r\nHost: x\r\nA: ");
        assert_int_equal(peer_send(&large[i], text, 60000), 60000);
    }
    take_refused(large);
    peer_open(&small, http_server_port(server), false);
    peer_say(&small, "GET /small HTTP/1.1\r\nHost: x\r\nA: ");
    assert_int_equal(peer_send(&small, text, 7000), 7000);
    peer_say(&small, "\r\n\r\n");
    peer_expect(&small, 200, false, "/small");
    for (int i = 0; i < 2; i++) {
        peer_say(&large[i], "\r\n\r\n");
        peer_expect(&large[i], 200, false, "/large");
        peer_close(&large[i]);
    }
    for (int i = 0; i < 5; i++) { /* and what they had is there again */
        peer_say(&small, "GET /again HTTP/1.1\r\nHost: x\r\nA: ");
        assert_int_equal(peer_send(&small, text, 60000), 60000);
        peer_say(&small, "\r\n\r\n");
        peer_expect(&small, 200, false, "/again");
    }
    peer_close(&large[2]);
    peer_close(&small);
    free(text);
    stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_have_a_maximum),
        cmocka_unit_test(connections_have_a_maximum),
        cmocka_unit_test(silent_connections_do_not_fill_the_reserve),
        cmocka_unit_test(unread_answers_do_not_fill_the_reserve),
        cmocka_unit_test(the_greediest_peer_makes_room),
        cmocka_unit_test(a_peer_has_a_part_of_the_places),
        cmocka_unit_test(large_heads_share_memory),
    };

    return cmocka_run_group_tests(tests, start_loops, stop_loops);
}
