/* Single chunks, for background jobs: delete a copy, put it into the trash and take it back, make one, choose where. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "storage/cluster/node_call.h"

/* A pull must not fail because a large chunk comes from a slow disk: 1 MiB/s is enough. */
#define PULL_BYTES_PER_MS_MIN 1024

/* `verb` follows the id in the path. */
static enum status copy_order(struct cluster *cluster, const struct chunk_id *id, unsigned node, const char *method,
                              const char *verb)
{
    char text[CHUNK_ID_TEXT_LEN + 1];
    char target[NODE_TARGET_MAX];
    struct node *holder = cluster_node(cluster, node);
    if (!holder)
        return STATUS_UNAVAILABLE;
    chunk_id_format(id, text);
    snprintf(target, sizeof(target), "/chunks/%s%s", text, verb);
    return node_exchange(cluster, holder, method, target, clock_monotonic_ms() + cluster->config.node_timeout_ms);
}

enum status cluster_chunk_delete(struct cluster *cluster, const struct chunk_id *id, unsigned node)
{
    enum status status = copy_order(cluster, id, node, "DELETE", "");
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

bool cluster_chunk_is_live(struct cluster *cluster, const struct chunk_id *id)
{
    return live_chunks_contain(&cluster->live, id);
}

enum status cluster_copy_trash(struct cluster *cluster, const struct chunk_id *id, unsigned node)
{
    enum status status = copy_order(cluster, id, node, "POST", "/trash");
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status cluster_copy_restore(struct cluster *cluster, const struct chunk_ref *ref, unsigned node)
{
    char verb[64];
    snprintf(verb, sizeof(verb), "/restore?size=%" PRIu32 "&crc32c=%08" PRIx32, ref->size, ref->crc32c);
    return copy_order(cluster, &ref->id, node, "POST", verb);
}

enum status cluster_chunk_pull(struct cluster *cluster, const struct chunk_ref *ref, unsigned from, unsigned to)
{
    char text[CHUNK_ID_TEXT_LEN + 1];
    char target[NODE_TARGET_MAX];
    const struct node *source = cluster_node(cluster, from);
    struct node *puller = cluster_node(cluster, to);
    if (!source || !puller || source == puller)
        return STATUS_UNAVAILABLE;
    chunk_id_format(&ref->id, text);
    snprintf(target, sizeof(target), "/chunks/%s/pull?from=%s&size=%" PRIu32 "&crc32c=%08" PRIx32, text,
             source->address, ref->size, ref->crc32c);
    uint64_t limit_ms = cluster->config.node_timeout_ms + ref->size / PULL_BYTES_PER_MS_MIN;
    return node_exchange(cluster, puller, "POST", target, clock_monotonic_ms() + limit_ms);
}

unsigned cluster_pick_target(struct cluster *cluster, const struct chunk_ref *ref)
{
    uint64_t holders = 0;
    for (unsigned i = 0; i < ref->copies; i++) {
        const struct node *node = cluster_node(cluster, ref->nodes[i]);
        if (node)
            holders |= UINT64_C(1) << node->index;
    }
    const struct node *target = cluster_place(cluster, &ref->id, holders);
    return target ? target->number : 0;
}
