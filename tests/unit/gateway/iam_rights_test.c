/* What a user may do by IAM's calls: what is made with tags wants the right to tag, what was authorized is what is
 * changed, and a refusal says nothing of what it is about. */
#include "tests/unit/gateway/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/identity/access_key.h"
#include "gateway/identity/user.h"

#define OK(call)       assert_int_equal((call), STATUS_OK)
#define VERSION        "&Version=2010-05-08"
#define TAGGED         "&Tags.member.1.Key=team&Tags.member.1.Value=red"
#define ALLOW(actions) "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":" actions ",\"Resource\":\"*\"}}"
#define TRUST                                                                                                          \
    "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22"       \
    "%3A%7B%22AWS%22%3A%22%2A%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D"
#define POLICY                                                                                                         \
    "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%" \
    "3A"                                                                                                               \
    "%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D"

static struct identity_user alice, bob; /* who calls, and whom it is about */
static struct identity_access_key key, of_bob;
static char secret[ACCESS_KEY_SECRET_LEN + 1], other_secret[ACCESS_KEY_SECRET_LEN + 1];

static void commit(struct fixture *f, struct identity_changes *changes)
{
    OK(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), changes));
    identity_changes_release(changes);
}

static int set_up(void **state)
{
    struct identity_changes changes = {0};

    fixture_setup(state);
    struct fixture *f = *state;
    identity_user_create(&alice, BYTES("alice"), BYTES("/"));
    identity_access_key_create(&key, "alice", &f->gateway.seal, secret);
    identity_names_add(&alice.keys, bytes_from_str(key.id));
    identity_user_create(&bob, BYTES("bob"), BYTES("/a/hidden/path/"));
    identity_access_key_create(&of_bob, "bob", &f->gateway.seal, other_secret);
    identity_names_add(&bob.keys, bytes_from_str(of_bob.id));
    identity_user_put(&changes, &alice);
    identity_access_key_put(&changes, &key);
    identity_user_put(&changes, &bob);
    identity_access_key_put(&changes, &of_bob);
    commit(f, &changes);
    f->user_key = key.id;
    f->user_secret = secret;
    return 0;
}

static int tear_down(void **state)
{
    identity_user_release(&alice);
    identity_user_release(&bob);
    identity_access_key_release(&key);
    identity_access_key_release(&of_bob);
    return fixture_teardown(state);
}

static void allow(struct fixture *f, const char *document)
{
    struct identity_changes changes = {0};

    identity_texts_set(&alice.policies, BYTES("inline"), bytes_from_str(document));
    identity_user_put(&changes, &alice);
    commit(f, &changes);
}

static void expect(struct fixture *f, const char *form, int status, const char *text)
{
    assert_int_equal(call_as(f, USER, "iam", form, form), status);
    assert_non_null(strstr(f->answer.body, text));
}

/* Else who may not tag would choose the tags of what it makes, which conditions look at. */
static void tags_at_creation_want_the_right_to_tag(void **state)
{
    static const struct {
        const char *create, *tag, *form;
    } rows[] = {
        {"iam:CreateUser", "iam:TagUser", "Action=CreateUser&UserName=new"},
        {"iam:CreateRole", "iam:TagRole", "Action=CreateRole&RoleName=new&AssumeRolePolicyDocument=" TRUST},
        {"iam:CreatePolicy", "iam:TagPolicy", "Action=CreatePolicy&PolicyName=new&PolicyDocument=" POLICY},
        {"iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider",
         "Action=CreateOpenIDConnectProvider&Url=https%3A%2F%2Fissuer.example&ThumbprintList.member.1="
         "0123456789012345678901234567890123456789"},
    };
    struct fixture *f = *state;
    char policy[512], form[2048];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(policy, sizeof(policy), ALLOW("\"%s\""), rows[i].create);
        allow(f, policy);
        snprintf(form, sizeof(form), "%s" VERSION TAGGED, rows[i].form);
        expect(f, form, 403, rows[i].tag); /* which right is missing */
        snprintf(policy, sizeof(policy), ALLOW("[\"%s\",\"%s\"]"), rows[i].create, rows[i].tag);
        allow(f, policy);
        expect(f, form, 200, "Result>");
    }
    allow(f, ALLOW("\"iam:CreateUser\""));
    expect(f, "Action=CreateUser&UserName=another" VERSION, 200, "Result>");
}

/* ---- what was authorized is what is changed --------------------------------------------------------------------- */

#define MAY_TAG_OPEN_ONES                                                                                              \
    "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"iam:TagUser\",\"Resource\":\"arn:aws:iam::*:user/open/*\"}}"

enum { CALLERS = 3, ROUNDS = 300 };

struct caller {
    struct fixture *fixture;
    atomic_bool done;
    atomic_uint answers, tagged;
};

