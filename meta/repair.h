/* The repair queue's walk: where meta_repair_next goes on. */
#ifndef TERCET_META_REPAIR_H
#define TERCET_META_REPAIR_H

#include <pthread.h>

#include "base/chunk.h"
#include "meta/history.h"

struct repair_walk {
    pthread_mutex_t lock; /* never held across a suspension */
    /* under lock: per number of copies, the id behind which the walk goes on; zero at the beginning */
    struct chunk_id position[CHUNK_COPIES];
};
void repair_walk_init(struct repair_walk *walk);
void repair_walk_release(struct repair_walk *walk);

/* Of chunks that were carried: corrects their rows, in a commit of its own. What is recorded no more is passed over. */
enum status repair_replace(struct meta *meta, const struct chunk_list *chunks, const struct meta_short *missing);

#endif
