/* Events to an HTTP server: one POST of {"Records":[...]} for each, in their order, or for several at once with
 * records=N. Any answer but 2xx is a failure; redirects are not followed, so no credentials go elsewhere.
 *
 * Secrets are in files: token-file= (Authorization: Bearer), hmac-file= (X-Tercet-Signature), password-file= for a user
 * in the URL (Basic). The exchanges run on a loop of the target's own, whose thread waits for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "base/secret_file.h"
#include "base/task.h"
#include "gateway/notify/payload.h"
#include "gateway/notify/target.h"

#define RECORDS_MAX        100
#define CONNECT_TIMEOUT_MS 5000
#define HEADERS_MAX        8
#define RECORDS_BEGIN      "{\"Records\":["
#define RECORDS_END        "]}"

struct webhook {
    struct loop_group loop; /* one */
    char *url;
    const char *ca_file;
    bool tls;
    char *authorization; /* a whole header; NULL: none */
    char *hmac_key;      /* NULL: nothing is signed */
    uint64_t records;    /* at most, of one request */
};

static enum status refuse(struct buffer *error, const char *why)
{
    STATUS_IGNORE(buffer_append_str(error, why), "a longer text is left out");
    return STATUS_INVALID;
}

/* ---- making -------------------------------------------------------------------------------------------------------
 */

/* *secret is NULL when the URL names no such file. */
static enum status read_secret(const struct notify_url *url, const char *parameter, char **secret, struct buffer *error)
{
    char *path = notify_url_parameter(url, parameter);
    const char *why = "";
    enum status status = STATUS_OK;

    *secret = NULL;
    if (!path)
        return STATUS_OK;
    *secret = mem_zalloc(NOTIFY_SECRET_MAX);
    if (secret_file_read(path, *secret, NOTIFY_SECRET_MAX, &why) || (*secret)[0] == '\0') {
        STATUS_IGNORE(buffer_printf(error, "%s %s: %s", parameter, path, why[0] ? why : "it is empty"),
                      "a longer text is left out");
        status = STATUS_INVALID;
    }
    free(path);
    return status;
}

