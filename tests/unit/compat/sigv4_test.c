/* Signature Version 4 against recorded clients and AWS's documented examples. */
#include "request_vectors.h"

#include "compat/sigv4.h"

struct counts {
    struct sigv4_key_cache cache;
    unsigned header, query, bodies, mutations;
};

static enum status verify(struct vector *vector, struct sigv4_key_cache *cache, const char *secret)
{
    struct auth_credentials credentials;
    struct auth_verification verification;
    struct s3_error_details error;

    enum status status = auth_parse(&vector->request, vector->now_ms, &credentials, &error);
    if (status)
        return STATUS_CANCELLED; /* told apart from a mismatch */
    status = auth_verify(&vector->request, &credentials, bytes_from_str(secret), cache, &verification);
    auth_verification_release(&verification);
    return status;
}

static void verify_recorded(struct vector *vector, void *arg)
{
    struct counts *counts = arg;
    struct auth_credentials credentials;
    struct s3_error_details error;
    uint8_t digest[SHA256_LEN];

    if (strncmp(vector->type, "v4-", 3) != 0)
        return;
    if (auth_parse(&vector->request, vector->now_ms, &credentials, &error) != STATUS_OK)
        fail_msg("%s: %s: %s", vector->name, s3_error_code(error.code), error.message);
    bool header = strcmp(vector->type, "v4-header") == 0;
    assert_int_equal(credentials.type, header ? AUTH_V4_HEADER : AUTH_V4_QUERY);
    assert_true(bytes_equal_str(credentials.access_key, VECTOR_ACCESS_KEY));
    assert_true(bytes_equal_str(credentials.region, "us-east-1"));
    if (verify(vector, &counts->cache, VECTOR_SECRET) != STATUS_OK)
        fail_msg("%s: the signature does not match", vector->name);
    assert_int_equal(verify(vector, &counts->cache, "another"), STATUS_DENIED);
    *(header ? &counts->header : &counts->query) += 1;
    if (credentials.payload != PAYLOAD_SHA256 || !vector->complete)
        return;
    sha256_of(vector->body.data, vector->body.len, digest);
    assert_memory_equal(digest, credentials.payload_sha256, SHA256_LEN);
    ++counts->bodies;
}

static void test_recorded_requests_verify(void **state)
{
    struct counts counts = {0};
    (void)state;

    vectors_each(verify_recorded, &counts);
    assert_int_equal(counts.header, 706);
    assert_int_equal(counts.query, 8);
    assert_int_equal(counts.bodies, 550);
    sigv4_key_cache_release(&counts.cache);
}

/* Changes one byte, expects a mismatch, and puts it back. */
static void expect_mismatch(struct vector *vector, char *at, struct counts *counts)
{
    char before = *at;

    *at = before == '0' ? '1' : '0';
    vector_parse(vector);
    if (verify(vector, &counts->cache, VECTOR_SECRET) != STATUS_DENIED)
        fail_msg("%s: still verifies with a changed byte at %zu", vector->name, (size_t)(at - vector->text));
    *at = before;
    vector_parse(vector);
    ++counts->mutations;
}

static void change_recorded(struct vector *vector, void *arg)
{
    struct counts *counts = arg;

    if (strncmp(vector->type, "v4-", 3) != 0)
        return;
    bool header = strcmp(vector->type, "v4-header") == 0;
    char *signature = vector_find(vector, "Signature=") + strlen("Signature=");
    expect_mismatch(vector, signature, counts);
    expect_mismatch(vector, signature + 63, counts);
    expect_mismatch(vector, (char *)vector->request.method.data, counts);
    expect_mismatch(vector, (char *)vector_header(vector, "host").data, counts);
    if (vector->request.path.len > 1)
        expect_mismatch(vector, (char *)vector->request.path.data + 1, counts);
    if (header && vector->query.count)
        expect_mismatch(vector, (char *)memchr(vector->text, '?', vector->text_len) + 1, counts);
    if (!header)
        return;
    /* The last digit of the seconds: the request stays within the skew. */
    expect_mismatch(vector, (char *)vector_header(vector, "x-amz-date").data + 14, counts);
    struct bytes hash = vector_header(vector, "x-amz-content-sha256");
    if (hash.len == 64)
        expect_mismatch(vector, (char *)hash.data + 5, counts);
}

static void test_changed_requests_do_not_verify(void **state)
{
    struct counts counts = {0};
    (void)state;

    vectors_each(change_recorded, &counts);
    assert_true(counts.mutations > 4000);
    sigv4_key_cache_release(&counts.cache);
}

