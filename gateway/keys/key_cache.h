/* Keys that a service opened for us, for a bounded time, by the text in which it keeps them sealed. Their memory is
 * locked (never swapped out, in no core dump), and wiped as soon as their time is over. Any thread; nothing suspends or
 * blocks. */
#ifndef TERCET_GATEWAY_KEY_CACHE_H
#define TERCET_GATEWAY_KEY_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/seal.h"

#define KEY_CACHE_SEALED_MAX 512

struct key_cache;

/* keys: as many at most. They live for so long after the service opened them. *locked: whether the memory could be
 * locked, which the system may refuse. */
struct key_cache *key_cache_create(size_t keys, uint64_t life_ms, bool *locked);
void key_cache_free(struct key_cache *cache); /* wipes all; NULL is nothing */

enum key_cache_result {
    KEY_CACHE_HIT,  /* the key is given; the caller wipes it */
    KEY_CACHE_ASK,  /* the caller has to ask the service, and then to call key_cache_put or key_cache_fail */
    KEY_CACHE_WAIT, /* somebody asks already: try again soon */
    KEY_CACHE_FULL, /* all places are of keys that are being asked for */
};
enum key_cache_result key_cache_get(struct key_cache *cache, struct bytes name, struct bytes sealed, uint64_t now_ms,
                                    struct seal_key *key);
/* Opened now, also without having been asked for. */
void key_cache_put(struct key_cache *cache, struct bytes name, struct bytes sealed, uint64_t now_ms,
                   const struct seal_key *key);
void key_cache_fail(struct key_cache *cache, struct bytes sealed);

struct key_cache_entry {
    char name[65], sealed[KEY_CACHE_SEALED_MAX + 1];
};
/* Keys of one name that are in use and past half of their life, so that they can be asked for together before it ends;
 * how many were put at `due`. A key is given again after an eighth of a life, if it was not opened meanwhile. */
size_t key_cache_due(struct key_cache *cache, uint64_t now_ms, struct key_cache_entry *due, size_t capacity);
/* Wipes what is too old; how many are left. */
size_t key_cache_expire(struct key_cache *cache, uint64_t now_ms);

#endif
