/* error: the table against AWS's published statuses and recorded words; the XML's order and escaping. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat/error.h"

/* S3_ERROR_NONE: the table has no such code. */
static enum s3_error error_of(const char *code)
{
    for (enum s3_error error = S3_ERROR_NONE + 1; error < S3_ERROR_COUNT; error++)
        if (strcmp(s3_error_code(error), code) == 0)
            return error;
    return S3_ERROR_NONE;
}

static void test_table_is_complete(void **state)
{
    (void)state;
    for (enum s3_error error = S3_ERROR_NONE + 1; error < S3_ERROR_COUNT; error++) {
        assert_non_null(s3_error_code(error));
        assert_non_null(s3_error_message(error));
        assert_in_range(s3_error_http_status(error), 301, 507);
        assert_int_equal(error_of(s3_error_code(error)), error);
    }
}

static void test_statuses_are_those_of_aws(void **state)
{
    static const struct {
        int http_status;
        const char *codes;
    } rows[] = {
        {404, "NoSuchAnnotation NoSuchKey NoSuchBucket NoSuchUpload NoSuchVersion NoSuchBucketPolicy "
              "NoSuchCORSConfiguration "
              "NoSuchConfiguration MetadataConfigurationNotFound NoSuchLifecycleConfiguration NoSuchTagSet "
              "ObjectLockConfigurationNotFoundError "
              "NoSuchObjectLockConfiguration NoSuchPublicAccessBlockConfiguration "
              "NoSuchWebsiteConfiguration OwnershipControlsNotFoundError ReplicationConfigurationNotFoundError"},
        {409, "BucketAlreadyExists BucketAlreadyOwnedByYou BucketNotEmpty ConditionalRequestConflict "
              "InvalidBucketState OperationAborted"},
        {412, "PreconditionFailed"},
        {416, "InvalidRange InvalidPartNumber"},
        {403,
         "CrossLocationLoggingProhibitted SignatureDoesNotMatch RequestTimeTooSkewed InvalidAccessKeyId AccessDenied"},
        {415, "UnsupportedMediaType"},
        {400, "AnnotationLimitExceeded AnnotationNameTooLong InvalidAnnotationName InvalidPrefix "
              "BadDigest InvalidDigest InvalidPart InvalidPartOrder EntityTooSmall EntityTooLarge MalformedXML "
              "MalformedPolicy "
              "MalformedACLError AccessControlListNotSupported InvalidBucketAclWithObjectOwnership "
              "InvalidBucketAclWithBlockPublicAccessError MissingSecurityHeader UnexpectedContent "
              "KeyTooLongError InvalidBucketName IncompleteBody XAmzContentSHA256Mismatch InvalidRequest ExpiredToken "
              "InvalidArgument AuthorizationHeaderMalformed AuthorizationQueryParametersError InvalidToken InvalidURI "
              "InvalidLocationConstraint InvalidStorageClass InvalidTag InvalidTargetBucketForLogging "
              "MaxMessageLengthExceeded MetadataTooLarge "
              "RequestTimeout"},
        {405, "MethodNotAllowed"},
        {411, "MissingContentLength"},
        {500, "InternalError"},
        {501, "NotImplemented"},
        {503, "SlowDown ServiceUnavailable"},
        {304, "NotModified"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char codes[1200];
        char *rest = codes, *code;

        assert_true(strlen(rows[i].codes) < sizeof(codes));
        strcpy(codes, rows[i].codes);
        while ((code = strsep(&rest, " ")) != NULL) {
            enum s3_error error = error_of(code);

            assert_string_equal(s3_error_code(error), code);
            assert_int_equal(s3_error_http_status(error), rows[i].http_status);
        }
    }
}

static void test_words_are_those_of_aws(void **state)
{
    static const struct {
        enum s3_error error;
        const char *message;
    } rows[] = {
        {S3_ACCESS_DENIED, "Access Denied"},
        {S3_NO_SUCH_KEY, "The specified key does not exist."},
        {S3_NO_SUCH_BUCKET, "The specified bucket does not exist"},
        {S3_NO_SUCH_UPLOAD, "The specified upload does not exist. The upload ID may be invalid, or the upload may "
                            "have been aborted or completed."},
        {S3_INVALID_PART, "One or more of the specified parts could not be found.  The part may not have been "
                          "uploaded, or the specified entity tag may not match the part's entity tag."},
        {S3_INVALID_RANGE, "The requested range is not satisfiable"},
        {S3_PRECONDITION_FAILED, "At least one of the pre-conditions you specified did not hold"},
        {S3_BUCKET_NOT_EMPTY, "The bucket you tried to delete is not empty"},
        {S3_ENTITY_TOO_SMALL, "Your proposed upload is smaller than the minimum allowed size"},
        {S3_SIGNATURE_DOES_NOT_MATCH, "The request signature we calculated does not match the signature you "
                                      "provided. Check your key and signing method."},
        {S3_MALFORMED_XML, "The XML you provided was not well-formed or did not validate against our published schema"},
        {S3_NOT_IMPLEMENTED, "A header you provided implies functionality that is not implemented"},
        {S3_INVALID_DIGEST, "The Content-MD5 you specified was invalid."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(s3_error_message(rows[i].error), rows[i].message);
}

static void assert_rendered(const struct s3_error_details *details, const char *expected)
{
    struct buffer out;

    buffer_init(&out, 4096);
    assert_int_equal(s3_error_render(&out, details), STATUS_OK);
    assert_string_equal(out.data, expected);
    buffer_release(&out);
}

static void test_render(void **state)
{
    struct s3_error_details details = {.request_id = BYTES("0123456789ABCDEF"), .host_id = BYTES("node")};

    (void)state;
    s3_error_set(&details, S3_NO_SUCH_KEY);
    s3_error_add(&details, "Key", BYTES("a<b&\x01\xff"));
    assert_rendered(&details, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                              "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
                              "<Key>a&lt;b&amp;&#x1;\xef\xbf\xbd</Key><RequestId>0123456789ABCDEF</RequestId>"
                              "<HostId>node</HostId></Error>");

    s3_error_setf(&details, S3_INVALID_ARGUMENT, "no such %s", "thing");
    details.resource = BYTES("/bucket/key");
    s3_error_add(&details, "ArgumentName", BYTES("x"));
    s3_error_add(&details, "ArgumentValue", (struct bytes){NULL, 0});
    s3_error_add_u64(&details, "Size", UINT64_MAX);
    assert_rendered(&details, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                              "<Error><Code>InvalidArgument</Code><Message>no such thing</Message>"
                              "<Resource>/bucket/key</Resource><ArgumentName>x</ArgumentName>"
                              "<ArgumentValue></ArgumentValue><Size>18446744073709551615</Size>"
                              "<RequestId>0123456789ABCDEF</RequestId><HostId>node</HostId></Error>");

    s3_error_set(&details, S3_REQUEST_TIME_TOO_SKEWED);
    details.resource = (struct bytes){0};
    char text[] = "a&b";
    s3_error_add_copy(&details, "RequestTime", bytes_from_str(text));
    s3_error_add_time(&details, "ServerTime", 1001);
    memset(text, 'x', sizeof(text) - 1);
    struct s3_error_details copy = details;
    memset(&details, 0xff, sizeof(details));
    assert_rendered(&copy, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                           "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time "
                           "and the current time is too large.</Message><RequestTime>a&amp;b</RequestTime>"
                           "<ServerTime>1970-01-01T00:00:01.001Z</ServerTime>"
                           "<RequestId>0123456789ABCDEF</RequestId><HostId>node</HostId></Error>");

    details = copy;
    s3_error_set(&details, S3_SLOW_DOWN);
    assert_int_equal(details.element_count, 0);
    assert_string_equal(details.message, "");
}

static void test_render_beyond_the_maximum(void **state)
{
    struct s3_error_details details = {.code = S3_NO_SUCH_KEY};
    struct buffer out;

    (void)state;
    buffer_init(&out, 100);
    assert_int_equal(s3_error_render(&out, &details), STATUS_LIMIT);
    buffer_release(&out);
}

static void assert_cut(const struct buffer *out, const char *name, size_t shown_max, size_t whole_len)
{
    char open[64], close[128];
    const char *start, *end;

    snprintf(open, sizeof(open), "<%s>", name);
    snprintf(close, sizeof(close), "... [cut: %zu bytes in all]</%s>", whole_len, name);
    start = strstr(out->data, open);
    assert_non_null(start);
    end = strstr(start, close);
    assert_non_null(end);
    assert_in_range(end - start - (ptrdiff_t)strlen(open), shown_max - 6, shown_max);
}

/* A text of control characters is six times as long when it is escaped. */
static void test_long_texts_are_cut(void **state)
{
    size_t len = 60000;
    char *text = malloc(len);
    struct s3_error_details details = {.resource = {text, len}, .request_id = BYTES("id"), .host_id = BYTES("id")};
    struct buffer out;

    (void)state;
    memset(text, 0x1f, len);
    s3_error_set(&details, S3_NO_SUCH_KEY);
    s3_error_add(&details, "Key", bytes_of(text, len));
    s3_error_add_front(&details, "Front", bytes_of(text, 500), 700, 6000);
    buffer_init(&out, S3_ERROR_BYTES_MAX);
    assert_int_equal(s3_error_render(&out, &details), STATUS_OK);
    assert_in_range(out.len, 0, 8192);
    assert_cut(&out, "Resource", S3_ERROR_VALUE_MAX, len);
    assert_cut(&out, "Key", S3_ERROR_VALUE_MAX, len);
    assert_cut(&out, "Front", 3000, 700);
    assert_non_null(strstr(out.data, "<RequestId>id</RequestId>"));
    buffer_release(&out);
    free(text);
}

static void test_usual_texts_are_whole(void **state)
{
    struct s3_error_details details = {0};
    struct buffer out;
    char key[1025];

    (void)state;
    memset(key, 'k', 1024);
    key[1024] = '\0';
    s3_error_set(&details, S3_NO_SUCH_KEY);
    s3_error_add(&details, "Key", bytes_from_str(key));
    buffer_init(&out, S3_ERROR_BYTES_MAX);
    assert_int_equal(s3_error_render(&out, &details), STATUS_OK);
    assert_non_null(strstr(out.data, key));
    assert_null(strstr(out.data, "cut"));
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_texts_are_cut),        cmocka_unit_test(test_usual_texts_are_whole),
        cmocka_unit_test(test_table_is_complete),         cmocka_unit_test(test_statuses_are_those_of_aws),
        cmocka_unit_test(test_words_are_those_of_aws),    cmocka_unit_test(test_render),
        cmocka_unit_test(test_render_beyond_the_maximum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
