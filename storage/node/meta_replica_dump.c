/* Reading the replica of the metadata: its rows page by page, for a restore. */
#include <string.h>

#include "storage/node/meta_replica_internal.h"
#include "storage/node/small_store_internal.h"

/* Appends rows from the iterator's place until the page is full. */
static enum status dump_rows(struct rocks_iterator *it, const uint8_t *table, struct buffer *out, size_t start,
                             uint32_t *count)
{
    for (; rocks_iterator_valid(it) && out->len - start < CHANGE_PAGE_BYTES; rocks_iterator_next(it)) {
        struct bytes key = rocks_iterator_key(it);
        if (key.len < REPLICA_PREFIX_LEN || memcmp(key.data, table, 4) != 0)
            break;
        struct change change = {.kind = CHANGE_PUT,
                                .family = (uint8_t)key.data[4],
                                .key = bytes_of(key.data + REPLICA_PREFIX_LEN, key.len - REPLICA_PREFIX_LEN),
                                .value = rocks_iterator_value(it)};
        enum status status = change_append(out, &change);
        if (status)
            return status;
        ++*count;
    }
    return rocks_iterator_status(it);
}

enum status meta_replica_dump(struct meta_replica *replica, struct bytes after, struct buffer *out)
{
    struct meta_replica_state state;
    struct buffer from;
    uint8_t table[4];
    uint32_t count = 0;
    size_t start;

    meta_replica_state(replica, &state);
    put_u32(table, replica_table(replica));
    buffer_init(&from, sizeof(table) + UINT16_MAX + 2);
    enum status status = buffer_append(&from, table, sizeof(table));
    if (!status)
        status = buffer_append_bytes(&from, after);
    if (!status && after.len)
        status = buffer_append(&from, "", 1); /* the smallest key behind it */
    if (!status)
        status = change_record_begin(out, &start);
    if (!status && state.epoch) {
        const struct rocks_view view = {0};
        struct rocks_iterator *it =
            rocks_iterator_create(replica->db, &view, FAMILY_METADATA, buffer_bytes(&from), (struct bytes){0});
        rocks_iterator_first(it);
        status = dump_rows(it, table, out, start, &count);
        rocks_iterator_free(it);
    }
    if (!status)
        status = change_record_seal(out, start, state.epoch, state.sequence, count);
    buffer_release(&from);
    return status;
}
