/* Rotation: what is sealed anew when the keys are others, what stays, and when a key is said to be removable. */
#include "tests/unit/gateway/jobs.h"

#include <stdio.h>
#include <string.h>

#include "gateway/jobs/background_job.h"
#include "gateway/keys/keyring.h"
#include "gateway/object/encryption.h"

#define BY_S3       "x-amz-server-side-encryption: AES256\r\n"
#define BY_KMS(key) "x-amz-server-side-encryption: aws:kms\r\nx-amz-server-side-encryption-aws-kms-key-id: " key "\r\n"
#define CUSTOMER                                                                                                       \
    "x-amz-server-side-encryption-customer-algorithm: AES256\r\n"                                                      \
    "x-amz-server-side-encryption-customer-key: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n"                      \
    "x-amz-server-side-encryption-customer-key-MD5: tP/LI3N87DFaSk0aoqYgzg==\r\n"

static char path[128];
static struct key_writer writer; /* a request that goes on for long */

static void add_key(struct fixture *f, const char *name)
{
    const char *error;

    assert_int_equal(keyring_file_add(path, name, &error), STATUS_OK);
    keyring_reload(f->gateway.keyring);
}

static int setup(void **state)
{
    struct fixture *f;
    const char *error;

    if (jobs_setup(state))
        return -1;
    f = *state;
    snprintf(path, sizeof(path), "%s/keyring", f->directory);
    assert_int_equal(keyring_file_add(path, "other", &error), STATUS_OK);
    assert_int_equal(keyring_file_add(path, "old", &error), STATUS_OK);
    assert_int_equal(keyring_open(path, &f->gateway.keyring), STATUS_OK);
    f->gateway.keys = keyring_provider(f->gateway.keyring);
    f->gateway.options.allow_ssec_over_http = true;
    f->gateway.options.rekey_rate = 1000;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct keyring *keyring = f->gateway.keyring;

    key_writer_end(&f->gateway.key_writers, &writer);
    int result = jobs_teardown(state);

    keyring_free(keyring);
    return result;
}

static struct rekey_pass last_pass(struct fixture *f)
{
    struct rekey *rekey = &f->gateway.background->rekey;

    pthread_mutex_lock(&rekey->lock);
    struct rekey_pass pass = rekey->last;
    pthread_mutex_unlock(&rekey->lock);
    return pass;
}

static bool is_done(struct fixture *f)
{
    const struct rekey_pass pass = last_pass(f);

    return pass.ended_ms != 0 && pass.generation == keyring_generation(f->gateway.keyring);
}

/* What the last pass counted: versions * 10 + uploads; -1: it does not know the key. */
static int used(struct fixture *f, const char *name)
{
    const struct rekey_pass pass = last_pass(f);

    for (size_t i = 0; i < pass.use_count; i++)
        if (strcmp(pass.uses[i].name, name) == 0)
            return (int)(pass.uses[i].versions * 10 + pass.uses[i].uploads);
    return -1;
}

static void put(struct fixture *f, const char *target, const char *headers)
{
    assert_answer(f, ROOT, "PUT", target, headers, "bytes", 200, "");
}

static void get(struct fixture *f, const char *target, const char *headers, const char *header, const char *value)
{
    assert_answer(f, ROOT, "GET", target, headers, NULL, 200, "");
    assert_string_equal(f->answer.body, "bytes");
    if (header)
        assert_string_equal(answer_header(&f->answer, header), value);
}

static void assert_says(struct fixture *f, const char *text)
{
    assert_int_equal(ask(f, BEARER, "GET", "/system/encryption", "", NULL), 200);
    if (!strstr(f->answer.body, text))
        fail_msg("%s is not in %s", text, f->answer.body);
}

static void old_keys_are_sealed_anew(void **state)
{
    struct fixture *f = *state;

    put(f, "/bucket/s3", BY_S3);
    put(f, "/bucket/kms", BY_KMS("old"));
    put(f, "/bucket/other", BY_KMS("other"));
    put(f, "/bucket/customer", CUSTOMER);
    put(f, "/bucket/plain", "");
    assert_answer(f, ROOT, "POST", "/bucket/upload?uploads=", BY_S3, "", 200, "");
    add_key(f, "new");
    jobs_start(f);
    PASS_UNTIL(f, 100, is_done(f));
    assert_int_equal(used(f, "new"), 11);
    assert_int_equal(used(f, "old"), 10); /* a client chose it */
    assert_int_equal(used(f, "other"), 10);
    get(f, "/bucket/s3", "", "x-amz-server-side-encryption", "AES256");
    get(f, "/bucket/kms", "", "x-amz-server-side-encryption-aws-kms-key-id",
        "arn:aws:kms:us-east-1:000000000000:key/old");
    get(f, "/bucket/customer", CUSTOMER, NULL, NULL);
    get(f, "/bucket/plain", "", NULL, NULL);
}

