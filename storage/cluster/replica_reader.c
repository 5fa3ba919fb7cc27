/* See the header. The bytes are handed out straight from the call's receive buffer, so a reader holds at most
 * twice the receive window (replica_attempt.c), four times while a read is hedged, and the chunk's table of CRCs (2 KiB
 * for 32 MiB).
 *
 * Two rounds through the replicas: in the first one each has stall_ms to show progress; those that did not say that
 * they lack the chunk are asked once more and share node_timeout_ms. What one replica proves wrong (missing, or other
 * bytes than recorded) is final for it. A caller that stays away for long makes a node give the transfer up: that is
 * excused, once per block. */
#include "storage/cluster/replica_reader_internal.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "storage/cluster/hedge.h"

#define STALL_CONFIRM_MS 20
#define PROMPT_US        5000 /* a caller that waits so soon after the request was sent saw when the answer came */

/* 0 ... range - 1. Ties are no secret: this costs no system call, which random_bytes does. */
static unsigned dice(unsigned range)
{
    static _Thread_local uint32_t state;
    while (state == 0)
        random_bytes(&state, sizeof(state));
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % range;
}

struct candidate {
    struct replica *replica;
    bool good;
    unsigned load;
};

/* Negative when `a` is to be asked before `b`: good nodes first, then those that are not slow, then those with the
 * fewest requests under way. */
static int candidate_compare(const struct candidate *a, const struct candidate *b)
{
    if (a->good != b->good)
        return a->good ? -1 : 1;
    if (hedge_is_slower(a->replica->node, b->replica->node))
        return 1;
    if (hedge_is_slower(b->replica->node, a->replica->node))
        return -1;
    return a->load == b->load ? 0 : a->load < b->load ? -1 : 1;
}

/* The replica to ask next, ties at random. NULL: all were asked. */
static struct replica *choose(struct replica_reader *reader)
{
    struct candidate best = {0};
    unsigned ties = 0;
    for (unsigned i = 0; i < reader->ref.copies; i++) {
        struct replica *replica = &reader->replicas[i];
        if (!replica->node || replica->asked || replica->bad)
            continue;
        struct candidate candidate = {replica, node_standing(replica->node) == NODE_GOOD,
                                      node_in_flight(replica->node)};
        int order = best.replica ? candidate_compare(&candidate, &best) : -1;
        ties = order < 0 ? 1 : ties + (order == 0);
        if (order < 0 || (order == 0 && dice(ties) == 0))
            best = candidate;
    }
    return best.replica;
}

enum status replica_reader_open(struct cluster *cluster, const struct chunk_ref *ref, uint32_t offset, uint32_t len,
                                struct replica_reader **reader)
{
    *reader = NULL;
    if (ref->size == 0 || ref->size > CHUNK_BYTES_MAX || ref->copies > CHUNK_COPIES_MAX || len == 0 ||
        offset >= ref->size || len > ref->size - offset)
        return STATUS_CORRUPT;
    struct replica_reader *opened = mem_zalloc(sizeof(*opened));
    opened->cluster = cluster;
    opened->ref = *ref;
    for (unsigned i = 0; i < ref->copies; i++)
        opened->replicas[i].node = cluster_node(cluster, ref->nodes[i]);
    opened->position = offset;
    opened->end = offset + len;
    opened->block = offset / CHUNK_BLOCK_BYTES;
    opened->block_end = chunk_block_count(offset + len);
    opened->table = mem_alloc(chunk_block_count(ref->size) * sizeof(uint32_t));
    opened->opened_ms = opened->waiting_since_ms = opened->returned_ms = clock_monotonic_ms();
    struct replica *first = choose(opened);
    if (first)
        replica_attempt_begin(opened, &opened->current, first);
    hedge_earn(cluster);
    *reader = opened;
    return STATUS_OK;
}

static void report_damage(struct replica_reader *reader, const struct node *node, enum status why)
{
    struct cluster *cluster = reader->cluster;
    metric_counter_add(cluster->metrics.read_damaged, 1);
    if (cluster->damage_fn)
        cluster->damage_fn(cluster->damage_arg, &reader->ref.id, node->number, why);
}

/* Did the node end the transfer because we took nothing for long? */
static bool is_excused(struct replica_reader *reader, const struct replica_attempt *attempt, enum node_outcome outcome)
{
    const struct http_call *http = attempt->call.http;
    if (outcome != NODE_FAILED || !http_call_ended(http) || http_call_status(http) != 200 ||
        reader->away_ms <= reader->cluster->config.stall_ms || reader->block < reader->excused_block)
        return false;
    reader->excused_block = reader->block + 1;
    return true;
}

