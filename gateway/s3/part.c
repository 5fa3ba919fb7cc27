/* UploadPart and UploadPartCopy. */
#include <string.h>

#include "gateway/front/reply.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/body.h"
#include "gateway/s3/copy_source.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"
#include "gateway/s3/upload.h"

struct etag s3_part_etag(const struct meta_part *part)
{
    struct etag etag = {.parts = 0};
    memcpy(etag.md5, part->md5, MD5_LEN);
    return etag;
}

/* The algorithm of a part: the upload's. Naming another is an error, as on AWS, and naming none is one where the parts'
 * checksums make the object's: then nobody but this server would have computed it. */
static enum status part_algorithm(struct exchange *exchange, const struct meta_upload *upload,
                                  enum checksum_algorithm named, enum checksum_algorithm *algorithm)
{
    bool composite = upload->checksum_algorithm != CHECKSUM_NONE && !upload->checksum_full_object;
    struct s3_error_details details = {0};

    *algorithm = upload->checksum_algorithm != CHECKSUM_NONE ? (enum checksum_algorithm)upload->checksum_algorithm
                 : named != CHECKSUM_NONE                    ? named
                                                             : CHECKSUM_CRC64NVME;
    if (named == *algorithm || (named == CHECKSUM_NONE && !composite))
        return STATUS_OK;
    s3_error_setf(&details, S3_INVALID_REQUEST,
                  "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
                  checksum_short_name(*algorithm), named == CHECKSUM_NONE ? "null" : checksum_short_name(named));
    return s3_fail_details(exchange, &details);
}

struct part_commit {
    struct meta *meta;
    const struct meta_upload *upload;
    struct meta_part *part;
};

static enum status record_part(void *arg, const struct chunk_list *chunks)
{
    const struct part_commit *commit = arg;
    return meta_part_put(commit->meta, commit->upload, commit->part, chunks);
}

static enum status commit_part(struct exchange *exchange, const struct meta_upload *upload, struct ingest *ingest,
                               struct meta_part *part)
{
    part->size = ingest->size;
    part->checksum = stored_checksum_make(&ingest->checksum_value);
    part->seal = ingest->seal;
    ingest_etag(ingest, part->md5);
    enum status status =
        ingest_store(ingest, record_part, &(struct part_commit){exchange->gateway->meta, upload, part});
    if (status == STATUS_NOT_FOUND)
        return s3_fail_no_such_upload(exchange);
    if (!status)
        exchange_log_size(exchange, ingest->size);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

/* With the key of a new part. Errors are answered here. */
static enum status open_part(struct exchange *exchange, const struct meta_upload *upload, struct ingest_plan *plan,
                             struct ingest *ingest)
{
    struct object_key key;
    enum status status = s3_key_of_part(exchange, upload->attributes, &key);

    if (status)
        return status;
    plan->key = &key;
    status = ingest_open(ingest, exchange->gateway, plan);
    plan->key = NULL;
    explicit_bzero(&key, sizeof(key));
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

static void receive_part(struct exchange *exchange, const struct meta_upload *upload, struct s3_body *body)
{
    struct ingest ingest = {0};
    struct meta_part part = {0};
    struct ingest_plan plan = {.expected_size = s3_body_size(body), .sha256 = s3_body_wants_sha256(body)};
    enum status status = s3_part_number(exchange, &part.number);

    if (!status)
        status = part_algorithm(exchange, upload, s3_body_algorithm(body), &plan.algorithm);
    if (!status)
        status = open_part(exchange, upload, &plan, &ingest);
    if (status)
        return;
    status = s3_body_to_ingest(body, &ingest);
    if (!status)
        status = commit_part(exchange, upload, &ingest, &part);
    if (!status) {
        const struct etag etag = s3_part_etag(&part);
        const struct checksum_value checksum = stored_checksum_read(&part.checksum);
        reply_etag(exchange, &etag);
        s3_reply_checksum(exchange, &checksum, 0);
        s3_reply_upload_version(exchange, upload);
        s3_reply_encryption(exchange, upload->attributes, false);
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    }
    ingest_release(&ingest);
}

void s3_upload_part(struct exchange *exchange)
{
    struct meta_upload upload;
    struct s3_body *body;

    if (s3_upload(exchange, &upload))
        return;
    if (s3_body_open(exchange, S3_OBJECT_BYTES_MAX, &body) == STATUS_OK) {
        receive_part(exchange, &upload, body);
        s3_body_close(body);
    }
    meta_upload_release(&upload);
}

static void reply_part_copy(struct exchange *exchange, const struct meta_part *part)
{
    const struct response_copy copy = {.part = true,
                                       .modified_ms = part->modified_ms,
                                       .etag = s3_part_etag(part),
                                       .checksum = stored_checksum_read(&part->checksum)};
    struct buffer body;

    buffer_init(&body, 4096);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_copy(&body, &copy), &body));
}

static void copy_part(struct exchange *exchange, const struct meta_upload *upload, const struct copy_source *source)
{
    struct s3_error_details details = {0};
    struct ingest ingest = {0};
    struct ingest_plan plan = {0};
    struct meta_part part = {0};
    struct range range;
    enum status status = s3_part_number(exchange, &part.number);

    if (!status &&
        range_copy_source(s3_header(exchange, "x-amz-copy-source-range"), source->object.size, &range, &details))
        status = s3_fail_details(exchange, &details);
    if (status)
        return;
    plan.algorithm = upload->checksum_algorithm != CHECKSUM_NONE ? upload->checksum_algorithm : CHECKSUM_CRC64NVME;
    plan.expected_size = range.length;
    status = range.length > S3_OBJECT_BYTES_MAX ? STATUS_LIMIT : STATUS_OK;
    if (status) {
        HTTP_LAST_REPLY(s3_fail(exchange, S3_ENTITY_TOO_LARGE));
        return;
    }
    if (open_part(exchange, upload, &plan, &ingest))
        return;
    status = copy_source_read(exchange, source, &range, &ingest);
    if (!status)
        status = commit_part(exchange, upload, &ingest, &part);
    if (!status) {
        s3_reply_upload_version(exchange, upload);
        s3_reply_encryption(exchange, upload->attributes, false);
        reply_part_copy(exchange, &part);
    }
    ingest_release(&ingest);
}

void s3_upload_part_copy(struct exchange *exchange)
{
    struct copy_source source = {0};
    struct meta_upload upload;

    if (s3_upload(exchange, &upload))
        return;
    if (copy_source_open(exchange, &source) == STATUS_OK)
        copy_part(exchange, &upload, &source);
    copy_source_log(exchange, &source);
    copy_source_release(&source);
    meta_upload_release(&upload);
}
