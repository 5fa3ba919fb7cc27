/* GetObjectAttributes: what HeadObject and ListParts say of an object, as far as it is asked for, in one document. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/split.h"
#include "gateway/object/object_read.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"
#include "gateway/s3/upload.h"

#define ATTRIBUTES       "x-amz-object-attributes"
#define PARTS_MAX        1000
#define ANSWER_BYTES_MAX (1u << 20) /* a thousand parts, each with a checksum */

/* A comma between names. Empty ones are none. */
static enum status read_names(struct exchange *exchange, struct bytes list, struct response_attributes *wanted)
{
    struct {
        const char *name;
        bool *with;
    } const names[] = {{"ETag", &wanted->with_etag},
                       {"Checksum", &wanted->with_checksum},
                       {"ObjectParts", &wanted->with_parts},
                       {"StorageClass", &wanted->with_storage_class},
                       {"ObjectSize", &wanted->with_size}};
    struct bytes name;

    while (split_next(&list, ',', &name)) {
        bool known = false;
        name = bytes_trim(name);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            if (bytes_equal_str(name, names[i].name))
                known = *names[i].with = true;
        if (!known && name.len > 0)
            return s3_fail_argument(exchange, ATTRIBUTES, name, "Invalid attribute name specified.");
    }
    return STATUS_OK;
}

/* In one line or in several, or in the query of a presigned URL. */
static enum status read_wanted(struct exchange *exchange, struct response_attributes *wanted)
{
    const struct header_list headers = exchange_headers(exchange);
    struct s3_error_details details = {0};
    enum status status = STATUS_OK;
    bool in_header = false;

    for (size_t i = 0; !status && i < headers.count; i++) {
        if (!bytes_equal_nocase(headers.headers[i].name, ATTRIBUTES))
            continue;
        in_header = true;
        status = read_names(exchange, headers.headers[i].value, wanted);
    }
    if (!in_header)
        status = read_names(exchange, s3_header(exchange, ATTRIBUTES), wanted);
    if (status || wanted->with_etag || wanted->with_checksum || wanted->with_parts || wanted->with_storage_class ||
        wanted->with_size)
        return status;
    s3_error_setf(&details, S3_INVALID_REQUEST,
                  "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or "
                  "empty");
    return s3_fail_details(exchange, &details);
}

/* AWS passes over what is no number. */
static uint32_t number(const struct exchange *exchange, const char *header, uint32_t max, uint32_t otherwise)
{
    uint64_t value;

    if (bytes_parse_u64(s3_header(exchange, header), INT32_MAX, &value))
        return otherwise;
    return value < max ? (uint32_t)value : max;
}

/* As AWS, of COMPOSITE checksums alone: of those of the whole object the parts have none that would prove it. */
static enum status find_parts(struct exchange *exchange, const struct meta_object *object,
                              struct response_attributes *attributes, struct response_part **listed)
{
    struct meta_part *parts;
    size_t count;

    attributes->parts_count = object->etag_parts;
    attributes->max_parts = number(exchange, "x-amz-max-parts", PARTS_MAX, PARTS_MAX);
    attributes->part_number_marker = number(exchange, "x-amz-part-number-marker", META_PART_MAX, 0);
    if (!attributes->with_parts || attributes->checksum.algorithm == CHECKSUM_NONE || attributes->checksum.full_object)
        return STATUS_OK;
    enum status status = meta_object_parts(exchange->gateway->meta, object, attributes->part_number_marker,
                                           attributes->max_parts, &parts, &count, &attributes->parts_truncated);
    if (status)
        return s3_fail_status(exchange, status);
    *listed = mem_zalloc((count + 1) * sizeof(**listed));
    for (size_t i = 0; i < count; i++)
        (*listed)[i] = (struct response_part){
            .number = parts[i].number, .size = parts[i].size, .checksum = stored_checksum_read(&parts[i].checksum)};
    attributes->next_part_number_marker = count > 0 ? parts[count - 1].number : attributes->part_number_marker;
    attributes->parts = *listed;
    attributes->parts_len = count;
    free(parts);
    return STATUS_OK;
}

static void reply(struct exchange *exchange, const struct meta_object *object,
                  const struct response_attributes *attributes)
{
    char modified[CLOCK_TEXT_MAX];
    struct buffer body;

    clock_format_rfc1123(object->modified_ms, modified);
    http_reply_header_str(exchange->http, "Last-Modified", modified);
    s3_reply_version(exchange, object->version_id);
    buffer_init(&body, ANSWER_BYTES_MAX);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_attributes(&body, attributes), &body));
}

void s3_get_object_attributes(struct exchange *exchange)
{
    struct response_attributes attributes = {.with_etag = false};
    struct response_part *listed = NULL;
    struct meta_object object;
    struct object_key key;

    if (read_wanted(exchange, &attributes) || s3_find_readable(exchange, &object))
        return;
    if (s3_key_to_read(exchange, object.attributes, &key))
        goto out;
    explicit_bzero(&key, sizeof(key));
    attributes.etag = object_etag(&object);
    attributes.checksum = stored_checksum_read(&object.checksum);
    attributes.size = object.size;
    attributes.storage_class = object.storage_class;
    if (find_parts(exchange, &object, &attributes, &listed) == STATUS_OK)
        reply(exchange, &object, &attributes);
out:
    free(listed);
    meta_object_release(&object);
}
