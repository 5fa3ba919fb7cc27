/* The lifecycle of buckets: the setting, what clients are told, and the job that acts on the rules, with the clock
 * held.
 */
#include "tests/unit/gateway/jobs.h"

#include <string.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/lifecycle.h"

#define DAY_MS       (24 * HOUR_MS)
#define RULE(inner)  "<Rule><ID>r</ID><Filter/><Status>Enabled</Status>" inner "</Rule>"
#define RULES(rules) "<LifecycleConfiguration>" rules "</LifecycleConfiguration>"
#define DAYS(days)   "<Expiration><Days>" days "</Days></Expiration>"
#define OLD(days)    "<NoncurrentVersionExpiration><NoncurrentDays>" days "</NoncurrentDays></NoncurrentVersionExpiration>"
#define MARKER       "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
#define ABORT(days)                                                                                                    \
    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>" days                                                       \
    "</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
#define VERSIONING(status) "<VersioningConfiguration><Status>" status "</Status></VersioningConfiguration>"
#define MINIMUM            "x-amz-transition-default-minimum-object-size"

static int setup(void **state)
{
    struct fixture *f;

    if (jobs_setup(state))
        return -1;
    f = *state;
    f->gateway.options.upload_expiry_ms = 1000 * DAY_MS;
    return 0;
}

static void set_rules(struct fixture *f, const char *document)
{
    assert_document_put(f, ROOT, "/bucket?lifecycle=", document, 200, "");
}

static void set_versioning(struct fixture *f, const char *document)
{
    assert_document_put(f, ROOT, "/bucket?versioning=", document, 200, "");
}

static void put(struct fixture *f, const char *target)
{
    assert_int_equal(ask(f, ROOT, "PUT", target, "", "bytes"), 200);
}

static struct meta_bucket bucket_now(struct fixture *f)
{
    struct meta_bucket bucket;

    assert_int_equal(meta_bucket_get(f->gateway.meta, BYTES("bucket"), &bucket), STATUS_OK);
    return bucket;
}

/* How many rows of that element ListObjectVersions has. */
static unsigned count_listed(struct fixture *f, const char *element)
{
    unsigned count = 0;

    assert_int_equal(ask(f, ROOT, "GET", "/bucket?versions=", "", NULL), 200);
    for (const char *at = f->answer.body; (at = strstr(at, element)); at++)
        count++;
    return count;
}

/* Whether the job has gone through the bucket today. */
static bool is_finished(struct fixture *f)
{
    struct meta_settings *settings;
    struct meta_bucket bucket;
    struct meta_setting kept, rules;
    struct lifecycle_progress progress = {0};

    assert_int_equal(meta_bucket_load(f->gateway.meta, BYTES("bucket"), &bucket, &settings), STATUS_OK);
    bool there = meta_setting_find(settings, S3_SETTING_LIFECYCLE_PROGRESS, &kept) == STATUS_OK &&
                 meta_setting_find(settings, S3_SETTING_LIFECYCLE, &rules) == STATUS_OK &&
                 lifecycle_progress_read(kept.document, &progress) == STATUS_OK;
    bool crc = there && progress.crc == crc32c_update(0, rules.document.data, rules.document.len);
    uint64_t today = (uint64_t)clock_wall_ms() / DAY_MS;
    meta_settings_release(settings);
    return crc && progress.finished && progress.day == today;
}

/* Of all tests so far. */
static uint64_t examined_count(void)
{
    return metric_counter_value(metric_counter_get("tercet_lifecycle_examined_total", "", ""));
}

static void pass_days(struct fixture *f, unsigned days)
{
    for (unsigned i = 0; i < days; i++)
        clock_move_ms(DAY_MS);
    PASS_UNTIL(f, 1000, is_finished(f));
}

