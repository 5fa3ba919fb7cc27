/* POST /upload: multipart/form-data with a part `file` and a field `filename`, in either order, of any size.
 * The file goes to the nodes as it arrives; its name may come behind it. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "compat/multipart_form.h"
#include "gateway/files/files.h"
#include "gateway/object/default_encryption.h"
#include "gateway/front/operation.h"
#include "gateway/notify/event.h"
#include "gateway/object/ingest.h"
#include "gateway/front/json_reply.h"
#include "gateway/object/stored_headers.h"

#define WIRE_BYTES             65536
#define FIELD_BYTES            4096 /* of a field that is not the file */
#define CONTENT_TYPE_BYTES_MAX 255

enum part { PART_OTHER, PART_FILE, PART_FILENAME };

struct upload {
    struct exchange *exchange;
    struct multipart_form form;
    enum part part;
    bool has_file;
    struct ingest ingest;
    struct object_key key;
    struct buffer field_name, part_name; /* of the field `filename`; of the file part */
    struct buffer headers;               /* to be stored */
};

/* Kept when it is one: printable ASCII of a sensible length. */
static enum status take_content_type(struct upload *upload, struct bytes type)
{
    if (type.len == 0)
        return STATUS_OK;
    bool printable = true;
    for (size_t i = 0; i < type.len; i++)
        printable = printable && type.data[i] >= ' ' && type.data[i] <= '~';
    if (!printable || type.len > CONTENT_TYPE_BYTES_MAX ||
        stored_headers_add(&upload->headers, BYTES("content-type"), type)) {
        HTTP_LAST_REPLY(json_error(upload->exchange, 400, "Invalid Content-Type", "Of the part that holds the file."));
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* Its name is not known yet, so the key is described at the end. */
static enum status make_key(struct upload *upload)
{
    struct bucket_encryption encryption;
    struct exchange *exchange = upload->exchange;
    enum status status = default_encryption(exchange->gateway, exchange->settings, &encryption);

    if (!status && encryption.method != SSE_NONE)
        encryption_key_create(encryption_kind_of(encryption.method), &upload->key);
    return status;
}

/* As the bucket says; the attributes of the version. */
static enum status describe_key(const struct upload *upload, struct bytes name, struct buffer *attributes)
{
    struct exchange *exchange = upload->exchange;
    const struct encryption_place place = {exchange->bucket_name, name};
    struct key_provider *keys = exchange->gateway->keys;
    struct bucket_encryption standard;
    char key_name[KEY_NAME_MAX + 1];
    struct buffer description;

    if (!upload->key.sealed)
        return STATUS_OK;
    exchange_begin_writing(exchange);
    enum status status = default_encryption(exchange->gateway, exchange->settings, &standard);
    if (!status)
        status = keys ? encryption_key_name(keys, bytes_from_str(standard.key_id), key_name) : STATUS_NOT_FOUND;
    if (status)
        return status == STATUS_UNAVAILABLE ? status : STATUS_INTERNAL;
    const struct encryption encryption = {.kind = encryption_kind_of(standard.method),
                                          .bucket_key = standard.method == SSE_KMS && standard.bucket_key,
                                          .key_name = bytes_from_str(key_name)};
    buffer_init(&description, ENCRYPTION_DESCRIPTION_BYTES_MAX);
    status = encryption_write(keys, NULL, &encryption, &place, &upload->key, &description);
    if (!status) {
        const struct meta_attribute attribute = {META_ATTRIBUTE_SEALED, buffer_bytes(&description)};
        status = meta_attributes_pack((struct bytes){0}, &attribute, 1, attributes);
    }
    buffer_release(&description);
    return status;
}

static enum status begin_part(struct upload *upload, const struct form_event *event)
{
    upload->part = PART_OTHER;
    if (bytes_equal_str(event->name, "filename") && !event->filename.data) {
        upload->part = PART_FILENAME;
        buffer_clear(&upload->field_name);
        return STATUS_OK;
    }
    if (!bytes_equal_str(event->name, "file"))
        return STATUS_OK;
    if (upload->has_file) {
        HTTP_LAST_REPLY(json_error(upload->exchange, 400, "Only one file per upload", NULL));
        return STATUS_INVALID;
    }
    const struct ingest_plan plan = {
        .expected_size = HTTP_LENGTH_UNKNOWN, .algorithm = CHECKSUM_CRC64NVME, .key = &upload->key};
    enum status status = make_key(upload);
    if (!status)
        status = ingest_open(&upload->ingest, upload->exchange->gateway, &plan);
    if (status)
        return HTTP_LAST_REPLY(json_error_status(upload->exchange, status)), status;
    upload->has_file = true;
    upload->part = PART_FILE;
    if (buffer_append_bytes(&upload->part_name, event->filename)) {
        HTTP_LAST_REPLY(json_error(upload->exchange, 400, "Invalid filename", "The file's name is too long."));
        return STATUS_INVALID;
    }
    return take_content_type(upload, event->content_type);
}

static enum status take_event(struct upload *upload, const struct form_event *event)
{
    enum status status;

    switch (event->type) {
    case FORM_PART_BEGIN:
        return begin_part(upload, event);
    case FORM_DATA:
        if (upload->part == PART_FILE) {
            status = ingest_write(&upload->ingest, event->data);
            return status ? (HTTP_LAST_REPLY(json_error_status(upload->exchange, status)), status) : STATUS_OK;
        }
        if (upload->part == PART_FILENAME && buffer_append_bytes(&upload->field_name, event->data)) {
            HTTP_LAST_REPLY(
                json_error(upload->exchange, 400, "Invalid filename", "A filename is at most 1024 bytes of UTF-8."));
            return STATUS_INVALID;
        }
        return STATUS_OK;
    case FORM_PART_END:
        upload->part = PART_OTHER;
        return STATUS_OK;
    case FORM_NEED_INPUT:
    case FORM_END:
        return STATUS_OK;
    }
    return STATUS_INTERNAL;
}

static enum status take_input(struct upload *upload, struct bytes input)
{
    struct form_event event;

    do {
        if (multipart_form_next(&upload->form, &input, &event)) {
            HTTP_LAST_REPLY(json_error(upload->exchange, 400, "Malformed multipart/form-data", NULL));
            return STATUS_INVALID;
        }
        enum status status = take_event(upload, &event);
        if (status)
            return status;
    } while (event.type != FORM_NEED_INPUT && event.type != FORM_END);
    return STATUS_OK;
}

static enum status receive(struct upload *upload)
{
    char *wire = mem_alloc(WIRE_BYTES);
    enum status status;
    size_t len;

    do {
        status = http_body_read(upload->exchange->http, wire, WIRE_BYTES, &len);
        if (status)
            HTTP_LAST_REPLY(json_error_status(upload->exchange, status));
        else if (len > 0 && !multipart_form_is_complete(&upload->form))
            status = take_input(upload, bytes_of(wire, len));
    } while (!status && len > 0);
    free(wire);
    if (!status && !multipart_form_is_complete(&upload->form)) {
        HTTP_LAST_REPLY(
            json_error(upload->exchange, 400, "Malformed multipart/form-data", "The closing boundary is missing."));
        status = STATUS_INVALID;
    }
    if (!status && !upload->has_file) {
        HTTP_LAST_REPLY(json_error(upload->exchange, 400, "File is required", "Send the file in a part named 'file'."));
        status = STATUS_INVALID;
    }
    return status;
}

/* The field wins over the name that the client's file had; of that only what follows the last separator
 * counts, as browsers may send a whole path. */
static struct bytes chosen_name(const struct upload *upload)
{
    struct bytes name = buffer_bytes(&upload->part_name);

    if (upload->field_name.len > 0)
        return buffer_bytes(&upload->field_name);
    for (size_t i = name.len; i > 0; i--)
        if (name.data[i - 1] == '/' || name.data[i - 1] == '\\')
            return bytes_of(name.data + i, name.len - i);
    return name;
}

static enum status commit(struct upload *upload, struct bytes name, struct meta_object *object)
{
    struct exchange *exchange = upload->exchange;
    struct buffer attributes;
    enum status status;

    ingest_seal(&upload->ingest);
    buffer_init(&attributes, META_ATTRIBUTES_BYTES_MAX);
    status = describe_key(upload, name, &attributes);
    struct notify_event event = {0};
    const struct ingest_version version = {.bucket = exchange->bucket.id,
                                           .key = name,
                                           .outbox =
                                               notify_event_make(exchange, exchange->operation->event, name, &event),
                                           .headers = buffer_bytes(&upload->headers),
                                           .attributes = buffer_bytes(&attributes)};
    if (!status)
        status = ingest_publish(&upload->ingest, &version, object);
    notify_event_release(&event);
    buffer_release(&attributes);
    if (status)
        HTTP_LAST_REPLY(json_error_status(exchange, status));
    return status;
}

static void reply(struct exchange *exchange, struct bytes name, const struct meta_object *object)
{
    HTTP_LAST_REPLY(json_reply(exchange, 200,
                               json_pack("{s:s, s:s, s:s, s:I, s:o, s:I}", "message", "File uploaded successfully",
                                         "fileID", object->version_id, "serverID", exchange->gateway->options.server_id,
                                         "version", (json_int_t)object->number, "filename", json_text(name), "size",
                                         (json_int_t)object->size)));
}

void files_upload(struct exchange *exchange)
{
    struct upload upload = {.exchange = exchange};
    struct meta_object object;
    struct bytes name;

    if (multipart_form_init(&upload.form, http_request_header(exchange->http, "Content-Type"))) {
        HTTP_LAST_REPLY(
            json_error(exchange, 400, "Expected multipart/form-data",
                       "For example: curl -X POST -F \"file=@example.txt\" -F \"filename=example.txt\" .../upload"));
        return;
    }
    buffer_init(&upload.field_name, FIELD_BYTES);
    buffer_init(&upload.part_name, FIELD_BYTES);
    buffer_init(&upload.headers, META_HEADERS_MAX);
    if (receive(&upload))
        goto out;
    name = chosen_name(&upload);
    if (files_check_name(exchange, name) || commit(&upload, name, &object))
        goto out;
    reply(exchange, name, &object);
out:
    explicit_bzero(&upload.key, sizeof(upload.key));
    ingest_release(&upload.ingest);
    multipart_form_release(&upload.form);
    buffer_release(&upload.field_name);
    buffer_release(&upload.part_name);
    buffer_release(&upload.headers);
}
