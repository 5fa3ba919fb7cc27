/* CompleteMultipartUpload: whether the listed parts make the object is decided inside the commit, on the
 * parts as they are then, so that a part uploaded again at the same time cannot slip in. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/request_xml.h"
#include "gateway/front/operation.h"
#include "gateway/notify/event.h"
#include "gateway/object/object_read.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/body.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/lifecycle.h"
#include "gateway/s3/publish.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"
#include "gateway/s3/upload.h"

#define PART_BYTES_MIN (5u << 20) /* of every part but the last */

struct completion_request {
    struct complete_request listed;
    bool repeated; /* the upload is not open any more */
    unsigned *numbers;
    struct condition_write condition_said;
    struct meta_condition condition_kept; /* that the upload was created with */
    struct checksum_request checksum;     /* of the whole object, as the client says */
    bool has_size;
    uint64_t size; /* x-amz-mp-object-size */
    enum checksum_algorithm algorithm;
    bool full_object;
    struct s3_error_details error; /* why the parts do not make the object; code NONE as long as they do */
};

static enum status invalid_part(struct completion_request *request, size_t index)
{
    s3_error_set(&request->error, S3_INVALID_PART);
    s3_error_add_u64(&request->error, "PartNumber", request->listed.parts[index].number);
    return STATUS_INVALID;
}

/* A COMPOSITE checksum is one over what the client says of the parts, so it has to say it. */
static enum status missing_checksum(struct completion_request *request, size_t index)
{
    s3_error_setf(&request->error, S3_INVALID_REQUEST,
                  "The upload was created using a %s checksum. The complete request must include the checksum for each "
                  "part. It was missing for part %u in the request.",
                  checksum_short_name(request->algorithm), (unsigned)request->listed.parts[index].number);
    return STATUS_INVALID;
}

