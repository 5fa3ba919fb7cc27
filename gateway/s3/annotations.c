/* Put, get, list and delete of the annotations of an object or a version. What a request says is held against the
 * version that it finds, and a change is for that version and no other: one that has taken its place meanwhile has
 * annotations of its own, and perhaps another key. */
#include "gateway/s3/annotations.h"

#include <string.h>

#include "compat/annotation.h"
#include "gateway/front/operation.h"
#include "gateway/front/reply.h"
#include "gateway/notify/event.h"
#include "gateway/object/object_read.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/body.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

enum status s3_annotations_may_be(struct exchange *exchange, struct bytes attributes)
{
    struct s3_error_details details = {0};
    struct encryption encryption;

    if (encryption_read(attributes, &encryption) || encryption.kind != ENCRYPTION_CUSTOMER)
        return STATUS_OK;
    s3_error_setf(&details, S3_INVALID_REQUEST,
                  "Objects encrypted with server-side encryption with customer-provided keys (SSE-C) cannot have "
                  "annotations.");
    return s3_fail_details(exchange, &details);
}

/* The version, to be released; a delete marker has none. */
static enum status find(struct exchange *exchange, struct meta_object *object)
{
    enum status status = s3_find_object(exchange, object);

    if (status || !object->delete_marker)
        return status;
    status = s3_fail_delete_marker(exchange, object, false);
    meta_object_release(object);
    return status;
}

static enum status read_name(struct exchange *exchange, struct bytes *name)
{
    struct s3_error_details details = {0};

    *name = uri_query_value(&exchange->query, "annotationName");
    return annotation_name_check(*name, &details) ? s3_fail_details(exchange, &details) : STATUS_OK;
}

/* x-amz-object-if-match */
static enum status check_condition(struct exchange *exchange, const struct meta_object *object)
{
    struct bytes wanted = s3_header(exchange, "x-amz-object-if-match");
    const struct etag etag = object_etag(object);
    struct s3_error_details details = {0};

    if (wanted.len == 0 || etag_list_matches(wanted, &etag, false))
        return STATUS_OK;
    s3_error_set(&details, S3_PRECONDITION_FAILED);
    s3_error_add(&details, "Condition", BYTES("x-amz-object-if-match"));
    return s3_fail_details(exchange, &details);
}

static void reply_object_version(struct exchange *exchange, const struct meta_object *object)
{
    if (exchange->bucket.versioned)
        http_reply_header_str(exchange->http, "x-amz-object-version-id", object->version_id);
}

static enum status fail_absent(struct exchange *exchange, struct bytes name)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_NO_SUCH_ANNOTATION);
    s3_error_add(&details, "AnnotationName", name);
    return s3_fail_details(exchange, &details);
}

/* Why a change was not made. */
static enum status fail_change(struct exchange *exchange, enum status status)
{
    struct s3_error_details details = {0};

    switch (status) {
    case STATUS_NOT_FOUND:
        return s3_fail_no_such_key(exchange);
    case STATUS_PRECONDITION: /* another version has taken the place of the one that was found */
        return s3_fail(exchange, S3_CONDITIONAL_REQUEST_CONFLICT);
    case STATUS_EXISTS:
        return s3_fail(exchange, S3_ANNOTATION_LIMIT_EXCEEDED);
    case STATUS_DENIED:
        s3_error_setf(&details, S3_ACCESS_DENIED, "%s", S3_LOCKED_TEXT);
        return s3_fail_details(exchange, &details);
    case STATUS_CONFLICT:
        s3_error_setf(&details, S3_ACCESS_DENIED, "%s", S3_LOCK_DOUBT_TEXT);
        return s3_fail_details(exchange, &details);
    default:
        return s3_fail_status(exchange, status);
    }
}

/* What a change is for: what the lock of the version forbids, who asks may be permitted. */
static enum status find_to_change(struct exchange *exchange, struct meta_object *object, struct meta_annotated *where)
{
    struct bytes version_id = uri_query_value(&exchange->query, "versionId");
    const struct resource resource = {
        .kind = RESOURCE_OBJECT, .bucket = exchange->bucket_name, .key = exchange->key, .version_id = version_id};
    bool bypass;

