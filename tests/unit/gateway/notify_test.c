/* Events from the request to the target, with a target of the test's: what is told, in which order, that a target that
 * fails gets all of it later and holds up no other, what is dropped when; and the payload of rows. */
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/notify/notify.h"
#include "gateway/notify/payload.h"
#include "gateway/notify/target.h"
#include "meta/outbox.h"
#include "tests/unit/gateway/fixture.h"

#define TOLD_MAX    64
#define RULES(rows) "<NotificationConfiguration>" rows "</NotificationConfiguration>"
#define TELL(name, events)                                                                                             \
    "<QueueConfiguration><Id>" name "</Id><Queue>arn:aws:sqs:us-east-1:000000000000:" name "</Queue>" events           \
    "</QueueConfiguration>"
#define EVENT(name) "<Event>s3:" name "</Event>"

/* A target that keeps what it is told: "NAME EVENT KEY". */
struct fake {
    bool fails;          /* under the lock */
    unsigned max;        /* of one attempt; 0: all */
    const char *refused; /* the key of a message that is refused, with all that is sent with it; under the lock */
    const char *name;
};
static struct fake fakes[2];
static unsigned fake_count;
static char told[TOLD_MAX][128];
static unsigned told_count, attempts;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static enum status fake_create(const struct notify_url *url, const char *name, struct notify_target **target,
                               struct buffer *error)
{
    (void)url, (void)error;
    assert_true(fake_count < 2);
    fakes[fake_count] = (struct fake){.name = name};
    *target = (struct notify_target *)&fakes[fake_count++];
    return STATUS_OK;
}

static enum status fake_send(struct notify_target *target, const struct notify_message *messages, size_t count,
                             uint32_t timeout_ms, size_t *delivered, struct buffer *error)
{
    struct fake *fake = (struct fake *)target;

    (void)timeout_ms;
    pthread_mutex_lock(&lock);
    attempts++;
    bool fails = fake->fails, refuses = false;
    for (size_t i = 0; i < count; i++)
        refuses = refuses || (fake->refused && bytes_equal_str(messages[i].key, fake->refused));
    fails = fails || refuses;
    for (*delivered = 0; !fails && *delivered < count && (!fake->max || *delivered < fake->max); ++*delivered) {
        CHECK(told_count < TOLD_MAX);
        snprintf(told[told_count++], sizeof(told[0]), "%s %.*s %.*s", fake->name, (int)messages[*delivered].event.len,
                 messages[*delivered].event.data, (int)messages[*delivered].key.len, messages[*delivered].key.data);
    }
    pthread_mutex_unlock(&lock);
    if (fails)
        STATUS_IGNORE(buffer_append_str(error, "it is told to fail"), "it fits");
    return refuses ? STATUS_LIMIT : fails ? STATUS_UNAVAILABLE : STATUS_OK;
}

static void fake_release(struct notify_target *target)
{
    (void)target;
}

static const struct notify_kind fake_kind = {
    .scheme = {"fake"}, .create = fake_create, .send = fake_send, .release = fake_release};

const struct notify_kind *notify_kind_find(const char *scheme)
{
    return strcmp(scheme, "fake") == 0 ? &fake_kind : NULL;
}

/* The outbox as of nodes that lag: its rows are there, and not to be done yet. And a fuller one than it is. */
static atomic_bool lags;
static atomic_uint looks;
static _Atomic uint64_t more_rows, more_bytes;
enum status __real_meta_outbox_next(struct meta *meta, const struct meta_outbox_place *after, size_t max,
                                    struct meta_outbox_page *page);
enum status __wrap_meta_outbox_next(struct meta *meta, const struct meta_outbox_place *after, size_t max,
                                    struct meta_outbox_page *page);
uint64_t __real_meta_outbox_backlog(struct meta *meta);
uint64_t __wrap_meta_outbox_backlog(struct meta *meta);
uint64_t __real_meta_outbox_backlog_bytes(struct meta *meta);
uint64_t __wrap_meta_outbox_backlog_bytes(struct meta *meta);

enum status __wrap_meta_outbox_next(struct meta *meta, const struct meta_outbox_place *after, size_t max,
                                    struct meta_outbox_page *page)
{
    if (max == META_OUTBOX_DONE_MAX) /* the thread that counts */
        atomic_fetch_add(&looks, 1);
    return __real_meta_outbox_next(meta, after, atomic_load(&lags) ? 0 : max, page);
}

uint64_t __wrap_meta_outbox_backlog(struct meta *meta)
{
    return __real_meta_outbox_backlog(meta) + atomic_load(&more_rows);
}

