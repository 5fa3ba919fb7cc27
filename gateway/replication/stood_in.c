/* See the header. The correction is a commit as any other, for which enough nodes must follow: that may take a while
 * just when a node had to stand in, so it is tried until then. */
#include "gateway/replication/stood_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/task.h"
#include "gateway/replication/replication_internal.h"
#include "meta/repair.h"
#include "meta/take_over.h"
#include "storage/cluster/carriers.h"

/* ---- correcting rows --------------------------------------------------------------------------------------------- */

struct correction {
    struct replication *replication;
    struct chunk_list chunks; /* their ids */
    struct meta_short missing;
};

/* False: it is too late. */
static bool corrections_go_on(struct replication *replication, bool *ready)
{
    lock_acquire(&replication->lock);
    *ready = commit_hooks_enough_follow_locked(replication);
    bool go_on = !replication->ending && !replication->stopping && !replication->refusal;
    lock_release(&replication->lock);
    return go_on;
}

static void correction_end(struct correction *correction)
{
    struct replication *replication = correction->replication;
    chunk_list_release(&correction->chunks);
    free(correction);
    lock_acquire(&replication->lock);
    replication->corrections--;
    pthread_cond_broadcast(&replication->changed);
    lock_release(&replication->lock);
}

static void correction_run(void *arg)
{
    struct correction *correction = arg;
    struct replication *replication = correction->replication;
    enum status status = STATUS_UNAVAILABLE;
    bool ready;
    while ((status == STATUS_UNAVAILABLE || status == STATUS_NO_SPACE) && corrections_go_on(replication, &ready)) {
        if (ready)
            status = repair_replace(replication->meta, &correction->chunks, &correction->missing);
        if (status)
            task_sleep_ms(REPLICATION_RETRY_MS);
    }
    if (status && status != STATUS_UNCERTAIN) /* done here, and handed on later */
        log_warn("rows still promise copies of small chunks for which another node stood in: the comparison finds them",
                 LOG_INT("chunks", correction->chunks.count), LOG_STATUS(status));
    correction_end(correction);
}

static void correction_begin(struct replication *replication, struct chunk_list *take_chunks,
                             const struct meta_short *missing)
{
    lock_acquire(&replication->lock);
    bool begins = !replication->ending && missing->count > 0 && take_chunks->count > 0;
    replication->corrections += begins;
    lock_release(&replication->lock);
    if (!begins) {
        chunk_list_release(take_chunks);
        return;
    }
    struct correction *correction = mem_zalloc(sizeof(*correction));
    *correction = (struct correction){replication, *take_chunks, *missing};
    *take_chunks = (struct chunk_list){0};
    task_spawn(replication->loop, correction_run, correction);
}

void stood_in_record(struct replication *replication, const struct carried_block *block,
                     const struct meta_short *missing)
{
    struct chunk_list chunks = {0};
    struct bytes rest = block->payload;
    struct carried_chunk chunk;
    while (carried_chunk_next(&rest, &chunk) == STATUS_OK)
        chunk_list_append(&chunks, &(struct chunk_ref){.id = chunk.id});
    correction_begin(replication, &chunks, missing);
}

/* The chunk's nodes that are not known to have the record. */
static struct meta_short lacking(const struct chunk_ref *chunk, const struct taken_over *taken)
{
    struct meta_short missing = {0};
    for (unsigned i = 0; i < chunk->copies; i++)
        if (!memchr(taken->holders, chunk->nodes[i], taken->holder_count))
            missing.nodes[missing.count++].lost = chunk->nodes[i];
    return missing;
}

/* Chunks of the same group, whose nodes are the same, follow each other. */
void stood_in_taken_over(struct replication *replication, const struct taken_over *taken)
{
    struct bytes records = buffer_bytes(&taken->record);
    struct change_record record;
    struct chunk_list chunks = {0};
    struct meta_short missing = {0};
    struct chunk_ref chunk;
    if (records.len == 0 || change_record_next(&records, &record))
        return;
    while (take_over_chunk_next(&record.payload, &chunk) == STATUS_OK) {
        struct meta_short its = lacking(&chunk, taken);
        if (memcmp(&its, &missing, sizeof(its)) != 0)
            correction_begin(replication, &chunks, &missing);
        missing = its;
        chunk_list_append(&chunks, &chunk);
    }
    correction_begin(replication, &chunks, &missing);
}

