/* Comparing what each node holds with what is recorded of it: when the gateway starts, when the node was away,
 * restarted or found damage, and from time to time. A node that was away takes no chunks before (it is read all the
 * same).
 *
 *   recorded, not there            taken back from the node's trash, else queued for repair
 *   there, not counted as good     removed when others that were compared hold enough good copies, else left
 *   there, recorded nowhere        counted: an upload under way, or an orphan, which goes to the trash (orphan.h)
 * What was deleted while the node was away is no business of this: its rows wait in the garbage queue until the node
 * has acknowledged; a node that was given up stays recorded beside the new copies for this. A page of rows is read
 * before the copies of that range: a copy is durable before its row is, so that a row whose copy is not among those
 * read later has none; but for small chunks that ride with their commit, which are passed over while they are live. A
 * node away for long is given up: all its copies count as missing. */
#include "gateway/jobs/background_job.h"
#include "gateway/replication/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#define PAGE_CHUNKS   2048
#define PAGE_TRASH    256
#define EXCESS_CHUNKS 32   /* removed with one request, and claimed until then */
#define PAUSE_MS      20   /* between two pages, unless a node waits for the end of it */
#define WATCH_MS      100  /* how soon a change of a node is noticed */
#define RETRY_MS      1000 /* after a comparison that failed */

struct comparison {
    struct background *background;
    unsigned node;
    bool holds_nothing; /* the node is given up and not asked */
    bool urgent;
    struct meta_chunk *rows;
    size_t row_count, row;
    struct cluster_copy *copies, *trash;
    struct chunk_ref missing[META_REPAIR_ADD_MAX];
    size_t missing_count;
    struct chunk_id excess[EXCESS_CHUNKS]; /* claimed */
    size_t excess_count;
    bool excess_left; /* what may be too many, when other nodes are compared */
    uint64_t found_copies, found_missing, found_restored, found_excess, found_unknown, found_unknown_bytes;
    struct orphans orphans;
};

static struct comparison *comparison_create(struct background *background, unsigned node, bool holds_nothing)
{
    struct comparison *work = mem_zalloc(sizeof(*work));
    work->background = background;
    work->node = node;
    work->holds_nothing = holds_nothing;
    work->rows = mem_alloc(PAGE_CHUNKS * sizeof(*work->rows));
    work->copies = mem_alloc(PAGE_CHUNKS * sizeof(*work->copies));
    work->trash = mem_alloc(PAGE_TRASH * sizeof(*work->trash));
    return work;
}

static void comparison_free(struct comparison *work)
{
    orphans_release(&work->orphans);
    free(work->trash);
    free(work->copies);
    free(work->rows);
    free(work);
}

/* Whether the chunk is recorded on the node; *good whether as a good copy. */
static bool is_recorded(const struct meta_chunk *chunk, unsigned node, bool *good)
{
    for (unsigned i = 0; i < chunk->ref.copies; i++) {
        *good = !(chunk->bad & 1u << i);
        if (chunk->ref.nodes[i] == node)
            return true;
    }
    return false;
}

/* False when there is none. */
static bool id_before(struct chunk_id *id)
{
    for (int i = CHUNK_ID_LEN - 1; i >= 0; i--)
        if (id->bytes[i]-- > 0)
            return true;
    return false;
}

/* A page of the trash against the missing chunks from `at` on: those that could be taken back are struck off. Returns
 * where to go on. */
static size_t trash_page_restore(struct comparison *work, size_t count, size_t at, bool *struck)
{
    for (size_t i = 0; i < count; i++) {
        int order = -1;
        while (at < work->missing_count &&
               (order = memcmp(&work->missing[at].id, &work->trash[i].id, sizeof(struct chunk_id))) < 0)
            at++;
        if (at == work->missing_count)
            break;
        if (order > 0)
            continue;
        struct cluster *cluster = work->background->gateway->cluster;
        struck[at] = cluster_copy_restore(cluster, &work->missing[at], work->node) == STATUS_OK;
    }
    return at;
}

