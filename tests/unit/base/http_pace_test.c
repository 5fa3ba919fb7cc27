/* Answers that clients take slowly: the minimum rate, who may pause, and who goes when others need the place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/base/limited_server.h"

#include "base/http_pauses.h"

/* Reads at this rate for so long, every step_ms as much as is due. False once the connection is cut. */
static bool read_at_rate(struct peer *peer, uint64_t bytes_per_second, uint64_t for_ms, unsigned step_ms)
{
    uint64_t elapsed_ms = 0, taken = 0;
    static char piece[65536];

    while (elapsed_ms < for_ms) {
        pass(step_ms);
        elapsed_ms += step_ms;
        while (taken < bytes_per_second * elapsed_ms / 1000) {
            uint64_t due = bytes_per_second * elapsed_ms / 1000 - taken;
            ssize_t len = recv(peer->fd, piece, due < sizeof(piece) ? due : sizeof(piece), 0);

            if (len <= 0)
                return false;
            taken += (uint64_t)len;
        }
    }
    return true;
}

static void an_answer_must_be_read(void **state)
{
    struct http_server_config config = patient();
    struct http_server *server;
    struct peer peer;

    (void)state;
    config.rate_bytes_per_second_min = 100000;
    config.rate_window_ms = SHORT_MS;
    config.pause_timeout_ms = SHORT_MS;
    server = start(&config);
    begin_endless(&peer, http_server_port(server), "/endless", 4096);
    assert_true(pass_until_outcome(STATUS_TIMEOUT) >= 2 * SHORT_MS); /* the window, then the pause */
    peer_close(&peer);
    stop(server);
}

static struct http_server *start_with_a_rate(void)
{
    struct http_server_config config = patient();

    config.rate_bytes_per_second_min = 20000;
    config.rate_window_ms = 1000;
    config.pause_timeout_ms = 1;
    return start(&config);
}

/* At twice the minimum rate nobody is ever behind by a window: with a small buffer, with a large one whose system
 * speaks of it in steps that take longer than the window, and in bursts. */
static void an_answer_may_be_read_at_the_minimum_rate(void **state)
{
    static const struct {
        int receive_bytes;
        unsigned step_ms;
    } rows[] = {{4096, 20}, {0, 20}, {0, 700}};
    struct peer peer;

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct http_server *server = start_with_a_rate();

        begin_endless(&peer, http_server_port(server), "/endless", rows[i].receive_bytes);
        assert_true(read_at_rate(&peer, 40000, 4000, rows[i].step_ms));
        assert_int_equal(__atomic_load_n(&outcome, __ATOMIC_RELAXED), -1);
        peer_reset(&peer);
        stop(server);
    }
}

/* Of what is on its way to it, it may get more than it was cut after. */
static void an_answer_may_not_be_read_at_half_the_minimum_rate(void **state)
{
    struct http_server *server = start_with_a_rate();
    struct peer peer;

    (void)state;
    begin_endless(&peer, http_server_port(server), "/endless", 4096);
    read_at_rate(&peer, 10000, 4000, 20);
    pass_until_outcome(STATUS_TIMEOUT);
    peer_close(&peer);
    stop(server);
}

static unsigned count_pauses(struct http_pauses *pauses)
{
    unsigned count;

    pthread_mutex_lock(&pauses->lock);
    count = pauses->count;
    pthread_mutex_unlock(&pauses->lock);
    return count;
}

static void pass_until_pauses(struct http_pauses *pauses, unsigned count)
{
    uint64_t start_ms = clock_monotonic_ms();

    while (count_pauses(pauses) != count) {
        assert_true(clock_monotonic_ms() < start_ms + LONG_MS / 2);
        pass(STEP_MS);
    }
}

