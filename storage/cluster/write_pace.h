/* How long the nodes take for their durable answers, and which node is far slower than the others.
 *
 * Each node has a moving average: from the last byte of a copy to the answer. What is usual for a node is the median of
 * the OTHER nodes' averages, so a slow node cannot make itself look usual; and when all disks are busy, a second of
 * silence is no sign of a bad node, and nobody is singled out. */
#ifndef TERCET_STORAGE_CLUSTER_WRITE_PACE_H
#define TERCET_STORAGE_CLUSTER_WRITE_PACE_H

#include "storage/cluster/cluster_internal.h"

/* Silence for longer than this is a stall: 4 times what is usual, from stall_ms to node_timeout_ms. */
uint64_t write_pace_stall_ms(const struct cluster *cluster, const struct node *node);
/* Silence of a small chunk's copy for longer than this is worth a second try elsewhere: 4 times what is usual, at least
 * a tenth of stall_ms. */
uint64_t write_pace_late_ms(const struct cluster *cluster, const struct node *node);
/* An answer after more than this is a slow one: 3 times what is usual, at least half of stall_ms. */
uint64_t write_pace_slow_ms(const struct cluster *cluster, const struct node *node);

/* May the node be shut out for being slow? Only when enough others are good that every chunk still gets all copies. */
bool write_pace_can_spare(const struct cluster *cluster, const struct node *node);

/* The budget of second tries: one for HEDGE_PERCENT of the chunks begun, HEDGES_SAVED_MAX at once. */
#define HEDGE_PERCENT    5
#define HEDGES_SAVED_MAX 16
void write_pace_chunk_begins(struct cluster *cluster);
bool write_pace_hedge_granted(struct cluster *cluster); /* takes one */

/* A copy was answered after so long; or it was given up because it stalled. Both let a node's breaker know; whether
 * the stall is to be held against the node is returned. */
void write_pace_answered(struct cluster *cluster, struct node *node, uint64_t us);
bool write_pace_stalled(struct cluster *cluster, struct node *node);

#endif
