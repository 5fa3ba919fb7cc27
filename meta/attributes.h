/* Attributes of a version: documents by kind (tags, retention, legal hold, ACL ...) that come with a write and can be
 * changed later, without a new version (meta_object_update). What they mean is the upper layer's. Objects and uploads
 * carry them packed, each kind once; pure functions over that form. */
#ifndef TERCET_META_ATTRIBUTES_H
#define TERCET_META_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Of a version, packed. Ten tags, of 128 and 256 characters of up to four bytes, take 15 KiB, an ACL of 100 grants
 * about as much. */
#define META_ATTRIBUTES_BYTES_MAX 65536
#define META_ATTRIBUTE_KIND_MAX   32
/* How a version's bytes are sealed (base/block_seal.h). The one kind that means something here: what has it is stored
 * with a tag behind each block, while every size that is shown is that of the plain bytes. It comes with a write, can
 * be replaced, and is neither added nor removed later. */
#define META_ATTRIBUTE_SEALED 6
/* What is kept here of the version itself (meta/own_attribute.h): of no meaning to anybody else, who neither gives nor
 * changes it. What a writer gives of it, because it copied it, is dropped. */
#define META_ATTRIBUTE_OWN 7

struct meta_attribute {
    uint8_t kind; /* 1 to META_ATTRIBUTE_KIND_MAX; stored, so it is never given to another one */
    struct bytes document;
};

/* A document's span points into the packed form. NOT_FOUND. */
enum status meta_attribute_find(struct bytes attributes, uint8_t kind, struct bytes *document);
bool meta_attributes_sealed(struct bytes attributes);
/* Its document; data NULL when it has none. */
struct bytes meta_attributes_seal(struct bytes attributes);
/* Appends those of `attributes` (empty: none) with the changes made to them; a document with data NULL removes its
 * kind. LIMIT beyond META_ATTRIBUTES_BYTES_MAX. */
enum status meta_attributes_pack(struct bytes attributes, const struct meta_attribute *changes, size_t count,
                                 struct buffer *out);
/* CORRUPT unless it is such a form. */
enum status meta_attributes_check(struct bytes attributes);

#endif
