/* Sets of tags; see the header. Decoded text is never longer than its source, so all texts of a set share one
 * allocation of the document's size and never move. */
#include "compat/tags.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/request_xml.h"
#include "compat/utf8.h"
#include "compat/xml_reader.h"

#define TAG_TEXT_SHOWN_MAX 240 /* in an error, which keeps it */

static const char tag_fault_repeated[] = "Cannot provide multiple Tags with the same key";
static const char tag_fault_value[] = "The TagValue you have provided is invalid";

void tag_set_release(struct tag_set *set)
{
    free(set->tags);
    free(set->storage);
    *set = (struct tag_set){0};
}

static bool tag_set_has(const struct tag_set *set, const struct tag *tag)
{
    for (size_t i = 0; i < set->count; i++)
        if (bytes_equal(set->tags[i].key, tag->key))
            return bytes_equal(set->tags[i].value, tag->value);
    return false;
}

bool tag_set_equal(const struct tag_set *a, const struct tag_set *b)
{
    bool equal = a->count == b->count;

    for (size_t i = 0; equal && i < a->count; i++)
        equal = tag_set_has(b, &a->tags[i]);
    return equal;
}

void tag_set_reader_init(struct tag_set_reader *reader, struct tag_set *set, struct bytes document)
{
    *set = (struct tag_set){.storage = mem_alloc(document.len + 1)};
    *reader = (struct tag_set_reader){.set = set};
}

enum status tag_set_reader_open(struct tag_set_reader *reader, unsigned depth, const char *name)
{
    struct tag_set *set = reader->set;

    if (depth != 1)
        return depth == 2 && (strcmp(name, "Key") == 0 || strcmp(name, "Value") == 0) ? STATUS_OK : STATUS_INVALID;
    if (strcmp(name, "Tag") != 0)
        return STATUS_INVALID;
    if (set->count == TAGS_READ_MAX)
        return STATUS_LIMIT;
    if ((set->count & (set->count - 1)) == 0)
        set->tags = mem_realloc(set->tags, (set->count ? set->count * 2 : 1) * sizeof(*set->tags));
    set->tags[set->count++] = (struct tag){0};
    reader->has_key = reader->has_value = false;
    return STATUS_OK;
}

static enum status tag_keep(struct tag_set_reader *reader, struct bytes text, bool *has, struct bytes *out)
{
    char *copy = reader->set->storage + reader->storage_len;

    if (*has)
        return STATUS_INVALID;
    *has = true;
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    reader->storage_len += text.len;
    *out = bytes_of(copy, text.len);
    return STATUS_OK;
}

enum status tag_set_reader_close(struct tag_set_reader *reader, unsigned depth, const char *name, struct bytes text)
{
    struct tag *tag = reader->set->count > 0 ? &reader->set->tags[reader->set->count - 1] : NULL;

    if (depth == 1)
        return reader->has_key && reader->has_value ? STATUS_OK : STATUS_INVALID;
    if (depth != 2 || !tag)
        return STATUS_OK;
    if (strcmp(name, "Key") == 0)
        return tag_keep(reader, text, &reader->has_key, &tag->key);
    return tag_keep(reader, text, &reader->has_value, &tag->value);
}

struct tagging_parse {
    struct tag_set_reader reader;
    bool has_set;
};

/* The root has depth 0, TagSet 1. */
static enum status tagging_parse_open(void *arg, unsigned depth, const char *name)
{
    struct tagging_parse *parse = arg;

    if (depth == 0)
        return STATUS_OK;
    if (depth > 1)
        return tag_set_reader_open(&parse->reader, depth - 1, name);
    if (parse->has_set || strcmp(name, "TagSet") != 0)
        return STATUS_INVALID;
    parse->has_set = true;
    return STATUS_OK;
}

static enum status tagging_parse_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct tagging_parse *parse = arg;

    return depth > 1 ? tag_set_reader_close(&parse->reader, depth - 1, name, text) : STATUS_OK;
}

