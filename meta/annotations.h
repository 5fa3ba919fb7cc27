/* Annotations: named texts beside a version of an object, which come, change and go without it, and are gone with it.
 * Their bytes are chunks like any others; here are their names and where they are. A version without any costs nothing:
 * that it has some stands in its row (META_ATTRIBUTE_OWN), each is a row of its own (`annotations`), and those of a
 * version that goes are one row of garbage, whatever their number. They count in the bytes of their bucket. */
#ifndef TERCET_META_ANNOTATIONS_H
#define TERCET_META_ANNOTATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meta/meta.h"

#define META_ANNOTATIONS_MAX      1000 /* of a version */
#define META_ANNOTATION_NAME_MAX  512  /* bytes; what a name may be made of is the upper layer's */
#define META_ANNOTATION_BYTES_MAX (1u << 20)

struct meta_annotation {
    /* given by the writer */
    struct bytes name;
    uint64_t size;
    uint8_t md5[MD5_LEN];
    struct meta_checksum checksum;
    struct block_seal_id seal; /* sealed as the object is, by its attributes: a stream of its own */
    /* given by meta */
    uint64_t sequence;
    int64_t modified_ms;
};

/* What a version has of them, by its attributes. */
struct meta_annotation_sum {
    uint32_t count;
    uint64_t bytes, changed; /* changed: the sequence of the last change, 0 when there never was one */
};
struct meta_annotation_sum meta_annotations_of(const struct meta_object *object);

/* The version that a change is for. */
struct meta_annotated {
    uint32_t bucket;
    struct bytes key;
    struct meta_version version;
    uint64_t sequence; /* of the version that is meant: PRECONDITION when another is addressed by now */
    uint32_t permits;  /* what the guard is told when an annotation goes, as of a version that is removed */
    const struct meta_outbox_entry *outbox; /* as of meta_object */
};
/* Adds it, or replaces the one of that name, whose chunks go to GC. The chunks are as those of meta_object_put. Fills
 * what is given by meta. NOT_FOUND: no such version. PRECONDITION. EXISTS: there are META_ANNOTATIONS_MAX others.
 * CONFLICT, DENIED: the guard (guard.h) lets the one before stay. INVALID: a delete marker; a name or a size out of
 * bounds; not sealed as the object is. On any error the caller frees the chunks on the nodes. */
enum status meta_annotation_put(struct meta *meta, const struct meta_annotated *where,
                                struct meta_annotation *annotation, const struct chunk_list *chunks);
/* That there is none of that name is no error; *removed says whether there was. The rest as above. */
enum status meta_annotation_delete(struct meta *meta, const struct meta_annotated *where, struct bytes name,
                                   bool *removed);

/* One of a version's, which is from meta_object_get. `text` reads like an object: its bytes are the annotation's, its
 * attributes the version's, and it has no headers; to be released, and until then GC frees no chunk of it. The
 * annotation's name is the one given. NOT_FOUND: there is none, or the version is gone (*gone). */
enum status meta_annotation_get(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_object *version,
                                struct bytes name, struct meta_annotation *annotation, struct meta_object *text,
                                bool *gone);

struct meta_annotation_page {
    struct meta_annotation *entries; /* by name */
    size_t count;
    bool truncated; /* then the last entry is where the next page begins */
    void *storage;  /* private */
};
/* Those whose names begin with the prefix and come behind `after`, at most max and META_ANNOTATIONS_MAX, of a version
 * that is from meta_object_get. */
enum status meta_annotation_list(struct meta *meta, const struct meta_object *version, struct bytes prefix,
                                 struct bytes after, unsigned max, struct meta_annotation_page *page);
void meta_annotation_page_release(struct meta_annotation_page *page);

/* Those that a new object comes with (meta_object.annotations): committed with it. Their chunks are durable. */
struct meta_new_annotation {
    struct meta_annotation annotation;
    struct chunk_list chunks;
};
struct meta_new_annotations {
    const struct meta_new_annotation *entries;
    size_t count; /* at most META_ANNOTATIONS_MAX; names ascend */
};

#endif
