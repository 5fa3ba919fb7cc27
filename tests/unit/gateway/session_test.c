/* Tokens of temporary credentials: what was sealed comes back, nothing that was changed does, and what they were made
 * of has to be what it was, at each request and while a form comes. */
#include "tests/unit/gateway/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/identity/role.h"
#include "gateway/identity/session.h"
#include "gateway/identity/user.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define ALLOW(action)                                                                                                  \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"" action "\",\"Resource\":\"*\"}]}"
#define TRUST                                                                                                          \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":\"*" \
    "\"}]}"

static struct identity_role role;
static struct identity_session session;
static struct buffer token;
static char header[8192];

static void commit(struct fixture *f, struct identity_changes *changes)
{
    OK(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), changes));
    identity_changes_release(changes);
}

static void put_role(struct fixture *f)
{
    struct identity_changes changes = {0};

    identity_role_put(&changes, &role);
    commit(f, &changes);
}

static void set_policy(struct fixture *f, const char *document)
{
    identity_texts_set(&role.policies, BYTES("inline"), bytes_from_str(document));
    put_role(f);
}

/* Makes the token anew, and lets USER come with it. */
static void seal(struct fixture *f)
{
    buffer_release(&token);
    buffer_init(&token, SESSION_TOKEN_MAX + 1);
    OK(identity_session_seal(&session, &f->gateway.seal, &token));
    snprintf(header, sizeof(header), "x-amz-security-token: %s\r\n", token.data);
    f->user_key = session.key_id;
    f->user_secret = session.secret;
    f->user_token = token.data;
}

static void make_session(struct fixture *f)
{
    identity_session_begin(&session, SESSION_OF_ROLE, 900);
    session.holder = mem_strdup(role.name);
    session.holder_id = mem_strdup(role.id);
    session.name = mem_strdup("work");
    seal(f);
}

static int set_up(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    identity_role_create(&role, BYTES("Reader"), BYTES("/"), BYTES(TRUST));
    set_policy(f, ALLOW("s3:ListAllMyBuckets"));
    make_session(f);
    return 0;
}

static int tear_down(void **state)
{
    identity_role_release(&role);
    identity_session_release(&session);
    buffer_release(&token);
    return fixture_teardown(state);
}

static void expect(struct fixture *f, int status, const char *code)
{
    assert_answer(f, USER, "GET", "/", header, NULL, status, code);
}

static void fill(struct identity_session *full)
{
    identity_texts_set(&full->policies, BYTES("0"), BYTES(ALLOW("s3:*")));
    identity_texts_set(&full->policies, BYTES("1"), BYTES(ALLOW("S3:*")));
    identity_texts_set(&full->tags, BYTES("Folder"), BYTES("\xc3\xa9 a"));
    identity_names_add(&full->transitive, BYTES("folder"));
    full->source_identity = mem_strdup("anna");
}

static void test_what_was_sealed_comes_back(void **state)
{
    struct fixture *f = *state;
    struct identity_session opened;

    fill(&session);
    seal(f);
    OK(identity_session_open(&f->gateway.seal, bytes_from_str(session.key_id), buffer_bytes(&token), &opened));
    assert_int_equal(opened.kind, SESSION_OF_ROLE);
    assert_string_equal(opened.key_id, session.key_id);
    assert_string_equal(opened.secret, session.secret);
    assert_string_equal(opened.holder, "Reader");
    assert_string_equal(opened.holder_id, role.id);
    assert_string_equal(opened.name, "work");
    assert_int_equal(opened.issued_ms, session.issued_ms);
    assert_int_equal(opened.expires_ms, session.issued_ms + 900000);
    assert_int_equal(opened.policies.count, 2);
    assert_string_equal(opened.policies.items[1].text, ALLOW("S3:*"));
    assert_string_equal(identity_texts_find(&opened.tags, BYTES("folder")), "\xc3\xa9 a");
    assert_true(identity_names_have(&opened.transitive, BYTES("Folder")));
    assert_string_equal(opened.source_identity, "anna");
    assert_null(opened.maker);
    identity_session_release(&opened);
    assert_null(strstr(token.data, session.secret));
}

static void assert_closed(const struct seal_key *key, const char *id, struct bytes text)
{
    struct identity_session opened;

    assert_int_equal(identity_session_open(key, bytes_from_str(id), text, &opened), STATUS_DENIED);
}

static void test_nothing_else_opens(void **state)
{
    struct fixture *f = *state;
    struct seal_key other = f->gateway.seal;
    char *text = strdup(token.data), id[32];

    for (size_t i = 0; i < token.len; i++) {
        text[i] = text[i] == 'A' ? 'B' : 'A';
        assert_closed(&f->gateway.seal, session.key_id, bytes_of(text, token.len));
        text[i] = token.data[i];
        assert_closed(&f->gateway.seal, session.key_id, bytes_of(text, i));
    }
    other.bytes[0] ^= 1;
    assert_closed(&other, session.key_id, buffer_bytes(&token));
    snprintf(id, sizeof(id), "%s", session.key_id);
    id[19] = id[19] == 'A' ? 'B' : 'A';
    assert_closed(&f->gateway.seal, id, buffer_bytes(&token));
    memcpy(id, "AKIA", 4);
    assert_closed(&f->gateway.seal, id, buffer_bytes(&token));
    assert_closed(&f->gateway.seal, "", buffer_bytes(&token));
    free(text);
}

