/* What was appended to an object, as a list of pieces: of a sealed object each piece is a stream in chunks of its own,
 * of another one each chunk is a piece. So a piece begins and ends with a chunk, and can be taken for another one. */
#ifndef TERCET_META_TAIL_H
#define TERCET_META_TAIL_H

#include "meta/records.h"

struct tail_piece {
    uint32_t chunk, chunks;  /* its first one in the tail, and how many */
    uint32_t stream;         /* of a sealed object */
    uint64_t plain, stored;  /* its bytes */
    uint64_t offset, before; /* of its first byte in the tail: plain, and stored */
};

/* A walk over the pieces of a tail, in order. */
struct tail_walk {
    const struct version_tail *tail;
    bool sealed;
    struct tail_piece next;
};
void tail_walk_begin(struct tail_walk *walk, const struct version_tail *tail, bool sealed);
/* False: there are no more. The tail is one that was decoded, so its chunks fill its streams. */
bool tail_walk_next(struct tail_walk *walk, struct tail_piece *piece);
/* The last piece; false: the tail is empty. */
bool tail_last(const struct version_tail *tail, bool sealed, struct tail_piece *last);

/* Puts other chunks in the place of some pieces. chunks and streams are buffers of record_buffer_init, which the result
 * points into. */
struct tail_change {
    uint32_t chunk, chunks;   /* that go, in the tail */
    uint32_t stream, streams; /* the same of a sealed object */
    struct packed_chunks with;
    const struct block_seal_id *seal; /* of the stream that `with` is; looked at when the object is sealed */
    uint64_t plain;                   /* bytes of `with` */
    uint64_t plain_gone;              /* bytes of what goes */
};
void tail_change(const struct version_tail *tail, bool sealed, const struct tail_change *change, struct buffer *chunks,
                 struct buffer *streams, struct version_tail *changed);

#endif
