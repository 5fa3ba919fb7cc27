/* JSON answers; see the header. */
#include "gateway/front/json_reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "compat/error.h"
#include "gateway/front/reply.h"

enum status json_reply(struct exchange *exchange, int http_status, json_t *take_value)
{
    char *text = json_dumps(take_value, JSON_COMPACT | JSON_PRESERVE_ORDER);
    CHECK(text != NULL);
    json_decref(take_value);
    http_reply_header_str(exchange->http, "Content-Type", "application/json");
    enum status status = http_status < 400 ? reply_send(exchange, http_status, bytes_from_str(text))
                                           : reply_error(exchange, http_status, bytes_from_str(text));
    free(text);
    return status;
}

enum status json_error(struct exchange *exchange, int http_status, const char *error, const char *detail)
{
    json_t *value = json_pack("{s:s}", "error", error);
    if (detail)
        json_object_set_new(value, "detail", json_string(detail));
    exchange->error_code = http_status >= 500 ? "server_error" : "client_error";
    return json_reply(exchange, http_status, value);
}

enum status json_error_status(struct exchange *exchange, enum status status)
{
    switch (status) {
    case STATUS_CLOSED:
    case STATUS_CANCELLED:
        return status;
    case STATUS_UNAVAILABLE:
    case STATUS_UNCERTAIN:
    case STATUS_CORRUPT:
    case STATUS_IO:
        http_reply_retry_after(exchange->http, 5);
        return json_error(exchange, 503, "Service unavailable",
                          meta_has_failed(exchange->gateway->meta)
                              ? GATEWAY_DISK_FAILED_TEXT
                              : "Too few storage nodes can be reached for this now.");
    case STATUS_DAMAGED:
        return json_error(exchange, 500, "Internal error", GATEWAY_DAMAGED_TEXT);
    case STATUS_LIMIT:
        return json_error(exchange, 503, "Too many requests at once", "Please reduce your request rate.");
    case STATUS_NO_SPACE:
        return json_error(exchange, 507, "Insufficient storage",
                          "The disks of the storage nodes or of the gateway are full.");
    case STATUS_QUOTA:
        return json_error(exchange, 403, "Quota exceeded", s3_error_message(S3_QUOTA_EXCEEDED));
    case STATUS_TIMEOUT:
        return json_error(exchange, 408, "Request timeout", "The request's body did not arrive in time.");
    case STATUS_INVALID:
        return json_error(exchange, 400, "Bad request", "The request's body is malformed.");
    default:
        log_error("request failed", LOG_STATUS(status));
        return json_error(exchange, 500, "Internal error", NULL);
    }
}

json_t *json_text(struct bytes text)
{
    json_t *value = json_stringn(text.data ? text.data : "", text.len);
    if (value)
        return value;
    char *clean = mem_strndup(text.data, text.len);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)clean[i] >= 0x80 || clean[i] == '\0')
            clean[i] = '?';
    value = json_stringn(clean, text.len);
    free(clean);
    return value;
}
