/* What becomes of a deletion whose bucket changes between the request's begin and its commit: the commit decides, and
 * the answer says what it decided. The committer is held while the change of the bucket, and then the request, queue
 * up behind what holds it. */
#include "tests/unit/gateway/fixture.h"

#include <pthread.h>
#include <semaphore.h>

#include "gateway/s3/bucket_settings.h"
#include "meta/bucket_settings.h"

#define ONE_KEY     "<Delete><Object><Key>k</Key></Object></Delete>"
#define ONE_KEY_MD5 "5DKh5iefM5MSKvRILIuFwQ=="

struct meanwhile {
    struct fixture *fixture;
    sem_t held, go_on; /* the committer */
    enum status (*change)(struct meta *meta);
    const char *method, *target, *headers, *body;
    atomic_bool answered;
};

/* meta_settings_update.check: in the committer, which it holds. */
static enum status hold(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings)
{
    struct meanwhile *meanwhile = arg;

    (void)bucket, (void)settings;
    sem_post(&meanwhile->held);
    while (sem_wait(&meanwhile->go_on) != 0)
        ;
    return STATUS_CONFLICT; /* nothing is changed */
}

static void *hold_committer(void *arg)
{
    struct meanwhile *meanwhile = arg;
    const struct meta_setting_change change = {.kind = S3_SETTING_TAGGING};
    const struct meta_settings_update update = {.changes = &change, .count = 1, .check = hold, .arg = meanwhile};
    struct meta *meta = meanwhile->fixture->gateway.meta;
    struct meta_bucket bucket;

    assert_int_equal(meta_bucket_get(meta, BYTES(GATEWAY_FILES_BUCKET), &bucket), STATUS_OK);
    assert_int_equal(meta_bucket_settings_update(meta, bucket.id, &update), STATUS_CONFLICT);
    return NULL;
}

static void *change_bucket(void *arg)
{
    struct meanwhile *meanwhile = arg;

    assert_int_equal(meanwhile->change(meanwhile->fixture->gateway.meta), STATUS_OK);
    return NULL;
}

static void *send_request(void *arg)
{
    struct meanwhile *meanwhile = arg;

    ask(meanwhile->fixture, ROOT, meanwhile->method, meanwhile->target, meanwhile->headers, meanwhile->body);
    atomic_store(&meanwhile->answered, true);
    return NULL;
}

/* One sent after the change was queued, before it is made. */
static void ask_meanwhile(struct fixture *fixture, enum status (*change)(struct meta *meta), const char *method,
                          const char *target, const char *headers, const char *body)
{
    struct meanwhile meanwhile = {
        .fixture = fixture, .change = change, .method = method, .target = target, .headers = headers, .body = body};
    struct meta *meta = fixture->gateway.meta;
    pthread_t threads[3];

    sem_init(&meanwhile.held, 0, 0);
    sem_init(&meanwhile.go_on, 0, 0);
    pthread_create(&threads[0], NULL, hold_committer, &meanwhile);
    while (sem_wait(&meanwhile.held) != 0)
        ;
    pthread_create(&threads[1], NULL, change_bucket, &meanwhile);
    while (meta_commits_waiting(meta) < 2)
        usleep(100);
    pthread_create(&threads[2], NULL, send_request, &meanwhile);
    while (meta_commits_waiting(meta) < 3 && !meanwhile.answered)
        usleep(100);
    sem_post(&meanwhile.go_on);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    sem_destroy(&meanwhile.held);
    sem_destroy(&meanwhile.go_on);
}

#define assert_meanwhile(fixture, change, method, target, headers, body, expected_status, expected_code)               \
    do {                                                                                                               \
        ask_meanwhile(fixture, change, method, target, headers, body);                                                 \
        assert_int_equal((fixture)->answer.status, expected_status);                                                   \
        assert_string_equal(answered_code(fixture), expected_code);                                                    \
    } while (0)

static enum status delete_bucket(struct meta *meta)
{
    return meta_bucket_delete(meta, BYTES("bucket"));
}

static enum status keep_versions(struct meta *meta)
{
    struct meta_bucket bucket;
    enum status status = meta_bucket_get(meta, BYTES("bucket"), &bucket);

