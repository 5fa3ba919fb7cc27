/* Keys of providers; see the header. Source: OpenID Connect Discovery 1.0, sections 4 and 3. */
#include "gateway/identity/oidc_keys.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/task.h"
#include "compat/json_nesting.h"

#define PROVIDERS_MAX         128 /* an account has a hundred */
#define WAITING_MAX           64  /* for one fetch */
#define WAIT_STEP_MS          10
#define FRESH_MS              3600000u
#define STALE_MAX_MS          86400000u
#define FETCH_TIMEOUT_MS      5000 /* for each of the two documents */
#define CONNECT_TIMEOUT_MS    3000
#define DISCOVERY_BYTES_MAX   65536
#define DISCOVERY_NESTING_MAX 8
#define URL_MAX               2048

struct oidc_key_set {
    struct jwks *jwks;
    _Atomic unsigned references;
};

struct provider {
    char *url; /* NULL: a free place */
    struct oidc_key_set *set;
    uint64_t fetched_ms, tried_ms; /* monotonic; 0: never */
    bool fetching;
    unsigned waiting;
};

struct oidc_keys {
    struct oidc_options options;
    struct pool *pool;
    pthread_mutex_t lock; /* never held across a suspension; guards the providers */
    struct provider providers[PROVIDERS_MAX];
};

struct oidc_keys *oidc_keys_create(const struct oidc_options *options, struct pool *pool)
{
    struct oidc_keys *keys = mem_zalloc(sizeof(*keys));

    keys->options = *options;
    keys->pool = pool;
    pthread_mutex_init(&keys->lock, NULL);
    return keys;
}

void oidc_keys_free(struct oidc_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < PROVIDERS_MAX; i++) {
        free(keys->providers[i].url);
        oidc_key_set_release(keys->providers[i].set);
    }
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}

const struct jwks *oidc_key_set_get(const struct oidc_key_set *set)
{
    return set->jwks;
}

void oidc_key_set_release(struct oidc_key_set *set)
{
    if (!set || atomic_fetch_sub(&set->references, 1) != 1)
        return;
    jwks_free(set->jwks);
    free(set);
}

static struct oidc_key_set *hold(struct oidc_key_set *set)
{
    atomic_fetch_add(&set->references, 1);
    return set;
}

/* ---- fetching ------------------------------------------------------------------------------------------------- */

bool oidc_url_is_loopback(struct bytes url)
{
    static const char *const names[] = {"localhost", "127.0.0.1"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (url.len >= len && memcmp(url.data, names[i], len) == 0 &&
            (url.len == len || url.data[len] == ':' || url.data[len] == '/'))
            return true;
    }
    return false;
}

static const char *scheme_of(const struct oidc_keys *keys, struct bytes url)
{
    const char *loopback = keys->options.loopback;

    return loopback && loopback[0] && oidc_url_is_loopback(url) ? loopback : "https";
}

static enum status get(const struct oidc_keys *keys, const char *url, bool tls, struct buffer *body)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    const struct http_call_options call = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .ca_file = keys->options.ca_file,
        .tls_only = tls,
    };
    int http_status = 0;
    enum status status = http_exchange(&call, clock_monotonic_ms() + FETCH_TIMEOUT_MS, &http_status, body);

    if (!status && http_status != 200)
        status = STATUS_INVALID;
    if (status)
        log_warn("an OpenID Connect provider cannot be asked", LOG_STR("url", url), LOG_INT("httpStatus", http_status),
                 LOG_STATUS(status));
    return status;
}

