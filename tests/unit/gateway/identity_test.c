/* Users' keys: a signature of theirs is verified, their policies are asked, and what was taken away is gone for the
 * next request; identities are kept within a bound. */
#include "tests/unit/gateway/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/sigv2.h"
#include "gateway/identity/access_key.h"
#include "gateway/identity/aws_policies.h"
#include "gateway/identity/group.h"
#include "gateway/identity/identity.h"
#include "gateway/identity/key_uses.h"
#include "gateway/identity/managed_policy.h"
#include "gateway/identity/user.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define ACCOUNT  "000000000000"
#define STATEMENT(effect, action)                                                                                      \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"" effect "\",\"Action\":\"" action                       \
    "\",\"Resource\":\"*\"}]}"
#define ALLOW_LIST STATEMENT("Allow", "s3:ListAllMyBuckets")
#define DENY_LIST  STATEMENT("Deny", "s3:ListAllMyBuckets")

static struct identity_user user; /* as it was put last */
static struct identity_access_key key;
static char secret[ACCESS_KEY_SECRET_LEN + 1];

static void commit(struct fixture *f, struct identity_changes *changes)
{
    OK(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), changes));
    identity_changes_release(changes);
}

static void put_user(struct fixture *f)
{
    struct identity_changes changes = {0};

    identity_user_put(&changes, &user);
    commit(f, &changes);
}

static void put_key(struct fixture *f)
{
    struct identity_changes changes = {0};

    identity_access_key_put(&changes, &key);
    commit(f, &changes);
}

/* Somebody without rights. */
static int set_up(void **state)
{
    struct identity_changes changes = {0};

    fixture_setup(state);
    struct fixture *f = *state;
    identity_user_create(&user, BYTES("alice"), BYTES("/staff/"));
    identity_access_key_create(&key, "alice", &f->gateway.seal, secret);
    identity_names_add(&user.keys, bytes_from_str(key.id));
    identity_user_put(&changes, &user);
    identity_access_key_put(&changes, &key);
    commit(f, &changes);
    f->user_key = key.id;
    f->user_secret = secret;
    return 0;
}

static int tear_down(void **state)
{
    identity_user_release(&user);
    identity_access_key_release(&key);
    return fixture_teardown(state);
}

static void expect(struct fixture *f, int status, const char *code)
{
    assert_answer(f, USER, "GET", "/", "", NULL, status, code);
}

static void set_policy(struct fixture *f, const char *document)
{
    identity_texts_set(&user.policies, BYTES("inline"), bytes_from_str(document));
    put_user(f);
}

static void test_signature(void **state)
{
    struct fixture *f = *state;

    expect(f, 403, "AccessDenied"); /* known, and without any right */
    set_policy(f, ALLOW_LIST);
    expect(f, 200, "");
    assert_answer(f, USER, "GET", "/files", "", NULL, 403, "AccessDenied");
    f->user_secret = "another";
    expect(f, 403, "SignatureDoesNotMatch");
    assert_null(strstr(f->answer.body, secret));
    f->user_secret = secret;
    f->user_key = "AKIAAAAAAAAAAAAAAAAA";
    expect(f, 403, "InvalidAccessKeyId");
    assert_answer(f, ROOT, "GET", "/", "", NULL, 200, "");
}

