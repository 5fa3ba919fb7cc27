/* The source of a copy; see the header. The source is authorized as what it is after decoding: the very bytes
 * that are looked up. */
#include "gateway/s3/copy_source.h"

#include <string.h>

#include "compat/names.h"
#include "gateway/bucketlog/lines.h"
#include "gateway/object/object_read.h"
#include "gateway/object/object_reader.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/object_tags.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"
#include "meta/annotations.h"

static enum status invalid_source(struct exchange *exchange, const char *message)
{
    return s3_fail_argument(exchange, "x-amz-copy-source", s3_header(exchange, "x-amz-copy-source"), message);
}

/* [/]bucket/key[?versionId=ID], percent-encoded, '+' a space; the query part is cut off before decoding. */
static enum status parse(struct exchange *exchange, struct copy_source *source)
{
    static const char query[] = "?versionId=";
    struct bytes raw = s3_header(exchange, "x-amz-copy-source");
    const char *mark = raw.len ? memmem(raw.data, raw.len, query, sizeof(query) - 1) : NULL;

    if (mark) {
        size_t at = (size_t)(mark - raw.data);
        source->version_id = bytes_of(mark + sizeof(query) - 1, raw.len - at - (sizeof(query) - 1));
        source->by_version = true;
        raw.len = at;
    }
    if (uri_decode(raw, true, &source->text))
        return invalid_source(exchange, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    struct bytes text = buffer_bytes(&source->text);
    if (text.len > 0 && text.data[0] == '/')
        text = bytes_of(text.data + 1, text.len - 1);
    const char *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    if (!slash || slash == text.data || slash + 1 == text.data + text.len)
        return invalid_source(exchange, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    source->bucket_name = bytes_of(text.data, (size_t)(slash - text.data));
    source->key = bytes_of(slash + 1, text.len - source->bucket_name.len - 1);
    return STATUS_OK;
}

/* That a key is not there is told to who may list the bucket. */
static enum status fail_absent(struct exchange *exchange, const struct copy_source *source, enum s3_error code,
                               const struct meta_settings *settings)
{
    const struct resource bucket = {.kind = RESOURCE_BUCKET, .bucket = source->bucket_name};
    struct s3_error_details details = {0};

    if (!exchange_may_in(exchange, "s3:ListBucket", &bucket, source->bucket.id, settings))
        return s3_fail(exchange, S3_ACCESS_DENIED);
    s3_error_set(&details, code);
    s3_error_add(&details, "Key", source->key);
    return s3_fail_details(exchange, &details);
}

/* What of the object is copied beside its bytes, where it has some of it. */
static enum status check_right(struct exchange *exchange, const struct copy_source *source, const char *right,
                               const struct resource *resource, const struct meta_settings *settings)
{
    const struct decision decision = exchange_decide_in(exchange, right, resource, source->bucket.id, settings);

    if (!decision.allowed || !decision_is_about(&decision, source->object.sequence))
        return s3_fail(exchange, S3_ACCESS_DENIED);
    return STATUS_OK;
}

static enum status check_rights(struct exchange *exchange, const struct copy_source *source,
                                const struct resource *resource, const struct meta_settings *settings)
{
    bool version = source->by_version;
    enum status status = STATUS_OK;

    if (source->with_tags && object_tags_number(&source->object) > 0)
        status = check_right(exchange, source, version ? "s3:GetObjectVersionTagging" : "s3:GetObjectTagging", resource,
                             settings);
    if (!status && source->with_annotations && meta_annotations_of(&source->object).count > 0)
        status = check_right(exchange, source, version ? "s3:GetObjectVersionAnnotation" : "s3:GetObjectAnnotation",
                             resource, settings);
    return status;
}

static enum status find_object(struct exchange *exchange, struct copy_source *source,
                               const struct meta_settings *settings)
{
    const struct resource resource = {
        .kind = RESOURCE_OBJECT, .bucket = source->bucket_name, .key = source->key, .version_id = source->version_id};
    const struct meta_version version = {.id = source->version_id};
    struct s3_error_details details = {0};
    enum status status;

    const struct decision decision = exchange_decide_in(
        exchange, source->by_version ? "s3:GetObjectVersion" : "s3:GetObject", &resource, source->bucket.id, settings);
    if (!decision.allowed)
        return s3_fail(exchange, S3_ACCESS_DENIED);
    status = meta_object_get(exchange->gateway->meta, source->bucket.id, source->key, &version, &source->object);
    if (status == STATUS_INVALID)
        return invalid_source(exchange, "Invalid version id specified");
    if (status == STATUS_NOT_FOUND)
        return fail_absent(exchange, source, source->by_version ? S3_NO_SUCH_VERSION : S3_NO_SUCH_KEY, settings);
    if (status)
        return s3_fail_status(exchange, status);
    source->found = true;
    if (!decision_is_about(&decision, source->object.sequence))
        return s3_fail(exchange, S3_ACCESS_DENIED); /* it was said of another one, which has been replaced since */
    if (!source->object.delete_marker)
        return check_rights(exchange, source, &resource, settings);
    if (!source->by_version)
        return fail_absent(exchange, source, S3_NO_SUCH_KEY, settings);
    s3_error_setf(&details, S3_INVALID_REQUEST,
                  "The source of a copy request may not specifically refer to a delete marker by version id.");
    return s3_fail_details(exchange, &details);
}

static enum status find(struct exchange *exchange, struct copy_source *source)
{
    struct s3_error_details details = {0};
    struct meta_settings *settings;
    enum status status;

    if (key_check(source->key, &details))
        return s3_fail_details(exchange, &details);
    if (meta_bucket_load(exchange->gateway->meta, source->bucket_name, &source->bucket, &settings)) {
        s3_error_set(&details, S3_NO_SUCH_BUCKET);
        s3_error_add(&details, "BucketName", source->bucket_name);
        return s3_fail_details(exchange, &details);
    }
    status = find_object(exchange, source, settings);
    meta_settings_release(settings);
    return status;
}

enum status copy_source_open(struct exchange *exchange, struct copy_source *source)
{
    static const char *const conditions[] = {"x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match",
                                             "x-amz-copy-source-if-modified-since",
                                             "x-amz-copy-source-if-unmodified-since"};
    struct http_header said[sizeof(conditions) / sizeof(conditions[0])];
    struct s3_error_details details = {0};
    enum status status;

    buffer_init(&source->text, 8192);
    status = parse(exchange, source);
    if (!status)
        status = find(exchange, source);
    if (status)
        return status;
    const struct condition_target target = object_condition_target(&source->object);
    const struct header_list headers =
        s3_named_headers(exchange, conditions, sizeof(conditions) / sizeof(conditions[0]), said);
    if (conditions_check_copy_source(headers, &target, &details))
        return s3_fail_details(exchange, &details);
    if (source->by_version || source->bucket.versioned)
        http_reply_header_str(exchange->http, "x-amz-copy-source-version-id", source->object.version_id);
    return STATUS_OK;
}

void copy_source_log(struct exchange *exchange, const struct copy_source *source)
{
    const struct bucketlog_source logged = {source->bucket_name, source->key, source->version_id, source->found,
                                            source->found ? source->object.size : 0};

    bucketlog_copy_source(exchange, &logged);
}

void copy_source_release(struct copy_source *source)
{
    if (source->found)
        meta_object_release(&source->object);
    buffer_release(&source->text);
    source->found = false;
}

enum status copy_source_read(struct exchange *exchange, const struct copy_source *source, const struct range *range,
                             struct ingest *ingest)
{
    const struct encryption_place place = {source->bucket_name, source->key};
    struct object_reader reader;
    struct object_key key;
    struct bytes piece;
    enum status status = s3_key_of_source(exchange, &place, source->object.attributes, &key);

    if (status)
        return status;
    status = object_reader_open(&reader, exchange->gateway, &source->object, &key, range->offset, range->length);
    explicit_bzero(&key, sizeof(key));
    while (!status) {
        status = object_reader_next(&reader, &piece);
        if (status || piece.len == 0)
            break;
        status = http_request_is_closed(exchange->http) ? STATUS_CLOSED : ingest_write(ingest, piece);
    }
    object_reader_release(&reader);
    if (status)
        return s3_fail_status(exchange, status);
    ingest_seal(ingest);
    return STATUS_OK;
}
