/* Lines of buckets' access logs on their way: files that are bounded, closed, taken over and torn; what goes into one
 * object; which requests make a line at all, and which bucket takes one. */
#include "tests/unit/gateway/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"
#include "gateway/bucketlog/batch.h"
#include "gateway/bucketlog/spool.h"

#define DAY_MS INT64_C(86400000)

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/tercet-bucketlog-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

static struct bucketlog_spool *spool_open(uint64_t bytes_max)
{
    struct bucketlog_spool *spool;

    assert_int_equal(bucketlog_spool_open(folder, bytes_max, &spool), STATUS_OK);
    return spool;
}

/* Everything that waits in closed files, which are removed. */
static char *drained(struct bucketlog_spool *spool)
{
    static char text[65536];
    struct bucketlog_segment segment;
    size_t len = 0;

    while (bucketlog_spool_next(spool, &segment) == STATUS_OK) {
        assert_true(len + segment.text.len < sizeof(text));
        memcpy(text + len, segment.text.data, segment.text.len);
        len += segment.text.len;
        bucketlog_spool_drop(spool, &segment);
        bucketlog_segment_release(&segment);
    }
    text[len] = '\0';
    return text;
}

static void lines_wait_in_their_order(void **state)
{
    struct bucketlog_spool *spool = spool_open(1 << 20);
    struct bucketlog_segment segment;

    (void)state;
    bucketlog_spool_cut(spool); /* of nothing makes no file */
    assert_int_equal(bucketlog_spool_next(spool, &segment), STATUS_NOT_FOUND);
    bucketlog_spool_add(spool, BYTES("one\n"));
    bucketlog_spool_add(spool, BYTES("two\n"));
    bucketlog_spool_cut(spool);
    bucketlog_spool_add(spool, BYTES("three\n"));
    bucketlog_spool_cut(spool);
    assert_int_equal(bucketlog_spool_bytes(spool), 14);
    assert_int_equal(bucketlog_spool_next(spool, &segment), STATUS_OK);
    assert_string_equal(segment.text.data, "one\ntwo\n");
    bucketlog_segment_release(&segment); /* and stays, since nobody has dropped it */
    assert_string_equal(drained(spool), "one\ntwo\nthree\n");
    assert_int_equal(bucketlog_spool_bytes(spool), 0);
    bucketlog_spool_close(spool);
}

static void what_another_process_left_is_taken_over(void **state)
{
    struct bucketlog_spool *spool = spool_open(1 << 20);
    struct bucketlog_segment segment;
    int64_t time_ms;

    (void)state;
    bucketlog_spool_add(spool, BYTES("closed\n"));
    bucketlog_spool_cut(spool);
    assert_int_equal(bucketlog_spool_next(spool, &segment), STATUS_OK);
    time_ms = segment.time_ms;
    bucketlog_segment_release(&segment);
    bucketlog_spool_add(spool, BYTES("open\n"));
    bucketlog_spool_close(spool);
    spool = spool_open(1 << 20);
    assert_int_equal(bucketlog_spool_bytes(spool), 12);
    assert_int_equal(bucketlog_spool_next(spool, &segment), STATUS_OK);
    assert_int_equal(segment.time_ms, time_ms); /* so that its objects have the names that they had */
    bucketlog_segment_release(&segment);
    bucketlog_spool_add(spool, BYTES("new\n"));
    bucketlog_spool_cut(spool);
    assert_string_equal(drained(spool), "closed\nopen\nnew\n");
    bucketlog_spool_close(spool);
}

static void files_are_bounded(void **state)
{
    struct bucketlog_spool *spool = spool_open(10);

    (void)state;
    bucketlog_spool_add(spool, BYTES("12345\n"));
    bucketlog_spool_cut(spool);
    bucketlog_spool_add(spool, BYTES("dropped\n"));
    bucketlog_spool_cut(spool);
    assert_int_equal(bucketlog_spool_bytes(spool), 6);
    assert_string_equal(drained(spool), "12345\n");
    bucketlog_spool_add(spool, BYTES("again\n"));
    bucketlog_spool_cut(spool);
    assert_string_equal(drained(spool), "again\n");
    bucketlog_spool_close(spool);
}

static void other_names_are_left_alone(void **state)
{
    struct bucketlog_spool *spool;
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/0000000000000001.closed", folder);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0 && write(fd, "x\n", 2) == 2);
    close(fd);
    spool = spool_open(1 << 20);
    assert_int_equal(bucketlog_spool_bytes(spool), 0);
    assert_string_equal(drained(spool), "");
    bucketlog_spool_close(spool);
    assert_int_equal(access(path, F_OK), 0);
}

