/* PutObject with x-amz-write-offset-bytes: what comes is appended to the object, whose size the offset has to be; of
 * offset 0 an object is made that is not there. AWS has it for directory buckets. The chunks that there are stay; a
 * last piece that is small is read, and stored anew with what comes behind it, so that many small appends make few
 * chunks (the rest is jobs/join.c's). */
#include "gateway/s3/object_append.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/front/operation.h"
#include "gateway/front/reply.h"
#include "gateway/notify/event.h"
#include "gateway/object/join_hints.h"
#include "gateway/object/object_read.h"
#include "gateway/object/object_reader.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/body.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/metadata.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/publish.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"
#include "meta/append.h"
#include "meta/attributes.h"

/* Everything that is known before the body. */
struct append_request {
    struct condition_write condition;
    struct meta_object object; /* as it is */
    bool found;
    struct s3_body *body;
    struct object_key key; /* of the stream that is written; the object's own, but for the identity */
    struct buffer sealed;  /* how the key of an empty object is sealed */
    char *joined;          /* the last piece, of joined_len bytes */
    size_t joined_len;
    struct ingest ingest;
};

enum status s3_append_wanted(struct exchange *exchange, bool *wanted, uint64_t *offset)
{
    struct bytes text = s3_header(exchange, S3_WRITE_OFFSET);
    struct s3_error_details details = {0};

    *wanted = text.data != NULL;
    if (!*wanted)
        return STATUS_OK;
    if (bytes_parse_u64(text, INT64_MAX, offset))
        return s3_fail_argument(exchange, S3_WRITE_OFFSET, text, "The write offset is not a number of bytes.");
    if (!exchange->bucket.versioned)
        return STATUS_OK;
    s3_error_setf(
        &details, S3_INVALID_BUCKET_STATE,
        "Objects can be appended to in buckets that never had versioning only: this one keeps versions of its "
        "keys.");
    return s3_fail_details(exchange, &details);
}

static enum status invalid(struct exchange *exchange, const char *message)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_INVALID_REQUEST, "%s", message);
    return s3_fail_details(exchange, &details);
}

enum status s3_append_check_body(struct exchange *exchange, uint64_t size)
{
    return size == 0 ? invalid(exchange, "Request body cannot be empty when 'write offset' is specified.") : STATUS_OK;
}

/* What an object has stays: nothing of it can be said once more. */
static enum status check_headers(struct exchange *exchange, const struct meta_object *object)
{
    static const char *const names[] = {"x-amz-acl",
                                        "x-amz-grant-full-control",
                                        "x-amz-grant-read",
                                        "x-amz-grant-read-acp",
                                        "x-amz-grant-write-acp",
                                        "x-amz-object-lock-mode",
                                        "x-amz-object-lock-retain-until-date",
                                        "x-amz-object-lock-legal-hold",
                                        "x-amz-object-lock-event-hold",
                                        "x-amz-tagging",
                                        "x-amz-website-redirect-location"};
    struct s3_error_details details = {0};
    enum storage_class storage_class;

    if (s3_names_metadata(exchange))
        return invalid(
            exchange,
            "Cannot specify both a write offset value and user-defined object metadata for existing objects.");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!s3_header(exchange, names[i]).data)
            continue;
        s3_error_setf(&details, S3_INVALID_REQUEST,
                      "Cannot specify both a write offset value and %s for existing objects.", names[i]);
        return s3_fail_details(exchange, &details);
    }
    if (!s3_header(exchange, "x-amz-storage-class").data)
        return STATUS_OK;
    enum status status = s3_storage_class(exchange, &storage_class);
    if (!status && storage_class != object->storage_class)
        status = invalid(exchange,
                         "Cannot specify both a write offset value and another storage class for existing objects.");
    return status;
}

static enum status check_pieces(struct exchange *exchange, const struct meta_object *object)
{
    struct meta_pieces pieces;

    meta_object_pieces(object, &pieces);
    return pieces.count < META_PIECES_MAX ? STATUS_OK : s3_fail(exchange, S3_TOO_MANY_PARTS);
}

/* The last piece, when what comes still fits behind it. */
static enum status read_last(struct exchange *exchange, struct append_request *request, const struct object_key *key)
{
    uint64_t coming = s3_body_size(request->body), room = META_PIECE_APPENDED - (key->sealed ? BLOCK_SEAL_MORE : 0);
    struct object_reader reader;
    struct meta_pieces pieces;
    struct bytes piece;

