/* DeleteObject and DeleteObjects. */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/task.h"
#include "compat/names.h"
#include "compat/request_xml.h"
#include "gateway/bucketlog/lines.h"
#include "gateway/front/audit.h"
#include "gateway/front/operation.h"
#include "gateway/notify/event.h"
#include "gateway/object/object_read.h"
#include "gateway/s3/body.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

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
        if (!condition_needs_object(condition))
            return STATUS_OK;
        s3_error_set(details, S3_NO_SUCH_KEY);
        break;
    case STATUS_PRECONDITION:
        conditions_failed(condition, details);
        break;
    case STATUS_DENIED:
        s3_error_setf(details, S3_ACCESS_DENIED, "%s", S3_LOCKED_TEXT);
        break;
    case STATUS_CONFLICT:
        s3_error_setf(details, S3_ACCESS_DENIED, "%s", S3_LOCK_DOUBT_TEXT);
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

/* Those of AWS's own names may stand in the query of a presigned URL. */
static enum status read_condition(const struct exchange *exchange, struct condition_write *condition,
                                  struct s3_error_details *details)
{
    static const char *const names[] = {"x-amz-if-match-size", "x-amz-if-match-last-modified-time"};
    static const char *const plain[] = {"If-Match", "If-None-Match"};
    struct http_header said[4];
    struct header_list list = s3_named_headers(exchange, names, 2, said);

    for (size_t i = 0; i < 2; i++) {
        struct bytes value = http_request_header(exchange->http, plain[i]);
        if (value.data)
            said[list.count++] = (struct http_header){bytes_from_str(plain[i]), value};
    }
    return conditions_parse_delete(list, condition, details);
}

/* They are for a version that is named; a marker, and what a bound on versions removes for it, have none. */
static uint32_t permits(const struct exchange *exchange, bool bypass, struct bytes key, struct bytes version_id)
{
    if (!version_id.data)
        return 0;
    const struct resource resource = {
        .kind = RESOURCE_OBJECT, .bucket = exchange->bucket_name, .key = key, .version_id = version_id};

    return s3_lock_permits(exchange, bypass, &resource);
}

/* A condition tells nothing of another version than the one that may be read. */
static struct meta_seen seen_by(const struct decision *reading)
{
    return (struct meta_seen){
        .sequence = reading->sequence, .none = reading->of_version && reading->sequence == 0, .anywhere = true};
}

/* Without a version, only the commit knows whether it makes a delete marker. */
static const struct meta_outbox_entry *event_of(const struct exchange *exchange, struct bytes key,
                                                struct bytes version_id, struct notify_event *event)
{
    enum notification_event wanted = version_id.data ? NOTIFICATION_REMOVED_DELETE : exchange->operation->event;

    return notify_event_make(exchange, wanted, key, event);
}

