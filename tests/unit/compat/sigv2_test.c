/* Signature Version 2 against recorded clients and AWS's documented examples. */
#include "request_vectors.h"

#include "compat/sigv2.h"

#define EXAMPLE_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

struct counts {
    unsigned header, query;
};

static enum status verify(struct vector *vector, const char *secret)
{
    struct auth_credentials credentials;
    struct auth_verification verification;
    struct s3_error_details error;

    enum status status = auth_parse(&vector->request, vector->now_ms, &credentials, &error);
    if (status)
        fail_msg("%s: %s: %s", vector->name, s3_error_code(error.code), error.message);
    status = auth_verify(&vector->request, &credentials, bytes_from_str(secret), NULL, &verification);
    assert_int_equal(verification.canonical_request.len, 0);
    assert_int_equal(verification.string_to_sign.len > 0, status == STATUS_DENIED);
    auth_verification_release(&verification);
    return status;
}

/* Changes one byte, expects a mismatch, and puts it back. */
static void expect_mismatch(struct vector *vector, char *at, char other)
{
    char before = *at;

    *at = other;
    vector_parse(vector);
    if (verify(vector, VECTOR_SECRET) != STATUS_DENIED)
        fail_msg("%s: still verifies with a changed byte at %zu", vector->name, (size_t)(at - vector->text));
    *at = before;
    vector_parse(vector);
}

static void verify_recorded(struct vector *vector, void *arg)
{
    struct counts *counts = arg;

    if (strncmp(vector->type, "v2-", 3) != 0)
        return;
    bool header = strcmp(vector->type, "v2-header") == 0;
    if (verify(vector, VECTOR_SECRET) != STATUS_OK)
        fail_msg("%s: the signature does not match", vector->name);
    assert_int_equal(verify(vector, "another"), STATUS_DENIED);
    *(header ? &counts->header : &counts->query) += 1;

    char *signature = header ? vector_find(vector, VECTOR_ACCESS_KEY ":") + strlen(VECTOR_ACCESS_KEY ":")
                             : vector_find(vector, "Signature=") + strlen("Signature=");
    expect_mismatch(vector, signature, *signature == 'A' ? 'B' : 'A');
    expect_mismatch(vector, (char *)vector->request.method.data, 'X');
    expect_mismatch(vector, (char *)vector->request.path.data + 1, '!');
    if (header) {
        char *seconds = (char *)vector_header(vector, "x-amz-date").data + strlen("Sun, 22 Nov 2026 19:58:2");
        expect_mismatch(vector, seconds, *seconds == '0' ? '1' : '0');
    } else { /* a later expiry; vector->now_ms stays */
        char *expires = vector_find(vector, "Expires=") + strlen("Expires=") + 9;
        expect_mismatch(vector, expires, *expires == '9' ? '8' : '9');
    }
}

static void test_recorded_requests_verify(void **state)
{
    struct counts counts = {0};
    (void)state;

    vectors_each(verify_recorded, &counts);
    assert_int_equal(counts.header, 4);
    assert_int_equal(counts.query, 6);
}

static void expect_example(const char *head, const char *bucket, enum status expected)
{
    struct vector vector;

    vector_init(&vector, head, strlen(head));
    vector.request.virtual_host_bucket = bytes_from_str(bucket);
    assert_int_equal(verify(&vector, EXAMPLE_SECRET), expected);
    vector_release(&vector);
}

