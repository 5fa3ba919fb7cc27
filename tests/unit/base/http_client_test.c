/* The HTTP client against a server that follows a script, good and bad. Expectations inside of tasks are recorded and
 * judged when the loop has ended, since cmocka leaves a failed test by longjmp, which must not cross stacks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "base/task.h"
#include "tests/unit/base/scripted_server.h"

#define PATIENCE_MS    20000
#define PARALLEL_CALLS 30
#define GROUP_LOOPS    3
#define GROUP_TASKS    2

static struct scripted_server server;
static const char *failed_expectation; /* atomic */
static int failed_line;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition) && !__atomic_load_n(&failed_expectation, __ATOMIC_ACQUIRE)) {                                 \
            failed_line = __LINE__;                                                                                    \
            __atomic_store_n(&failed_expectation, #condition, __ATOMIC_RELEASE);                                       \
        }                                                                                                              \
    } while (0)

struct run {
    void (*fn)(void);
    struct loop *loop;
};

static void run_main(void *arg)
{
    struct run *run = arg;
    run->fn();
    loop_stop(run->loop);
}

/* Runs fn as a task against a fresh server and a fresh loop. */
static void run(void (*fn)(void))
{
    struct run arg = {fn, loop_create()};

    scripted_server_start(&server);
    task_spawn(arg.loop, run_main, &arg);
    loop_run(arg.loop);
    loop_free(arg.loop);
    scripted_server_stop(&server);
    if (failed_expectation) {
        const char *text = failed_expectation;
        failed_expectation = NULL;
        fail_msg("line %d: %s", failed_line, text);
    }
}

static uint64_t soon(void)
{
    return clock_monotonic_ms() + PATIENCE_MS;
}

/* A URL of the server; valid until the next but seven. */
static const char *url(const char *path)
{
    static __thread char texts[8][256];
    static __thread unsigned next;
    char *text = texts[next++ % 8];

    snprintf(text, sizeof(texts[0]), "http://127.0.0.1:%u%s", server.port, path);
    return text;
}

/* An exchange whose answer is expected to be short; returns the outcome. */
static enum status exchange(struct http_call_options options, int *http_status, char body[2048])
{
    struct buffer response;

    buffer_init(&response, 2047);
    enum status status = http_exchange(&options, soon(), http_status, &response);
    memcpy(body, response.data ? response.data : "", response.len);
    body[response.len] = '\0';
    buffer_release(&response);
    return status;
}

static void expect_upload(struct http_call_options options, uint64_t total, uint32_t crc)
{
    char body[2048], want[64];
    int http_status;

    EXPECT(exchange(options, &http_status, body) == STATUS_OK);
    EXPECT(http_status == 200);
    snprintf(want, sizeof(want), "%llu %08x", (unsigned long long)total, crc);
    EXPECT(strcmp(body, want) == 0);
}

static char *pattern(size_t len)
{
    char *data = mem_alloc(len);
    for (size_t i = 0; i < len; i++)
        data[i] = pattern_at(i);
    return data;
}

/* Receives to the end; every byte must be the pattern's. Returns how many. */
static uint64_t receive_pattern(struct http_call *call, size_t step, enum status *status)
{
    uint64_t position = 0;
    struct bytes piece;

    while ((*status = http_call_receive(call, soon(), &piece)) == STATUS_OK && piece.len) {
        size_t take = piece.len < step ? piece.len : step;
        for (size_t i = 0; i < take; i++)
            EXPECT(piece.data[i] == pattern_at(position + i));
        position += take;
        http_call_consume(call, take);
    }
    return position;
}