/* Signature Version 2 in the header, and in the query. */
static void test_version_2(void **state)
{
    struct fixture *f = *state;
    char date[CLOCK_TEXT_MAX], text[256], signature[SIGV2_SIGNATURE_LEN + 1], header[512], target[512];

    set_policy(f, STATEMENT("Allow", "s3:*"));
    clock_format_rfc1123(clock_wall_ms(), date);
    snprintf(text, sizeof(text), "GET\n\n\n%s\n/files", date);
    sigv2_sign(bytes_from_str(secret), bytes_from_str(text), signature);
    snprintf(header, sizeof(header), "Date: %s\r\nAuthorization: AWS %s:%s\r\n", date, key.id, signature);
    assert_answer(f, ANONYMOUS, "GET", "/files", header, NULL, 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/", header, NULL, 403, "SignatureDoesNotMatch");

    long long expires = clock_wall_ms() / 1000 + 60;
    snprintf(text, sizeof(text), "GET\n\n\n%lld\n/files", expires);
    sigv2_sign(bytes_from_str(secret), bytes_from_str(text), signature);
    size_t len =
        (size_t)snprintf(target, sizeof(target), "/files?AWSAccessKeyId=%s&Expires=%lld&Signature=", key.id, expires);
    for (const char *c = signature; *c; c++)
        len += (size_t)snprintf(target + len, sizeof(target) - len, "%%%02X", (unsigned char)*c);
    assert_answer(f, ANONYMOUS, "GET", target, "", NULL, 200, "");
}

static void test_last_use(void **state)
{
    struct fixture *f = *state;
    struct key_use use;

    f->user_secret = "another"; /* which uses nothing */
    expect(f, 403, "SignatureDoesNotMatch");
    assert_false(key_uses_find(f->gateway.key_uses, bytes_from_str(key.id), &use));
    f->user_secret = secret;
    expect(f, 403, "AccessDenied");
    assert_true(key_uses_find(f->gateway.key_uses, bytes_from_str(key.id), &use));
    assert_int_equal(use.time_ms, clock_wall_ms());
    assert_string_equal(use.service, "s3");
    assert_string_equal(use.region, "us-east-1");
}

static void test_uses_have_a_bound(void **state)
{
    (void)state;
    enum { KEYS = 100000 };
    struct key_uses *uses = key_uses_create();
    struct key_use use;
    char id[32];
    int found = 0;

    for (int i = 0; i < KEYS; i++) {
        snprintf(id, sizeof(id), "AKIA%d", i);
        key_uses_note(uses, bytes_from_str(id), "iam", BYTES("a-region-whose-name-is-longer-than-there-is-room"), i);
        assert_true(key_uses_find(uses, bytes_from_str(id), &use));
        assert_int_equal(use.time_ms, i);
    }
    for (int i = 0; i < KEYS; i++) {
        snprintf(id, sizeof(id), "AKIA%d", i);
        found += key_uses_find(uses, bytes_from_str(id), &use);
    }
    assert_true(found <= 32768 && found > 30000);
    key_uses_free(uses);
}

static void test_taken_away_at_once(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};

    set_policy(f, ALLOW_LIST);
    expect(f, 200, "");
    set_policy(f, DENY_LIST);
    expect(f, 403, "AccessDenied");
    set_policy(f, ALLOW_LIST);
    expect(f, 200, "");
    key.active = false;
    put_key(f);
    expect(f, 403, "InvalidAccessKeyId");
    key.active = true;
    put_key(f);
    expect(f, 200, "");
    identity_access_key_remove(&changes, key.id);
    commit(f, &changes);
    expect(f, 403, "InvalidAccessKeyId");
    put_key(f);
    expect(f, 200, "");
    identity_user_remove(&changes, "alice"); /* its key has no user then, which nothing makes but damage */
    commit(f, &changes);
    expect(f, 500, "InternalError");
}

#define TAG_ALICE "Action=TagUser&Version=2010-05-08&UserName=alice&Tags.member.1.Key=a&Tags.member.1.Value=b"

static void deactivate(struct fixture *f)
{
    key.active = false;
    put_key(f);
}

static void take_policy(struct fixture *f)
{
    set_policy(f, DENY_LIST);
}

static void remove_key(struct fixture *f)
{
    struct identity_changes changes = {0};

    identity_access_key_remove(&changes, key.id);
    commit(f, &changes);
}

/* A form that takes long to come is a request of when it is there. */
static void test_taken_away_while_a_form_comes(void **state)
{
    static const struct {
        void (*change)(struct fixture *f);
        const char *code;
    } rows[] = {
        {take_policy, "AccessDenied"}, {deactivate, "InvalidClientTokenId"}, {remove_key, "InvalidClientTokenId"}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        key.active = true;
        put_key(f);
        set_policy(f, STATEMENT("Allow", "iam:*"));
        f->in_form = NULL;
        assert_int_equal(call_as(f, USER, "iam", TAG_ALICE, TAG_ALICE), 200);
        fixture_settle(f);
        f->in_form = rows[i].change;
        assert_int_equal(call_as(f, USER, "iam", TAG_ALICE, TAG_ALICE), 403);
        assert_string_equal(answered_code(f), rows[i].code);
        fixture_settle(f);
    }
    f->in_form = NULL;
}

static void put_managed(struct fixture *f, struct identity_managed_policy *policy)
{
    struct identity_changes changes = {0};

    identity_managed_policy_put(&changes, policy);
    commit(f, &changes);
}

