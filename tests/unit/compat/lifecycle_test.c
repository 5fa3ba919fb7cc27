/* Lifecycle documents and rules: what is read and written again, AWS's errors, and what the rules say of a version, by
 * tables. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "compat/lifecycle.h"

#define RULE(inner)  "<Rule>" inner "</Rule>"
#define RULES(rules) "<LifecycleConfiguration>" rules "</LifecycleConfiguration>"
#define ALL          "<Filter/><Status>Enabled</Status>"
#define ONE(inner)   RULES(RULE("<ID>r</ID>" inner))
#define DAYS(days)   "<Expiration><Days>" days "</Days></Expiration>"
#define TAG(key)     "<Tag><Key>" key "</Key><Value>v</Value></Tag>"
#define TO(days, to) "<Transition><Days>" days "</Days><StorageClass>" to "</StorageClass></Transition>"
#define OLD(days)    "<NoncurrentVersionExpiration><NoncurrentDays>" days "</NoncurrentDays></NoncurrentVersionExpiration>"
#define ABORT(days)                                                                                                    \
    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>" days                                                       \
    "</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
#define MARKER     "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
#define DATE(date) "<Expiration><Date>" date "</Date></Expiration>"

static void test_read_and_written(void **state)
{
    static const char inner[] = "<Rule><ID>a &lt;b&gt;</ID><Filter><And><Prefix>p/</Prefix>" TAG("k") TAG(
        "l") "<ObjectSizeGreaterThan>0</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>"
             "<Status>Enabled</Status>" TO("30", "STANDARD_IA") TO(
                 "60",
                 "GLACIER_IR") "<NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays>"
                               "<NewerNoncurrentVersions>5</NewerNoncurrentVersions>"
                               "<StorageClass>GLACIER_IR</StorageClass></NoncurrentVersionTransition>" DAYS("365") OLD(
                                   "4") "</Rule>"
                                        "<Rule><ID>b</ID><Prefix>old</Prefix><Status>Disabled</Status>" DATE(
                                            "2026-12-01T00:00:00.000Z")
                                            ABORT(
                                                "7") "</Rule>"
                                                     "<Rule><ID>c</ID><Filter></Filter><Status>Enabled</Status>" MARKER
                                                     "</Rule></LifecycleConfiguration>";
    char sent[4096], written[4096];
    struct lifecycle_configuration configuration;
    struct s3_error_details error;
    struct buffer out;

    (void)state;
    snprintf(sent, sizeof(sent), "<LifecycleConfiguration>%s", inner);
    snprintf(written, sizeof(written),
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LifecycleConfiguration "
             "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">%s",
             inner);
    assert_int_equal(lifecycle_parse(bytes_from_str(sent), &configuration, &error), STATUS_OK);
    assert_int_equal(lifecycle_check(&configuration, &error), STATUS_OK);
    buffer_init(&out, 8192);
    assert_int_equal(lifecycle_write(&out, &configuration), STATUS_OK);
    assert_true(out.len == strlen(written));
    assert_memory_equal(out.data, written, out.len);
    buffer_release(&out);
    lifecycle_release(&configuration);
}

static void test_generated_ids(void **state)
{
    static const uint8_t seed[12] = {1, 2, 3};
    struct lifecycle_configuration configuration;
    struct s3_error_details error;

    (void)state;
    assert_int_equal(lifecycle_parse(BYTES(RULES(RULE(ALL DAYS("1")) RULE("<ID>x</ID>" ALL DAYS("1"))
                                                     RULE("<ID></ID>" ALL DAYS("1")))),
                                     &configuration, &error),
                     STATUS_OK);
    lifecycle_name_rules(&configuration, seed);
    assert_int_equal(lifecycle_check(&configuration, &error), STATUS_OK);
    assert_int_equal(configuration.rules[0].id.len, LIFECYCLE_GENERATED_ID_LEN);
    assert_true(bytes_equal_str(configuration.rules[1].id, "x"));
    assert_true(bytes_equal_str(configuration.rules[2].id, "01020300000000000000000000000002"));
    lifecycle_release(&configuration);
}

static void test_malformed(void **state)
{
    static const char *const documents[] = {
        "",
        RULES(""),
        RULES("<Rules/>"),
        ONE(ALL "<Prefix/>" DAYS("1")),            /* both */
        ONE("<Status>Enabled</Status>" DAYS("1")), /* neither */
        ONE("<Filter/>" DAYS("1")),
        ONE("<Filter/><Status>enabled</Status>" DAYS("1")),
        ONE(ALL ALL DAYS("1")),
        ONE(ALL DAYS("x")),
        ONE(ALL DAYS("")),
        ONE(ALL DAYS("99999999999")),
        ONE(ALL DAYS("1") DAYS("1")),
        ONE(ALL "<Expiration/>"),
        ONE(ALL "<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"),
        ONE(ALL "<Expiration><Days>1</Days><Date>2026-12-01T00:00:00Z</Date></Expiration>"),
        ONE(ALL "<Expiration><ExpiredObjectDeleteMarker>yes</ExpiredObjectDeleteMarker></Expiration>"),
        ONE(ALL DATE("tomorrow")),
        ONE("<Filter><Prefix>a</Prefix>" TAG("k") "</Filter><Status>Enabled</Status>" DAYS("1")),
        ONE("<Filter><Tag><Key>k</Key></Tag></Filter><Status>Enabled</Status>" DAYS("1")),
        ONE("<Filter><And/></Filter><Status>Enabled</Status>" DAYS("1")),
        ONE("<Filter><ObjectSizeLessThan>-1</ObjectSizeLessThan></Filter><Status>Enabled</Status>" DAYS("1")),
        ONE(ALL "<Transition><Days>1</Days></Transition>"),
        ONE(ALL "<Transition><StorageClass>GLACIER_IR</StorageClass></Transition>"),
        ONE(ALL TO("1", "STANDARD")),
        ONE(ALL TO("1", "WOOD")),
        ONE(ALL TO("1", "REDUCED_REDUNDANCY")),
        ONE(ALL "<NoncurrentVersionExpiration/>"),
        ONE(ALL "<AbortIncompleteMultipartUpload/>"),
        ONE(ALL DAYS("1") "<Other/>"),
    };
    struct lifecycle_configuration configuration;
    struct s3_error_details error;

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        if (lifecycle_parse(bytes_from_str(documents[i]), &configuration, &error) == STATUS_OK)
            fail_msg("was read: %s", documents[i]);
        assert_int_equal(error.code, S3_ERROR_NONE);
    }
    assert_int_equal(lifecycle_parse(BYTES(ONE(ALL TO("1", "GLACIER"))), &configuration, &error), STATUS_INVALID);
    assert_int_equal(error.code, S3_INVALID_STORAGE_CLASS);
}

