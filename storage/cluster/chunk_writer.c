/* See the header. Every node is tried once per chunk, so a node that holds a copy that is not wanted can be told to
 * delete it without touching one that is. */
#include "storage/cluster/chunk_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "storage/cluster/write_pace.h"

struct tally {
    unsigned stored, running, lagging; /* running includes lagging: those that were replaced, or are to be */
};

static struct tally chunk_tally(const struct chunk_writer *chunk)
{
    struct tally tally = {0};
    for (unsigned i = 0; i < chunk->copy_count; i++) {
        const struct copy *copy = &chunk->copies[i];
        tally.stored += copy->state == COPY_STORED;
        tally.running += copy_is_running(copy);
        tally.lagging += copy_is_running(copy) && (copy->stalled || copy->hedged);
    }
    return tally;
}

static struct node *chunk_source(const struct chunk_writer *chunk)
{
    for (unsigned i = 0; i < chunk->copy_count; i++)
        if (chunk->copies[i].state == COPY_STORED)
            return chunk->copies[i].node;
    return NULL;
}

static struct node *chunk_next_node(const struct chunk_writer *chunk)
{
    uint64_t tried = 0, beside = 0;
    if (chunk->copy_count == CHUNK_TARGETS_MAX)
        return NULL;
    for (unsigned i = 0; i < chunk->copy_count; i++) {
        const struct copy *copy = &chunk->copies[i];
        tried |= UINT64_C(1) << copy->node->index;
        if (copy->state == COPY_STORED || (copy_is_running(copy) && !copy->stalled && !copy->hedged))
            beside |= UINT64_C(1) << copy->node->index;
    }
    return cluster_place(chunk->cluster, &chunk->id, tried, beside);
}

/* Is there a copy that is late, and a good node that may be tried as well? Then it counts as lagging from now on. */
static bool chunk_hedge(struct chunk_writer *chunk)
{
    for (unsigned i = 0; i < chunk->copy_count; i++) {
        struct copy *copy = &chunk->copies[i];
        if (!copy_is_running(copy) || !copy->late || !copy->whole || copy->hedged || copy->stalled)
            continue;
        struct node *node = chunk_next_node(chunk);
        if (!node || !node_is_good_target(node) || !write_pace_hedge_granted(chunk->cluster))
            return false;
        copy->hedged = true;
        metric_counter_add(chunk->cluster->metrics.write_hedges, 1);
        return true;
    }
    return false;
}

/* Starts copies until as many go on well as are wanted. Returns true when no further node could be tried. A stand-in
 * is sent the bytes if they are all still here; else it must wait for a stored copy to fetch the chunk from. */
static bool chunk_recruit(struct chunk_writer *chunk)
{
    for (;;) {
        struct tally tally = chunk_tally(chunk);
        if (tally.stored + tally.running - tally.lagging >= CHUNK_COPIES && !chunk_hedge(chunk))
            return false;
        struct node *node = chunk_next_node(chunk);
        if (!node)
            return true;
        struct node *source = chunk_source(chunk);
        bool bytes_here = chunk->window->begin <= chunk->begin;
        if (!bytes_here && !source)
            return tally.running == 0; /* nothing to copy from, now or ever */
        if (chunk->copy_count >= CHUNK_COPIES)
            metric_counter_add(chunk->cluster->metrics.write_standins, 1);
        struct copy *copy = &chunk->copies[chunk->copy_count++];
        if (bytes_here)
            copy_send(copy, chunk, node);
        else
            copy_pull(copy, chunk, node, source);
    }
}

struct chunk_writer *chunk_writer_open(struct cluster *cluster, struct window *window, uint64_t begin, uint64_t limit,
                                       bool length_known, bool stream_ended)
{
    char id[CHUNK_ID_TEXT_LEN + 1];
    struct chunk_writer *chunk = mem_zalloc(sizeof(*chunk));
    chunk->cluster = cluster;
    chunk->window = window;
    chunk->owner = task_self();
    chunk->begin = chunk->available = begin;
    chunk->limit = limit;
    chunk->length_known = length_known;
    chunk->opened_ms = clock_monotonic_ms();
    chunk->signed_wall_ms = clock_wall_ms();
    chunk_id_create(&chunk->id);
    chunk_id_format(&chunk->id, id);
    snprintf(chunk->target, sizeof(chunk->target), "/chunks/%s", id);
    chunk_writer_extend(chunk, stream_ended);
    CHECK(chunk->available > begin);
    if (stream_ended && chunk->available == window->end)
        chunk->payload = window_tail(window, chunk->available - begin);
    write_pace_chunk_begins(cluster);
    chunk_recruit(chunk);
    return chunk;
}