/* ---- objects ---------------------------------------------------------------------------------------------------- */

static void add_entry(struct buffer *text, uint32_t bucket, const char *target, const char *prefix,
                      enum bucketlog_key_format format, int64_t received_ms, const char *line)
{
    const struct bucketlog_entry entry = {.bucket = bucket,
                                          .received_ms = received_ms,
                                          .target = target,
                                          .prefix = prefix,
                                          .format = format,
                                          .line = bytes_from_str(line)};

    assert_int_equal(bucketlog_entry_write(text, &entry), STATUS_OK);
}

static void an_object_has_one_address_and_day(void **state)
{
    struct bucketlog_address address, again;
    struct bucketlog_batch batch;
    struct buffer text, prefix;

    (void)state;
    buffer_init(&text, 65536);
    buffer_init(&prefix, BUCKET_LOGGING_PREFIX_MAX);
    add_entry(&text, 7, "logs", "a b/", BUCKETLOG_KEY_SIMPLE, 1, "owner source 1");
    add_entry(&text, 7, "logs", "", BUCKETLOG_KEY_BY_EVENT_TIME, DAY_MS, "owner source 4");
    add_entry(&text, 7, "logs", "a b/", BUCKETLOG_KEY_SIMPLE, 2 * DAY_MS, "owner source 2");
    add_entry(&text, 7, "logs", "", BUCKETLOG_KEY_BY_EVENT_TIME, DAY_MS - 1, "owner source 3");
    add_entry(&text, 8, "logs", "", BUCKETLOG_KEY_BY_EVENT_TIME, DAY_MS - 1, "owner other 5");
    assert_int_equal(buffer_append_str(&text, "no entry\n00000007 logs 9 = 1 a b c\nzz logs 0 = 1 a b c\n"), STATUS_OK);
    assert_int_equal(buffer_append_str(&text, "00000007 logs 0 = 1 owner source torn"), STATUS_OK);
    bucketlog_batch_make(buffer_bytes(&text), &batch);
    assert_int_equal(batch.count, 5);
    assert_int_equal(batch.damaged, 4);

    assert_int_equal(bucketlog_batch_object(&batch, 0, &prefix, &address), 2);
    assert_true(bytes_equal_str(batch.lines[0].line, "owner source 1"));
    assert_true(bytes_equal_str(batch.lines[1].line, "owner source 2"));
    assert_int_equal(address.bucket, 7);
    assert_true(bytes_equal_str(address.source, "source") && bytes_equal_str(address.target, "logs"));
    assert_true(bytes_equal_str(address.prefix, "a b/"));
    assert_int_equal(address.bytes, 30);
    assert_int_equal(bucketlog_batch_object(&batch, 0, &prefix, &again), 2);
    assert_int_equal(again.unique, address.unique);
    assert_int_equal(bucketlog_batch_object(&batch, 1, &prefix, &again), 1);
    assert_int_not_equal(again.unique, address.unique);

    assert_int_equal(bucketlog_batch_object(&batch, 2, &prefix, &address), 1);
    assert_true(bytes_equal_str(batch.lines[2].line, "owner source 3"));
    assert_int_equal(address.day_ms, 0);
    assert_int_equal(address.prefix.len, 0);
    assert_int_equal(bucketlog_batch_object(&batch, 3, &prefix, &address), 1);
    assert_int_equal(address.day_ms, DAY_MS);
    assert_int_equal(bucketlog_batch_object(&batch, 4, &prefix, &address), 1);
    assert_int_equal(address.bucket, 8);
    bucketlog_batch_release(&batch);
    buffer_release(&text);
    buffer_release(&prefix);
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

#define LOGGING                                                                                                        \
    "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>p/</TargetPrefix>"            \
    "</LoggingEnabled></BucketLoggingStatus>"
#define POLICY(principal, resource, condition)                                                                         \
    "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":" principal                                                   \
    ",\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::logs/" resource "\"" condition "}]}"
#define SERVICE "{\"Service\":\"logging.s3.amazonaws.com\"}"

static int setup(void **state)
{
    struct fixture *f;

    if (make_folder(state) || fixture_setup(state))
        return -1;
    f = *state;
    f->gateway.bucketlog = spool_open(1 << 20);
    return ask(f, ROOT, "PUT", "/source", "", "") == 200 && ask(f, ROOT, "PUT", "/logs", "", "") == 200 ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct bucketlog_spool *spool = f->gateway.bucketlog;
    int status = fixture_teardown(state);

    bucketlog_spool_close(spool);
    return status ? status : remove_folder(state);
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        count++;
    return count;
}

static const char *logged(struct fixture *f)
{
    fixture_settle(f);
    bucketlog_spool_cut(f->gateway.bucketlog);
    return drained(f->gateway.bucketlog);
}

static void only_a_bucket_with_logging_has_lines(void **state)
{
    struct fixture *f = *state;
    const char *text;

    assert_answer(f, ROOT, "PUT", "/source/k", "", "data", 200, "");
    assert_answer(f, ROOT, "GET", "/none/k", "", NULL, 404, "NoSuchBucket");
    assert_string_equal(logged(f), "");
    assert_document_put(f, ROOT, "/logs?policy=", POLICY(SERVICE, "p/*", ""), 204, "");
    assert_document_put(f, ROOT, "/source?logging=", LOGGING, 200, "");
    assert_answer(f, ROOT, "GET", "/source/k", "", NULL, 200, "");
    assert_answer(f, FORGER, "GET", "/source/k", "", NULL, 403, "SignatureDoesNotMatch");
    assert_answer(f, STRANGER, "GET", "/source/k", "", NULL, 403, "InvalidAccessKeyId");
    assert_answer(f, ANONYMOUS, "GET", "/source/k", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/source?notYetInvented=", "", "x", 501, "NotImplemented");
    assert_answer(f, ROOT, "GET", "/logs", "", NULL, 200, "");
    text = logged(f);
    assert_int_equal(count_of(text, "\n"), 5);
    assert_int_equal(count_of(text, " logs 0 p/ "), 5);
    assert_int_equal(count_of(text, " REST.GET.OBJECT k \"GET /source/k HTTP/1.1\" "), 4);
    assert_int_equal(count_of(text, " 200 - 4 4 "), 1);
    assert_int_equal(count_of(text, " 403 SignatureDoesNotMatch "), 1);
    assert_int_equal(count_of(text, " 501 NotImplemented "), 1);
    assert_answer(f, ROOT, "DELETE", "/source/k", "", NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/source", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/source", "", NULL, 404, "NoSuchBucket");
    text = logged(f);
    assert_int_equal(count_of(text, "\n"), 2);
    assert_int_equal(count_of(text, " REST.DELETE.BUCKET - "), 1);
}

static void who_may_deliver(void **state)
{
    static const struct {
        const char *policy;
        bool allowed;
    } rows[] = {
        {POLICY(SERVICE, "*", ""), true},
        {POLICY(SERVICE, "q/*", ""), false},
        {POLICY("{\"Service\":\"s3.amazonaws.com\"}", "*", ""), false},
        {POLICY("{\"AWS\":\"000000000000\"}", "*", ""), false},
        {POLICY(SERVICE, "*", ",\"Condition\":{\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:s3:::source\"}}"), true},
        {POLICY(SERVICE, "*", ",\"Condition\":{\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:s3:::sourc\"}}"), false},
        {POLICY(SERVICE, "*", ",\"Condition\":{\"StringEquals\":{\"aws:SourceAccount\":\"000000000000\"}}"), true},
        {POLICY(SERVICE, "*", ",\"Condition\":{\"StringEquals\":{\"aws:SourceAccount\":\"000000000001\"}}"), false},
        {POLICY(SERVICE, "*", ",\"Condition\":{\"Bool\":{\"aws:PrincipalIsAWSService\":\"true\"}}"), true},
        {POLICY(SERVICE, "*", ",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}"), false},
    };
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/source?logging=", LOGGING, 400, "InvalidTargetBucketForLogging");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_document_put(f, ROOT, "/logs?policy=", rows[i].policy, 204, "");
        assert_document_put(f, ROOT, "/source?logging=", LOGGING, rows[i].allowed ? 200 : 400,
                            rows[i].allowed ? "" : "InvalidTargetBucketForLogging");
    }
    /* the service is nobody whom a request can be from */
    assert_document_put(f, ROOT, "/logs?policy=", POLICY(SERVICE, "*", ""), 204, "");
    assert_answer(f, ANONYMOUS, "PUT", "/logs/k", "", "data", 403, "AccessDenied");
    assert_document_put(f, ANONYMOUS, "/source?logging=", LOGGING, 403, "AccessDenied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_wait_in_their_order, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_another_process_left_is_taken_over, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(files_are_bounded, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(other_names_are_left_alone, make_folder, remove_folder),
        cmocka_unit_test(an_object_has_one_address_and_day),
        cmocka_unit_test_setup_teardown(only_a_bucket_with_logging_has_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(who_may_deliver, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
