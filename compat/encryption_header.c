/* Encryption's headers; see the header. */
#include "compat/encryption_header.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "compat/json_nesting.h"

#define CUSTOMER_MUST "Requests specifying Server Side Encryption with Customer provided keys must provide "

static const char *const method_names[] = {"", "AES256", "aws:kms", "aws:kms:dsse"};
#define METHODS (sizeof(method_names) / sizeof(method_names[0]))

const char *sse_method_name(enum sse_method method)
{
    return method_names[method];
}

enum status sse_method_parse(struct bytes text, enum sse_method *method)
{
    for (size_t i = 1; i < METHODS; i++) {
        *method = (enum sse_method)i;
        if (bytes_equal_str(text, method_names[i]))
            return STATUS_OK;
    }
    *method = SSE_NONE;
    return STATUS_INVALID;
}

static enum status wrong(const char *name, struct bytes value, const char *message, struct s3_error_details *error)
{
    s3_error_argument(error, bytes_from_str(name), value, "%s", message);
    return STATUS_INVALID;
}

/* ---- SSE-S3 and SSE-KMS ----------------------------------------------------------------------------------------- */

/* A JSON object of strings. */
static bool is_context(struct bytes text)
{
    const char *key;
    json_t *value, *map;
    bool good = true;

    if (json_nesting(text) > 1)
        return false;
    map = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(map))
        good = false;
    json_object_foreach (map, key, value)
        good = good && json_is_string(value);
    json_decref(map);
    return good;
}

static enum status check_context(struct bytes context, struct s3_error_details *error)
{
    char *text = mem_alloc(SSE_CONTEXT_BYTES_MAX);
    size_t len = SSE_CONTEXT_BYTES_MAX;
    bool good = base64_decode(context, text, &len) == STATUS_OK && is_context(bytes_of(text, len));

    free(text);
    return good ? STATUS_OK
                : wrong(SSE_PREFIX "-context", context,
                        "The encryption context is not a Base64-encoded JSON object of strings.", error);
}

static enum status read_bucket_key(struct bytes value, struct sse_request *request, struct s3_error_details *error)
{
    request->has_bucket_key = value.len > 0;
    request->bucket_key = bytes_equal_nocase(value, "true");
    if (value.len == 0 || request->bucket_key || bytes_equal_nocase(value, "false"))
        return STATUS_OK;
    return wrong(SSE_PREFIX "-bucket-key-enabled", value, "The value of this header is neither true nor false.", error);
}

enum status sse_request_parse(struct header_list headers, struct sse_request *request, struct s3_error_details *error)
{
    struct bytes method = bytes_trim(header_list_find(headers, SSE_PREFIX));
    enum status status;

    *request = (struct sse_request){
        .key_id = bytes_trim(header_list_find(headers, SSE_PREFIX "-aws-kms-key-id")),
        .context = bytes_trim(header_list_find(headers, SSE_PREFIX "-context")),
    };
    if (method.len > 0 && sse_method_parse(method, &request->method))
        return wrong(SSE_PREFIX, method, "The encryption method specified is not supported", error);
    bool kms = request->method == SSE_KMS || request->method == SSE_DSSE;
    if (request->key_id.len > 0 && !kms)
        return wrong(SSE_PREFIX "-aws-kms-key-id", request->key_id,
                     "This header is only applicable with server-side encryption by aws:kms or aws:kms:dsse.", error);
    if (request->context.len > 0 && !kms)
        return wrong(SSE_PREFIX "-context", request->context,
                     "This header is only applicable with server-side encryption by aws:kms or aws:kms:dsse.", error);
    status = read_bucket_key(bytes_trim(header_list_find(headers, SSE_PREFIX "-bucket-key-enabled")), request, error);
    if (!status && request->context.len > 0)
        status = check_context(request->context, error);
    return status;
}

struct bytes sse_key_name(struct bytes key_id, bool *malformed_arn)
{
    static const char *const kinds[] = {"key/", "alias/"};