uint64_t __wrap_meta_outbox_backlog_bytes(struct meta *meta)
{
    return __real_meta_outbox_backlog_bytes(meta) + atomic_load(&more_bytes);
}

static void set_failing(unsigned index, bool fails)
{
    pthread_mutex_lock(&lock);
    fakes[index].fails = fails;
    pthread_mutex_unlock(&lock);
}

static void begin(struct fixture *fixture)
{
    struct buffer error;
    const struct notify_options options = {
        .targets = "a=fake://a, b=fake://b", .rows_max = 8, .age_max_ms = 60000, .timeout_ms = 1000};

    fake_count = 0;
    notify_free(fixture->gateway.notify);
    buffer_init(&error, NOTIFY_EXPLAIN_MAX);
    assert_int_equal(notify_create(&options, &fixture->gateway.notify, &error), STATUS_OK);
    notify_start(fixture->gateway.notify, &fixture->gateway);
}

static int setup(void **state)
{
    fixture_setup(state);
    told_count = attempts = 0;
    begin(*state);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    notify_stop(fixture->gateway.notify);
    return fixture_teardown(state);
}

static unsigned told_now(void)
{
    pthread_mutex_lock(&lock);
    unsigned count = told_count;
    pthread_mutex_unlock(&lock);
    return count;
}

/* Lets time pass until so many were told. */
static void wait_told(struct fixture *fixture, unsigned count)
{
    while (told_now() < count)
        fixture_pass(fixture, 10);
    assert_int_equal(told_now(), count);
}

static void wait_backlog(struct fixture *fixture, uint64_t rows)
{
    while (meta_outbox_backlog(fixture->gateway.meta) != rows)
        fixture_pass(fixture, 10);
}

static void assert_told(unsigned index, const char *text)
{
    pthread_mutex_lock(&lock);
    assert_string_equal(told[index], text);
    pthread_mutex_unlock(&lock);
}

static json_int_t figure(struct fixture *fixture, unsigned target, const char *name)
{
    assert_int_equal(ask(fixture, ANONYMOUS, "GET", "/system/notifications", "", NULL), 200);
    json_t *state = json_loadb(fixture->answer.body, fixture->answer.len, 0, NULL);
    json_int_t value =
        json_integer_value(json_object_get(json_array_get(json_object_get(state, "targets"), target), name));

    json_decref(state);
    return value;
}

static void make_bucket(struct fixture *fixture, const char *rules)
{
    assert_answer(fixture, ROOT, "PUT", "/bucket", "", NULL, 200, "");
    assert_answer(fixture, ROOT, "PUT", "/bucket?notification=", "", rules, 200, "");
}

static void put(struct fixture *fixture, const char *key)
{
    char target[64];

    snprintf(target, sizeof(target), "/bucket/%s", key);
    assert_answer(fixture, ROOT, "PUT", target, "", "body", 200, "");
}

static void test_what_is_told(void **state)
{
    struct fixture *fixture = *state;

    make_bucket(fixture, RULES(TELL("a", EVENT("ObjectCreated:*") EVENT("ObjectTagging:*"))
                                   TELL("b", EVENT("ObjectRemoved:Delete"))));
    assert_int_equal(told_now(), 2); /* the test messages */
    assert_told(0, "a s3:TestEvent ");
    assert_told(1, "b s3:TestEvent ");
    put(fixture, "one");
    wait_told(fixture, 3);
    assert_told(2, "a s3:ObjectCreated:Put bucket/one");
    assert_document_put(fixture, ROOT, "/bucket/one?tagging=",
                        "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>", 200, "");
    wait_told(fixture, 4);
    assert_told(3, "a s3:ObjectTagging:Put bucket/one");
    assert_answer(fixture, ROOT, "DELETE", "/bucket/one", "", NULL, 204, "");
    wait_told(fixture, 5);
    assert_told(4, "b s3:ObjectRemoved:Delete bucket/one");
    assert_answer(fixture, ROOT, "DELETE", "/bucket/one", "", NULL, 204, ""); /* it was not there */
    wait_backlog(fixture, 0);
    assert_int_equal(told_now(), 5);
}

