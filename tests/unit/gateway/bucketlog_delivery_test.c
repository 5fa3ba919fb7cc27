/* Delivering what buckets' access logs have gathered: what one target does not take holds nothing else up, a key is in
 * use while a delivery seals with it, and a file that is delivered again makes nothing anew. */
#include "tests/unit/gateway/jobs.h"

#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "gateway/bucketlog/spool.h"
#include "gateway/keys/keyring.h"

#define LOGGING(target)                                                                                                \
    "<BucketLoggingStatus><LoggingEnabled><TargetBucket>" target "</TargetBucket><TargetPrefix></TargetPrefix>"        \
    "</LoggingEnabled></BucketLoggingStatus>"
#define POLICY(target)                                                                                                 \
    "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"logging.s3.amazonaws.com\"},"                  \
    "\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::" target "/*\"}]}"
#define ENCRYPTION(method, key)                                                                                        \
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>" method               \
    "</SSEAlgorithm>" key "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
#define BY_KMS(key) ENCRYPTION("aws:kms", "<KMSMasterKeyID>" key "</KMSMasterKeyID>")

static char keyring_path[128];

static int setup(void **state)
{
    struct fixture *f;
    const char *error;
    char path[128];

    fixture_setup(state);
    f = *state; /* all of it is set before the first request is served */
    f->gateway.options.gc_interval_ms = 60000;
    f->gateway.options.repair_interval_ms = 60000;
    f->gateway.options.inventory_interval_ms = 100000 * HOUR_MS;
    snprintf(path, sizeof(path), "%s/bucketlog", f->directory);
    assert_int_equal(bucketlog_spool_open(path, 1 << 20, &f->gateway.bucketlog), STATUS_OK);
    f->gateway.options.log_delivery_ms = 1000;
    snprintf(keyring_path, sizeof(keyring_path), "%s/keyring", f->directory);
    assert_int_equal(keyring_file_add(keyring_path, "old", &error), STATUS_OK);
    assert_int_equal(keyring_file_add(keyring_path, "new", &error), STATUS_OK);
    assert_int_equal(keyring_file_retire(keyring_path, "old", &error), STATUS_OK);
    assert_int_equal(keyring_open(keyring_path, &f->gateway.keyring), STATUS_OK);
    f->gateway.keys = keyring_provider(f->gateway.keyring);
    f->gateway.options.rekey_rate = 1000;
    assert_answer(f, ROOT, "PUT", "/bucket", "", "", 200, "");
    assert_answer(f, ROOT, "PUT", "/logs", "", "", 200, "");
    assert_answer(f, ROOT, "PUT", "/other", "", "", 200, "");
    assert_answer(f, ROOT, "PUT", "/more", "", "", 200, "");
    assert_document_put(f, ROOT, "/logs?policy=", POLICY("logs"), 204, "");
    assert_document_put(f, ROOT, "/more?policy=", POLICY("more"), 204, "");
    assert_document_put(f, ROOT, "/bucket?logging=", LOGGING("logs"), 200, "");
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct bucketlog_spool *spool = f->gateway.bucketlog;
    struct keyring *keyring = f->gateway.keyring;
    char command[160];

    if (f->gateway.background)
        jobs_stop(f);
    f->gateway.bucketlog = NULL;
    bucketlog_spool_close(spool);
    snprintf(command, sizeof(command), "rm -r %s/bucketlog", f->directory);
    int result = system(command) ? -1 : 0;
    if (jobs_teardown(state))
        result = -1;
    keyring_free(keyring);
    return result;
}

static uint64_t written(void)
{
    return metric_counter_value(metric_counter_get("tercet_bucket_log_objects_total", "", ""));
}

/* One line of that bucket's log, in a file. */
static void add_line(struct fixture *f, const char *target)
{
    assert_answer(f, ROOT, "GET", target, "", NULL, 200, "");
    fixture_settle(f);
    bucketlog_spool_cut(f->gateway.bucketlog);
}

