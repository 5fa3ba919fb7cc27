/* RenameObject: an object of a bucket without versioning gets another key, in one commit and without a byte moved. AWS
 * has it for directory buckets, where the right is s3express:CreateSession; here it takes what it amounts to: to write
 * the target (the operation's right), and to read and to delete the source. */
#include <string.h>

#include "compat/conditions.h"
#include "compat/names.h"
#include "gateway/notify/event.h"
#include "gateway/object/object_read.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/rename_tokens.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"
#include "meta/attributes.h"

enum {
    CONDITIONS = 8,
    TRIES_MAX = 8, /* each but the first after somebody else changed the source */
    TOKEN_LEN_MAX = 64,
};

static const char *const condition_names[CONDITIONS] = {"If-Match",
                                                        "If-None-Match",
                                                        "If-Modified-Since",
                                                        "If-Unmodified-Since",
                                                        "x-amz-rename-source-if-match",
                                                        "x-amz-rename-source-if-none-match",
                                                        "x-amz-rename-source-if-modified-since",
                                                        "x-amz-rename-source-if-unmodified-since"};

struct rename_request {
    struct buffer source; /* its decoded key */
    struct http_header said[CONDITIONS];
    struct header_list conditions;
    bool has_token;
    struct rename_token token;
    struct decision target; /* that who asks may read what is there; of zeros: no condition tells of it */
    struct buffer sealed;   /* for the target */
    struct s3_error_details details;
};

/* ---- what the request says -------------------------------------------------------------------------------------- */

static enum status invalid_source(struct exchange *exchange, const char *message)
{
    return s3_fail_argument(exchange, "x-amz-rename-source", s3_header(exchange, "x-amz-rename-source"), message);
}

/* KEY, /KEY or /BUCKET/KEY, percent-encoded: the SDKs do not agree. A key that begins with a slash is sent as %2F or
 * behind another slash. */
static enum status read_source(struct exchange *exchange, struct rename_request *request)
{
    struct bytes raw = s3_header(exchange, "x-amz-rename-source"), bucket = exchange->bucket_name;
    struct s3_error_details details = {0};

    if (raw.len == 0)
        return invalid_source(exchange, "RenameObject needs the key of the object that is to be renamed.");
    if (raw.data[0] == '/') {
        raw = bytes_of(raw.data + 1, raw.len - 1);
        if (raw.len > bucket.len && raw.data[bucket.len] == '/' && bytes_starts_with(raw, bucket))
            raw = bytes_of(raw.data + bucket.len + 1, raw.len - bucket.len - 1);
    }
    if (uri_decode(raw, false, &request->source) || request->source.len == 0)
        return invalid_source(exchange, "The source is not a key of this bucket, percent-encoded.");
    if (key_check(buffer_bytes(&request->source), &details))
        return s3_fail_details(exchange, &details);
    if (!bytes_equal(buffer_bytes(&request->source), exchange->key))
        return STATUS_OK;
    s3_error_setf(&details, S3_INVALID_REQUEST, "This rename request is illegal: its source is its target.");
    return s3_fail_details(exchange, &details);
}

static void read_conditions(struct exchange *exchange, struct rename_request *request)
{
    request->conditions = (struct header_list){request->said, 0};
    for (size_t i = 0; i < CONDITIONS; i++) {
        bool plain = condition_names[i][0] == 'I'; /* never in the query */
        struct bytes value =
            plain ? http_request_header(exchange->http, condition_names[i]) : s3_header(exchange, condition_names[i]);
        if (value.data)
            request->said[request->conditions.count++] =
                (struct http_header){bytes_from_str(condition_names[i]), value};
    }
}

static void digest_text(struct digest *digest, struct bytes text)
{
    char len[4];

    put_u32(len, (uint32_t)text.len);
    digest_update(digest, len, sizeof(len));
    digest_update(digest, text.data, text.len);
}

static enum status read_token(struct exchange *exchange, struct rename_request *request)
{
    struct bytes token = s3_header(exchange, "x-amz-client-token");
    struct digest digest;
    char bucket[4];

    if (token.len == 0)
        return STATUS_OK;
    for (size_t i = 0; i < token.len; i++)
        if (token.len > TOKEN_LEN_MAX || token.data[i] < 33 || token.data[i] > 126)
            return s3_fail_argument(exchange, "x-amz-client-token", token,
                                    "A client token has 1 to 64 printable ASCII characters.");
    request->has_token = true;
    put_u32(bucket, exchange->bucket.id);
    digest_init(&digest, DIGEST_SHA256);
    digest_text(&digest, bytes_of(bucket, sizeof(bucket)));
    digest_text(&digest, token);
    digest_final(&digest, request->token.name);
    digest_init(&digest, DIGEST_SHA256);
    digest_text(&digest, bytes_of((const char *)request->token.name, SHA256_LEN));
    digest_text(&digest, buffer_bytes(&request->source));
    digest_text(&digest, exchange->key);
    for (size_t i = 0; i < request->conditions.count; i++) {
        digest_text(&digest, request->conditions.headers[i].name);
        digest_text(&digest, request->conditions.headers[i].value);
    }
    digest_final(&digest, request->token.request);
    return STATUS_OK;
}

