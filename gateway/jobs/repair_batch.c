/* Copies of small chunks, many with one request and one commit: a node that lost its disk may have held a million of
 * them. The chunks are grouped by the nodes that they go from and to. Whatever cannot be made so, because the source
 * fails or the target refuses, is left to repair.c, which tries all ways for each chunk. */
#include "gateway/jobs/repair.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"

static_assert(PROTOCOL_PULL_MAX <= META_REPAIR_ADD_MAX, "what one request made is recorded by one commit");

enum item_state { ITEM_WAITING, ITEM_CHOSEN, ITEM_OVER };

struct item {
    struct chunk_ref copies; /* the good ones */
    unsigned source, target; /* 0: it is not to be copied here */
    enum item_state state;
    size_t index; /* of the caller's list */
};

/* Plans a claimed chunk. Returns whether it needs no copy any more. */
static bool item_plan(const struct repair_round *round, struct item *item, const struct chunk_id *id)
{
    struct background *background = round->background;
    const struct cluster *cluster = background->gateway->cluster;
    struct meta_chunk chunk;
    struct copy_plan plan;

    enum status status = meta_chunk_get(background->gateway->meta, id, &chunk);
    if (status)
        return status == STATUS_NOT_FOUND;
    if (chunk.unwanted || !round->planner(background, &chunk, &plan))
        return true;
    item->target = plan.target;
    item->copies = plan.sources;
    /* From a random one on, since the records' first nodes would bear all the reading. */
    unsigned first = id->bytes[CHUNK_ID_LEN - 1];
    for (unsigned i = 0; i < item->copies.copies && item->target && !item->source; i++) {
        unsigned node = item->copies.nodes[(first + i) % item->copies.copies];
        if (node != item->target && cluster_node_readable(cluster, node))
            item->source = node;
    }
    return false;
}

/* Chooses those that go the same way as the first one that waits. Returns how many. */
static size_t items_choose(struct item *items, size_t count, struct item **chosen, uint64_t *bytes)
{
    size_t found = 0;

    *bytes = 0;
    for (size_t i = 0; i < count && found < PROTOCOL_PULL_MAX; i++) {
        struct item *item = &items[i];
        if (item->state != ITEM_WAITING ||
            (found > 0 && (item->source != chosen[0]->source || item->target != chosen[0]->target)))
            continue;
        if (*bytes + item->copies.size > PROTOCOL_PULL_BYTES)
            break;
        item->state = ITEM_CHOSEN;
        *bytes += item->copies.size;
        chosen[found++] = item;
    }
    return found;
}

/* Records what was made; `made` are the refs with the new copy last. */
static void made_record(struct repair_round *round, const struct chunk_ref *made, size_t count, bool *recorded)
{
    struct gateway *gateway = round->background->gateway;
    bool known[PROTOCOL_PULL_MAX];

    *recorded = count == 0 || meta_repair_done_many(gateway->meta, made, count, known) == STATUS_OK;
    for (size_t i = 0; i < count && *recorded; i++)
        if (!known[i]) /* deleted meanwhile */
            cluster_discard_copy(gateway->cluster, &made[i].id, made[i].nodes[made[i].copies - 1]);
}

/* One request, and the commit of what it made. */
static void items_copy(struct repair_round *round, struct item **chosen, size_t count, uint64_t bytes, bool *done)
{
    struct background *background = round->background;
    struct gateway *gateway = background->gateway;
    struct chunk_ref *refs = mem_alloc(count * sizeof(*refs));
    uint8_t outcomes[PROTOCOL_PULL_MAX];
    uint64_t copied = 0, copied_bytes = 0;
    size_t made = 0;
    bool recorded;

    for (size_t i = 0; i < count; i++)
        refs[i] = chosen[i]->copies;
    background_pause(background, bandwidth_take(&gateway->bandwidth, bytes));
    enum status status =
        cluster_chunks_pull(gateway->cluster, refs, count, chosen[0]->source, chosen[0]->target, outcomes);
    if (status)
        log_info("chunks could not be copied together, are tried one by one", LOG_INT("nodeId", chosen[0]->target),
                 LOG_STATUS(status));
    for (size_t i = 0; i < count; i++) {
        if (outcomes[i] != PULL_STORED && outcomes[i] != PULL_HELD)
            continue;
        refs[made] = chosen[i]->copies;
        refs[made].nodes[refs[made].copies++] = (uint8_t)chosen[i]->target;
        made++;
        copied += outcomes[i] == PULL_STORED;
        copied_bytes += outcomes[i] == PULL_STORED ? chosen[i]->copies.size : 0;
    }
    made_record(round, refs, made, &recorded);
    for (size_t i = 0; i < count && recorded; i++)
        done[chosen[i]->index] = outcomes[i] == PULL_STORED || outcomes[i] == PULL_HELD;
    round->chunks += recorded ? copied : 0;
    round->bytes += recorded ? copied_bytes : 0;
    free(refs);
}

void repair_batch(struct repair_round *round, const struct chunk_ref *refs, size_t count, bool *done)
{
    struct background *background = round->background;
    struct item *items = mem_zalloc(count * sizeof(*items));
    struct item *chosen[PROTOCOL_PULL_MAX];
    bool *claimed = mem_zalloc(count * sizeof(*claimed));
    size_t some;
    uint64_t bytes;

    for (size_t i = 0; i < count; i++) {
        items[i].index = i;
        items[i].state = ITEM_OVER;
        claimed[i] = background_claim(background, &refs[i].id);
        done[i] = !claimed[i] || item_plan(round, &items[i], &refs[i].id); /* others work on it, or nothing to do */
        if (!done[i] && items[i].source && items[i].target)
            items[i].state = ITEM_WAITING;
    }
    while (!background_is_stopping(background) && (some = items_choose(items, count, chosen, &bytes)) > 0) {
        items_copy(round, chosen, some, bytes, done);
        for (size_t i = 0; i < some; i++)
            chosen[i]->state = ITEM_OVER;
    }
    for (size_t i = 0; i < count; i++)
        if (claimed[i])
            background_unclaim(background, &refs[i].id);
    free(claimed);
    free(items);
}
