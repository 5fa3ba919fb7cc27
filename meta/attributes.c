/* Attributes, packed: kind, length (u32), document, for each kind in ascending order. See the header. */
#include "meta/attributes.h"

#include "base/check.h"

enum { HEADER_LEN = 1 + 4 };

/* Takes the first one off. CORRUPT when there is none, or not a whole one. */
static enum status attribute_take(struct bytes *attributes, struct meta_attribute *attribute)
{
    if (attributes->len < HEADER_LEN)
        return STATUS_CORRUPT;
    uint32_t len = get_u32(attributes->data + 1);
    if (len > attributes->len - HEADER_LEN)
        return STATUS_CORRUPT;
    attribute->kind = (uint8_t)attributes->data[0];
    attribute->document = bytes_of(attributes->data + HEADER_LEN, len);
    *attributes = bytes_of(attributes->data + HEADER_LEN + len, attributes->len - HEADER_LEN - len);
    return STATUS_OK;
}

enum status meta_attribute_find(struct bytes attributes, uint8_t kind, struct bytes *document)
{
    struct meta_attribute attribute;

    while (attribute_take(&attributes, &attribute) == STATUS_OK) {
        if (attribute.kind != kind)
            continue;
        *document = attribute.document;
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

bool meta_attributes_sealed(struct bytes attributes)
{
    struct bytes document;

    return meta_attribute_find(attributes, META_ATTRIBUTE_SEALED, &document) == STATUS_OK;
}

struct bytes meta_attributes_seal(struct bytes attributes)
{
    struct bytes document;

    return meta_attribute_find(attributes, META_ATTRIBUTE_SEALED, &document) ? (struct bytes){0} : document;
}

/* The document of that kind once the changes are made; data NULL: none. */
static struct bytes document_after(struct bytes attributes, const struct meta_attribute *changes, size_t count,
                                   uint8_t kind)
{
    struct bytes document;

    for (size_t i = count; i-- > 0;)
        if (changes[i].kind == kind)
            return changes[i].document;
    return meta_attribute_find(attributes, kind, &document) ? (struct bytes){0} : document;
}

enum status meta_attributes_pack(struct bytes attributes, const struct meta_attribute *changes, size_t count,
                                 struct buffer *out)
{
    enum status status = STATUS_OK;
    size_t before = out->len;

    for (size_t i = 0; i < count; i++)
        CHECK(changes[i].kind >= 1 && changes[i].kind <= META_ATTRIBUTE_KIND_MAX);
    for (uint8_t kind = 1; kind <= META_ATTRIBUTE_KIND_MAX && !status; kind++) {
        struct bytes document = document_after(attributes, changes, count, kind);
        char header[HEADER_LEN] = {(char)kind};
        if (!document.data)
            continue;
        if (document.len > META_ATTRIBUTES_BYTES_MAX)
            return STATUS_LIMIT;
        put_u32(header + 1, (uint32_t)document.len);
        status = buffer_append(out, header, HEADER_LEN);
        if (!status)
            status = buffer_append_bytes(out, document);
    }
    return !status && out->len - before > META_ATTRIBUTES_BYTES_MAX ? STATUS_LIMIT : status;
}

enum status meta_attributes_check(struct bytes attributes)
{
    struct meta_attribute attribute;
    uint8_t previous = 0;

    if (attributes.len > META_ATTRIBUTES_BYTES_MAX)
        return STATUS_CORRUPT;
    while (attributes.len > 0) {
        if (attribute_take(&attributes, &attribute) || attribute.kind <= previous ||
            attribute.kind > META_ATTRIBUTE_KIND_MAX)
            return STATUS_CORRUPT;
        previous = attribute.kind;
    }
    return STATUS_OK;
}
