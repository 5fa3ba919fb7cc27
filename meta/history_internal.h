/* The history as meta.c and commit.c use it; see history.c. */
#ifndef TERCET_META_HISTORY_INTERNAL_H
#define TERCET_META_HISTORY_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "meta/db.h"
#include "meta/history.h"

struct history {
    struct db *db;
    uint64_t base;                              /* a change's sequence is RocksDB's plus this */
    uint64_t log_first;                         /* before it the log does not hold the history */
    int64_t restored_ms;                        /* wall clock: when this database was made from a replica; 0 never */
    const struct meta_replication *replication; /* NULL: none */
    bool begun;                                 /* the committer's: this process has begun its epoch; */
    struct lineage next;                        /* until then, what it will begin with */
    pthread_mutex_t lock;                       /* held while an epoch begins, so that none sees half of it */
    struct lineage lineage;                     /* under lock; the committer, who alone changes it, reads it without */
};

/* Reads the history's row, or begins a history. */
enum status history_open(struct history *history, struct db *db);
void history_close(struct history *history); /* of one that was opened */
/* Where an open database is. DENIED when it is another cluster's. */
enum status history_position(struct db *db, const uint8_t *cluster_id, struct meta_position *position,
                             struct lineage *lineage);
/* With the first group of a process its epoch begins: prepare a batch before it is written (db_write). The committer's;
 * a batch that could not be written may be written again. */
void history_prepare(struct history *history, struct db_batch *batch);
enum status history_write(struct history *history, struct db_batch *batch);
/* Of the last change that is in the database. */
uint64_t history_last(const struct history *history);
/* Hands a group that was written just now to the replicas; returns the sequence to wait for. */
uint64_t history_ship(const struct history *history, const struct db_batch *batch);

#endif
