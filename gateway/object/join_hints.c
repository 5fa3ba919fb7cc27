/* A list without doubles; see the header. */
#include "gateway/object/join_hints.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/lock.h"

struct join_hints {
    pthread_mutex_t lock; /* never held across a suspension */
    /* under lock: */
    struct join_hint *hints[JOIN_HINTS_MAX];
    uint64_t hashes[JOIN_HINTS_MAX];
    size_t count;
};

struct join_hints *join_hints_create(void)
{
    struct join_hints *hints = mem_zalloc(sizeof(*hints));

    pthread_mutex_init(&hints->lock, NULL);
    return hints;
}

void join_hints_free(struct join_hints *hints)
{
    if (!hints)
        return;
    for (size_t i = 0; i < hints->count; i++)
        free(hints->hints[i]);
    pthread_mutex_destroy(&hints->lock);
    free(hints);
}

static uint64_t hash_on(uint64_t hash, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * 1099511628211ull;
    return hash;
}

static struct join_hint *hint_create(struct bytes bucket, struct bytes key)
{
    struct join_hint *hint = mem_zalloc(sizeof(*hint) + key.len);
    char *text = (char *)(hint + 1);

    memcpy(hint->bucket, bucket.data, bucket.len);
    memcpy(text, key.data, key.len);
    hint->key = bytes_of(text, key.len);
    return hint;
}

void join_hints_add(struct join_hints *hints, struct bytes bucket, struct bytes key)
{
    uint64_t hash = hash_on(hash_on(14695981039346656037ull, bucket) + 1, key);
    size_t at = 0;

    if (bucket.len > META_BUCKET_MAX || key.len > META_KEY_MAX)
        return;
    lock_acquire(&hints->lock);
    while (at < hints->count && (hints->hashes[at] != hash || !bytes_equal(hints->hints[at]->key, key) ||
                                 !bytes_equal_str(bucket, hints->hints[at]->bucket)))
        at++;
    if (at == hints->count && at < JOIN_HINTS_MAX) {
        hints->hints[at] = hint_create(bucket, key);
        hints->hashes[at] = hash;
        hints->count++;
    }
    lock_release(&hints->lock);
}

void join_hints_look(struct join_hints *hints, struct bytes bucket, struct bytes key, const struct meta_object *object)
{
    struct meta_pieces pieces;

    if (meta_object_pieces(object, &pieces) && pieces.small >= JOIN_PIECES_MIN)
        join_hints_add(hints, bucket, key);
}

size_t join_hints_take(struct join_hints *hints, struct join_hint *taken[JOIN_HINTS_MAX])
{
    lock_acquire(&hints->lock);
    size_t count = hints->count;
    memcpy(taken, hints->hints, count * sizeof(*taken));
    hints->count = 0;
    lock_release(&hints->lock);
    return count;
}
