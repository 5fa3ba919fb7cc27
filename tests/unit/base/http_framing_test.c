/* Request heads and the chunked coding, byte by byte where it matters. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/http_framing.h"

#define HEAD_BYTES_MAX 4096

static enum http_head_result parse(const char *text, struct http_head *head, const struct http_refusal **refusal)
{
    *refusal = NULL;
    return http_head_parse(bytes_from_str(text), 0, HEAD_BYTES_MAX, head, refusal);
}

static void assert_bytes(struct bytes bytes, const char *expected)
{
    assert_int_equal(bytes.len, strlen(expected));
    assert_memory_equal(bytes.data, expected, bytes.len);
}

static void a_head_is_split(void **state)
{
    const char *text = "PUT /b/k%2F?acl&x=%20 HTTP/1.1\r\nHost: a.b:80\r\nX-Thing:  two words \t\r\nContent-Length: "
                       "5\r\nExpect: 100-Continue\r\n\r\nhello";
    const struct http_refusal *refusal;
    struct http_head head;

    (void)state;
    assert_int_equal(parse(text, &head, &refusal), HTTP_HEAD_COMPLETE);
    assert_bytes(head.method, "PUT");
    assert_bytes(head.target, "/b/k%2F?acl&x=%20");
    assert_bytes(head.path, "/b/k%2F");
    assert_bytes(head.query, "acl&x=%20");
    assert_int_equal(head.header_count, 4);
    assert_bytes(head.headers[1].name, "X-Thing");
    assert_bytes(head.headers[1].value, "two words");
    assert_int_equal(head.content_length, 5);
    assert_true(head.expect_continue);
    assert_true(head.keep_alive);
    assert_false(head.chunked);
    assert_false(head.version_1_0);
    assert_string_equal(text + head.len, "hello");
}

static void an_empty_expectation_is_none(void **state)
{
    const struct http_refusal *refusal;
    struct http_head head;

    (void)state;
    assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: x\r\nExpect: \r\nContent-Length: 1\r\n\r\n", &head, &refusal),
                     HTTP_HEAD_COMPLETE);
    assert_false(head.expect_continue);
    assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: x\r\nExpect: x\r\nContent-Length: 1\r\n\r\n", &head, &refusal),
                     HTTP_HEAD_REFUSED);
    assert_int_equal(refusal->status, 417);
}

static void an_absent_query_is_not_an_empty_one(void **state)
{
    const struct http_refusal *refusal;
    struct http_head head;

    (void)state;
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\r\n\r\n", &head, &refusal), HTTP_HEAD_COMPLETE);
    assert_null(head.query.data);
    assert_int_equal(parse("GET /? HTTP/1.1\r\nHost: x\r\n\r\n", &head, &refusal), HTTP_HEAD_COMPLETE);
    assert_non_null(head.query.data);
    assert_int_equal(head.query.len, 0);
    assert_bytes(head.path, "/");
}

static void every_prefix_is_incomplete(void **state)
{
    const char text[] = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n";
    const struct http_refusal *refusal;
    struct http_head head;

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        assert_int_equal(http_head_parse(bytes_of(text, len), 0, HEAD_BYTES_MAX, &head, &refusal),
                         HTTP_HEAD_INCOMPLETE);
        assert_int_equal(http_head_parse(bytes_of(text, len), len > 0 ? len - 1 : 0, HEAD_BYTES_MAX, &head, &refusal),
                         HTTP_HEAD_INCOMPLETE);
    }
    assert_int_equal(
        http_head_parse(bytes_of(text, sizeof(text) - 1), sizeof(text) - 2, HEAD_BYTES_MAX, &head, &refusal),
        HTTP_HEAD_COMPLETE);
    assert_true(head.chunked);
    assert_true(head.content_length == HTTP_LENGTH_UNKNOWN);
}

static void keep_alive_follows_version_and_connection(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: foo , CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    const struct http_refusal *refusal;
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(cases[i].text, &head, &refusal), HTTP_HEAD_COMPLETE);
        assert_int_equal(head.keep_alive, cases[i].keep_alive);
    }
}

static void absolute_targets_are_reduced(void **state)
{
    const struct http_refusal *refusal;
    struct http_head head;

    (void)state;
    assert_int_equal(parse("GET HTTP://a.b:80/k?q HTTP/1.1\r\nHost: A.b:80\r\n\r\n", &head, &refusal),
                     HTTP_HEAD_COMPLETE);
    assert_bytes(head.target, "/k?q");
    assert_bytes(head.path, "/k");
    assert_bytes(head.query, "q");
    assert_int_equal(parse("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", &head, &refusal), HTTP_HEAD_COMPLETE);
    assert_bytes(head.path, "/");
    assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &head, &refusal), HTTP_HEAD_COMPLETE);
    assert_bytes(head.path, "*");
}

static void harmless_forms_are_accepted(void **state)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: tab\tand \xc3\xa4\r\n\r\n",
        "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    const struct http_refusal *refusal;
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(parse(texts[i], &head, &refusal), HTTP_HEAD_COMPLETE);
}

static void ambiguous_heads_are_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"PUT / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 501},
        {"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n", 417},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c: d\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nA(: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nA: b\001c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nA: b\177c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: x\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n\n", 400},
        {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GE(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400},
        {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400}, /* an empty authority */
        {"GET http:///a HTTP/1.1\r\nHost:\r\n\r\n", 400},
        {"GET http:///a HTTP/1.0\r\n\r\n", 400},
        {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
        {"GET / HTTP/0.9\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
    };
    const struct http_refusal *refusal;
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum http_head_result result = parse(cases[i].text, &head, &refusal);

        if (result != HTTP_HEAD_REFUSED || refusal->status != cases[i].status)
            fail_msg("%s: result %d, status %d", cases[i].text, result, refusal != NULL ? refusal->status : 0);
    }
}

