/* Calls of Vault; see the header. */
#include "gateway/keys/vault_session.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/secret_file.h"
#include "base/task.h"
#include "gateway/keys/vault_answer.h"

#define CALL_TIMEOUT_MS    5000
#define CONNECT_TIMEOUT_MS 2000
#define CALLS_MAX          64
#define RETRY_PAUSE_MS     1000
#define FETCH_PAUSE_MS     2000 /* between two tokens, whatever is refused */
#define WAIT_STEP_MS       10
#define URL_MAX            1024
#define HEADER_MAX         (VAULT_TOKEN_BYTES_MAX + 32)

struct vault_session {
    struct vault_options options;
    struct pool *pool;
    pthread_mutex_t lock; /* guards what follows; never held across a suspension */
    char token[VAULT_TOKEN_BYTES_MAX];
    uint64_t token_number;      /* of tokens that were fetched */
    uint64_t renew_ms, ends_ms; /* monotonic; 0: never */
    uint64_t fetched_ms;
    bool fetching, fetch_failed;
    unsigned under_way;
    uint64_t failed_ms; /* 0: the last call was answered */
    bool answered;      /* ever */
    char problem[VAULT_PROBLEM_MAX];
    uint64_t calls, failures;
};

static void release(struct buffer *answer)
{
    if (answer->data)
        explicit_bzero(answer->data, answer->capacity);
    buffer_release(answer);
}

static bool is_loopback(const char *url)
{
    return strncmp(url, "http://127.0.0.1:", 17) == 0 || strncmp(url, "http://localhost:", 17) == 0;
}

static bool is_path(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/";
    size_t len = strlen(text);

    return len > 0 && len <= 128 && strspn(text, allowed) == len && !strstr(text, "..");
}

static bool is_header_value(const char *text)
{
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return strlen(text) < 512;
}

const char *vault_options_problem(const struct vault_options *options)
{
    if (strncmp(options->url, "https://", 8) != 0 && !is_loopback(options->url))
        return "vault-url: https://HOST or https://HOST:PORT";
    if (strlen(options->url) > 512 || !is_header_value(options->url) || strpbrk(options->url, "?#@") ||
        options->url[strlen(options->url) - 1] == '/')
        return "vault-url: https://HOST or https://HOST:PORT";
    if (!options->token_file[0] == !options->role_id[0])
        return "vault-token-file, or vault-role-id with vault-secret-id-file: one of them";
    if (!options->role_id[0] != !options->secret_id_file[0])
        return "vault-role-id, vault-secret-id-file: both or neither";
    if (!is_path(options->mount) || !is_path(options->auth_mount) ||
        (options->key_prefix[0] && !is_path(options->key_prefix)))
        return "vault-mount, vault-auth-mount, vault-key-prefix: letters, digits, '.', '-', '_' and '/'";
    if (!is_header_value(options->namespace))
        return "vault-namespace: printable characters";
    return options->key[0] ? NULL : "vault-key: the name of the key for new objects is needed";
}

struct vault_session *vault_session_create(const struct vault_options *options, struct pool *pool)
{
    struct vault_session *session = mem_zalloc(sizeof(*session));

    session->options = *options;
    session->pool = pool;
    CHECK(pthread_mutex_init(&session->lock, NULL) == 0);
    snprintf(session->problem, sizeof(session->problem), "it was not asked yet");
    return session;
}

void vault_session_free(struct vault_session *session)
{
    if (!session)
        return;
    pthread_mutex_destroy(&session->lock);
    explicit_bzero(session, sizeof(*session));
    free(session);
}

/* ---- one exchange ----------------------------------------------------------------------------------------------- */

static void note(struct vault_session *session, const char *problem)
{
    lock_acquire(&session->lock);
    bool was_away = session->failed_ms || !session->answered;
    session->calls++;
    session->failures += problem != NULL;
    session->answered = session->answered || !problem;
    session->failed_ms = problem ? clock_monotonic_ms() : 0;
    bool news = problem ? strcmp(session->problem, problem) != 0 : was_away;
    snprintf(session->problem, sizeof(session->problem), "%s", problem ? problem : "");
    lock_release(&session->lock);
    if (news && problem)
        log_error("the service that has the encryption keys is away", LOG_STR("url", session->options.url),
                  LOG_STR("reason", problem));
    else if (news)
        log_info("the service that has the encryption keys answers", LOG_STR("url", session->options.url));
}

