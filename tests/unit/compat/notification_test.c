/* Notification documents: what is read, AWS's errors, that what was written is read again, and which configuration an
 * event of a key belongs to. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "compat/compat.h"
#include "compat/notification.h"

#define DOCUMENT(inner)   "<NotificationConfiguration>" inner "</NotificationConfiguration>"
#define QUEUE(inner)      "<QueueConfiguration>" inner "</QueueConfiguration>"
#define TO(name)          "<Queue>arn:aws:sqs:us-east-1:000000000000:" name "</Queue>"
#define EVENT(name)       "<Event>s3:" name "</Event>"
#define FILTER(rules)     "<Filter><S3Key>" rules "</S3Key></Filter>"
#define RULE(name, value) "<FilterRule><Name>" name "</Name><Value>" value "</Value></FilterRule>"
#define PREFIX(value)     FILTER(RULE("prefix", value))
#define SUFFIX(value)     FILTER(RULE("suffix", value))
#define PUT               EVENT("ObjectCreated:Put")

static enum status read_text(const char *text, struct notification_configuration *configuration,
                             struct s3_error_details *error)
{
    enum status status = notification_parse(bytes_from_str(text), configuration, error);

    return status ? status : notification_check(configuration, error);
}

static void test_what_is_malformed(void **state)
{
    static const char *const documents[] = {
        "",
        "<Notification/>",
        DOCUMENT("<Other/>"),
        DOCUMENT(QUEUE("")),
        DOCUMENT(QUEUE(TO("a"))),
        DOCUMENT(QUEUE(PUT)),
        DOCUMENT(QUEUE(TO("a") TO("b") PUT)),
        DOCUMENT(QUEUE("<Topic>arn:aws:sns:::a</Topic>" PUT)),
        DOCUMENT(QUEUE("<Id>a</Id><Id>b</Id>" TO("a") PUT)),
        DOCUMENT(QUEUE(TO("a") PUT "<Filter><Other/></Filter>")),
        DOCUMENT(QUEUE(TO("a") PUT PREFIX("a") SUFFIX("b"))),
        DOCUMENT(QUEUE(TO("a") PUT FILTER("<FilterRule><Name>prefix</Name><Name>a</Name></FilterRule>"))),
        DOCUMENT(QUEUE(TO("a") PUT FILTER("<FilterRule><Value><a/></Value></FilterRule>"))),
        DOCUMENT("<EventBridgeConfiguration/><EventBridgeConfiguration/>"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct notification_configuration configuration;
        struct s3_error_details error;
        assert_int_not_equal(read_text(documents[i], &configuration, &error), STATUS_OK);
        assert_int_equal(error.code, S3_MALFORMED_XML);
        notification_release(&configuration);
    }
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *document, *message;
    } rows[] = {
        {DOCUMENT(QUEUE("<Queue>a</Queue>" PUT)), "The ARN could not be parsed"},
        {DOCUMENT(QUEUE("<Queue>arn:aws:sns:::a</Queue>" PUT)), "The ARN could not be parsed"},
        {DOCUMENT(QUEUE("<Queue>arn:aws:sqs:r:1:</Queue>" PUT)), "The ARN could not be parsed"},
        {DOCUMENT(QUEUE("<Queue>arn:aws:sqs:r:1:a:b</Queue>" PUT)), "The ARN could not be parsed"},
        {DOCUMENT("<CloudFunctionConfiguration><CloudFunction>arn:aws:lambda:r:1:a</CloudFunction>" PUT
                  "</CloudFunctionConfiguration>"),
         "The ARN could not be parsed"},
        {DOCUMENT(QUEUE(TO("a") EVENT("ObjectCreated:Nothing"))),
         "A specified event is not supported for notifications."},
        {DOCUMENT(QUEUE(TO("a") "<Event>ObjectCreated:Put</Event>")),
         "A specified event is not supported for notifications."},
        {DOCUMENT(QUEUE(TO("a") PUT FILTER(RULE("infix", "a")))), "filter rule name must be either prefix or suffix"},
        {DOCUMENT(QUEUE(TO("a") PUT FILTER("<FilterRule/>"))), "filter rule name must be either prefix or suffix"},
        {DOCUMENT(QUEUE(TO("a") PUT FILTER(RULE("prefix", "a") RULE("Prefix", "b")))),
         "Cannot specify more than one prefix rule in a filter."},
        {DOCUMENT(QUEUE("<Id>a</Id>" TO("a") PUT) QUEUE("<Id>a</Id>" TO("b") EVENT("ObjectAcl:Put"))),
         "The ids of notification configurations must be unique."},
        {DOCUMENT(QUEUE(TO("a") PUT) QUEUE(TO("b") EVENT("ObjectCreated:*"))),
         "Configurations overlap. Configurations on the same bucket cannot share a common event type."},
        {DOCUMENT(QUEUE(TO("a") PUT PREFIX("a")) QUEUE(TO("a") PUT PREFIX("ab"))),
         "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
         "overlapping for the same event type."},
        {DOCUMENT(QUEUE(TO("a") PUT SUFFIX(".gz")) QUEUE(TO("a") PUT PREFIX("x"))),
         "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
         "overlapping for the same event type."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct notification_configuration configuration;
        struct s3_error_details error;
        assert_int_equal(read_text(rows[i].document, &configuration, &error), STATUS_INVALID);
        assert_int_equal(error.code, S3_INVALID_ARGUMENT);
        assert_string_equal(error.message, rows[i].message);
        notification_release(&configuration);
    }
}

static void test_what_does_not_overlap(void **state)
{
    static const char *const documents[] = {
        DOCUMENT(""),
        DOCUMENT(QUEUE(TO("a") PUT) QUEUE(TO("b") EVENT("ObjectCreated:Copy") EVENT("ObjectRemoved:*"))),
        DOCUMENT(QUEUE(TO("a") PUT PREFIX("a/")) QUEUE(TO("a") PUT PREFIX("b/"))),
        DOCUMENT(QUEUE(TO("a") PUT SUFFIX(".a")) QUEUE(TO("a") PUT SUFFIX(".b"))),
        DOCUMENT(QUEUE(TO("a") PUT FILTER(RULE("prefix", "a") RULE("suffix", "x")))
                     QUEUE(TO("a") PUT FILTER(RULE("prefix", "ab") RULE("suffix", "y")))),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct notification_configuration configuration;
        struct s3_error_details error;
        assert_int_equal(read_text(documents[i], &configuration, &error), STATUS_OK);
        notification_release(&configuration);
    }
}

static void test_written_is_read_again(void **state)
{
    static const char document[] = DOCUMENT(
        QUEUE("<Id>one &amp; two</Id>" TO("a") PUT EVENT("ObjectRemoved:*")
                  FILTER(RULE("PREFIX", "a&lt;b ") RULE("Suffix", "\xc3\xbc")))
            QUEUE(TO("b") EVENT(
                "ObjectAcl:Put") "<Filter/>") "<TopicConfiguration><Topic> arn:aws-cn:sns:r:1:t "
                                              "</Topic>" EVENT(
                                                  "LifecycleTransition") "</"
                                                                         "TopicConfiguration><"
                                                                         "CloudFunctionConfiguration><CloudFunction>"
                                                                         "arn:aws:lambda:r:1:function:f:live"
                                                                         "</CloudFunction>" EVENT(
                                                                             "ObjectTagging:Put") "</"
                                                                                                  "CloudFunctionConfigu"
                                                                                                  "ration>");
    static const char *const targets[] = {"a", "b", "t", "f"};
    struct notification_configuration first, again;
    struct s3_error_details error;
    const uint8_t seed[12] = {1};
    struct buffer out;

    (void)state;
    assert_int_equal(read_text(document, &first, &error), STATUS_OK);
    notification_name_rules(&first, seed);
    buffer_init(&out, NOTIFICATION_KEPT_BYTES_MAX);
    assert_int_equal(notification_write(&out, &first), STATUS_OK);
    assert_int_equal(notification_parse(buffer_bytes(&out), &again, &error), STATUS_OK);
    assert_int_equal(again.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(bytes_equal_str(again.rules[i].target, targets[i]));
        assert_true(bytes_equal(first.rules[i].id, again.rules[i].id));
        assert_true(bytes_equal(first.rules[i].arn, again.rules[i].arn));
        assert_int_equal(first.rules[i].events, again.rules[i].events);
        assert_int_equal(first.rules[i].kind, again.rules[i].kind);
        assert_int_equal(first.rules[i].has_filter, again.rules[i].has_filter);
    }
    assert_true(bytes_equal_str(again.rules[0].id, "one & two"));
    assert_true(bytes_equal_str(again.rules[0].prefix, "a<b "));
    assert_true(bytes_equal_str(again.rules[0].suffix, "\xc3\xbc"));
    assert_int_equal(again.rules[1].id.len, NOTIFICATION_ID_LEN);
    assert_false(bytes_equal(again.rules[1].id, again.rules[2].id));
    buffer_release(&out);
    notification_release(&first);
    notification_release(&again);
}

static void test_bounds(void **state)
{
    struct notification_configuration configuration;
    struct s3_error_details error;
    struct buffer text;

    (void)state;
    for (int count = NOTIFICATION_RULES_MAX; count <= NOTIFICATION_RULES_MAX + 1; count++) {
        buffer_init(&text, NOTIFICATION_KEPT_BYTES_MAX);
        assert_int_equal(buffer_append_str(&text, "<NotificationConfiguration>"), STATUS_OK);
        for (int i = 0; i < count; i++)
            assert_int_equal(buffer_printf(&text, QUEUE(TO("a") PUT PREFIX("%03d/")), i), STATUS_OK);
        assert_int_equal(buffer_append_str(&text, "</NotificationConfiguration>"), STATUS_OK);
        assert_int_equal(read_text(text.data, &configuration, &error),
                         count > NOTIFICATION_RULES_MAX ? STATUS_INVALID : STATUS_OK);
        notification_release(&configuration);
        buffer_release(&text);
    }
    for (int len = NOTIFICATION_VALUE_MAX; len <= NOTIFICATION_VALUE_MAX + 1; len++) {
        buffer_init(&text, NOTIFICATION_KEPT_BYTES_MAX);
        assert_int_equal(buffer_printf(&text, DOCUMENT(QUEUE(TO("a") PUT PREFIX("%0*d"))), len, 0), STATUS_OK);
        assert_int_equal(read_text(text.data, &configuration, &error),
                         len > NOTIFICATION_VALUE_MAX ? STATUS_INVALID : STATUS_OK);
        notification_release(&configuration);
        buffer_release(&text);
    }
}

static void test_matching(void **state)
{
    static const char document[] =
        DOCUMENT(QUEUE("<Id>put</Id>" TO("a") PUT FILTER(RULE("prefix", "in/") RULE("suffix", ".x")))
                     QUEUE("<Id>any</Id>" TO("a") EVENT("ObjectRemoved:*") EVENT("ObjectTagging:Put"))
                         QUEUE("<Id>copy</Id>" TO("a") EVENT("ObjectCreated:Copy")));
    static const struct {
        enum notification_event event;
        const char *key, *id;
    } rows[] = {
        {NOTIFICATION_CREATED_PUT, "in/a.x", "put"},   {NOTIFICATION_CREATED_PUT, "in/.x", "put"},
        {NOTIFICATION_CREATED_PUT, "in/a.y", NULL},    {NOTIFICATION_CREATED_PUT, "a.x", NULL},
        {NOTIFICATION_CREATED_PUT, "in/", NULL},       {NOTIFICATION_CREATED_POST, "in/a.x", NULL},
        {NOTIFICATION_CREATED_COPY, "in/a.x", "copy"}, {NOTIFICATION_REMOVED_DELETE, "any", "any"},
        {NOTIFICATION_REMOVED_MARKER, "any", "any"},   {NOTIFICATION_TAGGING_PUT, "any", "any"},
        {NOTIFICATION_TAGGING_DELETE, "any", NULL},    {NOTIFICATION_ACL_PUT, "any", NULL},
    };
    struct notification_configuration configuration;
    struct s3_error_details error;

    (void)state;
    assert_int_equal(read_text(document, &configuration, &error), STATUS_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct notification_rule *rule =
            notification_match(&configuration, rows[i].event, bytes_from_str(rows[i].key));
        if (rows[i].id)
            assert_true(rule && bytes_equal_str(rule->id, rows[i].id));
        else
            assert_null(rule);
    }
    notification_release(&configuration);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 1; i < NOTIFICATION_EVENT_COUNT; i++)
        assert_int_equal(notification_event_find(bytes_from_str(notification_event_name((enum notification_event)i))),
                         i);
    assert_int_equal(notification_event_find(BYTES("")), NOTIFICATION_NONE);
    assert_int_equal(notification_event_find(BYTES("s3:ObjectCreated")), NOTIFICATION_NONE);
    /* stored */
    assert_int_equal(NOTIFICATION_CREATED_PUT, 3);
    assert_int_equal(NOTIFICATION_RETENTION_PUT, 31);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_malformed),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_what_does_not_overlap),
        cmocka_unit_test(test_written_is_read_again),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_names),
    };

    compat_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
