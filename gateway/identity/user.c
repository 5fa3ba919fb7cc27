/* The document of a user; see the header. */
#include "gateway/identity/user.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/identity/document.h"

void identity_user_create(struct identity_user *user, struct bytes name, struct bytes path)
{
    char id[IDENTITY_ID_LEN + 1], canonical_id[IDENTITY_CANONICAL_LEN + 1];

    identity_id_create("AIDA", id);
    identity_canonical_id_create(canonical_id);
    *user = (struct identity_user){.name = mem_strndup(name.data, name.len),
                                   .path = mem_strndup(path.data, path.len),
                                   .id = mem_strdup(id),
                                   .canonical_id = mem_strdup(canonical_id),
                                   .created_ms = clock_wall_ms()};
}

enum status identity_user_read(struct bytes document, struct identity_user *user)
{
    struct document_reader reader;

    *user = (struct identity_user){0};
    document_open(&reader, document);
    user->name = document_take_text(&reader, "name");
    user->path = document_take_text(&reader, "path");
    user->id = document_take_text(&reader, "id");
    user->canonical_id = document_take_text(&reader, "canonicalId");
    user->boundary = document_take_optional(&reader, "boundary");
    user->created_ms = document_take_integer(&reader, "created");
    document_take_names(&reader, "groups", &user->groups);
    document_take_names(&reader, "attached", &user->attached);
    document_take_names(&reader, "keys", &user->keys);
    document_take_texts(&reader, "tags", &user->tags);
    document_take_texts(&reader, "policies", &user->policies);
    enum status status = document_close(&reader);
    if (status)
        identity_user_release(user);
    return status;
}

enum status identity_user_load(struct meta *meta, struct bytes name, struct identity_user *user)
{
    struct buffer document;

    *user = (struct identity_user){0};
    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_load(meta, IDENTITY_USERS, name, &document);
    if (!status)
        status = identity_user_read(buffer_bytes(&document), user);
    buffer_release(&document);
    return status;
}

void identity_user_release(struct identity_user *user)
{
    free(user->name);
    free(user->path);
    free(user->id);
    free(user->canonical_id);
    free(user->boundary);
    identity_names_release(&user->groups);
    identity_names_release(&user->attached);
    identity_names_release(&user->keys);
    identity_texts_release(&user->tags);
    identity_texts_release(&user->policies);
    *user = (struct identity_user){0};
}

void identity_user_put(struct identity_changes *changes, const struct identity_user *user)
{
    struct document_writer writer;

    document_begin(&writer);
    document_write_text(&writer, "name", user->name);
    document_write_text(&writer, "path", user->path);
    document_write_text(&writer, "id", user->id);
    document_write_text(&writer, "canonicalId", user->canonical_id);
    document_write_text(&writer, "boundary", user->boundary);
    document_write_integer(&writer, "created", user->created_ms);
    document_write_names(&writer, "groups", &user->groups);
    document_write_names(&writer, "attached", &user->attached);
    document_write_names(&writer, "keys", &user->keys);
    document_write_texts(&writer, "tags", &user->tags);
    document_write_texts(&writer, "policies", &user->policies);
    identity_changes_put(changes, IDENTITY_USERS, user->name, &writer);
}

void identity_user_remove(struct identity_changes *changes, const char *name)
{
    identity_changes_add(changes, IDENTITY_USERS, "", name, NULL);
}
