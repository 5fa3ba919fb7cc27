/* A stored head may be anything: decoding must stay within its bytes, and what it accepts must encode to the same. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "storage/node/chunk_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_and_compare(const uint8_t *data, size_t size)
{
    struct chunk_id id;
    uint8_t cluster[CLUSTER_ID_LEN];
    uint8_t again[CHUNK_HEAD_BYTES_MAX];
    struct chunk_head head;
    memcpy(cluster, data + 16, sizeof(cluster));
    memcpy(id.bytes, data + 32, sizeof(id.bytes));
    if (chunk_head_decode(bytes_of(data, size), cluster, &id, &head))
        return;
    CHECK(head.size >= 1 && head.size <= CHUNK_BYTES_MAX);
    chunk_head_encode(&head, again);
    CHECK(memcmp(again, data, chunk_head_len(head.size)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chunk_id id = {{0}};
    struct chunk_head head;
    const uint8_t cluster[CLUSTER_ID_LEN] = {0};
    (void)chunk_head_decode(bytes_of(data, size), cluster, &id, &head);
    if (size < CHUNK_HEADER_BYTES)
        return 0;
    decode_and_compare(data, size);

    /* The same with a right checksum, which no fuzzer guesses. */
    uint32_t payload = get_u32(data + 48);
    if (payload < 1 || payload > CHUNK_BYTES_MAX || size < chunk_head_len(payload))
        return 0;
    uint8_t *fixed = mem_alloc(size);
    memcpy(fixed, data, size);
    uint32_t crc = crc32c_update(0, fixed, 76);
    put_u32(fixed + 76, crc32c_update(crc, fixed + 80, chunk_head_len(payload) - 80));
    decode_and_compare(fixed, size);
    free(fixed);
    return 0;
}
