/* Calls of the transit engine. Everything is bound to "tercet root 1/NAME" as associated data, so that nobody can have
 * us take a text for a root that another program had sealed with the same key. The engine's `datakey` would make a
 * root, too, but servers that do not know its associated_data leave it out without a word, and what they seal so is not
 * opened with it; `encrypt` takes it everywhere. A key is looked for before, since `encrypt` makes one that is not
 * there. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/keys/key_cache.h"
#include "gateway/keys/vault_internal.h"

#define PATH_MAX_BYTES 512
#define BATCH_MAX      128
#define BOUND_LABEL    "tercet root 1/"

static void make_path(const struct vault *vault, const char *verb, struct bytes name, char path[PATH_MAX_BYTES])
{
    snprintf(path, PATH_MAX_BYTES, "%s/%s/%s%.*s", vault->options.mount, verb, vault->options.key_prefix, (int)name.len,
             name.data);
}

static void bound_data(struct bytes name, char out[160])
{
    char text[sizeof(BOUND_LABEL) + KEY_NAME_MAX];
    int len = snprintf(text, sizeof(text), BOUND_LABEL "%.*s", (int)name.len, name.data);

    base64_encode(text, (size_t)len, out);
}

/* Sends the request, which is freed and wiped. */
static enum status post(struct vault *vault, const char *verb, struct bytes name, json_t *take_request,
                        struct buffer *answer, char error[VAULT_PROBLEM_MAX])
{
    char path[PATH_MAX_BYTES];
    char *body = json_dumps(take_request, JSON_COMPACT);

    CHECK(body != NULL);
    make_path(vault, verb, name, path);
    enum status status = vault_call(vault->session, "POST", path, bytes_from_str(body), answer, error);
    explicit_bzero(body, strlen(body));
    free(body);
    json_t *plaintext = json_object_get(take_request, "plaintext");
    if (plaintext)
        explicit_bzero((char *)json_string_value(plaintext), json_string_length(plaintext));
    json_decref(take_request);
    return status;
}

static void wipe(struct buffer *answer)
{
    if (answer->data)
        explicit_bzero(answer->data, answer->capacity);
    buffer_release(answer);
}

/* What a call that was answered with a refusal means. */
static enum status refused(struct bytes name, const char *verb, enum status status, const char *error)
{
    if (status == STATUS_UNAVAILABLE)
        return status;
    log_error("the service that has the encryption keys refuses", LOG_BYTES("keyName", name), LOG_STR("call", verb),
              LOG_STR("reason", error), LOG_STATUS(status));
    if (status == STATUS_INVALID && strstr(error, "key not found"))
        return STATUS_NOT_FOUND;
    return status == STATUS_INVALID ? STATUS_DENIED : STATUS_UNAVAILABLE;
}

enum status vault_key_find(struct vault *vault, struct bytes name, uint64_t *version)
{
    char path[PATH_MAX_BYTES], error[VAULT_PROBLEM_MAX];
    struct buffer answer;
    bool usable = false;

    buffer_init(&answer, VAULT_ANSWER_BYTES_MAX);
    make_path(vault, "keys", name, path);
    enum status status = vault_call(vault->session, "GET", path, (struct bytes){0}, &answer, error);
    if (!status && vault_read_key(buffer_bytes(&answer), version, &usable))
        status = STATUS_UNAVAILABLE;
    if (!status && !usable)
        status = STATUS_INVALID;
    if (status == STATUS_DENIED) /* the token is good: it is none of our keys */
        status = STATUS_NOT_FOUND;
    buffer_release(&answer);
    return status;
}

enum status vault_root_open(struct vault *vault, struct bytes name, struct bytes ciphertext, struct seal_key *root)
{
    char bound[160], error[VAULT_PROBLEM_MAX];
    struct buffer answer;

    bound_data(name, bound);
    json_t *request = json_pack("{s:s%, s:s}", "ciphertext", ciphertext.data, ciphertext.len, "associated_data", bound);
    if (!request) /* it is not UTF-8 */
        return STATUS_DENIED;
    buffer_init(&answer, VAULT_ANSWER_BYTES_MAX);
    enum status status = post(vault, "decrypt", name, request, &answer, error);
    if (status)
        status = refused(name, "decrypt", status, error);
    else if (vault_read_plaintext(buffer_bytes(&answer), root))
        status = STATUS_UNAVAILABLE;
    wipe(&answer);
    return status;
}

static enum status seal_root(struct vault *vault, struct bytes name, const struct seal_key *root,
                             char ciphertext[VAULT_CIPHERTEXT_BYTES_MAX + 1])
{
    char bound[160], text[4 * ((SEAL_KEY_LEN + 2) / 3) + 1], error[VAULT_PROBLEM_MAX];
    struct buffer answer;

    bound_data(name, bound);
    base64_encode(root->bytes, SEAL_KEY_LEN, text);
    buffer_init(&answer, VAULT_ANSWER_BYTES_MAX);
    enum status status = post(vault, "encrypt", name,
                              json_pack("{s:s, s:s}", "plaintext", text, "associated_data", bound), &answer, error);
    if (status)
        status = refused(name, "encrypt", status, error);
    else if (vault_read_ciphertext(buffer_bytes(&answer), ciphertext))
        status = STATUS_UNAVAILABLE;
    explicit_bzero(text, sizeof(text));
    wipe(&answer);
    return status;
}