    if (!meta_object_pieces(&request->object, &pieces) || coming > room || pieces.last > room - coming)
        return STATUS_OK;
    request->joined = mem_alloc((size_t)pieces.last);
    enum status status = object_reader_open(&reader, exchange->gateway, &request->object, key,
                                            request->object.size - pieces.last, pieces.last);
    while (!status) {
        status = object_reader_next(&reader, &piece);
        if (status || piece.len == 0)
            break;
        memcpy(request->joined + request->joined_len, piece.data, piece.len);
        request->joined_len += piece.len;
    }
    object_reader_release(&reader);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

static enum status prepare(struct exchange *exchange, struct append_request *request)
{
    struct s3_error_details details = {0};
    enum status status = STATUS_OK;

    if (conditions_parse_write(exchange_headers(exchange), &request->condition, &details))
        status = s3_fail_details(exchange, &details);
    if (!status)
        status = check_headers(exchange, &request->object);
    if (!status)
        status = check_pieces(exchange, &request->object);
    if (!status)
        status = s3_key_to_append(exchange, &request->object, &request->key, &request->sealed);
    if (!status)
        status = s3_body_open(exchange, S3_OBJECT_BYTES_MAX, &request->body);
    if (!status)
        status = s3_append_check_body(exchange, s3_body_size(request->body));
    if (!status && request->object.size > 0)
        status = read_last(exchange, request, &request->key);
    if (!status && request->key.sealed && request->sealed.len == 0)
        block_seal_id_create(&request->key.id);
    return status;
}

/* ---- what the object is then ------------------------------------------------------------------------------------ */

/* Of the whole only a CRC can be made from what there was and what came. */
static enum checksum_algorithm combined_algorithm(const struct meta_object *object)
{
    const struct checksum_value value = stored_checksum_read(&object->checksum);

    switch (value.algorithm) {
    case CHECKSUM_CRC32:
    case CHECKSUM_CRC32C:
    case CHECKSUM_CRC64NVME:
        return value.full_object ? value.algorithm : CHECKSUM_NONE;
    default:
        return CHECKSUM_NONE;
    }
}

/* A checksum that cannot be made of the two is none. */
static struct meta_checksum checksum_then(const struct append_request *request)
{
    const struct checksum_value before = stored_checksum_read(&request->object.checksum);
    const struct checksum_value *came = &request->ingest.also_value;
    struct checksum_combiner combiner;
    struct checksum_value value = {0};

    if (combined_algorithm(&request->object) == CHECKSUM_NONE)
        return (struct meta_checksum){0};
    checksum_combiner_init(&combiner, before.algorithm, true);
    if (checksum_combiner_add(&combiner, &before, request->object.size) ||
        checksum_combiner_add(&combiner, came, request->ingest.size)) {
        checksum_combiner_release(&combiner);
        return (struct meta_checksum){0};
    }
    checksum_combiner_final(&combiner, &value);
    checksum_combiner_release(&combiner);
    return stored_checksum_make(&value);
}

/* That it is no MD5 of the bytes is told by its number, as of uploads in parts: one more with each append. */
static void etag_then(const struct append_request *request, struct meta_append *append)
{
    uint8_t both[2 * MD5_LEN];
    uint32_t parts = request->object.etag_parts;

    memcpy(both, request->object.etag_md5, MD5_LEN);
    ingest_etag(&request->ingest, both + MD5_LEN);
    md5_of(both, sizeof(both), append->etag_md5);
    append->etag_parts = parts < 1 ? 2 : parts < UINT32_MAX - 1 ? parts + 1 : parts;
}

struct append_commit {
    struct exchange *exchange;
    const struct meta_append *append;
    struct meta_object *object;
};

static enum status commit(void *arg, const struct chunk_list *chunks)
{
    const struct append_commit *commit = arg;
    struct exchange *exchange = commit->exchange;

    return meta_object_append(exchange->gateway->meta, exchange->bucket.id, exchange->key, commit->append, chunks,
                              commit->object);
}

/* Somebody else was there before: what the offset means now is another thing, or the same of another object. */
static enum status fail_changed(struct exchange *exchange, const struct append_request *request)
{
    static const struct meta_version latest;
    struct meta_object now;
    enum status status = meta_object_get(exchange->gateway->meta, exchange->bucket.id, exchange->key, &latest, &now);
    bool same_size = status == STATUS_OK && now.size == request->object.size;

    if (status == STATUS_OK)
        meta_object_release(&now);
    return s3_fail(exchange, same_size ? S3_CONDITIONAL_REQUEST_CONFLICT : S3_INVALID_WRITE_OFFSET);
}

static enum status fail_append(struct exchange *exchange, const struct append_request *request, enum status status)
{
    struct s3_error_details details = {0};