static enum status check_versioning(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    if (!exchange->bucket.versioned)
        return STATUS_OK;
    s3_error_setf(&details, S3_INVALID_BUCKET_STATE,
                  "Objects can be renamed in buckets that never had versioning only: this one keeps versions of its "
                  "keys. Copy the object and delete it.");
    return s3_fail_details(exchange, &details);
}

/* What a condition says of the target is for who may read it; If-Match was asked about with the operation. */
static enum status check_target(struct exchange *exchange, struct rename_request *request)
{
    const struct resource target = {.kind = RESOURCE_OBJECT, .bucket = exchange->bucket_name, .key = exchange->key};
    bool dated = http_request_header(exchange->http, "If-Modified-Since").len > 0 ||
                 http_request_header(exchange->http, "If-Unmodified-Since").len > 0;
    struct bytes none_match = http_request_header(exchange->http, "If-None-Match");

    request->target = exchange->further;
    if (!dated && (none_match.len == 0 || bytes_equal_str(none_match, "*")))
        return STATUS_OK;
    request->target = exchange_decide(exchange, "s3:GetObject", &target);
    return request->target.allowed ? STATUS_OK : s3_fail(exchange, S3_ACCESS_DENIED);
}

static enum status read_request(struct exchange *exchange, struct rename_request *request)
{
    enum status status = check_versioning(exchange);

    if (!status)
        status = read_source(exchange, request);
    if (!status)
        status = check_target(exchange, request);
    read_conditions(exchange, request);
    return status ? status : read_token(exchange, request);
}

/* ---- doing it --------------------------------------------------------------------------------------------------- */

static enum status fail_absent(struct exchange *exchange, const struct rename_request *request)
{
    const struct resource bucket = {.kind = RESOURCE_BUCKET, .bucket = exchange->bucket_name};
    struct s3_error_details details = {0};

    if (!exchange_may(exchange, "s3:ListBucket", &bucket))
        return s3_fail(exchange, S3_ACCESS_DENIED);
    s3_error_set(&details, S3_NO_SUCH_KEY);
    s3_error_add(&details, "Key", buffer_bytes(&request->source));
    return s3_fail_details(exchange, &details);
}

/* The source as it is now, if who asks may read and delete it; found NULL: it is not there. Answers errors. */
static enum status open_source(struct exchange *exchange, const struct rename_request *request,
                               struct meta_object *source, bool *found)
{
    const struct resource resource = {
        .kind = RESOURCE_OBJECT, .bucket = exchange->bucket_name, .key = buffer_bytes(&request->source)};
    static const struct meta_version latest;

    *found = false;
    const struct decision reads = exchange_decide(exchange, "s3:GetObject", &resource);
    const struct decision deletes = exchange_decide(exchange, "s3:DeleteObject", &resource);
    if (!reads.allowed || !deletes.allowed)
        return s3_fail(exchange, S3_ACCESS_DENIED);
    enum status status = meta_object_get(exchange->gateway->meta, exchange->bucket.id, resource.key, &latest, source);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : s3_fail_status(exchange, status);
    *found = true;
    if (decision_is_about(&reads, source->sequence) && decision_is_about(&deletes, source->sequence))
        return STATUS_OK;
    return s3_fail(exchange, S3_ACCESS_DENIED); /* said of another one, which has been replaced since */
}

/* meta_rename.check, in the committer. */
static enum status check_conditions(void *arg, const struct meta_object *source, const struct meta_object *target)
{
    struct rename_request *request = arg;
    const struct condition_target from = object_condition_target(source);
    struct condition_target to;

    if (target && !decision_is_about(&request->target, target->sequence)) { /* it came since, perhaps a secret one */
        s3_error_set(&request->details, S3_PRECONDITION_FAILED);
        return STATUS_PRECONDITION;
    }
    if (target)
        to = object_condition_target(target);
    return conditions_check_rename(request->conditions, &from, target ? &to : NULL, &request->details);
}