enum status tagging_parse(struct bytes document, struct tag_set *set)
{
    static const struct xml_handler handler = {tagging_parse_open, tagging_parse_close};
    struct tagging_parse parse = {.has_set = false};
    enum status status;

    *set = (struct tag_set){0};
    if (document.len > REQUEST_XML_BYTES_MAX)
        return STATUS_LIMIT;
    tag_set_reader_init(&parse.reader, set, document);
    status = xml_read(document, REQUEST_XML_BYTES_MAX, "Tagging", &handler, &parse);
    if (!status && !parse.has_set)
        status = STATUS_INVALID;
    if (status)
        tag_set_release(set);
    return status;
}

/* Letters, digits, spaces and + - = . _ : / @; of the characters beyond ASCII all. */
static bool tag_text_is_valid(struct bytes text, size_t chars_min, size_t chars_max)
{
    size_t chars = 0;

    while (text.len > 0) {
        uint32_t c;
        size_t len = utf8_decode(text, &c);
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (len == 0 || (c < 0x80 && !alphanumeric && (c == 0 || !strchr(" +-=._:/@", (int)c))))
            return false;
        text = bytes_of(text.data + len, text.len - len);
        chars++;
    }
    return chars >= chars_min && chars <= chars_max;
}

static bool tag_key_comes_before(const struct tag_set *set, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (bytes_equal(set->tags[i].key, set->tags[index].key))
            return true;
    return false;
}

static bool tag_is_of_the_system(const struct tag *tag)
{
    return tag->key.len >= 4 && bytes_equal_nocase(bytes_of(tag->key.data, 4), "aws:");
}

/* What differs between the tags of buckets and of objects. */
struct tag_rules {
    size_t count_max;
    const char *too_many, *of_the_system;
};

static const char *tag_fault(const struct tag_rules *rules, const struct tag_set *set, size_t index)
{
    const struct tag *tag = &set->tags[index];

    if (tag_key_comes_before(set, index))
        return tag_fault_repeated;
    if (tag_is_of_the_system(tag))
        return rules->of_the_system;
    if (!tag_text_is_valid(tag->key, 1, TAG_KEY_CHARS_MAX))
        return "The TagKey you have provided is invalid";
    return tag_text_is_valid(tag->value, 0, TAG_VALUE_CHARS_MAX) ? NULL : tag_fault_value;
}

static void tag_error_add(struct s3_error_details *error, const char *name, struct bytes text)
{
    if (text.len <= TAG_TEXT_SHOWN_MAX)
        s3_error_add_copy(error, name, text);
}

static enum status tag_set_check(const struct tag_rules *rules, const struct tag_set *set,
                                 struct s3_error_details *error)
{
    const char *message = NULL;
    size_t at = 0;

    if (set->count > rules->count_max) {
        s3_error_setf(error, S3_BAD_REQUEST, "%s %zu", rules->too_many, rules->count_max);
        return STATUS_INVALID;
    }
    while (at < set->count && !(message = tag_fault(rules, set, at)))
        at++;
    if (!message)
        return STATUS_OK;
    s3_error_setf(error, S3_INVALID_TAG, "%s", message);
    tag_error_add(error, "TagKey", set->tags[at].key);
    if (message == tag_fault_value)
        tag_error_add(error, "TagValue", set->tags[at].value);
    return STATUS_INVALID;
}

enum status tag_set_check_bucket(const struct tag_set *set, struct s3_error_details *error)
{
    static const struct tag_rules rules = {TAGS_OF_BUCKET_MAX, "Bucket tag count cannot be greater than",
                                           "System tags cannot be added/updated by requester"};

    return tag_set_check(&rules, set, error);
}

enum status tag_set_check_object(const struct tag_set *set, struct s3_error_details *error)
{
    static const struct tag_rules rules = {TAGS_OF_OBJECT_MAX, "Object tags cannot be greater than",
                                           "Your TagKey cannot be prefixed with aws:"};

    return tag_set_check(&rules, set, error);
}
