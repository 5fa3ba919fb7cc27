/* RocksDB's log as change records; see rocks.h. A write batch is read in RocksDB's own format (db/write_batch.cc: 8
 * bytes of sequence, 4 of count, then tagged entries), which is what its log keeps and therefore stable; tags that
 * Tercet never writes are refused. */
#include "base/rocks_internal.h"

#include <string.h>

#include "base/change_record.h"
#include "base/log.h"

#define BATCH_HEADER_LEN 12

enum { /* rocksdb::ValueType */
       TAG_DELETION = 0x0,
       TAG_VALUE = 0x1,
       TAG_LOG_DATA = 0x3,
       TAG_FAMILY_DELETION = 0x4,
       TAG_FAMILY_VALUE = 0x5,
       TAG_NOOP = 0xd,
};

uint64_t rocks_sequence(struct rocks *db)
{
    return rocksdb_get_latest_sequence_number(db->database);
}

/* ---- reading a write batch ------------------------------------------------------------------------------------- */

static enum status varint_read(struct bytes *rest, uint32_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift <= 28 && rest->len; shift += 7) {
        uint8_t byte = (uint8_t)rest->data[0];
        *rest = bytes_of(rest->data + 1, rest->len - 1);
        *value |= (uint32_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return STATUS_OK;
    }
    return STATUS_CORRUPT;
}

static enum status slice_read(struct bytes *rest, struct bytes *slice)
{
    uint32_t len;
    if (varint_read(rest, &len) || len > rest->len)
        return STATUS_CORRUPT;
    *slice = bytes_of(rest->data, len);
    *rest = bytes_of(rest->data + len, rest->len - len);
    return STATUS_OK;
}

/* One entry; kind 0 when it changes nothing. Log data are the value of such a one. */
static enum status entry_read(const struct rocks *db, struct bytes *rest, struct change *change)
{
    uint8_t tag = (uint8_t)rest->data[0];
    uint32_t family = 0;
    *rest = bytes_of(rest->data + 1, rest->len - 1);
    *change = (struct change){0};
    if (tag == TAG_NOOP)
        return STATUS_OK;
    if (tag == TAG_LOG_DATA)
        return slice_read(rest, &change->value);
    if (tag != TAG_DELETION && tag != TAG_VALUE && tag != TAG_FAMILY_DELETION && tag != TAG_FAMILY_VALUE)
        return STATUS_CORRUPT;
    if ((tag == TAG_FAMILY_DELETION || tag == TAG_FAMILY_VALUE) && varint_read(rest, &family))
        return STATUS_CORRUPT;
    if (family >= db->config.family_count || slice_read(rest, &change->key))
        return STATUS_CORRUPT;
    change->family = (uint8_t)family;
    change->kind = tag == TAG_DELETION || tag == TAG_FAMILY_DELETION ? CHANGE_DELETE : CHANGE_PUT;
    return change->kind == CHANGE_PUT ? slice_read(rest, &change->value) : STATUS_OK;
}

/* What is taken out of a batch. */
enum batch_part { BATCH_CHANGES, BATCH_LOG_DATA };

/* Appends that part of it; *count: of how many entries. */
static enum status batch_read(const struct rocks *db, struct bytes data, enum batch_part part, struct buffer *out,
                              uint32_t *count)
{
    struct change change;
    enum status status = STATUS_OK;
    *count = 0;
    if (data.len < BATCH_HEADER_LEN)
        return STATUS_CORRUPT;
    struct bytes rest = bytes_of(data.data + BATCH_HEADER_LEN, data.len - BATCH_HEADER_LEN);
    while (!status && rest.len) {
        status = entry_read(db, &rest, &change);
        if (status || (part == BATCH_CHANGES) != (change.kind != 0))
            continue;
        status = part == BATCH_CHANGES ? change_append(out, &change) : buffer_append_bytes(out, change.value);
        ++*count;
    }
    return status;
}

enum status rocks_batch_changes(const struct rocks_batch *batch, struct buffer *out, uint32_t *count)
{
    struct bytes data;
    if (batch->indexed)
        data.data = rocksdb_writebatch_wi_data(batch->indexed, &data.len);
    else
        data.data = rocksdb_writebatch_data(batch->plain, &data.len);
    return batch_read(batch->db, data, BATCH_CHANGES, out, count);
}

/* ---- the log ----------------------------------------------------------------------------------------------------- */