/* A session that ends before it began is none; what the identity key itself sealed, as the secrets in rows, is no
 * token.
 */
static void test_sealed_nonsense(void **state)
{
    struct fixture *f = *state;
    struct buffer sealed;
    char base64[1024];

    buffer_init(&sealed, 1024);
    OK(seal_close(&f->gateway.seal, BYTES("{\"v\":1}"), bytes_from_str(session.key_id), &sealed));
    base64_encode(sealed.data, sealed.len, base64);
    buffer_release(&sealed);
    assert_closed(&f->gateway.seal, session.key_id, bytes_from_str(base64));
    session.expires_ms = session.issued_ms;
    seal(f);
    assert_closed(&f->gateway.seal, session.key_id, buffer_bytes(&token));
}

/* A session without end in its lists, or that would be longer than a token may be. */
static void test_bounds(void **state)
{
    struct fixture *f = *state;
    struct buffer out;
    char name[16], *long_text = mem_zalloc(SESSION_TOKEN_MAX);

    memset(long_text, 'x', SESSION_TOKEN_MAX - 1);
    assert_int_equal(identity_session_packed_bytes(&session), 0);
    identity_texts_set(&session.tags, BYTES("k"), bytes_from_str(long_text));
    assert_int_equal(identity_session_packed_bytes(&session), SESSION_TOKEN_MAX);
    buffer_init(&out, SESSION_TOKEN_MAX + 1);
    assert_int_equal(identity_session_seal(&session, &f->gateway.seal, &out), STATUS_LIMIT);
    identity_texts_set(&session.tags, BYTES("k"), BYTES("v"));
    for (size_t i = 0; i <= SESSION_POLICIES_MAX; i++) {
        snprintf(name, sizeof(name), "%zu", i);
        identity_texts_set(&session.policies, bytes_from_str(name), BYTES("{}"));
    }
    OK(identity_session_seal(&session, &f->gateway.seal, &out));
    assert_closed(&f->gateway.seal, session.key_id, buffer_bytes(&out));
    buffer_release(&out);
    free(long_text);
}

static void test_a_session_ends(void **state)
{
    struct fixture *f = *state;

    expect(f, 200, "");
    fixture_pass(f, 899999);
    expect(f, 200, "");
    fixture_pass(f, 1);
    expect(f, 400, "ExpiredToken");
    assert_int_equal(call_as(f, USER, "sts", "Action=GetCallerIdentity&Version=2011-06-15",
                             "Action=GetCallerIdentity&Version=2011-06-15"),
                     403);
    assert_string_equal(answered_code(f), "ExpiredToken");
}

static void make_anew(struct fixture *f)
{
    struct identity_changes changes = {0};

    identity_role_remove(&changes, role.name);
    commit(f, &changes);
    identity_role_release(&role);
    identity_role_create(&role, BYTES("Reader"), BYTES("/"), BYTES(TRUST));
    set_policy(f, ALLOW("*"));
}

static void test_a_role_of_the_same_name(void **state)
{
    struct fixture *f = *state;

    expect(f, 200, "");
    make_anew(f);
    expect(f, 400, "InvalidToken");
}

static void test_revoked(void **state)
{
    struct fixture *f = *state;

    role.revoked_before_ms = session.issued_ms;
    put_role(f);
    expect(f, 200, "");
    role.revoked_before_ms++;
    put_role(f);
    expect(f, 400, "ExpiredToken");
}

static void deny(struct fixture *f)
{
    set_policy(f, ALLOW("s3:*"));
}

static void expire(struct fixture *f)
{
    fixture_pass(f, 1000);
}

#define LIST_USERS "Action=ListUsers&Version=2010-05-08"

static void test_taken_away_while_a_form_comes(void **state)
{
    static const struct {
        void (*change)(struct fixture *f);
        const char *code;
    } rows[] = {{deny, "AccessDenied"}, {expire, "ExpiredToken"}, {make_anew, "InvalidClientTokenId"}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->in_form = NULL;
        identity_session_release(&session);
        make_session(f);
        session.expires_ms = session.issued_ms + 1000;
        seal(f);
        set_policy(f, ALLOW("iam:*"));
        assert_int_equal(call_as(f, USER, "iam", LIST_USERS, LIST_USERS), 200);
        fixture_settle(f);
        f->in_form = rows[i].change;
        assert_int_equal(call_as(f, USER, "iam", LIST_USERS, LIST_USERS), 403);
        assert_string_equal(answered_code(f), rows[i].code);
        fixture_settle(f);
    }
    f->in_form = NULL;
}

