/* PostObject: PutObject by a form, for browsers. Its fields say what the headers of a PUT say. */
#include <string.h>

#include "compat/response_xml.h"
#include "gateway/front/reply.h"
#include "gateway/object/object_read.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/body.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/metadata.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/publish.h"
#include "gateway/s3/reply.h"

#define TARGET_BYTES_MAX 16384  /* of an address that the browser is sent to */
#define ANSWER_BYTES_MAX 131072 /* a location of 16 KiB whose characters are escaped, twice */

/* Everything that is known before the file. */
struct post_request {
    struct condition_write condition;
    enum storage_class storage_class;
    struct buffer headers, attributes;
    bool has_md5;
    uint8_t md5[MD5_LEN];
    struct checksum_request claim;
};

static enum status prepare(struct exchange *exchange, struct post_request *request)
{
    struct http_header storage[POST_FIELDS_MAX];
    const struct header_list fields = s3_form_as_headers(exchange, storage);
    struct s3_error_details details = {0};

    if (conditions_parse_write(exchange_headers(exchange), &request->condition, &details) ||
        storage_class_parse(header_list_find(fields, "x-amz-storage-class"), &request->storage_class, &details) ||
        content_md5_parse(fields, &request->has_md5, request->md5, &details) ||
        checksum_request_parse(fields, false, &request->claim, &details))
        return s3_fail_details(exchange, &details);
    return s3_collect_fields(exchange, fields, &request->headers);
}

static enum status compare(struct exchange *exchange, const struct post_request *request, const struct ingest *ingest)
{
    struct s3_error_details details = {0};
    enum status status = STATUS_OK;

    if (request->has_md5)
        status = s3_compare_md5(exchange, request->md5, ingest->md5_value);
    if (status || request->claim.value.algorithm == CHECKSUM_NONE ||
        checksum_equal(&request->claim.value, &ingest->checksum_value))
        return status;
    checksum_mismatch(request->claim.algorithm, &details);
    return s3_fail_details(exchange, &details);
}

/* An address of the web in printable ASCII; anything else counts as absent, as on AWS. */
static bool is_web_address(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return text.len < TARGET_BYTES_MAX / 2 &&
           (bytes_starts_with(text, BYTES("http://")) || bytes_starts_with(text, BYTES("https://")));
}

static struct bytes find_redirect(const struct post_fields *fields)
{
    struct bytes target = bytes_trim(post_fields_find(fields, "success_action_redirect"));

    if (target.len == 0)
        target = bytes_trim(post_fields_find(fields, "redirect"));
    return is_web_address(target) ? target : (struct bytes){0};
}

/* To the address, with what was stored as parameters. */
static void reply_redirect(struct exchange *exchange, struct bytes target, const char *etag)
{
    struct buffer location;
    enum status status;

    buffer_init(&location, TARGET_BYTES_MAX);
    status = buffer_append_bytes(&location, target);
    if (!status)
        status = buffer_append_str(&location, memchr(target.data, '?', target.len) ? "&bucket=" : "?bucket=");
    if (!status)
        status = uri_encode(exchange->bucket_name, false, &location);
    if (!status)
        status = buffer_append_str(&location, "&key=");
    if (!status)
        status = uri_encode(exchange->key, false, &location);
    if (!status)
        status = buffer_append_str(&location, "&etag=");
    if (!status)
        status = uri_encode(bytes_from_str(etag), false, &location);
    http_reply_header(exchange->http, "Location", status ? target : buffer_bytes(&location));
    HTTP_LAST_REPLY(reply_send(exchange, 303, (struct bytes){0}));
    buffer_release(&location);
}

static void reply_document(struct exchange *exchange, struct bytes location, const struct etag *etag)
{
    struct buffer document;

    buffer_init(&document, ANSWER_BYTES_MAX);
    if (response_post(&document, location, exchange->bucket_name, exchange->key, etag)) {
        HTTP_LAST_REPLY(s3_fail(exchange, S3_INTERNAL_ERROR));
    } else {
        http_reply_header_str(exchange->http, "Content-Type", "application/xml");
        HTTP_LAST_REPLY(reply_send(exchange, 201, buffer_bytes(&document)));
    }
    buffer_release(&document);
}

static void reply(struct exchange *exchange, const struct meta_object *object)
{
    const struct post_fields *fields = s3_form_fields(exchange->form);
    const struct checksum_value checksum = stored_checksum_read(&object->checksum);
    const struct etag etag = object_etag(object);
    struct bytes target = find_redirect(fields), wanted = post_fields_find(fields, "success_action_status");
    struct buffer location;
    char text[ETAG_TEXT_MAX];

    reply_etag(exchange, &etag);
    s3_reply_checksum(exchange, &checksum, 0);
    s3_reply_new_version(exchange, object->version_id);
    s3_reply_encryption(exchange, object->attributes, true);
    if (target.len > 0) {
        etag_text(&etag, text);
        reply_redirect(exchange, target, text);
        return;
    }
    s3_location(exchange, &location);
    reply_text(exchange, "Location", buffer_bytes(&location));
    if (bytes_equal_str(wanted, "201"))
        reply_document(exchange, buffer_bytes(&location), &etag);
    else
        HTTP_LAST_REPLY(s3_reply_empty(exchange, bytes_equal_str(wanted, "200") ? 200 : 204));
    buffer_release(&location);
}

static enum status store(struct exchange *exchange, const struct post_request *request, struct meta_object *object)
{
    const struct s3_version version = {buffer_bytes(&request->headers),
                                       buffer_bytes(&request->attributes),
                                       request->storage_class,
                                       &request->condition,
                                       false,
                                       NULL};
    enum checksum_algorithm algorithm = request->claim.algorithm;
    struct object_key key;
    const struct ingest_plan plan = {
        .expected_size = HTTP_LENGTH_UNKNOWN, /* the length is that of the form */
        .algorithm = algorithm == CHECKSUM_NONE ? CHECKSUM_CRC64NVME : algorithm,
        .key = &key,
    };
    struct ingest ingest;
    enum status status = s3_key_to_write(exchange, version.attributes, &key);

    if (status)
        return status;
    status = ingest_open(&ingest, exchange->gateway, &plan);
    explicit_bzero(&key, sizeof(key));
    if (status)
        return s3_fail_status(exchange, status);
    status = s3_form_to_ingest(exchange, &ingest);
    if (!status)
        status = compare(exchange, request, &ingest);
    if (!status)
        status = s3_publish(exchange, &ingest, &version, object);
    ingest_release(&ingest);
    return status;
}

void s3_post_object(struct exchange *exchange)
{
    struct post_request request = {0};
    struct meta_object object = {0};
    enum status status;

    buffer_init(&request.headers, META_HEADERS_MAX);
    buffer_init(&request.attributes, META_ATTRIBUTES_BYTES_MAX);
    status = prepare(exchange, &request);
    if (!status)
        status = s3_attributes_of_new_object(exchange, NULL, &request.attributes);
    if (!status)
        status = store(exchange, &request, &object);
    if (!status)
        reply(exchange, &object);
    buffer_release(&request.headers);
    buffer_release(&request.attributes);
}
