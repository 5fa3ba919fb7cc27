/* What the HTTP server refuses by itself reaches clients as an S3 error with the id of the request. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../base/http_peer.h"
#include "base/loop.h"
#include "gateway/front/refusal.h"

static void handle_nothing(struct http_request *request, void *arg)
{
    (void)request;
    (void)arg;
}

static void expect_error(uint16_t port, const char *head, int status, const char *code, const char *message)
{
    char expected[1024], id[17];
    struct answer answer;
    struct peer peer;

    peer_open(&peer, port, false);
    peer_say(&peer, head);
    peer_answer(&peer, &answer);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer_header(&answer, "Content-Type"), "application/xml");
    snprintf(id, sizeof(id), "%.16s", answer_header(&answer, "x-amz-request-id"));
    assert_int_equal(strlen(id), 16);
    assert_string_equal(answer_header(&answer, "x-amz-id-2"), id);
    snprintf(expected, sizeof(expected),
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message>"
             "<RequestId>%s</RequestId><HostId>%s</HostId></Error>",
             code, message, id, id);
    assert_int_equal(answer.len, strlen(expected));
    assert_memory_equal(answer.body, expected, answer.len);
    answer_free(&answer);
    peer_close(&peer);
}

static void test_refusals_are_s3_errors(void **state)
{
    const struct http_server_config config = {
        .address = "127.0.0.1", .handler = handle_nothing, .refuse = gateway_refuse};
    struct loop_group loops;
    struct http_server *server;

    (void)state;
    loop_group_start(&loops, 1);
    assert_int_equal(http_server_start(&loops, &config, &server), STATUS_OK);
    uint16_t port = http_server_port(server);
    expect_error(port, "GET / HTTP/1.1\r\n\r\n", 400, "BadRequest", "The request needs exactly one valid Host header.");
    expect_error(port, "GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505, "HTTPVersionNotSupported",
                 "The HTTP version is not supported; use HTTP/1.1.");
    expect_error(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 500, "InternalError", "The request was not answered.");
    http_server_stop(server, 1000);
    http_server_free(server);
    loop_group_stop(&loops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals_are_s3_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