static void the_setting_is_made_given_back_and_removed(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket?lifecycle=", "", NULL, 404, "NoSuchLifecycleConfiguration");
    set_rules(f, RULES(RULE(DAYS("3"))));
    assert_answer(f, ROOT, "GET", "/bucket?lifecycle=", "", NULL, 200, "");
    assert_string_equal(f->answer.body,
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LifecycleConfiguration "
                        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule><ID>r</ID><Filter></Filter>"
                        "<Status>Enabled</Status>" DAYS("3") "</Rule></LifecycleConfiguration>");
    assert_string_equal(answer_header(&f->answer, MINIMUM), "all_storage_classes_128K");
    assert_document_put(f, ROOT, "/bucket?lifecycle=", RULES(RULE(DAYS("0"))), 400, "InvalidArgument");
    assert_document_put(f, ROOT, "/bucket?lifecycle=", RULES(""), 400, "MalformedXML");
    assert_document_put(f, ROOT, "/bucket?lifecycle=",
                        RULES(RULE("<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>")), 400,
                        "InvalidStorageClass");
    assert_answer(f, ROOT, "PUT", "/bucket?lifecycle=", "", RULES(RULE(DAYS("3"))), 400, "InvalidRequest");
    assert_document_put(f, ANONYMOUS, "/bucket?lifecycle=", RULES(RULE(DAYS("3"))), 403, "AccessDenied");
    assert_answer(f, ROOT, "DELETE", "/bucket?lifecycle=", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket?lifecycle=", "", NULL, 404, "NoSuchLifecycleConfiguration");
}

static void clients_are_told_when_an_object_expires(void **state)
{
    struct fixture *f = *state;
    const char *told;

    put(f, "/bucket/k");
    assert_null(answer_header(&f->answer, "x-amz-expiration"));
    set_rules(f, RULES("<Rule><ID>a \"b\"</ID><Filter/><Status>Enabled</Status>" DAYS("3") ABORT("2") "</Rule>"));
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    told = answer_header(&f->answer, "x-amz-expiration");
    assert_non_null(told);
    assert_non_null(strstr(told, " 00:00:00 GMT\", rule-id=\"a%20%22b%22\""));
    put(f, "/bucket/l");
    assert_non_null(answer_header(&f->answer, "x-amz-expiration"));
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/m", "x-amz-copy-source: /bucket/l\r\n", ""), 200);
    assert_non_null(answer_header(&f->answer, "x-amz-expiration"));
    assert_int_equal(ask(f, ROOT, "POST", "/bucket/u?uploads=", "", ""), 200);
    assert_non_null(answer_header(&f->answer, "x-amz-abort-date"));
    assert_string_equal(answer_header(&f->answer, "x-amz-abort-rule-id"), "a \"b\"");
}

static void objects_go_when_they_are_old_enough(void **state)
{
    struct fixture *f = *state;

    set_rules(f, RULES(RULE(DAYS("3"))));
    put(f, "/bucket/a");
    put(f, "/bucket/b");
    jobs_start(f);
    pass_days(f, 2);
    assert_int_equal(bucket_now(f).objects, 2);
    put(f, "/bucket/b"); /* younger now */
    pass_days(f, 2);
    assert_int_equal(bucket_now(f).objects, 1);
    assert_int_equal(ask(f, ROOT, "HEAD", "/bucket/b", "", NULL), 200);
    pass_days(f, 2);
    assert_int_equal(bucket_now(f).versions, 0);
}

static void rules_hold_at_once_and_only_while_they_are_there(void **state)
{
    struct fixture *f = *state;

    put(f, "/bucket/a");
    put(f, "/bucket/keep/b");
    jobs_start(f);
    clock_move_ms(5 * DAY_MS);
    set_rules(f, RULES(RULE(DAYS("30"))));
    PASS_UNTIL(f, 1000, is_finished(f));
    assert_int_equal(bucket_now(f).objects, 2);
    set_rules(f,
              RULES("<Rule><ID>r</ID><Filter><Prefix>a</Prefix></Filter><Status>Enabled</Status>" DAYS("3") "</Rule>"));
    PASS_UNTIL(f, 1000, bucket_now(f).objects == 1);
    assert_int_equal(ask(f, ROOT, "HEAD", "/bucket/keep/b", "", NULL), 200);
    assert_answer(f, ROOT, "DELETE", "/bucket?lifecycle=", "", NULL, 204, "");
    put(f, "/bucket/a");
    clock_move_ms(50 * DAY_MS);
    for (int i = 0; i < 100; i++)
        fixture_pass(f, 1000);
    assert_int_equal(bucket_now(f).objects, 2);
}

static void a_versioned_bucket_gets_markers_and_loses_old_versions(void **state)
{
    struct fixture *f = *state;

    set_versioning(f, VERSIONING("Enabled"));
    set_rules(f, RULES("<Rule><ID>a</ID><Filter/><Status>Enabled</Status>" DAYS("5") OLD("3") "</Rule>"));
    put(f, "/bucket/k");
    put(f, "/bucket/k");
    jobs_start(f);
    pass_days(f, 4); /* the older one was replaced three days ago */
    assert_int_equal(bucket_now(f).versions, 1);
    assert_int_equal(bucket_now(f).objects, 1);
    pass_days(f, 2);
    assert_int_equal(count_listed(f, "<DeleteMarker>"), 1);
    assert_int_equal(count_listed(f, "<Version>"), 1);
    assert_int_equal(bucket_now(f).objects, 0);
    pass_days(f, 4); /* the object goes, and the marker with it, once it hides nothing and is old enough */
    assert_int_equal(count_listed(f, "<Version>"), 0);
    assert_int_equal(count_listed(f, "<DeleteMarker>"), 1);
    pass_days(f, 3);
    assert_int_equal(bucket_now(f).versions, 0);
}

static void the_newest_old_versions_can_be_kept(void **state)
{
    struct fixture *f = *state;

    set_versioning(f, VERSIONING("Enabled"));
    for (int i = 0; i < 6; i++)
        put(f, "/bucket/k");
    set_rules(f, RULES(RULE("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                            "<NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>")));
    jobs_start(f);
    pass_days(f, 3);
    assert_int_equal(bucket_now(f).versions, 3);
    assert_int_equal(bucket_now(f).objects, 1);
    pass_days(f, 3);
    assert_int_equal(bucket_now(f).versions, 3);
}

/* What one rule removes is not among the newer ones that another rule keeps. */
static void removed_versions_do_not_count_as_newer(void **state)
{
    struct fixture *f = *state;

    set_versioning(f, VERSIONING("Enabled"));
    put(f, "/bucket/k");
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/k", "", "longer bytes"), 200);
    put(f, "/bucket/k");
    set_rules(f, RULES("<Rule><ID>long</ID><Filter><ObjectSizeGreaterThan>8</ObjectSizeGreaterThan></Filter>"
                       "<Status>Enabled</Status>" OLD("1") "</Rule>" RULE(
                           "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>1"
                           "</NewerNoncurrentVersions></NoncurrentVersionExpiration>")));
    jobs_start(f);
    pass_days(f, 3);
    assert_int_equal(bucket_now(f).versions, 2);
    assert_int_equal(count_listed(f, "<Size>5</Size>"), 2);
    pass_days(f, 3);
    assert_int_equal(bucket_now(f).versions, 2);
}

/* A page ends with the null version, which a client replaces before the next one: that begins with the newest again. */
static void a_null_version_that_moves_takes_no_other_with_it(void **state)
{
    struct fixture *f = *state;

    f->gateway.options.lifecycle_rate = 100;
    put(f, "/bucket/k"); /* the null version */
    clock_move_ms(40 * DAY_MS);
    set_versioning(f, VERSIONING("Enabled"));
    for (int i = 0; i < 999; i++)
        put(f, "/bucket/k");
    put(f, "/bucket/l");
    set_versioning(f, VERSIONING("Suspended"));
    set_rules(f, RULES(RULE(OLD("30"))));
    uint64_t before = examined_count();
    jobs_start(f);
    PASS_UNTIL(f, 100, examined_count() - before == 1000);
    put(f, "/bucket/k");
    assert_int_equal(bucket_now(f).versions, 1001);
    PASS_UNTIL(f, 100, is_finished(f));
    assert_int_equal(bucket_now(f).versions, 1001);
}

static void a_suspended_bucket_loses_its_null_version(void **state)
{
    struct fixture *f = *state;

    set_versioning(f, VERSIONING("Enabled"));
    put(f, "/bucket/k");
    set_versioning(f, VERSIONING("Suspended"));
    put(f, "/bucket/k"); /* the null version */
    set_rules(f, RULES(RULE(DAYS("1"))));
    jobs_start(f);
    pass_days(f, 2);
    assert_int_equal(count_listed(f, "<Version>"), 1);
    assert_int_equal(count_listed(f, "<DeleteMarker>"), 1);
    assert_int_equal(count_listed(f, "<VersionId>null</VersionId>"), 1);
}

static void markers_that_hide_nothing_go(void **state)
{
    struct fixture *f = *state;
    char target[1024];

    set_versioning(f, VERSIONING("Enabled"));
    put(f, "/bucket/alone");
    snprintf(target, sizeof(target), "/bucket/alone?versionId=%s", answer_header(&f->answer, "x-amz-version-id"));
    put(f, "/bucket/hides");
    assert_int_equal(ask(f, ROOT, "DELETE", "/bucket/alone", "", NULL), 204);
    assert_int_equal(ask(f, ROOT, "DELETE", "/bucket/hides", "", NULL), 204);
    assert_int_equal(ask(f, ROOT, "DELETE", target, "", NULL), 204);
    set_rules(f, RULES(RULE(MARKER)));
    jobs_start(f);
    pass_days(f, 1);
    assert_int_equal(count_listed(f, "<DeleteMarker>"), 1);
    assert_int_equal(count_listed(f, "<Key>hides</Key>"), 2);
}

static void rules_by_tags_are_for_what_has_them(void **state)
{
    struct fixture *f = *state;

    set_rules(f, RULES("<Rule><ID>r</ID><Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v w</Value></Tag></And>"
                       "</Filter><Status>Enabled</Status>" DAYS("1") "</Rule>"));
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/a-none", "", "bytes"), 200);
    assert_null(answer_header(&f->answer, "x-amz-expiration"));
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/a-other", "x-amz-tagging: k=v\r\n", "bytes"), 200);
    assert_null(answer_header(&f->answer, "x-amz-expiration"));
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/a-tagged", "x-amz-tagging: l=1&k=v+w\r\n", "bytes"), 200);
    assert_non_null(answer_header(&f->answer, "x-amz-expiration"));
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/b-tagged", "x-amz-tagging: k=v+w\r\n", "bytes"), 200);
    assert_int_equal(ask(f, ROOT, "HEAD", "/bucket/a-tagged", "", NULL), 200);
    assert_non_null(answer_header(&f->answer, "x-amz-expiration"));
    jobs_start(f);
    pass_days(f, 3);
    assert_int_equal(bucket_now(f).objects, 3);
    assert_int_equal(ask(f, ROOT, "HEAD", "/bucket/a-tagged", "", NULL), 404);
}

/* The one with tags waits for its batch while another one's change is paced. */
static void tags_that_change_after_the_judgement_are_heeded(void **state)
{
    struct fixture *f = *state;

    f->gateway.options.lifecycle_change_rate = 1;
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/a", "x-amz-tagging: k=v\r\n", "bytes"), 200);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/b", "x-amz-tagging: k=v\r\n", "bytes"), 200);
    put(f, "/bucket/c");
    set_rules(f,
              RULES("<Rule><ID>r</ID><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"
                    "<Status>Enabled</Status>" DAYS(
                        "1") "</Rule><Rule><ID>s</ID><Filter><And><Prefix>c</Prefix>"
                             "<ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></And></Filter><Status>Enabled</Status>"
                             "<Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass></Transition></Rule>"));
    clock_move_ms(3 * DAY_MS);
    jobs_start(f);
    PASS_UNTIL(f, 100,
               ask(f, ROOT, "HEAD", "/bucket/c", "", NULL) == 200 && answer_header(&f->answer, "x-amz-storage-class"));
    assert_document_put(f, ROOT, "/bucket/a?tagging=",
                        "<Tagging><TagSet><Tag><Key>keep</Key><Value>1</Value></Tag></TagSet></Tagging>", 200, "");
    assert_int_equal(ask(f, ROOT, "HEAD", "/bucket/b", "", NULL), 200); /* not yet */
    PASS_UNTIL(f, 100, is_finished(f));
    assert_int_equal(ask(f, ROOT, "HEAD", "/bucket/a", "", NULL), 200);
    assert_int_equal(ask(f, ROOT, "HEAD", "/bucket/b", "", NULL), 404);
}

/* Object lock is the committer's: its refusal is no failure, and what is not locked goes all the same. */
static void what_is_locked_stays(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, ROOT, "DELETE", "/bucket", "", NULL), 204);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket", "x-amz-bucket-object-lock-enabled: true\r\n", ""), 200);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/held",
                         "x-amz-object-lock-legal-hold: ON\r\nContent-MD5: SzpiGLs+OnMD6KFxpg/Pkg==\r\n", "bytes"),
                     200);
    put(f, "/bucket/held");
    put(f, "/bucket/held");
    set_rules(f, RULES("<Rule><ID>r</ID><Filter/><Status>Enabled</Status>" DAYS("5") OLD("1") "</Rule>"));
    jobs_start(f);
    pass_days(f, 3);
    assert_int_equal(bucket_now(f).versions, 2); /* the held one, and the current one */
    pass_days(f, 5);
    assert_int_equal(count_listed(f, "<DeleteMarker>"), 1);
    pass_days(f, 5);
    assert_int_equal(count_listed(f, "<Version>"), 1);
    assert_int_equal(count_listed(f, "<DeleteMarker>"), 1); /* it hides something */
}