static void test_documented_examples(void **state)
{
    (void)state;
    expect_example("GET /photos/puppy.jpg HTTP/1.1\r\nHost: johnsmith.s3.amazonaws.com\r\n"
                   "Date: Tue, 27 Mar 2007 19:36:42 +0000\r\n"
                   "Authorization: AWS AKIAIOSFODNN7EXAMPLE:bWq2s1WEIj+Ydj0vQ697zp+IXMU=\r\n\r\n",
                   "johnsmith", STATUS_OK);
    expect_example("PUT /photos/puppy.jpg HTTP/1.1\r\nContent-Type: image/jpeg\r\nContent-Length: 94328\r\n"
                   "Host: johnsmith.s3.amazonaws.com\r\nDate: Tue, 27 Mar 2007 21:15:45 +0000\r\n"
                   "Authorization: AWS AKIAIOSFODNN7EXAMPLE:MyyxeRY7whkBe+bq8fHCL/2kKUg=\r\n\r\n",
                   "johnsmith", STATUS_OK);
    expect_example("GET /?prefix=photos&max-keys=50&marker=puppy HTTP/1.1\r\nUser-Agent: Mozilla/5.0\r\n"
                   "Host: johnsmith.s3.amazonaws.com\r\nDate: Tue, 27 Mar 2007 19:42:41 +0000\r\n"
                   "Authorization: AWS AKIAIOSFODNN7EXAMPLE:htDYFYduRNen8P9ZfE/s9SuKy0U=\r\n\r\n",
                   "johnsmith", STATUS_OK);
    expect_example("GET /?acl HTTP/1.1\r\nHost: johnsmith.s3.amazonaws.com\r\n"
                   "Date: Tue, 27 Mar 2007 19:44:46 +0000\r\n"
                   "Authorization: AWS AKIAIOSFODNN7EXAMPLE:c2WLPFtWHVgbEmeEG93a4cG37dM=\r\n\r\n",
                   "johnsmith", STATUS_OK);
    expect_example("PUT /db-backup.dat.gz HTTP/1.1\r\nUser-Agent: curl/7.15.5\r\nHost: static.johnsmith.net:8080\r\n"
                   "Date: Tue, 27 Mar 2007 21:06:08 +0000\r\nx-amz-acl: public-read\r\n"
                   "content-type: application/x-download\r\nContent-MD5: 4gJE4saaMU4BqNR0kLY+lw==\r\n"
                   "X-Amz-Meta-ReviewedBy: joe@johnsmith.net\r\nX-Amz-Meta-ReviewedBy: jane@johnsmith.net\r\n"
                   "X-Amz-Meta-FileChecksum: 0x02661779\r\nX-Amz-Meta-ChecksumAlgorithm: crc32\r\n"
                   "Content-Disposition: attachment; filename=database.dat\r\nContent-Encoding: gzip\r\n"
                   "Content-Length: 5913339\r\n"
                   "Authorization: AWS AKIAIOSFODNN7EXAMPLE:ilyl83RwaSoYIEdixDQcA4OnAnc=\r\n\r\n",
                   "static.johnsmith.net", STATUS_OK);
    expect_example("GET /dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re HTTP/1.1\r\nHost: s3.amazonaws.com\r\n"
                   "Date: Wed, 28 Mar 2007 01:49:49 +0000\r\n"
                   "Authorization: AWS AKIAIOSFODNN7EXAMPLE:DNEZGsoieTZ92F3bUfSPQcbGmlM=\r\n\r\n",
                   NULL, STATUS_OK);
    expect_example("GET /photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1175139620&"
                   "Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D HTTP/1.1\r\nHost: johnsmith.s3.amazonaws.com\r\n"
                   "Date: Mon, 26 Mar 2007 19:37:58 +0000\r\n\r\n",
                   "johnsmith", STATUS_OK);
}

static void test_the_virtual_host_is_signed(void **state)
{
    static const char head[] = "GET /?acl HTTP/1.1\r\nHost: johnsmith.s3.amazonaws.com\r\n"
                               "Date: Tue, 27 Mar 2007 19:44:46 +0000\r\n"
                               "Authorization: AWS AKIAIOSFODNN7EXAMPLE:c2WLPFtWHVgbEmeEG93a4cG37dM=\r\n\r\n";
    (void)state;
    expect_example(head, NULL, STATUS_DENIED);
    expect_example(head, "johnsmit", STATUS_DENIED);
}

/* AWS's example for `/` below the virtual host signs /johnsmith/; botocore signs that for a path of /johnsmith. */
static void test_a_bucket_may_be_signed_with_a_slash(void **state)
{
    static const char rest[] = "?prefix=photos&max-keys=50&marker=puppy HTTP/1.1\r\nHost: s3.amazonaws.com\r\n"
                               "Date: Tue, 27 Mar 2007 19:42:41 +0000\r\n"
                               "Authorization: AWS AKIAIOSFODNN7EXAMPLE:htDYFYduRNen8P9ZfE/s9SuKy0U=\r\n\r\n";
    static const struct {
        const char *path;
        enum status status;
    } rows[] = {{"/johnsmith", STATUS_OK},
                {"/johnsmith/", STATUS_OK},
                {"/johnsmit", STATUS_DENIED},
                {"/johnsmith//", STATUS_DENIED},
                {"/", STATUS_DENIED}};
    char head[512];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        snprintf(head, sizeof head, "GET %s%s", rows[i].path, rest);
        expect_example(head, NULL, rows[i].status);
    }
}

