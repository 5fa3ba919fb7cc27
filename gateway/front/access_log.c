/* The access log; see the header. */
#include "gateway/front/access_log.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/front/operation.h"

#define PARAMETERS_SHOWN_MAX 160
#define PARAMETER_SHOWN_MAX  32

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_of_signature(struct bytes name)
{
    return (name.len >= 6 && bytes_equal_nocase(bytes_of(name.data, 6), "x-amz-")) ||
           bytes_equal_str(name, "AWSAccessKeyId") || bytes_equal_str(name, "Signature") ||
           bytes_equal_str(name, "Expires");
}

/* The names of the query's parameters, as far as they are plain words: what was asked for. Values are left out, and so
 * is all that belongs to a signature: who has a presigned URL may use it. */
static void list_parameters(const struct uri_query *query, char out[PARAMETERS_SHOWN_MAX + 1])
{
    size_t len = 0;

    for (size_t i = 0; i < query->count; i++) {
        struct bytes name = query->parameters[i].name;
        if (is_of_signature(name))
            continue;
        for (size_t j = 0; j <= name.len && j <= PARAMETER_SHOWN_MAX && len < PARAMETERS_SHOWN_MAX; j++) {
            bool ends = j == name.len || j == PARAMETER_SHOWN_MAX || !is_word_byte(name.data[j]);
            out[len++] = ends ? '&' : name.data[j];
            if (ends)
                break;
        }
    }
    out[len > 0 ? len - 1 : 0] = '\0';
}

void access_log_write(const struct exchange *exchange)
{
    const struct http_request *http = exchange->http;
    char peer[64], parameters[PARAMETERS_SHOWN_MAX + 1];

    http_request_peer_text(http, peer);
    list_parameters(&exchange->query, parameters);
    const struct log_field fields[] = {
        LOG_STR("remote", peer),
        LOG_BYTES("method", http->method),
        LOG_BYTES("path", http->path),
        LOG_STR("parameters", parameters),
        LOG_STR("action", exchange->operation ? exchange->operation->action : "none"),
        LOG_BYTES("bucket", exchange->bucket_name),
        LOG_BYTES("key", exchange->key),
        LOG_BYTES("accessKey", exchange->credentials.access_key),
        LOG_INT("statusCode", http->status),
        LOG_STR("error", exchange->error_code ? exchange->error_code : ""),
        LOG_INT("bytesIn", http->bytes_in),
        LOG_INT("bytesOut", http->bytes_out),
        LOG_INT("durationUs", clock_monotonic_us() - http->start_us),
        {0},
    };
    log_access(fields);
}
