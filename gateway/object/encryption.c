/* Descriptions of encrypted objects; see the header. Form, kind, bucket key, identity, name of the key, context: all of
 * it is bound to the sealed key behind it, with the object's place. */
#include "gateway/object/encryption.h"

#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "compat/encryption_header.h"
#include "meta/attributes.h"

enum { FORM = 1, FIXED_LEN = 3 + BLOCK_SEAL_ID_LEN, BOUND_BYTES_MAX = ENCRYPTION_DESCRIPTION_BYTES_MAX + 2048 };

enum status encryption_read_document(struct bytes document, struct encryption *encryption)
{
    const char *data = document.data;
    size_t at = FIXED_LEN;

    *encryption = (struct encryption){0};
    if (document.len < FIXED_LEN + 1 || data[0] != FORM || data[1] < ENCRYPTION_S3 || data[1] > ENCRYPTION_CUSTOMER ||
        (unsigned char)data[2] > 1)
        return STATUS_CORRUPT;
    size_t name_len = (unsigned char)data[at++];
    if (name_len > KEY_NAME_MAX || document.len < at + name_len + 2)
        return STATUS_CORRUPT;
    encryption->key_name = bytes_of(data + at, name_len);
    at += name_len;
    size_t context_len = get_u16(data + at);
    at += 2;
    if (document.len <= at + context_len || document.len > at + context_len + KEY_SEALED_BYTES_MAX)
        return STATUS_CORRUPT;
    encryption->context = bytes_of(data + at, context_len);
    at += context_len;
    encryption->front = bytes_of(data, at);
    encryption->sealed = bytes_of(data + at, document.len - at);
    encryption->kind = (enum encryption_kind)data[1];
    encryption->bucket_key = data[2];
    encryption->id.sealed = true;
    memcpy(encryption->id.bytes, data + 3, BLOCK_SEAL_ID_LEN);
    return STATUS_OK;
}

bool encryption_is_of_service(const struct encryption *encryption)
{
    return encryption->kind != ENCRYPTION_CUSTOMER && encryption->sealed.data[0] == KEY_FORM_SERVICE;
}

enum status encryption_read(struct bytes attributes, struct encryption *encryption)
{
    struct bytes document;
    enum status status = meta_attribute_find(attributes, META_ATTRIBUTE_SEALED, &document);

    *encryption = (struct encryption){0};
    return status ? status : encryption_read_document(document, encryption);
}

enum status encryption_key_name(struct key_provider *keys, struct bytes key_id, char name[KEY_NAME_MAX + 1])
{
    bool malformed;
    struct bytes found = sse_key_name(key_id, &malformed);

    if (malformed)
        return STATUS_INVALID;
    if (found.len == 0 || bytes_equal_str(found, "aws/s3")) {
        key_provider_current(keys, name);
        return STATUS_OK;
    }
    enum status status = key_provider_find(keys, found);
    if (status)
        return status;
    memcpy(name, found.data, found.len);
    name[found.len] = '\0';
    return STATUS_OK;
}

void encryption_key_create(enum encryption_kind kind, struct object_key *key)
{
    *key = (struct object_key){.sealed = true, .hides_md5 = kind != ENCRYPTION_S3};
    random_bytes(key->key.bytes, SEAL_KEY_LEN);
    block_seal_id_create(&key->id);
}

static enum status bind_place(struct bytes front, const struct encryption_place *place, struct buffer *bound)
{
    enum status status = buffer_append_bytes(bound, front);

    if (!status)
        status = buffer_append_bytes(bound, place->bucket);
    if (!status)
        status = buffer_append_char(bound, '/');
    return status ? status : buffer_append_bytes(bound, place->key);
}

static enum status write_front(const struct encryption *encryption, const struct object_key *key, struct buffer *out)
{
    char fixed[FIXED_LEN + 1] = {FORM, (char)encryption->kind, encryption->bucket_key}, len[2];