static const char *transport_problem(enum status status, const char *tls_problem)
{
    if (tls_problem)
        return tls_problem;
    return status == STATUS_TIMEOUT       ? "it does not answer in time"
           : status == STATUS_UNAVAILABLE ? "it cannot be connected to"
                                          : "it broke the exchange";
}

static enum status judge(int http_status, struct bytes body, char error[VAULT_PROBLEM_MAX])
{
    vault_read_error(body, error);
    switch (http_status) {
    case 200:
    case 204:
        return STATUS_OK;
    case 400:
        return STATUS_INVALID;
    case 403:
        return STATUS_DENIED;
    case 404:
        return STATUS_NOT_FOUND;
    default:
        if (!error[0])
            snprintf(error, VAULT_PROBLEM_MAX, "it answered %d", http_status);
        return STATUS_UNAVAILABLE;
    }
}

/* With that token, or none. */
static enum status exchange(struct vault_session *session, const char *method, const char *path, struct bytes body,
                            const char *token, struct buffer *answer, char error[VAULT_PROBLEM_MAX])
{
    char url[URL_MAX], token_header[HEADER_MAX], namespace_header[600];
    const char *headers[5] = {"Content-Type: application/json", "X-Vault-Request: true"};
    const char *tls_problem = NULL;
    unsigned count = 2;
    int http_status = 0;

    snprintf(url, sizeof(url), "%s/v1/%s", session->options.url, path);
    snprintf(token_header, sizeof(token_header), "X-Vault-Token: %s", token);
    snprintf(namespace_header, sizeof(namespace_header), "X-Vault-Namespace: %s", session->options.namespace);
    if (token[0])
        headers[count++] = token_header;
    if (session->options.namespace[0])
        headers[count++] = namespace_header;
    const struct http_call_options call = {.method = method,
                                           .url = url,
                                           .headers = headers,
                                           .body = body,
                                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                           .ca_file = session->options.ca_file,
                                           .tls_only = !is_loopback(session->options.url),
                                           .problem = &tls_problem};
    buffer_clear(answer);
    enum status status = http_exchange(&call, clock_monotonic_ms() + CALL_TIMEOUT_MS, &http_status, answer);
    explicit_bzero(token_header, sizeof(token_header));
    if (status) {
        snprintf(error, VAULT_PROBLEM_MAX, "%s", transport_problem(status, tls_problem));
        status = STATUS_UNAVAILABLE;
    } else {
        status = judge(http_status, buffer_bytes(answer), error);
    }
    if (status != STATUS_DENIED) /* which says nothing before another token was tried */
        note(session, status == STATUS_UNAVAILABLE ? error : NULL);
    return status;
}

/* ---- the token -------------------------------------------------------------------------------------------------- */

struct file_read {
    const char *path;
    char text[VAULT_TOKEN_BYTES_MAX];
    const char *error;
    enum status status;
};

static void read_file(void *arg)
{
    struct file_read *read = arg;

    read->status = secret_file_read(read->path, read->text, sizeof(read->text), &read->error);
}

static void adopt(struct vault_session *session, const char *token, const struct vault_lease *lease)
{
    uint64_t now_ms = clock_monotonic_ms();

    lock_acquire(&session->lock);
    if (token != session->token)
        snprintf(session->token, sizeof(session->token), "%s", token);
    session->ends_ms = lease->ttl_s ? now_ms + lease->ttl_s * 1000 : 0;
    session->renew_ms = lease->ttl_s ? now_ms + lease->ttl_s * 2000 / 3 : 0;
    lock_release(&session->lock);
}

static enum status token_from_file(struct vault_session *session, struct buffer *answer, char error[VAULT_PROBLEM_MAX])
{
    struct file_read *file = mem_zalloc(sizeof(*file));
    struct vault_lease lease;

