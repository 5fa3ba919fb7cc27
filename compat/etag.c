/* ETag texts. Clients quote them in every way: parsing is lenient about quotes, strict about the rest. */
#include "compat/etag.h"

#include <stdio.h>
#include <string.h>

#define ETAG_HEX_LEN ((size_t)2 * MD5_LEN)

void etag_text_unquoted(const struct etag *etag, char out[ETAG_TEXT_MAX])
{
    hex_encode(etag->md5, MD5_LEN, out);
    if (etag->parts)
        snprintf(out + ETAG_HEX_LEN, ETAG_TEXT_MAX - ETAG_HEX_LEN, "-%u", (unsigned)etag->parts);
}

void etag_text(const struct etag *etag, char out[ETAG_TEXT_MAX])
{
    out[0] = '"';
    hex_encode(etag->md5, MD5_LEN, out + 1);
    if (etag->parts)
        snprintf(out + 1 + ETAG_HEX_LEN, ETAG_TEXT_MAX - 1 - ETAG_HEX_LEN, "-%u\"", (unsigned)etag->parts);
    else
        memcpy(out + 1 + ETAG_HEX_LEN, "\"", 2);
}

bool etag_equal(const struct etag *a, const struct etag *b)
{
    return a->parts == b->parts && memcmp(a->md5, b->md5, MD5_LEN) == 0;
}

enum status etag_parse(struct bytes text, struct etag *etag)
{
    struct etag parsed = {.parts = 0};
    uint64_t parts = 0;

    text = bytes_trim(text);
    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
        text = bytes_of(text.data + 1, text.len - 2);
    if (text.len < ETAG_HEX_LEN || hex_decode(bytes_of(text.data, ETAG_HEX_LEN), parsed.md5, MD5_LEN))
        return STATUS_INVALID;
    text = bytes_of(text.data + ETAG_HEX_LEN, text.len - ETAG_HEX_LEN);
    if (text.len > 0) {
        /* the count as we print it: no sign, no leading zero */
        if (text.data[0] != '-' || text.len < 2 || text.data[1] == '0')
            return STATUS_INVALID;
        if (bytes_parse_u64(bytes_of(text.data + 1, text.len - 1), UINT32_MAX - 1, &parts))
            return STATUS_INVALID;
        parsed.parts = (uint32_t)parts;
    }
    *etag = parsed;
    return STATUS_OK;
}

/* Takes the next comma-separated member off the list; commas inside quotes do not separate. */
static struct bytes etag_list_next(struct bytes *list)
{
    bool quoted = false;
    size_t len = 0;
    struct bytes member;

    while (len < list->len && (quoted || list->data[len] != ',')) {
        quoted ^= list->data[len] == '"';
        len++;
    }
    member = bytes_trim(bytes_of(list->data, len));
    if (len < list->len)
        len++;
    *list = bytes_of(list->data + len, list->len - len);
    return member;
}

bool etag_list_matches(struct bytes list, const struct etag *etag, bool weak)
{
    list = bytes_trim(list);
    if (bytes_equal_str(list, "*"))
        return true;
    while (list.len > 0) {
        struct bytes member = etag_list_next(&list);
        struct etag candidate;

        if (bytes_starts_with(member, BYTES("W/"))) {
            if (!weak)
                continue;
            member = bytes_of(member.data + 2, member.len - 2);
        }
        if (etag_parse(member, &candidate) == STATUS_OK && etag_equal(&candidate, etag))
            return true;
    }
    return false;
}

void etag_builder_init(struct etag_builder *builder)
{
    builder->parts = 0;
    digest_init(&builder->digest, DIGEST_MD5);
}

void etag_builder_add(struct etag_builder *builder, const uint8_t part_md5[MD5_LEN])
{
    digest_update(&builder->digest, part_md5, MD5_LEN);
    builder->parts++;
}

void etag_builder_final(struct etag_builder *builder, struct etag *etag)
{
    digest_final(&builder->digest, etag->md5);
    etag->parts = builder->parts;
}

void etag_builder_release(struct etag_builder *builder)
{
    digest_release(&builder->digest);
}
