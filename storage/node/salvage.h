/* Takes the small chunks that can still be read out of databases that were set aside (set_aside.h) back into service:
 * each proves itself by its checksums, so that what is damaged stays where it is, and damage costs no more chunks than
 * it hit, also when it is on several nodes at once. A thread of its own does it while the node serves. What has been
 * through is marked by a file in it, and not looked at again. */
#ifndef TERCET_STORAGE_NODE_SALVAGE_H
#define TERCET_STORAGE_NODE_SALVAGE_H

#include "storage/node/chunk_store.h"

struct salvage;

/* NULL when there is nothing to do. */
struct salvage *salvage_start(struct chunk_store *store);
void salvage_stop(struct salvage *salvage); /* before the store is closed; NULL is fine */
/* The same in the caller's thread, to its end. Blocks. */
void salvage_all(struct chunk_store *store);

#endif