/* Who pauses goes on when it likes, unless somebody needs its place: then the longest paused one goes. */
static void paused_answers_make_room(void **state)
{
    struct http_server_config config = patient();
    struct http_pauses pauses;
    struct http_server *server;
    struct peer first, second;

    (void)state;
    http_pauses_init(&pauses);
    config.pauses = &pauses;
    config.rate_bytes_per_second_min = 100000;
    config.rate_window_ms = SHORT_MS;
    server = start(&config);
    assert_false(http_pauses_cut_longest(&pauses, ENDLESS_PLACE));
    begin_endless(&first, http_server_port(server), "/endless", 4096);
    pass_until_pauses(&pauses, 1);
    begin_endless(&second, http_server_port(server), "/endless", 4096);
    pass_until_pauses(&pauses, 2);
    assert_true(read_at_rate(&first, 4000000, 500, STEP_MS)); /* it goes on, and pauses again */
    pass_until_pauses(&pauses, 2);
    assert_int_equal(__atomic_load_n(&outcome, __ATOMIC_RELAXED), -1);
    assert_false(http_pauses_cut_longest(&pauses, ENDLESS_PLACE + 1));
    assert_true(http_pauses_cut_longest(&pauses, ENDLESS_PLACE));
    wait_for_outcome(STATUS_TIMEOUT);
    assert_false(read_at_rate(&second, 4000000, 10000, STEP_MS)); /* that had paused for longer */
    assert_true(read_at_rate(&first, 4000000, 500, STEP_MS));
    peer_close(&first);
    peer_close(&second);
    stop(server);
    assert_int_equal(pauses.count, 0);
}

/* An answer that was told to go when its last bytes were written is whole, and the connection serves what comes next.
 */
static void who_is_told_to_go_too_late_stays(void **state)
{
    struct http_server_config config = patient();
    struct http_pauses pauses;
    struct http_server *server;
    struct answer answer;
    struct peer peer;

    (void)state;
    http_pauses_init(&pauses);
    config.pauses = &pauses;
    config.rate_bytes_per_second_min = 4000000000; /* everybody is behind */
    config.rate_window_ms = SHORT_MS;
    config.pause_timeout_ms = 1000 * LONG_MS;
    server = start(&config);
    begin_endless(&peer, http_server_port(server), "/late", 65536);
    pass_until_pauses(&pauses, 1);
    while (__atomic_load_n(&outcome, __ATOMIC_RELAXED) == -1) {
        pass(STEP_MS); /* so that it is behind at the last bytes, too */
        assert_true(peer_receive(&peer));
    }
    wait_for_outcome(STATUS_OK);
    assert_true(http_pauses_cut_longest(&pauses, ENDLESS_PLACE));
    let_go();
    peer_answer(&peer, &answer);
    assert_true(answer.complete);
    answer_free(&answer);
    peer_say(&peer, "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    peer_expect(&peer, 100, false, NULL);
    pass(STEP_MS); /* it waits for the body now */
    peer_say(&peer, "body");
    peer_expect(&peer, 200, false, "ok");
    peer_close(&peer);
    stop(server);
}

/* What has no place to give cannot be asked for it. */
static void an_answer_without_a_place_may_not_pause(void **state)
{
    struct http_server_config config = patient();
    struct http_pauses pauses;
    struct http_server *server;
    struct peer peer;

    (void)state;
    http_pauses_init(&pauses);
    config.pauses = &pauses;
    config.rate_bytes_per_second_min = 100000;
    config.rate_window_ms = SHORT_MS;
    server = start(&config);
    begin_endless(&peer, http_server_port(server), "/endless?without", 4096);
    assert_true(pass_until_outcome(STATUS_TIMEOUT) < LONG_MS / 2);
    peer_close(&peer);
    stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_must_be_read),
        cmocka_unit_test(an_answer_may_be_read_at_the_minimum_rate),
        cmocka_unit_test(an_answer_may_not_be_read_at_half_the_minimum_rate),
        cmocka_unit_test(paused_answers_make_room),
        cmocka_unit_test(who_is_told_to_go_too_late_stays),
        cmocka_unit_test(an_answer_without_a_place_may_not_pause),
    };

    return cmocka_run_group_tests(tests, start_loops, stop_loops);
}