static void test_managed_policy(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct identity_managed_policy policy;
    unsigned number;

    identity_managed_policy_create(&policy, BYTES("Lists"), BYTES("/"), BYTES(ALLOW_LIST));
    identity_names_add(&user.attached, BYTES("arn:aws:iam::" ACCOUNT ":policy/Lists"));
    put_managed(f, &policy);
    expect(f, 403, "AccessDenied");
    put_user(f);
    expect(f, 200, "");
    OK(identity_managed_policy_add(&policy, BYTES(DENY_LIST), &number));
    put_managed(f, &policy);
    expect(f, 200, ""); /* not the default version */
    policy.default_version = number;
    put_managed(f, &policy);
    expect(f, 403, "AccessDenied");
    policy.default_version = 1;
    put_managed(f, &policy);
    expect(f, 200, "");
    identity_managed_policy_remove(&changes, "Lists"); /* that it is not there any more allows nothing, and denies */
    commit(f, &changes);
    set_policy(f, ALLOW_LIST);
    expect(f, 403, "AccessDenied");
    identity_managed_policy_release(&policy);
}

static void test_aws_policies(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct identity_managed_policy policy, other;
    struct policy_problem problem;
    struct policy *parsed;

    for (size_t i = 0; i < aws_policies_count(); i++) {
        aws_policies_get(i, &policy);
        OK(policy_parse(bytes_from_str(policy.versions[0].document), POLICY_IDENTITY, (struct bytes){0}, &parsed,
                        &problem));
        policy_free(parsed);
        char *arn = identity_arn(AWS_POLICIES_ACCOUNT, "policy", policy.path, policy.name);
        OK(identity_managed_policy_load_arn(f->gateway.meta, ACCOUNT, bytes_from_str(arn), &other));
        assert_true(other.of_aws && strcmp(other.id, policy.id) == 0);
        free(arn);
        identity_managed_policy_put(&changes, &other);
        assert_true(changes.bad);
        identity_changes_release(&changes);
        other.of_aws = false; /* nor one of its name */
        identity_managed_policy_put(&changes, &other);
        assert_true(changes.bad);
        identity_changes_release(&changes);
        identity_managed_policy_remove(&changes, policy.name);
        assert_true(changes.bad && changes.count == 1);
        assert_int_equal(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), &changes),
                         STATUS_INVALID);
        identity_changes_release(&changes);
        identity_managed_policy_release(&other);
        identity_managed_policy_release(&policy);
    }
    assert_int_equal(
        identity_managed_policy_load_arn(f->gateway.meta, ACCOUNT, BYTES("arn:aws:iam::aws:policy/other"), &other),
        STATUS_NOT_FOUND);
    identity_names_add(&user.attached, BYTES("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"));
    put_user(f);
    expect(f, 200, "");
    assert_answer(f, USER, "PUT", "/another-bucket", "", NULL, 403, "AccessDenied");
}

static void test_group(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct identity_group group;

    identity_group_create(&group, BYTES("Listers"), BYTES("/"));
    identity_texts_set(&group.policies, BYTES("p"), BYTES(ALLOW_LIST));
    identity_group_put(&changes, &group);
    commit(f, &changes);
    expect(f, 403, "AccessDenied");
    identity_names_add(&user.groups, BYTES("Listers"));
    put_user(f);
    expect(f, 200, "");
    identity_texts_set(&group.policies, BYTES("q"), BYTES(DENY_LIST));
    identity_group_put(&changes, &group);
    commit(f, &changes);
    expect(f, 403, "AccessDenied");
    identity_group_remove(&changes, "Listers"); /* which may have denied something */
    commit(f, &changes);
    set_policy(f, ALLOW_LIST);
    expect(f, 403, "AccessDenied");
    identity_group_release(&group);
}

static void test_boundary(void **state)
{
    struct fixture *f = *state;
    struct identity_managed_policy policy;

    identity_managed_policy_create(&policy, BYTES("Bounds"), BYTES("/"), BYTES(STATEMENT("Allow", "s3:GetObject")));
    put_managed(f, &policy);
    set_policy(f, ALLOW_LIST);
    expect(f, 200, "");
    user.boundary = mem_strdup("arn:aws:iam::" ACCOUNT ":policy/Bounds");
    put_user(f);
    expect(f, 403, "AccessDenied");
    free(policy.versions[0].document);
    policy.versions[0].document = mem_strdup(STATEMENT("Allow", "s3:*"));
    put_managed(f, &policy);
    expect(f, 200, "");
    free(user.boundary);
    user.boundary = mem_strdup("arn:aws:iam::" ACCOUNT ":policy/Missing");
    put_user(f);
    expect(f, 403, "AccessDenied");
    identity_managed_policy_release(&policy);
}

static void test_unusable_policy_denies(void **state)
{
    struct fixture *f = *state;

    set_policy(f, ALLOW_LIST);
    identity_texts_set(&user.policies, BYTES("later"), BYTES("{\"Statement\":[{\"Effect\":\"Perhaps\"}]}"));
    put_user(f);
    expect(f, 403, "AccessDenied");
    identity_texts_remove(&user.policies, BYTES("later"));
    put_user(f);
    expect(f, 200, "");
}

