/* Lines of requests; see the header. */
#include "gateway/bucketlog/lines.h"

#include <stdio.h>

#include "base/clock.h"
#include "compat/access_line.h"
#include "compat/bucket_logging.h"
#include "gateway/bucketlog/batch.h"
#include "gateway/bucketlog/operation_name.h"
#include "gateway/bucketlog/spool.h"
#include "gateway/front/operation.h"
#include "gateway/s3/acl.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/reply.h"

/* NULL: the bucket logs nothing. */
static const struct bucket_logging *logging_of(const struct gateway *gateway, const struct meta_settings *settings)
{
    struct meta_setting found;

    if (!gateway->bucketlog || meta_setting_find(settings, S3_SETTING_LOGGING, &found))
        return NULL;
    return found.parsed;
}

static void add(struct gateway *gateway, const struct bucket_logging *logging, uint32_t bucket,
                const struct access_line *line)
{
    struct buffer text, entry;

    buffer_init(&text, 2 * ACCESS_LINE_MAX);
    buffer_init(&entry, BUCKETLOG_ENTRY_BYTES_MAX);
    enum status status = access_line_write(&text, line);
    const struct bucketlog_entry waiting = {.bucket = bucket,
                                            .received_ms = line->received_ms,
                                            .target = logging->target,
                                            .prefix = logging->prefix,
                                            .format = logging->format,
                                            .line = buffer_bytes(&text)};
    if (!status)
        status = bucketlog_entry_write(&entry, &waiting);
    if (status)
        bucketlog_spool_count_lost(BUCKETLOG_LOST_IN_MEMORY, 1);
    else
        bucketlog_spool_add(gateway->bucketlog, buffer_bytes(&entry));
    buffer_release(&text);
    buffer_release(&entry);
}

/* ---- of a request ----------------------------------------------------------------------------------------------- */

/* What a line is made of that lives elsewhere. */
struct line_texts {
    char remote[64], operation[BUCKETLOG_OPERATION_NAME_MAX], tls_version[16];
};

static struct bytes requester(const struct exchange *exchange)
{
    const struct policy_caller *caller = &exchange->principal.caller;

    if (exchange->principal.access_key.len == 0)
        return (struct bytes){0};
    return caller->kind == POLICY_ROOT ? s3_owner.id : caller->arn;
}

static void tell_auth(const struct exchange *exchange, struct access_line *line)
{
    static const struct {
        const char *version, *type;
    } kinds[] = {
        [AUTH_V4_HEADER] = {"SigV4", "AuthHeader"}, [AUTH_V2_HEADER] = {"SigV2", "AuthHeader"},
        [AUTH_V4_QUERY] = {"SigV4", "QueryString"}, [AUTH_V2_QUERY] = {"SigV2", "QueryString"},
        [AUTH_V4_FORM] = {"SigV4", "POST"},         [AUTH_V2_FORM] = {"SigV2", "POST"},
    };
    enum auth_type type = exchange->credentials.type;

    if (type == AUTH_ANONYMOUS || (size_t)type >= sizeof(kinds) / sizeof(kinds[0]))
        return;
    line->signature_version = bytes_from_str(kinds[type].version);
    line->auth_type = bytes_from_str(kinds[type].type);
}

/* From the last byte of the request to the first one of the answer. */
static int64_t turn_around_ms(const struct http_request *http)
{
    uint64_t since_us = http->body_end_us > http->start_us ? http->body_end_us : http->start_us;

    return http->ttfb_us >= since_us ? (int64_t)((http->ttfb_us - since_us) / 1000) : -1;
}

static void tell_request(const struct exchange *exchange, struct line_texts *texts, struct access_line *line)
{
    const struct http_request *http = exchange->http;
    int64_t total_ms = (int64_t)((clock_monotonic_us() - http->start_us) / 1000);

    http_request_peer_text(http, texts->remote);
    bucketlog_operation_name(exchange, texts->operation);
    snprintf(texts->tls_version, sizeof(texts->tls_version), "TLSv%s", http->tls_version ? http->tls_version : "");
    *line = (struct access_line){
        .received_ms = clock_wall_ms() - total_ms,
        .remote = bytes_from_str(texts->remote),
        .requester = requester(exchange),
        .request_id = bytes_from_str(http->id),
        .operation = bytes_from_str(texts->operation),
        .key = exchange->key,
        .method = http->method,
        .target = http->target,
        .status = http->status,
        .error_code = bytes_from_str(exchange->error_code),
        .bytes_sent = (int64_t)http->bytes_out,
        .object_size = exchange->has_logged_size ? (int64_t)exchange->logged_size : -1,
        .total_ms = total_ms,
        .turn_around_ms = turn_around_ms(http),
        .referrer = http_request_header(http, "Referer"),
        .user_agent = http_request_header(http, "User-Agent"),
        .version_id = uri_query_value(&exchange->query, "versionId"),
        .host_id = bytes_from_str(http->id),
        .host = http_request_header(http, "Host"),
        .acl_required = exchange->decision.allowed && exchange->decision.by == DECIDED_BY_ACL,
    };
    if (http->tls) {
        line->tls_version = bytes_from_str(texts->tls_version);
        line->cipher = bytes_from_str(http->tls_cipher);
    }
    tell_auth(exchange, line);
}

