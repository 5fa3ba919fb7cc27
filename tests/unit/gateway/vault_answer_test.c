/* What Vault answers is read strictly: what is right gives what it says, and nothing else gives anything. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/keys/key_cache.h"
#include "gateway/keys/vault_answer.h"
#include "gateway/keys/vault_session.h"

#define KEY_TEXT "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static struct bytes text(const char *answer)
{
    return bytes_from_str(answer);
}

static void test_keys(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "[]",
                                        "{\"data\":null}",
                                        "{\"data\":{\"type\":\"aes256-gcm96\"}}",
                                        "{\"data\":{\"type\":\"aes256-gcm96\",\"latest_version\":0}}",
                                        "{\"data\":{\"type\":\"aes256-gcm96\",\"latest_version\":-1}}",
                                        "{\"data\":{\"type\":\"aes256-gcm96\",\"latest_version\":\"2\"}}",
                                        "{\"data\":{\"type\":1,\"latest_version\":2}}",
                                        "{\"data\":{\"latest_version\":2}} ]"};
    uint64_t version;
    bool usable;

    assert_int_equal(
        vault_read_key(text("{\"data\":{\"type\":\"aes256-gcm96\",\"latest_version\":7}}"), &version, &usable),
        STATUS_OK);
    assert_true(version == 7 && usable);
    assert_int_equal(vault_read_key(text("{\"data\":{\"type\":\"rsa-2048\",\"latest_version\":1}}"), &version, &usable),
                     STATUS_OK);
    assert_false(usable);
    assert_int_equal(
        vault_read_key(text("{\"data\":{\"type\":\"aes256-gcm96\",\"latest_version\":1,\"derived\":true}}"), &version,
                       &usable),
        STATUS_OK);
    assert_false(usable);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(vault_read_key(text(wrong[i]), &version, &usable), STATUS_INVALID);
        assert_false(usable);
    }
}

static void test_texts(void **state)
{
    (void)state;
    char ciphertext[VAULT_CIPHERTEXT_BYTES_MAX + 1], error[160], long_text[VAULT_CIPHERTEXT_BYTES_MAX + 64];
    struct seal_key key;

    assert_int_equal(vault_read_ciphertext(text("{\"data\":{\"ciphertext\":\"vault:v12:abc=\"}}"), ciphertext),
                     STATUS_OK);
    assert_string_equal(ciphertext, "vault:v12:abc=");
    assert_int_equal(vault_ciphertext_version(text(ciphertext)), 12);
    assert_int_equal(vault_ciphertext_version(text("vault:v:x")), 0);
    assert_int_equal(vault_ciphertext_version(text("vault:v1")), 0);
    assert_int_equal(vault_ciphertext_version(text("vault:v99999999999:x")), 0);
    assert_int_equal(vault_read_ciphertext(text("{\"data\":{\"ciphertext\":\"a\\u0000b\"}}"), ciphertext),
                     STATUS_INVALID);
    assert_int_equal(vault_read_ciphertext(text("{\"data\":{\"ciphertext\":\"a b\"}}"), ciphertext), STATUS_INVALID);
    assert_int_equal(vault_read_ciphertext(text("{\"data\":{\"ciphertext\":\"\"}}"), ciphertext), STATUS_INVALID);
    snprintf(long_text, sizeof(long_text), "{\"data\":{\"ciphertext\":\"%0*d\"}}", VAULT_CIPHERTEXT_BYTES_MAX + 1, 0);
    assert_int_equal(vault_read_ciphertext(text(long_text), ciphertext), STATUS_INVALID);
    assert_int_equal(vault_read_plaintext(text("{\"data\":{\"plaintext\":\"" KEY_TEXT "\"}}"), &key), STATUS_OK);
    assert_true(key.bytes[0] == 0 && key.bytes[31] == 31);
    assert_int_equal(vault_read_plaintext(text("{\"data\":{\"plaintext\":\"AAEC\"}}"), &key), STATUS_INVALID);
    assert_int_equal(vault_read_plaintext(text("{\"data\":{\"plaintext\":[\"" KEY_TEXT "\"]}}"), &key), STATUS_INVALID);
    vault_read_error(text("{\"errors\":[\"bad\\nthing\",\"more\"]}"), error);
    assert_string_equal(error, "bad?thing");
    vault_read_error(text("{\"errors\":{}}"), error);
    assert_string_equal(error, "");
    vault_read_error(text("[[[[[[[[[[[[1]]]]]]]]]]]]"), error);
    assert_string_equal(error, "");
}

static void test_batches(void **state)
{
    (void)state;
    const char *batch = "{\"data\":{\"batch_results\":[{\"plaintext\":\"" KEY_TEXT "\"},{\"error\":\"no\"}]}}";
    struct seal_key keys[2];
    bool opened[3];

    assert_int_equal(vault_read_batch(text(batch), 2, keys, opened), STATUS_OK);
    assert_true(opened[0] && !opened[1] && keys[0].bytes[31] == 31);
    assert_int_equal(vault_read_batch(text(batch), 1, keys, opened), STATUS_INVALID);
    assert_false(opened[0]);
    assert_int_equal(vault_read_batch(text("{\"data\":{\"batch_results\":{}}}"), 2, keys, opened), STATUS_INVALID);
    assert_false(opened[1]);
}

static void test_tokens(void **state)
{
    (void)state;
    char *token = malloc(VAULT_TOKEN_BYTES_MAX);
    struct vault_lease lease;

    assert_int_equal(
        vault_read_auth(text("{\"auth\":{\"client_token\":\"hvs.x\",\"lease_duration\":60,\"renewable\":true}}"), token,
                        &lease),
        STATUS_OK);
    assert_string_equal(token, "hvs.x");
    assert_true(lease.ttl_s == 60 && lease.renewable);
    assert_int_equal(
        vault_read_auth(text("{\"auth\":{\"client_token\":\"a\\r\\nb\",\"lease_duration\":60}}"), token, &lease),
        STATUS_INVALID);
    assert_string_equal(token, "");
    assert_int_equal(vault_read_auth(text("{\"auth\":{\"client_token\":\"a\",\"lease_duration\":-1}}"), NULL, &lease),
                     STATUS_INVALID);
    assert_int_equal(vault_read_lookup(text("{\"data\":{\"ttl\":9223372036854775807,\"id\":\"x\"}}"), &lease),
                     STATUS_OK);
    assert_int_equal(lease.ttl_s, VAULT_TTL_MAX_S);
    assert_int_equal(vault_read_lookup(text("{\"data\":{\"ttl\":1.5}}"), &lease), STATUS_INVALID);
    free(token);
}

static void test_options(void **state)
{
    (void)state;
    const struct vault_options good = {"https://v:8200", "",        "",     "/t", "",    "",
                                       "approle",        "transit", "main", "t-", 600000};
    struct vault_options options = good;

    assert_null(vault_options_problem(&good));
    static const char *const urls[] = {"", "http://v:8200", "https://v/?x", "https://u@v", "https://v/", "https://v x"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        options.url = urls[i];
        assert_non_null(vault_options_problem(&options));
    }
    options = good;
    options.url = "http://127.0.0.1:8200";
    assert_null(vault_options_problem(&options));
    options.role_id = "r";
    options.secret_id_file = "/s";
    assert_non_null(vault_options_problem(&options)); /* both kinds */
    options.token_file = "";
    assert_null(vault_options_problem(&options));
    options.secret_id_file = "";
    assert_non_null(vault_options_problem(&options));
    options = good;
    options.mount = "a/../b";
    assert_non_null(vault_options_problem(&options));
    options = good;
    options.key = "";
    assert_non_null(vault_options_problem(&options));
}