static enum status check_part(struct completion_request *request, size_t index, const struct meta_part *stored,
                              bool last)
{
    const struct complete_part *listed = &request->listed.parts[index];

    if (!stored)
        return invalid_part(request, index);
    const struct etag etag = s3_part_etag(stored);
    const struct checksum_value checksum = stored_checksum_read(&stored->checksum);
    if (!etag_equal(&etag, &listed->etag))
        return invalid_part(request, index);
    if (listed->checksum.algorithm != CHECKSUM_NONE && !checksum_equal(&listed->checksum, &checksum))
        return invalid_part(request, index);
    if (listed->checksum.algorithm == CHECKSUM_NONE && request->algorithm != CHECKSUM_NONE && !request->full_object)
        return missing_checksum(request, index);
    if (!last && stored->size < PART_BYTES_MIN) {
        s3_error_set(&request->error, S3_ENTITY_TOO_SMALL);
        s3_error_add_u64(&request->error, "ProposedSize", stored->size);
        s3_error_add_u64(&request->error, "MinSizeAllowed", PART_BYTES_MIN);
        s3_error_add_u64(&request->error, "PartNumber", stored->number);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* Holds the whole object's checksum, if the client said one, against the computed one. */
static enum status compare_checksum(struct completion_request *request, const struct checksum_value *computed)
{
    if (request->checksum.value.algorithm == CHECKSUM_NONE || checksum_equal(&request->checksum.value, computed))
        return STATUS_OK;
    checksum_mismatch(request->checksum.value.algorithm, &request->error);
    return STATUS_MISMATCH;
}

static enum status combine_checksums(struct completion_request *request, const struct meta_part *const *parts,
                                     size_t count, struct meta_object *object)
{
    struct checksum_combiner combiner;
    struct checksum_value value = {0};
    enum status status = STATUS_OK;

    if (request->repeated) {
        value = stored_checksum_read(&object->checksum);
        return compare_checksum(request, &value);
    }
    checksum_combiner_init(&combiner, request->algorithm, request->full_object);
    for (size_t i = 0; !status && i < count; i++) {
        const struct checksum_value part = stored_checksum_read(&parts[i]->checksum);
        status = checksum_combiner_add(&combiner, &part, parts[i]->size);
    }
    if (!status)
        checksum_combiner_final(&combiner, &value);
    checksum_combiner_release(&combiner);
    if (status) /* parts with other checksums than the upload's default: the object goes without */
        return request->checksum.value.algorithm == CHECKSUM_NONE ? STATUS_OK : status;
    object->checksum = stored_checksum_make(&value);
    return compare_checksum(request, &value);
}

/* meta_complete_fn: runs in the committer. */
static enum status decide(void *arg, const struct meta_part *const *parts, size_t count, struct meta_object *object)
{
    struct completion_request *request = arg;
    struct etag_builder builder;
    struct etag etag;
    uint64_t size = 0;

    if (request->repeated) { /* the upload's record is gone, the object has what it said */
        const struct checksum_value made = stored_checksum_read(&object->checksum);
        request->algorithm = made.algorithm;
        request->full_object = made.full_object;
    }
    for (size_t i = 0; i < count; i++) {
        enum status status = check_part(request, i, parts[i], i + 1 == count);
        if (status)
            return status;
        size += parts[i]->size;
    }
    if (request->has_size && request->size != size) {
        s3_error_setf(&request->error, S3_INVALID_REQUEST,
                      "The provided 'x-amz-mp-object-size' header value %llu does not match what was computed: %llu",
                      (unsigned long long)request->size, (unsigned long long)size);
        return STATUS_INVALID;
    }
    etag_builder_init(&builder);
    for (size_t i = 0; i < count; i++)
        etag_builder_add(&builder, parts[i]->md5);
    etag_builder_final(&builder, &etag);
    etag_builder_release(&builder);
    memcpy(object->etag_md5, etag.md5, MD5_LEN);
    object->etag_parts = etag.parts;
    return combine_checksums(request, parts, count, object);
}

static enum status check_order(struct exchange *exchange, struct completion_request *request)
{
    request->numbers = mem_alloc(request->listed.count * sizeof(*request->numbers));
    for (size_t i = 0; i < request->listed.count; i++) {
        uint32_t number = request->listed.parts[i].number;
        if (i > 0 && number <= request->listed.parts[i - 1].number)
            return s3_fail(exchange, S3_INVALID_PART_ORDER);
        request->numbers[i] = number;
    }
    if (request->listed.parts[0].number < 1 ||
        request->listed.parts[request->listed.count - 1].number > META_PART_MAX) {
        STATUS_IGNORE(invalid_part(request, request->listed.parts[0].number < 1 ? 0 : request->listed.count - 1),
                      "it is returned below");
        return s3_fail_details(exchange, &request->error);
    }
    return STATUS_OK;
}

static enum status read_document(struct exchange *exchange, struct completion_request *request)
{
    struct buffer document;
    struct s3_body *body;
    enum status status = s3_body_open_unchecked(exchange, REQUEST_XML_LARGE_BYTES_MAX, &body);

    if (status)
        return status;
    buffer_init(&document, REQUEST_XML_LARGE_BYTES_MAX + 4096);
    status = s3_body_to_buffer(body, &document);
    if (!status && complete_request_parse(buffer_bytes(&document), &request->listed))
        status = s3_fail(exchange, S3_MALFORMED_XML);
    buffer_release(&document);
    s3_body_close(body);
    return status;
}

/* What the headers say of the whole object. The checksum headers speak of it and not of this request's body.
 */
static enum status read_headers(struct exchange *exchange, const struct meta_upload *upload,
                                struct completion_request *request)
{
    struct s3_error_details details = {0};
    struct bytes size = s3_header(exchange, "x-amz-mp-object-size");

    request->algorithm = upload->checksum_algorithm != CHECKSUM_NONE ? upload->checksum_algorithm : CHECKSUM_CRC64NVME;
    request->full_object = upload->checksum_algorithm != CHECKSUM_NONE ? upload->checksum_full_object : true;
    request->has_size = size.data != NULL;
    if (size.data && bytes_parse_u64(size, INT64_MAX, &request->size)) {
        s3_error_setf(&details, S3_INVALID_REQUEST, "Value for x-amz-mp-object-size header is invalid.");
        return s3_fail_details(exchange, &details);
    }
    if (conditions_parse_write(exchange_headers(exchange), &request->condition_said, &details) ||
        checksum_request_parse(exchange_headers(exchange), true, &request->checksum, &details) ||
        (!request->repeated &&
         checksum_type_check(exchange_headers(exchange), request->algorithm, request->full_object, &details)))
        return s3_fail_details(exchange, &details);
    return STATUS_OK;
}

/* Names the condition that failed; of two, the request's, which is decided first. */
static void condition_failed(const struct completion_request *request, struct s3_error_details *details)
{
    const struct condition_write kept = {.must_be_absent = request->condition_kept.must_be_absent,
                                         .must_match = request->condition_kept.must_match};
    bool said = request->condition_said.must_be_absent || request->condition_said.must_match;

    conditions_failed(said ? &request->condition_said : &kept, details);
}

static enum status fail_commit(struct exchange *exchange, struct completion_request *request, enum status status)
{
    struct s3_error_details details = {0};

    if (request->error.code != S3_ERROR_NONE) {
        s3_error_add(&request->error, "UploadId", uri_query_value(&exchange->query, "uploadId"));
        return s3_fail_details(exchange, &request->error);
    }
    switch (status) {
    case STATUS_NOT_FOUND:
        if (!request->repeated && (request->condition_said.must_match || request->condition_kept.must_match))
            return s3_fail_no_such_key(exchange);
        return s3_fail_no_such_upload(exchange);
    case STATUS_EXISTS: /* newer versions have come since the upload was begun: one stays the latest, or no more are
                           kept */
        return s3_fail(exchange, S3_CONDITIONAL_REQUEST_CONFLICT);
    case STATUS_PRECONDITION:
        condition_failed(request, &details);
        return s3_fail_details(exchange, &details);
    default:
        return s3_fail_status(exchange, status);
    }
}

static void reply(struct exchange *exchange, const struct meta_object *object)
{
    struct encryption encryption;
    struct buffer location, body;

    s3_location(exchange, &location);
    buffer_init(&body, 131072); /* a location of 16 KiB whose characters are escaped, twice */
    const struct response_complete complete = {
        .location = buffer_bytes(&location),
        .bucket = exchange->bucket_name,
        .key = exchange->key,
        .etag = object_etag(object),
        .checksum = stored_checksum_read(&object->checksum),
    };
    exchange_log_size(exchange, object->size);
    s3_reply_new_version(exchange, object->version_id);
    s3_reply_expiration(exchange, object, object->attributes);
    /* of a client's key it says nothing, as on AWS, also when the key was sent */
    if (encryption_read(object->attributes, &encryption) == STATUS_OK && encryption.kind != ENCRYPTION_CUSTOMER)
        s3_reply_encryption(exchange, object->attributes, false);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_complete(&body, &complete), &body));
    buffer_release(&location);
}