static bool is_header_text(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

static enum status read_authorization(struct webhook *webhook, const struct notify_url *url, struct buffer *error)
{
    char *token, *pair, *text;
    enum status status = read_secret(url, "token-file", &token, error);

    if (!status && token && !is_header_text(token))
        status = refuse(error, "token-file: the token has a control character");
    if (!status && token && url->user[0])
        status = refuse(error, "a user and a token at once");
    if (!status && token) {
        webhook->authorization = mem_alloc(strlen(token) + 32);
        sprintf(webhook->authorization, "Authorization: Bearer %s", token);
    } else if (!status && url->user[0]) {
        size_t len = strlen(url->user) + 1 + strlen(url->password);
        pair = mem_alloc(len + 1);
        text = mem_alloc(4 * ((len + 2) / 3) + 1);
        sprintf(pair, "%s:%s", url->user, url->password);
        base64_encode(pair, len, text);
        webhook->authorization = mem_alloc(strlen(text) + 32);
        sprintf(webhook->authorization, "Authorization: Basic %s", text);
        free(text);
        free(pair);
    }
    free(token);
    return status;
}

static enum status read_records(struct webhook *webhook, const struct notify_url *url, struct buffer *error)
{
    char *text = notify_url_parameter(url, "records");
    enum status status = STATUS_OK;

    webhook->records = 1;
    if (text && (bytes_parse_u64(bytes_from_str(text), RECORDS_MAX, &webhook->records) || webhook->records == 0))
        status = refuse(error, "records is a number from 1 to 100");
    free(text);
    return status;
}

/* The URL that is asked: without credentials, and without the parameters that are read here. */
static void make_url(struct webhook *webhook, const struct notify_url *url)
{
    static const char *const own[] = {"token-file=", "hmac-file=", "records="};
    bool is_ipv6 = strchr(url->host, ':') != NULL;
    struct buffer text;
    char port[8] = "";

    if (url->port)
        snprintf(port, sizeof(port), ":%u", url->port);
    buffer_init(&text, 3 * NOTIFY_SECRET_MAX);
    CHECK(buffer_printf(&text, "%s://%s%s%s%s%s", url->scheme, is_ipv6 ? "[" : "", url->host, is_ipv6 ? "]" : "", port,
                        url->path[0] ? url->path : "/") == STATUS_OK);
    bool first = true;
    for (const char *piece = url->query; *piece;) {
        size_t len = strcspn(piece, "&");
        bool is_own = false;
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
            is_own |= strncmp(piece, own[i], strlen(own[i])) == 0;
        if (!is_own && len > 0) {
            CHECK(buffer_append_char(&text, first ? '?' : '&') == STATUS_OK &&
                  buffer_append(&text, piece, len) == STATUS_OK);
            first = false;
        }
        piece += len + (piece[len] == '&');
    }
    webhook->url = mem_strdup(text.data);
    buffer_release(&text);
}

static void webhook_release(struct notify_target *target)
{
    struct webhook *webhook = (struct webhook *)target;

    if (webhook->loop.count > 0)
        loop_group_stop(&webhook->loop);
    if (webhook->hmac_key)
        explicit_bzero(webhook->hmac_key, strlen(webhook->hmac_key));
    if (webhook->authorization)
        explicit_bzero(webhook->authorization, strlen(webhook->authorization));
    free(webhook->hmac_key);
    free(webhook->authorization);
    free(webhook->url);
    free(webhook);
}

static enum status webhook_create(const struct notify_url *url, const char *name, struct notify_target **target,
                                  struct buffer *error)
{
    struct webhook *webhook = mem_zalloc(sizeof(*webhook));

    (void)name;
    webhook->tls = url->tls;
    webhook->ca_file = url->ca_file;
    enum status status = read_authorization(webhook, url, error);
    if (!status)
        status = read_secret(url, "hmac-file", &webhook->hmac_key, error);
    if (!status)
        status = read_records(webhook, url, error);
    if (status) {
        webhook_release((struct notify_target *)webhook);
        return status;
    }
    make_url(webhook, url);
    loop_group_start(&webhook->loop, 1);
    *target = (struct notify_target *)webhook;
    return STATUS_OK;
}

/* ---- sending ------------------------------------------------------------------------------------------------------
 */

struct webhook_send {
    struct webhook *webhook;
    const struct notify_message *messages;
    size_t count, delivered;
    uint64_t deadline_ms;
    int http_status;
    enum status status;
    struct completion done;
};

static bool is_record(struct bytes body)
{
    return bytes_starts_with(body, BYTES(RECORDS_BEGIN)) && body.len > strlen(RECORDS_BEGIN RECORDS_END);
}

/* The body of the next request; returns of how many messages. What is no record goes alone. */
static size_t make_body(const struct webhook_send *send, struct buffer *body)
{
    const struct notify_message *messages = send->messages + send->delivered;
    size_t left = send->count - send->delivered, count = 0, begin = strlen(RECORDS_BEGIN), end = strlen(RECORDS_END);

    if (!is_record(messages[0].body)) {
        CHECK(buffer_assign(body, messages[0].body) == STATUS_OK);
        return 1;
    }
    CHECK(buffer_assign(body, BYTES(RECORDS_BEGIN)) == STATUS_OK);
    for (; count < left && count < send->webhook->records && is_record(messages[count].body); count++) {
        struct bytes record = messages[count].body;
        CHECK((count == 0 || buffer_append_char(body, ',') == STATUS_OK) &&
              buffer_append(body, record.data + begin, record.len - begin - end) == STATUS_OK);
    }
    CHECK(buffer_append_str(body, RECORDS_END) == STATUS_OK);
    return count;
}

/* The seconds and the body with a dot between them, so that nobody sends it again much later. */
static void sign(const struct webhook *webhook, struct bytes body, char *timestamp, char *signature)
{
    uint8_t digest[SHA256_LEN];
    struct buffer text;
    char seconds[24];

    snprintf(seconds, sizeof(seconds), "%lld", (long long)(clock_wall_ms() / 1000));
    buffer_init(&text, body.len + sizeof(seconds) + 1);
    CHECK(buffer_printf(&text, "%s.", seconds) == STATUS_OK && buffer_append_bytes(&text, body) == STATUS_OK);
    hmac_sha256(bytes_from_str(webhook->hmac_key), buffer_bytes(&text), digest);
    buffer_release(&text);
    sprintf(timestamp, "X-Tercet-Timestamp: %s", seconds);
    hex_encode(digest, sizeof(digest), signature + sprintf(signature, "X-Tercet-Signature: sha256="));
}

static enum status post(struct webhook_send *send, struct bytes body, struct bytes event)
{
    const struct webhook *webhook = send->webhook;
    char timestamp[64], signature[128], event_header[128];
    const char *headers[HEADERS_MAX] = {"Content-Type: application/json", event_header};
    size_t count = 2;

    snprintf(event_header, sizeof(event_header), "X-Tercet-Event: %.*s", (int)event.len, event.data);
    if (webhook->authorization)
        headers[count++] = webhook->authorization;
    if (webhook->hmac_key) {
        sign(webhook, body, timestamp, signature);
        headers[count++] = timestamp;
        headers[count++] = signature;
    }
    const struct http_call_options call = {.method = "POST",
                                           .url = webhook->url,
                                           .headers = headers,
                                           .body = body,
                                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                           .ca_file = webhook->ca_file,
                                           .tls_only = webhook->tls};
    enum status status = http_exchange(&call, send->deadline_ms, &send->http_status, NULL);
    if (status || (send->http_status >= 200 && send->http_status <= 299))
        return status;
    return send->http_status == 400 || send->http_status == 413 || send->http_status == 422 ? STATUS_LIMIT
                                                                                            : STATUS_UNAVAILABLE;
}

static void send_run(void *arg)
{
    struct webhook_send *send = arg;
    struct buffer body;

    buffer_init(&body, (size_t)RECORDS_MAX * NOTIFY_RECORD_BYTES_MAX + 64);
    while (!send->status && send->delivered < send->count) {
        size_t count = make_body(send, &body);
        send->http_status = 0;
        send->status = post(send, buffer_bytes(&body), send->messages[send->delivered].event);
        if (!send->status)
            send->delivered += count;
        /* what is left is for the next call, which has its own time */
        if (!send->status && send->delivered < send->count && clock_monotonic_ms() >= send->deadline_ms)
            send->status = STATUS_TIMEOUT;
    }
    buffer_release(&body);
    completion_signal(&send->done);
}

static enum status webhook_send(struct notify_target *target, const struct notify_message *messages, size_t count,
                                uint32_t timeout_ms, size_t *delivered, struct buffer *error)
{
    struct webhook *webhook = (struct webhook *)target;
    struct webhook_send send = {
        .webhook = webhook, .messages = messages, .count = count, .deadline_ms = clock_monotonic_ms() + timeout_ms};

    completion_init(&send.done);
    task_spawn(webhook->loop.loops[0], send_run, &send);
    completion_wait(&send.done);
    *delivered = send.delivered;
    if (send.status && send.http_status)
        STATUS_IGNORE(buffer_printf(error, "the server answered %d", send.http_status), "it fits");
    else if (send.status)
        STATUS_IGNORE(buffer_printf(error, "the server cannot be reached: %s", status_name(send.status)), "it fits");
    return send.status;
}

const struct notify_kind notify_webhook = {
    .scheme = {"http", "https"}, .create = webhook_create, .send = webhook_send, .release = webhook_release};
