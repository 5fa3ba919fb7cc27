/* The records of the last commits, kept in memory for the nodes that follow closely. Consecutive: each begins where the
 * one before ended. Not locked: its owner does that. */
#ifndef TERCET_GATEWAY_RECORD_RING_H
#define TERCET_GATEWAY_RECORD_RING_H

#include <stdint.h>

#include "base/bytes.h"
#include "gateway/replication/hand_on.h"

#define RECORD_RING_RECORDS    1024
#define RECORD_RING_BYTES_MAX  (32u << 20)
#define RECORD_RING_BYTES_KEPT (4u << 20) /* of records that nobody is known to need */

struct record_ring_record {
    struct buffer data; /* the block of what it carries, if it does, and the record */
    size_t block_len;
    struct carried_set carried; /* count 0: it carries nothing */
    uint64_t first, last;
};

struct record_ring {
    struct record_ring_record records[RECORD_RING_RECORDS];
    uint64_t head, tail; /* records [head, tail), modulo RECORD_RING_RECORDS */
    size_t bytes;
};

/* Takes the record, which may begin with a carried block; older ones leave when the ring is full, all of them when it
 * does not follow the last one. An empty record stands for one that cannot be kept. */
void record_ring_add(struct record_ring *ring, struct buffer *take_record, uint64_t first, uint64_t last);
void record_ring_clear(struct record_ring *ring);
/* Whoever follows has what is up to that sequence: such records leave beyond RECORD_RING_BYTES_KEPT. */
void record_ring_pass(struct record_ring *ring, uint64_t sequence);
/* Appends the records from that sequence on as the rule has it, until `out` holds bytes_wanted: at least one, unless
 * the first is handed on later. rule NULL: whole. NOT_FOUND when the ring has none that begins there. */
enum status record_ring_copy(const struct record_ring *ring, uint64_t from, size_t bytes_wanted,
                             const struct hand_on *rule, struct buffer *out);

#endif
