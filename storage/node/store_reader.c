/* Reading chunks: nothing leaves that was not checked against the head's table.
 * A reader holds no lock. When it finds damage it asks for a second look at the copy that is now in service: the one
 * it read may have been replaced by a good one meanwhile. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "storage/node/chunk_store_internal.h"
#include "storage/node/large_store.h"

static enum status small_open(struct store_reader *reader, struct chunk_store *store, enum small_reach reach,
                              const struct chunk_id *id)
{
    struct small_value value = {0};
    enum status status = small_store_get(store->small, reach, id, &value);
    if (!status)
        status = chunk_head_decode(bytes_of(value.data, value.len), store->config.disk.cluster, id, &reader->head);
    if (!status && value.len != (size_t)chunk_head_len(reader->head.size) + reader->head.size)
        status = STATUS_CORRUPT;
    if (status) {
        small_value_release(&value);
    } else {
        reader->small = value.data;
        reader->small_len = value.len;
    }
    return status;
}

enum status store_reader_open_copy(struct store_reader *reader, struct chunk_store *store,
                                   const struct index_entry *entry)
{
    reader->store = store;
    reader->fd = -1;
    reader->small = NULL;
    reader->small_len = 0;
    reader->in_memory = false;
    enum status status = entry->large ? large_open(&store->disk, &entry->id, &reader->head, &reader->fd)
                                      : small_open(reader, store, SMALL_ANYWHERE, &entry->id);
    if (!status && (reader->head.size != entry->size || reader->head.crc32c != entry->crc32c)) {
        store_reader_release(reader);
        status = STATUS_CORRUPT;
    }
    return status;
}

enum status store_reader_read_copy(struct store_reader *reader, uint32_t first_block, uint32_t count, void *out)
{
    const struct chunk_head *head = &reader->head;
    uint32_t blocks = chunk_block_count(head->size);
    CHECK(count >= 1 && first_block < blocks && count <= blocks - first_block);
    if (!reader->small)
        return large_read(reader->fd, head, first_block, count, out);
    size_t offset = chunk_head_len(head->size) + (size_t)first_block * CHUNK_BLOCK_BYTES;
    size_t len = (size_t)(count - 1) * CHUNK_BLOCK_BYTES + chunk_block_len(head, first_block + count - 1);
    memcpy(out, reader->small + offset, len);
    return chunk_blocks_verify(head, first_block, count, out);
}

enum status store_reader_open(struct store_reader *reader, struct chunk_store *store, const struct chunk_id *id)
{
    struct index_entry entry;
    reader->fd = -1;
    reader->small = NULL;
    reader->in_memory = false;
    enum status status = small_store_lookup(store->small, SMALL_ANYWHERE, id, &entry);
    if (status)
        return status;
    status = store_reader_open_copy(reader, store, &entry);
    /* NOT_FOUND too may only mean that it was deleted between the two steps. */
    if (status == STATUS_CORRUPT || status == STATUS_NOT_FOUND) {
        enum status again = chunk_store_verify(store, id);
        status = again ? again : STATUS_UNAVAILABLE;
    }
    return status;
}

bool store_reader_open_memory(struct store_reader *reader, struct chunk_store *store, const struct chunk_id *id)
{
    struct index_entry entry;
    *reader = (struct store_reader){.store = store, .fd = -1, .in_memory = true};
    if (small_store_lookup(store->small, SMALL_IN_MEMORY, id, &entry) || entry.large)
        return false;
    if (small_open(reader, store, SMALL_IN_MEMORY, id))
        return false;
    if (reader->head.size == entry.size && reader->head.crc32c == entry.crc32c)
        return true;
    store_reader_release(reader);
    return false;
}

enum status store_reader_read(struct store_reader *reader, uint32_t first_block, uint32_t count, void *out)
{
    enum status status = store_reader_read_copy(reader, first_block, count, out);
    if (status == STATUS_CORRUPT && reader->in_memory)
        return STATUS_UNAVAILABLE;
    if (status == STATUS_CORRUPT)
        STATUS_IGNORE(chunk_store_verify(reader->store, &reader->head.id),
                      "it puts the bad copy into quarantine; the reader has its answer");
    return status;
}

void store_reader_release(struct store_reader *reader)
{
    struct small_value value = {reader->small, reader->small_len};
    if (reader->fd >= 0)
        close(reader->fd);
    small_value_release(&value);
    reader->fd = -1;
    reader->small = NULL;
}