enum status vault_root_make(struct vault *vault, struct bytes name, char ciphertext[VAULT_CIPHERTEXT_BYTES_MAX + 1],
                            struct seal_key *root)
{
    struct seal_key again = {0};
    uint64_t version;

    enum status status = vault_key_find(vault, name, &version);
    random_bytes(root->bytes, SEAL_KEY_LEN);
    if (!status)
        status = seal_root(vault, name, root, ciphertext);
    if (!status)
        status = vault_root_open(vault, name, bytes_from_str(ciphertext), &again);
    if (!status && memcmp(again.bytes, root->bytes, SEAL_KEY_LEN) != 0)
        status = STATUS_DENIED;
    explicit_bzero(&again, sizeof(again));
    if (status == STATUS_DENIED) { /* better no object than one that nobody can read */
        log_error("what Vault's key sealed it does not open: nothing is written with it", LOG_BYTES("keyName", name));
        status = STATUS_UNAVAILABLE;
    }
    return status == STATUS_INVALID ? STATUS_NOT_FOUND : status;
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

static double figure_up(void *arg)
{
    char why[KEY_PROBLEM_MAX];

    return !key_provider_problem(arg, why);
}

static double figure_keys(void *arg)
{
    struct vault *vault = vault_of(arg);

    return vault ? (double)__atomic_load_n(&vault->keys_kept, __ATOMIC_RELAXED) : 0;
}

static double figure_calls(void *arg)
{
    struct vault *vault = vault_of(arg);
    struct vault_state state = {0};

    if (vault)
        vault_session_state(vault->session, &state);
    return (double)state.calls;
}

static double figure_failures(void *arg)
{
    struct vault *vault = vault_of(arg);
    struct vault_state state = {0};

    if (vault)
        vault_session_state(vault->session, &state);
    return (double)state.failures;
}

void vault_register_metrics(struct key_provider *provider)
{
    metric_gauge_callback("tercet_key_provider_up",
                          "1 while the service that has the encryption keys answers, or none is needed.", "", figure_up,
                          provider);
    metric_gauge_callback("tercet_key_cache_keys",
                          "Keys in memory that the service which has the encryption keys opened.", "", figure_keys,
                          provider);
    metric_counter_callback("tercet_key_provider_calls_total", "Calls of the service that has the encryption keys.", "",
                            figure_calls, provider);
    metric_counter_callback("tercet_key_provider_failures_total",
                            "Calls of the service that has the encryption keys that got no answer, or none of use.", "",
                            figure_failures, provider);
}

/* ---- in the background ------------------------------------------------------------------------------------------ */

static json_t *batch_of(const struct key_cache_entry *due, size_t count)
{
    json_t *items = json_array();
    char bound[160];

    bound_data(bytes_from_str(due[0].name), bound);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, json_pack("{s:s, s:s}", "ciphertext", due[i].sealed, "associated_data", bound));
    return json_pack("{s:o, s:i}", "batch_input", items, "partial_failure_response_code", 200);
}

static void refresh_roots(struct vault *vault, struct key_cache_entry *due)
{
    struct seal_key *keys = mem_zalloc(BATCH_MAX * sizeof(*keys));
    bool opened[BATCH_MAX];
    char error[VAULT_PROBLEM_MAX];
    struct buffer answer;
    size_t count;

    while ((count = key_cache_due(vault->cache, clock_monotonic_ms(), due, BATCH_MAX)) > 0) {
        struct bytes name = bytes_from_str(due[0].name);
        buffer_init(&answer, VAULT_ANSWER_BYTES_MAX);
        enum status status = post(vault, "decrypt", name, batch_of(due, count), &answer, error);
        if (!status && vault_read_batch(buffer_bytes(&answer), count, keys, opened) == STATUS_OK)
            for (size_t i = 0; i < count; i++)
                if (opened[i])
                    key_cache_put(vault->cache, name, bytes_from_str(due[i].sealed), clock_monotonic_ms(), &keys[i]);
        explicit_bzero(keys, BATCH_MAX * sizeof(*keys));
        wipe(&answer);
    }
    free(keys);
}

/* A key that was rotated: new objects get a root of its new version. */
static void check_version(struct vault *vault, struct vault_writer *writer)
{
    char name[KEY_NAME_MAX + 1];
    uint64_t version, now_ms = clock_monotonic_ms();

    lock_acquire(&vault->lock);
    bool due = writer->ciphertext[0] && !writer->making && writer->used_ms >= writer->checked_ms &&
               now_ms - (writer->checked_ms ? writer->checked_ms : writer->made_ms) >= vault->options.key_cache_ms / 2;
    memcpy(name, writer->name, sizeof(name));
    if (due)
        writer->checked_ms = now_ms;
    lock_release(&vault->lock);
    if (!due || vault_key_find(vault, bytes_from_str(name), &version))
        return;
    lock_acquire(&vault->lock);
    if (strcmp(writer->name, name) == 0 && !writer->making &&
        vault_ciphertext_version(bytes_from_str(writer->ciphertext)) < version)
        writer->ciphertext[0] = '\0';
    lock_release(&vault->lock);
}

void vault_refresh(struct vault *vault)
{
    struct key_cache_entry *due = mem_alloc(BATCH_MAX * sizeof(*due));

    for (size_t i = 0; i < VAULT_WRITERS_MAX; i++)
        check_version(vault, &vault->writers[i]);
    refresh_roots(vault, due);
    free(due);
    size_t kept = key_cache_expire(vault->cache, clock_monotonic_ms());
    __atomic_store_n(&vault->keys_kept, kept, __ATOMIC_RELAXED);
}
