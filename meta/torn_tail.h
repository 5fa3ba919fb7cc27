/* A write-ahead log whose last record a power loss tore: it has its full length but not its bytes, so that RocksDB
 * takes it for damage in the middle and refuses to open (of a shorter one it sees that it is torn). Nobody can tell
 * from the log alone whether that record was acknowledged; the caller must find it out, before it is dropped, by
 * comparing the position that is left with the nodes' replicas.
 *
 * All of it blocks, and wants the database closed. */
#ifndef TERCET_META_TORN_TAIL_H
#define TERCET_META_TORN_TAIL_H

#include "meta/history.h"

#define TORN_TAIL_PATH_MAX 4096

struct torn_tail {
    char path[TORN_TAIL_PATH_MAX]; /* of the log */
    uint64_t offset, bytes;        /* what would be dropped */
    struct meta_position left;     /* where the database is without it, */
    struct lineage lineage;        /* and how it came there */
};

/* Looks without changing anything. CORRUPT when the newest log is not one whose only damage is its last record, that
 * is, when something else is damaged or when another record begins behind the damage. DENIED: another cluster's. */
enum status torn_tail_find(const char *path, const uint8_t *cluster_id, struct torn_tail *tail);
/* Cuts the record off and syncs. */
enum status torn_tail_drop(const struct torn_tail *tail);

#endif
