/* Writing chunks. Bytes are kept in memory while they may still be a small chunk, and go to a file from the first
 * byte beyond, or at once when the expected size says so. Memory: at most the small limit and the table.
 * The chunk appears at commit, under the lock of its id. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "storage/node/chunk_store_private.h"
#include "storage/node/large_store.h"

struct chunk_put {
    struct chunk_store *store;
    struct chunk_id id;
    uint32_t expected_size;
    struct chunk_sums sums;
    char *value; /* room for a small chunk's head, then its payload; NULL once in a file */
    size_t value_capacity;
    bool in_file;
    struct large_file file;
};

struct chunk_put *chunk_put_create(struct chunk_store *store, const struct chunk_id *id, uint32_t expected_size)
{
    struct chunk_put *put = mem_zalloc(sizeof(*put));
    put->store = store;
    put->id = *id;
    put->expected_size = expected_size;
    put->file.fd = -1;
    return put;
}

/* Where the payload begins in `value`: behind the longest head that a small chunk has here. */
static size_t value_payload_offset(const struct chunk_put *put)
{
    return chunk_head_len(put->store->config.small_bytes_max);
}

static enum status memory_append(struct chunk_put *put, const void *data, size_t len)
{
    size_t offset = value_payload_offset(put) + put->sums.size;
    uint32_t small_max = put->store->config.small_bytes_max;
    if (offset + len > put->value_capacity) {
        size_t payload = put->sums.size + len;
        if (put->expected_size != UINT32_MAX && put->expected_size > payload)
            payload = put->expected_size;
        else if (put->expected_size == UINT32_MAX)
            payload = 2 * payload < small_max ? 2 * payload : small_max;
        put->value_capacity = value_payload_offset(put) + payload;
        put->value = mem_realloc(put->value, put->value_capacity);
    }
    memcpy(put->value + offset, data, len);
    return STATUS_OK;
}

/* Goes on in a file, beginning with what memory holds. */
static enum status file_begin(struct chunk_put *put)
{
    enum status status = large_file_create(&put->file, &put->store->disk, &put->id, put->expected_size);
    if (!status && put->sums.size)
        status = large_file_append(&put->file, put->value + value_payload_offset(put), put->sums.size);
    put->in_file = !status;
    free(put->value);
    put->value = NULL;
    return status;
}

enum status chunk_put_append(struct chunk_put *put, const void *data, size_t len)
{
    enum status status = STATUS_OK;
    uint32_t small_max = put->store->config.small_bytes_max;
    if (disk_failed(&put->store->disk))
        return STATUS_IO;
    if (len > CHUNK_BYTES_MAX - put->sums.size)
        return STATUS_LIMIT;
    bool small =
        put->sums.size + len <= small_max && (put->expected_size == UINT32_MAX || put->expected_size <= small_max);
    if (!put->in_file && !small)
        status = file_begin(put);
    if (status)
        return status;
    status = put->in_file ? large_file_append(&put->file, data, len) : memory_append(put, data, len);
    if (!status)
        status = chunk_sums_update(&put->sums, data, len);
    return status;
}

uint32_t chunk_put_size(const struct chunk_put *put)
{
    return put->sums.size;
}

uint32_t chunk_put_crc32c(const struct chunk_put *put)
{
    return put->sums.crc32c;
}

const struct chunk_sums *chunk_put_sums(const struct chunk_put *put)
{
    return &put->sums;
}

/* ---- committing ---------------------------------------------------------------------------------------------- */

/* STATUS_OK: nothing is in the way. */
static enum status existing_check(struct chunk_put *put)
{
    struct index_entry entry;
    enum status status = small_store_lookup(put->store->small, SMALL_ANYWHERE, &put->id, &entry);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status)
        return status;
    if (entry.size != put->sums.size || entry.crc32c != put->sums.crc32c)
        return STATUS_CONFLICT;
    status = chunk_store_verify_locked(put->store, &put->id, &entry);
    if (status == STATUS_CORRUPT)
        return STATUS_OK;
    return status ? status : STATUS_EXISTS;
}

static void head_fill(const struct chunk_put *put, struct chunk_head *head)
{
    memcpy(head->cluster, put->store->config.disk.cluster, CLUSTER_ID_LEN);
    head->id = put->id;
    head->size = put->sums.size;
    head->crc32c = put->sums.crc32c;
    head->stored_ms = clock_wall_ms();
    memcpy(head->table, put->sums.table, sizeof(head->table));
}

static enum status commit_small(struct chunk_put *put, const struct chunk_head *head, const struct index_entry *entry)
{
    uint32_t head_len = chunk_head_len(head->size);
    char *start = put->value + value_payload_offset(put) - head_len;
    enum status status = disk_check_room(&put->store->disk, head_len + head->size);
    if (status)
        return status;
    chunk_head_encode(head, (uint8_t *)start);
    return small_store_put(put->store->small, entry, bytes_of(start, (size_t)head_len + head->size));
}

/* A file without a row in the way is one that could not be adopted at start: it is set aside. */
static enum status commit_large(struct chunk_put *put, const struct chunk_head *head, const struct index_entry *entry)
{
    struct disk *disk = &put->store->disk;
    enum status status = STATUS_OK;
    if (large_exists(disk, &put->id))
        status = large_quarantine(disk, &put->id);
    if (!status)
        status = large_file_publish(&put->file, head);
    if (status == STATUS_EXISTS)
        status = STATUS_INTERNAL;
    if (!status)
        status = small_store_index_put(put->store->small, entry);
    return status;
}

enum status chunk_put_commit(struct chunk_put *put)
{
    struct chunk_head head;
    pthread_mutex_t *lock = chunk_store_lock(put->store, &put->id);
    if (disk_failed(&put->store->disk))
        return STATUS_IO;
    if (put->sums.size == 0)
        return STATUS_INVALID;
    head_fill(put, &head);
    struct index_entry entry = {put->id, head.size, head.crc32c, head.stored_ms, put->in_file};
    pthread_mutex_lock(lock);
    enum status status = existing_check(put);
    if (!status)
        status = put->in_file ? commit_large(put, &head, &entry) : commit_small(put, &head, &entry);
    if (!status) {
        chunk_store_count(put->store, &entry, 1);
        chunk_trash_forget_locked(put->store, &put->id);
    }
    pthread_mutex_unlock(lock);
    return status;
}

void chunk_put_free(struct chunk_put *put)
{
    if (!put)
        return;
    large_file_release(&put->file);
    free(put->value);
    free(put);
}
