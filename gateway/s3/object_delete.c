/* DeleteObject and DeleteObjects. */
#include <stdlib.h>

#include "base/check.h"
#include "base/task.h"
#include "compat/names.h"
#include "compat/request_xml.h"
#include "gateway/s3/s3.h"

#define DELETE_WORKERS 16

static void invalid_version(struct s3_error_details *details, struct bytes version_id)
{
    s3_error_setf(details, S3_INVALID_ARGUMENT, "Invalid version id specified");
    s3_error_add(details, "ArgumentName", BYTES("versionId"));
    s3_error_add(details, "ArgumentValue", version_id);
}

/* Deletes one; an absent key or version is no error. */
static enum status delete_one(struct exchange *exchange, const struct meta_bucket *bucket, struct bytes key,
                              struct bytes version_id, const struct condition_write *condition_said,
                              struct meta_deletion *deletion, struct s3_error_details *details)
{
    const struct meta_version version = {.id = version_id};
    const struct meta_condition condition = s3_condition(condition_said);
    enum status status;

    *deletion = (struct meta_deletion){0};
    status = meta_object_delete(exchange->gateway->meta, bucket->id, key, &version, &condition, deletion);
    switch (status) {
    case STATUS_OK:
        return STATUS_OK;
    case STATUS_NOT_FOUND:
        if (!condition_said->must_match && !condition_said->must_exist)
            return STATUS_OK;
        s3_error_set(details, S3_NO_SUCH_KEY);
        break;
    case STATUS_PRECONDITION:
        conditions_failed(condition_said, details);
        break;
    case STATUS_INVALID:
        invalid_version(details, version_id);
        break;
    default:
        s3_error_from_status(status, details);
        break;
    }
    return status;
}

void s3_delete_object(struct exchange *exchange)
{
    struct bytes version_id = uri_query_value(&exchange->query, "versionId");
    struct s3_error_details details = {0};
    struct condition_write condition;
    struct meta_deletion deletion;
    struct meta_bucket bucket;

    if (s3_bucket(exchange, &bucket))
        return;
    if (conditions_parse_delete(s3_headers(exchange), &condition, &details) ||
        delete_one(exchange, &bucket, exchange->key, version_id, &condition, &deletion, &details)) {
        s3_fail_details(exchange, &details);
        return;
    }
    if (deletion.marker_created || deletion.marker_removed)
        http_reply_header_str(exchange->http, "x-amz-delete-marker", "true");
    if (deletion.version_id[0])
        s3_reply_version(exchange, &bucket, deletion.version_id);
    else if (version_id.len > 0 && bucket.versioned)
        http_reply_header(exchange->http, "x-amz-version-id", version_id);
    s3_reply_empty(exchange, 204);
}

static enum status parse_condition(const struct delete_object *object, struct condition_write *condition,
                                   struct s3_error_details *details)
{
    *condition = (struct condition_write){0};
    if (object->size.data || object->last_modified.data) {
        s3_error_setf(details, S3_NOT_IMPLEMENTED, "Conditions on Size and LastModifiedTime are not implemented.");
        return STATUS_INVALID;
    }
    if (!object->etag.data)
        return STATUS_OK;
    if (bytes_equal_str(object->etag, "*")) {
        condition->must_exist = true;
    } else {
        condition->must_match = true;
        if (etag_parse(object->etag, &condition->etag))
            condition->etag = ETAG_NONE;
    }
    return STATUS_OK;
}

struct delete_result {
    enum status status;
    struct meta_deletion deletion;
    struct s3_error_details error;
};

/* A DeleteObjects request under way: several tasks of the loop take keys off it, so that their commits share
 * syncs. */
struct delete_batch {
    struct exchange *exchange;
    const struct meta_bucket *bucket;
    const struct delete_request *request;
    struct delete_result *results;
    size_t next;
    unsigned workers; /* still running */
    struct completion done;
};

static void delete_listed(struct delete_batch *batch, size_t index)
{
    const struct delete_object *object = &batch->request->objects[index];
    struct delete_result *result = &batch->results[index];
    struct condition_write condition;

    result->status = key_check(object->key, &result->error);
    if (!result->status)
        result->status = parse_condition(object, &condition, &result->error);
    if (!result->status)
        result->status = delete_one(batch->exchange, batch->bucket, object->key, object->version_id, &condition,
                                    &result->deletion, &result->error);
}

static void delete_worker(void *arg)
{
    struct delete_batch *batch = arg;

    while (batch->next < batch->request->count)
        delete_listed(batch, batch->next++);
    if (--batch->workers == 0)
        completion_signal(&batch->done);
}

static void delete_all(struct delete_batch *batch)
{
    unsigned workers = batch->request->count < DELETE_WORKERS ? (unsigned)batch->request->count : DELETE_WORKERS;

    batch->workers = workers;
    completion_init(&batch->done);
    for (unsigned i = 0; i < workers; i++)
        task_spawn(loop_current(), delete_worker, batch);
    completion_wait(&batch->done);
}

static void write_result(struct xml_writer *writer, const struct delete_object *object,
                         const struct delete_result *result, bool quiet)
{
    bool marker = result->deletion.marker_created || result->deletion.marker_removed;
    const struct response_deleted deleted = {
        .key = object->key,
        .version_id = object->version_id,
        .delete_marker = marker,
        .delete_marker_version_id = marker ? bytes_from_str(result->deletion.version_id) : (struct bytes){0},
    };

    if (result->status)
        response_delete_add_error(writer, object->key, object->version_id, &result->error);
    else if (!quiet)
        response_delete_add(writer, &deleted);
}

static enum status read_request(struct exchange *exchange, struct delete_request *request)
{
    struct s3_error_details details = {0};
    struct s3_body *body;
    struct buffer document;
    enum status status = s3_body_open(exchange, REQUEST_XML_LARGE_BYTES_MAX, &body);

    if (status)
        return status;
    buffer_init(&document, REQUEST_XML_LARGE_BYTES_MAX + 4096);
    if (!s3_body_has_digest(body) && !s3_body_wants_sha256(body)) {
        s3_error_setf(&details, S3_INVALID_REQUEST,
                      "Missing required header for this request: Content-MD5 OR "
                      "x-amz-checksum-*");
        status = s3_fail_details(exchange, &details);
    }
    if (!status)
        status = s3_body_to_buffer(body, &document);
    if (!status && delete_request_parse(buffer_bytes(&document), request))
        status = s3_fail(exchange, S3_MALFORMED_XML);
    buffer_release(&document);
    s3_body_close(body);
    return status;
}

void s3_delete_objects(struct exchange *exchange)
{
    struct delete_request request;
    struct meta_bucket bucket;
    struct xml_writer writer;
    struct buffer answer;

    if (s3_bucket(exchange, &bucket) || read_request(exchange, &request))
        return;
    struct delete_batch batch = {.exchange = exchange,
                                 .bucket = &bucket,
                                 .request = &request,
                                 .results = mem_zalloc(request.count * sizeof(*batch.results))};
    delete_all(&batch);
    buffer_init(&answer, S3_REPLY_BYTES_MAX);
    response_delete_begin(&writer, &answer);
    for (size_t i = 0; i < request.count; i++)
        write_result(&writer, &request.objects[i], &batch.results[i], request.quiet);
    if (response_delete_end(&writer))
        s3_fail(exchange, S3_INTERNAL_ERROR);
    else
        s3_reply_xml(exchange, &answer);
    buffer_release(&answer);
    free(batch.results);
    delete_request_release(&request);
}
