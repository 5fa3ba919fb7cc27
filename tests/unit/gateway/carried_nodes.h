/* The nodes of carried_test.c: what each does with the metadata that it is handed, and the rule that they watch. */
#ifndef TERCET_TESTS_UNIT_GATEWAY_CARRIED_NODES_H
#define TERCET_TESTS_UNIT_GATEWAY_CARRIED_NODES_H

#include "tests/unit/meta/support.h"

#include <inttypes.h>

#include "gateway/replication/recovery.h"
#include "gateway/replication/replication.h"
#include "gateway/replication/replication_internal.h"
#define FAKE_REAL_TIME
#include "tests/unit/storage/fake_nodes.h"

#define COPIES   2
#define WAIT_MS  20000
#define STALL_MS 400

enum meta_fault {
    STORES,
    FAILS,  /* 500 */
    SILENT, /* stores it and does not answer */
    FULL,   /* stores what brings chunks, and says that it takes no more */
    ENDED,  /* 507 to what brings chunks */
    LOSES,  /* takes pages of snapshots, 500 to the last one; then STORES. 500 to all else */
    LATE,   /* the same, but it says once more that it is where it was before it is where the snapshot is */
};

struct fake_meta {
    _Atomic enum meta_fault fault;
    _Atomic uint64_t epoch, sequence;
    uint64_t late_epoch, late_sequence; /* where it is once it has said where it was; 0: there is no such place */
    atomic_uint pages;                  /* of snapshots */
    atomic_uint brought;                /* blocks with these */
    atomic_uint early;                  /* what a gateway must never send */
};

struct fixture {
    struct support support; /* must be first: support_* take it */
    struct replication *sync;
    struct bandwidth bandwidth;
    struct fake_meta nodes[FAKE_NODES];
    struct meta_bucket bucket;
    char bytes[4096];
};

static struct fixture *running;

/* ---- the nodes' part ------------------------------------------------------------------------------------------- */

static void reply_position(const struct fake_meta *meta, struct http_request *request, int status)
{
    bool batch = bytes_equal_str(request->path, "/meta/batches");
    char epoch[17];
    snprintf(epoch, sizeof(epoch), "%016" PRIx64, atomic_load(&meta->epoch));
    http_reply_header_str(request, "x-tercet-epoch", epoch);
    http_reply_header_u64(request, "x-tercet-sequence", atomic_load(&meta->sequence));
    http_reply_header_u64(request, "x-tercet-fence", 0);
    if (batch && (meta->fault == FULL || meta->fault == ENDED))
        http_reply_header_u64(request, "x-tercet-full", 1);
    (void)http_reply(request, status, bytes_of(NULL, 0));
}

static unsigned holders(uint64_t sequence)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        count += running->nodes[i].sequence >= sequence;
    return count;
}

static unsigned blocks_count;

static void block_store(struct fake_node *node, struct bytes payload)
{
    struct carried_chunk chunk;
    while (carried_chunk_next(&payload, &chunk) == STATUS_OK) {
        CHECK(carried_chunk_verify(&chunk) == STATUS_OK);
        fake_store(node, &chunk.id, chunk.bytes, chunk.size);
    }
}

static uint64_t carried_firsts[64]; /* the records that were seen with a block, by anyone */

static bool is_carried(uint64_t first)
{
    for (unsigned i = 0; i < blocks_count; i++)
        if (carried_firsts[i] == first)
            return true;
    return false;
}

static int take_batches(struct fake_node *node, struct fake_meta *meta, struct bytes records)
{
    if (meta->fault == ENDED && records.len >= 4 && memcmp(records.data, "TMC1", 4) == 0)
        return 507;
    while (records.len) {
        struct carried_block block;
        struct change_record record;
        bool whole = carried_block_next(&records, &block) == STATUS_OK;
        if (change_record_next(&records, &record))
            return 400;
        uint64_t last = record.first + record.count - 1;
        if (whole) {
            block_store(node, block.payload);
            if (!is_carried(record.first) && blocks_count < 64)
                carried_firsts[blocks_count++] = record.first;
        } else if (last > meta->sequence && is_carried(record.first) && holders(last) < 2) {
            meta->early++;
        }
        if (last <= meta->sequence)
            continue;
        if (record.first != meta->sequence + 1)
            return 409;
        meta->epoch = record.epoch;
        meta->sequence = last;
    }
    return 204;
}

static int take_page(struct fake_node *node, struct fake_meta *meta, struct bytes query, struct bytes body, bool *last)
{
    char text[200];
    uint64_t epoch, sequence;
    struct carried_block block;
    snprintf(text, sizeof(text), "%.*s", (int)query.len, query.data);
    CHECK(sscanf(text, "epoch=%" SCNx64 "&sequence=%" SCNu64, &epoch, &sequence) == 2);
    if (meta->fault == ENDED && carried_block_next(&(struct bytes){body.data, body.len}, &block) == STATUS_OK)
        return 507;
    meta->pages++;
    while (carried_block_next(&body, &block) == STATUS_OK) {
        block_store(node, block.payload);
        meta->brought++;
    }
    if (epoch == meta->epoch && sequence <= meta->sequence)
        return 409; /* it has what the snapshot would bring */
    *last = strstr(text, "&last=1") != NULL;
    if (*last) {
        meta->early += holders(sequence) < 2 && !meta->brought;
        meta->late_epoch = meta->fault == LATE ? epoch : 0;
        meta->late_sequence = meta->fault == LATE ? sequence : 0;
        meta->epoch = meta->fault == LATE ? meta->epoch : epoch;
        meta->sequence = meta->fault == LATE ? meta->sequence : sequence;
    }
    return 204;
}

static void handle_meta(struct fake_node *node, struct http_request *request, const struct protocol_auth *auth)
{
    struct fake_meta *meta = &running->nodes[node->number - 1];
    struct buffer body;
    int status;
    (void)auth;
    if (bytes_equal_str(request->path, "/meta/state")) {
        reply_position(meta, request, 204);
        if (meta->late_sequence) {
            meta->epoch = meta->late_epoch;
            meta->sequence = meta->late_sequence;
            meta->late_sequence = 0;
        }
        return;
    }
    buffer_init(&body, CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX);
    CHECK(http_body_read_all(request, &body) == STATUS_OK);
    while (meta->fault == SILENT && !node->released && !http_request_is_closed(request))
        task_sleep_ms(5);
    bool batches = bytes_equal_str(request->path, "/meta/batches"), last = false;
    if (meta->fault == FAILS || ((meta->fault == LOSES || meta->fault == LATE) && batches))
        status = 500;
    else if (batches)
        status = take_batches(node, meta, buffer_bytes(&body));
    else
        status = take_page(node, meta, request->query, buffer_bytes(&body), &last);
    if ((meta->fault == LOSES || meta->fault == LATE) && last) {
        meta->fault = STORES;
        status = 500;
    }
    buffer_release(&body);
    reply_position(meta, request, status);
}

#endif