    return status ? status : meta_bucket_set_versioning(meta, bucket.id, false, NULL);
}

static int setup(void **state)
{
    fixture_setup(state);
    return ask(*state, ROOT, "PUT", "/bucket", "", "") == 200 ? 0 : -1;
}

static int setup_versioned(void **state)
{
    struct fixture *f;

    if (setup(state))
        return -1;
    f = *state;
    return keep_versions(f->gateway.meta) == STATUS_OK ? 0 : -1;
}

static void no_header_is_made_of_what_was_asked(void **state)
{
    struct fixture *f = *state;

    assert_meanwhile(f, delete_bucket, "DELETE", "/bucket/k?versionId=a%0Ab", "", NULL, 400, "InvalidArgument");
    assert_answer(f, ROOT, "GET", "/bucket", "", NULL, 404, "NoSuchBucket");
}

static void a_key_of_no_bucket(void **state)
{
    struct fixture *f = *state;

    assert_meanwhile(f, delete_bucket, "DELETE", "/bucket/k", "", NULL, 404, "NoSuchBucket");
    assert_non_null(strstr(f->answer.body, "<BucketName>bucket</BucketName>"));
}

static void a_version_of_no_bucket(void **state)
{
    assert_meanwhile((struct fixture *)*state, delete_bucket, "DELETE", "/bucket/k?versionId=null", "", NULL, 404,
                     "NoSuchBucket");
}

static void a_condition_on_a_key_of_no_bucket(void **state)
{
    assert_meanwhile((struct fixture *)*state, delete_bucket, "DELETE", "/bucket/k", "If-Match: *\r\n", NULL, 404,
                     "NoSuchBucket");
}

static void listed_keys_of_no_bucket(void **state)
{
    struct fixture *f = *state;

    assert_meanwhile(f, delete_bucket, "POST", "/bucket?delete=", "Content-MD5: " ONE_KEY_MD5 "\r\n", ONE_KEY, 200,
                     "NoSuchBucket");
    assert_null(strstr(f->answer.body, "<Deleted>"));
}

static void a_marker_has_its_id(void **state)
{
    struct fixture *f = *state;

    assert_meanwhile(f, keep_versions, "DELETE", "/bucket/k", "", NULL, 204, "");
    assert_string_equal(answer_header(&f->answer, "x-amz-delete-marker"), "true");
    assert_non_null(answer_header(&f->answer, "x-amz-version-id"));
}

static enum status write_object(struct meta *meta)
{
    struct meta_bucket bucket;
    struct meta_object object = {.size = 0};
    const struct chunk_list none = {0};
    enum status status = meta_bucket_get(meta, BYTES("bucket"), &bucket);

    return status ? status : meta_object_put(meta, bucket.id, BYTES("k"), &object, &none, NULL);
}

static void an_acl_is_of_the_object_that_was_seen(void **state)
{
    struct fixture *f = *state;
    static const char read[] =
        "x-amz-grant-read: id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n";

    assert_document_put(f, ROOT, "/bucket?ownershipControls=",
                        "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>"
                        "</OwnershipControls>",
                        200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "first", 200, "");
    assert_meanwhile(f, write_object, "PUT", "/bucket/k?acl=", read, "", 409, "ConditionalRequestConflict");
    assert_answer(f, ROOT, "GET", "/bucket/k?acl=", "", NULL, 200, "");
    assert_null(strstr(f->answer.body, "<Permission>READ</Permission>"));
}

#define HIDE_SECRETS                                                                                                   \
    "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":[\"s3:GetObject\",\"s3:GetObjectVersion\"],"   \
    "\"Resource\":\"arn:aws:s3:::bucket/*\",\"Condition\":{\"StringEquals\":{\"s3:ExistingObjectTag/"                  \
    "secret\":\"yes\"}}}}"

/* Whoever may see a version by its tags learns nothing of another one, which took its place. */
static void a_condition_is_on_the_version_that_may_be_read(void **state)
{
    static const char size[] = "x-amz-if-match-size: 0\r\n"; /* that of the other one */
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket?policy=", HIDE_SECRETS, 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "first", 200, "");
    assert_meanwhile(f, write_object, "DELETE", "/bucket/k", size, NULL, 412, "PreconditionFailed");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "first", 200, "");
    assert_meanwhile(f, write_object, "DELETE", "/bucket/k?versionId=null", size, NULL, 412, "PreconditionFailed");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    assert_meanwhile(f, write_object, "DELETE", "/bucket/k", size, NULL, 412, "PreconditionFailed");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", size, NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", size, NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "first", 200, "");
    assert_answer(f, ROOT, "DELETE", "/bucket/k?versionId=null", "x-amz-if-match-size: 5\r\n", NULL, 204, "");
}

