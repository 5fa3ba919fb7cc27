/* Four nodes and the network to them in the world of sim.h: storage/cluster/meta_link.h and what of cluster.h and
 * carriers.h the replication asks for, without sockets and processes. A request is delayed, lost, repeated or
 * overtaken, and so is its answer; it reaches the node also when who sent it is gone. A node keeps a log as its
 * database does: records and chunks of a request in one entry, answered when that is synced; a crash takes what was
 * not, from the end.
 *
 * What a node takes and refuses are the rules of storage/node/meta_replica.c once more. */
#ifndef TERCET_TESTS_MODEL_NODES_IN_SIM_H
#define TERCET_TESTS_MODEL_NODES_IN_SIM_H

#include "base/chunk.h"
#include "meta/store.h"
#include "storage/cluster/cluster.h"

#define NODES 4

struct cluster *nodes_create(void);

/* ---- what happens to them ---------------------------------------------------------------------------------------- */
void node_crash(unsigned index);             /* down, without what was not synced */
void node_restart(unsigned index);           /* up, if it was down */
void nodes_power_failure(void);              /* all crash at once, and what was on its way is gone; they are up again */
void node_cut_off(unsigned index, bool cut); /* it runs, and no message comes through */
void node_slow(unsigned index, bool slow);
/* No room for chunks, but for so many that were under way. The gateway learns it from the next answer, or late. */
void node_full(unsigned index, unsigned reserve);
void node_emptied(unsigned index); /* it has room again */
void nodes_heal(void);             /* all are up, quick and can be reached, and the network loses nothing */
unsigned nodes_away(void);         /* how many are down or cut off */

/* ---- what they hold durably -------------------------------------------------------------------------------------- */
uint64_t node_sequence(unsigned index);
bool node_has_chunk(unsigned index, const struct chunk_id *id);
/* The rows of its replica are those of the store, and no others. */
bool node_equals(unsigned index, struct meta_store *store);

extern bool node_applies_twice;     /* a broken build: a record that was applied is applied again */
extern bool node_keeps_its_reserve; /* a broken build: a full node takes nothing of what was under way */

#endif
