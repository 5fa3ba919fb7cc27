/* Which credentials a request carries, and every reason for which it is refused before a signature is looked at. */
#include "request_vectors.h"

#define NOW_TEXT   "20261122T120000Z"
#define NOW_MS     INT64_C(1795348800000)
#define CREDENTIAL "AK/20261122/us-east-1/s3/aws4_request"
#define HASH       "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
#define DATE       "x-amz-date: " NOW_TEXT "\r\n"
#define NAMES      "host;x-amz-content-sha256;x-amz-date"
#define V4(names)  "Authorization: AWS4-HMAC-SHA256 Credential=" CREDENTIAL ", SignedHeaders=" names ", Signature=00\r\n"

#define Q_ALGORITHM  "X-Amz-Algorithm=AWS4-HMAC-SHA256&"
#define Q_CREDENTIAL "X-Amz-Credential=AK%2F20261122%2Fus-east-1%2Fs3%2Faws4_request&"
#define Q_DATE       "X-Amz-Date=" NOW_TEXT "&"
#define Q_EXPIRES    "X-Amz-Expires=60&"
#define Q_NAMES      "X-Amz-SignedHeaders=host&"
#define Q_SIGNATURE  "X-Amz-Signature=00"
#define Q_ALL        Q_ALGORITHM Q_CREDENTIAL Q_DATE Q_EXPIRES Q_NAMES Q_SIGNATURE

/* The request that was parsed last: errors refer to it. */
static struct vector parsed;

/* Parses a GET of this query with these headers, Host first. */
static enum status parse_at(const char *query, const char *headers, int64_t now_ms,
                            struct auth_credentials *credentials, struct s3_error_details *error)
{
    char head[4096];

    int len = snprintf(head, sizeof head, "GET /b/k%s%s HTTP/1.1\r\nHost: h\r\n%s\r\n", query ? "?" : "",
                       query ? query : "", headers);
    vector_release(&parsed);
    vector_init(&parsed, head, (size_t)len);
    return auth_parse(&parsed.request, now_ms, credentials, error);
}

static void expect_type(const char *query, const char *headers, enum auth_type type, enum payload_kind payload)
{
    struct auth_credentials credentials;
    struct s3_error_details error;

    if (parse_at(query, headers, NOW_MS, &credentials, &error) != STATUS_OK)
        fail_msg("%s: %s", s3_error_code(error.code), error.message);
    assert_int_equal(error.code, S3_ERROR_NONE);
    assert_int_equal(credentials.type, type);
    assert_int_equal(credentials.payload, payload);
}

/* message: how it begins. */
static void expect_refused_at(const char *query, const char *headers, int64_t now_ms, const char *code,
                              const char *message, struct s3_error_details *error)
{
    struct auth_credentials credentials;

    if (parse_at(query, headers, now_ms, &credentials, error) != STATUS_DENIED)
        fail_msg("not refused: ?%s %s", query ? query : "", headers);
    assert_string_equal(s3_error_code(error->code), code);
    const char *said = error->message[0] ? error->message : s3_error_message(error->code);
    if (strncmp(said, message, strlen(message)) != 0)
        fail_msg("said: %s", said);
}

static void expect_refused(const char *query, const char *headers, const char *code, const char *message)
{
    struct s3_error_details error;
    expect_refused_at(query, headers, NOW_MS, code, message, &error);
}

/* What the client reads in this element of the error; "": it is not there. Until the next call. */
static const char *element_of(const struct s3_error_details *error, const char *name)
{
    static char text[S3_ERROR_BYTES_MAX];
    struct buffer document;
    char tag[64];

    buffer_init(&document, S3_ERROR_BYTES_MAX);
    assert_int_equal(s3_error_render(&document, error), STATUS_OK);
    snprintf(tag, sizeof tag, "<%s>", name);
    const char *found = strstr(document.data, tag);
    snprintf(text, sizeof text, "%.*s", found ? (int)strcspn(found + strlen(tag), "<") : 0,
             found ? found + strlen(tag) : "");
    buffer_release(&document);
    return text;
}

