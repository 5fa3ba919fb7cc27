/* Names and metadata. Buckets are strict, since they may become DNS labels; keys are as free as S3 leaves
 * them. */
#include "compat/names.h"

#include <stdio.h>
#include <string.h>

#include "compat/utf8.h"

static bool name_is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool name_ends_with(struct bytes name, struct bytes suffix)
{
    return name.len >= suffix.len && bytes_equal(bytes_of(name.data + name.len - suffix.len, suffix.len), suffix);
}

/* Four groups of one to three digits. */
static bool name_is_like_ipv4(struct bytes name)
{
    unsigned groups = 1, digits = 0;

    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '.') {
            if (digits == 0)
                return false;
            groups++;
            digits = 0;
        } else if (name.data[i] < '0' || name.data[i] > '9' || ++digits > 3) {
            return false;
        }
    }
    return groups == 4 && digits > 0;
}

bool bucket_name_is_valid(struct bytes name)
{
    static const struct bytes prefixes[] = {{"xn--", 4}, {"sthree-", 7}, {"amzn-s3-demo-", 13}};
    static const struct bytes suffixes[] = {
        {"-s3alias", 8}, {"--ol-s3", 7}, {".mrap", 5}, {"--x-s3", 6}, {"--table-s3", 10}};

    if (name.len < 3 || name.len > 63)
        return false;
    if (!name_is_alphanumeric(name.data[0]) || !name_is_alphanumeric(name.data[name.len - 1]))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!name_is_alphanumeric(c) && c != '-' && c != '.')
            return false;
        if (c == '.' && name.data[i - 1] == '.')
            return false;
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (bytes_starts_with(name, prefixes[i]))
            return false;
    }
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (name_ends_with(name, suffixes[i]))
            return false;
    }
    return !name_is_like_ipv4(name);
}

bool bucket_name_is_reserved(struct bytes name)
{
    static const char *const reserved[] = {"upload",  "download", "delete", "system", "health",
                                           "metrics", "livez",    "readyz", "minio"};

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (bytes_equal_str(name, reserved[i]))
            return true;
    }
    return false;
}

enum status bucket_name_check(struct bytes name, struct s3_error_details *error)
{
    if (bucket_name_is_valid(name) && !bucket_name_is_reserved(name))
        return STATUS_OK;
    if (bucket_name_is_reserved(name))
        s3_error_setf(error, S3_INVALID_BUCKET_NAME,
                      "The specified bucket is not valid: the name is a path that the gateway serves itself.");
    else
        s3_error_set(error, S3_INVALID_BUCKET_NAME);
    s3_error_add(error, "BucketName", name);
    return STATUS_INVALID;
}

bool account_id_is_valid(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] < '0' || id.data[i] > '9')
            return false;
    return id.len == ACCOUNT_ID_LEN;
}

enum status key_check(struct bytes key, struct s3_error_details *error)
{
    if (key.len > OBJECT_KEY_BYTES_MAX) {
        s3_error_set(error, S3_KEY_TOO_LONG);
        s3_error_add_u64(error, "Size", key.len);
        s3_error_add_u64(error, "MaxSizeAllowed", OBJECT_KEY_BYTES_MAX);
        return STATUS_INVALID;
    }
    if (key.len == 0 || memchr(key.data, '\0', key.len) || !utf8_is_valid(key)) {
        s3_error_set(error, S3_INVALID_URI);
        s3_error_add(error, "URI", key);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

struct bytes metadata_name(struct bytes header_name)
{
    const size_t prefix_len = sizeof(METADATA_PREFIX) - 1;

    if (header_name.len < prefix_len || !bytes_equal_nocase(bytes_of(header_name.data, prefix_len), METADATA_PREFIX))
        return (struct bytes){NULL, 0};
    return bytes_of(header_name.data + prefix_len, header_name.len - prefix_len);
}

enum status metadata_check(const struct header_index *headers, struct s3_error_details *error)
{
    size_t total = 0, run;

    for (size_t first = 0; first < headers->count; first += run) {
        struct bytes name = metadata_name(headers->sorted[first]->name);

        run = header_index_run(headers, first);
        if (!name.data)
            continue;
        total += name.len + run - 1; /* commas */
        for (size_t i = 0; i < run; i++)
            total += bytes_trim(headers->sorted[first + i]->value).len;
    }
    if (total <= METADATA_BYTES_MAX)
        return STATUS_OK;
    s3_error_set(error, S3_METADATA_TOO_LARGE);
    s3_error_add_u64(error, "Size", total);
    s3_error_add_u64(error, "MaxSizeAllowed", METADATA_BYTES_MAX);
    return STATUS_INVALID;
}

/* One byte of RFC 2047 section 4.2's "Q" encoding. */
static enum status metadata_put_q(uint8_t byte, struct buffer *out)
{
    char escape[4];

    if (byte == ' ')
        return buffer_append_char(out, '_');
    if (byte > ' ' && byte < 0x7f && byte != '=' && byte != '?' && byte != '_')
        return buffer_append_char(out, (char)byte);
    snprintf(escape, sizeof(escape), "=%02X", byte);
    return buffer_append(out, escape, 3);
}

enum status metadata_encode(struct bytes value, struct buffer *out)
{
    bool utf8 = utf8_is_valid(value), plain = true;
    enum status status;

    for (size_t i = 0; i < value.len && plain; i++)
        plain = value.data[i] >= ' ' && value.data[i] < 0x7f;
    if (plain)
        return buffer_append_bytes(out, value);
    status = buffer_append_str(out, "=?UTF-8?Q?");
    for (size_t i = 0; i < value.len && !status; i++) {
        uint8_t byte = (uint8_t)value.data[i];
        char character[4];
        size_t len = utf8 ? 1 : utf8_encode(byte, character);

        if (utf8)
            character[0] = value.data[i];
        for (size_t j = 0; j < len && !status; j++)
            status = metadata_put_q((uint8_t)character[j], out);
    }
    return status ? status : buffer_append_str(out, "?=");
}