    if (encryption->key_name.len > KEY_NAME_MAX || encryption->context.len > ENCRYPTION_CONTEXT_BYTES_MAX)
        return STATUS_LIMIT;
    memcpy(fixed + 3, key->id.bytes, BLOCK_SEAL_ID_LEN);
    fixed[FIXED_LEN] = (char)encryption->key_name.len;
    put_u16(len, (uint16_t)encryption->context.len);
    enum status status = buffer_append(out, fixed, sizeof(fixed));
    if (!status)
        status = buffer_append_bytes(out, encryption->key_name);
    if (!status)
        status = buffer_append(out, len, sizeof(len));
    return status ? status : buffer_append_bytes(out, encryption->context);
}

enum status encryption_write(struct key_provider *keys, const struct seal_key *customer,
                             const struct encryption *encryption, const struct encryption_place *place,
                             const struct object_key *key, struct buffer *description)
{
    struct buffer front, bound, sealed;

    buffer_init(&front, ENCRYPTION_DESCRIPTION_BYTES_MAX);
    buffer_init(&bound, BOUND_BYTES_MAX);
    buffer_init(&sealed, KEY_SEALED_BYTES_MAX);
    enum status status = write_front(encryption, key, &front);
    if (!status)
        status = bind_place(buffer_bytes(&front), place, &bound);
    const struct key_binding binding = {encryption->key_name, &key->id, buffer_bytes(&bound)};
    if (!status && encryption->kind == ENCRYPTION_CUSTOMER)
        status = key_seal(customer, &binding, &key->key, &sealed);
    else if (!status)
        status = keys ? key_provider_seal(keys, &binding, &key->key, &sealed) : STATUS_NOT_FOUND;
    if (!status)
        status = buffer_append_bytes(description, buffer_bytes(&front));
    if (!status)
        status = buffer_append_bytes(description, buffer_bytes(&sealed));
    buffer_release(&front);
    buffer_release(&bound);
    buffer_release(&sealed);
    return status;
}

static enum status open_key(struct key_provider *keys, const struct seal_key *customer,
                            const struct encryption *encryption, const struct encryption_place *place,
                            struct seal_key *key)
{
    struct buffer bound;

    buffer_init(&bound, BOUND_BYTES_MAX);
    enum status status = bind_place(encryption->front, place, &bound);
    const struct key_binding binding = {encryption->key_name, &encryption->id, buffer_bytes(&bound)};
    if (!status && encryption->kind == ENCRYPTION_CUSTOMER)
        status = key_open(customer, &binding, encryption->sealed, key);
    else if (!status)
        status = keys ? key_provider_open(keys, &binding, encryption->sealed, key) : STATUS_NOT_FOUND;
    buffer_release(&bound);
    return status;
}

static void log_failure(const char *text, const struct encryption *encryption, const struct encryption_place *place)
{
    log_error(text, LOG_BYTES("keyName", encryption->key_name), LOG_BYTES("bucket", place->bucket),
              LOG_BYTES("key", place->key));
}

enum status encryption_open(struct key_provider *keys, const struct seal_key *customer,
                            const struct encryption *encryption, const struct encryption_place *place,
                            struct object_key *key)
{
    *key = (struct object_key){.sealed = true, .hides_md5 = encryption->kind != ENCRYPTION_S3, .id = encryption->id};
    enum status status = open_key(keys, customer, encryption, place, &key->key);
    if (encryption->kind == ENCRYPTION_CUSTOMER)
        return status;
    if (status == STATUS_NOT_FOUND)
        log_failure("an encrypted object needs a key that is not there", encryption, place);
    if (status == STATUS_DENIED) {
        log_failure("the key of that name does not open an object's key: it is another one, or the object's record was "
                    "changed",
                    encryption, place);
        status = STATUS_CORRUPT;
    }
    return status;
}

enum status encryption_open_kept(struct key_provider *keys, struct bytes attributes,
                                 const struct encryption_place *place, struct object_key *key)
{
    struct encryption encryption;
    enum status status = encryption_read(attributes, &encryption);

    *key = (struct object_key){0};
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (encryption.kind == ENCRYPTION_CUSTOMER)
        return STATUS_DENIED;
    return encryption_open(keys, NULL, &encryption, place, key);
}