static void test_renames_appends_and_annotations(void **state)
{
    static const char *const wanted[] = {
        "a s3:ObjectCreated:Put bucket/k",    "a s3:ObjectCreated:Put bucket/k",
        "a s3:ObjectAnnotation:Put bucket/k", "a s3:ObjectAnnotation:Delete bucket/k",
        "a s3:ObjectRemoved:Delete bucket/k", "a s3:ObjectCreated:Copy bucket/new",
    };
    struct fixture *fixture = *state;

    make_bucket(fixture,
                RULES(TELL("a", EVENT("ObjectCreated:*") EVENT("ObjectRemoved:*") EVENT("ObjectAnnotation:*"))));
    put(fixture, "k");
    assert_answer(fixture, ROOT, "PUT", "/bucket/k", "x-amz-write-offset-bytes: 4\r\n", "more", 200, "");
    assert_answer(fixture, ROOT, "PUT", "/bucket/k?annotation=&annotationName=n", "", "text", 200, "");
    assert_answer(fixture, ROOT, "DELETE", "/bucket/k?annotation=&annotationName=n", "", NULL, 204, "");
    assert_answer(fixture, ROOT, "DELETE", "/bucket/k?annotation=&annotationName=n", "", NULL, 204, ""); /* no change */
    assert_answer(fixture, ROOT, "PUT", "/bucket/new?renameObject=", "x-amz-rename-source: k\r\n", NULL, 200, "");
    wait_told(fixture, 7);
    for (unsigned i = 0; i < 6; i++)
        assert_told(1 + i, wanted[i]);
}

