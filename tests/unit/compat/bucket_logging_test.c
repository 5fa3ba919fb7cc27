/* BucketLoggingStatus read, kept and refused, and the names of what is delivered. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "compat/bucket_logging.h"

#define ENABLED(inner) "<BucketLoggingStatus><LoggingEnabled>" inner "</LoggingEnabled></BucketLoggingStatus>"
#define WHERE          "<TargetBucket>logs</TargetBucket><TargetPrefix>a/&amp;b </TargetPrefix>"
#define FORMAT(inner)  "<TargetObjectKeyFormat>" inner "</TargetObjectKeyFormat>"
#define GRANT(grantee, permission)                                                                                     \
    "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\">" grantee              \
    "</Grantee><Permission>" permission "</Permission></Grant>"
#define ALL "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>"
#define ID  "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"

static const char *parsed(const char *document, struct bucket_logging *logging)
{
    static struct s3_error_details error;

    error = (struct s3_error_details){0};
    return bucket_logging_parse(bytes_from_str(document), logging, &error) ? s3_error_code(error.code) : "";
}

static void what_is_read_is_written(void **state)
{
    static const char *const documents[] = {
        "<BucketLoggingStatus/>",
        ENABLED(WHERE),
        ENABLED(WHERE FORMAT("<SimplePrefix/>")),
        ENABLED(WHERE FORMAT(
            "<PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix>")),
        ENABLED(WHERE FORMAT("<PartitionedPrefix/>")),
        ENABLED("<TargetGrants>" GRANT(ALL, "READ") GRANT("<ID>" ID "</ID>", "FULL_CONTROL") "</TargetGrants>" WHERE),
        ENABLED("<TargetBucket>logs</TargetBucket><TargetPrefix></TargetPrefix>"),
    };
    struct bucket_logging *first = malloc(sizeof(*first)), *second = malloc(sizeof(*second));

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct buffer out;
        buffer_init(&out, BUCKET_LOGGING_KEPT_BYTES_MAX);
        assert_string_equal(parsed(documents[i], first), "");
        assert_int_equal(bucket_logging_write(&out, first), STATUS_OK);
        assert_string_equal(parsed(out.data, second), "");
        assert_int_equal(first->enabled, i > 0);
        assert_int_equal(first->enabled, second->enabled);
        assert_string_equal(first->target, second->target);
        assert_string_equal(first->prefix, second->prefix);
        assert_int_equal(first->has_format, second->has_format);
        assert_int_equal(first->format, second->format);
        assert_int_equal(first->grants.count, i == 5 ? 2 : 0);
        assert_int_equal(first->grants.count, second->grants.count);
        buffer_release(&out);
    }
    assert_string_equal(parsed(documents[1], first), "");
    assert_string_equal(first->prefix, "a/&b ");
    free(first);
    free(second);
}

static void what_is_wrong_is_refused(void **state)
{
    static const struct {
        const char *document, *code;
    } rows[] = {
        {"<BucketLogging/>", "MalformedXML"},
        {"<BucketLoggingStatus><Other/></BucketLoggingStatus>", "MalformedXML"},
        {"", "MalformedXML"},
        {ENABLED(""), "MalformedXML"},
        {ENABLED("<TargetBucket>logs</TargetBucket>"), "MalformedXML"},
        {ENABLED("<TargetPrefix/>"), "MalformedXML"},
        {ENABLED("<TargetBucket/><TargetPrefix/>"), "MalformedXML"},
        {ENABLED(WHERE WHERE), "MalformedXML"},
        {ENABLED(WHERE FORMAT("<SimplePrefix/><PartitionedPrefix/>")), "MalformedXML"},
        {ENABLED(WHERE FORMAT("<PartitionedPrefix><PartitionDateSource>Now</PartitionDateSource></PartitionedPrefix>")),
         "MalformedXML"},
        {ENABLED(WHERE "<TargetGrants>" GRANT(ALL, "READ_ACP") "</TargetGrants>"), "MalformedXML"},
        {ENABLED(WHERE "<TargetGrants>" GRANT("", "READ") "</TargetGrants>"), "MalformedXML"},
        {ENABLED(WHERE "<TargetGrants>" GRANT("<ID>" ID "</ID><ID>" ID "</ID>", "READ") "</TargetGrants>"),
         "MalformedXML"},
        {ENABLED(WHERE "<TargetGrants>" GRANT("<ID>1,id=2</ID>", "READ") "</TargetGrants>"), "MalformedXML"},
        {ENABLED(WHERE "<TargetGrants>" GRANT("<ID>12</ID>", "READ") "</TargetGrants>"), "InvalidArgument"},
        {ENABLED(WHERE "<TargetGrants>" GRANT("<URI>no</URI>", "READ") "</TargetGrants>"), "InvalidArgument"},
        {ENABLED(WHERE "<TargetGrants>" GRANT("<EmailAddress>a@b</EmailAddress>", "READ") "</TargetGrants>"),
         "MethodNotAllowed"},
    };
    struct bucket_logging *logging = malloc(sizeof(*logging));
    char *text = malloc(4096);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(parsed(rows[i].document, logging), rows[i].code);
    strcpy(text, "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>");
    memset(text + strlen(text), 'p', BUCKET_LOGGING_PREFIX_MAX + 1);
    strcpy(text + strlen("<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>") +
               BUCKET_LOGGING_PREFIX_MAX + 1,
           "</TargetPrefix></LoggingEnabled></BucketLoggingStatus>");
    assert_string_equal(parsed(text, logging), "InvalidArgument");
    free(text);
    free(logging);
}

static void keys(void **state)
{
    struct bucketlog_key key = {.prefix = BYTES("p/"),
                                .account = BYTES("123456789012"),
                                .region = BYTES("us-west-2"),
                                .bucket = BYTES("source"),
                                .time_ms = INT64_C(1549411238123),
                                .unique = 0xAB};
    struct buffer out;

    (void)state;
    buffer_init(&out, 1024);
    assert_int_equal(bucketlog_key_write(&out, &key), STATUS_OK);
    assert_string_equal(out.data, "p/2019-02-06-00-00-38-00000000000000AB");
    buffer_clear(&out);
    key.format = BUCKETLOG_KEY_BY_DELIVERY_TIME;
    assert_int_equal(bucketlog_key_write(&out, &key), STATUS_OK);
    assert_string_equal(out.data, "p/123456789012/us-west-2/source/2019/02/06/2019-02-06-00-00-38-00000000000000AB");
    buffer_clear(&out);
    key.format = BUCKETLOG_KEY_BY_EVENT_TIME;
    assert_int_equal(bucketlog_key_write(&out, &key), STATUS_OK);
    assert_string_equal(out.data, "p/123456789012/us-west-2/source/2019/02/06/2019-02-06-00-00-00-00000000000000AB");
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
