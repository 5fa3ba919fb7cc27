/* The headers kept with an object: which of a request's are stored, and how they are given back. */
#include "gateway/s3/metadata.h"

#include <string.h>

#include "base/check.h"
#include "compat/names.h"
#include "compat/website.h"
#include "gateway/front/reply.h"
#include "gateway/object/stored_headers.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

/* One that begins with x-amz- needs more than a line here: a presigned request has it in the query (collect_query), and
 * there is no response- parameter that takes its place (override_of). */
static const char *const stored_names[] = {"Cache-Control",    "Content-Disposition", "Content-Encoding",
                                           "Content-Language", "Content-Type",        "Expires"};
#define STORED_NAMES    (sizeof(stored_names) / sizeof(stored_names[0]))
#define STORED_NAME_MAX 63

/* What a client may name its metadata: it becomes a header's name again (RFC 9110 section 5.6.2). */
static bool is_token(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return name.len > 0;
}

static enum status refuse_name(struct exchange *exchange, struct bytes name)
{
    return s3_fail_argument(exchange, METADATA_PREFIX, name, "The name of a metadata element is not a header name.");
}

/* A presigned request may carry metadata in its query, where it counts as headers. */
static enum status collect_query(struct exchange *exchange, struct buffer *stored)
{
    size_t total = 0;

    for (size_t i = 0; i < exchange->query.count; i++) {
        const struct uri_parameter *parameter = &exchange->query.parameters[i];
        if (!metadata_name(parameter->name).data)
            continue;
        if (!is_token(parameter->name))
            return refuse_name(exchange, parameter->name);
        total += parameter->name.len + parameter->value.len;
        if (total > METADATA_BYTES_MAX || stored_headers_add(stored, parameter->name, parameter->value))
            return s3_fail(exchange, S3_METADATA_TOO_LARGE);
    }
    return STATUS_OK;
}

/* aws-chunked is how the body travelled, not what the object is. A value without it stays as it was sent. */
static struct bytes without_aws_chunked(struct bytes sent, struct buffer *scratch)
{
    struct bytes value = sent;
    bool removed = false;

    while (value.len > 0) {
        const char *comma = memchr(value.data, ',', value.len);
        size_t len = comma ? (size_t)(comma - value.data) : value.len;
        struct bytes coding = bytes_trim(bytes_of(value.data, len));
        removed |= bytes_equal_nocase(coding, "aws-chunked");
        if (coding.len > 0 && !bytes_equal_nocase(coding, "aws-chunked")) {
            if (scratch->len > 0)
                CHECK(buffer_append_char(scratch, ',') == STATUS_OK);
            CHECK(buffer_append_bytes(scratch, coding) == STATUS_OK); /* less than the value */
        }
        len += comma != NULL;
        value = bytes_of(value.data + len, value.len - len);
    }
    return removed ? buffer_bytes(scratch) : sent;
}

static bool is_stored(struct bytes name)
{
    for (size_t i = 0; i < STORED_NAMES; i++)
        if (bytes_equal_nocase(name, stored_names[i]))
            return true;
    return false;
}

/* One header is stored for all lines of its name (RFC 9110 section 5.3). */
static enum status collect_header(struct buffer *stored, const struct header_index *headers, size_t first, size_t count)
{
    const struct http_header *header = headers->sorted[first];
    bool metadata = metadata_name(header->name).data != NULL;
    struct buffer joined, scratch;
    struct bytes value;

    if (!metadata && !is_stored(header->name))
        return STATUS_OK;
    buffer_init(&joined, META_HEADERS_MAX);
    enum status status = header_index_join(headers, first, count, &joined, &value);
    buffer_init(&scratch, status ? 1 : value.len + 1);
    if (!status && bytes_equal_nocase(header->name, "Content-Encoding"))
        value = without_aws_chunked(value, &scratch);
    if (!status && (metadata || value.len > 0))
        status = stored_headers_add(stored, header->name, value);
    buffer_release(&joined);
    buffer_release(&scratch);
    return status;
}

static enum status collect_list(struct exchange *exchange, struct header_list list, struct buffer *stored)
{
    struct s3_error_details details = {0};
    struct header_index headers;
    enum status status = STATUS_OK;
    size_t run;

    header_index_make(&headers, list.headers, list.count);
    if (metadata_check(&headers, &details))
        return s3_fail_details(exchange, &details);
    for (size_t first = 0; !status && first < headers.count; first += run) {
        run = header_index_run(&headers, first);
        status = collect_header(stored, &headers, first, run);
    }
    return status ? s3_fail(exchange, S3_METADATA_TOO_LARGE) : STATUS_OK;
}