static void an_embedded_nul_is_refused(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n";
    const struct http_refusal *refusal;
    struct http_head head;

    (void)state;
    assert_int_equal(http_head_parse(bytes_of(text, sizeof(text) - 1), 0, HEAD_BYTES_MAX, &head, &refusal),
                     HTTP_HEAD_REFUSED);
    assert_int_equal(refusal->status, 400);
}

/* "GET / HTTP/1.1", Host and then `count` headers with values of `len` bytes. */
static size_t many_headers(char *out, size_t capacity, int count, int len)
{
    size_t used = (size_t)snprintf(out, capacity, "GET / HTTP/1.1\r\nHost: x\r\n");

    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(out + used, capacity - used, "A%d: %0*d\r\n", i, len, 0);
    return used + (size_t)snprintf(out + used, capacity - used, "\r\n");
}

static void the_size_of_a_head_is_bounded(void **state)
{
    const struct http_refusal *refusal;
    struct http_head head;
    char text[16384];
    size_t len;

    (void)state;
    len = many_headers(text, sizeof(text), HTTP_HEADERS_MAX - 2, 1);
    assert_int_equal(http_head_parse(bytes_of(text, len), 0, sizeof(text), &head, &refusal), HTTP_HEAD_COMPLETE);
    assert_int_equal(head.header_count, HTTP_HEADERS_MAX - 1);
    len = many_headers(text, sizeof(text), HTTP_HEADERS_MAX + 20, 1);
    assert_int_equal(http_head_parse(bytes_of(text, len), 0, sizeof(text), &head, &refusal), HTTP_HEAD_REFUSED);
    assert_int_equal(refusal->status, 431);
    len = many_headers(text, sizeof(text), 1, HEAD_BYTES_MAX);
    assert_int_equal(http_head_parse(bytes_of(text, len), 0, HEAD_BYTES_MAX, &head, &refusal), HTTP_HEAD_REFUSED);
    assert_int_equal(refusal->status, 431);
    assert_int_equal(http_head_parse(bytes_of(text, HEAD_BYTES_MAX - 1), 0, HEAD_BYTES_MAX, &head, &refusal),
                     HTTP_HEAD_INCOMPLETE);
}

