/* The aws-chunked decoder against recorded bodies, AWS's documented examples, and broken bodies. */
#include "request_vectors.h"

#include "compat/aws_chunked.h"
#include "compat/sigv4.h"

/* Decodes a whole body that arrives in pieces; `payload` gets what came out. */
static enum status decode(struct aws_chunked *decoder, struct bytes body, size_t piece_len, struct buffer *payload)
{
    for (size_t at = 0; at < body.len;) {
        size_t len = body.len - at < piece_len ? body.len - at : piece_len, consumed;
        struct bytes span;
        char *piece = malloc(len); /* exact, so that reading too far is seen */
        memcpy(piece, body.data + at, len);
        enum status status = aws_chunked_decode(decoder, bytes_of(piece, len), &consumed, &span);
        assert_true(consumed <= len);
        if (!status) {
            assert_true(consumed > 0);
            assert_true(span.data >= piece && span.data + span.len <= piece + consumed);
            assert_int_equal(buffer_append_bytes(payload, span), STATUS_OK);
        } else {
            assert_int_equal(span.len, 0);
        }
        free(piece);
        if (status)
            return status;
        at += consumed;
    }
    return aws_chunked_finish(decoder);
}

struct counts {
    unsigned signed_bodies, unsigned_bodies, with_crc32, mutations;
};

static void init_from_request(struct vector *vector, const struct auth_credentials *credentials,
                              struct aws_chunked *decoder)
{
    struct aws_chunked_keys keys = {
        {0}, credentials->signature, bytes_from_str(credentials->timestamp), credentials->scope};
    struct auth_verification verification;
    uint64_t length;

    assert_int_equal(auth_verify(&vector->request, credentials, BYTES(VECTOR_SECRET), NULL, &verification), STATUS_OK);
    memcpy(keys.signing_key, verification.signing_key, SHA256_LEN);
    auth_verification_release(&verification);
    assert_int_equal(bytes_parse_u64(vector_header(vector, "x-amz-decoded-content-length"), UINT64_MAX - 1, &length),
                     STATUS_OK);
    assert_int_equal(
        aws_chunked_init(decoder, credentials->payload, &keys, vector_header(vector, "x-amz-trailer"), length),
        STATUS_OK);
}

static void expect_crc32(const struct aws_chunked *decoder, const struct buffer *payload, struct counts *counts)
{
    struct bytes trailer = aws_chunked_trailer(decoder, "X-Amz-Checksum-CRC32");
    uint8_t expected[4];
    char text[16];

    if (!trailer.data)
        return;
    put_u32(expected, crc32_update(0, payload->data, payload->len));
    base64_encode(expected, sizeof expected, text);
    assert_true(bytes_equal_str(trailer, text));
    ++counts->with_crc32;
}

static void expect_mutations_fail(struct vector *vector, const struct auth_credentials *credentials,
                                  struct counts *counts)
{
    char *body = mem_strndup(vector->body.data, vector->body.len);

    for (size_t i = 0; i < vector->body.len; i += 1 + vector->body.len / 97) {
        struct aws_chunked decoder;
        struct buffer payload;
        buffer_init(&payload, vector->body.len);
        init_from_request(vector, credentials, &decoder);
        body[i] ^= 1;
        assert_int_not_equal(decode(&decoder, bytes_of(body, vector->body.len), SIZE_MAX, &payload), STATUS_OK);
        assert_int_not_equal(decoder.reason, AWS_CHUNKED_NO_ERROR);
        assert_false(aws_chunked_finished(&decoder));
        body[i] ^= 1;
        aws_chunked_release(&decoder);
        buffer_release(&payload);
        ++counts->mutations;
    }
    free(body);
}

