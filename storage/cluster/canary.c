/* See the header. The chunk is like any other to the node: durable before it is acknowledged, under an id of its own.
 * What a canary leaves behind when the gateway dies in the middle, or when the node does not answer in time, is a chunk
 * that is recorded nowhere: the comparison of inventories removes it like every orphan. A node that takes no chunks
 * because it was not compared yet is sent the canary all the same: it is gone before it could count for anything. */
#include "storage/cluster/canary.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "storage/cluster/node_exchange.h"
#include "storage/cluster/write_pace.h"

#define CANARY_BYTES 1024
#define ANSWER_BYTES 4096

static_assert(CANARY_BYTES <= CHUNK_BLOCK_BYTES, "the table of its checksums has one entry");

struct canary {
    struct cluster *cluster;
    struct node *node;
    uint64_t step_ms;
    char target[NODE_TARGET_MAX];
    char body[CANARY_BYTES + PROTOCOL_FOOTER_LEN];
};

/* Signed here when auth is NULL; else with the canary as the body. */
static enum status canary_call(const struct canary *canary, const char *method, const char *target, const char *auth,
                               struct buffer *answer)
{
    struct node_exchange exchange = {
        .method = method, .target = target, .auth = auth, .answer = answer, .timeout_ms = canary->step_ms};
    if (auth)
        exchange.body = bytes_of(canary->body, sizeof(canary->body));
    return node_exchange(canary->cluster, canary->node, &exchange);
}

static enum status canary_put(struct canary *canary, struct buffer *answer)
{
    const struct cluster_identity *identity = &canary->cluster->config.identity;
    char auth[PROTOCOL_AUTH_MAX];
    random_bytes(canary->body, CANARY_BYTES);
    protocol_sign(identity, "PUT", bytes_from_str(canary->target), node_signing_time(canary->node, clock_wall_ms()),
                  "footer", auth);
    protocol_footer_make(identity, bytes_from_str(auth), CANARY_BYTES, crc32c_update(0, canary->body, CANARY_BYTES),
                         (uint8_t *)canary->body + CANARY_BYTES);
    return canary_call(canary, "PUT", canary->target, auth, answer);
}

/* The answer: the checksum of the one block, then the block. */
static bool canary_is_same(const struct canary *canary, struct bytes answer)
{
    return answer.len == 4 + CANARY_BYTES && memcmp(answer.data + 4, canary->body, CANARY_BYTES) == 0 &&
           get_u32(answer.data) == crc32c_update(0, canary->body, CANARY_BYTES);
}

static const char *canary_read_back(const struct canary *canary, struct buffer *answer)
{
    char target[NODE_TARGET_MAX + 32];
    snprintf(target, sizeof(target), "%s?first=0&count=1", canary->target);
    buffer_clear(answer);
    if (canary_call(canary, "GET", target, NULL, answer))
        return "a chunk that it had taken could not be read back";
    return canary_is_same(canary, buffer_bytes(answer)) ? NULL : "gave other bytes back than were written";
}

const char *canary_send(struct cluster *cluster, struct node *node, uint64_t step_ms)
{
    struct canary canary = {.cluster = cluster, .node = node, .step_ms = step_ms};
    struct chunk_id id;
    char text[CHUNK_ID_TEXT_LEN + 1];
    struct buffer answer;
    const char *problem = NULL;

    chunk_id_create(&id);
    chunk_id_format(&id, text);
    snprintf(canary.target, sizeof(canary.target), "/chunks/%s", text);
    buffer_init(&answer, ANSWER_BYTES);
    uint64_t start_ms = clock_monotonic_ms();
    enum status status = canary_put(&canary, &answer);
    uint64_t took_ms = clock_monotonic_ms() - start_ms;
    if (status == STATUS_NO_SPACE)
        goto out;
    if (status) {
        problem = "could not write a chunk";
        goto out;
    }
    problem = canary_read_back(&canary, &answer);
    buffer_clear(&answer);
    status = canary_call(&canary, "DELETE", canary.target, NULL, &answer);
    if (!problem && status && status != STATUS_NOT_FOUND)
        problem = "could not delete a chunk";
    if (!problem && took_ms > write_pace_slow_ms(cluster, node) && write_pace_can_spare(cluster, node))
        problem = "writes a chunk far slower than the other nodes";
out:
    buffer_release(&answer);
    return problem;
}
