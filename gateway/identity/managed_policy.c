/* The document of a managed policy, and its versions; see the header. */
#include "gateway/identity/managed_policy.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/identity/aws_policies.h"
#include "gateway/identity/document.h"

/* ---- versions ------------------------------------------------------------------------------------------------- */

struct identity_policy_version *identity_managed_policy_version(struct identity_managed_policy *policy, unsigned number)
{
    for (size_t i = 0; i < policy->version_count; i++)
        if (policy->versions[i].number == number)
            return &policy->versions[i];
    return NULL;
}

enum status identity_managed_policy_add(struct identity_managed_policy *policy, struct bytes document, unsigned *number)
{
    if (policy->version_count == MANAGED_POLICY_VERSIONS_MAX || policy->last_version == INT_MAX)
        return STATUS_LIMIT;
    *number = ++policy->last_version;
    policy->versions[policy->version_count++] = (struct identity_policy_version){
        .number = *number, .created_ms = clock_wall_ms(), .document = mem_strndup(document.data, document.len)};
    return STATUS_OK;
}

enum status identity_managed_policy_drop(struct identity_managed_policy *policy, unsigned number)
{
    struct identity_policy_version *version = identity_managed_policy_version(policy, number);

    if (!version)
        return STATUS_NOT_FOUND;
    if (number == policy->default_version)
        return STATUS_CONFLICT;
    free(version->document);
    size_t behind = (size_t)(policy->versions + policy->version_count - version) - 1;
    memmove(version, version + 1, behind * sizeof(*version));
    policy->version_count--;
    return STATUS_OK;
}

void identity_managed_policy_create(struct identity_managed_policy *policy, struct bytes name, struct bytes path,
                                    struct bytes document)
{
    char id[IDENTITY_ID_LEN + 1];

    identity_id_create("ANPA", id);
    *policy = (struct identity_managed_policy){.name = mem_strndup(name.data, name.len),
                                               .path = mem_strndup(path.data, path.len),
                                               .id = mem_strdup(id),
                                               .created_ms = clock_wall_ms()};
    policy->updated_ms = policy->created_ms;
    enum status status = identity_managed_policy_add(policy, document, &policy->default_version);
    CHECK(status == STATUS_OK);
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

static unsigned take_number(struct document_reader *reader, const char *field)
{
    int64_t number = document_take_integer(reader, field);

    if (number < 1 || number > INT_MAX)
        reader->bad = true;
    return reader->bad ? 0 : (unsigned)number;
}

static void take_version(struct document_reader *reader, json_t *value, struct identity_managed_policy *policy)
{
    struct document_reader fields;

    if (policy->version_count == MANAGED_POLICY_VERSIONS_MAX) {
        reader->bad = true;
        return;
    }
    struct identity_policy_version *version = &policy->versions[policy->version_count++];
    document_open_value(&fields, value);
    version->number = take_number(&fields, "number");
    version->created_ms = document_take_integer(&fields, "created");
    version->document = document_take_text(&fields, "document");
    if (document_close(&fields))
        reader->bad = true;
}

enum status identity_managed_policy_read(struct bytes document, struct identity_managed_policy *policy)
{
    struct document_reader reader;
    json_t *value;
    size_t i;

    *policy = (struct identity_managed_policy){0};
    document_open(&reader, document);
    policy->name = document_take_text(&reader, "name");
    policy->path = document_take_text(&reader, "path");
    policy->id = document_take_text(&reader, "id");
    policy->description = document_take_optional(&reader, "description");
    policy->created_ms = document_take_integer(&reader, "created");
    policy->updated_ms = document_take_integer(&reader, "updated");
    policy->default_version = take_number(&reader, "default");
    policy->last_version = take_number(&reader, "last");
    document_take_texts(&reader, "tags", &policy->tags);
    json_t *versions = document_take_array(&reader, "versions");
    json_array_foreach(versions, i, value)
    {
        take_version(&reader, value, policy);
    }
    if (!identity_managed_policy_version(policy, policy->default_version))
        reader.bad = true;
    enum status status = document_close(&reader);
    if (status)
        identity_managed_policy_release(policy);
    return status;
}

/* The rows as they are, or as of a moment. */
struct policy_rows {
    struct meta *meta;
    const struct meta_identity_view *view; /* NULL: as they are */
};

static enum status load(const struct policy_rows *rows, struct bytes name, struct identity_managed_policy *policy)
{
    struct buffer document;

