/* The document of an access key, and the sealing of its secret; see the header. */
#include "gateway/identity/access_key.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/identity/document.h"

#define SEALED_MAX (ACCESS_KEY_SECRET_MAX + SEAL_MORE)

/* What the secret is sealed for: put into the row of another key it does not open. */
static void context_make(struct buffer *context, const char *id)
{
    buffer_init(context, META_IDENTITY_KEY_MAX);
    enum status status = buffer_printf(context, "access key %s", id);
    CHECK(status == STATUS_OK);
}

static char *secret_seal(const char *id, const struct seal_key *seal, const char *secret)
{
    char text[4 * ((SEALED_MAX + 2) / 3) + 1];
    struct buffer sealed, context;

    context_make(&context, id);
    buffer_init(&sealed, SEALED_MAX);
    enum status status = seal_close(seal, bytes_from_str(secret), buffer_bytes(&context), &sealed);
    CHECK(status == STATUS_OK);
    base64_encode(sealed.data, sealed.len, text);
    buffer_release(&sealed);
    buffer_release(&context);
    return mem_strdup(text);
}

void identity_access_key_give(struct identity_access_key *key, const char *id, const char *user,
                              const struct seal_key *seal, const char *secret)
{
    *key = (struct identity_access_key){.id = mem_strdup(id),
                                        .user = mem_strdup(user),
                                        .sealed = secret_seal(id, seal, secret),
                                        .active = true,
                                        .created_ms = clock_wall_ms()};
}

void identity_access_key_create(struct identity_access_key *key, const char *user, const struct seal_key *seal,
                                char secret[ACCESS_KEY_SECRET_LEN + 1])
{
    char id[IDENTITY_ID_LEN + 1];
    uint8_t random[ACCESS_KEY_SECRET_LEN / 4 * 3];

    identity_id_create("AKIA", id);
    id[ACCESS_KEY_ID_LEN] = '\0';
    random_bytes(random, sizeof(random));
    base64_encode(random, sizeof(random), secret);
    explicit_bzero(random, sizeof(random));
    identity_access_key_give(key, id, user, seal, secret);
}

enum status identity_access_key_secret(const struct identity_access_key *key, const struct seal_key *seal,
                                       char secret[ACCESS_KEY_SECRET_MAX + 1])
{
    char sealed[SEALED_MAX];
    size_t len = sizeof(sealed);
    struct buffer text, context;

    enum status status = base64_decode(bytes_from_str(key->sealed), sealed, &len);
    if (status)
        return STATUS_DENIED;
    context_make(&context, key->id);
    buffer_init(&text, SEALED_MAX);
    status = seal_open(seal, bytes_of(sealed, len), buffer_bytes(&context), &text);
    if (!status) {
        CHECK(text.len <= ACCESS_KEY_SECRET_MAX);
        memcpy(secret, text.data, text.len);
        secret[text.len] = '\0';
        explicit_bzero(text.data, text.len);
    }
    buffer_release(&text);
    buffer_release(&context);
    return status;
}

enum status identity_access_key_read(struct bytes document, struct identity_access_key *key)
{
    struct document_reader reader;

    *key = (struct identity_access_key){0};
    document_open(&reader, document);
    key->id = document_take_text(&reader, "id");
    key->user = document_take_text(&reader, "user");
    key->sealed = document_take_text(&reader, "sealed");
    key->active = document_take_bool(&reader, "active");
    key->created_ms = document_take_integer(&reader, "created");
    enum status status = document_close(&reader);
    if (status)
        identity_access_key_release(key);
    return status;
}

enum status identity_access_key_load(struct meta *meta, struct bytes id, struct identity_access_key *key)
{
    struct buffer document;

    *key = (struct identity_access_key){0};
    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_load(meta, IDENTITY_KEYS, id, &document);
    if (!status)
        status = identity_access_key_read(buffer_bytes(&document), key);
    buffer_release(&document);
    return status;
}

void identity_access_key_release(struct identity_access_key *key)
{
    free(key->id);
    free(key->user);
    free(key->sealed);
    *key = (struct identity_access_key){0};
}

void identity_access_key_put(struct identity_changes *changes, const struct identity_access_key *key)
{
    struct document_writer writer;

    document_begin(&writer);
    document_write_text(&writer, "id", key->id);
    document_write_text(&writer, "user", key->user);
    document_write_text(&writer, "sealed", key->sealed);
    document_write_bool(&writer, "active", key->active);
    document_write_integer(&writer, "created", key->created_ms);
    identity_changes_put(changes, IDENTITY_KEYS, key->id, &writer);
}

void identity_access_key_remove(struct identity_changes *changes, const char *id)
{
    identity_changes_add(changes, IDENTITY_KEYS, "", id, NULL);
}
