/* See the header. The bytes are handed out straight from the call's receive buffer, so a reader holds at most
 * twice RECEIVE_WINDOW_BYTES (see http_call.c) and the chunk's table of CRCs (2 KiB for 32 MiB).
 *
 * Two rounds through the replicas: in the first one each has stall_ms to show progress; those that did not say that
 * they lack the chunk are asked once more and share node_timeout_ms. What one replica proves wrong (missing, or other
 * bytes than recorded) is final for it. A caller that stays away for long makes a node give the transfer up: that is
 * excused, once per block. */
#include "storage/cluster/replica_reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"
#include "storage/cluster/node_call.h"

#define RECEIVE_WINDOW_BYTES (192u << 10)
#define STALL_CONFIRM_MS     20

static_assert(RECEIVE_WINDOW_BYTES >= CHUNK_BLOCK_BYTES + CHUNK_BLOCKS_MAX * 4, "a block and the table must fit");

struct replica {
    struct node *node;
    bool asked; /* in this round */
    bool bad;   /* missing or damaged: not asked again */
    bool dated; /* it refused our clock's time, and was excused */
};

struct replica_reader {
    struct cluster *cluster;
    struct chunk_ref ref;
    struct replica replicas[CHUNK_COPIES_MAX];
    uint32_t end;       /* of the wanted part, within the chunk */
    uint32_t position;  /* the next byte to hand out */
    uint32_t block;     /* the next block to verify */
    uint32_t block_end; /* behind the last block that is wanted */
    uint32_t *table;    /* CRC32C per block of the whole chunk */
    bool second_round;
    unsigned asked_count; /* requests so far */
    struct replica *current;
    struct node_call call;
    bool body_begun;   /* the current answer's head and table were accepted */
    size_t handed_out; /* bytes of the receive buffer to consume first */
    uint64_t opened_ms;
    uint64_t waiting_since_ms; /* when the caller asked for more, or another replica was turned to */
    uint64_t returned_ms;      /* when the caller was last given something */
    uint64_t away_ms;          /* how long it then stayed away */
    uint32_t excused_block;    /* excuses are used up to here (exclusive) */
    bool measured;
};

static uint32_t block_len(const struct replica_reader *reader, uint32_t block)
{
    uint32_t begin = block * CHUNK_BLOCK_BYTES;
    uint32_t rest = reader->ref.size - begin;
    return rest < CHUNK_BLOCK_BYTES ? rest : CHUNK_BLOCK_BYTES;
}

/* The replica to ask next: good nodes first, then those with the fewest requests under way, ties at random. */
static struct replica *choose(struct replica_reader *reader)
{
    struct replica *best = NULL;
    unsigned best_load = 0, ties = 0;
    bool best_good = false;
    for (unsigned i = 0; i < reader->ref.copies; i++) {
        struct replica *replica = &reader->replicas[i];
        if (!replica->node || replica->asked || replica->bad)
            continue;
        bool good = node_standing(replica->node) == NODE_GOOD;
        unsigned load = node_in_flight(replica->node);
        bool same = best && good == best_good && load == best_load;
        bool better = !best || (good && !best_good) || (good == best_good && load < best_load);
        uint8_t dice = 0;
        if (same)
            random_bytes(&dice, 1);
        ties = better ? 1 : ties + same;
        if (better || (same && dice % ties == 0)) {
            best = replica;
            best_good = good;
            best_load = load;
        }
    }
    return best;
}

static void ask(struct replica_reader *reader, struct replica *replica)
{
    char id[CHUNK_ID_TEXT_LEN + 1];
    char target[NODE_TARGET_MAX];
    chunk_id_format(&reader->ref.id, id);
    snprintf(target, sizeof(target), "/chunks/%s?first=%u&count=%u", id, (unsigned)reader->block,
             (unsigned)(reader->block_end - reader->block));
    replica->asked = true;
    reader->current = replica;
    reader->body_begun = false;
    reader->handed_out = 0;
    if (reader->asked_count++ > 0)
        metric_counter_add(reader->cluster->metrics.read_failovers, 1);
    node_call_start(&reader->call, reader->cluster, replica->node, "GET", target, NULL,
                    (struct http_call_options){.receive_window = RECEIVE_WINDOW_BYTES});
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
        ask(opened, first);
    *reader = opened;
    return STATUS_OK;
}

