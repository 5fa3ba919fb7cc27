/* Keys in Vault; see the header. */
#include "gateway/keys/vault.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/task.h"
#include "gateway/keys/key_cache.h"
#include "gateway/keys/vault_answer.h"
#include "gateway/keys/vault_internal.h"

#define ROOTS_MAX       1024
#define ROOT_AGE_MAX_MS 86400000u /* then new objects get another one */
#define WAIT_STEP_MS    10
#define FRONT_LEN       3   /* form, length of the root's sealed text */
#define STOP_STEP_MS    200 /* how long it may take to notice that the gateway stops */

static struct vault *of_provider(struct key_provider *provider)
{
    return (struct vault *)provider;
}

/* ---- roots ------------------------------------------------------------------------------------------------------ */

/* The root of that sealed text, from memory or from Vault, which is asked once for all who want it. */
static enum status root_get(struct vault *vault, struct bytes name, struct bytes ciphertext, struct seal_key *root)
{
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        switch (key_cache_get(vault->cache, name, ciphertext, now_ms, root)) {
        case KEY_CACHE_HIT:
            return STATUS_OK;
        case KEY_CACHE_FULL:
            return STATUS_UNAVAILABLE;
        case KEY_CACHE_WAIT: /* which ends, since each call has its time */
            task_sleep_ms(WAIT_STEP_MS);
            break;
        case KEY_CACHE_ASK: {
            enum status status = vault_root_open(vault, name, ciphertext, root);
            if (status)
                key_cache_fail(vault->cache, ciphertext);
            else
                key_cache_put(vault->cache, name, ciphertext, clock_monotonic_ms(), root);
            return status;
        }
        }
    }
}

static struct vault_writer *find_writer_locked(struct vault *vault, struct bytes name)
{
    struct vault_writer *oldest = NULL;

    for (size_t i = 0; i < VAULT_WRITERS_MAX; i++) {
        struct vault_writer *writer = &vault->writers[i];
        if (bytes_equal_str(name, writer->name))
            return writer;
        if (!writer->making && (!oldest || writer->used_ms < oldest->used_ms))
            oldest = writer;
    }
    if (oldest) {
        *oldest = (struct vault_writer){0};
        memcpy(oldest->name, name.data, name.len);
    }
    return oldest;
}

static bool is_good_writer(const struct vault_writer *writer, uint64_t now_ms)
{
    return writer->ciphertext[0] && now_ms - writer->made_ms < ROOT_AGE_MAX_MS;
}

/* Makes a root for new objects; without the lock meanwhile. */
static enum status make_locked(struct vault *vault, struct vault_writer *writer, struct bytes name)
{
    char ciphertext[VAULT_CIPHERTEXT_BYTES_MAX + 1];
    struct seal_key root;

    writer->making = true;
    lock_release(&vault->lock);
    enum status status = vault_root_make(vault, name, ciphertext, &root);
    if (!status)
        key_cache_put(vault->cache, name, bytes_from_str(ciphertext), clock_monotonic_ms(), &root);
    explicit_bzero(&root, sizeof(root));
    lock_acquire(&vault->lock);
    writer->making = false;
    if (!status) {
        memcpy(writer->ciphertext, ciphertext, sizeof(writer->ciphertext));
        writer->made_ms = clock_monotonic_ms();
    }
    return status;
}

/* The root that objects are sealed with now, by its sealed text. */
static enum status writer_get(struct vault *vault, struct bytes name, char ciphertext[VAULT_CIPHERTEXT_BYTES_MAX + 1])
{
    enum status status = STATUS_OK;

    lock_acquire(&vault->lock);
    struct vault_writer *writer = find_writer_locked(vault, name);
    while (writer && writer->making) {
        lock_release(&vault->lock);
        task_sleep_ms(WAIT_STEP_MS);
        lock_acquire(&vault->lock);
        writer = find_writer_locked(vault, name);
    }
    if (!writer)
        status = STATUS_UNAVAILABLE;
    else if (!is_good_writer(writer, clock_monotonic_ms()))
        status = make_locked(vault, writer, name);
    if (!status) {
        writer->used_ms = clock_monotonic_ms();
        memcpy(ciphertext, writer->ciphertext, sizeof(writer->ciphertext));
    }
    lock_release(&vault->lock);
    return status;
}

