/* Appending to objects, and joining what was appended; for buckets that keep no versions. Strings and chunks belong to
 * the caller until the functions return. */
#ifndef TERCET_META_APPEND_H
#define TERCET_META_APPEND_H

#include "meta/meta.h"

/* Bytes that are appended to an object of a bucket that keeps no versions. It is another version of its key then, which
 * keeps all that it has but its ETag, checksum and times. */
struct meta_append {
    uint64_t sequence; /* of the version that is meant */
    uint64_t size;     /* plain bytes that are appended: not 0 */
    /* Plain bytes of the last piece, which the chunks hold before these and take the place of; 0: none. */
    uint64_t joined;
    struct block_seal_id seal; /* of the stream that the chunks are; sealed as the object is */
    struct bytes sealed;       /* the attribute META_ATTRIBUTE_SEALED of an empty object, with another identity */
    struct bytes sealed_was;   /* what was read there: the rotation of keys may have changed it since */
    uint8_t etag_md5[MD5_LEN]; /* of the object that it becomes */
    uint32_t etag_parts;
    struct meta_checksum checksum;
    const struct meta_condition *condition; /* about the object as it is; NULL: none */
    const struct meta_outbox_entry *outbox; /* as of meta_object */
};
/* As meta_object_put. NOT_FOUND: no such bucket or object; INVALID: the bucket keeps versions; CONFLICT: the object is
 * another one by now; LIMIT: it has too many pieces; DENIED: the guard lets it stay as it is. *object is what it is
 * then, without headers and attributes: nothing to release. */
enum status meta_object_append(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_append *append,
                               const struct chunk_list *chunks, struct meta_object *object);

/* Pieces in which bytes were appended: of a sealed object each append, of another one each chunk. */
#define META_PIECE_APPENDED 65536      /* a last piece below that may be joined with what is appended next */
#define META_PIECE_SMALL    (4u << 20) /* those below that are joined in the background */
#define META_PIECE_COUNTED  (1u << 20) /* those below that are at most META_PIECES_MAX; of a sealed object, all */
#define META_PIECES_MAX     META_PART_MAX
#define META_JOIN_BYTES_MAX (8u << 20) /* of what is joined at once, as it is stored */
struct meta_pieces {
    uint32_t count; /* of those that are bounded */
    uint32_t small; /* that joining is for */
    uint64_t last;  /* plain bytes of the last one */
};
/* False: nothing was appended. The object is from meta_object_get. Does not suspend. */
bool meta_object_pieces(const struct meta_object *object, struct meta_pieces *pieces);

/* Small pieces that stand side by side, to be stored as one. */
struct meta_join {
    uint64_t offset, size; /* plain bytes of the object */
    uint32_t pieces, chunks;
    const char *run;           /* private; the object's */
    struct block_seal_id seal; /* given by the caller: of the stream that they become; sealed as the object is */
};
/* The first pieces that have size_min bytes together, or are pieces_min; false: there are none. */
bool meta_object_joinable(const struct meta_object *object, uint64_t size_min, uint32_t pieces_min,
                          struct meta_join *join);
/* The object's bytes are in these chunks from now on, which hold what the pieces held; the pieces are queued for GC.
 * The object that the join was found in must be held until then. CONFLICT: the pieces are no longer there; LIMIT: these
 * are not half as many chunks, so that joining them again and again comes to an end. NOT_FOUND.
 */
enum status meta_object_join(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_join *join,
                             const struct chunk_list *chunks);

#endif
