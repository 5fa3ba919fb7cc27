/* The nodes themselves; see the header. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/model/nodes_internal.h"
#include "tests/model/sim.h"

#define PAGE_ROWS 40 /* of a dump */

/* What one request adds to a node, in one write. */
struct entry {
    bool clears; /* the rows are a snapshot's */
    uint64_t epoch, sequence;
    uint32_t fence;
    struct buffer changes, last;
    bool renews_last;
    struct chunk_id *chunks;
    size_t chunk_count;
};

struct net net;

bool node_applies_twice, node_keeps_its_reserve;

/* ---- a node's disk ----------------------------------------------------------------------------------------------- */

static struct entry *entry_create(const struct node_in_sim *node)
{
    struct entry *entry = mem_zalloc(sizeof(*entry));
    *entry = (struct entry){.epoch = node->epoch, .sequence = node->sequence, .fence = node->fence};
    buffer_init(&entry->changes, RECORDS_MAX);
    buffer_init(&entry->last, RECORDS_MAX);
    return entry;
}

static void entry_free(struct entry *entry)
{
    buffer_release(&entry->changes);
    buffer_release(&entry->last);
    free(entry->chunks);
    free(entry);
}

static void change_write(struct node_in_sim *node, const struct change *change)
{
    struct rows *rows = &node->families[change->family];
    uint64_t number = ++node->changes;
    struct row *row = change->kind == CHANGE_PUT ? rows_put(rows, number, change->key, change->value)
                                                 : rows_delete(rows, number, change->key);
    row_trim(row, number);
}

static bool has_chunk(const struct node_in_sim *node, const struct chunk_id *id)
{
    for (size_t i = node->chunk_count; i-- > 0;)
        if (memcmp(&node->chunks[i], id, sizeof(*id)) == 0)
            return true;
    return false;
}

static void chunk_write(struct node_in_sim *node, const struct chunk_id *id)
{
    if (has_chunk(node, id))
        return;
    if (node->chunk_count == node->chunk_capacity) {
        node->chunk_capacity = node->chunk_capacity ? 2 * node->chunk_capacity : 64;
        node->chunks = mem_realloc(node->chunks, node->chunk_capacity * sizeof(*node->chunks));
    }
    node->chunks[node->chunk_count++] = *id;
}

static void entry_write(struct node_in_sim *node, const struct entry *entry)
{
    struct bytes changes = buffer_bytes(&entry->changes);
    struct change change;
    for (unsigned i = 0; entry->clears && i < STORE_FAMILY_COUNT; i++)
        rows_release(&node->families[i]);
    while (change_next(&changes, &change) == STATUS_OK)
        change_write(node, &change);
    for (size_t i = 0; i < entry->chunk_count; i++)
        chunk_write(node, &entry->chunks[i]);
    node->epoch = entry->epoch;
    node->sequence = entry->sequence;
    node->fence = entry->fence;
    if (!entry->renews_last)
        return;
    buffer_clear(&node->last);
    enum status status = buffer_append_bytes(&node->last, buffer_bytes(&entry->last));
    CHECK(status == STATUS_OK);
}

/* Writes and syncs. False: the node crashed meanwhile. */
static bool entry_commit(struct node_in_sim *node, struct entry *entry)
{
    uint64_t life = node->life;
    node->pending = entry;
    sim_sleep_us(sim_below(node->slow ? 1500 * MS : 8 * MS));
    if (node->life != life)
        return false;
    node->pending = NULL;
    entry_write(node, entry);
    return true;
}

/* ---- what a node is asked for ------------------------------------------------------------------------------------ */

static bool epoch_continues(const struct node_in_sim *node, uint64_t epoch)
{
    return epoch == node->epoch || change_generation(epoch) > change_generation(node->epoch);
}

static enum status entry_add_chunks(struct entry *entry, struct node_in_sim *node, const struct carried_block *block)
{
    struct bytes payload = block->payload;
    struct carried_chunk chunk;
    if (node->full && (node_keeps_its_reserve || block->count > node->reserve))
        return STATUS_NO_SPACE;
    if (node->full)
        node->reserve -= block->count;
    while (carried_chunk_next(&payload, &chunk) == STATUS_OK) {
        CHECK(carried_chunk_verify(&chunk) == STATUS_OK);
        entry->chunks = mem_realloc(entry->chunks, (entry->chunk_count + 1) * sizeof(*entry->chunks));
        entry->chunks[entry->chunk_count++] = chunk.id;
    }
    return STATUS_OK;
}