/* Decodes text in pieces of `step` bytes into out; returns the status of the last piece. */
static enum status decode(const char *text, size_t step, char *out, size_t *out_len, size_t *rest)
{
    struct http_chunked chunked = {0};
    enum status status = STATUS_OK;
    size_t len = strlen(text), at = 0;
    char piece[512];

    *out_len = 0;
    while (at < len && !chunked.ended && status == STATUS_OK) {
        size_t piece_len = len - at < step ? len - at : step, decoded = 0, consumed = 0;

        memcpy(piece, text + at, piece_len);
        status = http_chunked_decode(&chunked, piece, piece_len, &decoded, &consumed);
        memcpy(out + *out_len, piece, decoded);
        *out_len += decoded;
        at += consumed;
    }
    *rest = len - at;
    return status == STATUS_OK && !chunked.ended ? STATUS_CLOSED : status;
}

static void chunks_are_joined_however_they_arrive(void **state)
{
    const char *text =
        "5\r\nhello\r\n0006;name=\"value\"\r\n world\r\n1 ;x\r\n!\r\n0\r\nX-Trailer: 1\r\nY: 2\r\n\r\nGET /";
    char out[512];
    size_t len, rest;

    (void)state;
    for (size_t step = 1; step < 120; step++) {
        assert_int_equal(decode(text, step, out, &len, &rest), STATUS_OK);
        assert_int_equal(len, 12);
        assert_memory_equal(out, "hello world!", 12);
        assert_int_equal(rest, 5);
    }
    assert_int_equal(decode("0\r\n\r\n", 100, out, &len, &rest), STATUS_OK);
    assert_int_equal(len, 0);
    assert_int_equal(decode("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 100, out, &len, &rest), STATUS_OK);
    assert_int_equal(len, 20);
    assert_int_equal(decode("5\r\nhel", 100, out, &len, &rest), STATUS_CLOSED);
}

static void bad_chunks_are_refused(void **state)
{
    static const char *const texts[] = {
        "zz\r\n",
        "\r\n",
        "-5\r\nhello",
        "0x5\r\nhello",
        "5\nhello\r\n",
        "5\r\nhello!\r\n",
        "5\r\nhello\n",
        "5\rhello",
        "5;a\nb\r\nhello",
        "5;a\001\r\n",
        "00000000000000001\r\n",
        "0\r\n\n",
        "0\r\nA: b\n\r\n",
        "0\r\nA\r\r\n\r\n",
        " 5\r\nhello\r\n",
    };
    char out[512];
    size_t len, rest;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t step = 1; step < 8; step++) {
            if (decode(texts[i], step, out, &len, &rest) != STATUS_INVALID)
                fail_msg("accepted: %s", texts[i]);
        }
    }
}

static void extensions_are_bounded_by_the_body(void **state)
{
    struct http_chunked chunked = {0};
    enum status status = STATUS_OK;
    size_t decoded, consumed, total = 0;
    char text[600];

    (void)state;
    while (status == STATUS_OK && total < 1000000) { /* a byte of body for every 500 of extension */
        snprintf(text, sizeof(text), "1;%0500d\r\nx\r\n", 0);
        total += strlen(text);
        status = http_chunked_decode(&chunked, text, strlen(text), &decoded, &consumed);
    }
    assert_int_equal(status, STATUS_INVALID);
    assert_in_range(total, 16384, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_split),
        cmocka_unit_test(an_empty_expectation_is_none),
        cmocka_unit_test(an_absent_query_is_not_an_empty_one),
        cmocka_unit_test(every_prefix_is_incomplete),
        cmocka_unit_test(keep_alive_follows_version_and_connection),
        cmocka_unit_test(absolute_targets_are_reduced),
        cmocka_unit_test(harmless_forms_are_accepted),
        cmocka_unit_test(ambiguous_heads_are_refused),
        cmocka_unit_test(an_embedded_nul_is_refused),
        cmocka_unit_test(the_size_of_a_head_is_bounded),
        cmocka_unit_test(chunks_are_joined_however_they_arrive),
        cmocka_unit_test(bad_chunks_are_refused),
        cmocka_unit_test(extensions_are_bounded_by_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
