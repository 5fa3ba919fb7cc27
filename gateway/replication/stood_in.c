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

#define CORRECTION_STALLS 4    /* times -stall */
#define CORRECTIONS_MAX   4096 /* a few MiB; what is beyond is left to the comparison, as at the end of the process */

static const struct feeder *feeder_of(const struct replication *replication, unsigned number)
{
    for (unsigned i = 0; i < replication->count; i++)
        if (replication->feeders[i].number == number)
            return &replication->feeders[i];
    return NULL;
}

/* ---- correcting rows --------------------------------------------------------------------------------------------- */

struct correction {
    struct correction *next;
    struct chunk_list chunks; /* their ids */
    struct meta_short missing;
    uint64_t last; /* a node that holds the metadata up to there has the chunks; 0: that says nothing of them */
    uint64_t begun_ms;
};

static void correction_free(struct correction *correction)
{
    chunk_list_release(&correction->chunks);
    free(correction);
}

/* A node that was not met when the correction was made may have all by now. */
static void missing_look_again_locked(const struct replication *replication, struct correction *correction)
{
    struct meta_short *missing = &correction->missing, now = {0};
    uint8_t stand_in = 0;
    for (unsigned i = 0; i < missing->count; i++) {
        const struct feeder *feeder = feeder_of(replication, missing->nodes[i].lost);
        stand_in = stand_in ? stand_in : missing->nodes[i].stand_in;
        if (!feeder || feeder->applied < correction->last)
            now.nodes[now.count++].lost = missing->nodes[i].lost;
    }
    now.nodes[0].stand_in = stand_in;
    *missing = now;
}

/* One that is there gets what is its own with the records that it lacks, and is given time for it. */
static bool others_may_come(const struct replication *replication, const struct correction *correction)
{
    bool come = false;
    if (!correction->last ||
        clock_monotonic_ms() - correction->begun_ms >= CORRECTION_STALLS * replication->config.stall_ms)
        return false;
    for (unsigned i = 0; i < correction->missing.count; i++)
        come = come || cluster_node_readable(replication->config.cluster, correction->missing.nodes[i].lost);
    return come;
}

/* What it is to be tried with now; false: it is too late. */
static bool correction_look(struct replication *replication, struct correction *correction, bool *ready)
{
    lock_acquire(&replication->lock);
    *ready = commit_hooks_enough_follow_locked(replication);
    if (correction->last)
        missing_look_again_locked(replication, correction);
    *ready = *ready && !others_may_come(replication, correction);
    bool go_on = !replication->ending && !replication->stopping && !replication->refusal;
    lock_release(&replication->lock);
    return go_on && correction->missing.count > 0;
}

/* False: the rows are left to the comparison. */
static bool correction_run(struct replication *replication, struct correction *correction)
{
    enum status status = STATUS_UNAVAILABLE;
    bool ready;
    while ((status == STATUS_UNAVAILABLE || status == STATUS_NO_SPACE) &&
           correction_look(replication, correction, &ready)) {
        if (ready)
            status = repair_replace(replication->meta, &correction->chunks, &correction->missing);
        if (status)
            task_sleep_ms(REPLICATION_RETRY_MS);
    }
    return !status || status == STATUS_UNCERTAIN || correction->missing.count == 0; /* UNCERTAIN: is handed on later */
}

/* The next one; NULL: there is none, and the task ends. */
static struct correction *correction_take(struct replication *replication)
{
    lock_acquire(&replication->lock);
    struct correction *correction = replication->corrections;
    if (correction) {
        replication->corrections = correction->next;
        replication->correction_count--;
    } else {
        replication->correcting = false;
        pthread_cond_broadcast(&replication->changed);
    }
    lock_release(&replication->lock);
    return correction;
}

static void corrections_main(void *arg)
{
    struct replication *replication = arg;
    struct correction *correction;
    size_t left = 0;
    while ((correction = correction_take(replication))) {
        left += correction_run(replication, correction) ? 0 : correction->chunks.count;
        correction_free(correction);
    }
    if (left)
        log_warn("rows still promise copies of small chunks for which another node stood in: the comparison finds them",
                 LOG_INT("chunks", left));
}

/* False: there is no room for it. */
static bool correction_add_locked(struct replication *replication, struct correction *take_correction)
{
    struct correction **end = &replication->corrections;
    if (replication->correction_count == CORRECTIONS_MAX)
        return false;
    if (replication->corrections)
        end = &replication->last_correction->next;
    *end = replication->last_correction = take_correction;
    replication->correction_count++;
    return true;
}

/* last: see struct correction. */
static void correction_begin(struct replication *replication, struct chunk_list *take_chunks,
                             const struct meta_short *missing, uint64_t last)
{
    struct correction *correction = mem_zalloc(sizeof(*correction));
    *correction = (struct correction){
        .chunks = *take_chunks, .missing = *missing, .last = last, .begun_ms = clock_monotonic_ms()};
    *take_chunks = (struct chunk_list){0};
    lock_acquire(&replication->lock);
    bool wanted = !replication->ending && missing->count > 0 && correction->chunks.count > 0;
    bool added = wanted && correction_add_locked(replication, correction);
    bool begins = added && !replication->correcting;
    replication->correcting = replication->correcting || begins;
    lock_release(&replication->lock);
    if (begins)
        task_spawn(replication->loop, corrections_main, replication);
    if (added)
        return;
    if (wanted)
        log_warn("too many rows wait to be told where small chunks are: the comparison finds these",
                 LOG_INT("chunks", correction->chunks.count));
    correction_free(correction);
}

static void block_correct(struct replication *replication, const struct carried_block *block,
                          const struct meta_short *missing, uint64_t last)
{
    struct chunk_list chunks = {0};
    struct bytes rest = block->payload;
    struct carried_chunk chunk;
    while (carried_chunk_next(&rest, &chunk) == STATUS_OK)
        chunk_list_append(&chunks, &(struct chunk_ref){.id = chunk.id});
    correction_begin(replication, &chunks, missing, last);
}

void stood_in_record(struct replication *replication, const struct carried_block *block,
                     const struct meta_short *missing)
{
    block_correct(replication, block, missing, 0);
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
            correction_begin(replication, &chunks, &missing, 0);
        missing = its;
        chunk_list_append(&chunks, &chunk);
    }
    correction_begin(replication, &chunks, &missing, 0);
}

void stood_in_stop_locked(struct replication *replication)
{
    replication->ending = true;
    while (replication->correcting)
        commit_hooks_wait_locked(replication, clock_monotonic_ms() + REPLICATION_RETRY_MS);
}

/* ---- what a node was sent ---------------------------------------------------------------------------------------- */

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
        block_correct(replication, block, &missing, last);
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
        block_correct(replication, &block, &missing, last);
    }
}