/* What is missing may lie in the node's trash, put there by mistake or on the grounds of metadata that were lost since:
 * takes it back. Both lists are in the order of the ids. */
static void missing_restore(struct comparison *work)
{
    bool struck[META_REPAIR_ADD_MAX] = {false};
    struct chunk_id position = work->missing[0].id;
    bool has_position = id_before(&position);
    size_t at = 0, kept = 0, count = PAGE_TRASH;

    while (at < work->missing_count && count == PAGE_TRASH && !background_is_stopping(work->background)) {
        if (cluster_trash(work->background->gateway->cluster, work->node, has_position ? &position : NULL, PAGE_TRASH,
                          work->trash, &count))
            break; /* repair does without */
        at = trash_page_restore(work, count, at, struck);
        if (count > 0)
            position = work->trash[count - 1].id;
        has_position = true;
    }
    for (size_t i = 0; i < work->missing_count; i++)
        if (!struck[i])
            work->missing[kept++] = work->missing[i];
    work->found_restored += work->missing_count - kept;
    work->missing_count = kept;
}

static enum status missing_flush(struct comparison *work)
{
    struct chunk_id ids[META_REPAIR_ADD_MAX];

    if (work->missing_count > 0 && !work->holds_nothing)
        missing_restore(work);
    for (size_t i = 0; i < work->missing_count; i++)
        ids[i] = work->missing[i].id;
    work->found_missing += work->missing_count;
    enum status status = meta_repair_add_many(work->background->gateway->meta, ids, work->missing_count, work->node);
    work->missing_count = 0;
    return status;
}

/* The row's copy is not there, should it be. */
static enum status row_without_copy(struct comparison *work, const struct meta_chunk *chunk)
{
    bool good;

    if (chunk->unwanted || !is_recorded(chunk, work->node, &good) || !good)
        return STATUS_OK;
    work->missing[work->missing_count++] = chunk->ref;
    return work->missing_count == META_REPAIR_ADD_MAX ? missing_flush(work) : STATUS_OK;
}

static bool is_excess(const struct meta_chunk *chunk, unsigned node)
{
    bool good;
    if (chunk->unwanted) /* what is recorded is freed with the others */
        return !is_recorded(chunk, node, &good);
    return (!is_recorded(chunk, node, &good) || !good) &&
           chunk->ref.copies - (unsigned)__builtin_popcount(chunk->bad) >= CHUNK_COPIES;
}

/* Was the node compared since it last changed, and does it answer? Then what it lacks is recorded as missing. */
static bool node_is_compared(const struct background *background, unsigned index)
{
    const struct node_watch *watch = &background->nodes[index];
    struct cluster_node_info info;
    cluster_node_info(background->gateway->cluster, index, &info);
    return watch->compared && watch->changes == info.changes &&
           cluster_node_readable(background->gateway->cluster, info.number);
}

/* Does the node say so now? */
static bool copy_is_there(struct cluster *cluster, unsigned node, const struct chunk_id *id)
{
    struct chunk_id before = *id;
    struct cluster_copy copy;
    size_t count;
    bool has_before = id_before(&before);
    return cluster_inventory(cluster, node, has_before ? &before : NULL, 1, &copy, &count) == STATUS_OK && count == 1 &&
           memcmp(&copy.id, id, sizeof(*id)) == 0;
}

/* Are the copies there that the row counts? Else this one may be the only one left: a process that ends does not always
 * come to record which node stood in for another. Each node is asked, too, since the row may be younger than its last
 * comparison. */
static bool others_are_there(const struct comparison *work, const struct meta_chunk *chunk)
{
    const struct background *background = work->background;
    struct cluster *cluster = background->gateway->cluster;
    struct cluster_node_info info;
    unsigned there = 0;
    if (chunk->unwanted)
        return true;
    for (unsigned i = 0; i < cluster_node_count(cluster); i++) {
        bool good = false;
        cluster_node_info(cluster, i, &info);
        there += is_recorded(chunk, info.number, &good) && good && node_is_compared(background, i) &&
                 copy_is_there(cluster, info.number, &chunk->ref.id);
    }
    return there >= CHUNK_COPIES;
}