static void uploads_are_aborted(void **state)
{
    struct fixture *f = *state;

    set_rules(f, RULES(RULE(ABORT("2"))));
    assert_int_equal(ask(f, ROOT, "POST", "/bucket/u?uploads=", "", ""), 200);
    jobs_start(f);
    pass_days(f, 1);
    assert_int_equal(ask(f, ROOT, "GET", "/bucket?uploads=", "", NULL), 200);
    assert_non_null(strstr(f->answer.body, "<Upload>"));
    pass_days(f, 2);
    assert_int_equal(ask(f, ROOT, "GET", "/bucket?uploads=", "", NULL), 200);
    assert_null(strstr(f->answer.body, "<Upload>"));
}

static void a_transition_changes_the_class(void **state)
{
    struct fixture *f = *state;

    put(f, "/bucket/k");
    set_rules(f, RULES("<Rule><ID>r</ID><Filter><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></Filter>"
                       "<Status>Enabled</Status><Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass>"
                       "</Transition></Rule>"));
    jobs_start(f);
    pass_days(f, 2);
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "bytes");
    assert_string_equal(answer_header(&f->answer, "x-amz-storage-class"), "GLACIER_IR");
    assert_int_equal(ask(f, ROOT, "GET", "/bucket", "", NULL), 200);
    assert_non_null(strstr(f->answer.body, "<StorageClass>GLACIER_IR</StorageClass>"));
}