    file->path = session->options.token_file;
    pool_run(session->pool, read_file, file);
    enum status status = file->status;
    if (status || !is_header_value(file->text)) {
        snprintf(error, VAULT_PROBLEM_MAX, "vault-token-file: %s", status ? file->error : "it is no token");
        note(session, error);
        status = STATUS_UNAVAILABLE;
    }
    if (!status)
        status = exchange(session, "GET", "auth/token/lookup-self", (struct bytes){0}, file->text, answer, error);
    if (!status)
        status = vault_read_lookup(buffer_bytes(answer), &lease);
    if (!status)
        adopt(session, file->text, &lease);
    explicit_bzero(file, sizeof(*file));
    free(file);
    return status;
}

static enum status token_from_role(struct vault_session *session, struct buffer *answer, char error[VAULT_PROBLEM_MAX])
{
    struct file_read *file = mem_zalloc(sizeof(*file));
    char path[256], *token = mem_zalloc(VAULT_TOKEN_BYTES_MAX), *body = NULL;
    struct vault_lease lease;

    file->path = session->options.secret_id_file;
    pool_run(session->pool, read_file, file);
    enum status status = file->status;
    if (status) {
        snprintf(error, VAULT_PROBLEM_MAX, "vault-secret-id-file: %s", file->error);
        note(session, error);
    }
    json_t *request = json_pack("{s:s, s:s}", "role_id", session->options.role_id, "secret_id", file->text);
    if (!status && request) {
        body = json_dumps(request, JSON_COMPACT);
        snprintf(path, sizeof(path), "auth/%s/login", session->options.auth_mount);
        status = exchange(session, "POST", path, bytes_from_str(body), "", answer, error);
    } else {
        status = STATUS_UNAVAILABLE;
    }
    if (!status)
        status = vault_read_auth(buffer_bytes(answer), token, &lease);
    if (!status)
        adopt(session, token, &lease);
    if (body)
        explicit_bzero(body, strlen(body));
    free(body);
    json_decref(request);
    explicit_bzero(token, VAULT_TOKEN_BYTES_MAX);
    free(token);
    explicit_bzero(file, sizeof(*file));
    free(file);
    return status;
}

/* A token instead of that of this number, once for all who want one. OK: there is another one. */
static enum status fetch_token(struct vault_session *session, uint64_t number, char error[VAULT_PROBLEM_MAX])
{
    enum status status = STATUS_OK;
    struct buffer answer;

    lock_acquire(&session->lock);
    while (session->fetching) {
        lock_release(&session->lock);
        task_sleep_ms(WAIT_STEP_MS);
        lock_acquire(&session->lock);
    }
    bool known = session->token_number != number;
    bool early = session->fetched_ms && clock_monotonic_ms() - session->fetched_ms < FETCH_PAUSE_MS;
    bool failed = session->fetch_failed;
    session->fetching = !known && !early;
    lock_release(&session->lock);
    if (known)
        return STATUS_OK;
    if (early)
        return failed ? STATUS_UNAVAILABLE : STATUS_DENIED;
    buffer_init(&answer, VAULT_ANSWER_BYTES_MAX);
    status = session->options.token_file[0] ? token_from_file(session, &answer, error)
                                            : token_from_role(session, &answer, error);
    release(&answer);
    if (status && status != STATUS_UNAVAILABLE) { /* it answers, but not to us */
        if (!error[0])
            snprintf(error, VAULT_PROBLEM_MAX, "the answer is not understood");
        char problem[VAULT_PROBLEM_MAX];
        snprintf(problem, sizeof(problem), "it takes no token of ours: %.120s", error);
        note(session, problem);
    }
    lock_acquire(&session->lock);
    session->fetching = false;
    session->fetched_ms = clock_monotonic_ms();
    session->fetch_failed = status;
    session->token_number += !status;
    lock_release(&session->lock);
    return status ? STATUS_UNAVAILABLE : STATUS_OK;
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static bool begin(struct vault_session *session, bool tending)
{
    lock_acquire(&session->lock);
    bool recent = session->failed_ms && clock_monotonic_ms() - session->failed_ms < RETRY_PAUSE_MS;
    bool begins = (tending || !recent) && session->under_way < CALLS_MAX;
    session->under_way += begins;
    lock_release(&session->lock);
    return begins;
}

static void end(struct vault_session *session)
{
    lock_acquire(&session->lock);
    session->under_way--;
    lock_release(&session->lock);
}

static enum status call(struct vault_session *session, const char *method, const char *path, struct bytes body,
                        struct buffer *answer, char error[VAULT_PROBLEM_MAX])
{
    char *token = mem_alloc(VAULT_TOKEN_BYTES_MAX);
    enum status status = STATUS_DENIED, fetched = STATUS_OK;

