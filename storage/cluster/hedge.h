/* Hedged reads: when a replica has brought nothing in the time in which its node nearly always has, a second one is
 * asked for the same, and the first of them to bring verified bytes goes on. So one node that hesitates costs a read
 * some milliseconds instead of the stall time.
 *
 * At most hedge_percent of the reads may do that, a few more in a burst: a cluster that is slow because it is
 * overloaded is not loaded further. Everything here is safe on any thread and waits for nothing. */
#ifndef TERCET_STORAGE_CLUSTER_HEDGE_H
#define TERCET_STORAGE_CLUSTER_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/cluster/cluster_internal.h"

/* The first bytes of an answer came after first_us; for one that was overtaken, so much and more. */
void hedge_learn(struct node *node, uint64_t first_us);
/* How long to wait for the node's first bytes before another is asked: about the 95th percentile, within bounds. */
uint64_t hedge_delay_ms(const struct cluster *cluster, const struct node *node);
/* Are the node's first bytes far slower than the other's, as far as is known of late? */
bool hedge_is_slower(const struct node *node, const struct node *other);

void hedge_earn(struct cluster *cluster);  /* a read begins */
bool hedge_spend(struct cluster *cluster); /* may one be hedged? */

#endif