/* Deletes what was found to be too many. */
static enum status excess_flush(struct comparison *work)
{
    struct background *background = work->background;
    bool gone[EXCESS_CHUNKS] = {0};
    enum status status = STATUS_UNAVAILABLE;

    if (work->excess_count == 0)
        return STATUS_OK;
    if (lease_holds(background->gateway->lease)) /* else the rows are no measure of what is too much */
        status =
            cluster_chunks_delete(background->gateway->cluster, work->node, work->excess, work->excess_count, gone);
    for (size_t i = 0; i < work->excess_count; i++) {
        work->found_excess += gone[i];
        background_unclaim(background, &work->excess[i]);
    }
    work->excess_count = 0;
    return status;
}

/* The copy is there, recorded or not. What the row says now counts, and nobody else changes it meanwhile. */
static enum status row_with_copy(struct comparison *work, const struct meta_chunk *chunk)
{
    struct background *background = work->background;
    struct meta_chunk now;

    if (!is_excess(chunk, work->node) || !background_claim(background, &chunk->ref.id))
        return STATUS_OK;
    bool excess =
        meta_chunk_get(background->gateway->meta, &chunk->ref.id, &now) == STATUS_OK && is_excess(&now, work->node);
    bool there = excess && others_are_there(work, &now);
    work->excess_left = work->excess_left || (excess && !there);
    if (there)
        work->excess[work->excess_count++] = chunk->ref.id;
    else
        background_unclaim(background, &chunk->ref.id);
    return work->excess_count == EXCESS_CHUNKS ? excess_flush(work) : STATUS_OK;
}

static enum status copy_compare(struct comparison *work, const struct cluster_copy *copy)
{
    enum status status = STATUS_OK;

    work->found_copies++;
    for (; work->row < work->row_count && !status; work->row++) {
        int order = memcmp(&work->rows[work->row].ref.id, &copy->id, sizeof(copy->id));
        if (order == 0)
            return row_with_copy(work, &work->rows[work->row++]);
        if (order > 0)
            break;
        status = row_without_copy(work, &work->rows[work->row]);
    }
    work->found_unknown++;
    work->found_unknown_bytes += copy->size;
    orphans_consider(work->background, &work->orphans, copy);
    return status;
}

static enum status range_walk(struct comparison *work, const struct chunk_id *after, const struct chunk_id *last)
{
    struct cluster *cluster = work->background->gateway->cluster;
    struct chunk_id position;
    size_t count, i;
    enum status status;

    do {
        status = cluster_inventory(cluster, work->node, after, PAGE_CHUNKS, work->copies, &count);
        for (i = 0; i < count && !status && memcmp(&work->copies[i].id, last, sizeof(*last)) <= 0; i++)
            status = copy_compare(work, &work->copies[i]);
        if (i > 0) {
            position = work->copies[i - 1].id;
            after = &position;
        }
    } while (!status && i == PAGE_CHUNKS && !background_is_stopping(work->background));
    if (!status && i == PAGE_CHUNKS)
        return STATUS_CANCELLED; /* the copies behind were not looked at */
    for (; work->row < work->row_count && !status; work->row++)
        status = row_without_copy(work, &work->rows[work->row]);
    return status;
}

/* The rows in hand against the copies behind `after` up to and with `last`. */
static enum status range_compare(struct comparison *work, const struct chunk_id *after, const struct chunk_id *last)
{
    enum status status = range_walk(work, after, last);
    enum status flushed = excess_flush(work); /* whatever happened: nothing stays claimed */
    return status ? status : flushed;
}

/* A chunk that is being written is no business of this: its copies may still be on their way, or its row be about to be
 * corrected. Asked before the copies are read, since what is not live then has all of them. */
