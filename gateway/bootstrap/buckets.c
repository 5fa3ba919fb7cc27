/* The section of buckets, with their settings. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/names.h"
#include "compat/response_xml.h"
#include "compat/tags.h"
#include "gateway/bootstrap/sections.h"
#include "gateway/s3/bucket_settings.h"

static const char *const fields[] = {"name", "versioning", "tags", "absent", NULL};

#define SETTINGS_MAX 4

/* What the entry wants: documents by kind. */
struct wish {
    const char *name, *versioning;
    bool absent;
    struct buffer tags;
    struct meta_setting_change changes[SETTINGS_MAX];
    size_t count;
};

static enum status read_tags(const struct section_entry *entry, struct wish *wish)
{
    struct identity_texts texts = {0};
    enum status status = entry_tags(entry, &texts);

    if (!status && texts.count > 0) {
        struct tag *tags = mem_alloc(texts.count * sizeof(*tags));
        for (size_t i = 0; i < texts.count; i++)
            tags[i] = (struct tag){bytes_from_str(texts.items[i].name), bytes_from_str(texts.items[i].text)};
        status = response_tagging(&wish->tags, tags, texts.count);
        free(tags);
        wish->changes[wish->count++] =
            (struct meta_setting_change){.kind = S3_SETTING_TAGGING, .document = buffer_bytes(&wish->tags)};
    }
    identity_texts_release(&texts);
    return status;
}

static enum status read_versioning(const struct section_entry *entry, struct wish *wish)
{
    enum status status = entry_text(entry, "versioning", false, &wish->versioning);

    if (!status && wish->versioning && strcmp(wish->versioning, "Enabled") != 0 &&
        strcmp(wish->versioning, "Suspended") != 0)
        return entry_fail(entry, "versioning", "\"Enabled\" or \"Suspended\" is needed");
    return status;
}

static enum status read_wish(const struct section_entry *entry, struct wish *wish)
{
    struct s3_error_details error = {0};
    enum status status = entry_check_fields(entry, fields);

    if (!status)
        status = entry_text(entry, "name", true, &wish->name);
    if (!status && bucket_name_check(bytes_from_str(wish->name), &error))
        return entry_fail(entry, "name", "%s", error.message[0] ? error.message : s3_error_message(error.code));
    if (!status)
        status = entry_bool(entry, "absent", &wish->absent);
    if (!status)
        status = read_versioning(entry, wish);
    return status ? status : read_tags(entry, wish);
}

static enum status make(const struct section_entry *entry, const struct wish *wish)
{
    struct meta *meta = entry->bootstrap->gateway->meta;
    const struct meta_settings_update update = {.changes = wish->changes, .count = wish->count};
    bool versioned = wish->versioning && strcmp(wish->versioning, "Enabled") == 0;

    return meta_bucket_create(meta, bytes_from_str(wish->name), versioned, (struct bytes){0},
                              wish->count > 0 ? &update : NULL);
}

/* Tags say the same in any order. */
static bool is_set(const struct meta_settings *settings, const struct meta_setting_change *change)
{
    struct meta_setting kept;
    struct tag_set now, wanted;

    if (meta_setting_find(settings, change->kind, &kept))
        return false;
    if (change->kind != S3_SETTING_TAGGING || bytes_equal(kept.document, change->document))
        return bytes_equal(kept.document, change->document);
    if (tagging_parse(kept.document, &now))
        return false;
    bool same = tagging_parse(change->document, &wanted) == STATUS_OK && tag_set_equal(&now, &wanted);
    tag_set_release(&now);
    tag_set_release(&wanted);
    return same;
}

static enum status change_settings(struct meta *meta, const struct meta_bucket *bucket,
                                   const struct meta_settings *settings, const struct wish *wish, enum outcome *outcome)
{
    struct meta_setting_change changes[SETTINGS_MAX];
    struct meta_settings_update update = {.changes = changes};

    for (size_t i = 0; i < wish->count; i++)
        if (!is_set(settings, &wish->changes[i]))
            changes[update.count++] = wish->changes[i];
    if (update.count == 0)
        return STATUS_OK;
    *outcome = OUTCOME_CHANGED;
    return meta_bucket_settings_update(meta, bucket->id, &update);
}

static enum status change_versioning(struct meta *meta, const struct meta_bucket *bucket, const struct wish *wish,
                                     enum outcome *outcome)
{
    bool suspended = wish->versioning && strcmp(wish->versioning, "Suspended") == 0;

    if (!wish->versioning || (bucket->versioned ? bucket->suspended == suspended : suspended))
        return STATUS_OK; /* one that has never kept versions is as good as suspended */
    *outcome = OUTCOME_CHANGED;
    return meta_bucket_set_versioning(meta, bucket->id, suspended, NULL);
}

static enum status take_away(const struct section_entry *entry, const struct wish *wish)
{
    enum status status;

    if (strcmp(wish->name, GATEWAY_FILES_BUCKET) == 0)
        return entry_fail(entry, "absent", "the bucket of the file API cannot be deleted");
    status = meta_bucket_delete(entry->bootstrap->gateway->meta, bytes_from_str(wish->name));
    return status == STATUS_NOT_EMPTY ? entry_fail(entry, "absent", "the bucket is not empty") : status;
}

static enum status apply(const struct section_entry *entry, const struct wish *wish, enum outcome *outcome)
{
    struct meta *meta = entry->bootstrap->gateway->meta;
    struct meta_settings *settings = NULL;
    struct meta_bucket bucket;
    enum status status = meta_bucket_load(meta, bytes_from_str(wish->name), &bucket, &settings);

    if (status == STATUS_NOT_FOUND && wish->absent)
        return STATUS_OK;
    if (status == STATUS_NOT_FOUND || (!status && wish->absent)) {
        *outcome = wish->absent ? OUTCOME_REMOVED : OUTCOME_MADE;
        meta_settings_release(settings);
        return wish->absent ? take_away(entry, wish) : make(entry, wish);
    }
    if (status)
        return status;
    status = change_settings(meta, &bucket, settings, wish, outcome);
    if (!status)
        status = change_versioning(meta, &bucket, wish, outcome);
    meta_settings_release(settings);
    return status;
}

enum status bootstrap_bucket(const struct section_entry *entry, enum outcome *outcome)
{
    struct wish wish = {0};

    buffer_init(&wish.tags, TAG_SET_XML_BYTES_MAX);
    enum status status = read_wish(entry, &wish);
    if (!status)
        status = apply(entry, &wish, outcome);
    buffer_release(&wish.tags);
    return status;
}