static void test_damaged_rows_open_nothing(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct seal_key seal = f->gateway.seal;

    set_policy(f, ALLOW_LIST);
    f->gateway.seal.bytes[0] ^= 1;
    put_user(f); /* another generation */
    expect(f, 500, "InternalError");
    f->gateway.seal = seal;
    expect(f, 200, "");
    identity_changes_add(&changes, IDENTITY_KEYS, "", key.id, mem_strdup("{\"v\":9}"));
    commit(f, &changes);
    expect(f, 500, "InternalError");
    put_key(f);
    expect(f, 200, "");
    identity_changes_add(&changes, IDENTITY_USERS, "", "alice", mem_strdup("[]"));
    commit(f, &changes);
    expect(f, 500, "InternalError");
}

static void test_cache(void **state)
{
    struct fixture *f = *state;
    enum { USERS = 60 };
    struct identity_changes changes = {0};
    struct identity_access_key keys[USERS];
    char secrets[USERS][ACCESS_KEY_SECRET_LEN + 1], name[32];

    set_policy(f, ALLOW_LIST);
    for (int i = 0; i < USERS; i++) {
        snprintf(name, sizeof(name), "user-%d", i);
        identity_access_key_create(&keys[i], name, &f->gateway.seal, secrets[i]);
        free(user.name);
        user.name = mem_strdup(name);
        identity_user_put(&changes, &user);
        identity_access_key_put(&changes, &keys[i]);
    }
    commit(f, &changes);
    for (int i = 0; i < USERS; i++) {
        f->user_key = keys[i].id;
        f->user_secret = secrets[i];
        expect(f, 200, "");
        expect(f, 200, "");
    }
    struct identity_cache_figures figures = identity_cache_figures(f->gateway.identities.cache);
    assert_int_equal(figures.read, USERS); /* each once */
    assert_true(figures.bytes + figures.policy_bytes <= FIXTURE_IDENTITY_CACHE);
    assert_true(figures.bytes > FIXTURE_IDENTITY_CACHE / 2);
    assert_true(figures.policy_bytes < 3 * (512 + 5 * sizeof(ALLOW_LIST))); /* all have the same one */
    assert_true(figures.entries > 5 && figures.entries < USERS);
    expect(f, 200, ""); /* the last one is still there, the first one is not */
    assert_int_equal(identity_cache_figures(f->gateway.identities.cache).read, USERS);
    f->user_key = keys[0].id;
    f->user_secret = secrets[0];
    expect(f, 200, "");
    assert_int_equal(identity_cache_figures(f->gateway.identities.cache).read, USERS + 1);
    for (int i = 0; i < USERS; i++)
        identity_access_key_release(&keys[i]);
}

/* What few have fills the cache, too. */
static void test_cache_of_large_policies(void **state)
{
    struct fixture *f = *state;
    struct buffer text;

    buffer_init(&text, 65536);
    for (int i = 0; i < 20; i++) {
        buffer_clear(&text);
        OK(buffer_append_str(&text, ALLOW_LIST));
        for (int j = 0; j < 4000 + i; j++)
            OK(buffer_append_char(&text, ' '));
        set_policy(f, text.data);
        expect(f, 200, "");
        struct identity_cache_figures figures = identity_cache_figures(f->gateway.identities.cache);
        assert_true(figures.entries == 1 && figures.policy_bytes < 2 * 25000); /* what was replaced is freed */
    }
    for (int j = 0; j < 10000; j++)
        OK(buffer_append_char(&text, ' '));
    set_policy(f, text.data); /* does not fit at all, and is used all the same */
    expect(f, 200, "");
    struct identity_cache_figures figures = identity_cache_figures(f->gateway.identities.cache);
    assert_int_equal(figures.entries, 0);
    buffer_release(&text);
}

static void test_second_root_key(void **state)
{
    struct fixture *f = *state;

    f->user_key = "AKIDROTATED";
    f->user_secret = "a secret for the change-over";
    expect(f, 403, "InvalidAccessKeyId");
    f->gateway.options.access_key_2 = f->user_key;
    f->gateway.options.secret_key_2 = f->user_secret;
    expect(f, 200, "");
    assert_answer(f, ROOT, "GET", "/", "", NULL, 200, "");
    f->user_secret = FIXTURE_SECRET_KEY; /* each goes with its own */
    expect(f, 403, "SignatureDoesNotMatch");
}

/* Readers beside a writer that never rests: no request is decided by half of a change, and none is refused. Between the
 * rows of the user and of its group policies are parsed that take a while. */