static void *call_main(void *arg)
{
    static const char form[] = "Action=TagUser&UserName=bob" VERSION TAGGED;
    struct caller *caller = arg;
    struct fixture mine;

    memset(&mine, 0, sizeof(mine)); /* an asker of its own */
    mine.server = caller->fixture->server;
    mine.user_key = key.id;
    mine.user_secret = secret;
    while (!caller->done) {
        caller->tagged += call_as(&mine, USER, "iam", form, form) == 200;
        caller->answers++;
    }
    answer_free(&mine.answer);
    return NULL;
}

static void move_bob(struct fixture *f, const char *path)
{
    enum status status = STATUS_CONFLICT;

    while (status == STATUS_CONFLICT) { /* beside the calls */
        struct identity_changes changes = {0};
        free(bob.path);
        bob.path = mem_strdup(path);
        identity_user_put(&changes, &bob);
        status = identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), &changes);
        identity_changes_release(&changes);
    }
    OK(status);
}

static void await_answers(const struct caller callers[CALLERS], unsigned count)
{
    unsigned ends[CALLERS];

    for (int i = 0; i < CALLERS; i++)
        ends[i] = callers[i].answers + count;
    for (int i = 0; i < CALLERS; i++)
        while (callers[i].answers < ends[i])
            usleep(10);
}

/* Calls tag a user below /open/, which somebody moves away and back: never is it tagged elsewhere. */
static void what_was_authorized_is_changed(void **state)
{
    struct fixture *f = *state;
    struct caller callers[CALLERS] = {{.fixture = f}, {.fixture = f}, {.fixture = f}};
    pthread_t threads[CALLERS];
    unsigned tagged = 0, answers = 0, wrong = 0;

    allow(f, MAY_TAG_OPEN_ONES);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_main, &callers[i]), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct identity_user found;
        move_bob(f, "/open/");
        await_answers(callers, 1);
        move_bob(f, "/shut/");
        await_answers(callers, 2); /* what was under way has ended */
        OK(identity_user_load(f->gateway.meta, BYTES("bob"), &found));
        wrong += strcmp(found.path, "/shut/") != 0 || found.tags.count > 0;
        identity_user_release(&found);
    }
    for (int i = 0; i < CALLERS; i++) {
        callers[i].done = true;
        pthread_join(threads[i], NULL);
        tagged += callers[i].tagged;
        answers += callers[i].answers;
    }
    assert_int_equal(wrong, 0);
    assert_true(tagged > 0 && tagged < answers);
}

/* To ask for a key's last use tells nobody whose key it is. */
static void a_refusal_does_not_say_whose_key_it_is(void **state)
{
    struct fixture *f = *state;
    char form[256];

    snprintf(form, sizeof(form), "Action=GetAccessKeyLastUsed&AccessKeyId=%s" VERSION, of_bob.id);
    expect(f, form, 403, of_bob.id);
    assert_null(strstr(f->answer.body, "bob"));
    assert_null(strstr(f->answer.body, "hidden"));
    expect(f, "Action=GetAccessKeyLastUsed&AccessKeyId=AKIAAAAAAAAAAAAAAAAA" VERSION, 403,
           "access key AKIAAAAAAAAAAAAAAAAA");
    allow(f, ALLOW("\"iam:GetAccessKeyLastUsed\""));
    expect(f, form, 200, "<UserName>bob</UserName>");
}

/* Whoever names a key, before it is known whether it signed, takes room of that key alone. */
static void a_key_has_its_share_of_the_room(void **state)
{
    static const char form[] = "Action=GetUser" VERSION;
    struct fixture *f = *state;
    uint64_t *share = NULL;

    allow(f, ALLOW("\"iam:GetUser\""));
    for (size_t i = 0; i < GATEWAY_CALL_SHARES; i++)
        __atomic_store_n(&f->gateway.call_shares[i], 4u << 20, __ATOMIC_RELAXED);
    expect(f, form, 400, "Throttling");
    assert_int_equal(call(f, form), 200);
    fixture_settle(f);
    assert_int_equal(f->gateway.call_bytes, 0);
    for (size_t i = 0; i < GATEWAY_CALL_SHARES; i++) { /* in one of them it has room */
        uint64_t *at = &f->gateway.call_shares[i];
        assert_int_equal(*at, 4u << 20);
        __atomic_store_n(at, 0, __ATOMIC_RELAXED);
        if (call_as(f, USER, "iam", form, form) == 200) {
            assert_null(share);
            share = at;
        }
        fixture_settle(f);
        assert_int_equal(*at, 0);
        __atomic_store_n(at, 4u << 20, __ATOMIC_RELAXED);
    }
    assert_non_null(share);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(tags_at_creation_want_the_right_to_tag),
        TEST(what_was_authorized_is_changed),
        TEST(a_refusal_does_not_say_whose_key_it_is),
        TEST(a_key_has_its_share_of_the_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
