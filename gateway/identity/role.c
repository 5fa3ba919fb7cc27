/* The document of a role; see the header. */
#include "gateway/identity/role.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/identity/document.h"

void identity_role_create(struct identity_role *role, struct bytes name, struct bytes path, struct bytes trust)
{
    char id[IDENTITY_ID_LEN + 1];

    identity_id_create("AROA", id);
    *role = (struct identity_role){.name = mem_strndup(name.data, name.len),
                                   .path = mem_strndup(path.data, path.len),
                                   .id = mem_strdup(id),
                                   .trust = mem_strndup(trust.data, trust.len),
                                   .session_seconds_max = 3600,
                                   .created_ms = clock_wall_ms()};
}

enum status identity_role_read(struct bytes document, struct identity_role *role)
{
    struct document_reader reader;

    *role = (struct identity_role){0};
    document_open(&reader, document);
    role->name = document_take_text(&reader, "name");
    role->path = document_take_text(&reader, "path");
    role->id = document_take_text(&reader, "id");
    role->description = document_take_optional(&reader, "description");
    role->trust = document_take_text(&reader, "trust");
    role->boundary = document_take_optional(&reader, "boundary");
    role->created_ms = document_take_integer(&reader, "created");
    role->session_seconds_max = document_take_integer(&reader, "sessionSeconds");
    role->revoked_before_ms = document_take_integer(&reader, "revokedBefore");
    document_take_names(&reader, "attached", &role->attached);
    document_take_texts(&reader, "tags", &role->tags);
    document_take_texts(&reader, "policies", &role->policies);
    enum status status = document_close(&reader);
    if (status)
        identity_role_release(role);
    return status;
}

enum status identity_role_load(struct meta *meta, struct bytes name, struct identity_role *role)
{
    struct buffer document;

    *role = (struct identity_role){0};
    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_load(meta, IDENTITY_ROLES, name, &document);
    if (!status)
        status = identity_role_read(buffer_bytes(&document), role);
    buffer_release(&document);
    return status;
}

void identity_role_release(struct identity_role *role)
{
    free(role->name);
    free(role->path);
    free(role->id);
    free(role->description);
    free(role->trust);
    free(role->boundary);
    identity_names_release(&role->attached);
    identity_texts_release(&role->tags);
    identity_texts_release(&role->policies);
    *role = (struct identity_role){0};
}

void identity_role_put(struct identity_changes *changes, const struct identity_role *role)
{
    struct document_writer writer;

    document_begin(&writer);
    document_write_text(&writer, "name", role->name);
    document_write_text(&writer, "path", role->path);
    document_write_text(&writer, "id", role->id);
    document_write_text(&writer, "description", role->description);
    document_write_text(&writer, "trust", role->trust);
    document_write_text(&writer, "boundary", role->boundary);
    document_write_integer(&writer, "created", role->created_ms);
    document_write_integer(&writer, "sessionSeconds", role->session_seconds_max);
    document_write_integer(&writer, "revokedBefore", role->revoked_before_ms);
    document_write_names(&writer, "attached", &role->attached);
    document_write_texts(&writer, "tags", &role->tags);
    document_write_texts(&writer, "policies", &role->policies);
    identity_changes_put(changes, IDENTITY_ROLES, role->name, &writer);
}

void identity_role_remove(struct identity_changes *changes, const char *name)
{
    identity_changes_add(changes, IDENTITY_ROLES, "", name, NULL);
}