static enum status log_record_append(const struct rocks *db, rocksdb_writebatch_t *batch, uint64_t epoch,
                                     uint64_t first, struct buffer *out)
{
    struct bytes data;
    uint32_t count;
    size_t begin = out->len, start;
    data.data = rocksdb_writebatch_data(batch, &data.len);
    enum status status = batch_read(db, data, BATCH_LOG_DATA, out, &count);
    if (!status)
        status = change_record_begin(out, &start);
    if (!status)
        status = batch_read(db, data, BATCH_CHANGES, out, &count);
    if (!status && count != (uint32_t)rocksdb_writebatch_count(batch))
        status = STATUS_CORRUPT;
    if (!status)
        status = change_record_seal(out, start, epoch, first, count);
    if (status)
        out->len = begin;
    return status;
}

/* Of reading the log; takes the error. What does not follow on what was read before (a file that was removed, a batch
 * that is half written) is damage to RocksDB, too: that is the end of the log, and only a disk's error is none. */
static enum status log_error_status(char *take_error)
{
    enum status status = strncmp(take_error, "IO error", 8) == 0 ? STATUS_IO : STATUS_NOT_FOUND;
    if (status == STATUS_IO)
        log_error("the log of the database cannot be read", LOG_STR("reason", take_error));
    else
        log_info("the log does not reach back far enough", LOG_STR("reason", take_error));
    rocksdb_free(take_error);
    return status;
}

/* Why an iterator came to its end. */
static enum status log_end_status(rocksdb_wal_iterator_t *iterator)
{
    char *error = NULL;
    rocksdb_wal_iter_status(iterator, &error);
    return error ? log_error_status(error) : STATUS_NOT_FOUND;
}

/* Appends records while they follow each other without a gap. */
static enum status log_walk(const struct rocks *db, rocksdb_wal_iterator_t *iterator, uint64_t from, uint64_t last,
                            uint64_t epoch, uint64_t base, struct buffer *out)
{
    size_t begin = out->len;
    for (; from <= last && rocksdb_wal_iter_valid(iterator); rocksdb_wal_iter_next(iterator)) {
        uint64_t sequence;
        rocksdb_writebatch_t *batch = rocksdb_wal_iter_get_batch(iterator, &sequence);
        uint32_t count = (uint32_t)rocksdb_writebatch_count(batch);
        enum status status = STATUS_OK;
        if (sequence + count > from) /* the first may begin before what was asked for: then it is taken as a gap */
            status = sequence == from ? log_record_append(db, batch, epoch, sequence + base, out) : STATUS_NOT_FOUND;
        rocksdb_writebatch_destroy(batch);
        if (status == STATUS_LIMIT && out->len > begin)
            return STATUS_OK;
        if (status)
            return status;
        if (sequence + count > from)
            from = sequence + count;
        if (out->len - begin >= CHANGE_PAGE_BYTES)
            return STATUS_OK;
    }
    return out->len > begin ? STATUS_OK : log_end_status(iterator);
}

enum status rocks_changes_read(struct rocks *db, uint64_t from, uint64_t last, uint64_t epoch, uint64_t base,
                               struct buffer *out)
{
    char *error = NULL;
    rocksdb_wal_iterator_t *iterator = rocksdb_get_updates_since(db->database, from, NULL, &error);
    enum status status;
    if (error)
        return log_error_status(error);
    status = log_walk(db, iterator, from, last, epoch, base, out);
    rocksdb_wal_iter_destroy(iterator);
    return status;
}

enum status rocks_changes_begin(struct rocks *db, uint64_t from, uint64_t base, uint64_t *begin)
{
    char *error = NULL;
    enum status status = STATUS_NOT_FOUND;
    uint64_t own = from > base ? from - base : 1;
    rocksdb_wal_iterator_t *iterator = rocksdb_get_updates_since(db->database, own, NULL, &error);
    if (error)
        return log_error_status(error);
    for (; status && rocksdb_wal_iter_valid(iterator); rocksdb_wal_iter_next(iterator)) {
        uint64_t sequence;
        rocksdb_writebatch_destroy(rocksdb_wal_iter_get_batch(iterator, &sequence));
        if (sequence < own)
            continue;
        *begin = sequence + base;
        status = STATUS_OK;
    }
    if (status)
        status = log_end_status(iterator);
    rocksdb_wal_iter_destroy(iterator);
    return status;
}
