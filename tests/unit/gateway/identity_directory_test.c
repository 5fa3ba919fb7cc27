/* The directory: what is put is read again as it was, names ignore case, indices list what they should, and a document
 * that is malformed is refused. */
#include "tests/unit/gateway/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/identity/access_key.h"
#include "gateway/identity/group.h"
#include "gateway/identity/managed_policy.h"
#include "gateway/identity/oidc.h"
#include "gateway/identity/role.h"
#include "gateway/identity/user.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static const struct seal_key seal = {"the key of the tests, 32 octets"};

static void commit(struct fixture *f, struct identity_changes *changes)
{
    OK(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), changes));
    identity_changes_release(changes);
}

static void test_user(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct identity_user user, found;

    identity_user_create(&user, BYTES("Alice"), BYTES("/staff/"));
    user.boundary = mem_strdup("arn:aws:iam::000000000000:policy/bounds");
    identity_names_add(&user.groups, BYTES("Readers"));
    assert_false(identity_names_add(&user.groups, BYTES("READERS")));
    identity_names_add(&user.attached, BYTES("arn:aws:iam::000000000000:policy/p"));
    identity_names_add(&user.keys, BYTES("AKIA1"));
    identity_texts_set(&user.tags, BYTES("Team"), BYTES("a \"b\" \xc3\xa9"));
    identity_texts_set(&user.tags, BYTES("team"), BYTES("c"));
    identity_texts_set(&user.policies, BYTES("in"), BYTES("{}"));
    identity_user_put(&changes, &user);
    commit(f, &changes);

    assert_int_equal(identity_user_load(f->gateway.meta, BYTES("alic"), &found), STATUS_NOT_FOUND);
    OK(identity_user_load(f->gateway.meta, BYTES("aLiCe"), &found));
    assert_string_equal(found.name, "Alice");
    assert_string_equal(found.path, "/staff/");
    assert_string_equal(found.id, user.id);
    assert_true(strlen(found.id) == IDENTITY_ID_LEN && memcmp(found.id, "AIDA", 4) == 0);
    assert_string_equal(found.canonical_id, user.canonical_id);
    assert_int_equal(strlen(found.canonical_id), IDENTITY_CANONICAL_LEN);
    assert_string_equal(found.boundary, user.boundary);
    assert_int_equal(found.created_ms, user.created_ms);
    assert_true(found.groups.count == 1 && identity_names_have(&found.groups, BYTES("readers")));
    assert_string_equal(found.groups.names[0], "Readers");
    assert_true(found.attached.count == 1 && found.keys.count == 1);
    assert_int_equal(found.tags.count, 1);
    assert_string_equal(found.tags.items[0].name, "team"); /* the later one's case */
    assert_string_equal(identity_texts_find(&found.tags, BYTES("TEAM")), "c");
    assert_string_equal(identity_texts_find(&found.policies, BYTES("in")), "{}");
    assert_null(identity_texts_find(&found.policies, BYTES("out")));
    identity_user_release(&found);
    identity_user_remove(&changes, "ALICE");
    commit(f, &changes);
    assert_int_equal(identity_user_load(f->gateway.meta, BYTES("Alice"), &found), STATUS_NOT_FOUND);

    free(user.path);
    user.path = mem_strdup("/\xff/"); /* no UTF-8 */
    identity_user_put(&changes, &user);
    assert_int_equal(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), &changes),
                     STATUS_INVALID);
    identity_changes_release(&changes);
    identity_user_release(&user);
}

