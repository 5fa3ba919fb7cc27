/* Reads a part of one chunk from whichever replica gives it. Every block is verified against the chunk's recorded
 * checksum before it is handed out; when a replica fails, the next one goes on from the first block not handed out. */
#ifndef TERCET_STORAGE_CLUSTER_REPLICA_READER_H
#define TERCET_STORAGE_CLUSTER_REPLICA_READER_H

#include "storage/cluster/cluster_internal.h"

struct replica_reader;

/* Asks the first replica at once and does not wait for it. In a task, which all further calls must come from. The part
 * must lie within the chunk: STATUS_CORRUPT for a record that cannot be true. */
enum status replica_reader_open(struct cluster *cluster, const struct chunk_ref *ref, uint32_t offset, uint32_t len,
                                struct replica_reader **reader);
/* The next verified bytes, valid until the next call; len 0 at the end. Suspends. STATUS_UNAVAILABLE when replicas may
 * exist but none answers; STATUS_CORRUPT when all are missing or damaged. */
enum status replica_reader_next(struct replica_reader *reader, struct bytes *out);
uint64_t replica_reader_remaining(const struct replica_reader *reader); /* bytes not handed out yet */
void replica_reader_free(struct replica_reader *reader);

#endif
