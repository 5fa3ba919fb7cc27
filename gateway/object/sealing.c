/* Sealing what comes in; see the header. Sealing a block takes a loop's thread as long as TLS does for the same bytes,
 * so it is done there. */
#include "gateway/object/sealing.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "storage/cluster/cluster.h"

struct sealing {
    struct stream_writer *writer;
    struct block_seal *seal;
    uint64_t number; /* of the next block to be sealed */
    size_t capacity; /* of a block */
    char *blocks[2];
    unsigned filling;
    size_t waiting; /* bytes of the other block, which is not sealed yet */
    enum status failed;
};

static size_t block_bytes(uint64_t expected)
{
    return expected < BLOCK_SEAL_BYTES ? (size_t)expected + 1 : BLOCK_SEAL_BYTES;
}

uint64_t sealing_memory(uint64_t expected)
{
    return 2 * (uint64_t)block_bytes(expected);
}

struct sealing *sealing_create(struct stream_writer *writer, const struct object_key *key, uint64_t expected)
{
    struct sealing *sealing = mem_zalloc(sizeof(*sealing));

    sealing->writer = writer;
    sealing->seal = block_seal_create(&key->key, &key->id);
    sealing->capacity = block_bytes(expected);
    return sealing;
}

void sealing_free(struct sealing *sealing)
{
    if (!sealing)
        return;
    block_seal_free(sealing->seal);
    free(sealing->blocks[0]);
    free(sealing->blocks[1]);
    free(sealing);
}

enum status sealing_space(struct sealing *sealing, char **space, size_t *capacity)
{
    if (sealing->failed)
        return sealing->failed;
    if (!sealing->blocks[sealing->filling])
        sealing->blocks[sealing->filling] = mem_alloc(sealing->capacity);
    *space = sealing->blocks[sealing->filling];
    *capacity = sealing->capacity;
    return STATUS_OK;
}

static enum status send_sealed(struct sealing *sealing, const char *plain, size_t left)
{
    uint8_t tag[BLOCK_SEAL_MORE];

    while (left > 0) {
        char *space;
        size_t capacity;
        enum status status = stream_writer_space(sealing->writer, &space, &capacity);
        if (status)
            return status;
        size_t len = left < capacity ? left : capacity;
        block_seal_update(sealing->seal, plain, len, space);
        stream_writer_commit(sealing->writer, len);
        plain += len;
        left -= len;
    }
    block_seal_end(sealing->seal, tag);
    return stream_writer_write(sealing->writer, tag, sizeof(tag));
}

static void send_waiting(struct sealing *sealing, bool last)
{
    size_t len = sealing->waiting;

    if (len == 0 || sealing->failed)
        return;
    sealing->waiting = 0;
    block_seal_begin(sealing->seal, sealing->number++, last);
    sealing->failed = send_sealed(sealing, sealing->blocks[!sealing->filling], len);
}

void sealing_commit(struct sealing *sealing, size_t len)
{
    send_waiting(sealing, false);
    sealing->waiting = len;
    sealing->filling = !sealing->filling;
}

void sealing_end(struct sealing *sealing)
{
    send_waiting(sealing, true);
}