static size_t share;

static void find_share(struct fixture *f)
{
    share = GATEWAY_CALL_SHARES;
    while (share == GATEWAY_CALL_SHARES) /* it is taken a little after the room */
        for (size_t i = 0; i < GATEWAY_CALL_SHARES && share == GATEWAY_CALL_SHARES; i++)
            if (__atomic_load_n(&f->gateway.call_shares[i], __ATOMIC_RELAXED) > 0)
                share = i;
}

/* Memory of forms is the role's, so that who assumes it again and again gets no more. */
static void test_sessions_of_a_role_share(void **state)
{
    struct fixture *f = *state;
    size_t first = GATEWAY_CALL_SHARES;

    set_policy(f, ALLOW("iam:*"));
    f->in_form = find_share;
    for (int i = 0; i < 4; i++) {
        identity_session_release(&session);
        make_session(f);
        assert_int_equal(call_as(f, USER, "iam", LIST_USERS, LIST_USERS), 200);
        fixture_settle(f);
        first = i == 0 ? share : first;
        assert_int_equal(share, first);
    }
    f->in_form = NULL;
}

/* Nor is it root's own for whom root has let in. */
static void test_federated_users_share(void **state)
{
    struct fixture *f = *state;

    identity_session_release(&session);
    identity_session_begin(&session, SESSION_FEDERATED, 900);
    session.holder = mem_strdup("");
    session.holder_id = mem_strdup("");
    session.name = mem_strdup("somebody");
    identity_session_bind(&session, &f->gateway.seal, BYTES(FIXTURE_ACCESS_KEY), BYTES(FIXTURE_SECRET_KEY));
    seal(f);
    __atomic_store_n(&f->gateway.root_call_bytes, 8u << 20, __ATOMIC_RELAXED); /* it is not taken of this */
    assert_int_equal(call_as(f, USER, "iam", LIST_USERS, LIST_USERS), 403);
    assert_string_not_equal(answered_code(f), "Throttling");
    fixture_settle(f);
    __atomic_store_n(&f->gateway.root_call_bytes, 0, __ATOMIC_RELAXED);
    for (size_t i = 0; i < GATEWAY_CALL_SHARES; i++)
        __atomic_store_n(&f->gateway.call_shares[i], 4u << 20, __ATOMIC_RELAXED);
    assert_int_equal(call_as(f, USER, "iam", LIST_USERS, LIST_USERS), 400);
    assert_string_equal(answered_code(f), "Throttling");
    fixture_settle(f);
    for (size_t i = 0; i < GATEWAY_CALL_SHARES; i++)
        __atomic_store_n(&f->gateway.call_shares[i], 0, __ATOMIC_RELAXED);
}

/* What roles are cached as is no access key, and a role has no secret to sign with. */
static void test_a_role_is_no_key(void **state)
{
    static const char *const names[] = {"%0Arole%2FReader", "Reader", "role%2FReader"};
    struct fixture *f = *state;
    char target[512];

    expect(f, 200, ""); /* it is in the cache now */
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(target, sizeof(target), "/?AWSAccessKeyId=%s&Expires=%lld&Signature=x", names[i],
                 (long long)clock_wall_ms() / 1000 + 60);
        assert_answer(f, ANONYMOUS, "GET", target, "", NULL, 403, "InvalidAccessKeyId");
    }
}

/* A session of root is void when root has another secret; so it is of a user (e2e). */
static void test_bound_to_the_secret(void **state)
{
    struct fixture *f = *state;
    const char *secret = f->gateway.options.secret_key;

    identity_session_release(&session);
    identity_session_begin(&session, SESSION_OF_USER, 900);
    session.holder = mem_strdup("");
    session.holder_id = mem_strdup("");
    session.name = mem_strdup("");
    identity_session_bind(&session, &f->gateway.seal, BYTES(FIXTURE_ACCESS_KEY), BYTES(FIXTURE_SECRET_KEY));
    seal(f);
    expect(f, 200, "");
    f->gateway.options.secret_key = "another secret of root";
    expect(f, 400, "InvalidToken");
    f->gateway.options.secret_key = secret;
    expect(f, 200, "");
    free(session.holder_id);
    session.holder_id = mem_strdup("AIDAAAAAAAAAAAAAAAAAA"); /* root is no user */
    seal(f);
    expect(f, 400, "InvalidToken");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_sealed_comes_back),
        TEST(test_nothing_else_opens),
        TEST(test_sealed_nonsense),
        TEST(test_bounds),
        TEST(test_a_session_ends),
        TEST(test_a_role_of_the_same_name),
        TEST(test_revoked),
        TEST(test_taken_away_while_a_form_comes),
        TEST(test_sessions_of_a_role_share),
        TEST(test_federated_users_share),
        TEST(test_a_role_is_no_key),
        TEST(test_bound_to_the_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