static void test_access_key(void **state)
{
    struct fixture *f = *state;
    static const struct seal_key other = {"another key, that opens nothing"};
    char secret[ACCESS_KEY_SECRET_LEN + 1], opened[ACCESS_KEY_SECRET_MAX + 1];
    struct identity_changes changes = {0};
    struct identity_access_key key, found, second;
    struct buffer document;

    identity_access_key_create(&key, "alice", &seal, secret);
    assert_int_equal(strlen(secret), ACCESS_KEY_SECRET_LEN);
    assert_int_equal(strlen(key.id), ACCESS_KEY_ID_LEN);
    assert_true(key.active);
    identity_access_key_put(&changes, &key);
    commit(f, &changes);
    OK(identity_access_key_load(f->gateway.meta, bytes_from_str(key.id), &found));
    assert_string_equal(found.user, "alice");
    OK(identity_access_key_secret(&found, &seal, opened));
    assert_string_equal(opened, secret);
    assert_int_equal(identity_access_key_secret(&found, &other, opened), STATUS_DENIED);

    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX); /* the secret itself is nowhere in the database */
    OK(identity_row_load(f->gateway.meta, IDENTITY_KEYS, bytes_from_str(key.id), &document));
    assert_null(strstr(document.data, secret));
    buffer_release(&document);

    identity_access_key_create(&second, "bob", &seal, secret);
    free(second.sealed);
    second.sealed = mem_strdup(found.sealed); /* the secret of another key */
    assert_int_equal(identity_access_key_secret(&second, &seal, opened), STATUS_DENIED);
    free(second.sealed);
    second.sealed = mem_strdup("no base64");
    assert_int_equal(identity_access_key_secret(&second, &seal, opened), STATUS_DENIED);
    identity_access_key_release(&second);
    identity_access_key_release(&found);

    key.active = false;
    identity_access_key_put(&changes, &key);
    commit(f, &changes);
    OK(identity_access_key_load(f->gateway.meta, bytes_from_str(key.id), &found));
    assert_false(found.active);
    identity_access_key_release(&found);
    identity_access_key_remove(&changes, key.id);
    commit(f, &changes);
    assert_int_equal(identity_access_key_load(f->gateway.meta, bytes_from_str(key.id), &found), STATUS_NOT_FOUND);
    identity_access_key_release(&key);
}

static void test_managed_policy(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct identity_managed_policy policy, found;
    unsigned number;

    identity_managed_policy_create(&policy, BYTES("Reads"), BYTES("/a/b/"), BYTES("{\"one\":1}"));
    for (unsigned i = 2; i <= MANAGED_POLICY_VERSIONS_MAX; i++) {
        OK(identity_managed_policy_add(&policy, BYTES("{\"more\":1}"), &number));
        assert_int_equal(number, i);
    }
    assert_int_equal(identity_managed_policy_add(&policy, BYTES("{}"), &number), STATUS_LIMIT);
    assert_int_equal(identity_managed_policy_drop(&policy, 1), STATUS_CONFLICT);
    assert_int_equal(identity_managed_policy_drop(&policy, 6), STATUS_NOT_FOUND);
    OK(identity_managed_policy_drop(&policy, 5));
    OK(identity_managed_policy_drop(&policy, 2));
    OK(identity_managed_policy_add(&policy, BYTES("{\"six\":6}"), &number));
    assert_int_equal(number, 6); /* no number twice */
    policy.default_version = 6;
    policy.description = mem_strdup("what it is for");
    identity_managed_policy_put(&changes, &policy);
    commit(f, &changes);

    char *arn = identity_arn("000000000000", "policy", policy.path, policy.name);
    assert_string_equal(arn, "arn:aws:iam::000000000000:policy/a/b/Reads");
    OK(identity_managed_policy_load_arn(f->gateway.meta, "000000000000", bytes_from_str(arn), &found));
    assert_int_equal(found.version_count, 4);
    assert_string_equal(identity_managed_policy_version(&found, 6)->document, "{\"six\":6}");
    assert_null(identity_managed_policy_version(&found, 2));
    assert_string_equal(found.description, "what it is for");
    assert_int_equal(found.last_version, 6);
    identity_managed_policy_release(&found);
    assert_int_equal(identity_managed_policy_load_arn(f->gateway.meta, "000000000001", bytes_from_str(arn), &found),
                     STATUS_INVALID);
    assert_int_equal(identity_managed_policy_load_arn(f->gateway.meta, "000000000000",
                                                      BYTES("arn:aws:iam::000000000000:policy/Reads"), &found),
                     STATUS_NOT_FOUND); /* another path */
    assert_int_equal(identity_managed_policy_load_arn(f->gateway.meta, "000000000000",
                                                      BYTES("arn:aws:iam::000000000000:policy/"), &found),
                     STATUS_INVALID);
    free(arn);
    identity_managed_policy_release(&policy);
}