static void many_are_gone_through_page_by_page(void **state)
{
    struct fixture *f = *state;
    char target[64];

    set_versioning(f, VERSIONING("Enabled"));
    for (int i = 0; i < 1300; i++) { /* more versions of one name than a page has */
        snprintf(target, sizeof(target), "/bucket/%s", i < 1200 ? "many" : i % 2 ? "other" : "third");
        put(f, target);
    }
    set_rules(f, RULES(RULE(OLD("1"))));
    jobs_start(f);
    pass_days(f, 3);
    assert_int_equal(bucket_now(f).versions, 3);
    assert_int_equal(bucket_now(f).objects, 3);
}

/* With a bound on the rate a page takes ten seconds, and a slice one or two: it ends between names, and goes on there.
 */
static void a_bucket_is_gone_through_in_slices(void **state)
{
    struct fixture *f = *state;
    char target[64];

    f->gateway.options.lifecycle_rate = 100;
    f->gateway.options.lifecycle_change_rate = 100;
    set_versioning(f, VERSIONING("Enabled"));
    for (int i = 0; i < 2600; i++) { /* two versions of each, and of one in the middle more than a page has */
        snprintf(target, sizeof(target), "/bucket/%03d", i < 1400 ? i / 2 : 500);
        put(f, target);
    }
    jobs_start(f);
    clock_move_ms(3 * DAY_MS);
    set_rules(f, RULES(RULE(OLD("1"))));
    PASS_UNTIL(f, 100, is_finished(f));
    assert_int_equal(bucket_now(f).versions, 700);
    assert_int_equal(bucket_now(f).objects, 700);
}