    if (s3_lock_bypass_wanted(exchange, &bypass))
        return STATUS_DENIED;
    enum status status = find(exchange, object);
    if (status)
        return status;
    status = check_condition(exchange, object);
    if (status) {
        meta_object_release(object);
        return status;
    }
    *where = (struct meta_annotated){.bucket = exchange->bucket.id,
                                     .key = exchange->key,
                                     .version = {.id = version_id},
                                     .sequence = object->sequence,
                                     .permits = s3_lock_permits(exchange, bypass, &resource)};
    return STATUS_OK;
}

/* ---- put ------------------------------------------------------------------------------------------------------ */

struct put {
    struct exchange *exchange;
    struct meta_annotated where;
    struct meta_object object;
    struct meta_annotation annotation;
};

static enum status commit(void *arg, const struct chunk_list *chunks)
{
    struct put *put = arg;
    struct exchange *exchange = put->exchange;
    struct notify_event event = {0};

    put->where.outbox = notify_event_make(exchange, exchange->operation->event, exchange->key, &event);
    enum status status = meta_annotation_put(exchange->gateway->meta, &put->where, &put->annotation, chunks);
    notify_event_release(&event);
    return status;
}

static enum status check_text(struct exchange *exchange, const struct s3_body *body, const struct ingest *ingest)
{
    struct s3_error_details details = {0};

    if (ingest->size == 0) {
        s3_error_setf(&details, S3_INVALID_REQUEST, "An annotation must have at least 1 byte.");
        return s3_fail_details(exchange, &details);
    }
    return s3_body_was_text(body) ? STATUS_OK : s3_fail(exchange, S3_UNSUPPORTED_MEDIA_TYPE);
}

static void reply_put(const struct put *put, const struct ingest *ingest)
{
    struct exchange *exchange = put->exchange;
    struct etag etag = {.parts = 0};
    struct buffer body;

    memcpy(etag.md5, put->annotation.md5, MD5_LEN);
    reply_etag(exchange, &etag);
    s3_reply_checksum(exchange, &ingest->checksum_value, 0);
    reply_object_version(exchange, &put->object);
    s3_reply_encryption(exchange, put->object.attributes, false);
    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX * 4);
    HTTP_LAST_REPLY(
        s3_reply_document(exchange, response_annotation_put(&body, exchange->key, put->annotation.name), &body));
}

static void store(struct put *put, struct s3_body *body, struct ingest *ingest)
{
    struct exchange *exchange = put->exchange;

    if (s3_body_to_ingest(body, ingest) || check_text(exchange, body, ingest))
        return;
    put->annotation.size = ingest->size;
    put->annotation.checksum = stored_checksum_make(&ingest->checksum_value);
    put->annotation.seal = ingest->seal;
    ingest_etag(ingest, put->annotation.md5);
    enum status status = ingest_store(ingest, commit, put);
    if (status)
        HTTP_LAST_REPLY(fail_change(exchange, status));
    else
        reply_put(put, ingest);
}

/* With the object's key, for a stream of its own. */
static void receive(struct put *put, struct s3_body *body)
{
    struct exchange *exchange = put->exchange;
    enum checksum_algorithm algorithm = s3_body_algorithm(body);
    struct object_key key;
    struct ingest ingest = {0};
    enum status status = s3_key_to_read(exchange, put->object.attributes, &key);

    if (!status) {
        const struct ingest_plan plan = {.expected_size = s3_body_size(body),
                                         .sha256 = s3_body_wants_sha256(body),
                                         .algorithm = algorithm == CHECKSUM_NONE ? CHECKSUM_CRC64NVME : algorithm,
                                         .key = &key};
        if (key.sealed)
            block_seal_id_create(&key.id);
        status = ingest_open(&ingest, exchange->gateway, &plan);
        if (status)
            HTTP_LAST_REPLY(s3_fail_status(exchange, status));
    }
    explicit_bzero(&key, sizeof(key));
    if (!status)
        store(put, body, &ingest);
    ingest_release(&ingest);
}

