/* Names and versions in requests of the file API. */
#include <stdlib.h>
#include <string.h>

#include "compat/names.h"
#include "gateway/files/files.h"
#include "gateway/front/json_reply.h"

enum status files_check_name(struct exchange *exchange, struct bytes name)
{
    struct s3_error_details details = {0};

    if (name.len == 0) {
        HTTP_LAST_REPLY(json_error(exchange, 400, "Filename is required", NULL));
        return STATUS_INVALID;
    }
    if (key_check(name, &details)) {
        HTTP_LAST_REPLY(json_error(exchange, 400, "Invalid filename", "A filename is at most 1024 bytes of UTF-8."));
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c < 0x20 || c == 0x7f) {
            HTTP_LAST_REPLY(
                json_error(exchange, 400, "Invalid filename", "A filename must not hold control characters."));
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

enum status files_name(struct exchange *exchange)
{
    static const char prefix[] = "/files/";
    struct bytes path = exchange->http->path;

    if (bytes_starts_with(path, BYTES(prefix))) {
        if (uri_decode(bytes_of(path.data + sizeof(prefix) - 1, path.len - (sizeof(prefix) - 1)), false,
                       &exchange->path_storage)) {
            HTTP_LAST_REPLY(json_error(exchange, 400, "Invalid filename", "The path's percent-encoding is malformed."));
            return STATUS_INVALID;
        }
        exchange->key = buffer_bytes(&exchange->path_storage);
    } else {
        exchange->key = uri_query_value(&exchange->query, "filename");
    }
    return files_check_name(exchange, exchange->key);
}

enum status files_version(struct exchange *exchange, struct meta_version *version)
{
    struct bytes text = uri_query_value(&exchange->query, "version");
    bool negative = text.len > 1 && text.data[0] == '-';

    *version = (struct meta_version){0};
    if (text.len == 0)
        return STATUS_OK;
    if (bytes_parse_u64(negative ? bytes_of(text.data + 1, text.len - 1) : text, INT64_MAX, &version->number)) {
        HTTP_LAST_REPLY(json_error(exchange, 400, "Invalid version", "The version must be an integer."));
        return STATUS_INVALID;
    }
    if (negative)
        version->number = 0;
    return STATUS_OK;
}