#define EXAMPLE_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EXAMPLE_SCOPE  "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
#define EMPTY_SHA256   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void expect_example(const char *head, enum status expected)
{
    struct vector vector;

    vector_init(&vector, head, strlen(head));
    assert_int_equal(verify(&vector, NULL, EXAMPLE_SECRET), expected);
    vector_release(&vector);
}

static void test_documented_examples(void **state)
{
    (void)state;
    expect_example("GET /test.txt HTTP/1.1\r\n"
                   "Host: examplebucket.s3.amazonaws.com\r\n"
                   "Authorization: AWS4-HMAC-SHA256 Credential=" EXAMPLE_SCOPE ","
                   "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                   "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\r\n"
                   "Range: bytes=0-9\r\n"
                   "x-amz-content-sha256: " EMPTY_SHA256 "\r\n"
                   "x-amz-date: 20130524T000000Z\r\n\r\n",
                   STATUS_OK);
    expect_example("GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
                   "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
                   "X-Amz-SignedHeaders=host&X-Amz-Signature="
                   "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1\r\n"
                   "Host: examplebucket.s3.amazonaws.com\r\n\r\n",
                   STATUS_OK);
    expect_example("GET /?lifecycle HTTP/1.1\r\n"
                   "Host: examplebucket.s3.amazonaws.com\r\n"
                   "Authorization: AWS4-HMAC-SHA256 Credential=" EXAMPLE_SCOPE ","
                   "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
                   "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543\r\n"
                   "x-amz-content-sha256: " EMPTY_SHA256 "\r\n"
                   "x-amz-date: 20130524T000000Z\r\n\r\n",
                   STATUS_OK);
}

/* Signs the canonical request as a client that is told what to send and what to sign. */
static void build_signed(const char *target, const char *canonical_target, const char *headers,
                         const char *canonical_headers, const char *signed_headers, struct buffer *head)
{
    struct buffer text;
    uint8_t key[SHA256_LEN], digest[SHA256_LEN];
    char digest_text[2 * SHA256_LEN + 1], signature[SIGV4_SIGNATURE_LEN + 1];

    buffer_init(&text, 4096);
    buffer_init(head, 4096);
    (void)buffer_printf(&text, "GET\n%s\n%s\n%s\nUNSIGNED-PAYLOAD", canonical_target, canonical_headers,
                        signed_headers);
    sha256_of(text.data, text.len, digest);
    hex_encode(digest, sizeof digest, digest_text);
    buffer_clear(&text);
    (void)buffer_printf(&text, "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n%s",
                        digest_text);
    sigv4_signing_key(BYTES(EXAMPLE_SECRET), BYTES("20130524"), BYTES("us-east-1"), BYTES("s3"), NULL, key);
    sigv4_sign(key, buffer_bytes(&text), signature);
    (void)buffer_printf(
        head,
        "GET %s HTTP/1.1\r\n%sX-Amz-Content-SHA256: UNSIGNED-PAYLOAD\r\nX-Amz-Date: 20130524T000000Z\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=" EXAMPLE_SCOPE ", SignedHeaders=%s, Signature=%s\r\n\r\n",
        target, headers, signed_headers, signature);
    buffer_release(&text);
}

#define BASE_HEADERS "x-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:20130524T000000Z\n"
#define BASE_SIGNED  "host;x-amz-content-sha256;x-amz-date"

static void expect_target(const char *target, const char *canonical_target, enum status expected)
{
    struct buffer head;
    struct vector vector;
    struct auth_credentials credentials;
    struct auth_verification verification;
    struct s3_error_details error;

    build_signed(target, canonical_target, "Host: h\r\n", "host:h\n" BASE_HEADERS, BASE_SIGNED, &head);
    vector_init(&vector, head.data, head.len);
    assert_int_equal(auth_parse(&vector.request, vector.now_ms, &credentials, &error), STATUS_OK);
    assert_int_equal(auth_verify(&vector.request, &credentials, BYTES(EXAMPLE_SECRET), NULL, &verification), expected);
    auth_verification_release(&verification);
    vector_release(&vector);
    buffer_release(&head);
}

static void test_path_is_encoded_once_and_not_normalised(void **state)
{
    (void)state;
    expect_target("/b/a%20b", "/b/a%20b\n", STATUS_OK);
    expect_target("/b/a%2520b", "/b/a%2520b\n", STATUS_OK);
    expect_target("/b/./..//%2e", "/b/./..//.\n", STATUS_OK);
    expect_target("/b/!'()*:@", "/b/%21%27%28%29%2A%3A%40\n", STATUS_OK);
    expect_target("/b/%c3%bc~%7E", "/b/%C3%BC~~\n", STATUS_OK);
    expect_target("/b/a%2Fb", "/b/a/b\n", STATUS_OK);
    expect_target("/b/a%zz", "/b/a\n", STATUS_INVALID);
}