static void test_refused(void **state)
{
    static const struct {
        const char *document;
        enum s3_error code;
        const char *message;
    } rows[] = {
        {ONE(ALL DAYS("0")), S3_INVALID_ARGUMENT, "'Days' for Expiration action must be a positive integer"},
        {ONE(ALL DAYS("-3")), S3_INVALID_ARGUMENT, "'Days' for Expiration action must be a positive integer"},
        {ONE(ALL OLD("0")), S3_INVALID_ARGUMENT,
         "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"},
        {ONE(ALL ABORT("0")), S3_INVALID_ARGUMENT,
         "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"},
        {ONE(ALL DATE("2026-12-01T01:00:00Z")), S3_INVALID_ARGUMENT, "'Date' must be at midnight GMT"},
        {ONE(ALL), S3_INVALID_REQUEST, "At least one action needs to be specified in a rule."},
        {ONE(ALL TO("-1", "GLACIER_IR")), S3_INVALID_ARGUMENT, "'Days' for Transition action must be nonnegative"},
        {ONE(ALL TO("29", "STANDARD_IA")), S3_INVALID_ARGUMENT,
         "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'"},
        {ONE(ALL TO("3", "GLACIER_IR") DAYS("3")), S3_INVALID_ARGUMENT,
         "'Days' in the Expiration action for prefix '' must be greater than 'Days' in the Transition action"},
        {ONE(ALL TO("3", "GLACIER_IR") DATE("2026-12-01")), S3_INVALID_REQUEST,
         "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for prefix ''"},
        {ONE(ALL TO("3", "GLACIER_IR") TO("4", "GLACIER_IR")), S3_INVALID_REQUEST,
         "'StorageClass' must be different for 'Transition' actions in same 'Rule'"},
        {ONE("<Filter>" TAG("k") "</Filter><Status>Enabled</Status>" ABORT("1")), S3_INVALID_REQUEST,
         "AbortIncompleteMultipartUpload cannot be specified with Tags."},
        {ONE("<Filter>" TAG("k") "</Filter><Status>Enabled</Status>" MARKER), S3_INVALID_REQUEST,
         "ExpiredObjectDeleteMarker cannot be specified with Tags."},
        {ONE("<Filter><And>" TAG("k") TAG("k") "</And></Filter><Status>Enabled</Status>" DAYS("1")), S3_INVALID_REQUEST,
         "Duplicate Tag Keys are not allowed."},
        {ONE("<Filter>" TAG("") "</Filter><Status>Enabled</Status>" DAYS("1")), S3_INVALID_TAG,
         "The TagKey you have provided is invalid"},
        {RULES(RULE("<ID>r</ID>" ALL DAYS("1")) RULE("<ID>r</ID>" ALL DAYS("1"))), S3_INVALID_ARGUMENT,
         "Rule ID must be unique. Found same ID for more than one rule"},
        {ONE("<Prefix/><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
             "<NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>"),
         S3_INVALID_REQUEST, "NewerNoncurrentVersions needs a Filter element in its rule."},
        {ONE(ALL "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                 "<NewerNoncurrentVersions>101</NewerNoncurrentVersions></NoncurrentVersionExpiration>"),
         S3_INVALID_ARGUMENT, "'NewerNoncurrentVersions' must be an integer from 1 to 100"},
    };
    struct lifecycle_configuration configuration;
    struct s3_error_details error;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (lifecycle_parse(bytes_from_str(rows[i].document), &configuration, &error))
            fail_msg("was not read: %s", rows[i].document);
        if (lifecycle_check(&configuration, &error) != STATUS_INVALID)
            fail_msg("was taken: %s", rows[i].document);
        assert_int_equal(error.code, rows[i].code);
        assert_string_equal(error.message, rows[i].message);
        lifecycle_release(&configuration);
    }
}

