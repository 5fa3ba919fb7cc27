/* Tags of objects, in the header and as they are kept: a format byte, their number (u8), and of each tag the length of
 * the key (u16), the key, the length of the value (u16), the value. See the header. */
#include "compat/object_tags.h"

#include <string.h>

#include "base/check.h"
#include "compat/split.h"
#include "compat/uri.h"
#include "compat/utf8.h"

enum { KEPT_FORMAT = 1, KEPT_HEAD_LEN = 2 };

static enum status tagging_header_refuse(struct bytes header, struct s3_error_details *error)
{
    s3_error_argument(error, BYTES("x-amz-tagging"), header,
                      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
                      "without tag name duplicates.");
    return STATUS_INVALID;
}

/* A query passes over what is wrong here: a second '=', which an encoded value does not have, and no key before one. */
static bool pieces_are_tags(struct bytes header)
{
    struct bytes piece;

    while (split_next(&header, '&', &piece)) {
        const char *equals = piece.len > 0 ? memchr(piece.data, '=', piece.len) : NULL;
        if (equals && (equals == piece.data || memchr(equals + 1, '=', piece.len - (size_t)(equals + 1 - piece.data))))
            return false;
    }
    return true;
}

static bool is_repeated(const struct tag_set *set, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (bytes_equal(set->tags[i].key, set->tags[index].key))
            return true;
    return false;
}

enum status tagging_header_parse(struct bytes header, struct tag_set *set, struct s3_error_details *error)
{
    struct uri_query query;
    bool good = true;

    *set = (struct tag_set){0};
    if (!pieces_are_tags(header) || uri_query_parse(header, &query))
        return tagging_header_refuse(header, error);
    set->tags = mem_alloc((query.count + 1) * sizeof(*set->tags));
    for (size_t i = 0; good && i < query.count; i++) {
        set->tags[i] = (struct tag){query.parameters[i].name, query.parameters[i].value};
        set->count = i + 1;
        good = utf8_is_valid(set->tags[i].key) && utf8_is_valid(set->tags[i].value) && !is_repeated(set, i);
    }
    set->storage = query.storage; /* which the tags point into */
    query.storage = NULL;
    uri_query_release(&query);
    if (good)
        return STATUS_OK;
    tag_set_release(set);
    return tagging_header_refuse(header, error);
}

static enum status write_text(struct buffer *out, struct bytes text)
{
    uint8_t len[2];

    if (text.len > UINT16_MAX)
        return STATUS_LIMIT;
    put_u16(len, (uint16_t)text.len);
    enum status status = buffer_append(out, len, sizeof(len));
    return status ? status : buffer_append_bytes(out, text);
}

enum status object_tags_write(struct buffer *out, const struct tag_set *set)
{
    const uint8_t head[KEPT_HEAD_LEN] = {KEPT_FORMAT, (uint8_t)set->count};

    if (set->count == 0)
        return STATUS_OK;
    if (set->count > TAGS_OF_OBJECT_MAX)
        return STATUS_LIMIT;
    enum status status = buffer_append(out, head, sizeof(head));
    for (size_t i = 0; !status && i < set->count; i++) {
        status = write_text(out, set->tags[i].key);
        if (!status)
            status = write_text(out, set->tags[i].value);
    }
    return status;
}

size_t object_tags_count(struct bytes kept)
{
    uint8_t count = kept.len >= KEPT_HEAD_LEN && kept.data[0] == KEPT_FORMAT ? (uint8_t)kept.data[1] : 0;

    return count <= TAGS_OF_OBJECT_MAX ? count : 0;
}

static bool read_text(struct bytes *rest, struct bytes *text)
{
    if (rest->len < 2)
        return false;
    size_t len = get_u16(rest->data);
    if (len > rest->len - 2)
        return false;
    *text = bytes_of(rest->data + 2, len);
    *rest = bytes_of(rest->data + 2 + len, rest->len - 2 - len);
    return true;
}

enum status object_tags_read(struct bytes kept, struct tag_set *set)
{
    size_t count = object_tags_count(kept);
    bool good = count > 0;

    *set = (struct tag_set){0};
    if (kept.len == 0)
        return STATUS_OK;
    if (!good)
        return STATUS_CORRUPT;
    set->storage = mem_alloc(kept.len);
    memcpy(set->storage, kept.data, kept.len);
    set->tags = mem_alloc(count * sizeof(*set->tags));
    struct bytes rest = bytes_of(set->storage + KEPT_HEAD_LEN, kept.len - KEPT_HEAD_LEN);
    for (; good && set->count < count; set->count++)
        good = read_text(&rest, &set->tags[set->count].key) && read_text(&rest, &set->tags[set->count].value);
    if (good && rest.len == 0)
        return STATUS_OK;
    tag_set_release(set);
    return STATUS_CORRUPT;
}