/* Ends with an attempt that failed. A rival takes the place of the current one. */
static void give_up(struct replica_reader *reader, struct replica_attempt *attempt, enum node_outcome outcome,
                    enum status why, const char *reason)
{
    struct replica *replica = attempt->replica;
    char id[CHUNK_ID_TEXT_LEN + 1];
    if (is_excused(reader, attempt, outcome)) {
        replica->asked = false;
        outcome = NODE_ABANDONED;
    }
    if (node_call_is_misdated(&attempt->call, &replica->redated))
        replica->asked = false;
    chunk_id_format(&reader->ref.id, id);
    log_warn("a replica could not be read", LOG_STR("chunkID", id), LOG_INT("node", replica->node->number),
             LOG_INT("block", reader->block), LOG_STR("error", reason));
    node_call_finish(&attempt->call, outcome, reason);
    if (why == STATUS_NOT_FOUND || why == STATUS_CORRUPT) {
        replica->bad = true;
        report_damage(reader, replica->node, why);
    }
    *attempt = (struct replica_attempt){0};
    if (attempt == &reader->current) {
        reader->current = reader->rival;
        reader->rival = (struct replica_attempt){0};
        reader->handed_out = 0;
    }
}

/* Is there a copy that was not proven wrong, be it on a node that is not configured any more? */
static bool may_exist(const struct replica_reader *reader)
{
    for (unsigned i = 0; i < reader->ref.copies; i++)
        if (!reader->replicas[i].bad)
            return true;
    return false;
}

/* Turns to the next replica, in the second round if need be. */
static enum status next_replica(struct replica_reader *reader)
{
    struct replica *replica = choose(reader);
    if (!replica && !reader->second_round) {
        reader->second_round = true;
        for (unsigned i = 0; i < reader->ref.copies; i++)
            reader->replicas[i].asked = false;
        replica = choose(reader);
    }
    if (!replica) {
        metric_counter_add(reader->cluster->metrics.read_failed, 1);
        return may_exist(reader) ? STATUS_UNAVAILABLE : STATUS_CORRUPT;
    }
    reader->waiting_since_ms = clock_monotonic_ms();
    reader->hedged = false;
    metric_counter_add(reader->cluster->metrics.read_failovers, 1);
    replica_attempt_begin(reader, &reader->current, replica);
    return STATUS_OK;
}

/* When silence of the current replica becomes a failure. */
static uint64_t silence_deadline(const struct replica_reader *reader)
{
    const struct cluster_config *config = &reader->cluster->config;
    uint64_t since_ms = http_call_last_progress_ms(reader->current.call.http);
    uint64_t share_ms = config->node_timeout_ms / reader->ref.copies;
    if (since_ms < reader->waiting_since_ms)
        since_ms = reader->waiting_since_ms;
    return since_ms + (reader->second_round && share_ms > config->stall_ms ? share_ms : config->stall_ms);
}

/* All is handed out: the exchange should be over too, and its connection is kept if it is. */
static void finish(struct replica_reader *reader)
{
    struct node_call *call = &reader->current.call;
    if (!call->http)
        return;
    STATUS_IGNORE(http_call_wait_end(call->http, clock_monotonic_ms() + reader->cluster->config.stall_ms),
                  "a connection that is not over is not kept");
    node_call_finish(call, NODE_ANSWERED, NULL);
}

static void begin_wait(struct replica_reader *reader)
{
    if (reader->current.call.http && reader->handed_out)
        http_call_consume(reader->current.call.http, reader->handed_out);
    reader->handed_out = 0;
    reader->waiting_since_ms = clock_monotonic_ms();
    reader->away_ms = reader->waiting_since_ms - reader->returned_ms;
}

static void end_wait(struct replica_reader *reader)
{
    reader->returned_ms = clock_monotonic_ms();
    if (reader->measured)
        return;
    metric_histogram_observe(reader->cluster->metrics.read_seconds,
                             (double)(reader->returned_ms - reader->opened_ms) / 1000);
    reader->measured = true;
}

/* ---- hedging ------------------------------------------------------------------------------------------------- */

/* When to ask a second replica: only for the first bytes of an answer, be it one that took over for another. */
static uint64_t hedge_time(const struct replica_reader *reader)
{
    if (reader->hedged || reader->second_round || reader->current.brought)
        return CLOCK_NEVER;
    return reader->waiting_since_ms + hedge_delay_ms(reader->cluster, reader->current.replica->node);
}