/* Which of two kinds a deletion is, the commit says: a configuration for the other kind hears nothing. */
static void test_kinds_of_deletions(void **state)
{
    struct fixture *fixture = *state;

    make_bucket(fixture, RULES(TELL("a", EVENT("ObjectRemoved:DeleteMarkerCreated"))));
    put(fixture, "k");
    assert_answer(fixture, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    wait_backlog(fixture, 0);
    assert_document_put(fixture, ROOT, "/bucket?versioning=",
                        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 200, "");
    put(fixture, "k");
    assert_answer(fixture, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    wait_told(fixture, 2);
    assert_told(1, "a s3:ObjectRemoved:DeleteMarkerCreated bucket/k");
}

static void test_one_that_fails_holds_up_nobody(void **state)
{
    struct fixture *fixture = *state;

    make_bucket(fixture, RULES(TELL("a", EVENT("ObjectCreated:*")) TELL("b", EVENT("ObjectRemoved:*"))));
    set_failing(0, true);
    put(fixture, "1");
    put(fixture, "2");
    put(fixture, "3");
    assert_answer(fixture, ROOT, "DELETE", "/bucket/1", "", NULL, 204, "");
    wait_told(fixture, 3);
    assert_told(2, "b s3:ObjectRemoved:Delete bucket/1");
    assert_int_equal(figure(fixture, 0, "waiting"), 3);
    assert_true(figure(fixture, 0, "failures") > 0);
    pthread_mutex_lock(&lock);
    fakes[0].max = 2; /* some of what it is sent */
    fakes[0].fails = false;
    pthread_mutex_unlock(&lock);
    wait_told(fixture, 6);
    assert_told(3, "a s3:ObjectCreated:Put bucket/1");
    assert_told(4, "a s3:ObjectCreated:Put bucket/2");
    assert_told(5, "a s3:ObjectCreated:Put bucket/3");
    wait_backlog(fixture, 0);
    while (figure(fixture, 0, "waiting") != 0)
        fixture_pass(fixture, 10);
    assert_int_equal(figure(fixture, 0, "delivered"), 3);
}

/* A gateway that ends leaves rows; the next one sends them. */
static void test_the_next_gateway_goes_on(void **state)
{
    struct fixture *fixture = *state;

    make_bucket(fixture, RULES(TELL("a", EVENT("ObjectCreated:*"))));
    set_failing(0, true);
    put(fixture, "1");
    put(fixture, "2");
    notify_stop(fixture->gateway.notify);
    put(fixture, "3");
    assert_int_equal(meta_outbox_backlog(fixture->gateway.meta), 3);
    begin(fixture);
    wait_told(fixture, 4);
    assert_told(1, "a s3:ObjectCreated:Put bucket/1");
    assert_told(3, "a s3:ObjectCreated:Put bucket/3");
    wait_backlog(fixture, 0);
}

static void test_nodes_that_lag(void **state)
{
    struct fixture *fixture = *state;

    make_bucket(fixture, RULES(TELL("a", EVENT("ObjectCreated:*"))));
    atomic_store(&lags, true);
    unsigned before = atomic_load(&looks);
    put(fixture, "1");
    while (atomic_load(&looks) == before)
        fixture_pass(fixture, 10);
    for (int i = 0; i < 500; i++)
        fixture_pass(fixture, 20);
    assert_int_equal(told_now(), 1);
    atomic_store(&lags, false);
    wait_told(fixture, 2);
}

static void test_what_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    char key[16];

    make_bucket(fixture, RULES(TELL("a", EVENT("ObjectCreated:*"))));
    set_failing(0, true);
    for (int i = 0; i < 12; i++) {
        snprintf(key, sizeof(key), "%d", i);
        put(fixture, key);
        while (figure(fixture, 0, "waiting") < (i < 8 ? i + 1 : 8))
            fixture_pass(fixture, 10);
    }
    assert_int_equal(figure(fixture, 0, "droppedFull"), 4);
    assert_int_equal(meta_outbox_backlog(fixture->gateway.meta), 8);
    fixture_pass(fixture, 61000);
    wait_backlog(fixture, 0);
    while (figure(fixture, 0, "droppedOld") != 8)
        fixture_pass(fixture, 10);
    assert_int_equal(told_now(), 1);
    set_failing(0, false);
    put(fixture, "new");
    wait_told(fixture, 2);
    assert_told(1, "a s3:ObjectCreated:Put bucket/new");
}

/* What a target never takes holds up the others for a while only. */
static void test_one_that_is_refused(void **state)
{
    struct fixture *fixture = *state;

    make_bucket(fixture, RULES(TELL("a", EVENT("ObjectCreated:*"))));
    set_failing(0, true);
    for (const char *key = "1234"; *key; key++)
        put(fixture, (const char[]){*key, 0});
    while (figure(fixture, 0, "waiting") != 4)
        fixture_pass(fixture, 10);
    pthread_mutex_lock(&lock);
    fakes[0].refused = "bucket/3";
    fakes[0].fails = false;
    pthread_mutex_unlock(&lock);
    wait_told(fixture, 4);
    assert_told(1, "a s3:ObjectCreated:Put bucket/1");
    assert_told(2, "a s3:ObjectCreated:Put bucket/2");
    assert_told(3, "a s3:ObjectCreated:Put bucket/4");
    wait_backlog(fixture, 0);
    assert_int_equal(figure(fixture, 0, "droppedRefused"), 1);
    assert_int_equal(figure(fixture, 0, "droppedOld"), 0);
}

/* A full outbox is no reason to refuse a request. */
static void test_an_outbox_that_is_full(void **state)
{
    struct fixture *fixture = *state;

    make_bucket(fixture, RULES(TELL("a", EVENT("ObjectCreated:*"))));
    atomic_store(&more_rows, META_OUTBOX_ROWS_MAX / 8 * 7);
    put(fixture, "1");
    atomic_store(&more_rows, 0);
    atomic_store(&more_bytes, META_OUTBOX_BYTES_MAX / 8 * 7);
    put(fixture, "2");
    atomic_store(&more_bytes, 0);
    assert_int_equal(figure(fixture, 0, "droppedFull"), 2);
    put(fixture, "3");
    wait_told(fixture, 2);
    assert_told(1, "a s3:ObjectCreated:Put bucket/3");
    assert_answer(fixture, ROOT, "PUT", "/bucket?notification=", "", RULES(TELL("a", EVENT("ObjectRemoved:*"))), 200,
                  "");
    atomic_store(&more_rows, META_OUTBOX_ROWS_MAX);
    assert_answer(fixture, ROOT, "DELETE", "/bucket/3", "", NULL, 204, "");
    atomic_store(&more_rows, 0);
    assert_int_equal(figure(fixture, 0, "droppedFull"), 3); /* one, whatever kind of deletion it is */
}

/* What is old is sent all the same when its target takes it. */
static void test_old_ones_are_tried_first(void **state)
{
    struct fixture *fixture = *state;

    make_bucket(fixture, RULES(TELL("a", EVENT("ObjectCreated:*"))));
    notify_stop(fixture->gateway.notify);
    put(fixture, "1");
    fixture_pass(fixture, 120000);
    begin(fixture);
    wait_told(fixture, 2);
}

static void test_a_target_that_refuses_the_test(void **state)
{
    struct fixture *fixture = *state;

    assert_answer(fixture, ROOT, "PUT", "/bucket", "", NULL, 200, "");
    set_failing(0, true);
    assert_answer(fixture, ROOT, "PUT", "/bucket?notification=", "", RULES(TELL("a", EVENT("ObjectCreated:*"))), 400,
                  "InvalidArgument");
    assert_non_null(strstr(fixture->answer.body, "The destination does not take a test message."));
    assert_null(strstr(fixture->answer.body, "it is told to fail")); /* texts of brokers name hosts */
    assert_answer(fixture, ROOT, "PUT", "/bucket?notification=", "x-amz-skip-destination-validation: true\r\n",
                  RULES(TELL("a", EVENT("ObjectCreated:*"))), 200, "");
    assert_answer(fixture, ROOT, "PUT", "/bucket?notification=", "x-amz-skip-destination-validation: x\r\n",
                  RULES(TELL("a", EVENT("ObjectCreated:*"))), 400, "InvalidArgument");
    assert_answer(fixture, ROOT, "PUT", "/bucket?notification=", "", RULES(TELL("c", EVENT("ObjectCreated:*"))), 400,
                  "InvalidArgument");
    assert_answer(fixture, ROOT, "PUT", "/bucket?notification=", "", RULES("<EventBridgeConfiguration/>"), 501,
                  "NotImplemented");
    assert_int_equal(ask(fixture, ROOT, "GET", "/bucket?notification=", "", NULL), 200);
    assert_non_null(strstr(fixture->answer.body, "<Id>a</Id>"));
    assert_answer(fixture, ROOT, "PUT", "/bucket?notification=", "", RULES(""), 200, "");
    assert_int_equal(ask(fixture, ROOT, "GET", "/bucket?notification=", "", NULL), 200);
    assert_null(strstr(fixture->answer.body, "<Id>"));
}

static void test_the_setting(void **state)
{
    static const struct {
        const char *text;
        unsigned count;
    } rows[] = {{"", 0},
                {" \n", 0},
                {"a=fake://x", 1},
                {"a=fake://x,b=fake://y?c=d,e", 2},
                {"a=fake://x\n b=fake://y", 2},
                {"a=fake://x,", 1}};
    static const char *const wrong[] = {
        "a",           "a=", "a=x", "=fake://x", "a b=fake://x", "a=other://x", "a=fake://x,a=fake://y", "a=fake://x y",
        "a.b=fake://x"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) + sizeof(wrong) / sizeof(wrong[0]); i++) {
        bool good = i < sizeof(rows) / sizeof(rows[0]);
        const struct notify_options options = {.targets =
                                                   good ? rows[i].text : wrong[i - sizeof(rows) / sizeof(rows[0])]};
        struct notify *notify;
        struct buffer error;
        fake_count = 0;
        buffer_init(&error, NOTIFY_EXPLAIN_MAX);
        enum status status = notify_create(&options, &notify, &error);
        assert_int_equal(status == STATUS_OK, good);
        assert_int_equal(error.len == 0, good);
        if (good) {
            assert_int_equal(fake_count, rows[i].count);
            assert_int_equal(notify_has_target(notify, BYTES("a")), rows[i].count > 0);
            notify_free(notify);
        }
        buffer_release(&error);
    }
}