static void task_response(void)
{
    struct http_call *call = http_call_start(&(struct http_call_options){.method = "GET", .url = url("/hello")});

    EXPECT(!http_call_head_arrived(call));
    EXPECT(http_call_header(call, "x-tag").data == NULL);
    EXPECT(http_call_status(call) == 0);
    EXPECT(http_call_wait_head(call, soon()) == STATUS_OK);
    EXPECT(http_call_status(call) == 200);
    EXPECT(bytes_equal_str(http_call_header(call, "X-Tag"), "first"));
    EXPECT(bytes_equal_str(http_call_header(call, "content-length"), "10"));
    EXPECT(http_call_header(call, "x-empty").data != NULL);
    EXPECT(http_call_header(call, "x-empty").len == 0);
    EXPECT(http_call_header(call, "x-ta").data == NULL);
    EXPECT(http_call_wait_end(call, soon()) == STATUS_OK);
    EXPECT(http_call_ended(call));
    EXPECT(bytes_equal_str(http_call_received(call), "0 00000000"));
    http_call_consume(call, 2);
    EXPECT(bytes_equal_str(http_call_received(call), "00000000"));
    http_call_consume(call, 8);
    struct bytes piece;
    EXPECT(http_call_receive(call, soon(), &piece) == STATUS_OK);
    EXPECT(piece.len == 0);
    http_call_free(call);
}

static void task_request_form(void)
{
    const char *const headers[] = {"X-One: 1", "Authorization: none", NULL};
    char body[2048], want[512];
    int http_status;

    EXPECT(
        exchange((struct http_call_options){.method = "GET", .url = url("/request/../a%2F?x=%20"), .headers = headers},
                 &http_status, body) == STATUS_OK);
    snprintf(want, sizeof(want),
             "GET /request/../a%%2F?x=%%20 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-One: 1\r\n"
             "Authorization: none\r\n\r\n",
             server.port);
    EXPECT(strcmp(body, want) == 0);

    EXPECT(exchange((struct http_call_options){.method = "PUT", .url = url("/request"), .body = BYTES("abc")},
                    &http_status, body) == STATUS_OK);
    snprintf(want, sizeof(want), "PUT /request HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Length: 3\r\n\r\n",
             server.port);
    EXPECT(strcmp(body, want) == 0);

    EXPECT(exchange((struct http_call_options){.method = "POST", .url = url("/request")}, &http_status, body) ==
           STATUS_OK);
    EXPECT(strncmp(body, "POST /request HTTP/1.1\r\n", 24) == 0);
    EXPECT(strstr(body, "\r\nContent-Length: 0\r\n") != NULL);

    EXPECT(exchange((struct http_call_options){.method = "DELETE", .url = url("/request")}, &http_status, body) ==
           STATUS_OK);
    snprintf(want, sizeof(want), "DELETE /request HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", server.port);
    EXPECT(strcmp(body, want) == 0);

    EXPECT(exchange((struct http_call_options){.method = "HEAD", .url = url("/hello")}, &http_status, body) ==
           STATUS_OK);
    EXPECT(http_status == 200 && body[0] == '\0');
    EXPECT(exchange((struct http_call_options){.method = "GET", .url = url("/missing")}, &http_status, body) ==
           STATUS_OK);
    EXPECT(http_status == 404);
    EXPECT(strcmp(body, "no") == 0);
    EXPECT(__atomic_load_n(&server.connection_count, __ATOMIC_RELAXED) == 1); /* kept and used again */
}

static void task_interim_and_trailers(void)
{
    struct http_call *call = http_call_start(&(struct http_call_options){.method = "GET", .url = url("/interim")});
    enum status status;

    EXPECT(http_call_wait_end(call, soon()) == STATUS_OK);
    EXPECT(http_call_status(call) == 200);
    EXPECT(bytes_equal_str(http_call_header(call, "X-Tag"), "first"));
    EXPECT(http_call_received(call).len == 10);
    http_call_free(call);

    call = http_call_start(&(struct http_call_options){.method = "GET", .url = url("/chunked/100000")});
    EXPECT(receive_pattern(call, SIZE_MAX, &status) == 100000);
    EXPECT(status == STATUS_OK);
    EXPECT(http_call_header(call, "X-Late").data == NULL);
    http_call_free(call);
}

