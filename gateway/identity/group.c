/* The document of a group; see the header. */
#include "gateway/identity/group.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/identity/document.h"

void identity_group_create(struct identity_group *group, struct bytes name, struct bytes path)
{
    char id[IDENTITY_ID_LEN + 1];

    identity_id_create("AGPA", id);
    *group = (struct identity_group){.name = mem_strndup(name.data, name.len),
                                     .path = mem_strndup(path.data, path.len),
                                     .id = mem_strdup(id),
                                     .created_ms = clock_wall_ms()};
}

enum status identity_group_read(struct bytes document, struct identity_group *group)
{
    struct document_reader reader;

    *group = (struct identity_group){0};
    document_open(&reader, document);
    group->name = document_take_text(&reader, "name");
    group->path = document_take_text(&reader, "path");
    group->id = document_take_text(&reader, "id");
    group->created_ms = document_take_integer(&reader, "created");
    document_take_names(&reader, "attached", &group->attached);
    document_take_texts(&reader, "policies", &group->policies);
    enum status status = document_close(&reader);
    if (status)
        identity_group_release(group);
    return status;
}

enum status identity_group_load(struct meta *meta, struct bytes name, struct identity_group *group)
{
    struct buffer document;

    *group = (struct identity_group){0};
    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_load(meta, IDENTITY_GROUPS, name, &document);
    if (!status)
        status = identity_group_read(buffer_bytes(&document), group);
    buffer_release(&document);
    return status;
}

void identity_group_release(struct identity_group *group)
{
    free(group->name);
    free(group->path);
    free(group->id);
    identity_names_release(&group->attached);
    identity_texts_release(&group->policies);
    *group = (struct identity_group){0};
}

void identity_group_put(struct identity_changes *changes, const struct identity_group *group)
{
    struct document_writer writer;

    document_begin(&writer);
    document_write_text(&writer, "name", group->name);
    document_write_text(&writer, "path", group->path);
    document_write_text(&writer, "id", group->id);
    document_write_integer(&writer, "created", group->created_ms);
    document_write_names(&writer, "attached", &group->attached);
    document_write_texts(&writer, "policies", &group->policies);
    identity_changes_put(changes, IDENTITY_GROUPS, group->name, &writer);
}

void identity_group_remove(struct identity_changes *changes, const char *name)
{
    identity_changes_add(changes, IDENTITY_GROUPS, "", name, NULL);
}