static void rows_drop_live(struct comparison *work)
{
    size_t kept = 0;
    for (size_t i = 0; i < work->row_count; i++)
        if (!cluster_chunk_is_live(work->background->gateway->cluster, &work->rows[i].ref.id))
            work->rows[kept++] = work->rows[i];
    work->row_count = kept;
}

static enum status comparison_run(struct comparison *work)
{
    struct chunk_id after, last;
    bool first = true, ended = false;
    enum status status = STATUS_OK;

    while (!status && !ended) {
        if (background_is_stopping(work->background))
            return STATUS_CANCELLED;
        status = meta_chunk_walk(work->background->gateway->meta, first ? NULL : &after, PAGE_CHUNKS, work->rows,
                                 &work->row_count);
        work->row = 0;
        ended = work->row_count < PAGE_CHUNKS;
        memset(&last, 0xff, sizeof(last));
        if (!ended)
            last = work->rows[work->row_count - 1].ref.id;
        rows_drop_live(work);
        if (!status && !work->holds_nothing)
            status = range_compare(work, first ? NULL : &after, &last);
        for (; work->row < work->row_count && !status; work->row++)
            status = row_without_copy(work, &work->rows[work->row]);
        after = last;
        first = false;
        if (!ended && !work->urgent)
            background_pause(work->background, PAUSE_MS);
    }
    return status ? status : missing_flush(work);
}

/* Hands the orphans over to the job that puts them into the trash, unless they are too many to be true. */
static void orphans_hand_over(struct node_watch *watch, struct comparison *work)
{
    uint64_t percent = work->background->gateway->options.orphan_percent;
    bool doubted = orphans_are_doubtful(work->orphans.count, work->found_copies, percent);
    char labels[32];

    __atomic_store_n(&watch->orphan_count, work->orphans.count, __ATOMIC_RELAXED);
    __atomic_store_n(&watch->orphan_bytes, work->orphans.bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&watch->orphans_doubted, doubted, __ATOMIC_RELAXED);
    snprintf(labels, sizeof(labels), "node=\"%u\"", work->node);
    metric_gauge_set(metric_gauge_get("tercet_orphans",
                                      "Orphans (chunks without a record) that the last comparison of the node found.",
                                      labels),
                     (double)work->orphans.count);
    metric_gauge_set(
        metric_gauge_get("tercet_orphan_bytes",
                         "Bytes of the orphans (chunks without a record) that the last comparison of the node found.",
                         labels),
        (double)work->orphans.bytes);
    metric_gauge_set(metric_gauge_get("tercet_orphans_doubted",
                                      "1 while so many of a node's chunks look like orphans that none is touched.",
                                      labels),
                     doubted);
    orphans_release(&watch->orphans);
    if (doubted) {
        log_error("too many chunks of a node are recorded nowhere, none of them is touched: are the metadata right?",
                  LOG_INT("node", work->node), LOG_INT("orphans", work->orphans.count),
                  LOG_INT("chunks", work->found_copies));
    } else {
        watch->orphans = work->orphans;
        work->orphans = (struct orphans){0};
    }
}

/* 0 makes the metrics known. */
static void count_found(uint64_t restored, uint64_t missing, uint64_t excess)
{
    metric_counter_add(
        metric_counter_get("tercet_compare_restored_total", "Missing copies taken back from a node's trash.", ""),
        restored);
    metric_counter_add(
        metric_counter_get("tercet_compare_missing_total", "Recorded copies that a node turned out to lack.", ""),
        missing);
    metric_counter_add(
        metric_counter_get("tercet_compare_excess_total", "Copies beyond those that count, removed from a node.", ""),
        excess);
}