static enum status fail_rename(struct exchange *exchange, struct rename_request *request,
                               const struct meta_rename *rename, enum status status)
{
    if (request->details.code != S3_ERROR_NONE)
        return s3_fail_details(exchange, &request->details);
    if (status == STATUS_DENIED || status == STATUS_CONFLICT) {
        s3_error_setf(&request->details, S3_ACCESS_DENIED, "%s",
                      status == STATUS_DENIED ? S3_LOCKED_TEXT : S3_LOCK_DOUBT_TEXT);
        return s3_fail_details(exchange, &request->details);
    }
    if (status == STATUS_INVALID) { /* it was given versioning meanwhile */
        exchange->bucket.versioned = true;
        return check_versioning(exchange);
    }
    if (status == STATUS_PRECONDITION)
        return s3_fail(exchange, S3_CONDITIONAL_REQUEST_CONFLICT);
    if (status == STATUS_NOT_FOUND)
        return rename->no_bucket ? s3_fail_no_such_bucket(exchange) : fail_absent(exchange, request);
    return s3_fail_status(exchange, status);
}

/* With its events. */
static enum status commit(struct exchange *exchange, struct meta_rename *rename)
{
    struct notify_event removed = {0}, created = {0};
    struct meta_object object;

    rename->outbox_source = notify_event_make(exchange, NOTIFICATION_REMOVED_DELETE, rename->source, &removed);
    rename->outbox_target = notify_event_make(exchange, NOTIFICATION_CREATED_COPY, rename->target, &created);
    enum status status = meta_object_rename(exchange->gateway->meta, exchange->bucket.id, rename, &object);
    notify_event_release(&removed);
    notify_event_release(&created);
    return status;
}

/* Once, of the source as it is now. *again: somebody else changed it meanwhile. Answers errors but that one. */
static enum status try_rename(struct exchange *exchange, struct rename_request *request, bool *again)
{
    struct meta_rename rename = {.source = buffer_bytes(&request->source),
                                 .target = exchange->key,
                                 .token = request->has_token ? request->token.request : NULL,
                                 .check = check_conditions,
                                 .arg = request};
    struct meta_object source;
    bool found;
    enum status status = open_source(exchange, request, &source, &found);

    if (status)
        goto out;
    buffer_clear(&request->sealed);
    if (found) {
        const struct encryption_place from = {exchange->bucket_name, rename.source};
        status = s3_reseal(exchange, &from, source.attributes, &request->sealed);
        rename.sequence = source.sequence;
    }
    if (status)
        goto out;
    if (request->sealed.len > 0) {
        rename.sealed = buffer_bytes(&request->sealed);
        rename.sealed_was = meta_attributes_seal(source.attributes);
    }
    status = commit(exchange, &rename);
    *again = status == STATUS_PRECONDITION && request->details.code == S3_ERROR_NONE;
    if (status && !*again)
        status = fail_rename(exchange, request, &rename, status);
out:
    if (found)
        meta_object_release(&source);
    return status;
}

static enum status do_rename(struct exchange *exchange, struct rename_request *request)
{
    bool again = true;
    enum status status = STATUS_PRECONDITION;

    for (int i = 0; i < TRIES_MAX && again; i++) {
        again = false;
        status = try_rename(exchange, request, &again);
    }
    if (again)
        status = s3_fail(exchange, S3_CONDITIONAL_REQUEST_CONFLICT);
    return status;
}

/* What the token stands for, once it is known that who sends it may do that. */
static enum status check_token(struct exchange *exchange, const struct rename_request *request, bool *done)
{
    struct meta_object source;
    bool found;

    *done = false;
    if (!request->has_token)
        return STATUS_OK;
    enum rename_token_use use = rename_token_find(exchange->gateway->rename_tokens, &request->token);
    if (use == RENAME_TOKEN_OTHER)
        return s3_fail(exchange, S3_IDEMPOTENCY_PARAMETER_MISMATCH);
    *done = use == RENAME_TOKEN_DONE;
    if (!*done)
        return STATUS_OK;
    enum status status = open_source(exchange, request, &source, &found);
    if (found)
        meta_object_release(&source);
    return status;
}

void s3_rename_object(struct exchange *exchange)
{
    struct rename_request request = {0};
    enum status status;
    bool done = false;

    buffer_init(&request.source, META_KEY_MAX + 1024);
    buffer_init(&request.sealed, META_ATTRIBUTES_BYTES_MAX);
    status = read_request(exchange, &request);
    if (!status)
        status = check_token(exchange, &request, &done);
    if (!status && !done)
        status = do_rename(exchange, &request);
    if (!status) {
        if (request.has_token)
            rename_token_done(exchange->gateway->rename_tokens, &request.token);
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    }
    buffer_release(&request.source);
    buffer_release(&request.sealed);
}