enum { LONG_ONES = 12, LONG_ONES_ACTIONS = 300, FOUND = 30 };

static void add_long_policies(void)
{
    struct buffer text;
    char name[32];

    buffer_init(&text, 65536);
    OK(buffer_append_str(&text, "{\"Statement\":{\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":[\"s3:*\""));
    for (int i = 0; i < LONG_ONES_ACTIONS; i++)
        OK(buffer_printf(&text, ",\"s3:Get*%d?*\"", i));
    OK(buffer_append_str(&text, "]}}"));
    for (int i = 0; i < LONG_ONES; i++) {
        snprintf(name, sizeof(name), "long-%d", i);
        identity_texts_set(&user.policies, bytes_from_str(name), buffer_bytes(&text));
    }
    buffer_release(&text);
}

struct reader {
    struct fixture *fixture;
    atomic_bool done;
    atomic_uint found, refused;
};

static bool is_busy(struct reader readers[2])
{
    return readers[0].refused + readers[1].refused == 0 && (readers[0].found < FOUND || readers[1].found < FOUND);
}

static void *read_main(void *arg)
{
    struct reader *reader = arg;

    while (!reader->done) {
        struct identity *identity;
        enum status status = identity_find(&reader->fixture->gateway.identities, bytes_from_str(key.id), &identity);
        if (status) {
            reader->refused++;
            continue;
        }
        CHECK(identity->tags.count + LONG_ONES == identity->policy_count); /* of both as many in each change */
        identity_release(identity);
        reader->found++;
    }
    return NULL;
}

/* Changes a row that is nothing to anybody, as fast as it can. */
static void *write_main(void *arg)
{
    struct reader *writer = arg;
    struct meta *meta = writer->fixture->gateway.meta;

    while (!writer->done) {
        struct identity_changes changes = {0};
        identity_changes_add(&changes, IDENTITY_USERS, "", "busy", mem_strdup("{}"));
        writer->found += identity_changes_commit(meta, meta_identity_generation(meta), &changes) == STATUS_OK;
        identity_changes_release(&changes);
    }
    return NULL;
}

static void commit_beside_others(struct fixture *f, struct identity_changes *changes)
{
    enum status status = STATUS_CONFLICT;

    while (status == STATUS_CONFLICT)
        status = identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), changes);
    OK(status);
    identity_changes_release(changes);
}

static void test_readers_beside_a_writer(void **state)
{
    struct fixture *f = *state;
    struct reader readers[2] = {{.fixture = f}, {.fixture = f}}, writer = {.fixture = f};
    struct identity_group group;
    pthread_t threads[2], writing;

    identity_group_create(&group, BYTES("g"), BYTES("/"));
    identity_names_add(&user.groups, BYTES("g"));
    add_long_policies();
    assert_int_equal(pthread_create(&writing, NULL, write_main, &writer), 0);
    for (int i = 0; i < 60 || is_busy(readers); i++) {
        struct identity_changes changes = {0};
        char name[16];
        snprintf(name, sizeof(name), "n%d", i % 7);
        if (i % 2) {
            identity_texts_set(&user.tags, bytes_from_str(name), BYTES("x"));
            identity_texts_set(&group.policies, bytes_from_str(name), BYTES(ALLOW_LIST));
        } else {
            identity_texts_remove(&user.tags, bytes_from_str(name));
            identity_texts_remove(&group.policies, bytes_from_str(name));
        }
        identity_user_put(&changes, &user); /* two rows */
        identity_group_put(&changes, &group);
        commit_beside_others(f, &changes);
        for (int t = 0; i == 0 && t < 2; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, read_main, &readers[t]), 0);
    }
    for (int t = 0; t < 2; t++) {
        readers[t].done = true;
        pthread_join(threads[t], NULL);
    }
    writer.done = true;
    pthread_join(writing, NULL);
    assert_int_equal(readers[0].refused + readers[1].refused, 0);
    assert_true(readers[0].found >= FOUND && readers[1].found >= FOUND && writer.found > 0);
    identity_group_release(&group);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_signature),
        TEST(test_version_2),
        TEST(test_last_use),
        TEST(test_uses_have_a_bound),
        TEST(test_aws_policies),
        TEST(test_taken_away_at_once),
        TEST(test_taken_away_while_a_form_comes),
        TEST(test_managed_policy),
        TEST(test_group),
        TEST(test_boundary),
        TEST(test_unusable_policy_denies),
        TEST(test_damaged_rows_open_nothing),
        TEST(test_cache),
        TEST(test_cache_of_large_policies),
        TEST(test_second_root_key),
        TEST(test_readers_beside_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
