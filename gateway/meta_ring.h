/* The records of the last commits, kept in memory for the nodes that follow closely. Consecutive: each begins where the
 * one before ended. Not locked: its owner does that. */
#ifndef TERCET_GATEWAY_META_RING_H
#define TERCET_GATEWAY_META_RING_H

#include <stdint.h>

#include "base/bytes.h"

#define META_RING_RECORDS   1024
#define META_RING_BYTES_MAX (8u << 20)

struct meta_ring_record {
    struct buffer data;
    uint64_t first, last;
};

struct meta_ring {
    struct meta_ring_record records[META_RING_RECORDS];
    uint64_t head, tail; /* records [head, tail), modulo META_RING_RECORDS */
    size_t bytes;
};

/* Takes the record; older ones leave when the ring is full, all of them when it does not follow the last one. An empty
 * record stands for one that cannot be kept. */
void meta_ring_add(struct meta_ring *ring, struct buffer *take_record, uint64_t first, uint64_t last);
void meta_ring_clear(struct meta_ring *ring);
/* Appends the records from that sequence on, until `out` holds bytes_wanted: at least one. NOT_FOUND when the ring has
 * none that begins there. */
enum status meta_ring_copy(const struct meta_ring *ring, uint64_t from, size_t bytes_wanted, struct buffer *out);

#endif