/* n rules whose ids have so many characters. */
static enum status check_many(unsigned n, unsigned id_chars, enum s3_error *code)
{
    struct lifecycle_configuration configuration;
    struct s3_error_details error = {0};
    struct buffer document;
    enum status status;

    buffer_init(&document, LIFECYCLE_KEPT_BYTES_MAX);
    assert_int_equal(buffer_append_str(&document, "<LifecycleConfiguration>"), STATUS_OK);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(buffer_printf(&document, "<Rule><ID>%0*u</ID>" ALL DAYS("1") "</Rule>", (int)id_chars, i),
                         STATUS_OK);
    assert_int_equal(buffer_append_str(&document, "</LifecycleConfiguration>"), STATUS_OK);
    status = lifecycle_parse(buffer_bytes(&document), &configuration, &error);
    if (!status) {
        status = lifecycle_check(&configuration, &error);
        lifecycle_release(&configuration);
    }
    *code = error.code;
    buffer_release(&document);
    return status;
}

static void test_bounds(void **state)
{
    enum s3_error code;

    (void)state;
    assert_int_equal(check_many(1000, 4, &code), STATUS_OK);
    assert_int_equal(check_many(1001, 4, &code), STATUS_INVALID);
    assert_int_equal(code, S3_INVALID_REQUEST);
    assert_int_equal(check_many(1002, 4, &code), STATUS_INVALID);
    assert_int_equal(check_many(1, 255, &code), STATUS_OK);
    assert_int_equal(check_many(1, 256, &code), STATUS_INVALID);
    assert_int_equal(code, S3_INVALID_ARGUMENT);
}

static int64_t at(const char *text)
{
    int64_t wall_ms;

    assert_int_equal(clock_parse_iso8601(bytes_from_str(text), &wall_ms), STATUS_OK);
    return wall_ms;
}

/* What the rules say of a version, or of the versions of one key in turn. */
struct row {
    const char *rules;
    struct lifecycle_version version;
    const char *modified, *noncurrent; /* times of these */
    const char *before;                /* a time at which nothing is done yet; NULL: at none */
    const char *now;
    enum lifecycle_action action;
    enum storage_class storage_class;
};

