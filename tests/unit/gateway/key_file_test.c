/* The key that secrets of users are sealed with: made once, and then it has to be that one. */
#include "tests/unit/gateway/fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret_file.h"
#include "gateway/identity/access_key.h"
#include "gateway/identity/key_file.h"
#include "gateway/identity/user.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static char path[128];

static int set_up(void **state)
{
    fixture_setup(state);
    const struct fixture *f = *state;
    snprintf(path, sizeof(path), "%s/identity.key", f->directory);
    return 0;
}

static enum status open_key(struct fixture *f, struct seal_key *key)
{
    const char *error = NULL;
    enum status status = identity_key_file_open(path, f->gateway.meta, key, &error);

    if (status)
        assert_true(error && error[0]);
    return status;
}

static void add_access_key(struct fixture *f, const struct seal_key *seal)
{
    struct identity_changes changes = {0};
    struct identity_access_key key;
    char secret[ACCESS_KEY_SECRET_LEN + 1];

    identity_access_key_create(&key, "alice", seal, secret);
    identity_access_key_put(&changes, &key);
    OK(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), &changes));
    identity_changes_release(&changes);
    identity_access_key_release(&key);
}

static void test_made_once(void **state)
{
    struct fixture *f = *state;
    struct seal_key first, again;
    struct stat info;

    OK(open_key(f, &first));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    OK(open_key(f, &again));
    assert_memory_equal(&first, &again, sizeof(first));
    add_access_key(f, &first);
    OK(open_key(f, &again));
    assert_memory_equal(&first, &again, sizeof(first));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(open_key(f, &again), STATUS_DENIED);
}

static void test_missing_or_another(void **state)
{
    struct fixture *f = *state;
    struct seal_key first, other;
    char kept[160];

    OK(open_key(f, &first));
    assert_int_equal(unlink(path), 0);
    OK(open_key(f, &first)); /* nobody needs the one that is gone */
    add_access_key(f, &first);
    snprintf(kept, sizeof(kept), "%s.kept", path);
    assert_int_equal(rename(path, kept), 0);
    assert_int_equal(open_key(f, &other), STATUS_NOT_FOUND);
    assert_int_equal(access(path, F_OK), -1); /* and none is made */
    OK(secret_file_create(path, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
    assert_int_equal(open_key(f, &other), STATUS_DENIED);
    OK(secret_file_create(path, "no key"));
    assert_int_equal(open_key(f, &other), STATUS_INVALID);
    assert_int_equal(rename(kept, path), 0);
    OK(open_key(f, &other));
    assert_memory_equal(&first, &other, sizeof(first));
}

static void test_lost(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct identity_access_key old, fresh, found;
    struct identity_user user;
    struct seal_key key;
    char secret[ACCESS_KEY_SECRET_LEN + 1];
    const char *error = "";
    uint64_t forgotten;

    OK(open_key(f, &key));
    identity_user_create(&user, BYTES("alice"), BYTES("/"));
    identity_access_key_create(&old, "alice", &key, secret);
    identity_names_add(&user.keys, bytes_from_str(old.id));
    identity_names_add(&user.keys, BYTES("AKIAOTHER"));
    identity_user_put(&changes, &user);
    identity_access_key_put(&changes, &old);
    identity_changes_add(&changes, IDENTITY_KEYS, "", "AKIADAMAGED", strdup("{}"));
    OK(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), &changes));
    identity_changes_release(&changes);
    identity_user_release(&user);
    assert_int_equal(unlink(path), 0);
    OK(identity_key_file_open_lost(path, f->gateway.meta, &key, &forgotten, &error));
    assert_int_equal(forgotten, 2);
    assert_int_equal(identity_access_key_load(f->gateway.meta, bytes_from_str(old.id), &found), STATUS_NOT_FOUND);
    OK(identity_user_load(f->gateway.meta, BYTES("alice"), &user));
    assert_true(user.keys.count == 1 && identity_names_have(&user.keys, BYTES("AKIAOTHER")));
    identity_user_release(&user);

    identity_access_key_create(&fresh, "alice", &key, secret); /* and what the new one opens stays */
    identity_access_key_put(&changes, &fresh);
    OK(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), &changes));
    identity_changes_release(&changes);
    OK(identity_key_file_open_lost(path, f->gateway.meta, &key, &forgotten, &error));
    assert_int_equal(forgotten, 0);
    OK(open_key(f, &key));
    OK(identity_access_key_load(f->gateway.meta, bytes_from_str(fresh.id), &found));
    identity_access_key_release(&found);
    identity_access_key_release(&fresh);
    identity_access_key_release(&old);
}

/* One damaged row does not keep a gateway from starting. */
static void test_damaged_row(void **state)
{
    struct fixture *f = *state;
    struct identity_changes changes = {0};
    struct seal_key key;

    OK(open_key(f, &key));
    add_access_key(f, &key);
    identity_changes_add(&changes, IDENTITY_KEYS, "", "AAAA", strdup("{}"));
    OK(identity_changes_commit(f->gateway.meta, meta_identity_generation(f->gateway.meta), &changes));
    identity_changes_release(&changes);
    OK(open_key(f, &key));
}

static void test_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    struct seal_key key;

    snprintf(path, sizeof(path), "%s/missing/identity.key", f->directory);
    assert_int_equal(open_key(f, &key), STATUS_IO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_made_once),   TEST(test_missing_or_another), TEST(test_lost),
        TEST(test_damaged_row), TEST(test_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