static void complete(struct exchange *exchange, struct meta_upload *upload, struct completion_request *request)
{
    const struct meta_condition condition = s3_condition_of_write(exchange, &request->condition_said);
    struct meta_object object = {0};
    struct notify_event event = {0};
    enum status status;

    if (check_order(exchange, request))
        return;
    upload->outbox = notify_event_make(exchange, exchange->operation->event, exchange->key, &event);
    status = meta_upload_complete(exchange->gateway->meta, upload, request->numbers, request->listed.count, &condition,
                                  decide, request, &object);
    notify_event_release(&event);
    if (status)
        HTTP_LAST_REPLY(fail_commit(exchange, request, status));
    else
        reply(exchange, &object);
    meta_object_release(&object);
}

/* One that the upload was created with tells what is there by now, to who completes it. */
static enum status check_kept(struct exchange *exchange, const struct completion_request *request)
{
    const struct resource resource = {.kind = RESOURCE_OBJECT, .bucket = exchange->bucket_name, .key = exchange->key};

    if (request->repeated || !request->condition_kept.must_match || exchange->further.allowed)
        return STATUS_OK;
    exchange->further = exchange_decide(exchange, "s3:GetObject", &resource);
    return exchange->further.allowed ? STATUS_OK : s3_fail(exchange, S3_ACCESS_DENIED);
}

void s3_complete_multipart_upload(struct exchange *exchange)
{
    struct completion_request request = {0};
    struct meta_upload upload;

    if (s3_upload_or_ended(exchange, &upload, &request.repeated))
        return;
    request.condition_kept = upload.condition;
    if ((request.repeated || !s3_check_key(exchange, upload.attributes)) && !check_kept(exchange, &request) &&
        !read_headers(exchange, &upload, &request) && !read_document(exchange, &request)) {
        complete(exchange, &upload, &request);
        complete_request_release(&request.listed);
    }
    free(request.numbers);
    meta_upload_release(&upload);
}