/* Where the keys are: by TLS anywhere, since the provider says so by TLS; without it at the very same place. */
static bool is_good_uri(const char *uri, const char *scheme, struct bytes url)
{
    const char *slash = memchr(url.data, '/', url.len);
    size_t len = strlen(uri), scheme_len = strlen(scheme);
    size_t host_len = slash ? (size_t)(slash - url.data) : url.len;

    if (len > URL_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (uri[i] <= ' ' || uri[i] > '~' || strchr("@\\#\"<>", uri[i]))
            return false;
    if (strcmp(scheme, "https") == 0)
        return strncmp(uri, "https://", 8) == 0;
    return len > scheme_len + 3 + host_len && memcmp(uri, scheme, scheme_len) == 0 &&
           memcmp(uri + scheme_len, "://", 3) == 0 && memcmp(uri + scheme_len + 3, url.data, host_len) == 0 &&
           uri[scheme_len + 3 + host_len] == '/';
}

/* The document has to be the provider's own: its issuer is the url, with a slash behind it or without. */
static bool is_issuer(const char *issuer, const char *scheme, struct bytes url)
{
    size_t scheme_len = strlen(scheme), len = strlen(issuer);

    if (len > 0 && issuer[len - 1] == '/')
        len--;
    return len == scheme_len + 3 + url.len && memcmp(issuer, scheme, scheme_len) == 0 &&
           memcmp(issuer + scheme_len, "://", 3) == 0 && memcmp(issuer + scheme_len + 3, url.data, url.len) == 0;
}

/* *uri is to be freed. */
static enum status read_discovery(struct bytes document, const char *scheme, struct bytes url, char **uri)
{
    json_t *value = json_nesting(document) <= DISCOVERY_NESTING_MAX
                        ? json_loadb(document.data, document.len, JSON_REJECT_DUPLICATES, NULL)
                        : NULL;
    const char *issuer = json_string_value(json_object_get(value, "issuer"));
    const char *keys = json_string_value(json_object_get(value, "jwks_uri"));
    bool good = issuer && keys && is_issuer(issuer, scheme, url) && is_good_uri(keys, scheme, url);

    *uri = good ? mem_strdup(keys) : NULL;
    json_decref(value);
    return good ? STATUS_OK : STATUS_INVALID;
}

struct key_parsing {
    struct bytes document;
    struct jwks *set;
    enum status status;
};

static void parse(void *arg)
{
    struct key_parsing *parsing = arg;

    parsing->status = jwks_parse(parsing->document, &parsing->set);
}

static enum status fetch_keys(struct oidc_keys *keys, const char *uri, bool tls, struct jwks **set)
{
    struct buffer body;

    buffer_init(&body, JWKS_BYTES_MAX);
    enum status status = get(keys, uri, tls, &body);
    struct key_parsing parsing = {.document = buffer_bytes(&body)};
    if (!status) {
        pool_run(keys->pool, parse, &parsing);
        status = parsing.status;
    }
    *set = parsing.set;
    buffer_release(&body);
    return status;
}

static enum status fetch(struct oidc_keys *keys, struct bytes url, struct jwks **set)
{
    const char *scheme = scheme_of(keys, url);
    bool tls = strcmp(scheme, "https") == 0;
    struct buffer text, body;
    char *uri = NULL;

    *set = NULL;
    buffer_init(&text, URL_MAX);
    buffer_init(&body, DISCOVERY_BYTES_MAX);
    enum status status =
        buffer_printf(&text, "%s://%.*s/.well-known/openid-configuration", scheme, (int)url.len, url.data);
    if (!status)
        status = get(keys, text.data, tls, &body);
    if (!status)
        status = read_discovery(buffer_bytes(&body), scheme, url, &uri);
    if (!status)
        status = fetch_keys(keys, uri, tls, set);
    if (status)
        log_warn("the keys of an OpenID Connect provider could not be fetched", LOG_BYTES("provider", url),
                 LOG_STATUS(status));
    free(uri);
    buffer_release(&text);
    buffer_release(&body);
    return status ? STATUS_UNAVAILABLE : STATUS_OK;
}

/* ---- keeping -------------------------------------------------------------------------------------------------- */

/* The place of the provider; a new one takes that of whoever was asked the longest ago. NULL: all are being asked. */
static struct provider *find_locked(struct oidc_keys *keys, struct bytes url)
{
    struct provider *oldest = NULL;

    for (size_t i = 0; i < PROVIDERS_MAX; i++) {
        struct provider *provider = &keys->providers[i];
        if (provider->url && bytes_equal_str(url, provider->url))
            return provider;
        if (!provider->fetching && provider->waiting == 0 && (!oldest || provider->tried_ms < oldest->tried_ms))
            oldest = provider;
    }
    if (!oldest)
        return NULL;
    free(oldest->url);
    oidc_key_set_release(oldest->set);
    *oldest = (struct provider){.url = mem_strndup(url.data, url.len)};
    return oldest;
}

static bool is_due(const struct oidc_keys *keys, const struct provider *provider, uint64_t now_ms)
{
    return provider->tried_ms == 0 || now_ms - provider->tried_ms >= keys->options.refresh_ms;
}

/* What is there serves: it is young, or it is not old and there is nothing better. */
static bool serves(const struct provider *provider, const struct oidc_key_set *seen, uint64_t age_max_ms,
                   uint64_t now_ms)
{
    return provider->set && provider->set != seen && now_ms - provider->fetched_ms < age_max_ms;
}

static void fetch_unlocked(struct oidc_keys *keys, struct provider *provider, struct bytes url)
{
    struct jwks *jwks;

    provider->fetching = true;
    provider->tried_ms = clock_monotonic_ms();
    lock_release(&keys->lock);
    enum status status = fetch(keys, url, &jwks);
    lock_acquire(&keys->lock);
    provider->fetching = false;
    if (status)
        return;
    oidc_key_set_release(provider->set);
    provider->set = mem_zalloc(sizeof(*provider->set));
    provider->set->jwks = jwks;
    atomic_store(&provider->set->references, 1);
    provider->fetched_ms = clock_monotonic_ms();
}

static enum status wait_unlocked(struct oidc_keys *keys, struct provider *provider)
{
    if (provider->waiting >= WAITING_MAX)
        return STATUS_LIMIT;
    provider->waiting++;
    while (provider->fetching) { /* which ends, since each fetch has its time */
        lock_release(&keys->lock);
        task_sleep_ms(WAIT_STEP_MS);
        lock_acquire(&keys->lock);
    }
    provider->waiting--;
    return STATUS_OK;
}

enum status oidc_keys_find(struct oidc_keys *keys, struct bytes url, const struct oidc_key_set *seen,
                           struct oidc_key_set **set)
{
    enum status status = STATUS_OK;

    *set = NULL;
    lock_acquire(&keys->lock);
    struct provider *provider = find_locked(keys, url);
    if (!provider)
        status = STATUS_LIMIT;
    if (!status && provider->fetching && !serves(provider, seen, STALE_MAX_MS, clock_monotonic_ms()))
        status = wait_unlocked(keys, provider);
    if (!status && !serves(provider, seen, FRESH_MS, clock_monotonic_ms()) &&
        is_due(keys, provider, clock_monotonic_ms()) && !provider->fetching)
        fetch_unlocked(keys, provider, url);
    if (!status && serves(provider, seen, STALE_MAX_MS, clock_monotonic_ms()))
        *set = hold(provider->set);
    else if (!status)
        status = provider->set && provider->set == seen ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE;
    lock_release(&keys->lock);
    return status;
}
