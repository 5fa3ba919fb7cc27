/* Keys in locked memory; see the header. Entry i has key i. The keys are apart from the rest, so that little memory is
 * locked. */
#include "gateway/keys/key_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/lock.h"

enum state { FREE, ASKED, THERE };

struct kept_key {
    enum state state;
    uint8_t digest[SHA256_LEN]; /* of the sealed text */
    uint64_t opened_ms, used_ms, given_ms;
    struct key_cache_entry text;
};

struct key_cache {
    size_t count, bytes;
    uint64_t life_ms;
    pthread_mutex_t lock; /* guards all that follows */
    struct kept_key *entries;
    uint64_t *tags; /* the first bytes of each entry's digest, beside each other: they are looked through */
    struct seal_key *keys;
};

struct key_cache *key_cache_create(size_t keys, uint64_t life_ms, bool *locked)
{
    struct key_cache *cache = mem_zalloc(sizeof(*cache));
    void *memory;

    cache->count = keys;
    cache->life_ms = life_ms;
    cache->entries = mem_zalloc(keys * sizeof(*cache->entries));
    cache->tags = mem_zalloc(keys * sizeof(*cache->tags));
    cache->bytes = keys * sizeof(*cache->keys);
    memory = mmap(NULL, cache->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    cache->keys = memory;
    *locked = mlock(memory, cache->bytes) == 0;
    madvise(memory, cache->bytes, MADV_DONTDUMP);
    madvise(memory, cache->bytes, MADV_WIPEONFORK);
    CHECK(pthread_mutex_init(&cache->lock, NULL) == 0);
    return cache;
}

void key_cache_free(struct key_cache *cache)
{
    if (!cache)
        return;
    explicit_bzero(cache->keys, cache->bytes);
    munmap(cache->keys, cache->bytes);
    pthread_mutex_destroy(&cache->lock);
    free(cache->entries);
    free(cache->tags);
    free(cache);
}

static void clear_locked(struct key_cache *cache, struct kept_key *entry)
{
    explicit_bzero(&cache->keys[entry - cache->entries], sizeof(*cache->keys));
    *entry = (struct kept_key){0};
}

static bool is_old(const struct key_cache *cache, const struct kept_key *entry, uint64_t now_ms)
{
    return entry->state == THERE && now_ms - entry->opened_ms >= cache->life_ms;
}

static struct kept_key *find_locked(struct key_cache *cache, struct bytes sealed)
{
    uint8_t digest[SHA256_LEN];

    sha256_of(sealed.data, sealed.len, digest);
    uint64_t tag = get_u64(digest);
    for (size_t i = 0; i < cache->count; i++)
        if (cache->tags[i] == tag && cache->entries[i].state != FREE &&
            memcmp(cache->entries[i].digest, digest, sizeof(digest)) == 0)
            return &cache->entries[i];
    return NULL;
}

/* A free entry, or that of the key that was not used for the longest time. NULL: there is none. */
static struct kept_key *take_locked(struct key_cache *cache, struct bytes name, struct bytes sealed)
{
    struct kept_key *taken = NULL;

    for (size_t i = 0; i < cache->count && (!taken || taken->state != FREE); i++) {
        struct kept_key *entry = &cache->entries[i];
        if (entry->state == FREE || (entry->state == THERE && (!taken || entry->used_ms < taken->used_ms)))
            taken = entry;
    }
    if (!taken)
        return NULL;
    CHECK(name.len < sizeof(taken->text.name));
    CHECK(sealed.len < sizeof(taken->text.sealed));
    clear_locked(cache, taken);
    sha256_of(sealed.data, sealed.len, taken->digest);
    cache->tags[taken - cache->entries] = get_u64(taken->digest);
    memcpy(taken->text.name, name.data, name.len);
    memcpy(taken->text.sealed, sealed.data, sealed.len);
    return taken;
}

enum key_cache_result key_cache_get(struct key_cache *cache, struct bytes name, struct bytes sealed, uint64_t now_ms,
                                    struct seal_key *key)
{
    enum key_cache_result result = KEY_CACHE_HIT;

    lock_acquire(&cache->lock);
    struct kept_key *entry = find_locked(cache, sealed);
    if (entry && is_old(cache, entry, now_ms)) {
        clear_locked(cache, entry);
        entry = NULL;
    }
    if (!entry) {
        entry = take_locked(cache, name, sealed);
        result = entry ? KEY_CACHE_ASK : KEY_CACHE_FULL;
        if (entry)
            entry->state = ASKED;
    } else if (entry->state == ASKED) {
        result = KEY_CACHE_WAIT;
    } else {
        *key = cache->keys[entry - cache->entries];
        entry->used_ms = now_ms;
    }
    lock_release(&cache->lock);
    return result;
}

void key_cache_put(struct key_cache *cache, struct bytes name, struct bytes sealed, uint64_t now_ms,
                   const struct seal_key *key)
{
    lock_acquire(&cache->lock);
    struct kept_key *entry = find_locked(cache, sealed);
    bool known = entry != NULL;
    if (!known)
        entry = take_locked(cache, name, sealed);
    if (entry) {
        cache->keys[entry - cache->entries] = *key;
        if (!known || entry->state == ASKED)
            entry->used_ms = now_ms;
        entry->state = THERE;
        entry->opened_ms = now_ms;
    }
    lock_release(&cache->lock);
}

void key_cache_fail(struct key_cache *cache, struct bytes sealed)
{
    lock_acquire(&cache->lock);
    struct kept_key *entry = find_locked(cache, sealed);
    if (entry && entry->state == ASKED)
        clear_locked(cache, entry);
    lock_release(&cache->lock);
}

static bool is_due(const struct key_cache *cache, const struct kept_key *entry, uint64_t now_ms)
{
    uint64_t half_ms = cache->life_ms / 2;

    return entry->state == THERE && now_ms - entry->opened_ms >= half_ms && entry->used_ms >= entry->opened_ms &&
           (!entry->given_ms || now_ms - entry->given_ms >= half_ms / 4);
}

size_t key_cache_due(struct key_cache *cache, uint64_t now_ms, struct key_cache_entry *due, size_t capacity)
{
    size_t count = 0;

    lock_acquire(&cache->lock);
    for (size_t i = 0; i < cache->count && count < capacity; i++) {
        struct kept_key *entry = &cache->entries[i];
        if (!is_due(cache, entry, now_ms) || (count > 0 && strcmp(due[0].name, entry->text.name) != 0))
            continue;
        entry->given_ms = now_ms;
        due[count++] = entry->text;
    }
    lock_release(&cache->lock);
    return count;
}

size_t key_cache_expire(struct key_cache *cache, uint64_t now_ms)
{
    size_t left = 0;

    lock_acquire(&cache->lock);
    for (size_t i = 0; i < cache->count; i++) {
        struct kept_key *entry = &cache->entries[i];
        if (is_old(cache, entry, now_ms))
            clear_locked(cache, entry);
        left += entry->state == THERE;
    }
    lock_release(&cache->lock);
    return left;
}