    *policy = (struct identity_managed_policy){0};
    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = rows->view ? identity_row_view(rows->view, IDENTITY_POLICIES, name, &document)
                                    : identity_row_load(rows->meta, IDENTITY_POLICIES, name, &document);
    if (!status)
        status = identity_managed_policy_read(buffer_bytes(&document), policy);
    buffer_release(&document);
    return status;
}

static enum status load_arn(const struct policy_rows *rows, const char *account, struct bytes arn,
                            struct identity_managed_policy *policy)
{
    struct bytes path, name;

    *policy = (struct identity_managed_policy){0};
    enum status status = identity_arn_parse(arn, AWS_POLICIES_ACCOUNT, "policy", &path, &name);
    if (!status)
        status = aws_policies_find(name, policy);
    else if (!(status = identity_arn_parse(arn, account, "policy", &path, &name)))
        status = load(rows, name, policy);
    if (!status && (!bytes_equal_str(path, policy->path) || !bytes_equal_str(name, policy->name))) {
        identity_managed_policy_release(policy);
        status = STATUS_NOT_FOUND;
    }
    return status;
}

enum status identity_managed_policy_load(struct meta *meta, struct bytes name, struct identity_managed_policy *policy)
{
    return load(&(const struct policy_rows){.meta = meta}, name, policy);
}

enum status identity_managed_policy_load_arn(struct meta *meta, const char *account, struct bytes arn,
                                             struct identity_managed_policy *policy)
{
    return load_arn(&(const struct policy_rows){.meta = meta}, account, arn, policy);
}

enum status identity_managed_policy_view_arn(const struct meta_identity_view *view, const char *account,
                                             struct bytes arn, struct identity_managed_policy *policy)
{
    return load_arn(&(const struct policy_rows){.view = view}, account, arn, policy);
}

void identity_managed_policy_release(struct identity_managed_policy *policy)
{
    free(policy->name);
    free(policy->path);
    free(policy->id);
    free(policy->description);
    for (size_t i = 0; i < policy->version_count; i++)
        free(policy->versions[i].document);
    identity_texts_release(&policy->tags);
    *policy = (struct identity_managed_policy){0};
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

static json_t *versions_write(const struct identity_managed_policy *policy)
{
    json_t *versions = json_array();
    bool bad = false;

    for (size_t i = 0; i < policy->version_count; i++) {
        const struct identity_policy_version *version = &policy->versions[i];
        struct document_writer writer;
        document_begin_value(&writer);
        document_write_integer(&writer, "number", version->number);
        document_write_integer(&writer, "created", version->created_ms);
        document_write_text(&writer, "document", version->document);
        if (json_array_append_new(versions, document_finish_value(&writer)))
            bad = true;
    }
    if (!bad)
        return versions;
    json_decref(versions);
    return NULL;
}

void identity_managed_policy_put(struct identity_changes *changes, const struct identity_managed_policy *policy)
{
    struct document_writer writer;

    if (policy->of_aws || aws_policies_own(bytes_from_str(policy->name))) {
        identity_changes_spoil(changes);
        return;
    }
    document_begin(&writer);
    document_write_text(&writer, "name", policy->name);
    document_write_text(&writer, "path", policy->path);
    document_write_text(&writer, "id", policy->id);
    document_write_text(&writer, "description", policy->description);
    document_write_integer(&writer, "created", policy->created_ms);
    document_write_integer(&writer, "updated", policy->updated_ms);
    document_write_integer(&writer, "default", policy->default_version);
    document_write_integer(&writer, "last", policy->last_version);
    document_write_texts(&writer, "tags", &policy->tags);
    document_write_value(&writer, "versions", versions_write(policy));
    identity_changes_put(changes, IDENTITY_POLICIES, policy->name, &writer);
}

void identity_managed_policy_remove(struct identity_changes *changes, const char *name)
{
    if (aws_policies_own(bytes_from_str(name)))
        identity_changes_spoil(changes);
    else
        identity_changes_add(changes, IDENTITY_POLICIES, "", name, NULL);
}
