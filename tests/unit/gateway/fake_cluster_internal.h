/* What fake_cluster.c and fake_streams.c share: nodes as shelves of copies, each sorted by id, below one lock. */
#ifndef TERCET_TESTS_FAKE_CLUSTER_INTERNAL_H
#define TERCET_TESTS_FAKE_CLUSTER_INTERNAL_H

#include <pthread.h>

#include "tests/unit/gateway/fake_cluster.h"

#define FAKE_LIVE_MAX 4096

struct fake_copy {
    struct chunk_id id;
    uint32_t size, crc32c;
    int64_t stored_ms;
    char *data; /* NULL: of no particular bytes */
    bool damaged;
};

struct fake_shelf {
    struct fake_copy *copies;
    size_t count, capacity;
};

struct node {
    struct fake_node fake;
    struct fake_shelf store, trash;
    uint64_t changes, down_since_ms;
    bool awaits_comparison;
};

struct cluster {
    pthread_mutex_t lock;
    unsigned count;
    uint64_t chunk_bytes;
    int64_t clocks_ahead_ms;
    bool bars_returning;
    cluster_damage_fn on_damage;
    void *damage_arg;
    struct chunk_id live[FAKE_LIVE_MAX]; /* of writers that are open */
    size_t live_count;
    struct node nodes[]; /* number - 1 */
};

void fake_lock(const struct cluster *cluster);
void fake_unlock(const struct cluster *cluster);
/* What becomes of a call on its way to the node. Suspends. */
enum status fake_reach(struct cluster *cluster, unsigned number, enum fake_call call);
struct fake_shelf *fake_store(struct cluster *cluster, unsigned number);
struct fake_shelf *fake_trash(struct cluster *cluster, unsigned number);
/* STATUS_NO_SPACE when so few nodes take chunks because others are full, else STATUS_UNAVAILABLE. */
enum status fake_too_few(const struct cluster *cluster, unsigned there);

/* Under the lock. */
struct fake_copy *fake_shelf_find(const struct fake_shelf *shelf, const struct chunk_id *id);
void fake_shelf_put(struct fake_shelf *shelf, const struct fake_copy *copy);
/* False: it was not there. The data go to the caller. */
bool fake_shelf_take(struct fake_shelf *shelf, const struct chunk_id *id, struct fake_copy *taken);
void fake_shelf_remove(struct fake_shelf *shelf, const struct chunk_id *id);
/* Those behind `after`, at most so many; returns how many. */
size_t fake_shelf_list(const struct fake_shelf *shelf, const struct chunk_id *after, size_t capacity,
                       struct cluster_copy *copies);

#endif
