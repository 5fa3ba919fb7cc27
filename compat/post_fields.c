/* The fields of an upload form; see the header. */
#include "compat/post_fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"

#define FILENAME "${filename}"

void post_fields_init(struct post_fields *fields)
{
    memset(fields, 0, sizeof(*fields));
    fields->text = mem_alloc(POST_FIELDS_BYTES_MAX);
}

void post_fields_release(struct post_fields *fields)
{
    free(fields->text);
    free(fields->expanded);
    memset(fields, 0, sizeof(*fields));
}

static bool same_name(struct bytes a, struct bytes b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

static enum status add_text(struct post_fields *fields, struct bytes data)
{
    if (data.len > POST_FIELDS_BYTES_MAX - fields->text_len)
        return STATUS_LIMIT;
    if (data.len > 0)
        memcpy(fields->text + fields->text_len, data.data, data.len);
    fields->text_len += data.len;
    return STATUS_OK;
}

enum status post_fields_begin(struct post_fields *fields, struct bytes name)
{
    char *at = fields->text + fields->text_len;

    for (size_t i = 0; i < fields->count; i++)
        if (same_name(fields->fields[i].name, name))
            return STATUS_CONFLICT;
    if (fields->count == POST_FIELDS_MAX || add_text(fields, name))
        return STATUS_LIMIT;
    fields->fields[fields->count++] = (struct post_field){bytes_of(at, name.len), bytes_of(at + name.len, 0)};
    return STATUS_OK;
}

enum status post_fields_append(struct post_fields *fields, struct bytes data)
{
    CHECK(fields->count > 0);
    if (add_text(fields, data))
        return STATUS_LIMIT;
    fields->fields[fields->count - 1].value.len += data.len;
    return STATUS_OK;
}

/* Of the name what follows the last separator. */
static struct bytes without_path(struct bytes name)
{
    for (size_t i = name.len; i > 0; i--)
        if (name.data[i - 1] == '/' || name.data[i - 1] == '\\')
            return bytes_of(name.data + i, name.len - i);
    return name;
}

/* What was signed, and signatures, are taken as they are. */
static bool is_fixed(struct bytes name)
{
    return bytes_equal_nocase(name, "policy") || bytes_equal_nocase(name, "signature") ||
           bytes_equal_nocase(name, "x-amz-signature");
}

static enum status add_expanded(struct post_fields *fields, size_t *len, struct bytes data)
{
    if (data.len > POST_EXPANDED_BYTES_MAX - *len)
        return STATUS_LIMIT;
    if (data.len > 0)
        memcpy(fields->expanded + *len, data.data, data.len);
    *len += data.len;
    return STATUS_OK;
}

static enum status expand(struct post_fields *fields, size_t *len, struct bytes filename, struct bytes *value)
{
    const size_t begin = *len, mark_len = strlen(FILENAME);
    struct bytes rest = *value;
    const char *mark;

    while (rest.len > 0 && (mark = memmem(rest.data, rest.len, FILENAME, mark_len)) != NULL) {
        size_t before = (size_t)(mark - rest.data);
        if (!fields->expanded)
            fields->expanded = mem_alloc(POST_EXPANDED_BYTES_MAX);
        if (add_expanded(fields, len, bytes_of(rest.data, before)) || add_expanded(fields, len, filename))
            return STATUS_LIMIT;
        rest = bytes_of(mark + mark_len, rest.len - before - mark_len);
    }
    if (rest.data == value->data) /* nothing to be put in */
        return STATUS_OK;
    if (add_expanded(fields, len, rest))
        return STATUS_LIMIT;
    *value = bytes_of(fields->expanded + begin, *len - begin);
    return STATUS_OK;
}

enum status post_fields_expand(struct post_fields *fields, struct bytes filename)
{
    size_t len = 0;

    for (size_t i = 0; i < fields->count; i++)
        if (!is_fixed(fields->fields[i].name) && expand(fields, &len, without_path(filename), &fields->fields[i].value))
            return STATUS_LIMIT;
    return STATUS_OK;
}

struct bytes post_fields_find(const struct post_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++)
        if (bytes_equal_nocase(fields->fields[i].name, name))
            return fields->fields[i].value;
    return (struct bytes){0};
}