void s3_put_object_annotation(struct exchange *exchange)
{
    struct put put = {.exchange = exchange};
    struct s3_body *body;

    if (read_name(exchange, &put.annotation.name) || find_to_change(exchange, &put.object, &put.where))
        return;
    if (!s3_annotations_may_be(exchange, put.object.attributes) &&
        !s3_body_open(exchange, META_ANNOTATION_BYTES_MAX, &body)) {
        s3_body_expect_text(body);
        receive(&put, body);
        s3_body_close(body);
    }
    meta_object_release(&put.object);
}

/* ---- get ------------------------------------------------------------------------------------------------------ */

struct get {
    const struct meta_object *object;
    bool with_checksum;
};

/* object_give_headers */
static void give_headers(struct exchange *exchange, const struct meta_object *text, const void *arg)
{
    const struct get *get = arg;
    const struct checksum_value checksum = stored_checksum_read(&text->checksum);

    http_reply_header_str(exchange->http, "Content-Type", "text/plain; charset=utf-8");
    if (get->with_checksum)
        s3_reply_checksum(exchange, &checksum, 0);
    reply_object_version(exchange, get->object);
    s3_reply_encryption(exchange, get->object->attributes, false);
}

static void send_text(struct exchange *exchange, const struct meta_object *object,
                      const struct meta_annotation *annotation, const struct meta_object *text)
{
    struct s3_error_details details = {0};
    struct object_range wanted;
    struct object_key key;
    struct get get = {.object = object};

    if (object_select_range(exchange, text, &wanted)) {
        range_unsatisfiable(http_request_header(exchange->http, "Range"), text->size, &details);
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        return;
    }
    get.with_checksum = !wanted.partial && bytes_equal_nocase(s3_header(exchange, "x-amz-checksum-mode"), "ENABLED");
    enum status status = s3_key_to_read(exchange, object->attributes, &key);
    if (!status) {
        key.id = annotation->seal;
        status = object_send(exchange, text, &key, &wanted, give_headers, &get);
        if (status)
            HTTP_LAST_REPLY(s3_fail_status(exchange, status));
    }
    explicit_bzero(&key, sizeof(key));
}

/* The version and its annotation. A version that is gone when the annotation is looked for may have been replaced, or
 * appended to: then the next one is asked. */
static enum status find_text(struct exchange *exchange, struct bytes name, struct meta_object *object,
                             struct meta_annotation *annotation, struct meta_object *text)
{
    enum { ATTEMPTS_MAX = 20 };
    struct meta *meta = exchange->gateway->meta;
    bool gone = true;

    for (int i = 0; i < ATTEMPTS_MAX && gone; i++) {
        enum status status = find(exchange, object);
        if (status)
            return status;
        status = meta_annotation_get(meta, exchange->bucket.id, exchange->key, object, name, annotation, text, &gone);
        if (!status)
            return STATUS_OK;
        meta_object_release(object);
        if (status != STATUS_NOT_FOUND)
            return s3_fail_status(exchange, status);
    }
    return gone ? s3_fail_status(exchange, STATUS_UNAVAILABLE) : fail_absent(exchange, name);
}

void s3_get_object_annotation(struct exchange *exchange)
{
    struct meta_annotation annotation;
    struct meta_object object, text;
    struct bytes name;

    if (read_name(exchange, &name) || find_text(exchange, name, &object, &annotation, &text))
        return;
    send_text(exchange, &object, &annotation, &text);
    meta_object_release(&text);
    meta_object_release(&object);
}

/* ---- list ----------------------------------------------------------------------------------------------------- */

static enum status read_page(struct exchange *exchange, struct bytes *prefix, uint64_t *max, struct buffer *after)
{
    struct bytes token = uri_query_value(&exchange->query, "continuation-token");
    struct s3_error_details details = {0};
    enum status status;