static void test_the_five_forms(void **state)
{
    (void)state;
    expect_type(NULL, "", AUTH_ANONYMOUS, PAYLOAD_UNSIGNED);
    expect_type("prefix=a&Expires=1", "", AUTH_ANONYMOUS, PAYLOAD_UNSIGNED);
    expect_type(NULL, HASH DATE V4(NAMES), AUTH_V4_HEADER, PAYLOAD_UNSIGNED);
    expect_type(Q_ALL, "", AUTH_V4_QUERY, PAYLOAD_UNSIGNED);
    expect_type("x-amz-algorithm=AWS4-HMAC-SHA256&" Q_CREDENTIAL Q_DATE Q_EXPIRES Q_NAMES Q_SIGNATURE, "",
                AUTH_V4_QUERY, PAYLOAD_UNSIGNED);
    expect_type(NULL, DATE "Authorization: AWS AK:sig=\r\n", AUTH_V2_HEADER, PAYLOAD_UNSIGNED);
    expect_type("AWSAccessKeyId=AK&Signature=x&Expires=1795348800", "", AUTH_V2_QUERY, PAYLOAD_UNSIGNED);
}

static void count_type(struct vector *vector, void *arg)
{
    static const char *const names[] = {"anonymous", "v4-header", "v4-query", "v2-header", "v2-query"};
    struct auth_credentials credentials;
    struct s3_error_details error;

    assert_int_equal(auth_parse(&vector->request, vector->now_ms, &credentials, &error), STATUS_OK);
    assert_string_equal(names[credentials.type], vector->type);
    ++*(unsigned *)arg;
}

static void test_recorded_types(void **state)
{
    unsigned count = 0;
    (void)state;

    vectors_each(count_type, &count);
    assert_int_equal(count, 727);
}

static void test_more_than_one_set_of_credentials_is_refused(void **state)
{
    static const char v2_query[] = "AWSAccessKeyId=AK&Signature=x&Expires=1795348800";
    static const char message[] = "Only one auth mechanism allowed";
    (void)state;

    expect_refused(Q_ALL, HASH DATE V4(NAMES), "InvalidArgument", message);
    expect_refused(Q_SIGNATURE, HASH DATE V4(NAMES), "InvalidArgument", message);
    expect_refused(v2_query, HASH DATE V4(NAMES), "InvalidArgument", message);
    expect_refused(v2_query, DATE "Authorization: AWS AK:sig=\r\n", "InvalidArgument", message);
    expect_refused("Signature=x&" Q_ALL, "", "InvalidArgument", message);
    expect_refused(NULL, HASH DATE V4(NAMES) V4(NAMES), "InvalidArgument", message);
}

static void test_half_a_presigned_query_is_not_anonymous(void **state)
{
    static const char v4[] = "Query-string authentication version 4 requires";
    static const char v2[] =
        "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters";
    (void)state;

    expect_refused(Q_SIGNATURE, "", "AuthorizationQueryParametersError", v4);
    expect_refused(Q_CREDENTIAL, "", "AuthorizationQueryParametersError", v4);
    expect_refused(Q_ALGORITHM, "", "AuthorizationQueryParametersError", v4);
    expect_refused(Q_CREDENTIAL Q_DATE Q_EXPIRES Q_NAMES Q_SIGNATURE, "", "AuthorizationQueryParametersError", v4);
    expect_refused(Q_ALGORITHM Q_DATE Q_EXPIRES Q_NAMES Q_SIGNATURE, "", "AuthorizationQueryParametersError", v4);
    expect_refused(Q_ALGORITHM Q_CREDENTIAL Q_EXPIRES Q_NAMES Q_SIGNATURE, "", "AuthorizationQueryParametersError", v4);
    expect_refused(Q_ALGORITHM Q_CREDENTIAL Q_DATE Q_NAMES Q_SIGNATURE, "", "AuthorizationQueryParametersError", v4);
    expect_refused(Q_ALGORITHM Q_CREDENTIAL Q_DATE Q_EXPIRES Q_SIGNATURE, "", "AuthorizationQueryParametersError", v4);
    expect_refused(Q_ALGORITHM Q_CREDENTIAL Q_DATE Q_EXPIRES Q_NAMES, "", "AuthorizationQueryParametersError", v4);
    expect_refused(Q_ALL "&" Q_SIGNATURE, "", "AuthorizationQueryParametersError", v4);
    expect_refused("AWSAccessKeyId=AK&Signature=x", "", "AccessDenied", v2);
    expect_refused("AWSAccessKeyId=AK&Expires=1795348800", "", "AccessDenied", v2);
    expect_refused("Signature=x&Expires=1795348800", "", "AccessDenied", v2);
}