/* AWS bounds it by itself, beside the other metadata. */
static enum status collect_redirect(struct exchange *exchange, struct bytes location, struct buffer *stored)
{
    struct s3_error_details details = {0};

    if (location.len == 0)
        return STATUS_OK;
    if (website_check_redirect(location, &details))
        return s3_fail_details(exchange, &details);
    return stored_headers_add(stored, BYTES(S3_REDIRECT_HEADER), location) ? s3_fail(exchange, S3_METADATA_TOO_LARGE)
                                                                           : STATUS_OK;
}

bool s3_names_metadata(const struct exchange *exchange)
{
    struct header_list headers = exchange_headers(exchange);

    for (size_t i = 0; i < headers.count; i++)
        if (metadata_name(headers.headers[i].name).data)
            return true;
    for (size_t i = 0; i < exchange->query.count; i++)
        if (metadata_name(exchange->query.parameters[i].name).data)
            return true;
    return false;
}

enum status s3_collect_headers(struct exchange *exchange, struct buffer *stored)
{
    enum status status = collect_list(exchange, exchange_headers(exchange), stored);

    if (!status)
        status = collect_query(exchange, stored);
    return status ? status : collect_redirect(exchange, s3_header(exchange, S3_REDIRECT_HEADER), stored);
}

enum status s3_copy_headers(struct exchange *exchange, struct bytes source, struct buffer *stored)
{
    enum status status = STATUS_OK;
    struct bytes name, value;
    size_t position = 0;

    while (!status && stored_headers_next(source, &position, &name, &value))
        if (!bytes_equal_str(name, S3_REDIRECT_HEADER))
            status = stored_headers_add(stored, name, value);
    if (status)
        return s3_fail(exchange, S3_METADATA_TOO_LARGE);
    return collect_redirect(exchange, s3_header(exchange, S3_REDIRECT_HEADER), stored);
}

enum status s3_collect_fields(struct exchange *exchange, struct header_list fields, struct buffer *stored)
{
    for (size_t i = 0; i < fields.count; i++)
        if (metadata_name(fields.headers[i].name).data && !is_token(fields.headers[i].name))
            return refuse_name(exchange, fields.headers[i].name);
    enum status status = collect_list(exchange, fields, stored);
    return status ? status : collect_redirect(exchange, header_list_find(fields, S3_REDIRECT_HEADER), stored);
}

/* response-content-type and its like, of a signed request. */
static struct bytes override_of(const struct exchange *exchange, const char *name)
{
    char parameter[64] = "response-";
    size_t len = strlen(parameter);

    for (const char *c = name; *c && len < sizeof(parameter) - 1; c++)
        parameter[len++] = (*c >= 'A' && *c <= 'Z') ? (char)(*c - 'A' + 'a') : *c;
    parameter[len] = '\0';
    return uri_query_value(&exchange->query, parameter);
}

static void give_metadata(struct exchange *exchange, struct bytes headers)
{
    size_t position = 0;
    struct bytes name, value;
    char text[METADATA_BYTES_MAX + sizeof(METADATA_PREFIX)];

    while (stored_headers_next(headers, &position, &name, &value)) {
        if (!metadata_name(name).data || !is_token(name) || name.len >= sizeof(text))
            continue;
        memcpy(text, name.data, name.len);
        text[name.len] = '\0';
        reply_encoded(exchange, text, value);
    }
}

void s3_give_headers(struct exchange *exchange, const struct meta_object *object)
{
    for (size_t i = 0; i < STORED_NAMES; i++) {
        struct bytes value = override_of(exchange, stored_names[i]);
        char lower[STORED_NAME_MAX + 1] = {0};
        CHECK(strlen(stored_names[i]) <= STORED_NAME_MAX);
        for (size_t j = 0; stored_names[i][j]; j++)
            lower[j] = (char)(stored_names[i][j] | 0x20);
        if (value.len == 0)
            value = stored_headers_find(object->headers, lower);
        if (value.len == 0 && strcmp(lower, "content-type") == 0)
            value = BYTES("binary/octet-stream");
        if (value.len > 0)
            reply_text(exchange, stored_names[i], value);
    }
    give_metadata(exchange, object->headers);
    struct bytes location = stored_headers_find(object->headers, S3_REDIRECT_HEADER);
    if (location.len > 0)
        reply_text(exchange, S3_REDIRECT_HEADER, location);
}
