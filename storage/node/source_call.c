/* See the header. */
#include "storage/node/source_call.h"

#include <string.h>

#include "base/clock.h"

enum status source_parse(struct bytes value, char source[SOURCE_ADDRESS_MAX])
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    if (value.len == 0 || value.len >= SOURCE_ADDRESS_MAX || !memchr(value.data, ':', value.len))
        return STATUS_INVALID;
    for (size_t i = 0; i < value.len; i++)
        if (!value.data[i] || !strchr(allowed, value.data[i]))
            return STATUS_INVALID;
    memcpy(source, value.data, value.len);
    source[value.len] = '\0';
    return STATUS_OK;
}

enum status source_call(const struct node_api *api, const char *source, const char *method, const char *target,
                        struct bytes body, uint64_t deadline_ms, struct http_call **call)
{
    struct signed_request request = {.identity = api->config.identity,
                                     .address = source,
                                     .method = method,
                                     .target = target,
                                     .time_ms = clock_wall_ms()};
    const struct http_call_options options = {.body = body};

    *call = signed_call_start(&request, options);
    enum status status = http_call_wait_head(*call, deadline_ms);
    if (!status && signed_call_is_misdated(*call, &request.time_ms)) {
        http_call_free(*call);
        *call = signed_call_start(&request, options);
        status = http_call_wait_head(*call, deadline_ms);
    }
    return status;
}