static void test_malformed_authorization(void **state)
{
    static const char code[] = "AuthorizationHeaderMalformed";
    (void)state;

    expect_refused(NULL, "Authorization: Basic dXNlcjpwYXNz\r\n", "InvalidArgument", "Unsupported Authorization Type");
    expect_refused(NULL, "Authorization: \r\n", "InvalidArgument", "Unsupported Authorization Type");
    expect_refused(NULL, "Authorization: AWS4-ECDSA-P256-SHA256 Credential=x\r\n", "InvalidRequest",
                   "The authorization mechanism you have provided is not supported.");
    expect_refused(NULL, DATE "Authorization: AWS4-HMAC-SHA256\r\n", code, "The authorization header is malformed");
    expect_refused(NULL, DATE "Authorization: AWS4-HMAC-SHA256 Credential=" CREDENTIAL ",SignedHeaders=host\r\n", code,
                   "The authorization header is malformed; the authorization header requires three components");
    expect_refused(NULL,
                   DATE "Authorization: AWS4-HMAC-SHA256 Credential=" CREDENTIAL
                        ",SignedHeaders=host,Signature=1,Signature=2\r\n",
                   code, "The authorization header is malformed");
    expect_refused(NULL,
                   DATE "Authorization: AWS4-HMAC-SHA256 Credential=AK/20261122/us-east-1/ec2/aws4_request,"
                        "SignedHeaders=host,Signature=1\r\n",
                   code, "The authorization header is malformed; the Credential is mal-formed");
    expect_refused(NULL, HASH DATE V4("host;a b"), code, "The authorization header is malformed; the SignedHeaders");
    expect_refused(NULL, HASH DATE V4("host;;x-amz-date"), code,
                   "The authorization header is malformed; the SignedHeaders");
    expect_refused(NULL, DATE "Authorization: AWS AK\r\n", "InvalidArgument", "AWS authorization header is invalid.");
    expect_refused(NULL, DATE "Authorization: AWS :sig\r\n", "InvalidArgument", "AWS authorization header is invalid.");
    expect_refused(NULL, DATE "Authorization: AWS AK:\r\n", "InvalidArgument", "AWS authorization header is invalid.");
    expect_refused(Q_ALGORITHM "X-Amz-Credential=AK&" Q_DATE Q_EXPIRES Q_NAMES Q_SIGNATURE, "",
                   "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter");
    expect_refused("X-Amz-Algorithm=AWS4&" Q_CREDENTIAL Q_DATE Q_EXPIRES Q_NAMES Q_SIGNATURE, "",
                   "AuthorizationQueryParametersError", "X-Amz-Algorithm only supports");
    expect_refused(Q_ALGORITHM Q_CREDENTIAL "X-Amz-Date=today&" Q_EXPIRES Q_NAMES Q_SIGNATURE, "",
                   "AuthorizationQueryParametersError", "X-Amz-Date must be");
    expect_refused(Q_ALGORITHM Q_CREDENTIAL Q_DATE Q_EXPIRES "X-Amz-SignedHeaders=&" Q_SIGNATURE, "",
                   "AuthorizationQueryParametersError", "X-Amz-SignedHeaders");
}