/* Signed is what it means or what was sent; a signature for a plus must not open a space. */
static void test_plus_in_a_path_is_a_space(void **state)
{
    (void)state;
    expect_target("/b/a+b", "/b/a%20b\n", STATUS_OK);
    expect_target("/b/a+b", "/b/a+b\n", STATUS_OK);
    expect_target("/b/%c3%bc+(1)", "/b/%c3%bc+(1)\n", STATUS_OK);
    expect_target("/b/%c3%bc+(1)", "/b/%C3%BC%20%281%29\n", STATUS_OK);
    expect_target("/b/a+b", "/b/a%2Bb\n", STATUS_DENIED);
    expect_target("/b/a+%zz", "/b/a+%zz\n", STATUS_INVALID);
    expect_target("/b/a%2Bb", "/b/a%2Bb\n", STATUS_OK);
    expect_target("/b/a%2Bb", "/b/a+b\n", STATUS_DENIED);
    expect_target("/b/a%2Bb", "/b/a%20b\n", STATUS_DENIED);
    expect_target("/b/a%20b", "/b/a%2Bb\n", STATUS_DENIED);
}

static void test_query_is_decoded_encoded_and_sorted(void **state)
{
    (void)state;
    expect_target("/b?uploads", "/b\nuploads=", STATUS_OK);
    expect_target("/b?prefix=a/b+c&delimiter=/", "/b\ndelimiter=%2F&prefix=a%2Fb%20c", STATUS_OK);
    expect_target("/b?a-b=1&a=2&a=1&%41=3", "/b\nA=3&a=1&a=2&a-b=1", STATUS_OK);
    expect_target("/b?x=%E4%b8", "/b\nx=%E4%B8", STATUS_OK);
    expect_target("/b?a=1", "/b\na=2", STATUS_DENIED);
    /* Only a presigned query leaves its signature out. */
    expect_target("/b?a=1&x=2", "/b\na=1", STATUS_DENIED);
}

static void expect_headers(const char *headers, const char *canonical_headers, const char *signed_headers,
                           enum status expected)
{
    struct buffer head;

    build_signed("/b", "/b\n", headers, canonical_headers, signed_headers, &head);
    expect_example(head.data, expected);
    buffer_release(&head);
}

static void test_header_values(void **state)
{
    (void)state;
    expect_headers("Host: h\r\nx-amz-meta-a:  b   c  \r\n", "host:h\n" BASE_HEADERS "x-amz-meta-a:b c\n",
                   BASE_SIGNED ";x-amz-meta-a", STATUS_OK);
    expect_headers("Host: h\r\nX-Amz-Meta-A: 1\r\nx-amz-meta-a: 2\r\n", "host:h\n" BASE_HEADERS "x-amz-meta-a:1,2\n",
                   BASE_SIGNED ";x-amz-meta-a", STATUS_OK);
    expect_headers("Host: h\r\n", "host:h\n" BASE_HEADERS "x-gone:\n", BASE_SIGNED ";x-gone", STATUS_OK);
    expect_headers("Host: h\r\nAccept: x\r\n", "host:h\n" BASE_HEADERS, BASE_SIGNED, STATUS_OK);
    expect_headers("Host: h\r\nx-amz-meta-a: 1\r\n", "host:h\n" BASE_HEADERS, BASE_SIGNED, STATUS_CANCELLED);
}

static void test_mismatch_explains(void **state)
{
    struct buffer head;
    struct vector vector;
    struct auth_credentials credentials;
    struct auth_verification verification;
    struct s3_error_details error;
    (void)state;

    build_signed("/b/a+c", "/b/x\n", "Host: h\r\n", "host:h\n" BASE_HEADERS, BASE_SIGNED, &head);
    vector_init(&vector, head.data, head.len);
    assert_int_equal(auth_parse(&vector.request, vector.now_ms, &credentials, &error), STATUS_OK);
    assert_int_equal(auth_verify(&vector.request, &credentials, BYTES(EXAMPLE_SECRET), NULL, &verification),
                     STATUS_DENIED);
    assert_true(bytes_equal_str(buffer_bytes(&verification.canonical_request),
                                "GET\n/b/a%20c\n\nhost:h\n" BASE_HEADERS "\n" BASE_SIGNED "\nUNSIGNED-PAYLOAD"));
    assert_true(
        bytes_starts_with(buffer_bytes(&verification.string_to_sign), BYTES("AWS4-HMAC-SHA256\n20130524T000000Z\n"
                                                                            "20130524/us-east-1/s3/aws4_request\n")));
    auth_verification_release(&verification);
    vector_release(&vector);
    buffer_release(&head);
}

