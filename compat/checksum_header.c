/* The x-amz-checksum-* family: names and texts, and what requests say. Computing is in checksum_state.c. */
#include "compat/checksum_header.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

#define CHECKSUM_HEADER_PREFIX "x-amz-checksum-"

struct checksum_row {
    const char *name, *header, *element;
    uint8_t len;
    bool digest;                 /* checksum_is_digest */
    bool composite, full_object; /* which it can be of an object in parts */
};

static const struct checksum_row checksum_table[CHECKSUM_ALGORITHM_COUNT] = {
    [CHECKSUM_NONE] = {"NONE", "", "", 0, false, false, false},
#define ROW(name, lower, ...)                                                                                          \
    {                                                                                                                  \
#name, CHECKSUM_HEADER_PREFIX lower, "Checksum" #name, __VA_ARGS__                                             \
    }
    [CHECKSUM_CRC32] = ROW(CRC32, "crc32", 4, false, true, true),
    [CHECKSUM_CRC32C] = ROW(CRC32C, "crc32c", 4, false, true, true),
    [CHECKSUM_CRC64NVME] = ROW(CRC64NVME, "crc64nvme", 8, false, false, true),
    [CHECKSUM_SHA1] = ROW(SHA1, "sha1", SHA1_LEN, true, true, false),
    [CHECKSUM_SHA256] = ROW(SHA256, "sha256", SHA256_LEN, true, true, false),
    [CHECKSUM_SHA512] = ROW(SHA512, "sha512", SHA512_LEN, true, true, false),
    [CHECKSUM_MD5] = ROW(MD5, "md5", MD5_LEN, true, true, false),
    [CHECKSUM_XXHASH64] = ROW(XXHASH64, "xxhash64", 8, false, true, false),
    [CHECKSUM_XXHASH3] = ROW(XXHASH3, "xxhash3", 8, false, true, false),
    [CHECKSUM_XXHASH128] = ROW(XXHASH128, "xxhash128", 16, false, true, false),
#undef ROW
};

static const struct checksum_row *checksum_row(enum checksum_algorithm algorithm)
{
    CHECK(algorithm < CHECKSUM_ALGORITHM_COUNT);
    return &checksum_table[algorithm];
}

size_t checksum_length(enum checksum_algorithm algorithm)
{
    return checksum_row(algorithm)->len;
}

bool checksum_is_digest(enum checksum_algorithm algorithm)
{
    return checksum_row(algorithm)->digest;
}

const char *checksum_name(enum checksum_algorithm algorithm)
{
    return checksum_row(algorithm)->name;
}

const char *checksum_header_name(enum checksum_algorithm algorithm)
{
    return checksum_row(algorithm)->header;
}

const char *checksum_short_name(enum checksum_algorithm algorithm)
{
    return checksum_row(algorithm)->header + sizeof(CHECKSUM_HEADER_PREFIX) - 1;
}

const char *checksum_element_name(enum checksum_algorithm algorithm)
{
    return checksum_row(algorithm)->element;
}

const char *checksum_type_name(bool full_object)
{
    return full_object ? "FULL_OBJECT" : "COMPOSITE";
}

enum checksum_algorithm checksum_algorithm_parse(struct bytes name)
{
    for (enum checksum_algorithm i = CHECKSUM_NONE + 1; i < CHECKSUM_ALGORITHM_COUNT; i++) {
        if (bytes_equal_nocase(name, checksum_table[i].name))
            return i;
    }
    return CHECKSUM_NONE;
}

static enum checksum_algorithm checksum_algorithm_of_header(struct bytes header_name)
{
    const size_t prefix_len = sizeof(CHECKSUM_HEADER_PREFIX) - 1;

    if (header_name.len <= prefix_len)
        return CHECKSUM_NONE;
    if (!bytes_equal_nocase(bytes_of(header_name.data, prefix_len), CHECKSUM_HEADER_PREFIX))
        return CHECKSUM_NONE;
    return checksum_algorithm_parse(bytes_of(header_name.data + prefix_len, header_name.len - prefix_len));
}

void checksum_text(const struct checksum_value *value, uint32_t composite_parts, char out[CHECKSUM_TEXT_MAX])
{
    size_t len = base64_encode(value->value, value->len, out);

    if (composite_parts)
        snprintf(out + len, CHECKSUM_TEXT_MAX - len, "-%u", (unsigned)composite_parts);
}

enum status checksum_parse(enum checksum_algorithm algorithm, struct bytes text, struct checksum_value *value)
{
    struct checksum_value parsed = {.algorithm = algorithm, .full_object = true};
    uint8_t raw[CHECKSUM_TEXT_MAX];
    size_t len = sizeof(raw);

    CHECK(algorithm != CHECKSUM_NONE);
    if (text.len >= CHECKSUM_TEXT_MAX || base64_decode(text, raw, &len) || len != checksum_length(algorithm))
        return STATUS_INVALID;
    parsed.len = (uint8_t)len;
    memcpy(parsed.value, raw, len);
    *value = parsed;
    return STATUS_OK;
}