static void test_the_date_of_a_header_form(void **state)
{
    static const char v4[] = HASH DATE V4(NAMES);
    static const char missing[] = "AWS authentication requires a valid Date or x-amz-date header";
    struct s3_error_details error;
    struct auth_credentials credentials;
    (void)state;

    assert_int_equal(parse_at(NULL, v4, NOW_MS + AUTH_SKEW_MAX_MS, &credentials, &error), STATUS_OK);
    assert_int_equal(parse_at(NULL, v4, NOW_MS - AUTH_SKEW_MAX_MS, &credentials, &error), STATUS_OK);
    expect_refused_at(NULL, v4, NOW_MS + AUTH_SKEW_MAX_MS + 1, "RequestTimeTooSkewed", "The difference", &error);
    assert_string_equal(element_of(&error, "RequestTime"), NOW_TEXT);
    assert_string_equal(element_of(&error, "ServerTime"), "2026-11-22T12:15:00.001Z");
    assert_string_equal(element_of(&error, "MaxAllowedSkewMilliseconds"), "900000");
    expect_refused_at(NULL, v4, NOW_MS - AUTH_SKEW_MAX_MS - 1, "RequestTimeTooSkewed", "The difference", &error);
    expect_refused_at(NULL, DATE "Authorization: AWS AK:sig=\r\n", NOW_MS + 3600000, "RequestTimeTooSkewed",
                      "The difference", &error);
    expect_refused(NULL, HASH V4(NAMES), "AccessDenied", missing);
    expect_refused(NULL, "Authorization: AWS AK:sig=\r\n", "AccessDenied", missing);
    expect_refused(NULL, HASH "Date: yesterday\r\n" V4(NAMES), "AccessDenied", missing);

    assert_int_equal(parse_at(NULL, HASH "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n" V4("host;x-amz-content-sha256;date"),
                              NOW_MS, &credentials, &error),
                     STATUS_OK);
    assert_string_equal(credentials.timestamp, NOW_TEXT);
    assert_string_equal(credentials.date, "20261122");
    assert_int_equal(credentials.signed_ms, NOW_MS);
    assert_int_equal(credentials.expires_ms, 0);
}

static void test_the_scope_has_the_request_s_date(void **state)
{
    (void)state;
    expect_refused(NULL,
                   HASH DATE "Authorization: AWS4-HMAC-SHA256 Credential=AK/20261121/us-east-1/s3/aws4_request, "
                             "SignedHeaders=" NAMES ", Signature=00\r\n",
                   "AuthorizationHeaderMalformed", "The authorization header is malformed; Invalid credential date");
    expect_refused(
        Q_ALGORITHM
        "X-Amz-Credential=AK%2F20261121%2Fus-east-1%2Fs3%2Faws4_request&" Q_DATE Q_EXPIRES Q_NAMES Q_SIGNATURE,
        "", "AuthorizationQueryParametersError", "Invalid credential date");
}

static void expect_expires(const char *expires, const char *code, const char *message)
{
    char query[512];
    snprintf(query, sizeof query, "%sX-Amz-Expires=%s&%s", Q_ALGORITHM Q_CREDENTIAL Q_DATE, expires,
             Q_NAMES Q_SIGNATURE);
    if (code)
        expect_refused(query, "", code, message);
    else
        expect_type(query, "", AUTH_V4_QUERY, PAYLOAD_UNSIGNED);
}

static void test_the_expiry_of_presigned_requests(void **state)
{
    static const char code[] = "AuthorizationQueryParametersError";
    struct auth_credentials credentials;
    struct s3_error_details error;
    (void)state;

    expect_expires("1", NULL, NULL);
    expect_expires("604800", NULL, NULL);
    expect_expires("604801", code, "X-Amz-Expires must be less than a week");
    expect_expires("0", code, "X-Amz-Expires must be at least");
    expect_expires("-1", code, "X-Amz-Expires must be non-negative");
    expect_expires("1h", code, "X-Amz-Expires should be a number");
    expect_expires("", code, "X-Amz-Expires should be a number");
    expect_expires("99999999999999999999", code, "X-Amz-Expires should be a number");

    assert_int_equal(parse_at(Q_ALL, "", NOW_MS + 60000, &credentials, &error), STATUS_OK);
    assert_int_equal(credentials.expires_ms, NOW_MS + 60000);
    expect_refused_at(Q_ALL, "", NOW_MS + 60001, "AccessDenied", "Request has expired", &error);
    assert_string_equal(element_of(&error, "Expires"), "2026-11-22T12:01:00.000Z");
    assert_string_equal(element_of(&error, "ServerTime"), "2026-11-22T12:01:00.001Z");
    assert_string_equal(element_of(&error, "X-Amz-Expires"), "60");
    expect_refused_at(Q_ALL, "", NOW_MS - AUTH_SKEW_MAX_MS - 1, "AccessDenied", "Request is not valid yet", &error);

    expect_refused("AWSAccessKeyId=AK&Signature=x&Expires=1795348799", "", "AccessDenied", "Request has expired");
    expect_refused("AWSAccessKeyId=AK&Signature=x&Expires=tomorrow", "", "AccessDenied", "Invalid date");
}