/* ---- as a provider ---------------------------------------------------------------------------------------------- */

static enum status seal_key(struct key_provider *provider, const struct key_binding *binding,
                            const struct seal_key *key, struct buffer *sealed)
{
    struct vault *vault = of_provider(provider);
    char ciphertext[VAULT_CIPHERTEXT_BYTES_MAX + 1], front[FRONT_LEN] = {KEY_FORM_SERVICE};
    struct seal_key root;

    enum status status = writer_get(vault, binding->name, ciphertext);
    if (!status)
        status = root_get(vault, binding->name, bytes_from_str(ciphertext), &root);
    if (status)
        return status;
    put_u16(front + 1, (uint16_t)strlen(ciphertext));
    status = buffer_append(sealed, front, sizeof(front));
    if (!status)
        status = buffer_append_str(sealed, ciphertext);
    if (!status)
        status = key_seal(&root, binding, key, sealed);
    explicit_bzero(&root, sizeof(root));
    return status;
}

static enum status open_key(struct key_provider *provider, const struct key_binding *binding, struct bytes sealed,
                            struct seal_key *key)
{
    struct vault *vault = of_provider(provider);
    struct seal_key root;

    if (sealed.len > 0 && sealed.data[0] == KEY_FORM_SEAL)
        return vault->keyring ? key_provider_open(vault->keyring, binding, sealed, key) : STATUS_NOT_FOUND;
    if (sealed.len < FRONT_LEN || sealed.data[0] != KEY_FORM_SERVICE)
        return STATUS_CORRUPT;
    size_t len = get_u16(sealed.data + 1);
    if (len == 0 || len > VAULT_CIPHERTEXT_BYTES_MAX || sealed.len != FRONT_LEN + len + SEAL_KEY_LEN + SEAL_MORE ||
        !key_name_is_valid(binding->name))
        return STATUS_CORRUPT;
    enum status status = root_get(vault, binding->name, bytes_of(sealed.data + FRONT_LEN, len), &root);
    if (status)
        return status;
    status = key_open(&root, binding, bytes_of(sealed.data + FRONT_LEN + len, sealed.len - FRONT_LEN - len), key);
    explicit_bzero(&root, sizeof(root));
    return status;
}

/* What objects are sealed with is there; of others Vault is asked. A key that the keyring alone has only opens. */
static enum status find_name(struct key_provider *provider, struct bytes name)
{
    struct vault *vault = of_provider(provider);
    uint64_t version;

    lock_acquire(&vault->lock);
    bool known = false;
    for (size_t i = 0; i < VAULT_WRITERS_MAX; i++)
        known = known || (bytes_equal_str(name, vault->writers[i].name) &&
                          is_good_writer(&vault->writers[i], clock_monotonic_ms()));
    lock_release(&vault->lock);
    if (known)
        return STATUS_OK;
    enum status status = vault_key_find(vault, name, &version);
    if (status == STATUS_INVALID)
        status = STATUS_NOT_FOUND;
    if (status == STATUS_NOT_FOUND && vault->keyring && key_provider_find(vault->keyring, name) != STATUS_NOT_FOUND)
        status = STATUS_DENIED;
    return status;
}

static void current(struct key_provider *provider, char name[KEY_NAME_MAX + 1])
{
    snprintf(name, KEY_NAME_MAX + 1, "%s", of_provider(provider)->options.key);
}