static void test_payload(void **state)
{
    const struct notify_payload payload = {
        .choices = {{NOTIFICATION_REMOVED_DELETE, BYTES("a"), BYTES("one")},
                    {NOTIFICATION_REMOVED_MARKER, BYTES("b"), BYTES("two")}},
        .count = 2,
        .by_marker = true,
        .bucket = BYTES("bucket"),
        .owner = BYTES("owner"),
        .principal = BYTES("AWS:x"),
        .address = BYTES("::1"),
        .request_id = BYTES("ID"),
    };
    const struct meta_object plain = {.size = 0}, marker = {.delete_marker = true};
    struct notify_payload again;
    struct buffer out;

    (void)state;
    buffer_init(&out, META_OUTBOX_PAYLOAD_MAX);
    assert_int_equal(notify_payload_encode(&out, &payload), STATUS_OK);
    assert_int_equal(notify_payload_decode(buffer_bytes(&out), &again), STATUS_OK);
    assert_true(bytes_equal_str(again.request_id, "ID") && bytes_equal_str(again.bucket, "bucket"));
    assert_true(bytes_equal_str(notify_payload_choose(&again, &plain)->configuration, "one"));
    assert_true(bytes_equal_str(notify_payload_choose(&again, &marker)->target, "b"));
    again.count = 1;
    assert_null(notify_payload_choose(&again, &marker));
    again.by_marker = false;
    assert_non_null(notify_payload_choose(&again, &marker));
    for (size_t len = 0; len < out.len; len++)
        assert_int_equal(notify_payload_decode(bytes_of(out.data, len), &again), STATUS_CORRUPT);
    assert_int_equal(buffer_append_char(&out, 'x'), STATUS_OK);
    assert_int_equal(notify_payload_decode(buffer_bytes(&out), &again), STATUS_CORRUPT);
    buffer_release(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_renames_appends_and_annotations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kinds_of_deletions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_fails_holds_up_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_next_gateway_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nodes_that_lag, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_outbox_that_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_ones_are_tried_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_target_that_refuses_the_test, setup, teardown),
        cmocka_unit_test(test_the_setting),
        cmocka_unit_test(test_payload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