static void check_row(const struct row *row, size_t index)
{
    struct lifecycle_configuration configuration;
    struct lifecycle_version version = row->version;
    struct s3_error_details error;
    struct lifecycle_verdict verdict;

    version.modified_ms = at(row->modified ? row->modified : "2026-01-15T10:30:00Z");
    version.noncurrent_ms = row->noncurrent ? at(row->noncurrent) : 0;
    if (!version.key.data)
        version.key = BYTES("k");
    assert_int_equal(lifecycle_parse(bytes_from_str(row->rules), &configuration, &error), STATUS_OK);
    assert_int_equal(lifecycle_check(&configuration, &error), STATUS_OK);
    if (row->before) {
        verdict = lifecycle_judge(&configuration, &version, at(row->before), LIFECYCLE_DAY_MS);
        if (verdict.action != LIFECYCLE_NOTHING)
            fail_msg("row %zu: action %d too early", index, verdict.action);
    }
    verdict = lifecycle_judge(&configuration, &version, at(row->now), LIFECYCLE_DAY_MS);
    if (verdict.action != row->action)
        fail_msg("row %zu: action %d, not %d", index, verdict.action, row->action);
    if (row->action == LIFECYCLE_TRANSITION)
        assert_int_equal(verdict.storage_class, row->storage_class);
    lifecycle_release(&configuration);
}

#define NOW        .current = true
#define LARGE      .size = 1 << 20
#define FILTER(in) "<Filter>" in "</Filter><Status>Enabled</Status>"
#define KEEP(days, newer)                                                                                              \
    "<NoncurrentVersionExpiration><NoncurrentDays>" days "</NoncurrentDays><NewerNoncurrentVersions>" newer            \
    "</NewerNoncurrentVersions></NoncurrentVersionExpiration>"
#define OLD_TO(days, to)                                                                                               \
    "<NoncurrentVersionTransition><NoncurrentDays>" days "</NoncurrentDays><StorageClass>" to                          \
    "</StorageClass></NoncurrentVersionTransition>"
#define SECOND(inner) RULE("<ID>s</ID>" inner)