bool checksum_equal(const struct checksum_value *a, const struct checksum_value *b)
{
    return a->algorithm == b->algorithm && a->len == b->len && memcmp(a->value, b->value, a->len) == 0;
}

static enum status checksum_refuse_value(struct s3_error_details *error, enum checksum_algorithm algorithm)
{
    s3_error_setf(error, S3_INVALID_REQUEST, "Value for %s header is invalid.", checksum_header_name(algorithm));
    return STATUS_INVALID;
}

static enum status checksum_refuse(struct s3_error_details *error, const char *message)
{
    s3_error_setf(error, S3_INVALID_REQUEST, "%s", message);
    return STATUS_INVALID;
}

/* `base64`, and `base64-N` where the caller allows it ('-' is not of the base64 alphabet). */
static enum status checksum_request_value(struct checksum_request *request, struct bytes text, bool allow_composite,
                                          struct s3_error_details *error)
{
    const char *dash = text.len ? memchr(text.data, '-', text.len) : NULL;
    uint64_t parts = 0;

    if (dash && allow_composite) {
        struct bytes count = bytes_of(dash + 1, text.len - (size_t)(dash - text.data) - 1);

        if (bytes_parse_u64(count, UINT32_MAX, &parts) || parts == 0)
            return checksum_refuse_value(error, request->algorithm);
        text.len = (size_t)(dash - text.data);
    }
    if (checksum_parse(request->algorithm, text, &request->value))
        return checksum_refuse_value(error, request->algorithm);
    request->value.full_object = parts == 0;
    request->composite_parts = (uint32_t)parts;
    return STATUS_OK;
}

/* x-amz-checksum-mode, -algorithm and -type are of the family's name only. */
static bool checksum_header_is_value(struct bytes name)
{
    const size_t prefix_len = sizeof(CHECKSUM_HEADER_PREFIX) - 1;

    return name.len > prefix_len && bytes_equal_nocase(bytes_of(name.data, prefix_len), CHECKSUM_HEADER_PREFIX) &&
           !bytes_equal_nocase(name, CHECKSUM_HEADER_PREFIX "mode") &&
           !bytes_equal_nocase(name, CHECKSUM_HEADER_PREFIX "algorithm") &&
           !bytes_equal_nocase(name, CHECKSUM_HEADER_PREFIX "type");
}

