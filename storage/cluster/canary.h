/* The probe of a breaker that is not closed: a small chunk is written to the node, read back and deleted. */
#ifndef TERCET_STORAGE_CLUSTER_CANARY_H
#define TERCET_STORAGE_CLUSTER_CANARY_H

#include "storage/cluster/cluster_internal.h"

/* NULL when the node passed, else what was wrong (a literal). A node that says it is full (507) passed, too: it
 * answers, and stays out of placement by itself. Suspends, for step_ms at most in each of three steps. */
const char *canary_send(struct cluster *cluster, struct node *node, uint64_t step_ms);

#endif