static void tell_bucket(struct access_line *line, struct bytes bucket, const struct meta_settings *settings)
{
    line->owner = acl_bucket_owner(settings).id;
    line->bucket = bucket;
}

/* The settings that the request was decided by; of one that was refused before, those that there are now. *held: to be
 * released. */
static const struct meta_settings *settings_of(struct exchange *exchange, uint32_t *bucket, struct meta_settings **held)
{
    struct meta_bucket found;

    *held = NULL;
    *bucket = exchange->bucket.id;
    if (exchange->bucket.id != 0)
        return exchange->settings;
    if (exchange->replaced || exchange->call || exchange->bucket_name.len == 0 ||
        meta_bucket_load(exchange->gateway->meta, exchange->bucket_name, &found, held))
        return NULL;
    *bucket = found.id;
    return *held;
}

void bucketlog_request(struct exchange *exchange)
{
    const struct bucket_logging *logging;
    struct meta_settings *held;
    struct line_texts texts;
    struct access_line line;
    uint32_t bucket;

    if (!exchange->gateway->bucketlog)
        return;
    const struct meta_settings *settings = settings_of(exchange, &bucket, &held);
    logging = logging_of(exchange->gateway, settings);
    if (logging) {
        tell_request(exchange, &texts, &line);
        tell_bucket(&line, exchange->bucket_name, settings);
        add(exchange->gateway, logging, bucket, &line);
    }
    meta_settings_release(held);
}

void bucketlog_deleted_key(struct exchange *exchange, struct bytes key, struct bytes version_id, int status,
                           const char *error_code)
{
    const struct bucket_logging *logging = logging_of(exchange->gateway, exchange->settings);
    struct line_texts texts;
    struct access_line line;

    if (!logging)
        return;
    tell_request(exchange, &texts, &line);
    tell_bucket(&line, exchange->bucket_name, exchange->settings);
    line.operation = BYTES("BATCH.DELETE.OBJECT");
    line.key = key;
    line.version_id = version_id;
    line.target = (struct bytes){0};
    line.status = status;
    line.error_code = bytes_from_str(error_code);
    line.bytes_sent = line.object_size = line.total_ms = line.turn_around_ms = -1;
    add(exchange->gateway, logging, exchange->bucket.id, &line);
}

void bucketlog_copy_source(struct exchange *exchange, const struct bucketlog_source *source)
{
    const struct bucket_logging *logging;
    struct meta_settings *settings;
    struct meta_bucket bucket;
    struct line_texts texts;
    struct access_line line;

    if (!exchange->gateway->bucketlog || source->bucket.len == 0 ||
        meta_bucket_load(exchange->gateway->meta, source->bucket, &bucket, &settings))
        return;
    logging = logging_of(exchange->gateway, settings);
    if (logging) {
        tell_request(exchange, &texts, &line);
        tell_bucket(&line, source->bucket, settings);
        line.operation = exchange->operation->selector ? BYTES("REST.COPY.PART_GET") : BYTES("REST.COPY.OBJECT_GET");
        line.key = source->key;
        line.version_id = source->version_id;
        line.bytes_sent = -1;
        line.object_size = source->has_size ? (int64_t)source->size : -1;
        add(exchange->gateway, logging, bucket.id, &line);
    }
    meta_settings_release(settings);
}

/* ---- without a request ------------------------------------------------------------------------------------------ */

void bucketlog_lifecycle(struct gateway *gateway, const struct meta_bucket *bucket,
                         const struct meta_settings *settings, const char *operation, struct bytes key,
                         struct bytes version_id)
{
    const struct bucket_logging *logging = logging_of(gateway, settings);
    uint8_t random[8];
    char id[17];

    if (!logging)
        return;
    random_bytes(random, sizeof(random));
    snprintf(id, sizeof(id), "%016llX", (unsigned long long)get_u64(random));
    struct access_line line = {.received_ms = clock_wall_ms(),
                               .requester = BYTES("AmazonS3"),
                               .request_id = bytes_from_str(id),
                               .operation = bytes_from_str(operation),
                               .key = key,
                               .bytes_sent = -1,
                               .object_size = -1,
                               .total_ms = -1,
                               .turn_around_ms = -1,
                               .version_id = version_id,
                               .host_id = bytes_from_str(id)};
    tell_bucket(&line, bytes_from_str(bucket->name), settings);
    add(gateway, logging, bucket->id, &line);
}