    *malformed_arn = false;
    if (bytes_starts_with(key_id, BYTES("arn:"))) {
        unsigned colons = 0;
        size_t at = 0;
        bool kms = false;
        for (; at < key_id.len && colons < 5; at++) {
            colons += key_id.data[at] == ':';
            if (colons == 2 && key_id.data[at] == ':')
                kms = bytes_starts_with(bytes_of(key_id.data + at, key_id.len - at), BYTES(":kms:"));
        }
        key_id = bytes_of(key_id.data + at, key_id.len - at);
        *malformed_arn = colons < 5 || !kms ||
                         (!bytes_starts_with(key_id, BYTES("key/")) && !bytes_starts_with(key_id, BYTES("alias/")));
        if (*malformed_arn)
            return (struct bytes){0};
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (bytes_starts_with(key_id, bytes_from_str(kinds[i])))
            return bytes_of(key_id.data + strlen(kinds[i]), key_id.len - strlen(kinds[i]));
    return key_id;
}

/* ---- SSE-C ------------------------------------------------------------------------------------------------------ */

static enum status wrong_key(struct s3_error_details *error)
{
    s3_error_setf(error, S3_ACCESS_DENIED, "%s", CUSTOMER_MUST "the correct secret key.");
    return STATUS_DENIED;
}

static enum status check_key(struct bytes key, struct bytes md5, const char *const *names, bool reads,
                             struct sse_customer *customer, struct s3_error_details *error)
{
    uint8_t computed[MD5_LEN], bytes[3 * SEAL_KEY_LEN];
    char text[2 * MD5_LEN];
    size_t len = sizeof(bytes);
    bool whole = base64_decode(key, bytes, &len) == STATUS_OK && len == SEAL_KEY_LEN;

    if (whole)
        memcpy(customer->key.bytes, bytes, SEAL_KEY_LEN);
    explicit_bzero(bytes, sizeof(bytes));
    if (md5.len == 0 && reads)
        return wrong_key(error);
    if (md5.len == 0 || !whole)
        return wrong(names[2], md5, "The secret key was invalid for the specified algorithm.", error);
    md5_of(customer->key.bytes, SEAL_KEY_LEN, computed);
    base64_encode(computed, MD5_LEN, text);
    if (bytes_equal_constant_time(md5, bytes_from_str(text)))
        return STATUS_OK;
    return wrong(names[2], md5, "The calculated MD5 hash of the key did not match the hash that was provided.", error);
}

enum status sse_customer_parse(struct header_list headers, enum sse_customer_use use, struct sse_customer *customer,
                               struct s3_error_details *error)
{
    static const char *const own[] = {SSE_CUSTOMER_NAMES}, *const source[] = {SSE_COPY_SOURCE_NAMES};
    const char *const *names = use == SSE_READS_SOURCE ? source : own;
    struct bytes algorithm = bytes_trim(header_list_find(headers, names[0]));
    struct bytes key = bytes_trim(header_list_find(headers, names[1]));
    struct bytes md5 = bytes_trim(header_list_find(headers, names[2]));
    enum status status;

    *customer = (struct sse_customer){.md5 = md5};
    if (algorithm.len == 0 && key.len == 0 && md5.len == 0)
        return STATUS_OK;
    if (algorithm.len == 0)
        return wrong(names[0], algorithm, CUSTOMER_MUST "a valid encryption algorithm.", error);
    if (!bytes_equal_str(algorithm, "AES256")) {
        s3_error_setf(error, S3_INVALID_ENCRYPTION_ALGORITHM, "%s",
                      "The Encryption request you specified is not valid. Supported value: AES256.");
        s3_error_add(error, "ArgumentName", BYTES(SSE_PREFIX));
        s3_error_add(error, "ArgumentValue", algorithm);
        return STATUS_INVALID;
    }
    if (key.len == 0)
        return wrong(names[1], key, CUSTOMER_MUST "an appropriate secret key.", error);
    status = check_key(key, md5, names, use != SSE_WRITES, customer, error);
    customer->given = !status;
    if (status)
        explicit_bzero(&customer->key, sizeof(customer->key));
    return status;
}
