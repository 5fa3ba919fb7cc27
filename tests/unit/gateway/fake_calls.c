/* What the gateway asks single nodes of the cluster in memory for: copies, their trash, and the replicas of the
 * metadata, of which only their positions and fences are kept. */
#include "tests/unit/gateway/fake_cluster_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/task.h"
#include "storage/cluster/carriers.h"

/* What becomes of a call on its way to the node. */
enum status fake_reach(struct cluster *cluster, unsigned number, enum fake_call call)
{
    struct fake_node *node = fake_node(cluster, number);

    if (node->down)
        return STATUS_UNAVAILABLE;
    node->calls[call]++;
    if (node->latency_ms[call] > 0)
        task_sleep_ms(node->latency_ms[call]);
    return node->down ? STATUS_UNAVAILABLE : (enum status)node->fails[call];
}

enum status cluster_chunks_delete(struct cluster *cluster, unsigned number, const struct chunk_id *ids, size_t count,
                                  bool *gone)
{
    enum status status = fake_reach(cluster, number, FAKE_DELETE);

    memset(gone, 0, count * sizeof(*gone));
    if (status)
        return status;
    fake_lock(cluster);
    for (size_t i = 0; i < count; i++) {
        fake_shelf_remove(fake_store(cluster, number), &ids[i]);
        gone[i] = true;
    }
    fake_unlock(cluster);
    return STATUS_OK;
}

/* At once: there is nobody here who could still be storing them. */
void cluster_discard_copy(struct cluster *cluster, const struct chunk_id *id, unsigned node)
{
    bool gone;

    (void)cluster_chunks_delete(cluster, node, id, 1, &gone);
}

void cluster_discard(struct cluster *cluster, const struct chunk_list *chunks)
{
    for (size_t i = 0; i < chunks->count; i++)
        for (unsigned j = 0; j < chunks->refs[i].copies; j++)
            cluster_discard_copy(cluster, &chunks->refs[i].id, chunks->refs[i].nodes[j]);
}

enum status cluster_copy_trash(struct cluster *cluster, const struct chunk_id *id, unsigned number)
{
    enum status status = fake_reach(cluster, number, FAKE_TRASH);
    struct fake_copy copy;

    fake_lock(cluster);
    if (!status && fake_shelf_take(fake_store(cluster, number), id, &copy)) {
        copy.stored_ms = clock_wall_ms();
        fake_shelf_put(fake_trash(cluster, number), &copy);
    }
    fake_unlock(cluster);
    return status;
}

enum status cluster_copy_restore(struct cluster *cluster, const struct chunk_ref *ref, unsigned number)
{
    enum status status = fake_reach(cluster, number, FAKE_RESTORE);
    struct fake_copy copy;

    if (status)
        return status;
    fake_lock(cluster);
    if (fake_shelf_take(fake_trash(cluster, number), &ref->id, &copy) &&
        !fake_shelf_find(fake_store(cluster, number), &ref->id))
        fake_shelf_put(fake_store(cluster, number), &copy);
    const struct fake_copy *held = fake_shelf_find(fake_store(cluster, number), &ref->id);
    if (held == NULL || held->damaged)
        status = STATUS_NOT_FOUND;
    else if (held->size != ref->size || held->crc32c != ref->crc32c)
        status = STATUS_CONFLICT;
    fake_unlock(cluster);
    return status;
}

/* The source's copy as it is when it is read; its data are the caller's. */
static enum status copy_take(struct cluster *cluster, const struct chunk_ref *ref, unsigned from,
                             struct fake_copy *copy)
{
    enum status status = fake_reach(cluster, from, FAKE_READ);
    const struct fake_copy *source;

    if (status)
        return status;
    fake_lock(cluster);
    source = fake_shelf_find(fake_store(cluster, from), &ref->id);
    if (source == NULL)
        status = STATUS_NOT_FOUND;
    else if (source->damaged)
        status = STATUS_CORRUPT;
    if (!status) {
        *copy = *source;
        if (source->data != NULL)
            copy->data = memcpy(mem_alloc(source->size), source->data, source->size);
    }
    fake_unlock(cluster);
    return status;
}

/* A target that takes long has the source's bytes already. */
enum status cluster_chunk_pull(struct cluster *cluster, const struct chunk_ref *ref, unsigned from, unsigned to)
{
    struct fake_copy copy, *held;
    enum status status = copy_take(cluster, ref, from, &copy);

    if (status)
        return status;
    status = fake_reach(cluster, to, FAKE_PULL);
    copy.stored_ms = clock_wall_ms();
    fake_lock(cluster);
    held = fake_shelf_find(fake_store(cluster, to), &ref->id);
    if (!status && held != NULL && held->damaged)
        fake_shelf_remove(fake_store(cluster, to), &ref->id);
    if (status || (held != NULL && !held->damaged))
        free(copy.data);
    else
        fake_shelf_put(fake_store(cluster, to), &copy);
    fake_unlock(cluster);
    return status;
}

