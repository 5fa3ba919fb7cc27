/* Descriptions of encrypted objects; see the header. Form, kind, bucket key, identity, name of the key, context: all of
 * it is bound to the sealed key behind it, with the object's place. */
#include "gateway/object/encryption.h"

#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/log.h"
#include "compat/encryption_header.h"
#include "meta/attributes.h"

#define WRAP_LABEL "tercet wrap 1"

enum { FORM = 1, FIXED_LEN = 3 + BLOCK_SEAL_ID_LEN, BOUND_BYTES_MAX = ENCRYPTION_DESCRIPTION_BYTES_MAX + 2048 };

static enum status read_fields(struct bytes document, struct encryption *encryption)
{
    const char *data = document.data;
    size_t at = FIXED_LEN;

    if (document.len < FIXED_LEN + 1 || data[0] != FORM || data[1] < ENCRYPTION_S3 || data[1] > ENCRYPTION_CUSTOMER ||
        (unsigned char)data[2] > 1)
        return STATUS_CORRUPT;
    size_t name_len = (unsigned char)data[at++];
    if (document.len < at + name_len + 2)
        return STATUS_CORRUPT;
    encryption->key_name = bytes_of(data + at, name_len);
    at += name_len;
    size_t context_len = get_u16(data + at);
    at += 2;
    if (document.len != at + context_len + SEAL_KEY_LEN + SEAL_MORE)
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

enum status encryption_read(struct bytes attributes, struct encryption *encryption)
{
    struct bytes document;
    enum status status = meta_attribute_find(attributes, META_ATTRIBUTE_SEALED, &document);

    *encryption = (struct encryption){0};
    return status ? status : read_fields(document, encryption);
}

enum status encryption_key_name(struct keyring *keyring, struct bytes key_id, char name[KEYRING_NAME_MAX + 1])
{
    struct seal_key key;
    bool malformed;
    struct bytes found = sse_key_name(key_id, &malformed);

    if (malformed)
        return STATUS_INVALID;
    if (found.len == 0 || bytes_equal_str(found, "aws/s3")) {
        keyring_current(keyring, name);
        return STATUS_OK;
    }
    if (found.len > KEYRING_NAME_MAX || keyring_find(keyring, found, &key))
        return STATUS_NOT_FOUND;
    explicit_bzero(&key, sizeof(key));
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

/* What seals the object's key: of a key-encryption key one for each object, so that no bound on random nonces is near.
 */
static enum status wrapping_key(struct keyring *keyring, const struct seal_key *customer,
                                const struct encryption *encryption, const struct block_seal_id *id,
                                struct seal_key *key)
{
    char label[sizeof(WRAP_LABEL) - 1 + BLOCK_SEAL_ID_LEN];
    struct seal_key root;

    if (encryption->kind == ENCRYPTION_CUSTOMER) {
        CHECK(customer);
        root = *customer;
    } else if (!keyring || keyring_find(keyring, encryption->key_name, &root)) {
        return STATUS_NOT_FOUND;
    }
    memcpy(label, WRAP_LABEL, sizeof(WRAP_LABEL) - 1);
    memcpy(label + sizeof(WRAP_LABEL) - 1, id->bytes, BLOCK_SEAL_ID_LEN);
    hmac_sha256(bytes_of(root.bytes, SEAL_KEY_LEN), bytes_of(label, sizeof(label)), key->bytes);
    explicit_bzero(&root, sizeof(root));
    return STATUS_OK;
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

    if (encryption->key_name.len > KEYRING_NAME_MAX || encryption->context.len > ENCRYPTION_CONTEXT_BYTES_MAX)
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

enum status encryption_write(struct keyring *keyring, const struct seal_key *customer,
                             const struct encryption *encryption, const struct encryption_place *place,
                             const struct object_key *key, struct buffer *description)
{
    struct seal_key wrapping;
    struct buffer front, bound;
    enum status status = wrapping_key(keyring, customer, encryption, &key->id, &wrapping);

    if (status)
        return status;
    buffer_init(&front, ENCRYPTION_DESCRIPTION_BYTES_MAX);
    buffer_init(&bound, BOUND_BYTES_MAX);
    status = write_front(encryption, key, &front);
    if (!status)
        status = bind_place(buffer_bytes(&front), place, &bound);
    if (!status)
        status = buffer_append_bytes(description, buffer_bytes(&front));
    if (!status)
        status = seal_close(&wrapping, bytes_of(key->key.bytes, SEAL_KEY_LEN), buffer_bytes(&bound), description);
    explicit_bzero(&wrapping, sizeof(wrapping));
    buffer_release(&front);
    buffer_release(&bound);
    return status;
}

static enum status open_key(const struct seal_key *wrapping, const struct encryption *encryption,
                            const struct encryption_place *place, struct seal_key *key)
{
    struct buffer bound, text;
    enum status status;

    buffer_init(&bound, BOUND_BYTES_MAX);
    buffer_init(&text, 2 * SEAL_KEY_LEN);
    status = bind_place(encryption->front, place, &bound);
    if (!status)
        status = seal_open(wrapping, encryption->sealed, buffer_bytes(&bound), &text);
    if (!status) {
        memcpy(key->bytes, text.data, SEAL_KEY_LEN);
        explicit_bzero(text.data, text.len);
    }
    buffer_release(&bound);
    buffer_release(&text);
    return status;
}

enum status encryption_open(struct keyring *keyring, const struct seal_key *customer,
                            const struct encryption *encryption, const struct encryption_place *place,
                            struct object_key *key)
{
    struct seal_key wrapping;
    enum status status = wrapping_key(keyring, customer, encryption, &encryption->id, &wrapping);

    *key = (struct object_key){.sealed = true, .hides_md5 = encryption->kind != ENCRYPTION_S3, .id = encryption->id};
    if (status == STATUS_NOT_FOUND)
        log_error("an encrypted object needs a key that the keyring does not have",
                  LOG_BYTES("keyName", encryption->key_name), LOG_BYTES("bucket", place->bucket),
                  LOG_BYTES("key", place->key));
    if (status)
        return status;
    status = open_key(&wrapping, encryption, place, &key->key);
    explicit_bzero(&wrapping, sizeof(wrapping));
    if (status == STATUS_DENIED && encryption->kind != ENCRYPTION_CUSTOMER) {
        log_error("the keyring's key of that name does not open an object's key: it is another one, or the object's "
                  "record was changed",
                  LOG_BYTES("keyName", encryption->key_name), LOG_BYTES("bucket", place->bucket),
                  LOG_BYTES("key", place->key));
        status = STATUS_CORRUPT;
    }
    return status;
}

enum status encryption_open_kept(struct keyring *keyring, struct bytes attributes, const struct encryption_place *place,
                                 struct object_key *key)
{
    struct encryption encryption;
    enum status status = encryption_read(attributes, &encryption);

    *key = (struct object_key){0};
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (encryption.kind == ENCRYPTION_CUSTOMER)
        return STATUS_DENIED;
    return encryption_open(keyring, NULL, &encryption, place, key);
}