static void progress_is_kept_and_checked(void **state)
{
    const struct lifecycle_progress progress = {7, 9, false, BYTES("key")};
    struct lifecycle_progress read;
    struct buffer out;

    (void)state;
    buffer_init(&out, LIFECYCLE_PROGRESS_BYTES_MAX);
    assert_int_equal(lifecycle_progress_write(&out, &progress), STATUS_OK);
    assert_int_equal(lifecycle_progress_read(buffer_bytes(&out), &read), STATUS_OK);
    assert_true(read.day == 7 && read.crc == 9 && !read.finished && bytes_equal_str(read.key, "key"));
    assert_int_equal(lifecycle_progress_read(bytes_of(out.data, 13), &read), STATUS_CORRUPT);
    out.data[0] = 2;
    assert_int_equal(lifecycle_progress_read(buffer_bytes(&out), &read), STATUS_CORRUPT);
    buffer_release(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, jobs_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_setting_is_made_given_back_and_removed),
        TEST(clients_are_told_when_an_object_expires),
        TEST(objects_go_when_they_are_old_enough),
        TEST(rules_hold_at_once_and_only_while_they_are_there),
        TEST(a_versioned_bucket_gets_markers_and_loses_old_versions),
        TEST(the_newest_old_versions_can_be_kept),
        TEST(removed_versions_do_not_count_as_newer),
        TEST(a_null_version_that_moves_takes_no_other_with_it),
        TEST(a_suspended_bucket_loses_its_null_version),
        TEST(markers_that_hide_nothing_go),
        TEST(rules_by_tags_are_for_what_has_them),
        TEST(tags_that_change_after_the_judgement_are_heeded),
        TEST(what_is_locked_stays),
        TEST(uploads_are_aborted),
        TEST(a_transition_changes_the_class),
        TEST(many_are_gone_through_page_by_page),
        TEST(a_bucket_is_gone_through_in_slices),
        cmocka_unit_test(progress_is_kept_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