static void report_damage(struct replica_reader *reader, enum status why)
{
    struct cluster *cluster = reader->cluster;
    metric_counter_add(cluster->metrics.read_damaged, 1);
    if (cluster->damage_fn)
        cluster->damage_fn(cluster->damage_arg, &reader->ref.id, reader->current->node->number, why);
}

/* Did the node end the transfer because we took nothing for long? */
static bool is_excused(struct replica_reader *reader, enum node_outcome outcome)
{
    if (outcome != NODE_FAILED || !http_call_ended(reader->call.http) || http_call_status(reader->call.http) != 200 ||
        reader->away_ms <= reader->cluster->config.stall_ms || reader->block < reader->excused_block)
        return false;
    reader->excused_block = reader->block + 1;
    return true;
}

/* Was it only asked at a wrong time by its clock? That is known now. */
static bool is_misdated(struct replica_reader *reader)
{
    if (reader->current->dated || !http_call_ended(reader->call.http) || !node_call_needs_other_time(&reader->call))
        return false;
    reader->current->dated = true;
    return true;
}

/* Ends with the current replica. */
static void give_up_replica(struct replica_reader *reader, enum node_outcome outcome, enum status why,
                            const char *reason)
{
    char id[CHUNK_ID_TEXT_LEN + 1];
    if (is_excused(reader, outcome)) {
        reader->current->asked = false;
        outcome = NODE_ABANDONED;
    }
    if (is_misdated(reader))
        reader->current->asked = false;
    chunk_id_format(&reader->ref.id, id);
    log_warn("a replica could not be read", LOG_STR("chunkID", id), LOG_INT("node", reader->current->node->number),
             LOG_INT("block", reader->block), LOG_STR("error", reason));
    node_call_finish(&reader->call, outcome, reason);
    if (why == STATUS_NOT_FOUND || why == STATUS_CORRUPT) {
        reader->current->bad = true;
        report_damage(reader, why);
    }
    reader->current = NULL;
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
    ask(reader, replica);
    return STATUS_OK;
}

/* The answer's head: does the replica hold the chunk that was recorded? */
static bool head_matches(const struct replica_reader *reader)
{
    uint64_t size;
    uint8_t crc[4];
    if (bytes_parse_u64(http_call_header(reader->call.http, "x-tercet-size"), UINT32_MAX, &size) ||
        hex_decode(http_call_header(reader->call.http, "x-tercet-crc32c"), crc, sizeof(crc)))
        return false;
    return size == reader->ref.size && get_u32(crc) == reader->ref.crc32c;
}

/* The table proves itself: its combination must be the recorded checksum. */
static bool table_accept(struct replica_reader *reader, const char *data)
{
    uint32_t crc = 0;
    for (uint32_t i = 0; i < chunk_block_count(reader->ref.size); i++) {
        reader->table[i] = get_u32(data + 4 * (size_t)i);
        crc = crc32c_combine(crc, reader->table[i], block_len(reader, i));
    }
    return crc == reader->ref.crc32c;
}

/* Takes the head and the table off the answer once they are there. STATUS_TIMEOUT: not yet. */
static enum status begin_body(struct replica_reader *reader)
{
    struct http_call *http = reader->call.http;
    size_t table_len = 4 * (size_t)chunk_block_count(reader->ref.size);
    if (!http_call_head_arrived(http) || http_call_status(http) != 200)
        return STATUS_TIMEOUT; /* another status is judged when the exchange is over */
    if (!head_matches(reader))
        return STATUS_CORRUPT;
    struct bytes received = http_call_received(http);
    if (received.len < table_len)
        return STATUS_TIMEOUT;
    if (!table_accept(reader, received.data))
        return STATUS_CORRUPT;
    http_call_consume(http, table_len);
    reader->body_begun = true;
    return STATUS_OK;
}