static void decode_recorded(struct vector *vector, void *arg)
{
    static const size_t piece_lens[] = {SIZE_MAX, 1, 2, 7, 100};
    struct counts *counts = arg;
    struct auth_credentials credentials;
    struct s3_error_details error;

    assert_int_equal(auth_parse(&vector->request, vector->now_ms, &credentials, &error), STATUS_OK);
    if (credentials.payload == PAYLOAD_UNSIGNED || credentials.payload == PAYLOAD_SHA256 || !vector->complete)
        return;
    for (size_t i = 0; i < sizeof piece_lens / sizeof piece_lens[0]; ++i) {
        struct aws_chunked decoder;
        struct buffer payload;
        buffer_init(&payload, vector->body.len);
        init_from_request(vector, &credentials, &decoder);
        if (decode(&decoder, vector->body, piece_lens[i], &payload) != STATUS_OK)
            fail_msg("%s: reason %d", vector->name, decoder.reason);
        assert_true(aws_chunked_finished(&decoder));
        assert_int_equal(payload.len, decoder.declared);
        expect_crc32(&decoder, &payload, counts);
        aws_chunked_release(&decoder);
        buffer_release(&payload);
    }
    if (credentials.payload == PAYLOAD_STREAMING_SIGNED) {
        ++counts->signed_bodies;
        expect_mutations_fail(vector, &credentials, counts);
    } else {
        ++counts->unsigned_bodies;
    }
}

static void test_recorded_bodies(void **state)
{
    struct counts counts = {0};
    (void)state;

    vectors_each(decode_recorded, &counts);
    assert_int_equal(counts.unsigned_bodies, 16);
    assert_int_equal(counts.signed_bodies, 10);
    assert_int_equal(counts.with_crc32, 5 * 14);
    assert_true(counts.mutations > 500);
}

#define EXAMPLE_SECRET    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SEED              "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
#define TRAILER_SEED      "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
#define LAST_CHUNK        "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
#define CRC32C_TRAILER    "x-amz-checksum-crc32c:sOO8/Q=="
#define TRAILER_SIGNATURE "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"

static void example_keys(const char *seed, struct aws_chunked_keys *keys)
{
    keys->seed_signature = bytes_from_str(seed);
    keys->timestamp = BYTES("20130524T000000Z");
    keys->scope = BYTES("20130524/us-east-1/s3/aws4_request");
    sigv4_signing_key(BYTES(EXAMPLE_SECRET), BYTES("20130524"), BYTES("us-east-1"), BYTES("s3"), NULL,
                      keys->signing_key);
}

static void append_chunk(struct buffer *body, size_t len, const char *signature)
{
    (void)buffer_printf(body, "%zx;chunk-signature=%s\r\n", len, signature);
    memset(buffer_reserve(body, len), 'a', len);
    body->len += len;
    (void)buffer_append_str(body, "\r\n");
}

/* The two data chunks of the documented example with a trailer, then the given end. */
static enum aws_chunked_reason decode_trailer_example(const char *names, const char *end, size_t piece_len)
{
    struct aws_chunked decoder;
    struct aws_chunked_keys keys;
    struct buffer body, payload;

