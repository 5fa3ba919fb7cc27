/* Asking one replica for the rest of a chunk's part: the request, and what has come of its answer. Blocks are verified
 * against the table of CRCs that the node sends first, and the table against the chunk's recorded checksum, so that
 * nothing that a node says is taken on trust. */
#include "storage/cluster/replica_reader_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/clock.h"

#define RECEIVE_WINDOW_BYTES (192u << 10)

static_assert(RECEIVE_WINDOW_BYTES >= CHUNK_BLOCK_BYTES + CHUNK_BLOCKS_MAX * 4, "a block and the table must fit");

static uint32_t block_len(const struct replica_reader *reader, uint32_t block)
{
    uint32_t begin = block * CHUNK_BLOCK_BYTES;
    uint32_t rest = reader->ref.size - begin;
    return rest < CHUNK_BLOCK_BYTES ? rest : CHUNK_BLOCK_BYTES;
}

void replica_attempt_begin(struct replica_reader *reader, struct replica_attempt *attempt, struct replica *replica)
{
    char id[CHUNK_ID_TEXT_LEN + 1];
    char target[NODE_TARGET_MAX];
    chunk_id_format(&reader->ref.id, id);
    snprintf(target, sizeof(target), "/chunks/%s?first=%u&count=%u", id, (unsigned)reader->block,
             (unsigned)(reader->block_end - reader->block));
    replica->asked = true;
    *attempt = (struct replica_attempt){.replica = replica, .begun_us = clock_monotonic_us()};
    node_call_start(&attempt->call, reader->cluster, replica->node, "GET", target, NULL,
                    (struct http_call_options){.receive_window = RECEIVE_WINDOW_BYTES});
}

/* The answer's head: does the replica hold the chunk that was recorded? */
static bool head_matches(const struct replica_reader *reader, const struct http_call *http)
{
    uint64_t size;
    uint8_t crc[4];
    if (bytes_parse_u64(http_call_header(http, "x-tercet-size"), UINT32_MAX, &size) ||
        hex_decode(http_call_header(http, "x-tercet-crc32c"), crc, sizeof(crc)))
        return false;
    return size == reader->ref.size && get_u32(crc) == reader->ref.crc32c;
}

/* The table proves itself: its combination must be the recorded checksum. One that does not leaves no trace: another
 * attempt may be working with a good one. */
static bool table_accept(struct replica_reader *reader, const char *data)
{
    uint32_t table[CHUNK_BLOCKS_MAX], count = chunk_block_count(reader->ref.size), crc = 0;
    for (uint32_t i = 0; i < count; i++) {
        table[i] = get_u32(data + 4 * (size_t)i);
        crc = crc32c_combine(crc, table[i], block_len(reader, i));
    }
    if (crc != reader->ref.crc32c)
        return false;
    memcpy(reader->table, table, count * sizeof(table[0]));
    return true;
}

/* Takes the head and the table off the answer once they are there. STATUS_TIMEOUT: not yet. */
static enum status begin_body(struct replica_reader *reader, struct replica_attempt *attempt)
{
    struct http_call *http = attempt->call.http;
    size_t table_len = 4 * (size_t)chunk_block_count(reader->ref.size);
    if (!http_call_head_arrived(http) || http_call_status(http) != 200)
        return STATUS_TIMEOUT; /* another status is judged when the exchange is over */
    if (!head_matches(reader, http))
        return STATUS_CORRUPT;
    struct bytes received = http_call_received(http);
    if (received.len < table_len)
        return STATUS_TIMEOUT;
    if (!table_accept(reader, received.data))
        return STATUS_CORRUPT;
    http_call_consume(http, table_len);
    attempt->body_begun = true;
    return STATUS_OK;
}

/* Verifies all blocks that are there in full and hands their wanted part out. STATUS_TIMEOUT: none yet. */
static enum status take_blocks(struct replica_reader *reader, const struct http_call *http, struct bytes *out)
{
    struct bytes received = http_call_received(http);
    uint32_t first = reader->block;
    size_t len = 0;
    while (reader->block < reader->block_end) {
        uint32_t part = block_len(reader, reader->block);
        if (received.len - len < part)
            break;
        if (crc32c_update(0, received.data + len, part) != reader->table[reader->block]) {
            if (len == 0)
                return STATUS_CORRUPT;
            break; /* those before it are good */
        }
        len += part;
        reader->block++;
    }
    if (len == 0)
        return STATUS_TIMEOUT;
    uint32_t begin = first * CHUNK_BLOCK_BYTES;
    uint32_t skip = reader->position - begin;
    uint32_t end = begin + (uint32_t)len < reader->end ? begin + (uint32_t)len : reader->end;
    *out = bytes_of(received.data + skip, end - begin - skip);
    reader->position = end;
    reader->handed_out = len;
    return STATUS_OK;
}

enum status replica_attempt_look(struct replica_reader *reader, struct replica_attempt *attempt, struct bytes *out,
                                 enum node_outcome *outcome, const char **reason)
{
    struct http_call *http = attempt->call.http;
    enum status status = attempt->body_begun ? STATUS_OK : begin_body(reader, attempt);
    if (!status)
        status = take_blocks(reader, http, out);
    if (status == STATUS_CORRUPT) {
        *outcome = NODE_ANSWERED;
        *reason = "sent other bytes than were stored";
    } else if (status == STATUS_TIMEOUT && http_call_ended(http)) {
        status = node_call_judge(&attempt->call, outcome, reason);
        if (status == STATUS_OK) {
            *outcome = NODE_FAILED;
            *reason = "sent fewer bytes than asked for";
        }
        if (status == STATUS_OK || status == STATUS_TIMEOUT)
            status = STATUS_IO;
    }
    return status;
}