static unsigned count_of(struct fixture *f, const char *target, const char *part)
{
    unsigned count = 0;

    assert_answer(f, ROOT, "GET", target, "", NULL, 200, "");
    for (const char *text = f->answer.body; (text = strstr(text, part)) != NULL; text++)
        count++;
    return count;
}

static void drop_waiting(struct fixture *f)
{
    struct bucketlog_segment segment;

    fixture_settle(f);
    bucketlog_spool_cut(f->gateway.bucketlog);
    while (bucketlog_spool_next(f->gateway.bucketlog, &segment) == STATUS_OK) {
        bucketlog_spool_drop(f->gateway.bucketlog, &segment);
        bucketlog_segment_release(&segment);
    }
}

static void a_key_that_cannot_be_had_holds_nothing_up(void **state)
{
    static const char *const settings[] = {BY_KMS("nonesuch"), BY_KMS("old"), BY_KMS("arn:aws:kms:nowhere"),
                                           ENCRYPTION("AES256", "")};
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/other?logging=", LOGGING("more"), 200, "");
    jobs_start(f);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        assert_document_put(f, ROOT, "/logs?encryption=", settings[i], 200, "");
        if (i == 3) /* as by a restart without the keyring */
            f->gateway.keys = NULL;
        uint64_t before = written();
        add_line(f, "/bucket");
        add_line(f, "/other");
        PASS_UNTIL(f, 200, bucketlog_spool_bytes(f->gateway.bucketlog) == 0);
        assert_in_range(written() - before, 1, 2); /* of the other bucket's lines; not again and again */
        assert_int_equal(count_of(f, "/logs", "<Key>"), 0);
    }
    assert_in_range(count_of(f, "/more", "<Key>"), 4, 8);
}

static void a_key_is_in_use_until_the_delivery_has_committed(void **state)
{
    struct fixture *f = *state;
    struct key_writers *writers = &f->gateway.key_writers;

    assert_document_put(f, ROOT, "/logs?encryption=", BY_KMS("new"), 200, "");
    drop_waiting(f);
    add_line(f, "/bucket");
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_node_slow(f->gateway.cluster, number, 1000);
    assert_false(key_writers_before(writers, UINT64_MAX));
    jobs_start(f);
    PASS_UNTIL(f, 100, key_writers_before(writers, UINT64_MAX));
    assert_true(key_writers_before(writers, keyring_generation(f->gateway.keyring) + 1));
    PASS_UNTIL(f, 100, bucketlog_spool_bytes(f->gateway.bucketlog) == 0);
    assert_false(key_writers_before(writers, UINT64_MAX));
    assert_int_equal(count_of(f, "/logs", "<Key>"), 1);
}

static void what_is_delivered_is_not_delivered_again(void **state)
{
    static const char versioning[] = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    struct fixture *f = *state;
    uint64_t before = written();

    assert_document_put(f, ROOT, "/logs?versioning=", versioning, 200, "");
    assert_document_put(f, ROOT, "/other?logging=", LOGGING("logs"), 200, "");
    drop_waiting(f);
    assert_answer(f, ROOT, "GET", "/bucket", "", NULL, 200, "");
    add_line(f, "/other"); /* one file, two objects */
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_node_slow(f->gateway.cluster, number, 1000);
    jobs_start(f);
    PASS_UNTIL(f, 50, written() == before + 1);
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_cluster_down(f->gateway.cluster, number, true);
    for (unsigned i = 0; i < 200; i++) /* the second fails, and all is tried again */
        fixture_pass(f, 100);
    assert_int_equal(written(), before + 1);
    for (unsigned number = 1; number <= FIXTURE_NODES; number++) {
        fake_node_slow(f->gateway.cluster, number, 0);
        fake_cluster_down(f->gateway.cluster, number, false);
    }
    PASS_UNTIL(f, 100, bucketlog_spool_bytes(f->gateway.bucketlog) == 0);
    assert_int_equal(written(), before + 2);
    assert_int_equal(count_of(f, "/logs?versions=", "<Version>"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_that_cannot_be_had_holds_nothing_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_in_use_until_the_delivery_has_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_delivered_is_not_delivered_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