static void test_judged(void **state)
{
    static struct tag tags[] = {{BYTES("k"), BYTES("v")}, {BYTES("l"), BYTES("w")}};
    static const struct tag_set both = {.tags = tags, .count = 2};
    static const struct tag_set other = {.tags = tags + 1, .count = 1};
    const struct row rows[] = {
        /* rounded up to midnight: AWS's example */
        {ONE(ALL DAYS("3")),
         {NOW},
         NULL,
         NULL,
         "2026-01-18T23:59:59.999Z",
         "2026-01-19T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {ONE(ALL DAYS("3")),
         {NOW},
         "2026-01-15T00:00:00Z",
         NULL,
         "2026-01-17T23:59:59.999Z",
         "2026-01-18T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {ONE(ALL DAYS("2147483647")), {NOW}, NULL, NULL, NULL, "2999-01-01T00:00:00Z", LIFECYCLE_NOTHING, 0},
        {ONE(ALL DATE("2026-02-01")),
         {NOW},
         NULL,
         NULL,
         "2026-01-31T23:59:59Z",
         "2026-02-01T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {ONE(ALL DATE("2026-02-01")),
         {NOW},
         "2026-03-01T01:00:00Z",
         NULL,
         NULL,
         "2026-03-01T01:00:01Z",
         LIFECYCLE_EXPIRE,
         0}, /* it goes on after its day */
        {ONE("<Filter/><Status>Disabled</Status>" DAYS("3")),
         {NOW},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        {ONE(ALL DAYS("3")),
         {.current = false},
         NULL,
         "2026-01-15T10:30:00Z",
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        /* filters */
        {ONE("<Prefix>a/</Prefix><Status>Enabled</Status>" DAYS("3")),
         {.key = BYTES("a/b"), NOW},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {ONE("<Prefix>a/</Prefix><Status>Enabled</Status>" DAYS("3")),
         {.key = BYTES("a"), NOW},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        {ONE(FILTER("<ObjectSizeGreaterThan>10</ObjectSizeGreaterThan>") DAYS("3")),
         {.size = 10, NOW},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        {ONE(FILTER("<ObjectSizeGreaterThan>10</ObjectSizeGreaterThan>") DAYS("3")),
         {.size = 11, NOW},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {ONE(FILTER("<ObjectSizeLessThan>10</ObjectSizeLessThan>") DAYS("3")),
         {.size = 10, NOW},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        {ONE(FILTER("<ObjectSizeLessThan>10</ObjectSizeLessThan>") DAYS("3")),
         {.size = 9, NOW},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {ONE(FILTER(TAG("k")) DAYS("3")), {NOW}, NULL, NULL, NULL, "2027-01-01T00:00:00Z", LIFECYCLE_NOTHING, 0},
        {ONE(FILTER(TAG("k")) DAYS("3")),
         {NOW, .tags = &both},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {ONE(FILTER(TAG("k")) DAYS("3")),
         {NOW, .tags = &other},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        {ONE(FILTER(TAG("l")) DAYS("3")),
         {NOW, .tags = &both},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0}, /* another value */
        {ONE(FILTER(TAG("k")) DAYS("3")),
         {NOW, .tags_unknown = true},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {ONE(FILTER("<And><Prefix>a/</Prefix>" TAG("k") "</And>") DAYS("3")),
         {NOW, .tags = &both},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        /* the earlier expiration */
        {RULES(RULE(ALL DAYS("10")) RULE(ALL DAYS("3"))),
         {NOW},
         NULL,
         NULL,
         "2026-01-18T23:59:59Z",
         "2026-01-19T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        /* noncurrent versions count from their successor */
        {ONE(ALL OLD("3")),
         {.current = false},
         NULL,
         "2026-02-15T10:30:00Z",
         "2026-02-18T23:59:59Z",
         "2026-02-19T00:00:00Z",
         LIFECYCLE_REMOVE,
         0},
        {ONE(ALL OLD("3")), {NOW}, NULL, NULL, NULL, "2027-01-01T00:00:00Z", LIFECYCLE_NOTHING, 0},
        {ONE(ALL OLD("3")),
         {.delete_marker = true},
         NULL,
         "2026-02-15T10:30:00Z",
         NULL,
         "2026-02-19T00:00:00Z",
         LIFECYCLE_REMOVE,
         0},
        {ONE(ALL KEEP("3", "2")),
         {.newer = 1},
         NULL,
         "2026-02-15T10:30:00Z",
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        {ONE(ALL KEEP("3", "2")),
         {.newer = 2},
         NULL,
         "2026-02-15T10:30:00Z",
         "2026-02-18T23:59:59Z",
         "2026-02-19T00:00:00Z",
         LIFECYCLE_REMOVE,
         0},
        {RULES(RULE(ALL KEEP("1", "2")) RULE(ALL OLD("3"))),
         {.newer = 1},
         NULL,
         "2026-02-15T10:30:00Z",
         "2026-02-18T23:59:59Z",
         "2026-02-19T00:00:00Z",
         LIFECYCLE_REMOVE,
         0},
        /* delete markers that hide nothing */
        {ONE(ALL MARKER),
         {NOW, .delete_marker = true, .alone = true},
         NULL,
         NULL,
         NULL,
         "2026-01-15T10:30:01Z",
         LIFECYCLE_REMOVE_MARKER,
         0},
        {ONE(ALL MARKER), {NOW, .delete_marker = true}, NULL, NULL, NULL, "2027-01-01T00:00:00Z", LIFECYCLE_NOTHING, 0},
        {ONE(ALL MARKER), {NOW}, NULL, NULL, NULL, "2027-01-01T00:00:00Z", LIFECYCLE_NOTHING, 0},
        {ONE(ALL DAYS("3")),
         {NOW, .delete_marker = true, .alone = true},
         NULL,
         NULL,
         "2026-01-18T23:59:59Z",
         "2026-01-19T00:00:00Z",
         LIFECYCLE_REMOVE_MARKER,
         0},
        {ONE(FILTER(TAG("k")) DAYS("3")),
         {NOW, .delete_marker = true, .alone = true, .tags_unknown = true},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        /* transitions */
        {ONE(ALL TO("0", "GLACIER_IR")),
         {NOW, LARGE},
         NULL,
         NULL,
         "2026-01-15T23:59:59Z",
         "2026-01-16T00:00:00Z",
         LIFECYCLE_TRANSITION,
         STORAGE_GLACIER_IR},
        {ONE(ALL TO("0", "GLACIER_IR")),
         {NOW, .size = 131071},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0}, /* too small */
        {ONE(FILTER("<ObjectSizeGreaterThan>1</ObjectSizeGreaterThan>") TO("0", "GLACIER_IR")),
         {NOW, .size = 100},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_TRANSITION,
         STORAGE_GLACIER_IR},
        {ONE(ALL TO("30", "STANDARD_IA") TO("60", "GLACIER_IR")),
         {NOW, LARGE},
         NULL,
         NULL,
         "2026-02-14T00:00:00Z",
         "2026-02-15T00:00:00Z",
         LIFECYCLE_TRANSITION,
         STORAGE_STANDARD_IA},
        {ONE(ALL TO("30", "STANDARD_IA") TO("60", "GLACIER_IR")),
         {NOW, LARGE},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_TRANSITION,
         STORAGE_GLACIER_IR},
        {ONE(ALL TO("30", "STANDARD_IA")),
         {NOW, LARGE, .storage_class = STORAGE_GLACIER_IR},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0}, /* never up */
        {ONE(ALL TO("30", "GLACIER_IR")),
         {NOW, LARGE, .storage_class = STORAGE_ONEZONE_IA},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        {ONE(ALL OLD_TO("5", "GLACIER_IR")),
         {LARGE},
         NULL,
         "2026-02-15T10:30:00Z",
         "2026-02-20T23:59:59Z",
         "2026-02-21T00:00:00Z",
         LIFECYCLE_TRANSITION,
         STORAGE_GLACIER_IR},
        {ONE(ALL OLD_TO("5", "GLACIER_IR")),
         {LARGE, NOW},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_NOTHING,
         0},
        /* what comes first: a removal, a transition, a delete marker */
        {RULES(RULE(ALL DAYS("1")) RULE(ALL TO("1", "GLACIER_IR"))),
         {NOW, LARGE},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {RULES(RULE(ALL DAYS("1")) RULE(ALL TO("1", "GLACIER_IR"))),
         {NOW, LARGE, .versioned = true},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_TRANSITION,
         STORAGE_GLACIER_IR},
        {RULES(RULE(ALL DAYS("1")) RULE(ALL TO("1", "GLACIER_IR"))),
         {NOW, LARGE, .versioned = true, .storage_class = STORAGE_GLACIER_IR},
         NULL,
         NULL,
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_EXPIRE,
         0},
        {RULES(RULE(ALL OLD("9")) RULE(ALL OLD_TO("1", "GLACIER_IR"))),
         {LARGE},
         NULL,
         "2026-02-15T10:30:00Z",
         NULL,
         "2027-01-01T00:00:00Z",
         LIFECYCLE_REMOVE,
         0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i], i);
}

static void test_told(void **state)
{
    struct lifecycle_configuration configuration;
    struct s3_error_details error;
    struct lifecycle_verdict verdict;
    struct lifecycle_version version = {.key = BYTES("a/k"), .modified_ms = at("2026-01-15T10:30:00Z"), NOW};

    (void)state;
    assert_int_equal(lifecycle_parse(BYTES(RULES(RULE("<ID>one</ID>" ALL DAYS("9") ABORT("4")) RULE(
                                         "<ID>two</ID><Prefix>a/</Prefix><Status>Enabled</Status>" DAYS("3") ABORT("2"))
                                                     RULE("<ID>three</ID>" ALL MARKER))),
                                     &configuration, &error),
                     STATUS_OK);
    assert_true(lifecycle_expiration(&configuration, &version, LIFECYCLE_DAY_MS, &verdict));
    assert_true(bytes_equal_str(verdict.rule->id, "two") && verdict.due_ms == at("2026-01-19T00:00:00Z"));
    version.key = BYTES("b");
    assert_true(lifecycle_expiration(&configuration, &version, LIFECYCLE_DAY_MS, &verdict));
    assert_true(bytes_equal_str(verdict.rule->id, "one"));
    version.current = false;
    assert_false(lifecycle_expiration(&configuration, &version, LIFECYCLE_DAY_MS, &verdict));
    version = (struct lifecycle_version){.key = BYTES("b"), NOW, .delete_marker = true};
    assert_false(lifecycle_expiration(&configuration, &version, LIFECYCLE_DAY_MS, &verdict));

    assert_true(
        lifecycle_abortion(&configuration, BYTES("a/x"), at("2026-01-15T10:30:00Z"), LIFECYCLE_DAY_MS, &verdict));
    assert_true(bytes_equal_str(verdict.rule->id, "two") && verdict.due_ms == at("2026-01-18T00:00:00Z"));
    assert_true(lifecycle_abortion(&configuration, BYTES("x"), at("2026-01-15T10:30:00Z"), LIFECYCLE_DAY_MS, &verdict));
    assert_true(bytes_equal_str(verdict.rule->id, "one"));
    lifecycle_release(&configuration);
    assert_int_equal(lifecycle_parse(BYTES(ONE(ALL DAYS("9"))), &configuration, &error), STATUS_OK);
    assert_false(lifecycle_abortion(&configuration, BYTES("x"), 0, LIFECYCLE_DAY_MS, &verdict));
    lifecycle_release(&configuration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_and_written),
        cmocka_unit_test(test_generated_ids),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_judged),
        cmocka_unit_test(test_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