void stood_in_stop_locked(struct replication *replication)
{
    replication->ending = true;
    while (replication->corrections > 0)
        commit_hooks_wait_locked(replication, clock_monotonic_ms() + REPLICATION_RETRY_MS);
}

/* ---- what a node was sent ---------------------------------------------------------------------------------------- */

static const struct feeder *feeder_of(const struct replication *replication, unsigned number)
{
    for (unsigned i = 0; i < replication->count; i++)
        if (replication->feeders[i].number == number)
            return &replication->feeders[i];
    return NULL;
}

/* Which nodes of the block, whose record ends at that sequence, are not known to have it. The first of them is replaced
 * by that node; 0: by none. */
static void missing_find_locked(const struct replication *replication, const struct carried_block *block, uint64_t last,
                                unsigned node, struct meta_short *missing)
{
    *missing = (struct meta_short){0};
    for (unsigned i = 0; i < block->set.count; i++) {
        const struct feeder *feeder = feeder_of(replication, block->set.nodes[i]);
        if (feeder && feeder->applied >= last)
            continue;
        missing->nodes[missing->count].lost = block->set.nodes[i];
        missing->nodes[missing->count].stand_in = missing->count == 0 ? (uint8_t)node : 0;
        missing->count++;
    }
}

/* The next block among records, with its record. False: there is none. */
static bool block_next(struct bytes *rest, struct carried_block *block, struct change_record *record)
{
    while (rest->len > 0) {
        bool carries = carried_block_next(rest, block) == STATUS_OK;
        if (change_record_next(rest, record))
            return false;
        if (carries)
            return true;
    }
    return false;
}

/* The node stored, for others, what nobody waits for any more: others have it, too, or it is to be recorded, since this
 * may be one of few copies. */
static void stored_late(struct feeder *feeder, const struct carried_block *block, uint64_t last, bool recruited)
{
    struct replication *replication = feeder->replication;
    struct meta_short missing;
    lock_acquire(&replication->lock);
    bool spare = last <= replication->settled;
    missing_find_locked(replication, block, last, feeder->number, &missing);
    lock_release(&replication->lock);
    if (missing.count == 0 || (spare && recruited))
        cluster_carried_discard(replication->config.cluster, UINT64_C(1) << feeder->index, block);
    else
        stood_in_record(replication, block, &missing);
}

void stood_in_tell(struct feeder *feeder, struct bytes sent, enum member_state state, bool recruited)
{
    struct replication *replication = feeder->replication;
    struct carried_block block;
    struct change_record record;
    while (block_next(&sent, &block, &record)) {
        lock_acquire(&replication->lock);
        bool known = carried_group_stored(replication, feeder, record.first, state);
        lock_release(&replication->lock);
        if (!known && state == MEMBER_STORED && !carried_set_has(&block.set, (uint8_t)feeder->number))
            stored_late(feeder, &block, record.first + record.count - 1, recruited);
    }
}

/* When it did, nothing of it is sent again. So the rows learn now which copies are not there; a repair then finds the
 * one that may be. */
void stood_in_doubt(struct feeder *feeder, struct bytes sent)
{
    struct replication *replication = feeder->replication;
    struct carried_block block;
    struct change_record record;
    struct meta_short missing;
    while (block_next(&sent, &block, &record)) {
        uint64_t last = record.first + record.count - 1;
        lock_acquire(&replication->lock);
        bool known = carried_group_is_under_way(replication, record.first);
        missing_find_locked(replication, &block, last, 0, &missing);
        lock_release(&replication->lock);
        if (known || last <= feeder->doubted || carried_set_has(&block.set, (uint8_t)feeder->number))
            continue;
        feeder->doubted = last;
        stood_in_record(replication, &block, &missing);
    }
}
