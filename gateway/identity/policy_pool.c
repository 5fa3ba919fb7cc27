/* A table by text; see the header. Texts are compared, and not only their hashes: one policy must never be taken for
 * another. */
#include "gateway/identity/policy_pool.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/lock.h"

#define SLOTS          4096
#define COST_OF_POLICY 512 /* about, without what grows */
#define COST_OF_BYTE   5   /* of a document: the text itself, and what it becomes */

struct pooled_policy {
    struct policy_pool *pool;
    enum policy_kind kind;
    char *text;
    struct bytes document; /* the text */
    struct policy *policy;
    unsigned references; /* under the pool's lock */
    struct pooled_policy *next;
};

struct policy_pool {
    pthread_mutex_t lock; /* never held across a suspension; guards all that follows */
    uint64_t bytes;
    struct pooled_policy *slots[SLOTS];
};

struct policy_pool *policy_pool_create(void)
{
    struct policy_pool *pool = mem_zalloc(sizeof(*pool));

    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void policy_pool_free(struct policy_pool *pool)
{
    CHECK(pool->bytes == 0);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static struct pooled_policy **slot_of(struct policy_pool *pool, struct bytes document)
{
    uint64_t hash = 14695981039346656037ull;

    for (size_t i = 0; i < document.len; i++)
        hash = (hash ^ (uint8_t)document.data[i]) * 1099511628211ull;
    return &pool->slots[(hash ^ hash >> 32) % SLOTS];
}

static uint64_t cost_of(const struct pooled_policy *policy)
{
    return COST_OF_POLICY + COST_OF_BYTE * policy->document.len;
}

/* Held for the caller. */
static struct pooled_policy *find_locked(struct pooled_policy *policy, struct bytes document, enum policy_kind kind)
{
    while (policy && (policy->kind != kind || !bytes_equal(policy->document, document)))
        policy = policy->next;
    if (policy)
        policy->references++;
    return policy;
}

static void pooled_policy_free(struct pooled_policy *policy)
{
    policy_free(policy->policy);
    free(policy->text);
    free(policy);
}

/* Into the pool, unless another thread was faster. */
static struct pooled_policy *add(struct policy_pool *pool, struct pooled_policy **slot, struct pooled_policy *fresh)
{
    lock_acquire(&pool->lock);
    struct pooled_policy *policy = find_locked(*slot, fresh->document, fresh->kind);
    if (!policy) {
        fresh->next = *slot;
        *slot = fresh;
        pool->bytes += cost_of(fresh);
    }
    lock_release(&pool->lock);
    if (!policy)
        return fresh;
    pooled_policy_free(fresh);
    return policy;
}

enum status policy_pool_take(struct policy_pool *pool, struct bytes document, enum policy_kind kind,
                             struct pooled_policy **policy, struct policy_problem *problem)
{
    struct pooled_policy **slot = slot_of(pool, document);
    struct policy *parsed;

    lock_acquire(&pool->lock);
    *policy = find_locked(*slot, document, kind);
    lock_release(&pool->lock);
    if (*policy)
        return STATUS_OK;
    enum status status = policy_parse(document, kind, (struct bytes){0}, &parsed, problem);
    if (status)
        return status;
    struct pooled_policy *fresh = mem_zalloc(sizeof(*fresh));
    *fresh = (struct pooled_policy){.pool = pool,
                                    .kind = kind,
                                    .text = mem_strndup(document.data, document.len),
                                    .policy = parsed,
                                    .references = 1};
    fresh->document = bytes_of(fresh->text, document.len);
    *policy = add(pool, slot, fresh);
    return STATUS_OK;
}

const struct policy *pooled_policy_get(const struct pooled_policy *policy)
{
    return policy->policy;
}

void pooled_policy_release(struct pooled_policy *policy)
{
    if (!policy)
        return;
    struct policy_pool *pool = policy->pool;
    struct pooled_policy **link = slot_of(pool, policy->document);

    lock_acquire(&pool->lock);
    bool last = --policy->references == 0;
    if (last) {
        while (*link != policy)
            link = &(*link)->next;
        *link = policy->next;
        pool->bytes -= cost_of(policy);
    }
    lock_release(&pool->lock);
    if (last)
        pooled_policy_free(policy);
}

uint64_t policy_pool_bytes(struct policy_pool *pool)
{
    lock_acquire(&pool->lock);
    uint64_t bytes = pool->bytes;
    lock_release(&pool->lock);
    return bytes;
}
