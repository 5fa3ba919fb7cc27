/* DELETE /delete?filename=[&version=] and DELETE /files/{filename}[?version=]: without a version the file
 * goes with all its versions, but never because of a version that names none: a download takes that for the latest.
 * Deleting what is not there is no error. */
#include "gateway/files/files.h"
#include "gateway/front/json_reply.h"
#include "gateway/front/operation.h"
#include "gateway/notify/event.h"

static enum status delete_version(struct exchange *exchange, const struct meta_version *version, const char **message)
{
    struct notify_event event = {0};
    struct meta_deletion deletion;
    enum status status =
        meta_object_delete(exchange->gateway->meta, exchange->bucket.id, exchange->key, version, NULL,
                           notify_event_make(exchange, exchange->operation->event, exchange->key, &event), &deletion);

    notify_event_release(&event);
    *message = status == STATUS_OK ? "File version deleted successfully" : "File version not found, nothing deleted";
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status delete_all(struct exchange *exchange, const char **message)
{
    struct notify_event event = {0};
    uint64_t count = 0;
    enum status status =
        meta_object_delete_all(exchange->gateway->meta, exchange->bucket.id, exchange->key,
                               notify_event_make(exchange, exchange->operation->event, exchange->key, &event), &count);

    notify_event_release(&event);
    *message = count > 0 ? "File deleted successfully" : "File not found, nothing deleted";
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

void files_delete(struct exchange *exchange)
{
    struct meta_version version;
    const char *message;
    enum status status;

    if (files_name(exchange) || files_version(exchange, &version))
        return;
    if (version.number == 0 && uri_query_has(&exchange->query, "version")) {
        HTTP_LAST_REPLY(
            json_error(exchange, 400, "Invalid version",
                       "Versions count from 1. Without the parameter the file goes with all its versions."));
        return;
    }
    if (version.number > 0)
        status = delete_version(exchange, &version, &message);
    else
        status = delete_all(exchange, &message);
    if (status == STATUS_DENIED || status == STATUS_CONFLICT) /* by the guard of versions */
        HTTP_LAST_REPLY(
            json_error(exchange, 403, "Access denied", "The file, or a version of it, is protected by object lock."));
    else if (status)
        HTTP_LAST_REPLY(json_error_status(exchange, status));
    else
        HTTP_LAST_REPLY(json_reply(exchange, 200, json_pack("{s:s}", "message", message)));
}