static void test_headers_that_must_be_signed(void **state)
{
    static const char message[] = "There were headers present in the request which were not signed";
    struct s3_error_details error;
    (void)state;

    expect_refused_at(NULL, HASH DATE "X-Amz-Meta-A: 1\r\nx-amz-acl: private\r\n" V4(NAMES), NOW_MS, "AccessDenied",
                      message, &error);
    assert_string_equal(element_of(&error, "HeadersNotSigned"), "x-amz-meta-a, x-amz-acl");
    expect_refused_at(NULL, HASH DATE V4("x-amz-content-sha256;x-amz-date"), NOW_MS, "AccessDenied", message, &error);
    assert_string_equal(element_of(&error, "HeadersNotSigned"), "host");
    expect_refused_at(NULL, HASH DATE V4("host;x-amz-date"), NOW_MS, "AccessDenied", message, &error);
    assert_string_equal(element_of(&error, "HeadersNotSigned"), "x-amz-content-sha256");
    expect_refused_at(Q_ALL, HASH "x-amz-date: " NOW_TEXT "\r\nx-amz-decoded-content-length: 3\r\n", NOW_MS,
                      "AccessDenied", message, &error);
    assert_string_equal(element_of(&error, "HeadersNotSigned"), "x-amz-date, x-amz-decoded-content-length");
    expect_type(Q_ALL, HASH "Content-Type: text/plain\r\n", AUTH_V4_QUERY, PAYLOAD_UNSIGNED);
    expect_type(NULL, HASH DATE "X-AMZ-ACL: private\r\n" V4(NAMES ";x-amz-acl"), AUTH_V4_HEADER, PAYLOAD_UNSIGNED);
    expect_type(NULL, HASH DATE "x-amz-acl: a\r\nX-AMZ-ACL: b\r\n" V4(NAMES ";x-amz-acl"), AUTH_V4_HEADER,
                PAYLOAD_UNSIGNED);
    expect_refused(NULL, HASH DATE "x-amz-acl: a\r\n" V4(NAMES ";x-amz-acl;X-AMZ-ACL"), "AuthorizationHeaderMalformed",
                   "The SignedHeaders are mal-formed; a header is named twice.");
}