void chunk_writer_extend(struct chunk_writer *chunk, bool stream_ended)
{
    uint64_t end = chunk->window->end < chunk->limit ? chunk->window->end : chunk->limit;
    bool was_complete = chunk->complete;
    uint64_t before = chunk->available;
    while (chunk->available < end) {
        struct bytes piece = window_at(chunk->window, chunk->available, end);
        chunk->crc32c = crc32c_update(chunk->crc32c, piece.data, piece.len);
        chunk->available += piece.len;
    }
    chunk->complete = end == chunk->limit || stream_ended;
    if (chunk->complete)
        chunk->limit = end;
    if (chunk->available == before && chunk->complete == was_complete)
        return;
    for (unsigned i = 0; i < chunk->copy_count; i++)
        copy_resume(&chunk->copies[i]);
}

static void chunk_log_loss(const struct chunk_writer *chunk, struct tally tally)
{
    char id[CHUNK_ID_TEXT_LEN + 1];
    chunk_id_format(&chunk->id, id);
    metric_counter_add(chunk->cluster->metrics.write_failed, 1);
    log_error("a chunk could not be stored", LOG_STR("chunkID", id), LOG_INT("copies", tally.stored),
              LOG_INT("nodesTried", chunk->copy_count));
}

static void chunk_settle(struct chunk_writer *chunk, struct tally tally, uint64_t now_ms)
{
    chunk->settled = true;
    for (unsigned i = 0; i < chunk->copy_count; i++)
        copy_cancel(&chunk->copies[i]);
    if (tally.stored < CHUNK_COPIES)
        metric_counter_add(chunk->cluster->metrics.write_degraded, 1);
    metric_histogram_observe(chunk->cluster->metrics.write_seconds, (double)(now_ms - chunk->opened_ms) / 1000);
}

enum chunk_state chunk_writer_poll(struct chunk_writer *chunk, uint64_t now_ms, uint64_t *deadline_ms)
{
    if (chunk->settled)
        return CHUNK_SAFE;
    for (unsigned i = 0; i < chunk->copy_count; i++) {
        uint64_t due_ms = copy_poll(&chunk->copies[i], now_ms);
        if (due_ms < *deadline_ms)
            *deadline_ms = due_ms;
    }
    unsigned copies_before = chunk->copy_count;
    bool exhausted = chunk_tally(chunk).stored < CHUNK_COPIES && chunk_recruit(chunk);
    if (chunk->copy_count > copies_before)
        *deadline_ms = now_ms; /* their deadlines are not among those yet */
    struct tally tally = chunk_tally(chunk);
    if (tally.stored >= CHUNK_COPIES || (exhausted && tally.running == 0 && tally.stored >= CHUNK_COPIES_MIN)) {
        chunk_settle(chunk, tally, now_ms);
        return CHUNK_SAFE;
    }
    if (exhausted && tally.stored + tally.running < CHUNK_COPIES_MIN) {
        chunk_log_loss(chunk, tally);
        return CHUNK_LOST;
    }
    return CHUNK_OPEN;
}

void chunk_writer_ref(const struct chunk_writer *chunk, struct chunk_ref *ref)
{
    CHECK(chunk->settled);
    *ref = (struct chunk_ref){
        .id = chunk->id, .size = (uint32_t)(chunk->available - chunk->begin), .crc32c = chunk->crc32c};
    for (unsigned i = 0; i < chunk->copy_count && ref->copies < CHUNK_COPIES; i++)
        if (chunk->copies[i].state == COPY_STORED)
            ref->nodes[ref->copies++] = (uint8_t)chunk->copies[i].node->number;
}

uint64_t chunk_writer_floor(const struct chunk_writer *chunk)
{
    uint64_t floor = chunk->complete ? UINT64_MAX : chunk->available;
    for (unsigned i = 0; i < chunk->copy_count; i++)
        if (copy_floor(&chunk->copies[i]) < floor)
            floor = copy_floor(&chunk->copies[i]);
    return floor;
}

void chunk_writer_drop_stalled(struct chunk_writer *chunk, uint64_t position)
{
    struct tally tally = chunk_tally(chunk);
    if (tally.stored + tally.running - tally.lagging < CHUNK_COPIES_MIN)
        return;
    for (unsigned i = 0; i < chunk->copy_count; i++) {
        struct copy *copy = &chunk->copies[i];
        if (copy->stalled && copy_floor(copy) < position)
            copy_drop(copy);
    }
}

void chunk_writer_free(struct chunk_writer *chunk)
{
    unsigned kept = 0;
    uint64_t unwanted = 0;
    for (unsigned i = 0; i < chunk->copy_count; i++) {
        struct copy *copy = &chunk->copies[i];
        bool keeps = chunk->settled && copy->state == COPY_STORED && kept < CHUNK_COPIES;
        copy_cancel(copy);
        kept += keeps;
        if (!keeps && copy->may_be_stored)
            unwanted |= UINT64_C(1) << copy->node->index;
    }
    if (unwanted)
        discard_add(chunk->cluster, &chunk->id, unwanted);
    free(chunk);
}
