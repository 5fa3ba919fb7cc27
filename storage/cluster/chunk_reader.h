/* Reads a part of one chunk from whichever replica gives it. Every block is verified against the chunk's recorded
 * checksum before it is handed out; when a replica fails, the next one goes on from the first block not handed out. */
#ifndef TERCET_STORAGE_CLUSTER_CHUNK_READER_H
#define TERCET_STORAGE_CLUSTER_CHUNK_READER_H

#include "storage/cluster/cluster_state.h"

struct chunk_reader;

/* Asks the first replica at once and does not wait for it. In a task, which all further calls must come from. The part
 * must lie within the chunk: STATUS_CORRUPT for a record that cannot be true. */
enum status chunk_reader_open(struct cluster *cluster, const struct chunk_ref *ref, uint32_t offset, uint32_t len,
                              struct chunk_reader **reader);
/* The next verified bytes, valid until the next call; len 0 at the end. Suspends. STATUS_UNAVAILABLE when replicas may
 * exist but none answers; STATUS_CORRUPT when all are missing or damaged. */
enum status chunk_reader_next(struct chunk_reader *reader, struct bytes *out);
uint64_t chunk_reader_remaining(const struct chunk_reader *reader); /* bytes not handed out yet */
void chunk_reader_free(struct chunk_reader *reader);

#endif