    for (int attempt = 0; attempt < 2 && status == STATUS_DENIED && !fetched; attempt++) {
        lock_acquire(&session->lock);
        memcpy(token, session->token, VAULT_TOKEN_BYTES_MAX);
        uint64_t number = session->token_number;
        lock_release(&session->lock);
        if (token[0])
            status = exchange(session, method, path, body, token, answer, error);
        if (status == STATUS_DENIED && attempt == 0)
            fetched = fetch_token(session, number, error);
    }
    explicit_bzero(token, VAULT_TOKEN_BYTES_MAX);
    free(token);
    return fetched == STATUS_UNAVAILABLE ? fetched : status;
}

enum status vault_call(struct vault_session *session, const char *method, const char *path, struct bytes body,
                       struct buffer *answer, char error[VAULT_PROBLEM_MAX])
{
    error[0] = '\0';
    if (!begin(session, false))
        return STATUS_UNAVAILABLE;
    enum status status = call(session, method, path, body, answer, error);
    end(session);
    return status;
}

static void renew(struct vault_session *session)
{
    char *token = mem_alloc(VAULT_TOKEN_BYTES_MAX), error[VAULT_PROBLEM_MAX] = "";
    struct vault_lease lease = {0};
    struct buffer answer;

    buffer_init(&answer, VAULT_ANSWER_BYTES_MAX);
    lock_acquire(&session->lock);
    memcpy(token, session->token, VAULT_TOKEN_BYTES_MAX);
    uint64_t number = session->token_number, ends_ms = session->ends_ms;
    lock_release(&session->lock);
    enum status status = exchange(session, "POST", "auth/token/renew-self", BYTES("{}"), token, &answer, error);
    if (!status)
        status = vault_read_auth(buffer_bytes(&answer), NULL, &lease);
    /* Whole seconds: 0 is less than one, since a token that had an end has one. */
    if (!status && lease.ttl_s && clock_monotonic_ms() + lease.ttl_s * 1000 > ends_ms)
        adopt(session, session->token, &lease);
    else if (status != STATUS_UNAVAILABLE) /* it cannot live longer than that */
        STATUS_IGNORE(fetch_token(session, number, error), "noted; tried again with the next call");
    release(&answer);
    explicit_bzero(token, VAULT_TOKEN_BYTES_MAX);
    free(token);
}

void vault_session_tend(struct vault_session *session)
{
    char error[VAULT_PROBLEM_MAX] = "";
    struct buffer answer;

    lock_acquire(&session->lock);
    bool none = !session->token[0], away = session->failed_ms;
    bool due = session->renew_ms && clock_monotonic_ms() >= session->renew_ms;
    lock_release(&session->lock);
    if (!none && !away && !due)
        return;
    if (!begin(session, true))
        return;
    if (due && !none) {
        renew(session);
    } else {
        buffer_init(&answer, VAULT_ANSWER_BYTES_MAX);
        STATUS_IGNORE(call(session, "GET", "auth/token/lookup-self", (struct bytes){0}, &answer, error), "noted");
        release(&answer);
    }
    end(session);
}

void vault_session_state(struct vault_session *session, struct vault_state *state)
{
    uint64_t now_ms = clock_monotonic_ms();

    lock_acquire(&session->lock);
    state->away = session->failed_ms || !session->answered;
    memcpy(state->problem, session->problem, sizeof(state->problem));
    state->token_left_s = !session->token[0]          ? 0
                          : !session->ends_ms         ? UINT64_MAX
                          : session->ends_ms > now_ms ? (session->ends_ms - now_ms) / 1000
                                                      : 0;
    state->calls = session->calls;
    state->failures = session->failures;
    lock_release(&session->lock);
}
