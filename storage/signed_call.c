/* See the header. */
#include "storage/signed_call.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/task.h"
#include "base/trace.h"

/* Signs a request with the body that it is sent with, or with none. */
static void sign_whole(const struct signed_request *request, struct bytes body, char auth[PROTOCOL_AUTH_MAX])
{
    char content[48] = "-";

    if (body.data)
        snprintf(content, sizeof(content), "crc32c:%08" PRIx32 ":%zu", crc32c_update(0, body.data, body.len), body.len);
    protocol_sign(request->identity, request->method, bytes_from_str(request->target), request->time_ms, content, auth);
}

struct http_call *signed_call_start(const struct signed_request *request, struct http_call_options options)
{
    char url[SIGNED_ADDRESS_MAX + SIGNED_TARGET_MAX + 9];
    char header[PROTOCOL_AUTH_MAX + 16];
    char own_auth[PROTOCOL_AUTH_MAX];
    char id_header[64], trace_header[TRACE_PARENT_LEN + 16];
    const char *headers[4] = {header};
    unsigned count = 1;

    if (!request->auth)
        sign_whole(request, options.body, own_auth);
    snprintf(url, sizeof(url), "%s://%s%s", request->identity->tls ? "https" : "http", request->address,
             request->target);
    snprintf(header, sizeof(header), PROTOCOL_HEADER_AUTH ": %s", request->auth ? request->auth : own_auth);
    if (task_request_id()) {
        snprintf(id_header, sizeof(id_header), PROTOCOL_HEADER_REQUEST_ID ": %s", task_request_id());
        headers[count++] = id_header;
    }
    if (task_trace()) {
        snprintf(trace_header, sizeof(trace_header), "traceparent: %s", task_trace());
        headers[count++] = trace_header;
    }
    options.method = request->method;
    options.url = url;
    options.headers = headers;
    options.tls = request->identity->tls;
    options.tls_only = options.tls;
    return http_call_start(&options);
}

bool signed_call_is_misdated(const struct http_call *call, int64_t *node_time_ms)
{
    uint64_t time_ms;
    if (http_call_status(call) != 401 ||
        bytes_parse_u64(http_call_header(call, PROTOCOL_HEADER_TIME), INT64_MAX / 2, &time_ms))
        return false;
    *node_time_ms = (int64_t)time_ms;
    return true;
}