    switch (status) {
    case STATUS_PRECONDITION:
        conditions_failed(&request->condition, &details);
        return s3_fail_details(exchange, &details);
    case STATUS_CONFLICT:
        return fail_changed(exchange, request);
    case STATUS_NOT_FOUND:
        return exchange_load_bucket(exchange) ? s3_fail(exchange, S3_INVALID_WRITE_OFFSET)
                                              : s3_fail_no_such_bucket(exchange);
    case STATUS_LIMIT:
        return s3_fail(exchange, S3_TOO_MANY_PARTS);
    case STATUS_DENIED:
        s3_error_setf(&details, S3_ACCESS_DENIED, "%s", S3_LOCKED_TEXT);
        return s3_fail_details(exchange, &details);
    case STATUS_INVALID:
        return s3_fail(exchange, S3_INVALID_BUCKET_STATE);
    default:
        return s3_fail_status(exchange, status);
    }
}

static enum status publish(struct exchange *exchange, struct append_request *request, struct meta_object *object)
{
    const struct meta_condition condition = s3_condition_of_write(exchange, &request->condition);
    struct meta_append append = {.sequence = request->object.sequence,
                                 .size = request->ingest.size,
                                 .joined = request->joined_len,
                                 .seal = request->ingest.seal,
                                 .checksum = checksum_then(request),
                                 .condition = &condition};
    struct notify_event event = {0};
    enum status status = s3_append_check_body(exchange, append.size);

    if (status)
        return status;
    if (request->sealed.len > 0) {
        append.sealed = buffer_bytes(&request->sealed);
        status = meta_attribute_find(request->object.attributes, META_ATTRIBUTE_SEALED, &append.sealed_was);
        if (status)
            return s3_fail_status(exchange, status);
    }
    etag_then(request, &append);
    append.outbox = notify_event_make(exchange, exchange->operation->event, exchange->key, &event);
    status = ingest_store(&request->ingest, commit, &(struct append_commit){exchange, &append, object});
    notify_event_release(&event);
    return status ? fail_append(exchange, request, status) : STATUS_OK;
}

static enum status receive(struct exchange *exchange, struct append_request *request)
{
    uint64_t size = s3_body_size(request->body);
    const struct ingest_plan plan = {
        .expected_size = size == HTTP_LENGTH_UNKNOWN ? size : size + request->joined_len,
        .sha256 = s3_body_wants_sha256(request->body),
        .algorithm = s3_body_algorithm(request->body),
        .also = combined_algorithm(&request->object),
        .key = &request->key,
    };
    enum status status = ingest_open(&request->ingest, exchange->gateway, &plan);

    if (!status)
        status = ingest_begin_with(&request->ingest, bytes_of(request->joined, request->joined_len));
    if (status)
        return s3_fail_status(exchange, status);
    return s3_body_to_ingest(request->body, &request->ingest);
}

void s3_append_reply_size(struct exchange *exchange, const struct meta_object *object)
{
    char size[24];

    snprintf(size, sizeof(size), "%llu", (unsigned long long)object->size);
    http_reply_header_str(exchange->http, "x-amz-object-size", size);
}

static void reply(struct exchange *exchange, const struct append_request *request, const struct meta_object *object)
{
    const struct checksum_value checksum = stored_checksum_read(&object->checksum);
    struct etag etag = object_etag(object);

    reply_etag(exchange, &etag);
    s3_append_reply_size(exchange, object);
    s3_reply_checksum(exchange, &checksum, 0);
    s3_reply_storage_class(exchange, object);
    s3_reply_encryption(exchange, request->object.attributes, false);
    HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
}

static void append_release(struct append_request *request)
{
    explicit_bzero(&request->key, sizeof(request->key));
    ingest_release(&request->ingest);
    if (request->body)
        s3_body_close(request->body);
    if (request->found)
        meta_object_release(&request->object);
    buffer_release(&request->sealed);
    free(request->joined);
}

bool s3_append_object(struct exchange *exchange, uint64_t offset)
{
    static const struct meta_version latest;
    struct append_request request = {0};
    struct meta_object object;

    if (offset == 0) /* an empty object's key is sealed again: what it is sealed by is not given up meanwhile */
        exchange_begin_writing(exchange);
    enum status status =
        meta_object_get(exchange->gateway->meta, exchange->bucket.id, exchange->key, &latest, &request.object);
    if (status == STATUS_NOT_FOUND && offset == 0)
        return false;
    buffer_init(&request.sealed, META_ATTRIBUTES_BYTES_MAX);
    request.found = status == STATUS_OK;
    if (status == STATUS_NOT_FOUND || (request.found && request.object.size != offset))
        status = s3_fail(exchange, S3_INVALID_WRITE_OFFSET);
    else if (status)
        status = s3_fail_status(exchange, status);
    if (!status)
        status = prepare(exchange, &request);
    if (!status)
        status = receive(exchange, &request);
    if (!status)
        status = publish(exchange, &request, &object);
    if (!status) {
        join_hints_look(exchange->gateway->join_hints, exchange->bucket_name, exchange->key, &request.object);
        reply(exchange, &request, &object);
    }
    append_release(&request);
    return true;
}