static bool problem(struct key_provider *provider, char out[KEY_PROBLEM_MAX])
{
    struct vault_state state;

    vault_session_state(of_provider(provider)->session, &state);
    memcpy(out, state.problem, KEY_PROBLEM_MAX);
    return state.away;
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

static void begin_first(struct vault *vault)
{
    uint64_t version;
    enum status status = vault_key_find(vault, bytes_from_str(vault->options.key), &version);

    lock_acquire(&vault->lock);
    vault->first = status;
    vault->first_done = true;
    pthread_cond_broadcast(&vault->changed);
    lock_release(&vault->lock);
}

static bool is_stopping(struct vault *vault)
{
    return __atomic_load_n(&vault->stopping, __ATOMIC_ACQUIRE);
}

static void run(void *arg)
{
    struct vault *vault = arg;
    uint64_t next_ms = 0;

    begin_first(vault);
    while (!is_stopping(vault)) {
        if (clock_monotonic_ms() >= next_ms) {
            vault_session_tend(vault->session);
            vault_refresh(vault);
            next_ms = clock_monotonic_ms() + vault->tend_ms;
        }
        task_sleep_ms(vault->tend_ms < STOP_STEP_MS ? vault->tend_ms : STOP_STEP_MS);
    }
    lock_acquire(&vault->lock);
    vault->running = false;
    pthread_cond_broadcast(&vault->changed);
    lock_release(&vault->lock);
}

static const char *first_problem(enum status status)
{
    switch (status) {
    case STATUS_NOT_FOUND:
        return "there is no key of the name -vault-key (with -vault-key-prefix) below -vault-mount, or the token may "
               "not read it";
    case STATUS_INVALID:
        return "the key is not of a kind that seals data and binds it to other data: aes256-gcm96, not derived";
    default:
        return NULL;
    }
}

static void stop(struct key_provider *provider)
{
    struct vault *vault = of_provider(provider);

    __atomic_store_n(&vault->stopping, true, __ATOMIC_RELEASE);
    lock_acquire(&vault->lock);
    while (vault->running)
        clock_cond_wait(&vault->changed, &vault->lock, CLOCK_NEVER);
    lock_release(&vault->lock);
}

static void release(struct key_provider *provider)
{
    struct vault *vault = of_provider(provider);

    key_cache_free(vault->cache);
    vault_session_free(vault->session);
    pthread_cond_destroy(&vault->changed);
    pthread_mutex_destroy(&vault->lock);
    free(vault);
}

static const struct key_provider_kind provider_kind = {.seal = seal_key,
                                                       .open = open_key,
                                                       .find = find_name,
                                                       .current = current,
                                                       .problem = problem,
                                                       .stop = stop,
                                                       .free = release};

struct vault *vault_of(struct key_provider *provider)
{
    return provider && provider->kind == &provider_kind ? of_provider(provider) : NULL;
}

enum status vault_open(const struct vault_options *options, struct key_provider *keyring, struct pool *pool,
                       struct loop *loop, struct key_provider **provider)
{
    struct vault *opened = mem_zalloc(sizeof(*opened));
    bool locked;

    opened->provider.kind = &provider_kind;
    opened->options = *options;
    opened->keyring = keyring;
    opened->session = vault_session_create(options, pool);
    opened->cache = key_cache_create(ROOTS_MAX, options->key_cache_ms, &locked);
    opened->tend_ms = options->key_cache_ms / 20 < 1000 ? options->key_cache_ms / 20 : 1000;
    CHECK(pthread_mutex_init(&opened->lock, NULL) == 0);
    clock_cond_init(&opened->changed);
    if (!locked)
        log_warn("memory for keys cannot be locked: it may be written to swap; see the limit of locked memory");
    opened->running = true;
    task_spawn(loop, run, opened);
    uint64_t until_ms = clock_monotonic_ms() + VAULT_START_WAIT_MS;
    lock_acquire(&opened->lock);
    while (!opened->first_done && clock_cond_wait(&opened->changed, &opened->lock, until_ms))
        ;
    enum status status = opened->first_done ? opened->first : STATUS_UNAVAILABLE;
    lock_release(&opened->lock);
    *provider = &opened->provider;
    const char *problem = first_problem(status);
    if (!problem)
        return STATUS_OK;
    fprintf(stderr, "tercet-gateway: vault-key: %s: %s\n", options->key, problem);
    log_error("the encryption key cannot be used", LOG_STR("keyName", options->key), LOG_STR("reason", problem));
    return status;
}
