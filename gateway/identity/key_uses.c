/* A table of sets, each with a few places; see the header. */
#include "gateway/identity/key_uses.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/lock.h"

#define SETS 8192
#define WAYS 4

struct place {
    char *access_key; /* NULL: free */
    struct key_use use;
};

struct key_uses {
    pthread_mutex_t lock; /* never held across a suspension */
    struct place places[SETS][WAYS];
};

struct key_uses *key_uses_create(void)
{
    struct key_uses *uses = mem_zalloc(sizeof(*uses));

    pthread_mutex_init(&uses->lock, NULL);
    return uses;
}

void key_uses_free(struct key_uses *uses)
{
    if (!uses)
        return;
    for (size_t i = 0; i < SETS; i++)
        for (size_t j = 0; j < WAYS; j++)
            free(uses->places[i][j].access_key);
    pthread_mutex_destroy(&uses->lock);
    free(uses);
}

static struct place *set_of(struct key_uses *uses, struct bytes access_key)
{
    uint64_t hash = 14695981039346656037ull;

    for (size_t i = 0; i < access_key.len; i++)
        hash = (hash ^ (uint8_t)access_key.data[i]) * 1099511628211ull;
    return uses->places[(hash ^ hash >> 32) % SETS];
}

/* The key's own place; NULL: it has none. */
static struct place *find_locked(struct place *set, struct bytes access_key)
{
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].access_key && bytes_equal_str(access_key, set[i].access_key))
            return &set[i];
    return NULL;
}

/* A free one, or that of the key which was used longest ago. */
static struct place *take_locked(struct place *set, struct bytes access_key)
{
    struct place *oldest = &set[0];

    for (size_t i = 1; i < WAYS; i++)
        if (set[i].use.time_ms < oldest->use.time_ms)
            oldest = &set[i];
    free(oldest->access_key);
    oldest->access_key = mem_strndup(access_key.data, access_key.len);
    return oldest;
}

void key_uses_note(struct key_uses *uses, struct bytes access_key, const char *service, struct bytes region,
                   int64_t now_ms)
{
    lock_acquire(&uses->lock);
    struct place *set = set_of(uses, access_key), *place = find_locked(set, access_key);
    if (!place)
        place = take_locked(set, access_key);
    place->use.time_ms = now_ms;
    snprintf(place->use.service, sizeof(place->use.service), "%s", service);
    snprintf(place->use.region, sizeof(place->use.region), "%.*s", (int)region.len, region.data ? region.data : "");
    lock_release(&uses->lock);
}

bool key_uses_find(struct key_uses *uses, struct bytes access_key, struct key_use *use)
{
    lock_acquire(&uses->lock);
    const struct place *place = find_locked(set_of(uses, access_key), access_key);
    if (place)
        *use = place->use;
    lock_release(&uses->lock);
    return place != NULL;
}
