/* Chunk rows and the repair queue. A chunk with fewer than CHUNK_COPIES good copies is in the queue exactly once, and
 * its row knows under which key. */
#include "meta/chunk_rows.h"

#include <string.h>

enum status chunk_list_check(const struct chunk_list *chunks, uint64_t size)
{
    uint64_t sum = 0;
    if (chunks->count > RECORD_CHUNKS_MAX)
        return STATUS_LIMIT;
    for (size_t i = 0; i < chunks->count; i++) {
        const struct chunk_ref *ref = &chunks->refs[i];
        if (ref->size == 0 || ref->size > CHUNK_BYTES_MAX || ref->copies == 0 || ref->copies > CHUNK_COPIES_MAX)
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
    enum status status = commit_run(meta, op);
    buffer_release(&data);
    return status;
}

unsigned chunk_record_good(const struct chunk_record *record)
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
    txn->state.durability.chunks[durability_class(queued)]++;
    txn->state.durability.bytes[durability_class(queued)] += size;
}

static void durability_take(struct txn *txn, uint8_t queued, uint32_t size)
{
    txn->state.durability.chunks[durability_class(queued)]--;
    txn->state.durability.bytes[durability_class(queued)] -= size;
}

void chunk_rows_add(struct txn *txn, const struct chunk_list *chunks)
{
    for (size_t i = 0; i < chunks->count; i++) {
        const struct chunk_ref *ref = &chunks->refs[i];
        struct chunk_record record = {
            .size = ref->size, .crc32c = ref->crc32c, .copies = ref->copies, .queued = CHUNK_NOT_QUEUED};
        memcpy(record.nodes, ref->nodes, ref->copies);
        durability_add(txn, record.queued, record.size);
        chunk_row_put(txn, &ref->id, &record);
    }
}

enum status chunk_row_get(const struct db_view *view, const struct chunk_id *id, struct chunk_record *record)
{
    struct row_key key;
    struct db_value value = {0};

    row_key_chunk(&key, id);
    enum status status = db_get(view, DB_CHUNKS, row_key_bytes(&key), &value);
    if (!status)
        status = chunk_record_decode(db_value_bytes(&value), record);
    db_value_release(&value);
    return status;
}

static void chunk_row_unqueue(struct txn *txn, const struct chunk_id *id, uint8_t queued)
{
    struct row_key key;
    if (queued == CHUNK_NOT_QUEUED)
        return;
    row_key_repair(&key, queued, id);
    txn_delete(txn, DB_REPAIR, &key);
    txn->state.repair_rows--;
}

void chunk_row_put(struct txn *txn, const struct chunk_id *id, struct chunk_record *record)
{
    unsigned good = chunk_record_good(record);
    uint8_t queued = good < CHUNK_COPIES ? (uint8_t)good : CHUNK_NOT_QUEUED;
    struct row_key key;

    if (queued != record->queued) {
        durability_take(txn, record->queued, record->size);
        durability_add(txn, queued, record->size);
        chunk_row_unqueue(txn, id, record->queued);
        record->queued = queued;
        if (queued != CHUNK_NOT_QUEUED) {
            row_key_repair(&key, queued, id);
            txn_put(txn, DB_REPAIR, &key, BYTES(""));
            txn->state.repair_rows++;
        }
    }
    struct buffer *value = txn_value(txn);
    chunk_record_encode(value, record);
    row_key_chunk(&key, id);
    txn_put(txn, DB_CHUNKS, &key, buffer_bytes(value));
}

void chunk_row_delete(struct txn *txn, const struct chunk_id *id, const struct chunk_record *record)
{
    struct row_key key;
    durability_take(txn, record->queued, record->size);
    chunk_row_unqueue(txn, id, record->queued);
    row_key_chunk(&key, id);
    txn_delete(txn, DB_CHUNKS, &key);
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