static void test_payload_kinds(void **state)
{
#define EMPTY      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define KIND(text) "x-amz-content-sha256: " text "\r\n"
    static const char invalid[] = "x-amz-content-sha256 must be";
    struct auth_credentials credentials;
    struct s3_error_details error;
    uint8_t digest[SHA256_LEN];
    (void)state;

    expect_type(NULL, DATE KIND("STREAMING-AWS4-HMAC-SHA256-PAYLOAD") V4(NAMES), AUTH_V4_HEADER,
                PAYLOAD_STREAMING_SIGNED);
    expect_type(NULL, DATE KIND("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") V4(NAMES), AUTH_V4_HEADER,
                PAYLOAD_STREAMING_SIGNED_TRAILER);
    expect_type(NULL, DATE KIND("STREAMING-UNSIGNED-PAYLOAD-TRAILER") V4(NAMES), AUTH_V4_HEADER,
                PAYLOAD_STREAMING_UNSIGNED_TRAILER);
    expect_type(NULL, KIND("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), AUTH_ANONYMOUS, PAYLOAD_STREAMING_UNSIGNED_TRAILER);
    expect_type(Q_ALL "&X-Amz-Content-Sha256=" EMPTY, KIND("UNSIGNED-PAYLOAD"), AUTH_V4_QUERY, PAYLOAD_SHA256);
    assert_int_equal(parse_at(NULL, DATE KIND(EMPTY) V4(NAMES), NOW_MS, &credentials, &error), STATUS_OK);
    assert_int_equal(credentials.payload, PAYLOAD_SHA256);
    sha256_of("", 0, digest);
    assert_memory_equal(credentials.payload_sha256, digest, SHA256_LEN);

    expect_refused(NULL, DATE V4(NAMES), "InvalidRequest", "Missing required header for this request");
    expect_refused(NULL, DATE KIND("UNSIGNED") V4(NAMES), "InvalidArgument", invalid);
    expect_refused(NULL, DATE KIND("") V4(NAMES), "InvalidArgument", invalid);
    expect_refused(NULL, DATE KIND("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD") V4(NAMES), "InvalidArgument", invalid);
    expect_refused(NULL, DATE HASH HASH V4(NAMES), "InvalidArgument", "x-amz-content-sha256 must be given once");
    expect_refused(NULL, KIND("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "InvalidRequest", "Signed chunks require");
    expect_refused(NULL, DATE KIND("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") "Authorization: AWS AK:sig=\r\n",
                   "InvalidRequest", "Signed chunks require");
}

static void expect_token(const char *query, const char *headers, const char *token)
{
    struct vector vector;
    struct auth_credentials credentials;
    struct s3_error_details error;
    char head[4096];

    int len = snprintf(head, sizeof head, "GET /b/k?%s HTTP/1.1\r\nHost: h\r\n%s\r\n", query, headers);
    vector_init(&vector, head, (size_t)len);
    assert_int_equal(auth_parse(&vector.request, NOW_MS, &credentials, &error), STATUS_OK);
    assert_int_equal(credentials.session_token.data != NULL, token != NULL);
    assert_true(bytes_equal(credentials.session_token, bytes_from_str(token)));
    vector_release(&vector);
}

static void test_session_tokens(void **state)
{
    (void)state;
    expect_token("", HASH DATE V4(NAMES), NULL);
    expect_token("", HASH DATE "X-Amz-Security-Token: t\r\n" V4(NAMES ";x-amz-security-token"), "t");
    expect_token(Q_ALL "&X-Amz-Security-Token=a%2Bb", "", "a+b");
    expect_token("AWSAccessKeyId=AK&Signature=x&Expires=1795348800&x-amz-security-token=tok%2B%2F%3D", "", "tok+/=");
}

static void test_long_input_is_cut_or_refused(void **state)
{
    struct auth_credentials credentials;
    struct s3_error_details error;
    char headers[6000] = DATE, name[32];
    (void)state;

    for (unsigned i = 0; i < 100; ++i) {
        snprintf(name, sizeof name, "x-amz-meta-%u: 1\r\n", i % 10);
        if (i < 50)
            strcat(headers, name);
    }
    strcat(headers, HASH V4(NAMES));
    assert_int_equal(parse_at(NULL, headers, NOW_MS, &credentials, &error), STATUS_DENIED);
    assert_string_equal(s3_error_code(error.code), "AccessDenied");
    assert_in_range(strlen(element_of(&error, "HeadersNotSigned")), 200, 256);

    strcpy(headers,
           HASH DATE "Authorization: AWS4-HMAC-SHA256 Credential=" CREDENTIAL ",Signature=0,SignedHeaders=host");
    for (unsigned i = 0; i < AUTH_SIGNED_HEADERS_MAX; ++i)
        strcat(headers, ";a");
    strcat(headers, "\r\n");
    assert_int_equal(parse_at(NULL, headers, NOW_MS, &credentials, &error), STATUS_DENIED);
    assert_string_equal(s3_error_code(error.code), "AuthorizationHeaderMalformed");
}

/* Parses a POST of / to the Query API, or the same to S3. */
static enum status parse_post(bool query_api, const char *headers, struct auth_credentials *credentials,
                              struct s3_error_details *error)
{
    char head[4096];

    int len = snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n", headers);
    vector_release(&parsed);
    vector_init(&parsed, head, (size_t)len);
    parsed.request.query_api = query_api;
    return auth_parse(&parsed.request, NOW_MS, credentials, error);
}

/* What is signed for one service opens no other one. */
static void test_the_scope_has_the_service_of_the_door(void **state)
{
    static const struct {
        const char *service;
        bool query_api, good;
    } rows[] = {{"s3", false, true},  {"iam", false, false}, {"sts", false, false}, {"s3", true, false},
                {"iam", true, true},  {"sts", true, true},   {"", true, false},     {"iamx", true, false},
                {"ec2", true, false}, {"IAM", true, false}};
    struct auth_credentials credentials;
    struct s3_error_details error;
    char headers[1024];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
        snprintf(headers, sizeof headers,
                 HASH DATE "Authorization: AWS4-HMAC-SHA256 Credential=AK/20261122/us-east-1/%s/aws4_request, "
                           "SignedHeaders=" NAMES ", Signature=00\r\n",
                 rows[i].service);
        enum status status = parse_post(rows[i].query_api, headers, &credentials, &error);
        assert_int_equal(status, rows[i].good ? STATUS_OK : STATUS_DENIED);
        if (rows[i].good)
            assert_true(bytes_equal_str(credentials.service, rows[i].service));
        else
            assert_string_equal(s3_error_code(error.code),
                                rows[i].query_api ? "SignatureDoesNotMatch" : "AuthorizationHeaderMalformed");
    }
}

/* The clients of IAM hash the body and do not send the hash; whatever they say of it is not believed. */
static void test_a_service_that_is_not_offered_is_refused_by_its_name(void **state)
{
#define OF_SERVICE(name)                                                                                               \
    "Authorization: AWS4-HMAC-SHA256 Credential=AK/20261122/us-east-1/" name "/aws4_request, SignedHeaders=" NAMES     \
    ", Signature=00\r\n"

    (void)state;
    expect_refused(NULL, HASH DATE OF_SERVICE("s3tables"), "NotImplemented", "S3 Tables is not implemented.");
    expect_refused(NULL, HASH DATE OF_SERVICE("s3vectors"), "NotImplemented", "S3 Vectors is not implemented.");
    expect_refused("X-Amz-Credential=AK%2F20261122%2Fus-east-1%2Fs3vectors%2Faws4_request&" Q_ALGORITHM Q_DATE Q_EXPIRES
                       Q_NAMES Q_SIGNATURE,
                   "", "NotImplemented", "S3 Vectors is not implemented.");
    expect_refused(NULL, HASH DATE OF_SERVICE("ec2"), "AuthorizationHeaderMalformed", "The authorization header");
#undef OF_SERVICE
}

static void test_the_query_api_hashes_what_came(void **state)
{
    static const char signature[] = DATE "Authorization: AWS4-HMAC-SHA256 Credential=AK/20261122/us-east-1/iam/"
                                         "aws4_request, SignedHeaders=host;x-amz-date, Signature=00\r\n";
    struct auth_credentials credentials;
    struct s3_error_details error;

    (void)state;
    assert_int_equal(parse_post(true, signature, &credentials, &error), STATUS_OK);
    assert_int_equal(credentials.payload, PAYLOAD_SHA256);
    assert_int_equal(credentials.payload_text.len, 0);
    assert_int_equal(parse_post(true, HASH DATE V4(NAMES), &credentials, &error), STATUS_DENIED);
    assert_int_equal(parse_post(true, "", &credentials, &error), STATUS_OK);
    assert_int_equal(credentials.type, AUTH_ANONYMOUS);
    assert_int_equal(parse_post(true, DATE "Authorization: AWS AK:sig=\r\n", &credentials, &error), STATUS_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_five_forms),
        cmocka_unit_test(test_recorded_types),
        cmocka_unit_test(test_more_than_one_set_of_credentials_is_refused),
        cmocka_unit_test(test_half_a_presigned_query_is_not_anonymous),
        cmocka_unit_test(test_malformed_authorization),
        cmocka_unit_test(test_the_date_of_a_header_form),
        cmocka_unit_test(test_the_scope_has_the_request_s_date),
        cmocka_unit_test(test_the_expiry_of_presigned_requests),
        cmocka_unit_test(test_headers_that_must_be_signed),
        cmocka_unit_test(test_payload_kinds),
        cmocka_unit_test(test_session_tokens),
        cmocka_unit_test(test_the_scope_has_the_service_of_the_door),
        cmocka_unit_test(test_a_service_that_is_not_offered_is_refused_by_its_name),
        cmocka_unit_test(test_the_query_api_hashes_what_came),
        cmocka_unit_test(test_long_input_is_cut_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