static void test_group_role_provider(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct identity_group group, group_found;
    struct identity_role role, role_found;
    struct identity_provider provider, provider_found;

    identity_group_create(&group, BYTES("Readers"), BYTES("/"));
    identity_texts_set(&group.policies, BYTES("p"), BYTES("{}"));
    identity_group_put(&changes, &group);
    identity_role_create(&role, BYTES("Backup"), BYTES("/"), BYTES("{\"trust\":1}"));
    role.description = mem_strdup("for the night");
    role.revoked_before_ms = 7;
    identity_role_put(&changes, &role);
    identity_provider_create(&provider, BYTES("id.example.com/Path"));
    identity_names_add(&provider.clients, BYTES("app"));
    identity_provider_put(&changes, &provider);
    commit(f, &changes);

    OK(identity_group_load(f->gateway.meta, BYTES("readers"), &group_found));
    assert_true(memcmp(group_found.id, "AGPA", 4) == 0);
    assert_string_equal(identity_texts_find(&group_found.policies, BYTES("p")), "{}");
    OK(identity_role_load(f->gateway.meta, BYTES("BACKUP"), &role_found));
    assert_true(memcmp(role_found.id, "AROA", 4) == 0 && role_found.session_seconds_max == 3600);
    assert_true(role_found.revoked_before_ms == 7 && !role_found.boundary);
    assert_string_equal(role_found.trust, "{\"trust\":1}");
    OK(identity_provider_load(f->gateway.meta, BYTES("id.example.com/Path"), &provider_found));
    assert_true(identity_names_have(&provider_found.clients, BYTES("app")));
    identity_group_release(&group);
    identity_group_release(&group_found);
    identity_role_release(&role);
    identity_role_release(&role_found);
    identity_provider_release(&provider);
    identity_provider_release(&provider_found);
}

/* The names, "a b", with a '+' when there are more. */
static void check_list(struct fixture *f, enum identity_table table, const char *below, const char *after, size_t max,
                       const char *expected)
{
    struct meta_identity_page page;
    struct buffer text;

    buffer_init(&text, 4096);
    OK(buffer_append_str(&text, ""));
    OK(identity_rows_list(f->gateway.meta, table, below, bytes_from_str(after), max, &page));
    for (size_t i = 0; i < page.count; i++) {
        OK(buffer_append_str(&text, i > 0 ? " " : ""));
        OK(buffer_append_bytes(&text, identity_row_name(&page.rows[i])));
    }
    OK(buffer_append_str(&text, page.more ? "+" : ""));
    assert_string_equal(text.data, expected);
    meta_identity_page_release(&page);
    buffer_release(&text);
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct identity_user user;
    static const char *const names[] = {"Bob", "alice", "bob-2"};
    char endless[META_IDENTITY_KEY_MAX + 1] = {0};

    for (size_t i = 0; i < 3; i++) {
        identity_user_create(&user, bytes_from_str(names[i]), BYTES("/"));
        identity_user_put(&changes, &user);
        identity_user_release(&user);
    }
    identity_member_change(&changes, "Readers", "Bob", true);
    identity_member_change(&changes, "Readers-2", "alice", true);
    identity_attached_change(&changes, "P", IDENTITY_USERS, "Bob", true);
    identity_attached_change(&changes, "P", IDENTITY_GROUPS, "Readers", true);
    commit(f, &changes);
    check_list(f, IDENTITY_USERS, "", "", 10, "alice bob bob-2");
    check_list(f, IDENTITY_USERS, "", "", 2, "alice bob+");
    check_list(f, IDENTITY_USERS, "", "BOB", 2, "bob-2");
    check_list(f, IDENTITY_USERS, "", "bob-2", 2, "");
    check_list(f, IDENTITY_MEMBERS, "readers", "", 10, "bob");
    check_list(f, IDENTITY_MEMBERS, "reader", "", 10, "");
    check_list(f, IDENTITY_ATTACHED, "P/user", "", 10, "bob");
    check_list(f, IDENTITY_ATTACHED, "p", "", 10, "readers bob");
    identity_member_change(&changes, "readers", "BOB", false);
    commit(f, &changes);
    check_list(f, IDENTITY_MEMBERS, "readers", "", 10, "");
    memset(endless, 'x', META_IDENTITY_KEY_MAX);
    check_list(f, IDENTITY_USERS, "", endless, 10, "");
    check_list(f, IDENTITY_MEMBERS, endless, "", 10, "");
    identity_user_remove(&changes, endless);
    assert_true(changes.bad);
    identity_changes_release(&changes);
}