static void hedge(struct replica_reader *reader)
{
    reader->hedged = true;
    struct replica *replica = choose(reader);
    if (!replica || node_standing(replica->node) == NODE_DOWN || !hedge_spend(reader->cluster))
        return;
    metric_counter_add(reader->cluster->metrics.read_hedges, 1);
    replica_attempt_begin(reader, &reader->rival, replica);
}

/* The rival was first: it goes on, and the other node is checked if it has answered nothing at all meanwhile. */
static void rival_won(struct replica_reader *reader)
{
    struct node *loser = reader->current.replica->node;
    metric_counter_add(reader->cluster->metrics.read_hedges_won, 1);
    hedge_learn(loser, clock_monotonic_us() - reader->current.begun_us);
    node_call_finish(&reader->current.call, NODE_ABANDONED, NULL);
    node_late(loser, reader->current.begun_us / 1000);
    reader->current = reader->rival;
    reader->rival = (struct replica_attempt){0};
}

/* Bytes are there: what is learnt from the first ones, and the end of the race. */
static void race_over(struct replica_reader *reader)
{
    uint64_t now_us = clock_monotonic_us();
    if (reader->rival.replica) {
        node_call_finish(&reader->rival.call, NODE_ABANDONED, NULL);
        reader->rival = (struct replica_attempt){0};
    }
    if (!reader->current.brought && reader->waiting_since_ms * 1000 < reader->current.begun_us + PROMPT_US)
        hedge_learn(reader->current.replica->node, now_us - reader->current.begun_us);
    reader->current.brought = true;
}

/* ---- waiting ------------------------------------------------------------------------------------------------- */

struct failure {
    struct replica_attempt *attempt;
    enum node_outcome outcome;
    const char *reason;
};

/* One look at those that were asked. STATUS_TIMEOUT: nothing yet; else *failure is set. */
static enum status look(struct replica_reader *reader, struct bytes *out, struct failure *failure)
{
    failure->attempt = &reader->current;
    enum status status = replica_attempt_look(reader, &reader->current, out, &failure->outcome, &failure->reason);
    if (status == STATUS_TIMEOUT && reader->rival.replica) {
        failure->attempt = &reader->rival;
        status = replica_attempt_look(reader, &reader->rival, out, &failure->outcome, &failure->reason);
        if (!status)
            rival_won(reader);
    }
    if (!status)
        race_over(reader);
    return status;
}

/* Waits for blocks. Any failure but STATUS_TIMEOUT for a stall is as `look` says. */
static enum status wait_blocks(struct replica_reader *reader, struct bytes *out, struct failure *failure)
{
    bool silent_before = false;
    for (;;) {
        enum status status = look(reader, out, failure);
        if (status != STATUS_TIMEOUT)
            return status;
        uint64_t deadline_ms = silence_deadline(reader), hedge_ms = hedge_time(reader);
        uint64_t now_ms = clock_monotonic_ms();
        bool silent = now_ms >= deadline_ms;
        /* Seen twice, with turns of the loop between: a pause of this process looks the same as a stall. */
        if (silent && silent_before) {
            *failure = (struct failure){&reader->current, NODE_FAILED, "stalled"};
            return STATUS_TIMEOUT;
        }
        silent_before = silent;
        if (now_ms >= hedge_ms)
            hedge(reader);
        else if (silent)
            task_sleep_ms(STALL_CONFIRM_MS);
        else
            task_park_until(hedge_ms < deadline_ms ? hedge_ms : deadline_ms);
    }
}

enum status replica_reader_next(struct replica_reader *reader, struct bytes *out)
{
    *out = bytes_of(NULL, 0);
    begin_wait(reader);
    if (reader->position == reader->end) {
        finish(reader);
        return STATUS_OK;
    }
    for (;;) {
        struct failure failure;
        enum status status = reader->current.replica ? STATUS_OK : next_replica(reader);
        if (status)
            return status;
        status = wait_blocks(reader, out, &failure);
        if (!status)
            break;
        give_up(reader, failure.attempt, failure.outcome, status, failure.reason);
    }
    end_wait(reader);
    return STATUS_OK;
}

uint64_t replica_reader_remaining(const struct replica_reader *reader)
{
    return reader->end - reader->position;
}

void replica_reader_free(struct replica_reader *reader)
{
    if (!reader)
        return;
    node_call_finish(&reader->rival.call, NODE_ABANDONED, NULL);
    node_call_finish(&reader->current.call, NODE_ABANDONED, NULL);
    free(reader->table);
    free(reader);
}