/* ---- the cache -------------------------------------------------------------------------------------------------- */

static enum key_cache_result get(struct key_cache *cache, const char *sealed, uint64_t now_ms, struct seal_key *key)
{
    return key_cache_get(cache, BYTES("name"), bytes_from_str(sealed), now_ms, key);
}

static void test_cache(void **state)
{
    (void)state;
    struct key_cache_entry due[4];
    struct seal_key key = {{1}}, other = {{2}}, got;
    bool locked;
    struct key_cache *cache = key_cache_create(2, 1000, &locked);

    assert_int_equal(get(cache, "a", 100, &got), KEY_CACHE_ASK);
    assert_int_equal(get(cache, "a", 100, &got), KEY_CACHE_WAIT);
    key_cache_fail(cache, BYTES("a"));
    assert_int_equal(get(cache, "a", 100, &got), KEY_CACHE_ASK);
    assert_int_equal(get(cache, "b", 100, &got), KEY_CACHE_ASK);
    assert_int_equal(get(cache, "c", 100, &got), KEY_CACHE_FULL);
    key_cache_put(cache, BYTES("name"), BYTES("a"), 200, &key);
    key_cache_put(cache, BYTES("name"), BYTES("b"), 200, &other);
    assert_int_equal(get(cache, "a", 300, &got), KEY_CACHE_HIT);
    assert_memory_equal(&got, &key, sizeof(got));
    assert_int_equal(key_cache_due(cache, 600, due, 4), 0);
    assert_int_equal(key_cache_due(cache, 700, due, 4), 2);
    assert_int_equal(key_cache_due(cache, 710, due, 4), 0); /* given already */
    key_cache_put(cache, BYTES("name"), BYTES("a"), 720, &key);
    assert_int_equal(key_cache_expire(cache, 1199), 2);
    assert_int_equal(key_cache_expire(cache, 1200), 1);
    assert_int_equal(get(cache, "b", 1200, &got), KEY_CACHE_ASK);
    key_cache_fail(cache, BYTES("b"));
    assert_int_equal(key_cache_due(cache, 1300, due, 4), 0); /* nobody used it since it was opened */
    assert_int_equal(get(cache, "a", 1719, &got), KEY_CACHE_HIT);
    assert_int_equal(get(cache, "a", 1720, &got), KEY_CACHE_ASK); /* too old, whoever still wants it */
    key_cache_put(cache, BYTES("name"), BYTES("a"), 1800, &key);
    key_cache_put(cache, BYTES("name"), BYTES("b"), 1900, &key);
    assert_int_equal(get(cache, "a", 1950, &got), KEY_CACHE_HIT);
    assert_int_equal(get(cache, "c", 1960, &got),
                     KEY_CACHE_ASK); /* takes the place of the one that was used longest ago */
    key_cache_fail(cache, BYTES("c"));
    assert_int_equal(get(cache, "a", 1960, &got), KEY_CACHE_HIT);
    assert_int_equal(get(cache, "b", 1960, &got), KEY_CACHE_ASK);
    key_cache_free(cache);
    key_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),   cmocka_unit_test(test_texts),   cmocka_unit_test(test_batches),
        cmocka_unit_test(test_tokens), cmocka_unit_test(test_options), cmocka_unit_test(test_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
