/* Nodes that the records name and -nodes does not: left out by mistake, or taken out for good. Nobody asks them
 * anything, so nothing else would ever say that a copy there is not to be had. When the gateway starts it counts what
 * is recorded on such nodes and says so; after -node-dead-after they are given up like any node that is away so long:
 * their copies count as missing and are made anew, and deletions no longer wait for them. Which nodes there are never
 * changes while the gateway runs, and new chunks go to no others, so this is done once. */
#include "gateway/jobs/background_job.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#define PAGE_CHUNKS 2048
#define PAUSE_MS    5    /* between two pages */
#define RETRY_MS    1000 /* after the rows could not be read or written */

bool background_node_is_gone(const struct background *background, unsigned node)
{
    return __atomic_load_n(&background->unlisted.given_up, __ATOMIC_ACQUIRE) &&
           !cluster_has_node(background->gateway->cluster, node);
}

uint64_t background_unlisted_copies(const struct background *background, unsigned node)
{
    return __atomic_load_n(&background->unlisted.copies[node], __ATOMIC_RELAXED);
}

static void copies_set(struct background *background, unsigned node, uint64_t copies)
{
    char labels[32];

    __atomic_store_n(&background->unlisted.copies[node], copies, __ATOMIC_RELAXED);
    snprintf(labels, sizeof(labels), "node=\"%u\"", node);
    metric_gauge_set(metric_gauge_get("tercet_unlisted_node_copies",
                                      "Copies recorded as good on a node that is not in -nodes.", labels),
                     (double)copies);
}

static void row_count(const struct cluster *cluster, const struct meta_chunk *chunk, uint64_t counts[NODE_NUMBERS])
{
    for (unsigned i = 0; i < chunk->ref.copies && !chunk->unwanted; i++)
        if (!(chunk->bad & 1u << i) && !cluster_has_node(cluster, chunk->ref.nodes[i]))
            counts[chunk->ref.nodes[i]]++;
}

/* Counts the good copies on nodes that are not in the list. CANCELLED when the gateway stops. */
static enum status census_run(struct background *background, uint64_t counts[NODE_NUMBERS])
{
    struct meta_chunk *rows = mem_alloc(PAGE_CHUNKS * sizeof(*rows));
    const struct gateway *gateway = background->gateway;
    enum status status = STATUS_OK;
    struct chunk_id after;
    size_t count = PAGE_CHUNKS;

    for (bool first = true; !status && count == PAGE_CHUNKS; first = false) {
        status = meta_chunk_walk(gateway->meta, first ? NULL : &after, PAGE_CHUNKS, rows, &count);
        for (size_t i = 0; i < count && !status; i++)
            row_count(gateway->cluster, &rows[i], counts);
        if (count > 0)
            after = rows[count - 1].ref.id;
        if (!status && count == PAGE_CHUNKS)
            background_pause(background, PAUSE_MS);
        if (background_is_stopping(background))
            status = STATUS_CANCELLED;
    }
    free(rows);
    return status;
}

static void census_report(struct background *background, const uint64_t counts[NODE_NUMBERS])
{
    for (unsigned node = 0; node < NODE_NUMBERS; node++) {
        if (counts[node] > 0 || cluster_has_node(background->gateway->cluster, node))
            copies_set(background, node,
                       counts[node]); /* of a listed node none: the metric is there before it is needed */
        if (counts[node] == 0)
            continue;
        log_error("copies are recorded on a node that is not in -nodes; they will be given up, and made anew elsewhere",
                  LOG_INT("nodeId", node), LOG_INT("copies", counts[node]),
                  LOG_INT("givenUpInMs", background->gateway->options.node_dead_after_ms));
    }
}

/* Returns whether none is left. */
static bool give_up_all(struct background *background)
{
    bool all = true;

    for (unsigned node = 0; node < NODE_NUMBERS && !background_is_stopping(background); node++) {
        uint64_t missing;
        if (background_unlisted_copies(background, node) == 0)
            continue;
        if (compare_give_up(background, node, &missing)) {
            all = false;
            continue;
        }
        copies_set(background, node, 0);
        log_error("a node that is not in -nodes is given up, its chunks are made anew on the others",
                  LOG_INT("nodeId", node), LOG_INT("missing", missing));
    }
    return all;
}

static uint64_t unlisted_round(struct job *job)
{
    struct background *background = job->background;
    uint64_t due_ms = clock_monotonic_ms() + background->gateway->options.node_dead_after_ms, now_ms;
    uint64_t *counts;

    for (;;) {
        counts = mem_zalloc(NODE_NUMBERS * sizeof(*counts));
        if (census_run(background, counts) == STATUS_OK || background_is_stopping(background))
            break;
        free(counts);
        background_pause(background, RETRY_MS);
    }
    census_report(background, counts);
    free(counts);
    while (!background_is_stopping(background) && (now_ms = clock_monotonic_ms()) < due_ms)
        background_pause(background, due_ms - now_ms);
    while (!background_is_stopping(background) && !give_up_all(background))
        background_pause(background, RETRY_MS);
    if (!background_is_stopping(background))
        __atomic_store_n(&background->unlisted.given_up, true, __ATOMIC_RELEASE);
    return JOB_OVER;
}

const struct job_kind unlisted_job = {.name = "unlisted", .round = unlisted_round};