#define ETAG_OF_OTHER "If-Match: \"00000000000000000000000000000000\"\r\n"
#define PART                                                                                                           \
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>f4c9385f1902f7334b00b9b4ecd164de</ETag></Part></"  \
    "CompleteMultipartUpload>"

/* An upload to the key with a part, created with that condition; its id is in the answer. */
static void begin_upload(struct fixture *f, char completion[128])
{
    char target[160], id[64];

    assert_answer(f, ROOT, "POST", "/bucket/k?uploads=", ETAG_OF_OTHER, "", 200, "");
    assert_int_equal(sscanf(strstr(f->answer.body, "<UploadId>"), "<UploadId>%63[^<]", id), 1);
    snprintf(target, sizeof(target), "/bucket/k?partNumber=1&uploadId=%s", id);
    assert_answer(f, ROOT, "PUT", target, "", "part", 200, "");
    snprintf(completion, 128, "/bucket/k?uploadId=%s", id);
}

static void a_write_is_told_of_the_version_that_may_be_read(void **state)
{
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket?policy=", HIDE_SECRETS, 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "first", 200, "");
    assert_meanwhile(f, write_object, "PUT", "/bucket/k", ETAG_OF_OTHER, "guess", 412, "PreconditionFailed");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    assert_meanwhile(f, write_object, "PUT", "/bucket/k", ETAG_OF_OTHER, "guess", 412, "PreconditionFailed");
    assert_answer(f, ROOT, "PUT", "/bucket/k", ETAG_OF_OTHER, "known", 200, "");
    assert_answer(f, ROOT, "DELETE", "/bucket/k", "", NULL, 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", ETAG_OF_OTHER, "known", 404, "NoSuchKey");
}

static void so_is_a_rename(void **state)
{
    static const char *const headers[] = {
        "x-amz-rename-source: source\r\n" ETAG_OF_OTHER,
        "x-amz-rename-source: source\r\nIf-None-Match: \"8b04d5e3775d298e78455efc5ca404d5\"\r\n"};
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket?policy=", HIDE_SECRETS, 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/source", "", "source", 200, "");
    for (size_t i = 0; i < 2; i++) {
        assert_answer(f, ROOT, "PUT", "/bucket/k", "", "first", 200, "");
        assert_meanwhile(f, write_object, "PUT", "/bucket/k?renameObject=", headers[i], NULL, 412,
                         "PreconditionFailed");
    }
    assert_answer(f, ROOT, "PUT", "/bucket/k?renameObject=", headers[0], NULL, 200, "");
}

/* The condition that an upload was created with is one on what is there when it is completed. */
static void so_is_who_completes_an_upload(void **state)
{
    struct fixture *f = *state;
    char completion[128];

    assert_int_equal(write_object(f->gateway.meta), STATUS_OK);
    begin_upload(f, completion);
    assert_document_put(f, ROOT, "/bucket?policy=", HIDE_SECRETS, 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-tagging: secret=yes\r\n", "first", 200, "");
    assert_answer(f, ROOT, "POST", completion, "", PART, 403, "AccessDenied");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "", "first", 200, "");
    assert_meanwhile(f, write_object, "POST", completion, "", PART, 412, "PreconditionFailed");
    assert_answer(f, ROOT, "POST", completion, "", PART, 200, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_header_is_made_of_what_was_asked, setup_versioned, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_key_of_no_bucket, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_version_of_no_bucket, setup_versioned, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_condition_on_a_key_of_no_bucket, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(listed_keys_of_no_bucket, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_marker_has_its_id, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_condition_is_on_the_version_that_may_be_read, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_write_is_told_of_the_version_that_may_be_read, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(so_is_a_rename, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(so_is_who_completes_an_upload, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_acl_is_of_the_object_that_was_seen, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