/* AWS's example for `?acl`, sent as Go's clients send it; rclone signs that without the equals sign. */
static void test_an_empty_value_may_be_signed_as_none(void **state)
{
    static const char rest[] =
        " HTTP/1.1\r\nHost: johnsmith.s3.amazonaws.com\r\nDate: Tue, 27 Mar 2007 19:44:46 +0000\r\n"
        "Authorization: AWS AKIAIOSFODNN7EXAMPLE:c2WLPFtWHVgbEmeEG93a4cG37dM=\r\n\r\n";
    static const struct {
        const char *target;
        enum status status;
    } rows[] = {{"/?acl=", STATUS_OK},
                {"/?acl=&prefix=", STATUS_OK},
                {"/?acl=a", STATUS_DENIED},
                {"/?acl=&policy=", STATUS_DENIED},
                {"/", STATUS_DENIED}};
    char head[512];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        snprintf(head, sizeof head, "GET %s%s", rows[i].target, rest);
        expect_example(head, "johnsmith", rows[i].status);
    }
}

/* Checks the string to sign of a request whose signature is wrong. */
static void expect_string_to_sign(const char *head, const char *expected)
{
    struct vector vector;
    struct auth_credentials credentials;
    struct auth_verification verification;
    struct s3_error_details error;

    vector_init(&vector, head, strlen(head));
    assert_int_equal(auth_parse(&vector.request, vector.now_ms, &credentials, &error), STATUS_OK);
    assert_int_equal(auth_verify(&vector.request, &credentials, BYTES("s"), NULL, &verification), STATUS_DENIED);
    assert_string_equal(verification.string_to_sign.data, expected);
    auth_verification_release(&verification);
    vector_release(&vector);
}

static void test_string_to_sign(void **state)
{
    (void)state;
    /* Parameters of the query form stand for headers and join those of the same name; response-* are decoded. */
    expect_string_to_sign("PUT /b/k%20+?x-amz-meta-b=2&AWSAccessKeyId=A&Expires=1795382719&Signature=c&"
                          "response-content-type=a%2Fb%20c&x-amz-meta-a=1&prefix=p HTTP/1.1\r\n"
                          "Host: h\r\nX-Amz-Meta-B: 1\r\nContent-Type: text/plain\r\n\r\n",
                          "PUT\n\ntext/plain\n1795382719\nx-amz-meta-a:1\nx-amz-meta-b:1,2\n"
                          "/b/k%20+?response-content-type=a/b c");
    /* Those of the header form do not. x-amz-date empties the date line. `uploads=` is not `uploads`. */
    expect_string_to_sign("POST /b/k?uploads=&partNumber=3&acl&x-amz-meta-a=1 HTTP/1.1\r\nHost: h\r\n"
                          "Date: Sun, 22 Nov 2026 00:00:00 GMT\r\nx-amz-date: Sun, 22 Nov 2026 19:58:21 +0000\r\n"
                          "Authorization: AWS A:c\r\n\r\n",
                          "POST\n\n\n\nx-amz-date:Sun, 22 Nov 2026 19:58:21 +0000\n/b/k?acl&partNumber=3&uploads=");
    expect_string_to_sign("GET / HTTP/1.1\r\nHost: h\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\n"
                          "Content-MD5: abc\r\nAuthorization: AWS A:c\r\n\r\n",
                          "GET\nabc\n\nSun, 22 Nov 2026 00:00:00 GMT\n/");
}

static void test_many_amz_headers_are_bounded(void **state)
{
    struct http_header headers[800];
    struct uri_query query = {0};
    struct auth_request request = {BYTES("GET"), BYTES("/"), &query, headers, 800, {0}, false};
    struct auth_credentials credentials;
    struct auth_verification verification;
    struct s3_error_details error;
    (void)state;

    for (size_t i = 0; i < 800; ++i)
        headers[i] = (struct http_header){BYTES("x-amz-meta-a"), BYTES("1")};
    headers[0] = (struct http_header){BYTES("Authorization"), BYTES("AWS A:c")};
    headers[1] = (struct http_header){BYTES("x-amz-date"), BYTES("19700101T000000Z")};
    assert_int_equal(auth_parse(&request, 0, &credentials, &error), STATUS_OK);
    assert_int_equal(auth_verify(&request, &credentials, BYTES("s"), NULL, &verification), STATUS_LIMIT);
    auth_verification_release(&verification);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_requests_verify),
        cmocka_unit_test(test_documented_examples),
        cmocka_unit_test(test_the_virtual_host_is_signed),
        cmocka_unit_test(test_an_empty_value_may_be_signed_as_none),
        cmocka_unit_test(test_a_bucket_may_be_signed_with_a_slash),
        cmocka_unit_test(test_string_to_sign),
        cmocka_unit_test(test_many_amz_headers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