static void a_retired_key_becomes_removable(void **state)
{
    struct fixture *f = *state;
    const char *error;

    put(f, "/bucket/s3", BY_S3);
    put(f, "/bucket/kms", BY_KMS("old"));
    assert_int_equal(keyring_file_retire(path, "old", &error), STATUS_INVALID); /* the current one */
    assert_int_equal(keyring_file_retire(path, "none", &error), STATUS_NOT_FOUND);
    key_writer_begin(&f->gateway.key_writers, &writer, keyring_generation(f->gateway.keyring));
    assert_int_equal(keyring_file_add(path, "new", &error), STATUS_OK);
    assert_int_equal(keyring_file_retire(path, "old", &error), STATUS_OK);
    keyring_reload(f->gateway.keyring);
    assert_answer(f, ROOT, "PUT", "/bucket/x", BY_KMS("old"), "bytes", 400, "KMS.DisabledException");
    jobs_start(f);
    PASS_UNTIL(f, 100, is_done(f));
    assert_int_equal(used(f, "new"), 20);
    assert_int_equal(used(f, "old"), 0);
    get(f, "/bucket/kms", "", "x-amz-server-side-encryption-aws-kms-key-id",
        "arn:aws:kms:us-east-1:000000000000:key/new");
    /* a request that began before may still commit what it sealed with the old one */
    assert_says(f, "\"name\":\"old\",\"state\":\"retired\",\"versions\":0,\"uploads\":0,\"inUse\":false,"
                   "\"removable\":false");
    key_writer_end(&f->gateway.key_writers, &writer);
    PASS_UNTIL(f, 1000, last_pass(f).final);
    assert_says(f, "\"inUse\":false,\"removable\":true");
    get(f, "/bucket/s3", "", NULL, NULL);
}

static void a_lost_key_is_named(void **state)
{
    struct fixture *f = *state;
    FILE *file;

    put(f, "/bucket/lost", BY_S3);
    add_key(f, "new");
    put(f, "/bucket/there", BY_S3);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("key new 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\ncurrent new\n", file);
    fclose(file);
    keyring_reload(f->gateway.keyring); /* the one of that name is another, and the old one is gone */
    assert_answer(f, ROOT, "GET", "/bucket/lost", "", NULL, 400, "KMS.NotFoundException");
    assert_non_null(strstr(f->answer.body, "key/old' does not exist"));
    assert_answer(f, ROOT, "HEAD", "/bucket/lost", "", NULL, 400, "");
    assert_answer(f, ROOT, "GET", "/bucket/there", "", NULL, 500, "InternalError");
    jobs_start(f);
    PASS_UNTIL(f, 100, is_done(f));
    assert_says(f, "\"missing\":[{\"name\":\"old\",\"versions\":1,\"uploads\":0}]");
}

/* Whose key is sealed again while the keys may be others: never by one that the rotation takes objects away from. What
 * the key seals beside the object is opened with it afterwards. */
static void an_empty_object_is_appended_to(void **state)
{
    struct fixture *f = *state;
    static const struct meta_version latest;
    struct meta_object object;
    struct meta_bucket bucket;
    struct encryption encryption;

    assert_answer(f, ROOT, "PUT", "/bucket/s3", BY_S3, "", 200, "");
    put(f, "/bucket/s3?annotation=&annotationName=a", "");
    add_key(f, "new");
    put(f, "/bucket/s3", "x-amz-write-offset-bytes: 0\r\n");
    assert_int_equal(meta_bucket_get(f->gateway.meta, BYTES("bucket"), &bucket), STATUS_OK);
    assert_int_equal(meta_object_get(f->gateway.meta, bucket.id, BYTES("s3"), &latest, &object), STATUS_OK);
    assert_int_equal(encryption_read(object.attributes, &encryption), STATUS_OK);
    assert_true(bytes_equal_str(encryption.key_name, "new"));
    meta_object_release(&object);
    get(f, "/bucket/s3", "", "x-amz-server-side-encryption", "AES256");
    get(f, "/bucket/s3?annotation=&annotationName=a", "", NULL, NULL);
    put(f, "/bucket/s3", "x-amz-write-offset-bytes: 5\r\n");
    get(f, "/bucket/s3?annotation=&annotationName=a", "", NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(old_keys_are_sealed_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_retired_key_becomes_removable, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_key_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_object_is_appended_to, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