void s3_delete_object(struct exchange *exchange)
{
    struct meta_object_deletion deletion = {.key = exchange->key,
                                            .version.id = uri_query_value(&exchange->query, "versionId")};
    const struct meta_deletion *done = &deletion.result;
    struct s3_error_details details = {0};
    struct meta_object_deletion *const wanted[] = {&deletion};
    struct condition_write condition;
    struct notify_event event = {0};
    bool bypass;

    if (s3_lock_bypass_wanted(exchange, &bypass))
        return;
    enum status status = read_condition(exchange, &condition, &details);
    if (!status) {
        deletion.condition = object_condition(&condition);
        deletion.seen = seen_by(&exchange->further);
        deletion.permits = permits(exchange, bypass, deletion.key, deletion.version.id);
        deletion.outbox = event_of(exchange, deletion.key, deletion.version.id, &event);
        meta_objects_delete(exchange->gateway->meta, exchange->bucket.id, wanted, 1);
        notify_event_release(&event);
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

/* A key of a DeleteObjects request, and what becomes of it. */
struct delete_result {
    enum status status;
    struct condition_write condition;
    struct meta_object_deletion deletion;
    struct s3_error_details error;
    struct notify_event event;
};

/* A condition on what the object is tells it, too, so the right to read is asked for, as on AWS. */
static enum status check_right(const struct exchange *exchange, const struct delete_object *object,
                               struct delete_result *result)
{
    const struct resource resource = {.kind = RESOURCE_OBJECT,
                                      .bucket = exchange->bucket_name,
                                      .key = object->key,
                                      .version_id = object->version_id,
                                      .if_match = object->etag};
    bool by_version = object->version_id.data != NULL;
    bool may = exchange_may(exchange, operation_right(exchange->operation, by_version), &resource);

    if (may && condition_tells_object(&result->condition)) {
        const struct decision reading =
            exchange_decide(exchange, by_version ? "s3:GetObjectVersion" : "s3:GetObject", &resource);
        result->deletion.seen = seen_by(&reading);
        may = reading.allowed;
    }
    if (may)
        return STATUS_OK;
    s3_error_set(&result->error, S3_ACCESS_DENIED);
    return STATUS_DENIED;
}

/* What can be said of a key before anything is deleted. */
static enum status check_listed(const struct exchange *exchange, const struct delete_object *object, bool bypass,
                                struct delete_result *result)
{
    const struct condition_delete said = {.etag = object->etag,
                                          .size = object->size,
                                          .modified = object->last_modified,
                                          .size_name = "Size",
                                          .modified_name = "LastModifiedTime"};
    enum status status = key_check(object->key, &result->error);

    if (!status)
        status = conditions_make_delete(&said, &result->condition, &result->error);
    if (!status)
        status = check_right(exchange, object, result);
    result->deletion.key = object->key;
    result->deletion.version.id = object->version_id;
    result->deletion.condition = object_condition(&result->condition);
    if (!status)
        result->deletion.permits = permits(exchange, bypass, object->key, object->version_id);
    return status;
}

/* Those that may be deleted go into one commit. */
static void delete_listed(const struct exchange *exchange, const struct delete_request *request, bool bypass,
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
        if (exchange->policy_steps) /* each key is a request of its own; the loop turns between them */
            *exchange->policy_steps = EXCHANGE_POLICY_STEPS;
        results[i].status = check_listed(exchange, &request->objects[i], bypass, &results[i]);
        if (results[i].status)
            continue;
        wanted[count++] = &results[i].deletion;
        results[i].deletion.outbox =
            event_of(exchange, request->objects[i].key, request->objects[i].version_id, &results[i].event);
    }
    meta_objects_delete(exchange->gateway->meta, exchange->bucket.id, wanted, count);
    for (size_t i = 0; i < request->count; i++)
        notify_event_release(&results[i].event);
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

/* Each key's line in the access log of the bucket. */
static void log_result(struct exchange *exchange, const struct delete_object *object,
                       const struct delete_result *result)
{
    enum s3_error code = result->status ? result->error.code : S3_ERROR_NONE;

    bucketlog_deleted_key(exchange, object->key, object->version_id, code ? s3_error_http_status(code) : 204,
                          code ? s3_error_code(code) : NULL);
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
    bool bypass;

    if (s3_lock_bypass_wanted(exchange, &bypass) || read_request(exchange, &request))
        return;
    struct delete_result *results = mem_zalloc(request.count * sizeof(*results));
    delete_listed(exchange, &request, bypass, results);
    audit_denials(exchange, &request, results);
    buffer_init(&answer, S3_REPLY_BYTES_MAX);
    response_delete_begin(&writer, &answer);
    for (size_t i = 0; i < request.count; i++)
        write_result(&writer, &request.objects[i], &results[i], request.quiet);
    if (exchange->gateway->bucketlog)
        for (size_t i = 0; i < request.count; i++)
            log_result(exchange, &request.objects[i], &results[i]);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_delete_end(&writer), &answer));
    free(results);
    delete_request_release(&request);
}
