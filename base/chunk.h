/* What names a chunk: the one thing that storage (which holds chunks) and meta (which records them) must agree on.
 * A chunk id is unique for ever: never reused, never shared by two objects. */
#ifndef TERCET_BASE_CHUNK_H
#define TERCET_BASE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define CHUNK_ID_LEN      16
#define CHUNK_ID_TEXT_LEN 32          /* lower-case hex */
#define CHUNK_BYTES_MAX   (32u << 20) /* upper limit of the chunk size setting */
#define CHUNK_COPIES      3           /* wanted */
#define CHUNK_COPIES_MIN  2           /* accepted when no more nodes are writable */
#define CHUNK_COPIES_MAX  4           /* recorded at most */

struct chunk_id {
    uint8_t bytes[CHUNK_ID_LEN]; /* 48 bits of wall-clock milliseconds, 80 random bits */
};

/* A chunk and where its copies are. Node numbers are 1-255 and never change their meaning within a cluster. */
struct chunk_ref {
    struct chunk_id id;
    uint32_t size;   /* payload bytes, at least 1 */
    uint32_t crc32c; /* of the payload */
    uint8_t copies;
    uint8_t nodes[CHUNK_COPIES_MAX];
};

/* A growing list of chunks, in the order of their bytes. Zero-initialise; release frees. */
struct chunk_list {
    struct chunk_ref *refs;
    size_t count, capacity;
    /* The bytes of all of them, one behind the other, of chunks that are to be stored with the commit that records
     * them: their refs have no copies yet. NULL: the refs say where the copies are. Not the list's. */
    const char *carried;
};

void chunk_id_create(struct chunk_id *id);
int64_t chunk_id_time_ms(const struct chunk_id *id); /* wall clock of whoever created it */
void chunk_id_format(const struct chunk_id *id, char out[CHUNK_ID_TEXT_LEN + 1]);
enum status chunk_id_parse(struct bytes text, struct chunk_id *id); /* lower-case hex only */
void chunk_list_append(struct chunk_list *list, const struct chunk_ref *ref);
void chunk_list_release(struct chunk_list *list);

#endif