static void task_download(void)
{
    static const size_t steps[] = {SIZE_MAX, 777, 65536};
    static const char *const paths[] = {"/bytes/3000000", "/chunked/3000000", "/bytes/1"};
    enum status status;

    for (unsigned path = 0; path < 3; path++) {
        for (unsigned step = 0; step < 3; step++) {
            struct http_call *call = http_call_start(
                &(struct http_call_options){.method = "GET", .url = url(paths[path]), .receive_window = step * 40000});
            uint64_t want = path < 2 ? 3000000 : 1;
            EXPECT(receive_pattern(call, steps[step], &status) == want);
            EXPECT(status == STATUS_OK);
            http_call_free(call);
        }
    }
    EXPECT(__atomic_load_n(&server.connection_count, __ATOMIC_RELAXED) == 1);
}

static void task_download_waits_for_its_reader(void)
{
    const uint32_t window = 100000;
    struct http_call *call = http_call_start(
        &(struct http_call_options){.method = "GET", .url = url("/bytes/50000000"), .receive_window = window});
    uint64_t until_ms = clock_monotonic_ms() + 200;
    enum status status;

    while (clock_monotonic_ms() < until_ms)
        task_park_until(until_ms);
    EXPECT(http_call_received(call).len <= window);
    EXPECT(http_call_received(call).len > window - 16384);
    EXPECT(__atomic_load_n(&server.bytes_sent, __ATOMIC_RELAXED) < 40000000);
    EXPECT(!http_call_ended(call));

    /* What was lent stays in place while more arrives. */
    struct bytes lent = http_call_received(call);
    http_call_consume(call, 10);
    lent = http_call_received(call);
    char *copy = mem_strndup(lent.data, lent.len);
    task_sleep_ms(20);
    EXPECT(http_call_received(call).data == lent.data);
    EXPECT(memcmp(copy, lent.data, lent.len) == 0);
    free(copy);
    http_call_consume(call, lent.len);

    uint64_t got = 10 + lent.len;
    struct bytes piece;
    while ((status = http_call_receive(call, soon(), &piece)) == STATUS_OK && piece.len) {
        EXPECT(piece.len <= window);
        EXPECT(piece.data[piece.len - 1] == pattern_at(got + piece.len - 1));
        got += piece.len;
        http_call_consume(call, piece.len);
    }
    EXPECT(status == STATUS_OK);
    EXPECT(got == 50000000);
    http_call_free(call);
}

/* A streamed body: pauses after each piece until the feeding task says more. */
struct feed {
    uint64_t total, position, allowed;
    unsigned pauses, rewinds;
    bool cancel;
};

static size_t feed_read(void *arg, char *out, size_t capacity)
{
    struct feed *feed = arg;
    size_t len = 0;

    EXPECT(task_self() == NULL);
    if (feed->cancel)
        return HTTP_CALL_CANCEL;
    while (len < capacity && feed->position < feed->allowed)
        out[len++] = pattern_at(feed->position++);
    if (len == 0 && feed->position < feed->total) {
        feed->pauses++;
        return HTTP_CALL_PAUSE;
    }
    return len;
}

static bool feed_rewind(void *arg)
{
    struct feed *feed = arg;

    feed->rewinds++;
    feed->position = 0;
    return true;
}

static struct http_call *feed_start(struct feed *feed, const char *path, bool chunked, bool can_rewind)
{
    return http_call_start(&(struct http_call_options){.method = "PUT",
                                                       .url = url(path),
                                                       .read = feed_read,
                                                       .rewind = can_rewind ? feed_rewind : NULL,
                                                       .read_arg = feed,
                                                       .body_length = chunked ? UINT64_MAX : feed->total});
}