    buffer_init(&body, 100000);
    buffer_init(&payload, 100000);
    append_chunk(&body, 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
    append_chunk(&body, 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
    (void)buffer_append_str(&body, end);
    example_keys(TRAILER_SEED, &keys);
    assert_int_equal(aws_chunked_init(&decoder, PAYLOAD_STREAMING_SIGNED_TRAILER, &keys, bytes_from_str(names), 66560),
                     STATUS_OK);
    enum status status = decode(&decoder, buffer_bytes(&body), piece_len, &payload);
    assert_int_equal(status == STATUS_OK, decoder.reason == AWS_CHUNKED_NO_ERROR);
    assert_int_equal(status == STATUS_OK, aws_chunked_finished(&decoder));
    if (!status) {
        assert_int_equal(payload.len, 66560);
        assert_true(bytes_equal_str(aws_chunked_trailer(&decoder, "x-amz-checksum-crc32c"), "sOO8/Q=="));
        assert_null(aws_chunked_trailer(&decoder, "x-amz-trailer-signature").data);
    }
    enum aws_chunked_reason reason = decoder.reason;
    aws_chunked_release(&decoder);
    buffer_release(&body);
    buffer_release(&payload);
    return reason;
}

static void test_documented_signed_chunks(void **state)
{
    struct aws_chunked decoder;
    struct aws_chunked_keys keys;
    struct buffer body, payload;
    (void)state;

    buffer_init(&body, 100000);
    append_chunk(&body, 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
    append_chunk(&body, 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
    append_chunk(&body, 0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
    assert_int_equal(body.len, 66824); /* the Content-Length of the example */
    example_keys(SEED, &keys);
    for (unsigned swap = 0; swap < 2; ++swap) { /* the second time with a changed byte of payload */
        buffer_init(&payload, 100000);
        assert_int_equal(aws_chunked_init(&decoder, PAYLOAD_STREAMING_SIGNED, &keys, bytes_of(NULL, 0), 66560),
                         STATUS_OK);
        assert_int_equal(decode(&decoder, buffer_bytes(&body), 1000, &payload), swap ? STATUS_MISMATCH : STATUS_OK);
        assert_int_equal(decoder.reason, swap ? AWS_CHUNKED_SIGNATURE_MISMATCH : AWS_CHUNKED_NO_ERROR);
        aws_chunked_release(&decoder);
        buffer_release(&payload);
        body.data[66000] = 'b';
    }
    buffer_release(&body);
}

static void test_both_wire_forms_of_signed_trailers(void **state)
{
    static const char sdk[] = LAST_CHUNK CRC32C_TRAILER "\r\n" TRAILER_SIGNATURE "\r\n\r\n";
    static const char minio[] = LAST_CHUNK CRC32C_TRAILER "\n\r\n" TRAILER_SIGNATURE "\r\n\r\n";
    (void)state;

    for (size_t piece_len = 1; piece_len < 80; piece_len += 13) {
        assert_int_equal(decode_trailer_example("x-amz-checksum-crc32c", sdk, piece_len), AWS_CHUNKED_NO_ERROR);
        assert_int_equal(decode_trailer_example("x-amz-checksum-crc32c", minio, piece_len), AWS_CHUNKED_NO_ERROR);
    }
    assert_int_equal(decode_trailer_example(" X-Amz-Checksum-CRC32C ", sdk, SIZE_MAX), AWS_CHUNKED_NO_ERROR);
}

static void test_bad_signed_trailers(void **state)
{
    static const char names[] = "x-amz-checksum-crc32c";
    (void)state;

    assert_int_equal(decode_trailer_example(names, LAST_CHUNK CRC32C_TRAILER "\r\n\r\n", 50), AWS_CHUNKED_TRUNCATED);
    assert_int_equal(decode_trailer_example(names, LAST_CHUNK "\r\n", 50), AWS_CHUNKED_MALFORMED_TRAILER);
    assert_int_equal(
        decode_trailer_example(names, LAST_CHUNK "x-amz-checksum-crc32c:sOO9/Q==\r\n" TRAILER_SIGNATURE "\r\n\r\n", 50),
        AWS_CHUNKED_SIGNATURE_MISMATCH);
    assert_int_equal(decode_trailer_example(names, LAST_CHUNK TRAILER_SIGNATURE "\r\n" CRC32C_TRAILER "\r\n\r\n", 50),
                     AWS_CHUNKED_SIGNATURE_MISMATCH);
    assert_int_equal(
        decode_trailer_example(names,
                               LAST_CHUNK CRC32C_TRAILER "\r\n" TRAILER_SIGNATURE "\r\n" CRC32C_TRAILER "\r\n\r\n", 50),
        AWS_CHUNKED_MALFORMED_TRAILER);
    assert_int_equal(
        decode_trailer_example(names, LAST_CHUNK CRC32C_TRAILER "\r\nx-amz-trailer-signature:d81f\r\n\r\n", 50),
        AWS_CHUNKED_MALFORMED_TRAILER);
    assert_int_equal(decode_trailer_example("x-amz-checksum-crc32",
                                            LAST_CHUNK CRC32C_TRAILER "\r\n" TRAILER_SIGNATURE "\r\n\r\n", 50),
                     AWS_CHUNKED_MALFORMED_TRAILER);
}

struct unsigned_case {
    const char *names, *body;
    uint64_t declared;
    enum aws_chunked_reason reason;
};

static enum aws_chunked_reason decode_unsigned(const struct unsigned_case *test, size_t piece_len, char *payload_text)
{
    struct aws_chunked decoder;
    struct buffer payload;

    buffer_init(&payload, 1000);
    assert_int_equal(aws_chunked_init(&decoder, PAYLOAD_STREAMING_UNSIGNED_TRAILER, NULL, bytes_from_str(test->names),
                                      test->declared),
                     STATUS_OK);
    (void)decode(&decoder, bytes_from_str(test->body), piece_len, &payload);
    enum aws_chunked_reason reason = decoder.reason;
    snprintf(payload_text, 100, "%s", payload.data ? payload.data : "");
    aws_chunked_release(&decoder);
    buffer_release(&payload);
    return reason;
}

static void test_unsigned_bodies(void **state)
{
    static const struct unsigned_case cases[] = {
        {"x-amz-a", "5\r\nhello\r\n0\r\nx-amz-a:1\r\n\r\n", 5, AWS_CHUNKED_NO_ERROR},
        {"x-amz-a", "5\r\nhello\r\n0\r\nx-amz-a:1\n\r\n\r\n", 5, AWS_CHUNKED_NO_ERROR}, /* minio-go */
        {"x-amz-a,x-amz-b", "3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Amz-B: 2 \r\nx-amz-a:1\r\n\r\n", 5, AWS_CHUNKED_NO_ERROR},
        {"", "05\r\nhello\r\n0\r\n\r\n", AWS_CHUNKED_LENGTH_UNKNOWN, AWS_CHUNKED_NO_ERROR},
    };
    char payload[100];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        for (size_t piece_len = 1; piece_len < 60; ++piece_len) {
            assert_int_equal(decode_unsigned(&cases[i], piece_len, payload), cases[i].reason);
            assert_string_equal(payload, "hello");
        }
    }
}

static void test_broken_unsigned_bodies(void **state)
{
    static const struct unsigned_case cases[] = {
        {"", "", 0, AWS_CHUNKED_TRUNCATED},
        {"", "5\r\nhel", 5, AWS_CHUNKED_TRUNCATED},
        {"", "5\r\nhello\r\n", 5, AWS_CHUNKED_TRUNCATED},
        {"", "5\r\nhello\r\n0\r\n", 5, AWS_CHUNKED_TRUNCATED},
        {"", "5\r\nhello\r\n0\r\n\r", 5, AWS_CHUNKED_TRUNCATED},
        {"", "5\nhello\r\n0\r\n\r\n", 5, AWS_CHUNKED_MALFORMED_CHUNK},
        {"", "5\r\nhelloo\r\n0\r\n\r\n", 5, AWS_CHUNKED_MALFORMED_CHUNK},
        {"", "5\r\nhello\n\r0\r\n\r\n", 5, AWS_CHUNKED_MALFORMED_CHUNK},
        {"", "\r\nhello\r\n", 5, AWS_CHUNKED_MALFORMED_CHUNK},
        {"", "-5\r\nhello\r\n", 5, AWS_CHUNKED_MALFORMED_CHUNK},
        {"", "5 \r\nhello\r\n", 5, AWS_CHUNKED_MALFORMED_CHUNK},
        {"", "0x5\r\nhello\r\n", 5, AWS_CHUNKED_MALFORMED_CHUNK},
        {"", "5;chunk-signature=00\r\nhello\r\n", 5, AWS_CHUNKED_MALFORMED_CHUNK},
        {"", "1000000000000000\r\nhello\r\n", AWS_CHUNKED_LENGTH_UNKNOWN, AWS_CHUNKED_MALFORMED_CHUNK},
        {"", "fffffffffffffff\r\nhello\r\n", 5, AWS_CHUNKED_WRONG_LENGTH},
        {"", "6\r\nhello!\r\n0\r\n\r\n", 5, AWS_CHUNKED_WRONG_LENGTH},
        {"", "3\r\nhel\r\n3\r\nlo!\r\n0\r\n\r\n", 5, AWS_CHUNKED_WRONG_LENGTH},
        {"", "4\r\nhell\r\n0\r\n\r\n", 5, AWS_CHUNKED_WRONG_LENGTH},
        {"", "0\r\n\r\n\r\nx", 0, AWS_CHUNKED_TRAILING_DATA},
        {"", "0\r\n\r\nx", 0, AWS_CHUNKED_TRAILING_DATA},
        {"", "0\r\n\r\n\r\n\r\n", 0, AWS_CHUNKED_TRAILING_DATA},
        {"x-amz-a", "0\r\n\r\n", 0, AWS_CHUNKED_MALFORMED_TRAILER},
        {"x-amz-a", "0\r\nx-amz-b:1\r\n\r\n", 0, AWS_CHUNKED_MALFORMED_TRAILER},
        {"x-amz-a", "0\r\nx-amz-a:1\r\nx-amz-a:1\r\n\r\n", 0, AWS_CHUNKED_MALFORMED_TRAILER},
        {"x-amz-a", "0\r\nx-amz-a\r\n\r\n", 0, AWS_CHUNKED_MALFORMED_TRAILER},
        {"x-amz-a", "0\r\n:1\r\n\r\n", 0, AWS_CHUNKED_MALFORMED_TRAILER},
    };
    char payload[100];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i)
        for (size_t piece_len = 1; piece_len < 40; piece_len += 4)
            if (decode_unsigned(&cases[i], piece_len, payload) != cases[i].reason)
                fail_msg("case %zu in pieces of %zu: %d", i, piece_len, decode_unsigned(&cases[i], piece_len, payload));
}

/* Feeds the same bytes without an end. */
static void expect_bounded(const char *start, const char *endless, enum aws_chunked_reason reason, size_t max)
{
    struct aws_chunked decoder;
    struct bytes payload;
    size_t consumed, fed = 0;

    (void)aws_chunked_init(&decoder, PAYLOAD_STREAMING_UNSIGNED_TRAILER, NULL, BYTES("x-amz-a"), 0);
    enum status status = STATUS_OK;
    for (struct bytes rest = bytes_from_str(start); rest.len && !status;) {
        status = aws_chunked_decode(&decoder, rest, &consumed, &payload);
        rest = bytes_of(rest.data + consumed, rest.len - consumed);
    }
    while (!status && fed <= max) {
        status = aws_chunked_decode(&decoder, bytes_from_str(endless), &consumed, &payload);
        fed += consumed;
    }
    assert_true(fed <= max + strlen(endless));
    assert_int_equal(status, STATUS_INVALID);
    assert_int_equal(decoder.reason, reason);
    /* It stays bad. */
    assert_int_equal(aws_chunked_decode(&decoder, BYTES("0\r\n"), &consumed, &payload), STATUS_INVALID);
    assert_int_equal(aws_chunked_finish(&decoder), STATUS_INVALID);
    assert_int_equal(decoder.reason, reason);
    aws_chunked_release(&decoder);
}

static void test_lines_are_bounded(void **state)
{
    (void)state;
    expect_bounded("", "0", AWS_CHUNKED_MALFORMED_CHUNK, AWS_CHUNKED_HEADER_BYTES_MAX);
    expect_bounded("0\r\n", "x-amz-a:", AWS_CHUNKED_MALFORMED_TRAILER, AWS_CHUNKED_TRAILER_BYTES_MAX);
}

static void test_init_checks_its_input(void **state)
{
    struct aws_chunked decoder;
    struct aws_chunked_keys keys;
    char names[AWS_CHUNKED_NAMES_BYTES_MAX + 1];
    (void)state;

    example_keys("short", &keys);
    assert_int_equal(aws_chunked_init(&decoder, PAYLOAD_STREAMING_SIGNED, &keys, BYTES(""), 0), STATUS_INVALID);
    assert_int_equal(aws_chunked_init(&decoder, PAYLOAD_STREAMING_SIGNED, NULL, BYTES(""), 0), STATUS_INVALID);
    assert_int_equal(aws_chunked_init(&decoder, PAYLOAD_SHA256, NULL, BYTES(""), 0), STATUS_INVALID);
    memset(names, 'a', sizeof names);
    assert_int_equal(
        aws_chunked_init(&decoder, PAYLOAD_STREAMING_UNSIGNED_TRAILER, NULL, bytes_of(names, sizeof names), 0),
        STATUS_INVALID);
    assert_int_equal(
        aws_chunked_init(&decoder, PAYLOAD_STREAMING_UNSIGNED_TRAILER, NULL, BYTES("a,b,c,d,e,f,g,h,i"), 0),
        STATUS_INVALID);
    aws_chunked_release(&decoder);
    for (int reason = AWS_CHUNKED_MALFORMED_CHUNK; reason <= AWS_CHUNKED_TRAILING_DATA; ++reason) {
        struct s3_error_details error = {0};
        aws_chunked_error((enum aws_chunked_reason)reason, &error);
        assert_int_not_equal(error.code, S3_ERROR_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_bodies),
        cmocka_unit_test(test_documented_signed_chunks),
        cmocka_unit_test(test_both_wire_forms_of_signed_trailers),
        cmocka_unit_test(test_bad_signed_trailers),
        cmocka_unit_test(test_unsigned_bodies),
        cmocka_unit_test(test_broken_unsigned_bodies),
        cmocka_unit_test(test_lines_are_bounded),
        cmocka_unit_test(test_init_checks_its_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