    *prefix = uri_query_value(&exchange->query, "annotation-prefix");
    status = annotation_prefix_check(*prefix, &details) ? s3_fail_details(exchange, &details) : STATUS_OK;
    if (!status)
        status = s3_number(exchange, "max-annotation-results", META_ANNOTATIONS_MAX, META_ANNOTATIONS_MAX, max);
    if (!status && *max == 0)
        status = s3_fail_argument(exchange, "max-annotation-results", BYTES("0"),
                                  "max-annotation-results must be between 1 and 1000.");
    if (status || token.len == 0)
        return status;
    char *out = token.len <= 2 * META_ANNOTATION_NAME_MAX ? buffer_reserve(after, token.len / 2) : NULL;
    if (!out || token.len % 2 || hex_decode(token, out, token.len / 2))
        return s3_fail_argument(exchange, "continuation-token", token, "The continuation token provided is incorrect");
    after->len = token.len / 2;
    return STATUS_OK;
}

static void write_page(struct exchange *exchange, struct response_annotations *list,
                       const struct meta_annotation_page *page)
{
    char token[2 * META_ANNOTATION_NAME_MAX + 1];
    struct xml_writer writer;
    struct buffer body;

    list->count = page->count;
    if (page->truncated) {
        struct bytes last = page->entries[page->count - 1].name;
        hex_encode(last.data, last.len, token);
        list->next_continuation_token = bytes_from_str(token);
    }
    buffer_init(&body, S3_REPLY_BYTES_MAX);
    response_annotations_begin(&writer, &body, list);
    for (size_t i = 0; i < page->count; i++) {
        const struct meta_annotation *annotation = &page->entries[i];
        const struct checksum_value checksum = stored_checksum_read(&annotation->checksum);
        struct response_annotation shown = {.name = annotation->name,
                                            .modified_ms = annotation->modified_ms,
                                            .size = annotation->size,
                                            .checksum = checksum.algorithm};
        memcpy(shown.etag.md5, annotation->md5, MD5_LEN);
        response_annotations_add(&writer, &shown);
    }
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_annotations_end(&writer), &body));
}

void s3_list_object_annotations(struct exchange *exchange)
{
    struct meta_annotation_page page = {0};
    struct meta_object object;
    struct buffer after;
    struct bytes prefix;
    uint64_t max;

    buffer_init(&after, META_ANNOTATION_NAME_MAX + 1);
    if (read_page(exchange, &prefix, &max, &after) || find(exchange, &object)) {
        buffer_release(&after);
        return;
    }
    enum status status =
        meta_annotation_list(exchange->gateway->meta, &object, prefix, buffer_bytes(&after), (unsigned)max, &page);
    if (status) {
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
    } else {
        struct response_annotations list = {.bucket = exchange->bucket_name,
                                            .key = exchange->key,
                                            .prefix = prefix,
                                            .continuation_token =
                                                uri_query_value(&exchange->query, "continuation-token"),
                                            .max = max};
        reply_object_version(exchange, &object);
        write_page(exchange, &list, &page);
    }
    meta_annotation_page_release(&page);
    meta_object_release(&object);
    buffer_release(&after);
}

/* ---- delete --------------------------------------------------------------------------------------------------- */

/* That there is none of that name is no error, as on AWS. */
void s3_delete_object_annotation(struct exchange *exchange)
{
    struct meta_annotated where;
    struct meta_object object;
    struct notify_event event = {0};
    struct bytes name;
    bool removed;

    if (read_name(exchange, &name) || find_to_change(exchange, &object, &where))
        return;
    where.outbox = notify_event_make(exchange, exchange->operation->event, exchange->key, &event);
    enum status status = meta_annotation_delete(exchange->gateway->meta, &where, name, &removed);
    notify_event_release(&event);
    if (status) {
        HTTP_LAST_REPLY(fail_change(exchange, status));
    } else {
        reply_object_version(exchange, &object);
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 204));
    }
    meta_object_release(&object);
}
