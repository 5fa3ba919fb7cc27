/* The history as meta.c and commit.c use it; see history.c. */
#ifndef TERCET_META_HISTORY_INTERNAL_H
#define TERCET_META_HISTORY_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "meta/store.h"
#include "meta/history.h"

#define HISTORY_KEY BYTES("history") /* its row, in STORE_DEFAULT */

struct history {
    struct meta_store *db;
    uint64_t log_first;                         /* before it the log does not hold the history */
    int64_t restored_ms;                        /* wall clock: when this database was made from a replica; 0 never */
    const struct meta_replication *replication; /* NULL: none */
    bool begun;                                 /* the committer's: this process has begun its epoch; */
    struct lineage next;                        /* until then, what it will begin with */
    pthread_mutex_t group_lock; /* held from the append of a group to the end of its sync; before the next one */
    pthread_mutex_t lock;       /* held while an epoch begins, so that none sees half of it */
    struct lineage lineage;     /* under lock; the committer, who alone changes it, reads it without */
};

/* Reads the history's row, or begins a history. */
enum status history_open(struct history *history, struct meta_store *db);
void history_close(struct history *history); /* of one that was opened */
/* Where an open database is. DENIED when it is another cluster's. */
enum status history_position(struct meta_store *db, const uint8_t *cluster_id, struct meta_position *position,
                             struct lineage *lineage);
/* The lineage that such a row says. */
enum status history_row_lineage(struct bytes row, struct lineage *lineage);
/* With the first group of a process its epoch begins: prepare a batch before it is written (history_append). The
 * committer's; a batch that could not be written may be written again. */
void history_prepare(struct history *history, struct store_batch *batch);
/* As store_append. seen: where the database was when the batch was begun. CONFLICT: another writer came between. */
enum status history_append(struct history *history, struct store_batch *batch, uint64_t seen);
/* Of the last change that is in the database. */
uint64_t history_last(const struct history *history);
/* Hands a group that was appended just now to the replicas, with the block of chunks that it carries to these nodes (an
 * empty one: none); returns the sequence to wait for, 0 without replicas. */
uint64_t history_ship(const struct history *history, const struct store_batch *batch, struct buffer *take_block,
                      const struct carried_set *nodes);

#endif
