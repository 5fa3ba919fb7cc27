/* Documents as JSON; see the header. */
#include "gateway/identity/document.h"

#include <string.h>

#include "base/check.h"
#include "compat/json_nesting.h"

#define VERSION     1
#define NESTING_MAX 8

/* ---- reading -------------------------------------------------------------------------------------------------- */

void document_open(struct document_reader *reader, struct bytes document)
{
    json_t *value = NULL;

    if (json_nesting(document) <= NESTING_MAX) /* the parser recurses */
        value = json_loadb(document.data, document.len, JSON_REJECT_DUPLICATES, NULL);
    document_open_value(reader, value);
    json_decref(value);
    if (document_take_integer(reader, "v") != VERSION)
        reader->bad = true;
}

void document_open_value(struct document_reader *reader, json_t *value)
{
    *reader = (struct document_reader){.object = json_incref(value), .bad = !json_is_object(value)};
}

static json_t *take(struct document_reader *reader, const char *field)
{
    json_t *value = reader->bad ? NULL : json_object_get(reader->object, field);

    if (value)
        reader->taken++;
    return value;
}

char *document_take_optional(struct document_reader *reader, const char *field)
{
    json_t *value = take(reader, field);

    if (!value)
        return NULL;
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
        return mem_strdup(json_string_value(value));
    reader->bad = true;
    return NULL;
}

char *document_take_text(struct document_reader *reader, const char *field)
{
    char *text = document_take_optional(reader, field);

    if (text)
        return text;
    reader->bad = true;
    return mem_strdup("");
}

int64_t document_take_integer(struct document_reader *reader, const char *field)
{
    json_t *value = take(reader, field);

    if (!json_is_integer(value))
        reader->bad = true;
    return json_integer_value(value);
}

bool document_take_bool(struct document_reader *reader, const char *field)
{
    json_t *value = take(reader, field);

    if (!json_is_boolean(value))
        reader->bad = true;
    return json_is_true(value);
}

json_t *document_take_array(struct document_reader *reader, const char *field)
{
    json_t *value = take(reader, field);

    if (value && !json_is_array(value))
        reader->bad = true;
    return reader->bad ? NULL : value;
}

void document_take_names(struct document_reader *reader, const char *field, struct identity_names *names)
{
    json_t *array = document_take_array(reader, field), *value;
    size_t i;

    json_array_foreach(array, i, value)
    {
        if (!json_is_string(value) || !identity_names_add(names, bytes_from_str(json_string_value(value))))
            reader->bad = true;
    }
}

void document_take_texts(struct document_reader *reader, const char *field, struct identity_texts *texts)
{
    json_t *object = take(reader, field), *value;
    const char *name;

    if (object && !json_is_object(object))
        reader->bad = true;
    json_object_foreach (object, name, value) {
        if (!json_is_string(value) || identity_texts_find(texts, bytes_from_str(name)))
            reader->bad = true;
        else
            identity_texts_set(texts, bytes_from_str(name), bytes_from_str(json_string_value(value)));
    }
}

enum status document_close(struct document_reader *reader)
{
    if (!reader->bad && reader->taken != json_object_size(reader->object))
        reader->bad = true; /* a field that this build does not know may take a right away */
    json_decref(reader->object);
    reader->object = NULL;
    return reader->bad ? STATUS_CORRUPT : STATUS_OK;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

void document_begin_value(struct document_writer *writer)
{
    *writer = (struct document_writer){.object = json_object()};
    CHECK(writer->object);
}

void document_begin(struct document_writer *writer)
{
    document_begin_value(writer);
    document_write_integer(writer, "v", VERSION);
}

void document_write_value(struct document_writer *writer, const char *field, json_t *take_value)
{
    if (json_object_set_new(writer->object, field, take_value)) /* takes NULL for a failure */
        writer->bad = true;
}

void document_write_text(struct document_writer *writer, const char *field, const char *text)
{
    if (text)
        document_write_value(writer, field, json_string(text));
}

void document_write_integer(struct document_writer *writer, const char *field, int64_t value)
{
    document_write_value(writer, field, json_integer(value));
}

void document_write_bool(struct document_writer *writer, const char *field, bool value)
{
    document_write_value(writer, field, json_boolean(value));
}

void document_write_names(struct document_writer *writer, const char *field, const struct identity_names *names)
{
    json_t *array = json_array();

    for (size_t i = 0; i < names->count; i++)
        if (json_array_append_new(array, json_string(names->names[i])))
            writer->bad = true;
    document_write_value(writer, field, array);
}

void document_write_texts(struct document_writer *writer, const char *field, const struct identity_texts *texts)
{
    json_t *object = json_object();

    for (size_t i = 0; i < texts->count; i++)
        if (json_object_set_new(object, texts->items[i].name, json_string(texts->items[i].text)))
            writer->bad = true;
    document_write_value(writer, field, object);
}

json_t *document_finish_value(struct document_writer *writer)
{
    json_t *value = writer->object;

    writer->object = NULL;
    if (!writer->bad)
        return value;
    json_decref(value);
    return NULL;
}

char *document_finish(struct document_writer *writer)
{
    json_t *value = document_finish_value(writer);
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

    json_decref(value);
    return text;
}

void identity_changes_put(struct identity_changes *changes, enum identity_table table, const char *name,
                          struct document_writer *writer)
{
    char *text = document_finish(writer);

    if (text)
        identity_changes_add(changes, table, "", name, text);
    else
        identity_changes_spoil(changes);
}
