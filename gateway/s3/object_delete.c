/* DeleteObject and DeleteObjects. */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/task.h"
#include "compat/names.h"
#include "compat/request_xml.h"
#include "gateway/front/audit.h"
#include "gateway/front/operation.h"
#include "gateway/object/object_read.h"
#include "gateway/s3/body.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"

#define TURN_US_MAX 1000 /* what deciding of keys takes at once; a decision that is begun is ended */

/* The deletion's outcome for the client; an absent key or version is no error, but a bucket that went away since the
 * request came is. */
static enum status outcome_judge(const struct exchange *exchange, const struct meta_object_deletion *deletion,
                                 const struct condition_write *condition, struct s3_error_details *details)
{
    switch (deletion->status) {
    case STATUS_OK:
        return STATUS_OK;
    case STATUS_NOT_FOUND:
        if (deletion->result.no_bucket) {
            s3_error_no_such_bucket(exchange, details);
            break;
        }
        if (!condition->must_match && !condition->must_exist)
            return STATUS_OK;
        s3_error_set(details, S3_NO_SUCH_KEY);
        break;
    case STATUS_PRECONDITION:
        conditions_failed(condition, details);
        break;
    case STATUS_INVALID:
        s3_error_argument(details, BYTES("versionId"), deletion->version.id, "Invalid version id specified");
        break;
    default:
        s3_error_from_status(deletion->status, details);
        break;
    }
    return deletion->status;
}

void s3_delete_object(struct exchange *exchange)
{
    struct meta_object_deletion deletion = {.key = exchange->key,
                                            .version.id = uri_query_value(&exchange->query, "versionId")};
    const struct meta_deletion *done = &deletion.result;
    struct s3_error_details details = {0};
    struct condition_write condition;

    enum status status = conditions_parse_delete(exchange_headers(exchange), &condition, &details);
    if (!status) {
        deletion.condition = object_condition(&condition);
        deletion.status = meta_object_delete(exchange->gateway->meta, exchange->bucket.id, deletion.key,
                                             &deletion.version, &deletion.condition, NULL, &deletion.result);
        status = outcome_judge(exchange, &deletion, &condition, &details);
    }
    if (status) {
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        return;
    }
    if (done->marker_created || done->marker_removed)
        http_reply_header_str(exchange->http, "x-amz-delete-marker", "true");
    if (done->versioned && done->version_id[0])
        http_reply_header_str(exchange->http, "x-amz-version-id", done->version_id);
    HTTP_LAST_REPLY(s3_reply_empty(exchange, 204));
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

/* A key of a DeleteObjects request, and what becomes of it. */
struct delete_result {
    enum status status;
    struct condition_write condition;
    struct meta_object_deletion deletion;
    struct s3_error_details error;
};

static enum status check_right(const struct exchange *exchange, const struct delete_object *object,
                               struct s3_error_details *details)
{
    const struct resource resource = {
        .kind = RESOURCE_OBJECT, .bucket = exchange->bucket_name, .key = object->key, .version_id = object->version_id};

    const char *right = operation_right(exchange->operation, object->version_id.data != NULL);

    if (exchange_may(exchange, right, &resource))
        return STATUS_OK;
    s3_error_set(details, S3_ACCESS_DENIED);
    return STATUS_DENIED;
}

/* What can be said of a key before anything is deleted. */
static enum status check_listed(const struct exchange *exchange, const struct delete_object *object,
                                struct delete_result *result)
{
    enum status status = key_check(object->key, &result->error);

    if (!status)
        status = check_right(exchange, object, &result->error);
    if (!status)
        status = parse_condition(object, &result->condition, &result->error);
    result->deletion = (struct meta_object_deletion){
        .key = object->key, .version.id = object->version_id, .condition = object_condition(&result->condition)};
    return status;
}

/* Those that may be deleted go into one commit. */
static void delete_listed(const struct exchange *exchange, const struct delete_request *request,
                          struct delete_result *results)
{
    struct meta_object_deletion *wanted[DELETE_OBJECTS_MAX];
    uint64_t since_us = clock_monotonic_us();
    size_t count = 0;

    for (size_t i = 0; i < request->count; i++) {
        if (clock_monotonic_us() - since_us >= TURN_US_MAX) {
            task_yield();
            since_us = clock_monotonic_us();
        }
        results[i].status = check_listed(exchange, &request->objects[i], &results[i]);
        if (!results[i].status)
            wanted[count++] = &results[i].deletion;
    }
    meta_objects_delete(exchange->gateway->meta, exchange->bucket.id, wanted, count);
    for (size_t i = 0; i < request->count; i++)
        if (!results[i].status)
            results[i].status = outcome_judge(exchange, &results[i].deletion, &results[i].condition, &results[i].error);
}

static void audit_denials(const struct exchange *exchange, const struct delete_request *request,
                          const struct delete_result *results)
{
    struct bytes first = {0};
    size_t count = 0;

    for (size_t i = request->count; i-- > 0;)
        if (results[i].status == STATUS_DENIED && results[i].error.code == S3_ACCESS_DENIED) {
            first = request->objects[i].key;
            count++;
        }
    audit_denied_keys(exchange, exchange->operation->right, first, count);
}

static void write_result(struct xml_writer *writer, const struct delete_object *object,
                         const struct delete_result *result, bool quiet)
{
    const struct meta_deletion *done = &result->deletion.result;
    bool marker = done->marker_created || done->marker_removed;
    const struct response_deleted deleted = {
        .key = object->key,
        .version_id = object->version_id,
        .delete_marker = marker,
        .delete_marker_version_id = marker ? bytes_from_str(done->version_id) : (struct bytes){0},
    };

    if (result->status)
        response_delete_add_error(writer, object->key, object->version_id, &result->error);
    else if (!quiet)
        response_delete_add(writer, &deleted);
}

static enum status read_request(struct exchange *exchange, struct delete_request *request)
{
    struct buffer document;
    enum status status = s3_read_document(exchange, REQUEST_XML_LARGE_BYTES_MAX, true, &document);

    if (!status && delete_request_parse(buffer_bytes(&document), request))
        status = s3_fail(exchange, S3_MALFORMED_XML);
    buffer_release(&document);
    return status;
}

void s3_delete_objects(struct exchange *exchange)
{
    struct delete_request request;
    struct xml_writer writer;
    struct buffer answer;

    if (read_request(exchange, &request))
        return;
    struct delete_result *results = mem_zalloc(request.count * sizeof(*results));
    delete_listed(exchange, &request, results);
    audit_denials(exchange, &request, results);
    buffer_init(&answer, S3_REPLY_BYTES_MAX);
    response_delete_begin(&writer, &answer);
    for (size_t i = 0; i < request.count; i++)
        write_result(&writer, &request.objects[i], &results[i], request.quiet);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_delete_end(&writer), &answer));
    free(results);
    delete_request_release(&request);
}