static enum status entry_add_record(struct entry *entry, const struct node_in_sim *node,
                                    const struct change_record *record, struct bytes whole)
{
    uint64_t last = record->first + record->count - 1;
    struct node_in_sim so_far = {.epoch = entry->epoch};
    if (change_generation(record->epoch) < node->fence)
        return STATUS_PRECONDITION;
    if (!epoch_continues(&so_far, record->epoch))
        return STATUS_CONFLICT;
    if (last <= entry->sequence && !node_applies_twice)
        return STATUS_OK;
    if (record->first > entry->sequence + 1 || (record->first <= entry->sequence && !node_applies_twice))
        return STATUS_CONFLICT;
    enum status status = buffer_append_bytes(&entry->changes, record->payload);
    buffer_clear(&entry->last);
    if (!status)
        status = buffer_append_bytes(&entry->last, whole);
    CHECK(status == STATUS_OK);
    entry->renews_last = true;
    entry->epoch = record->epoch;
    entry->sequence = last > entry->sequence ? last : entry->sequence;
    return STATUS_OK;
}

static enum status entry_add_records(struct entry *entry, struct node_in_sim *node, struct bytes records)
{
    enum status status = STATUS_OK;
    while (!status && records.len > 0) {
        struct carried_block block;
        struct change_record record;
        status = carried_block_next(&records, &block);
        CHECK(status == STATUS_OK || status == STATUS_NOT_FOUND);
        if (status == STATUS_OK)
            status = entry_add_chunks(entry, node, &block);
        if (status == STATUS_NO_SPACE)
            return status;
        const char *start = records.data;
        status = change_record_next(&records, &record);
        CHECK(status == STATUS_OK);
        status = entry_add_record(entry, node, &record, bytes_of(start, (size_t)(records.data - start)));
    }
    return status;
}

static enum status run_apply(struct node_in_sim *node, struct message *message, struct entry *entry)
{
    (void)message;
    return entry_add_records(entry, node, buffer_bytes(&message->body));
}

static enum status run_load(struct node_in_sim *node, struct message *message, struct entry *entry)
{
    const struct cluster_meta_page *page = &message->page;
    struct bytes body = buffer_bytes(&message->body);
    struct carried_block block;
    struct change_record record;
    if (change_generation(page->as_of.epoch) < node->fence)
        return STATUS_PRECONDITION;
    bool overruled = page->over.epoch == node->epoch && page->over.sequence == node->sequence;
    if (!epoch_continues(node, page->as_of.epoch) && !overruled)
        return STATUS_CONFLICT;
    if (page->number == 0)
        buffer_clear(&node->loading);
    else if (page->number != node->page.number || page->as_of.epoch != node->page.as_of.epoch ||
             page->as_of.sequence != node->page.as_of.sequence)
        return STATUS_CONFLICT;
    while (carried_block_next(&body, &block) == STATUS_OK)
        if (entry_add_chunks(entry, node, &block))
            return STATUS_NO_SPACE;
    CHECK(change_record_next(&body, &record) == STATUS_OK && body.len == 0);
    enum status status = buffer_append_bytes(&node->loading, record.payload);
    node->page = *page;
    node->page.number++;
    if (status || !page->last)
        return status;
    node->page.number = 0;
    node->page.as_of.epoch = 0;
    entry->clears = entry->renews_last = true;
    entry->epoch = page->as_of.epoch;
    entry->sequence = page->as_of.sequence;
    return buffer_append_bytes(&entry->changes, buffer_bytes(&node->loading));
}

static enum status run_fence(struct node_in_sim *node, struct message *message, struct entry *entry)
{
    if (message->generation <= node->fence)
        return STATUS_CONFLICT;
    entry->fence = message->generation;
    return STATUS_OK;
}

/* A page of rows behind the place. */
static enum status run_dump(const struct node_in_sim *node, struct message *message)
{
    struct bytes after = buffer_bytes(&message->body);
    unsigned family = after.len ? (unsigned)(uint8_t)after.data[0] : 0;
    struct bytes key = after.len ? bytes_of(after.data + 1, after.len - 1) : (struct bytes){0};
    uint32_t count = 0;
    size_t start;
    enum status status = change_record_begin(&message->answer, &start);
    for (bool behind = after.len > 0; !status && family < STORE_FAMILY_COUNT; family++, behind = false) {
        struct row *row = behind ? rows_seek(&node->families[family], key, true) : node->families[family].first[0];
        for (; !status && row && count < PAGE_ROWS; row = row->next[0]) {
            if (!row->newest || row->newest->deleted)
                continue;
            status = change_append(&message->answer,
                                   &(struct change){CHANGE_PUT, (uint8_t)family, row->key, row->newest->bytes});
            count++;
        }
        if (count == PAGE_ROWS)
            break;
    }
    return status ? status : change_record_seal(&message->answer, start, node->epoch, node->sequence, count);
}