static void test_malformed_documents(void **state)
{
    (void)state;
    static const char good[] = "{\"v\":1,\"name\":\"g\",\"path\":\"/\",\"id\":\"AGPA\",\"created\":1,\"attached\":[],"
                               "\"policies\":{}}";
    static const char *const bad[] = {
        "",
        "[]",
        "{\"v\":1}",
        "{\"v\":2,\"name\":\"g\",\"path\":\"/\",\"id\":\"AGPA\",\"created\":1,\"attached\":[],\"policies\":{}}",
        "{\"v\":1,\"name\":7,\"path\":\"/\",\"id\":\"AGPA\",\"created\":1,\"attached\":[],\"policies\":{}}",
        "{\"v\":1,\"name\":\"g\",\"path\":\"/\",\"id\":\"AGPA\",\"created\":\"1\",\"attached\":[],\"policies\":{}}",
        "{\"v\":1,\"name\":\"g\",\"path\":\"/\",\"id\":\"AGPA\",\"created\":1,\"attached\":{},\"policies\":{}}",
        "{\"v\":1,\"name\":\"g\",\"path\":\"/\",\"id\":\"AGPA\",\"created\":1,\"attached\":[1],\"policies\":{}}",
        "{\"v\":1,\"name\":\"g\",\"path\":\"/"
        "\",\"id\":\"AGPA\",\"created\":1,\"attached\":[\"a\",\"A\"],\"policies\":{}}",
        "{\"v\":1,\"name\":\"g\",\"path\":\"/\",\"id\":\"AGPA\",\"created\":1,\"attached\":[],\"policies\":{\"p\":{}}}",
        "{\"v\":1,\"name\":\"g\",\"path\":\"/\",\"id\":\"AGPA\",\"created\":1,\"attached\":[],\"policies\":{},\"x\":1}",
        "{\"v\":1,\"name\":\"g\",\"name\":\"h\",\"path\":\"/\",\"id\":\"AGPA\",\"created\":1,\"attached\":[],"
        "\"policies\":{}}",
        "[[[[[[[[[[[[[[]]]]]]]]]]]]]]",
    };
    static const char policy[] = "{\"v\":1,\"name\":\"p\",\"path\":\"/\",\"id\":\"ANPA\",\"created\":1,\"updated\":1,"
                                 "\"default\":%s,\"last\":2,\"tags\":{},\"versions\":[{\"number\":2,\"created\":1,"
                                 "\"document\":\"{}\"}]}";
    struct identity_managed_policy found_policy;
    struct identity_group found;
    char text[512];

    OK(identity_group_read(bytes_from_str(good), &found));
    identity_group_release(&found);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(identity_group_read(bytes_from_str(bad[i]), &found), STATUS_CORRUPT);
    static const struct {
        const char *number;
        enum status status;
    } defaults[] = {{"2", STATUS_OK}, {"1", STATUS_CORRUPT}, {"0", STATUS_CORRUPT}, {"4294967298", STATUS_CORRUPT}};
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        snprintf(text, sizeof(text), policy, defaults[i].number);
        assert_int_equal(identity_managed_policy_read(bytes_from_str(text), &found_policy), defaults[i].status);
        if (!defaults[i].status)
            identity_managed_policy_release(&found_policy);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_user),  TEST(test_access_key),          TEST(test_managed_policy), TEST(test_group_role_provider),
        TEST(test_lists), TEST(test_malformed_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