/* Verifies all blocks that are there in full and hands their wanted part out. STATUS_TIMEOUT: none yet. */
static enum status take_blocks(struct replica_reader *reader, struct bytes *out)
{
    struct bytes received = http_call_received(reader->call.http);
    uint32_t first = reader->block;
    size_t len = 0;
    while (reader->block < reader->block_end) {
        uint32_t part = block_len(reader, reader->block);
        if (received.len - len < part)
            break;
        if (crc32c_update(0, received.data + len, part) != reader->table[reader->block]) {
            if (len == 0)
                return STATUS_CORRUPT;
            break; /* those before it are good */
        }
        len += part;
        reader->block++;
    }
    if (len == 0)
        return STATUS_TIMEOUT;
    uint32_t begin = first * CHUNK_BLOCK_BYTES;
    uint32_t skip = reader->position - begin;
    uint32_t end = begin + (uint32_t)len < reader->end ? begin + (uint32_t)len : reader->end;
    *out = bytes_of(received.data + skip, end - begin - skip);
    reader->position = end;
    reader->handed_out = len;
    return STATUS_OK;
}

/* One look at the current answer. STATUS_TIMEOUT: nothing to hand out yet; *outcome and *reason are set otherwise. */
static enum status look(struct replica_reader *reader, struct bytes *out, enum node_outcome *outcome,
                        const char **reason)
{
    struct http_call *http = reader->call.http;
    enum status status = reader->body_begun ? STATUS_OK : begin_body(reader);
    if (!status)
        status = take_blocks(reader, out);
    if (status == STATUS_CORRUPT) {
        *outcome = NODE_ANSWERED;
        *reason = "sent other bytes than were stored";
    } else if (status == STATUS_TIMEOUT && http_call_ended(http)) {
        status = node_call_judge(&reader->call, outcome, reason);
        if (status == STATUS_OK) {
            *outcome = NODE_FAILED;
            *reason = "sent fewer bytes than asked for";
        }
        if (status == STATUS_OK || status == STATUS_TIMEOUT)
            status = STATUS_IO;
    }
    return status;
}

/* When silence of the current replica becomes a failure. */
static uint64_t silence_deadline(const struct replica_reader *reader)
{
    const struct cluster_config *config = &reader->cluster->config;
    uint64_t since_ms = http_call_last_progress_ms(reader->call.http);
    uint64_t share_ms = config->node_timeout_ms / reader->ref.copies;
    if (since_ms < reader->waiting_since_ms)
        since_ms = reader->waiting_since_ms;
    return since_ms + (reader->second_round && share_ms > config->stall_ms ? share_ms : config->stall_ms);
}

/* All is handed out: the exchange should be over too, and its connection is kept if it is. */
static void finish(struct replica_reader *reader)
{
    if (!reader->call.http)
        return;
    http_call_wait_end(reader->call.http, clock_monotonic_ms() + reader->cluster->config.stall_ms);
    node_call_finish(&reader->call, NODE_ANSWERED, NULL);
}

static void begin_wait(struct replica_reader *reader)
{
    if (reader->call.http && reader->handed_out)
        http_call_consume(reader->call.http, reader->handed_out);
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

/* Waits for the current replica to bring blocks. Any failure but STATUS_TIMEOUT for a stall is as `look` says. */
static enum status wait_blocks(struct replica_reader *reader, struct bytes *out, enum node_outcome *outcome,
                               const char **reason)
{
    bool silent_before = false;
    for (;;) {
        enum status status = look(reader, out, outcome, reason);
        if (status != STATUS_TIMEOUT)
            return status;
        uint64_t deadline_ms = silence_deadline(reader);
        uint64_t now_ms = clock_monotonic_ms();
        bool silent = now_ms >= deadline_ms;
        /* Seen twice, with turns of the loop between: a pause of this process looks the same as a stall. */
        if (silent && silent_before) {
            *outcome = NODE_FAILED;
            *reason = "stalled";
            return STATUS_TIMEOUT;
        }
        silent_before = silent;
        if (silent)
            task_sleep_ms(STALL_CONFIRM_MS);
        else
            task_park_until(deadline_ms);
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
        enum node_outcome outcome = NODE_FAILED;
        const char *reason = "";
        enum status status = reader->current ? STATUS_OK : next_replica(reader);
        if (status)
            return status;
        status = wait_blocks(reader, out, &outcome, &reason);
        if (!status)
            break;
        give_up_replica(reader, outcome, status, reason);
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
    node_call_finish(&reader->call, NODE_ABANDONED, NULL);
    free(reader->table);
    free(reader);
}
