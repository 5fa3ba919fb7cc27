/* Chunk rows and the repair queue. A chunk with fewer than CHUNK_COPIES good copies is in the queue exactly once, and
 * its row knows under which key. One that is unwanted is neither queued nor counted, whatever becomes of its copies. */
#include "meta/chunk_rows.h"

#include <string.h>

#include "meta/internal.h"

enum status chunk_list_check(const struct chunk_list *chunks, uint64_t size)
{
    uint64_t sum = 0;
    if (chunks->count > RECORD_CHUNKS_MAX || (chunks->carried && size > CARRIED_BYTES_MAX))
        return STATUS_LIMIT;
    for (size_t i = 0; i < chunks->count; i++) {
        const struct chunk_ref *ref = &chunks->refs[i];
        bool placed = chunks->carried ? ref->copies == 0 : ref->copies > 0 && ref->copies <= CHUNK_COPIES_MAX;
        if (ref->size == 0 || ref->size > (chunks->carried ? CARRIED_CHUNK_MAX : CHUNK_BYTES_MAX) || !placed)
            return STATUS_INVALID;
        sum += ref->size;
    }
    return sum == size ? STATUS_OK : STATUS_INVALID;
}

enum status chunk_list_commit(struct meta *meta, struct commit_op *op, const struct chunk_list *chunks,
                              struct packed_chunks *packed)
{
    struct buffer data;
    record_buffer_init(&data);
    packed_chunks_append(&data, chunks);
    *packed = (struct packed_chunks){data.data, (uint32_t)chunks->count};
    op->carried = chunks->carried ? chunks : NULL;
    enum status status = commit_run(meta, op);
    if (!status && op->missing.count > 0 && repair_replace(meta, chunks, &op->missing))
        status = STATUS_UNCERTAIN; /* the record says that there are more copies than there are */
    buffer_release(&data);
    return status;
}

/* Number of copies not known to be bad. */
static unsigned chunk_record_good(const struct chunk_record *record)
{
    return (unsigned)record->copies - (unsigned)__builtin_popcount(record->bad);
}

/* Which counter of the durability set the chunk belongs to. */
static unsigned durability_class(uint8_t queued)
{
    return queued == CHUNK_NOT_QUEUED ? CHUNK_COPIES : queued;
}

static void durability_add(struct txn *txn, uint8_t queued, uint32_t size)
{
    if (queued == CHUNK_UNWANTED)
        return;
    txn->state.durability.chunks[durability_class(queued)]++;
    txn->state.durability.bytes[durability_class(queued)] += size;
}

static void durability_take(struct txn *txn, uint8_t queued, uint32_t size)
{
    if (queued == CHUNK_UNWANTED)
        return;
    txn->state.durability.chunks[durability_class(queued)]--;
    txn->state.durability.bytes[durability_class(queued)] -= size;
}

void chunk_rows_add(struct txn *txn, const struct chunk_list *chunks)
{
    for (size_t i = 0; i < chunks->count; i++) {
        const struct chunk_ref *ref = &chunks->refs[i];
        struct chunk_record record = {
            .size = ref->size, .crc32c = ref->crc32c, .copies = ref->copies, .queued = CHUNK_NOT_QUEUED};
        if (chunks->carried)
            record.copies = txn->carriers->count;
        memcpy(record.nodes, chunks->carried ? txn->carriers->nodes : ref->nodes, record.copies);
        durability_add(txn, record.queued, record.size);
        chunk_row_put(txn, &ref->id, &record);
    }
}

enum status chunk_row_get(const struct store_view *view, const struct chunk_id *id, struct chunk_record *record)
{
    struct row_key key;
    struct store_value value = {0};

    row_key_chunk(&key, id);
    enum status status = store_get(view, STORE_CHUNKS, row_key_bytes(&key), &value);
    if (!status)
        status = chunk_record_decode(store_value_bytes(&value), record);
    store_value_release(&value);
    return status;
}

static void chunk_row_unqueue(struct txn *txn, const struct chunk_id *id, uint8_t queued)
{
    struct row_key key;
    if (queued == CHUNK_NOT_QUEUED || queued == CHUNK_UNWANTED)
        return;
    row_key_repair(&key, queued, id);
    txn_delete(txn, STORE_REPAIR, &key);
    txn->state.repair_rows--;
}

/* Where a chunk with these copies belongs. */
static uint8_t chunk_record_queue(const struct chunk_record *record)
{
    unsigned good = chunk_record_good(record);
    if (record->queued == CHUNK_UNWANTED)
        return CHUNK_UNWANTED;
    return good < CHUNK_COPIES ? (uint8_t)good : CHUNK_NOT_QUEUED;
}

void chunk_row_put(struct txn *txn, const struct chunk_id *id, struct chunk_record *record)
{
    uint8_t queued = chunk_record_queue(record);
    struct row_key key;

    if (queued != record->queued) {
        durability_take(txn, record->queued, record->size);
        durability_add(txn, queued, record->size);
        chunk_row_unqueue(txn, id, record->queued);
        record->queued = queued;
        if (queued != CHUNK_NOT_QUEUED) {
            row_key_repair(&key, queued, id);
            txn_put(txn, STORE_REPAIR, &key, BYTES(""));
            txn->state.repair_rows++;
        }
    }
    struct buffer *value = txn_value(txn);
    chunk_record_encode(value, record);
    row_key_chunk(&key, id);
    txn_put(txn, STORE_CHUNKS, &key, buffer_bytes(value));
}

void chunk_row_unwant(struct txn *txn, const struct chunk_id *id, struct chunk_record *record)
{
    durability_take(txn, record->queued, record->size);
    chunk_row_unqueue(txn, id, record->queued);
    record->queued = CHUNK_UNWANTED;
    chunk_row_put(txn, id, record);
}

void chunk_row_delete(struct txn *txn, const struct chunk_id *id, const struct chunk_record *record)
{
    struct row_key key;
    durability_take(txn, record->queued, record->size);
    chunk_row_unqueue(txn, id, record->queued);
    row_key_chunk(&key, id);
    txn_delete(txn, STORE_CHUNKS, &key);
}

void chunk_record_ref(const struct chunk_record *record, const struct chunk_id *id, struct chunk_ref *ref)
{
    if (chunk_record_good(record) == 0) {
        chunk_record_ref_all(record, id, ref);
        return;
    }
    *ref = (struct chunk_ref){.id = *id, .size = record->size, .crc32c = record->crc32c};
    for (unsigned i = 0; i < record->copies; i++)
        if (!(record->bad & 1u << i))
            ref->nodes[ref->copies++] = record->nodes[i];
}

void chunk_record_ref_all(const struct chunk_record *record, const struct chunk_id *id, struct chunk_ref *ref)
{
    *ref = (struct chunk_ref){.id = *id, .size = record->size, .crc32c = record->crc32c, .copies = record->copies};
    memcpy(ref->nodes, record->nodes, CHUNK_COPIES_MAX);
}