enum status cluster_chunks_pull(struct cluster *cluster, const struct chunk_ref *refs, size_t count, unsigned from,
                                unsigned to, uint8_t *outcomes)
{
    enum status status = fake_reach(cluster, to, FAKE_PULL);

    for (size_t i = 0; i < count; i++)
        outcomes[i] = !status && !cluster_chunk_pull(cluster, &refs[i], from, to) ? PULL_STORED : PULL_FAILED;
    return status;
}

enum status cluster_inventory(struct cluster *cluster, unsigned number, const struct chunk_id *after, size_t capacity,
                              struct cluster_copy *copies, size_t *count)
{
    enum status status = fake_reach(cluster, number, FAKE_LIST);

    fake_lock(cluster);
    *count = status ? 0 : fake_shelf_list(fake_store(cluster, number), after, capacity, copies);
    fake_unlock(cluster);
    return status;
}

enum status cluster_trash(struct cluster *cluster, unsigned number, const struct chunk_id *after, size_t capacity,
                          struct cluster_copy *copies, size_t *count)
{
    enum status status = fake_reach(cluster, number, FAKE_LIST);

    fake_lock(cluster);
    *count = status ? 0 : fake_shelf_list(fake_trash(cluster, number), after, capacity, copies);
    fake_unlock(cluster);
    return status;
}

/* ---- replicas of the metadata: how far they are, and their fences ------------------------------------------------ */

enum status cluster_meta_state(struct cluster *cluster, unsigned index, struct cluster_meta_state *state)
{
    enum status status = fake_reach(cluster, index + 1, FAKE_META);

    if (!status)
        *state = fake_node(cluster, index + 1)->replica;
    return status;
}

enum status cluster_meta_last(struct cluster *cluster, unsigned index, struct buffer *record,
                              struct cluster_meta_state *state)
{
    struct fake_node *node = fake_node(cluster, index + 1);
    enum status status = cluster_meta_state(cluster, index, state);

    if (!status && node->last_unanswered > 0) {
        node->last_unanswered--;
        status = STATUS_UNAVAILABLE;
    }
    return status ? status : buffer_append_bytes(record, node->last_record);
}

enum status cluster_meta_fence(struct cluster *cluster, unsigned index, uint32_t generation,
                               struct cluster_meta_state *state)
{
    enum status status = fake_reach(cluster, index + 1, FAKE_META);
    struct cluster_meta_state *replica = &fake_node(cluster, index + 1)->replica;

    if (status)
        return status;
    if (!replica->knows_fences)
        return STATUS_NOT_FOUND;
    if (replica->fence >= generation)
        status = STATUS_CONFLICT;
    else
        replica->fence = generation;
    *state = *replica;
    return status;
}

enum status cluster_meta_apply(struct cluster *cluster, unsigned index, struct bytes records,
                               struct cluster_meta_state *state)
{
    (void)records;
    return cluster_meta_state(cluster, index, state);
}

enum status cluster_meta_load(struct cluster *cluster, unsigned index, const struct cluster_meta_page *page,
                              struct bytes record, struct cluster_meta_state *state)
{
    (void)page, (void)record;
    return cluster_meta_state(cluster, index, state);
}

enum status cluster_meta_dump(struct cluster *cluster, unsigned index, struct bytes after, struct buffer *record,
                              struct cluster_meta_state *state)
{
    (void)after, (void)record;
    return cluster_meta_state(cluster, index, state);
}

/* ---- carried chunks: none here ----------------------------------------------------------------------------------- */

unsigned cluster_carriers_choose(struct cluster *cluster, uint64_t among, uint8_t numbers[CHUNK_COPIES_MAX])
{
    (void)cluster, (void)among, (void)numbers;
    return 0;
}

bool cluster_carriers_enough(const struct cluster *cluster, uint64_t among)
{
    (void)cluster, (void)among;
    return false;
}

int cluster_carriers_stand_in(struct cluster *cluster, uint64_t among, uint64_t beside, bool hedge)
{
    (void)beside;
    (void)cluster, (void)among, (void)hedge;
    return -1;
}

enum carrier_pace cluster_carrier_pace(struct cluster *cluster, unsigned index, uint64_t since_ms, uint64_t now_ms)
{
    (void)cluster, (void)index, (void)since_ms, (void)now_ms;
    return CARRIER_IN_TIME;
}

void cluster_carrier_answered(struct cluster *cluster, unsigned index, uint64_t us)
{
    (void)cluster, (void)index, (void)us;
}

void cluster_carrier_replaced(struct cluster *cluster, unsigned index)
{
    (void)cluster, (void)index;
}

void cluster_carried_missing(struct cluster *cluster, unsigned number, const struct carried_block *block)
{
    (void)cluster, (void)number, (void)block;
}

void cluster_carried_discard(struct cluster *cluster, uint64_t nodes, const struct carried_block *block)
{
    (void)cluster, (void)nodes, (void)block;
}

void cluster_carried_safe(struct cluster *cluster, double seconds, bool degraded)
{
    (void)cluster, (void)seconds, (void)degraded;
}