static void task_upload_streamed(void)
{
    char *data = pattern(300000), want[64];

    snprintf(want, sizeof(want), "300000 %08x", crc32c_update(0, data, 300000));
    for (int chunked = 0; chunked < 2; chunked++) {
        struct feed feed = {.total = 300000};
        struct http_call *call = feed_start(&feed, "/hello", chunked, true);
        while (feed.allowed < feed.total) {
            unsigned pauses = feed.pauses;
            feed.allowed += feed.allowed % 2 ? 1 : 29999;
            if (feed.allowed > feed.total)
                feed.allowed = feed.total;
            http_call_resume(call);
            for (uint64_t end = soon();
                 feed.pauses == pauses && feed.allowed < feed.total && clock_monotonic_ms() < end;)
                task_yield();
            EXPECT(http_call_bytes_sent(call) <= feed.allowed);
        }
        EXPECT(http_call_wait_end(call, soon()) == STATUS_OK);
        EXPECT(bytes_equal_str(http_call_received(call), want));
        EXPECT(http_call_bytes_sent(call) == 300000);
        EXPECT(feed.pauses >= 10);
        http_call_free(call);
    }
    free(data);
}

static void task_upload_whole(void)
{
    const size_t sizes[] = {0, 1, 65535, 65536, 3000000};
    char *data = pattern(3000000);

    for (unsigned i = 0; i < 5; i++)
        expect_upload((struct http_call_options){.method = "PUT", .url = url("/hello"), .body = {data, sizes[i]}},
                      sizes[i], crc32c_update(0, data, sizes[i]));
    EXPECT(__atomic_load_n(&server.connection_count, __ATOMIC_RELAXED) == 1);

    struct http_call *call =
        http_call_start(&(struct http_call_options){.method = "PUT", .url = url("/hello"), .body = {data, 60000}});
    EXPECT(http_call_wait_end(call, soon()) == STATUS_OK);
    EXPECT(http_call_bytes_sent(call) == 60000);
    http_call_free(call);
    free(data);
}

/* The server closes a kept connection when the second request has come: it must go out again on a new one. */
static void task_stale_connections(void)
{
    const size_t sizes[] = {10, 200000};
    char *data = pattern(200000), body[2048];
    int http_status;

    for (unsigned i = 0; i < 2; i++) {
        EXPECT(exchange((struct http_call_options){.method = "GET", .url = url("/hello")}, &http_status, body) ==
               STATUS_OK);
        expect_upload((struct http_call_options){.method = "PUT", .url = url("/vanish"), .body = {data, sizes[i]}},
                      sizes[i], crc32c_update(0, data, sizes[i]));
    }
    struct feed feed = {.total = 1000, .allowed = 1000};
    struct http_call *call = feed_start(&feed, "/vanish", false, true);
    EXPECT(http_call_wait_end(call, soon()) == STATUS_OK);
    EXPECT(http_call_status(call) == 200);
    EXPECT(feed.rewinds == 1);
    http_call_free(call);

    feed = (struct feed){.total = 1000, .allowed = 1000};
    call = feed_start(&feed, "/vanish", false, false);
    EXPECT(http_call_wait_end(call, soon()) == STATUS_CLOSED);
    EXPECT(http_call_status(call) == 0);
    http_call_free(call);
    free(data);
}

static void expect_outcome(const char *address, enum status want)
{
    char body[2048];
    int http_status = -1;

    EXPECT(exchange((struct http_call_options){.method = "GET", .url = address}, &http_status, body) == want);
}

static void task_failures(void)
{
    enum status status;
    uint16_t port;

    expect_outcome(url("/reset"), STATUS_CLOSED);
    expect_outcome(url("/large-head"), STATUS_IO);
    expect_outcome(url("/garbage"), STATUS_IO);
    expect_outcome("http://127.0.0.1:99999/", STATUS_INVALID);
    expect_outcome("ftp://127.0.0.1/", STATUS_IO);
    int fd = listen_on_loopback(1, &port);
    close(fd); /* nobody listens there now */
    char address[64];
    snprintf(address, sizeof(address), "http://127.0.0.1:%u/", port);
    expect_outcome(address, STATUS_UNAVAILABLE);

    static const char *const paths[] = {"/truncate/50000", "/truncate-chunked/50000"};
    for (unsigned i = 0; i < 2; i++) {
        struct http_call *call = http_call_start(&(struct http_call_options){.method = "GET", .url = url(paths[i])});
        EXPECT(receive_pattern(call, SIZE_MAX, &status) == 50000);
        EXPECT(status == STATUS_CLOSED);
        EXPECT(http_call_status(call) == 200);
        http_call_free(call);
    }
}