static bool is_write(enum ask ask)
{
    return ask == ASK_APPLY || ask == ASK_LOAD || ask == ASK_FENCE;
}

/* False: no answer comes. */
static bool node_write(struct node_in_sim *node, struct message *message)
{
    uint64_t life = node->life;
    while (node->busy && node->life == life)
        sim_wait(&node->busy, SIM_NEVER);
    if (node->life != life)
        return false;
    struct entry *entry = entry_create(node);
    bool stays = true;
    node->busy = true;
    if (message->ask == ASK_APPLY)
        message->status = run_apply(node, message, entry);
    else if (message->ask == ASK_LOAD)
        message->status = run_load(node, message, entry);
    else
        message->status = run_fence(node, message, entry);
    if (!message->status)
        stays = entry_commit(node, entry);
    if (stays)
        entry_free(entry); /* else the crash has seen to it */
    if (node->life == life) {
        node->busy = false;
        sim_wake(&node->busy);
    }
    return node->life == life;
}

bool node_ask(struct node_in_sim *node, struct message *message)
{
    buffer_clear(&message->answer);
    message->status = STATUS_OK;
    if (is_write(message->ask) && !node_write(node, message))
        return false;
    if (message->ask == ASK_DUMP)
        message->status = run_dump(node, message);
    if (message->ask == ASK_LAST)
        message->status = buffer_append_bytes(&message->answer, buffer_bytes(&node->last));
    message->state = (struct cluster_meta_state){.epoch = node->epoch,
                                                 .sequence = node->sequence,
                                                 .fence = node->fence,
                                                 .knows_fences = true,
                                                 .full = node->full && message->ask == ASK_APPLY};
    return true;
}

/* ---- what happens to them ---------------------------------------------------------------------------------------- */

void node_crash(unsigned index)
{
    struct node_in_sim *node = &net.nodes[index];
    if (!node->up)
        return;
    if (node->pending && sim_chance(400)) /* it was written, and stays */
        entry_write(node, node->pending);
    if (node->pending)
        entry_free(node->pending);
    node->pending = NULL;
    node->busy = node->up = false;
    node->life++;
    node->page = (struct cluster_meta_page){0};
    sim_wake(&node->busy);
}

void node_restart(unsigned index)
{
    net.nodes[index].up = true;
}

void nodes_power_failure(void)
{
    net.life++;
    for (unsigned i = 0; i < NODES; i++) {
        node_crash(i);
        node_restart(i);
    }
}

void node_cut_off(unsigned index, bool cut)
{
    net.nodes[index].cut = cut;
}

void node_slow(unsigned index, bool slow)
{
    net.nodes[index].slow = slow;
}

void node_full(unsigned index, unsigned reserve)
{
    net.nodes[index].full = true;
    net.nodes[index].reserve = reserve;
}

void node_emptied(unsigned index)
{
    net.nodes[index].full = false;
}

void nodes_heal(void)
{
    net.lost_of_thousand = 0;
    for (unsigned i = 0; i < NODES; i++) {
        net.nodes[i].cut = net.nodes[i].slow = false;
        net.nodes[i].up = true;
    }
}

unsigned nodes_away(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < NODES; i++)
        count += !net.nodes[i].up || net.nodes[i].cut;
    return count;
}

/* ---- what they hold ---------------------------------------------------------------------------------------------- */

uint64_t node_sequence(unsigned index)
{
    return net.nodes[index].sequence;
}

bool node_has_chunk(unsigned index, const struct chunk_id *id)
{
    return has_chunk(&net.nodes[index], id);
}

static struct row *row_there(struct row *row)
{
    while (row && (!row->newest || row->newest->deleted))
        row = row->next[0];
    return row;
}

static bool family_equals(const struct node_in_sim *node, unsigned family, struct meta_store *store)
{
    const struct store_view view = {.db = store};
    struct row *row = row_there(node->families[family].first[0]);
    struct store_iterator it;
    bool equal = true;
    store_iterator_open(&it, &view, family, BYTES(""), (struct bytes){0});
    for (store_iterator_first(&it); equal && store_iterator_valid(&it); store_iterator_next(&it)) {
        equal = row && bytes_equal(row->key, store_iterator_key(&it)) &&
                bytes_equal(row->newest->bytes, store_iterator_value(&it));
        row = row ? row_there(row->next[0]) : NULL;
    }
    store_iterator_close(&it);
    return equal && !row;
}

bool node_equals(unsigned index, struct meta_store *store)
{
    for (unsigned i = 0; i < STORE_FAMILY_COUNT; i++)
        if (!family_equals(&net.nodes[index], i, store))
            return false;
    return true;
}
