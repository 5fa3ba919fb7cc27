/* What comes as records of changes with carried blocks may be anything: reading must stay within its bytes, and what it
 * accepts must encode to the same. */
#include <stdlib.h>
#include <string.h>

#include "base/change_record.h"
#include "base/check.h"
#include "base/checksum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void block_again(const struct carried_block *block, struct buffer *again)
{
    struct bytes payload = block->payload;
    struct carried_chunk chunk;
    size_t start;
    CHECK(carried_block_begin(again, &start) == STATUS_OK);
    while (carried_chunk_next(&payload, &chunk) == STATUS_OK) {
        (void)carried_chunk_verify(&chunk);
        CHECK(carried_append(again, start, &chunk) == STATUS_OK);
    }
    carried_block_seal(again, start, &block->set);
}

static void record_again(const struct change_record *record, struct buffer *again)
{
    struct bytes payload = record->payload;
    struct change change;
    size_t start;
    CHECK(change_record_begin(again, &start) == STATUS_OK);
    while (change_next(&payload, &change) == STATUS_OK)
        CHECK(change_append(again, &change) == STATUS_OK);
    CHECK(change_record_seal(again, start, record->epoch, record->first, record->count) == STATUS_OK);
}

static void read_all(struct bytes records)
{
    struct carried_block block;
    struct change_record record;
    struct buffer again;
    struct bytes rest = records;
    enum status status;

    buffer_init(&again, CHANGE_RECORD_MAX);
    do {
        status = carried_block_next(&rest, &block);
        if (status == STATUS_OK)
            block_again(&block, &again);
        if (status != STATUS_CORRUPT)
            status = change_record_next(&rest, &record);
        if (status == STATUS_OK)
            record_again(&record, &again);
    } while (status == STATUS_OK);
    CHECK(again.len <= records.len);
    CHECK(again.len == 0 || memcmp(again.data, records.data, again.len) == 0);
    buffer_release(&again);
}

/* Gives what may be a block the right checksum, which no fuzzer guesses. */
static void block_mend(char *header, size_t size)
{
    if (size < CARRIED_HEADER_LEN)
        return;
    struct bytes payload = bytes_of(header + CARRIED_HEADER_LEN, size - CARRIED_HEADER_LEN);
    struct carried_chunk chunk;
    uint32_t crc = 0;
    if (get_u32(header + 4) < payload.len)
        payload.len = get_u32(header + 4);
    while (carried_chunk_next(&payload, &chunk) == STATUS_OK)
        crc = crc32c_update(crc, chunk.bytes - CARRIED_CHUNK_HEAD_LEN, CARRIED_CHUNK_HEAD_LEN);
    put_u32(header + 20, crc32c_update(crc, header, 20));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(bytes_of(data, size));
    if (size == 0)
        return 0;
    char *mended = mem_alloc(size);
    memcpy(mended, data, size);
    block_mend(mended, size);
    read_all(bytes_of(mended, size));
    free(mended);
    return 0;
}
