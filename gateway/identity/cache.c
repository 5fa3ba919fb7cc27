/* A table by access key or role, and a ring in the order of use; see the header. Whatever leaves it is released after
 * the lock, since its policies may be many. */
#include "gateway/identity/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/lock.h"

#define SLOTS 16384 /* of the table; a power of two */

struct entry {
    struct identity *identity;
    struct entry *in_slot;       /* the next one of its slot */
    struct entry *newer, *older; /* in the ring */
};

struct identity_cache {
    pthread_mutex_t lock; /* never held across a suspension; guards all that follows */
    uint64_t bytes_max;
    struct policy_pool *policies; /* with a lock of its own */
    struct identity_cache_figures figures;
    struct entry ring; /* newer: the one used longest ago; older: the one used last */
    struct entry *slots[SLOTS];
};

struct identity_cache *identity_cache_create(uint64_t bytes_max)
{
    struct identity_cache *cache = mem_zalloc(sizeof(*cache));

    pthread_mutex_init(&cache->lock, NULL);
    cache->bytes_max = bytes_max;
    cache->policies = policy_pool_create();
    cache->ring.newer = cache->ring.older = &cache->ring;
    return cache;
}

/* Only keys and roles that exist come in here, made by who may make them: no need for a keyed hash. */
static struct entry **slot_of(struct identity_cache *cache, struct bytes name)
{
    uint64_t hash = 14695981039346656037ull;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)name.data[i]) * 1099511628211ull;
    return &cache->slots[(hash ^ hash >> 32) % SLOTS];
}

static struct entry **find_locked(struct identity_cache *cache, struct bytes name)
{
    struct entry **link = slot_of(cache, name);

    while (*link && !bytes_equal_str(name, (*link)->identity->cached_as))
        link = &(*link)->in_slot;
    return link;
}

static void ring_remove(struct entry *entry)
{
    entry->newer->older = entry->older;
    entry->older->newer = entry->newer;
}

static void ring_add_newest(struct identity_cache *cache, struct entry *entry)
{
    entry->older = cache->ring.older;
    entry->newer = &cache->ring;
    entry->older->newer = entry;
    cache->ring.older = entry;
}

/* Takes it out, and puts it on a list of what is to be freed. */
static void remove_locked(struct identity_cache *cache, struct entry **link, struct entry **gone)
{
    struct entry *entry = *link;

    *link = entry->in_slot;
    ring_remove(entry);
    cache->figures.entries--;
    cache->figures.bytes -= entry->identity->cost;
    entry->in_slot = *gone;
    *gone = entry;
}

static void free_entries(struct entry *entry)
{
    while (entry) {
        struct entry *next = entry->in_slot;
        identity_release(entry->identity);
        free(entry);
        entry = next;
    }
}

struct identity *identity_cache_get(struct identity_cache *cache, struct bytes name, uint64_t generation)
{
    struct identity *identity = NULL;

    lock_acquire(&cache->lock);
    struct entry **link = find_locked(cache, name);
    if (*link && (*link)->identity->generation == generation) {
        identity = (*link)->identity;
        atomic_fetch_add(&identity->references, 1);
        ring_remove(*link);
        ring_add_newest(cache, *link);
    } else {
        cache->figures.read++;
    }
    lock_release(&cache->lock);
    return identity;
}

/* One that is too much, if there is; freed before the next is looked for, since that may free its policies. */
static bool remove_oldest(struct identity_cache *cache)
{
    uint64_t policy_bytes = policy_pool_bytes(cache->policies);
    struct entry *gone = NULL;

    lock_acquire(&cache->lock);
    if (cache->figures.entries > 0 && cache->figures.bytes + policy_bytes > cache->bytes_max)
        remove_locked(cache, find_locked(cache, bytes_from_str(cache->ring.newer->identity->cached_as)), &gone);
    lock_release(&cache->lock);
    bool removed = gone != NULL;
    free_entries(gone);
    return removed;
}

void identity_cache_put(struct identity_cache *cache, struct identity *identity)
{
    struct bytes name = bytes_from_str(identity->cached_as);
    struct entry *gone = NULL, *entry;

    entry = mem_zalloc(sizeof(*entry));
    entry->identity = identity;
    atomic_fetch_add(&identity->references, 1);
    lock_acquire(&cache->lock);
    struct entry **link = find_locked(cache, name);
    if (*link)
        remove_locked(cache, link, &gone);
    link = slot_of(cache, name);
    entry->in_slot = *link;
    *link = entry;
    ring_add_newest(cache, entry);
    cache->figures.entries++;
    cache->figures.bytes += identity->cost;
    lock_release(&cache->lock);
    free_entries(gone);
    while (remove_oldest(cache))
        ;
}

struct policy_pool *identity_cache_policies(struct identity_cache *cache)
{
    return cache->policies;
}

struct identity_cache_figures identity_cache_figures(struct identity_cache *cache)
{
    lock_acquire(&cache->lock);
    struct identity_cache_figures figures = cache->figures;
    lock_release(&cache->lock);
    figures.policy_bytes = policy_pool_bytes(cache->policies);
    return figures;
}

void identity_cache_free(struct identity_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        free_entries(cache->slots[i]);
    policy_pool_free(cache->policies);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}