/* A listener whose queue is full does not answer connection attempts. */
static void task_connect_timeout(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint16_t port;
    int listener = listen_on_loopback(0, &port), fillers[4], http_status;
    char text[64];

    address.sin_port = htons(port);
    for (unsigned i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    snprintf(text, sizeof(text), "http://127.0.0.1:%u/", port);
    struct http_call_options options = {.method = "GET", .url = text, .connect_timeout_ms = 100};
    uint64_t start_ms = clock_monotonic_ms();
    EXPECT(http_exchange(&options, soon(), &http_status, NULL) == STATUS_TIMEOUT);
    EXPECT(clock_monotonic_ms() - start_ms < PATIENCE_MS / 2);
    EXPECT(http_status == 0);
    for (unsigned i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

static void task_stalls(void)
{
    struct http_call *call = http_call_start(&(struct http_call_options){.method = "GET", .url = url("/stall")});
    uint64_t started_ms = http_call_last_progress_ms(call);
    struct bytes piece;

    EXPECT(clock_monotonic_ms() - started_ms < PATIENCE_MS);
    EXPECT(http_call_wait_head(call, clock_monotonic_ms() + 50) == STATUS_TIMEOUT);
    EXPECT(http_call_receive(call, clock_monotonic_ms() + 1, &piece) == STATUS_TIMEOUT);
    EXPECT(http_call_wait_end(call, 0) == STATUS_TIMEOUT);
    EXPECT(!http_call_ended(call));
    EXPECT(http_call_last_progress_ms(call) == started_ms);
    http_call_free(call); /* closes the connection, which the server sees */
    for (uint64_t end = soon(); !__atomic_load_n(&server.peers_gone, __ATOMIC_ACQUIRE) && clock_monotonic_ms() < end;)
        task_yield();
    EXPECT(__atomic_load_n(&server.peers_gone, __ATOMIC_ACQUIRE) == 1);
}

static void task_early_answers(void)
{
    struct feed paused = {.total = 1000, .allowed = 10};
    struct http_call *call = feed_start(&paused, "/early", false, true);

    /* The rest of the body never comes, and is not asked for. */
    EXPECT(http_call_wait_end(call, soon()) == STATUS_OK);
    EXPECT(http_call_status(call) == 507);
    EXPECT(bytes_equal_str(http_call_received(call), "full"));
    EXPECT(http_call_bytes_sent(call) == 10);
    http_call_free(call);

    struct feed endless = {.total = UINT64_C(1) << 40, .allowed = UINT64_C(1) << 40};
    call = feed_start(&endless, "/early", true, true);
    EXPECT(http_call_wait_end(call, soon()) == STATUS_OK);
    EXPECT(http_call_status(call) == 507);
    http_call_free(call);
}

static void task_cancellation(void)
{
    struct feed feed = {.total = 1000, .allowed = 10};
    struct http_call *call = feed_start(&feed, "/hello", false, true);

    while (!feed.pauses)
        task_yield();
    feed.cancel = true;
    http_call_resume(call);
    EXPECT(http_call_wait_end(call, soon()) == STATUS_CANCELLED);
    http_call_resume(call); /* does no harm */
    http_call_free(call);

    /* Freed at every stage: at once, with a pause ended but not acted upon, amid a body. */
    http_call_free(feed_start(&feed, "/hello", false, true));
    feed = (struct feed){.total = 1000, .allowed = 10};
    call = feed_start(&feed, "/hello", false, true);
    while (!feed.pauses)
        task_yield();
    http_call_resume(call);
    http_call_free(call);
    call = http_call_start(&(struct http_call_options){.method = "GET", .url = url("/bytes/5000000")});
    struct bytes piece;
    EXPECT(http_call_receive(call, soon(), &piece) == STATUS_OK);
    http_call_free(call);
    task_sleep_ms(5);
}

static void task_limit(void)
{
    struct http_call_options options = {.method = "GET", .url = url("/bytes/1000")};
    struct buffer response;
    int http_status;

    buffer_init(&response, 999);
    EXPECT(http_exchange(&options, soon(), &http_status, &response) == STATUS_LIMIT);
    EXPECT(http_status == 200);
    buffer_release(&response);
    buffer_init(&response, 1000);
    EXPECT(http_exchange(&options, soon(), &http_status, &response) == STATUS_OK);
    EXPECT(response.len == 1000);
    buffer_release(&response);
    EXPECT(http_exchange(&options, soon(), &http_status, NULL) == STATUS_OK);
}

static void task_many_at_once(void)
{
    struct http_call *calls[PARALLEL_CALLS];
    unsigned ended;
    uint64_t deadline_ms = soon();

    for (unsigned i = 0; i < PARALLEL_CALLS; i++)
        calls[i] = http_call_start(&(struct http_call_options){
            .method = "PUT", .url = url(i % 2 ? "/hello" : "/bytes/20000"), .body = BYTES("123456789")});
    do {
        ended = 0;
        for (unsigned i = 0; i < PARALLEL_CALLS; i++)
            ended += http_call_ended(calls[i]);
    } while (ended < PARALLEL_CALLS && task_park_until(deadline_ms));
    EXPECT(ended == PARALLEL_CALLS);
    for (unsigned i = 0; i < PARALLEL_CALLS; i++) {
        EXPECT(http_call_outcome(calls[i]) == STATUS_OK);
        if (i % 2)
            EXPECT(bytes_equal_str(http_call_received(calls[i]), "9 e3069283"));
        else
            EXPECT(http_call_received(calls[i]).len == 20000);
        http_call_free(calls[i]);
    }
}

static void group_main(void *arg)
{
    (void)arg;
    task_upload_streamed();
    task_many_at_once();
}

static void test_group(void **state)
{
    struct loop_group group;

    (void)state;
    scripted_server_start(&server);
    loop_group_start(&group, GROUP_LOOPS);
    for (unsigned i = 0; i < GROUP_LOOPS; i++)
        for (unsigned j = 0; j < GROUP_TASKS; j++)
            task_spawn(group.loops[i], group_main, NULL);
    loop_group_stop(&group); /* waits for its tasks */
    scripted_server_stop(&server);
    if (failed_expectation)
        fail_msg("line %d: %s", failed_line, failed_expectation);
}

#define TASK_TEST(name)                                                                                                \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        run(task_##name);                                                                                              \
    }

TASK_TEST(response)
TASK_TEST(request_form)
TASK_TEST(interim_and_trailers)
TASK_TEST(download)
TASK_TEST(download_waits_for_its_reader)
TASK_TEST(upload_streamed)
TASK_TEST(upload_whole)
TASK_TEST(stale_connections)
TASK_TEST(failures)
TASK_TEST(connect_timeout)
TASK_TEST(stalls)
TASK_TEST(early_answers)
TASK_TEST(cancellation)
TASK_TEST(limit)
TASK_TEST(many_at_once)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_response),
        cmocka_unit_test(test_request_form),
        cmocka_unit_test(test_interim_and_trailers),
        cmocka_unit_test(test_download),
        cmocka_unit_test(test_download_waits_for_its_reader),
        cmocka_unit_test(test_upload_streamed),
        cmocka_unit_test(test_upload_whole),
        cmocka_unit_test(test_stale_connections),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_stalls),
        cmocka_unit_test(test_early_answers),
        cmocka_unit_test(test_cancellation),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
