/* Writing chunks. Bytes are kept in memory while they may still be a small chunk, and go to a file from the first
 * byte beyond, or at once when the expected size says so. Memory: at most the small limit and the table.
 * What happens at commit is in chunk_commit.c. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "storage/node/chunk_store_internal.h"

struct chunk_put *chunk_put_create(struct chunk_store *store, const struct chunk_id *id, uint32_t expected_size)
{
    struct chunk_put *put = mem_zalloc(sizeof(*put));
    put->store = store;
    put->id = *id;
    put->expected_size = expected_size;
    put->file.fd = -1;
    return put;
}

size_t chunk_put_payload_offset(const struct chunk_put *put)
{
    return chunk_head_len(put->store->config.small_bytes_max);
}

static enum status memory_append(struct chunk_put *put, const void *data, size_t len)
{
    size_t offset = chunk_put_payload_offset(put) + put->sums.size;
    uint32_t small_max = put->store->config.small_bytes_max;
    if (offset + len > put->value_capacity) {
        size_t payload = put->sums.size + len;
        if (put->expected_size != UINT32_MAX && put->expected_size > payload)
            payload = put->expected_size;
        else if (put->expected_size == UINT32_MAX)
            payload = 2 * payload < small_max ? 2 * payload : small_max;
        put->value_capacity = chunk_put_payload_offset(put) + payload;
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
        status = large_file_append(&put->file, put->value + chunk_put_payload_offset(put), put->sums.size);
    put->in_file = !status;
    free(put->value);
    put->value = NULL;
    return status;
}

enum status chunk_put_append(struct chunk_put *put, const void *data, size_t len)
{
    uint32_t small_max = put->store->config.small_bytes_max;
    enum status status = disk_check_trust(&put->store->disk, DISK_CHUNKS);
    if (status)
        return status;
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

bool chunk_put_stays_small(const struct chunk_put *put)
{
    return put->expected_size <= put->store->config.small_bytes_max;
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

void chunk_put_free(struct chunk_put *put)
{
    if (!put)
        return;
    large_file_release(&put->file);
    free(put->value);
    free(put);
}