static enum status checksum_request_headers(struct checksum_request *request, struct header_list headers,
                                            bool allow_composite, struct s3_error_details *error)
{
    for (size_t i = 0; i < headers.count; i++) {
        struct bytes name = headers.headers[i].name;

        if (!checksum_header_is_value(name))
            continue;
        if (request->algorithm)
            return checksum_refuse(error, "Expecting a single x-amz-checksum- header. Multiple checksum Types are "
                                          "not allowed.");
        request->algorithm = checksum_algorithm_of_header(name);
        if (!request->algorithm)
            return checksum_refuse(error, "The algorithm type you specified in x-amz-checksum- header is invalid.");
        if (checksum_request_value(request, bytes_trim(headers.headers[i].value), allow_composite, error))
            return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* x-amz-trailer announces at most one checksum, and nothing else. */
static enum status checksum_request_announced(struct checksum_request *request, struct header_list headers,
                                              struct s3_error_details *error)
{
    struct bytes trailer = header_list_find(headers, "x-amz-trailer");
    enum checksum_algorithm announced;

    if (trailer.len == 0)
        return STATUS_OK;
    announced = checksum_algorithm_of_header(trailer);
    if (!announced || header_list_count(headers, "x-amz-trailer") != 1)
        return checksum_refuse(error, "The value specified in the x-amz-trailer header is not supported");
    if (request->algorithm)
        return checksum_refuse(error, "Expecting a single x-amz-checksum- header. Multiple checksum Types are "
                                      "not allowed.");
    request->algorithm = announced;
    request->in_trailer = true;
    return STATUS_OK;
}

/* A header that names the algorithm of the checksum that the request has. */
static enum status checksum_request_named(const struct checksum_request *request, struct header_list headers,
                                          const char *header, struct s3_error_details *error)
{
    struct bytes name = header_list_find(headers, header);

    if (name.len == 0 || (request->algorithm && checksum_algorithm_parse(name) == request->algorithm))
        return STATUS_OK;
    if (request->algorithm)
        s3_error_setf(error, S3_INVALID_REQUEST, "Value for %s header is invalid.", header);
    else
        s3_error_setf(error, S3_INVALID_REQUEST,
                      "%s specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
                      header);
    return STATUS_INVALID;
}

enum status checksum_request_parse(struct header_list headers, bool allow_composite, struct checksum_request *request,
                                   struct s3_error_details *error)
{
    enum status status;

    memset(request, 0, sizeof(*request));
    status = checksum_request_headers(request, headers, allow_composite, error);
    if (!status)
        status = checksum_request_announced(request, headers, error);
    if (!status)
        status = checksum_request_named(request, headers, "x-amz-sdk-checksum-algorithm", error);
    if (!status) /* not AWS's name for it, but FoundationDB's */
        status = checksum_request_named(request, headers, "x-amz-checksum-algorithm", error);
    return status;
}

enum status checksum_request_trailer(struct checksum_request *request, struct header_list trailer,
                                     struct s3_error_details *error)
{
    struct bytes text;

    if (!request->in_trailer)
        return STATUS_OK;
    text = header_list_find(trailer, checksum_header_name(request->algorithm));
    for (size_t i = 0; i < trailer.count; i++) {
        enum checksum_algorithm algorithm = checksum_algorithm_of_header(trailer.headers[i].name);

        if (algorithm && algorithm != request->algorithm)
            text.data = NULL;
    }
    if (!text.data || header_list_count(trailer, checksum_header_name(request->algorithm)) != 1) {
        s3_error_set(error, S3_MALFORMED_TRAILER);
        return STATUS_INVALID;
    }
    return checksum_request_value(request, text, false, error);
}

static enum status checksum_type_parse(struct bytes text, bool *full_object, struct s3_error_details *error)
{
    *full_object = bytes_equal_nocase(text, "FULL_OBJECT");
    if (*full_object || bytes_equal_nocase(text, "COMPOSITE"))
        return STATUS_OK;
    return checksum_refuse(error, "Value for x-amz-checksum-type header is invalid.");
}

static enum status checksum_refuse_type(enum checksum_algorithm algorithm, bool full_object,
                                        struct s3_error_details *error)
{
    s3_error_setf(error, S3_INVALID_REQUEST, "The %s checksum type cannot be used with the %s checksum algorithm.",
                  checksum_type_name(full_object), checksum_short_name(algorithm));
    return STATUS_INVALID;
}

enum status checksum_creation_parse(struct header_list headers, enum checksum_algorithm *algorithm, bool *full_object,
                                    struct s3_error_details *error)
{
    struct bytes name = header_list_find(headers, "x-amz-checksum-algorithm");
    struct bytes type = header_list_find(headers, "x-amz-checksum-type");

    *algorithm = CHECKSUM_NONE;
    *full_object = false;
    if (name.len == 0) {
        if (type.len == 0)
            return STATUS_OK;
        return checksum_refuse(error, "The x-amz-checksum-type header can only be used with the "
                                      "x-amz-checksum-algorithm header.");
    }
    *algorithm = checksum_algorithm_parse(name);
    if (!*algorithm)
        return checksum_refuse(error,
                               "Checksum algorithm provided is unsupported. Please try again with any of the "
                               "valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, XXHASH64, XXHASH3, "
                               "XXHASH128]");
    *full_object = *algorithm == CHECKSUM_CRC64NVME;
    if (type.len > 0 && checksum_type_parse(type, full_object, error))
        return STATUS_INVALID;
    if (*full_object ? !checksum_row(*algorithm)->full_object : !checksum_row(*algorithm)->composite)
        return checksum_refuse_type(*algorithm, *full_object, error);
    return STATUS_OK;
}

enum status checksum_type_check(struct header_list headers, enum checksum_algorithm algorithm, bool full_object,
                                struct s3_error_details *error)
{
    struct bytes type = header_list_find(headers, "x-amz-checksum-type");
    bool named_full_object;

    if (type.len == 0)
        return STATUS_OK;
    if (checksum_type_parse(type, &named_full_object, error))
        return STATUS_INVALID;
    if (algorithm != CHECKSUM_NONE && named_full_object == full_object)
        return STATUS_OK;
    s3_error_setf(error, S3_INVALID_REQUEST,
                  "The upload was created using the %s checksum mode. The complete request must use the same "
                  "checksum mode.",
                  algorithm == CHECKSUM_NONE ? "null" : checksum_type_name(full_object));
    return STATUS_INVALID;
}

void checksum_mismatch(enum checksum_algorithm algorithm, struct s3_error_details *error)
{
    s3_error_setf(error, S3_BAD_DIGEST, "The %s you specified did not match the calculated checksum.",
                  checksum_name(algorithm));
}

enum status content_md5_parse(struct header_list headers, bool *present, uint8_t md5[MD5_LEN],
                              struct s3_error_details *error)
{
    struct bytes text = header_list_find(headers, "Content-MD5");
    uint8_t raw[CHECKSUM_TEXT_MAX];
    size_t len = sizeof(raw);

    *present = text.data != NULL;
    if (!text.data)
        return STATUS_OK;
    if (text.len >= CHECKSUM_TEXT_MAX || base64_decode(text, raw, &len) || len != MD5_LEN) {
        s3_error_set(error, S3_INVALID_DIGEST);
        s3_error_add(error, "Content-MD5", text);
        return STATUS_INVALID;
    }
    memcpy(md5, raw, MD5_LEN);
    return STATUS_OK;
}
