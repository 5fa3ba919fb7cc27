/* The durability set: numbers for metrics, read on any thread. The counters themselves
 * change in chunk_rows.c, within the batch that changes the chunk's row, so they are as exact as the rows. A reader may
 * see the counters of two neighbouring commits mixed. */
#include "meta/internal.h"

void durability_publish(struct durability *durability, const struct meta_durability *committed)
{
    for (unsigned copies = 0; copies <= CHUNK_COPIES; copies++) {
        atomic_store(&durability->chunks[copies], committed->chunks[copies]);
        atomic_store(&durability->bytes[copies], committed->bytes[copies]);
    }
}

void meta_durability_get(struct meta *meta, struct meta_durability *out)
{
    for (unsigned copies = 0; copies <= CHUNK_COPIES; copies++) {
        out->chunks[copies] = atomic_load(&meta->durability.chunks[copies]);
        out->bytes[copies] = atomic_load(&meta->durability.bytes[copies]);
    }
}
