/* The history as meta.c and commit.c use it; see history.c. */
#ifndef TERCET_META_HISTORY_INTERNAL_H
#define TERCET_META_HISTORY_INTERNAL_H

#include "meta/db.h"
#include "meta/history.h"

struct history {
    uint64_t epoch;
    uint64_t base;                              /* a change's sequence is RocksDB's plus this */
    int64_t restored_ms;                        /* wall clock: when this database was made from a replica; 0 never */
    const struct meta_replication *replication; /* NULL: none */
};

/* Reads the history's row, or begins a history. */
enum status history_open(struct history *history, struct db *db);
/* Where an open database is. DENIED when it is another cluster's. */
enum status history_position(struct db *db, const uint8_t *cluster_id, struct meta_position *position);
/* Hands a group that was written just now to the replicas; returns the sequence to wait for. */
uint64_t history_ship(const struct history *history, struct db *db, const struct db_batch *batch);

#endif