static void test_key_cache_gives_the_same_keys(void **state)
{
    struct sigv4_key_cache *cache = mem_alloc(sizeof *cache);
    uint8_t expected[SHA256_LEN], key[SHA256_LEN];
    char region[16], secret[200];
    (void)state;

    sigv4_key_cache_init(cache);
    memset(secret, 's', sizeof secret);
    for (unsigned round = 0; round < 2; ++round) {
        for (unsigned i = 0; i < 300; ++i) {
            struct bytes region_bytes, secret_bytes = bytes_of(secret, i % sizeof secret);
            snprintf(region, sizeof region, "r-%u", i);
            region_bytes = bytes_from_str(region);
            sigv4_signing_key(secret_bytes, BYTES("20261122"), region_bytes, BYTES("s3"), NULL, expected);
            sigv4_signing_key(secret_bytes, BYTES("20261122"), region_bytes, BYTES("s3"), cache, key);
            assert_memory_equal(key, expected, SHA256_LEN);
            sigv4_signing_key(secret_bytes, BYTES("20261122"), region_bytes, BYTES("s3"), cache, key);
            assert_memory_equal(key, expected, SHA256_LEN);
            sigv4_signing_key(secret_bytes, BYTES("20261123"), region_bytes, BYTES("s3"), cache, key);
            assert_memory_not_equal(key, expected, SHA256_LEN);
            sigv4_signing_key(secret_bytes, BYTES("20261123"), region_bytes, BYTES("s3"), NULL, expected);
            sigv4_signing_key(secret_bytes, BYTES("20261123"), region_bytes, BYTES("iam"), cache, key);
            assert_memory_not_equal(key, expected, SHA256_LEN);
            sigv4_signing_key(secret_bytes, BYTES("20261123"), region_bytes, BYTES("long-service"), cache, key);
            assert_memory_not_equal(key, expected, SHA256_LEN);
        }
    }
    sigv4_key_cache_release(cache);
    assert_int_equal(cache->slots[0].secret_len, 0);
    free(cache);
}

static void test_credential(void **state)
{
    static const char *const bad[] = {
        "",
        "AKID",
        "AKID/20261122/us-east-1/s3",
        "/20261122/us-east-1/s3/aws4_request",
        "20261122/us-east-1/s3/aws4_request",
        "AKID/2026112/us-east-1/s3/aws4_request",
        "AKID/2026112x/us-east-1/s3/aws4_request",
        "AKID/20261122/us-east-1/s3/aws4_requestx",
        "AKID/20261122/us east 1/s3/aws4_request",
        "AKID/20261122/us\n/s3/aws4_request",
        "AKID%2F20261122%2Fus-east-1%2Fs3%2Faws4_request",
    };
    struct sigv4_credential credential;
    (void)state;

    assert_int_equal(sigv4_credential_parse(BYTES("A/B/20261122/eu-west-3/s3/aws4_request"), &credential), STATUS_OK);
    assert_true(bytes_equal_str(credential.access_key, "A/B"));
    assert_true(bytes_equal_str(credential.date, "20261122"));
    assert_true(bytes_equal_str(credential.service, "s3"));
    assert_true(bytes_equal_str(credential.region, "eu-west-3"));
    assert_true(bytes_equal_str(credential.scope, "20261122/eu-west-3/s3/aws4_request"));
    assert_int_equal(sigv4_credential_parse(BYTES("AKID/20261122//s3/aws4_request"), &credential), STATUS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i)
        assert_int_equal(sigv4_credential_parse(bytes_from_str(bad[i]), &credential), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_requests_verify),
        cmocka_unit_test(test_changed_requests_do_not_verify),
        cmocka_unit_test(test_documented_examples),
        cmocka_unit_test(test_path_is_encoded_once_and_not_normalised),
        cmocka_unit_test(test_plus_in_a_path_is_a_space),
        cmocka_unit_test(test_query_is_decoded_encoded_and_sorted),
        cmocka_unit_test(test_header_values),
        cmocka_unit_test(test_mismatch_explains),
        cmocka_unit_test(test_key_cache_gives_the_same_keys),
        cmocka_unit_test(test_credential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