static void watch_record(struct node_watch *watch, const struct comparison *work)
{
    __atomic_store_n(&watch->missing, work->found_missing, __ATOMIC_RELAXED);
    __atomic_store_n(&watch->excess, work->found_excess, __ATOMIC_RELAXED);
    __atomic_store_n(&watch->unknown, work->found_unknown, __ATOMIC_RELAXED);
    __atomic_store_n(&watch->unknown_bytes, work->found_unknown_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&watch->compared_ms, clock_wall_ms(), __ATOMIC_RELAXED);
    __atomic_add_fetch(&watch->restored, work->found_restored, __ATOMIC_RELAXED);
    count_found(work->found_restored, work->found_missing, work->found_excess);
}

static bool others_are_compared(const struct background *background, unsigned index)
{
    for (unsigned i = 0; i < cluster_node_count(background->gateway->cluster); i++)
        if (i != index && !node_is_compared(background, i))
            return false;
    return true;
}

static void node_compare(struct background *background, struct node_watch *watch, const struct cluster_node_info *info)
{
    struct comparison *work = comparison_create(background, info->number, false);
    work->urgent = info->awaits_comparison;
    bool is_last = others_are_compared(background, (unsigned)(watch - background->nodes));
    enum status status = comparison_run(work);

    if (status) {
        log_warn("comparing the chunks of a node failed, will be tried again", LOG_INT("node", info->number),
                 LOG_STATUS(status));
        watch->retry_ms = clock_monotonic_ms() + RETRY_MS;
    } else {
        watch_record(watch, work);
        orphans_hand_over(watch, work);
        watch->compared = true;
        watch->given_up = false;
        watch->excess_left = work->excess_left && !is_last;
        watch->changes = info->changes;
        watch->next_ms = clock_monotonic_ms() + background->gateway->options.inventory_interval_ms;
        cluster_node_admit(background->gateway->cluster, info->number, info->changes);
        log_info("chunks of a node compared", LOG_INT("node", info->number), LOG_INT("missing", work->found_missing),
                 LOG_INT("restored", work->found_restored), LOG_INT("excess", work->found_excess),
                 LOG_INT("unknown", work->found_unknown), LOG_INT("orphans", watch->orphan_count));
    }
    comparison_free(work);
}

enum status compare_give_up(struct background *background, unsigned node, uint64_t *missing)
{
    struct comparison *work = comparison_create(background, node, true);
    work->urgent = true;
    enum status status = comparison_run(work);

    *missing = work->found_missing;
    comparison_free(work);
    return status;
}

static void node_give_up(struct background *background, struct node_watch *watch, const struct cluster_node_info *info)
{
    uint64_t missing;

    if (compare_give_up(background, info->number, &missing)) {
        watch->retry_ms = clock_monotonic_ms() + RETRY_MS;
        return;
    }
    watch->given_up = true;
    log_warn("node is away too long, its chunks are made anew on the others", LOG_INT("node", info->number),
             LOG_INT("missing", missing));
}

static void node_look_after(struct background *background, unsigned index)
{
    struct node_watch *watch = &background->nodes[index];
    struct cluster_node_info info;
    uint64_t now_ms = clock_monotonic_ms();

    cluster_node_info(background->gateway->cluster, index, &info);
    if (now_ms < watch->retry_ms)
        return;
    if (info.down_since_ms) {
        if (!watch->given_up && now_ms - info.down_since_ms >= background->gateway->options.node_dead_after_ms)
            node_give_up(background, watch, &info);
    } else if (cluster_node_readable(background->gateway->cluster, info.number) &&
               (!watch->compared || watch->changes != info.changes || now_ms >= watch->next_ms ||
                (watch->excess_left && others_are_compared(background, index)))) {
        node_compare(background, watch, &info);
    }
}

static uint64_t compare_round(struct job *job)
{
    struct background *background = job->background;

    for (unsigned i = 0; i < cluster_node_count(background->gateway->cluster); i++)
        if (!background_is_stopping(background))
            node_look_after(background, i);
    return WATCH_MS;
}

static void compare_register_metrics(struct background *background)
{
    (void)background;
    count_found(0, 0, 0);
}

const struct job_kind compare_job = {
    .name = "compare", .register_metrics = compare_register_metrics, .round = compare_round};
