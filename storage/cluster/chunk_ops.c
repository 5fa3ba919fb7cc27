/* Single copies, for background jobs: delete them, put one into the trash and take it back, make one, choose where. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "storage/cluster/node_exchange.h"

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
    return node_exchange(
        cluster, holder,
        &(struct node_exchange){.method = method, .target = target, .timeout_ms = cluster->config.node_timeout_ms});
}

static enum status delete_batch(struct cluster *cluster, struct node *holder, const struct chunk_id *ids, size_t count,
                                bool *gone)
{
    struct buffer answer;

    buffer_init(&answer, count);
    enum status status = node_exchange(cluster, holder,
                                       &(struct node_exchange){.method = "POST",
                                                               .target = "/chunks/delete",
                                                               .body = bytes_of(ids, count * sizeof(*ids)),
                                                               .answer = &answer,
                                                               .timeout_ms = cluster->config.node_timeout_ms});
    if (!status && answer.len != count)
        status = STATUS_INVALID;
    for (size_t i = 0; i < count; i++)
        gone[i] = !status && answer.data[i] == DELETE_GONE;
    buffer_release(&answer);
    return status;
}

enum status cluster_chunks_delete(struct cluster *cluster, unsigned node, const struct chunk_id *ids, size_t count,
                                  bool *gone)
{
    struct node *holder = cluster_node(cluster, node);
    enum status status = holder ? STATUS_OK : STATUS_UNAVAILABLE;

    memset(gone, 0, count * sizeof(*gone));
    for (size_t i = 0; i < count && !status; i += PROTOCOL_DELETE_MAX) {
        size_t some = count - i < PROTOCOL_DELETE_MAX ? count - i : PROTOCOL_DELETE_MAX;
        status = delete_batch(cluster, holder, ids + i, some, gone + i);
    }
    return status;
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
    return node_exchange(cluster, puller,
                         &(struct node_exchange){.method = "POST", .target = target, .timeout_ms = limit_ms});
}

enum status cluster_chunks_pull(struct cluster *cluster, const struct chunk_ref *refs, size_t count, unsigned from,
                                unsigned to, uint8_t *outcomes)
{
    const struct node *source = cluster_node(cluster, from);
    struct node *puller = cluster_node(cluster, to);
    uint8_t body[PROTOCOL_PULL_MAX * PULL_RECORD_LEN], *at = body;
    char target[NODE_TARGET_MAX];
    struct buffer answer;

    CHECK(count > 0 && count <= PROTOCOL_PULL_MAX);
    memset(outcomes, PULL_FAILED, count);
    if (!source || !puller || source == puller)
        return STATUS_UNAVAILABLE;
    for (size_t i = 0; i < count; i++, at += PULL_RECORD_LEN) {
        memcpy(at, refs[i].id.bytes, CHUNK_ID_LEN);
        put_u32(at + CHUNK_ID_LEN, refs[i].size);
        put_u32(at + CHUNK_ID_LEN + 4, refs[i].crc32c);
    }
    snprintf(target, sizeof(target), "/chunks/pull?from=%s", source->address);
    uint64_t limit_ms = cluster->config.node_timeout_ms + PROTOCOL_PULL_BYTES / PULL_BYTES_PER_MS_MIN;
    buffer_init(&answer, count);
    enum status status = node_exchange(cluster, puller,
                                       &(struct node_exchange){.method = "POST",
                                                               .target = target,
                                                               .body = bytes_of(body, count * PULL_RECORD_LEN),
                                                               .answer = &answer,
                                                               .timeout_ms = limit_ms});
    if (!status && answer.len != count)
        status = STATUS_INVALID;
    if (!status)
        memcpy(outcomes, answer.data, count);
    buffer_release(&answer);
    return status;
}

unsigned cluster_pick_target(struct cluster *cluster, const struct chunk_ref *ref)
{
    uint64_t holders = cluster_holders(cluster, ref), staying = holders;
    for (unsigned i = 0; i < cluster->node_count; i++)
        if (node_is_draining(&cluster->nodes[i]))
            staying &= ~(UINT64_C(1) << i);
    const struct node *target = cluster_place(cluster, &ref->id, holders, staying);
    return target ? target->number : 0;
}
