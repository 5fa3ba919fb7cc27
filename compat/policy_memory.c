/* The memory of a policy: pieces of few large blocks, which are freed together. How much one document can take is
 * bounded by its size. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/policy_internal.h"

#define BLOCK_BYTES 4096
#define ALIGNMENT   sizeof(void *)

struct policy_block {
    struct policy_block *next;
    size_t used, size;
    char bytes[];
};

void *policy_alloc(struct policy *policy, size_t size)
{
    struct policy_block *block = policy->blocks;

    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!block || block->size - block->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = mem_zalloc(sizeof(*block) + room);
        block->size = room;
        block->next = policy->blocks;
        policy->blocks = block;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

struct bytes policy_keep(struct policy *policy, struct bytes text)
{
    char *copy = policy_alloc(policy, text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    return bytes_of(copy, text.len);
}

void policy_release_memory(struct policy *policy)
{
    while (policy->blocks) {
        struct policy_block *next = policy->blocks->next;
        free(policy->blocks);
        policy->blocks = next;
    }
}
