/* See the header. A write batch is read in RocksDB's own format (db/write_batch.cc: 8 bytes of sequence, 4 of count,
 * then tagged entries), which is what its log keeps and therefore stable; tags that Tercet never writes are refused. */
#include "meta/db_log.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "meta/db_private.h"

#define BATCH_HEADER_LEN 12

enum { /* rocksdb::ValueType */
       TAG_DELETION = 0x0,
       TAG_VALUE = 0x1,
       TAG_FAMILY_DELETION = 0x4,
       TAG_FAMILY_VALUE = 0x5,
       TAG_NOOP = 0xd,
};

uint64_t db_sequence(struct db *db)
{
    return rocksdb_get_latest_sequence_number(db->rocksdb);
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

/* One entry; kind 0 when it changes nothing. */
static enum status entry_read(struct bytes *rest, struct change *change)
{
    uint8_t tag = (uint8_t)rest->data[0];
    uint32_t family = 0;
    *rest = bytes_of(rest->data + 1, rest->len - 1);
    *change = (struct change){0};
    if (tag == TAG_NOOP)
        return STATUS_OK;
    if (tag != TAG_DELETION && tag != TAG_VALUE && tag != TAG_FAMILY_DELETION && tag != TAG_FAMILY_VALUE)
        return STATUS_CORRUPT;
    if ((tag == TAG_FAMILY_DELETION || tag == TAG_FAMILY_VALUE) && varint_read(rest, &family))
        return STATUS_CORRUPT;
    if (family >= DB_FAMILY_COUNT || slice_read(rest, &change->key))
        return STATUS_CORRUPT;
    change->family = (uint8_t)family;
    change->kind = tag == TAG_DELETION || tag == TAG_FAMILY_DELETION ? CHANGE_DELETE : CHANGE_PUT;
    return change->kind == CHANGE_PUT ? slice_read(rest, &change->value) : STATUS_OK;
}

static enum status batch_read(struct bytes data, struct buffer *out, uint32_t *count)
{
    struct change change;
    enum status status = STATUS_OK;
    *count = 0;
    if (data.len < BATCH_HEADER_LEN)
        return STATUS_CORRUPT;
    struct bytes rest = bytes_of(data.data + BATCH_HEADER_LEN, data.len - BATCH_HEADER_LEN);
    while (!status && rest.len) {
        status = entry_read(&rest, &change);
        if (status || !change.kind)
            continue;
        status = change_append(out, &change);
        ++*count;
    }
    return status;
}

enum status db_batch_changes(const struct db_batch *batch, struct buffer *out, uint32_t *count)
{
    struct bytes data;
    data.data = rocksdb_writebatch_wi_data(batch->wi, &data.len);
    return batch_read(data, out, count);
}

/* ---- the log ----------------------------------------------------------------------------------------------------- */

static enum status log_record_append(rocksdb_writebatch_t *batch, uint64_t epoch, uint64_t first, struct buffer *out)
{
    struct bytes data;
    uint32_t count;
    size_t start;
    data.data = rocksdb_writebatch_data(batch, &data.len);
    enum status status = change_record_begin(out, &start);
    if (!status)
        status = batch_read(data, out, &count);
    if (!status && count != (uint32_t)rocksdb_writebatch_count(batch))
        status = STATUS_CORRUPT;
    if (!status)
        status = change_record_seal(out, start, epoch, first, count);
    if (status)
        out->len = start;
    return status;
}

/* Appends records while they follow each other without a gap. */
static enum status log_walk(rocksdb_wal_iterator_t *iterator, uint64_t from, uint64_t last, uint64_t epoch,
                            uint64_t base, struct buffer *out)
{
    size_t begin = out->len;
    for (; from <= last && rocksdb_wal_iter_valid(iterator); rocksdb_wal_iter_next(iterator)) {
        uint64_t sequence;
        rocksdb_writebatch_t *batch = rocksdb_wal_iter_get_batch(iterator, &sequence);
        uint32_t count = (uint32_t)rocksdb_writebatch_count(batch);
        enum status status = STATUS_OK;
        if (sequence + count > from) /* the first may begin before what was asked for: then it is taken as a gap */
            status = sequence == from ? log_record_append(batch, epoch, sequence + base, out) : STATUS_NOT_FOUND;
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
    return out->len > begin ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status db_log_read(struct db *db, uint64_t from, uint64_t last, uint64_t epoch, uint64_t base, struct buffer *out)
{
    char *error = NULL;
    rocksdb_wal_iterator_t *iterator = rocksdb_get_updates_since(db->rocksdb, from, NULL, &error);
    enum status status;
    if (error) {
        log_info("the log does not reach back far enough", LOG_STR("reason", error));
        rocksdb_free(error);
        return STATUS_NOT_FOUND;
    }
    status = log_walk(iterator, from, last, epoch, base, out);
    rocksdb_wal_iter_destroy(iterator);
    return status;
}

/* ---- taking changes in ------------------------------------------------------------------------------------------- */

enum status db_apply(struct db *db, struct bytes payload, bool sync)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writeoptions_t *unsynced = rocksdb_writeoptions_create();
    struct change change;
    char *error = NULL;
    enum status status;
    while ((status = change_next(&payload, &change)) == STATUS_OK) {
        if (change.family >= DB_FAMILY_COUNT) {
            status = STATUS_CORRUPT;
            break;
        }
        rocksdb_column_family_handle_t *family = db->families[change.family];
        if (change.kind == CHANGE_PUT)
            rocksdb_writebatch_put_cf(batch, family, change.key.data, change.key.len, change.value.data,
                                      change.value.len);
        else
            rocksdb_writebatch_delete_cf(batch, family, change.key.data, change.key.len);
    }
    if (status == STATUS_NOT_FOUND) {
        rocksdb_write(db->rocksdb, sync ? db->write_options : unsynced, batch, &error);
        status = db_error(error, "apply changes");
    }
    rocksdb_writeoptions_destroy(unsynced);
    rocksdb_writebatch_destroy(batch);
    return status;
}

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

/* RocksDB's C interface does not tell a snapshot's sequence; when it is the same before and after, it is that one. */
void db_snapshot_open(struct db_snapshot *snapshot, struct db *db)
{
    const rocksdb_snapshot_t *taken = NULL;
    *snapshot = (struct db_snapshot){.db = db};
    for (;;) {
        snapshot->sequence = db_sequence(db);
        taken = rocksdb_create_snapshot(db->rocksdb);
        if (db_sequence(db) == snapshot->sequence)
            break;
        rocksdb_release_snapshot(db->rocksdb, taken);
    }
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(options, taken);
    rocksdb_readoptions_set_fill_cache(options, 0);
    snapshot->snapshot = taken;
    snapshot->options = options;
}

void db_snapshot_close(struct db_snapshot *snapshot)
{
    if (snapshot->iterator)
        rocksdb_iter_destroy(snapshot->iterator);
    if (!snapshot->snapshot)
        return;
    rocksdb_readoptions_destroy(snapshot->options);
    rocksdb_release_snapshot(snapshot->db->rocksdb, snapshot->snapshot);
    *snapshot = (struct db_snapshot){0};
}

/* Appends rows of the current family until the page is full. */
static enum status snapshot_rows(struct db_snapshot *snapshot, struct buffer *out, size_t begin, uint32_t *count)
{
    rocksdb_iterator_t *iterator = snapshot->iterator;
    char *error = NULL;
    enum status status = STATUS_OK;
    for (; !status && rocksdb_iter_valid(iterator) && out->len - begin < CHANGE_PAGE_BYTES;
         rocksdb_iter_next(iterator)) {
        struct change change = {.kind = CHANGE_PUT, .family = (uint8_t)snapshot->family};
        change.key.data = rocksdb_iter_key(iterator, &change.key.len);
        change.value.data = rocksdb_iter_value(iterator, &change.value.len);
        status = change_append(out, &change);
        *count += status == STATUS_OK;
    }
    rocksdb_iter_get_error(iterator, &error);
    enum status failure = db_error(error, "read a snapshot");
    return status ? status : failure;
}

enum status db_snapshot_next(struct db_snapshot *snapshot, struct buffer *out, uint32_t *count)
{
    struct db *db = snapshot->db;
    size_t begin = out->len;
    enum status status = STATUS_OK;
    *count = 0;
    while (!status && snapshot->family < DB_FAMILY_COUNT && out->len - begin < CHANGE_PAGE_BYTES) {
        if (!snapshot->iterator) {
            snapshot->iterator =
                rocksdb_create_iterator_cf(db->rocksdb, snapshot->options, db->families[snapshot->family]);
            rocksdb_iter_seek_to_first(snapshot->iterator);
        }
        status = snapshot_rows(snapshot, out, begin, count);
        if (!status && !rocksdb_iter_valid(snapshot->iterator)) {
            rocksdb_iter_destroy(snapshot->iterator);
            snapshot->iterator = NULL;
            snapshot->family++;
        }
    }
    return status;
}
