/* The gateway's disk in the world of sim.h: databases in memory (meta/store_memory.h) by their paths, below the real
 * code that opens, closes and renames them. A sync takes its time; a power failure takes what was not synced, or leaves
 * it. */
#ifndef TERCET_TESTS_MODEL_DISK_IN_SIM_H
#define TERCET_TESTS_MODEL_DISK_IN_SIM_H

#include <stdbool.h>

#include "meta/store.h"

void disk_power_failure(void);                   /* once nothing of the gateway runs */
void disk_replace(void);                         /* an empty one is in its place */
struct meta_store *disk_store(const char *path); /* NULL: there is none */

extern bool disk_lies; /* a broken build: a sync says that it is done before it is */

#endif
