/* The one record that nodes may hold and this database not: see the header. A group is sent to the nodes while it is
 * synced here, and the next one is appended only then, so a crash leaves the nodes ahead by one record at most. */
#include "meta/take_over.h"

#include <string.h>

#include "base/check.h"
#include "base/lock.h"
#include "meta/chunk_rows.h"
#include "meta/internal.h"

/* The record alone, and with the node's replica as it left it. */
static enum status record_read(struct bytes bytes, const struct meta_position *replica, struct change_record *record)
{
    if (bytes.len == 0)
        return STATUS_NOT_FOUND;
    enum status status = change_record_next(&bytes, record);
    if (status || bytes.len || record->count == 0)
        return STATUS_CORRUPT;
    return record->epoch == replica->epoch && record->first + record->count - 1 == replica->sequence ? STATUS_OK
                                                                                                     : STATUS_CONFLICT;
}

enum status take_over_base(struct bytes bytes, const struct meta_position *replica, struct meta_position *base)
{
    struct change_record record;
    struct lineage lineage;
    struct change change;
    enum status status = record_read(bytes, replica, &record);

    if (status)
        return status;
    *base = (struct meta_position){record.epoch, record.first - 1};
    while (change_next(&record.payload, &change) == STATUS_OK) {
        if (change.kind != CHANGE_PUT || change.family != STORE_DEFAULT || !bytes_equal(change.key, HISTORY_KEY))
            continue;
        status = history_row_lineage(change.value, &lineage);
        if (status)
            return status;
        if (lineage.epoch != record.epoch || lineage.count == 0 ||
            lineage.past[lineage.count - 1].sequence != base->sequence)
            return STATUS_CORRUPT;
        *base = lineage.past[lineage.count - 1];
    }
    return STATUS_OK;
}

enum status take_over_write(struct meta_store *db, const uint8_t *cluster_id, struct bytes bytes,
                            const struct meta_position *replica)
{
    struct meta_position local, base;
    struct change_record record;
    struct lineage lineage;
    enum status status = history_position(db, cluster_id, &local, &lineage);

    if (!status)
        status = take_over_base(bytes, replica, &base);
    if (!status && (base.epoch != local.epoch || base.sequence != local.sequence))
        status = STATUS_CONFLICT;
    if (status)
        return status;
    CHECK(change_record_next(&bytes, &record) == STATUS_OK);
    return store_write_record(db, &record);
}

enum status take_over_write_at(const char *path, const uint8_t *cluster_id, struct bytes bytes,
                               const struct meta_position *replica)
{
    struct meta_store *db = NULL;
    enum status status = store_open(path, 0, &db);

    if (status)
        return status;
    status = take_over_write(db, cluster_id, bytes, replica);
    store_close(db);
    return status;
}

enum status take_over_chunk_next(struct bytes *changes, struct chunk_ref *chunk)
{
    struct chunk_record record;
    struct change change;
    struct chunk_id id;
    enum status status;

    while ((status = change_next(changes, &change)) == STATUS_OK) {
        if (change.kind != CHANGE_PUT || change.family != STORE_CHUNKS)
            continue;
        if (change.key.len != sizeof(id) || chunk_record_decode(change.value, &record))
            return STATUS_CORRUPT;
        memcpy(&id, change.key.data, sizeof(id));
        chunk_record_ref_all(&record, &id, chunk);
        if (record.size <= CARRIED_CHUNK_MAX && record.queued != CHUNK_UNWANTED)
            return STATUS_OK;
    }
    return status;
}

bool take_over_is_stray(struct meta *meta, struct bytes bytes, const struct meta_position *replica)
{
    struct history *history = &meta->history;
    struct meta_position base;

    if (take_over_base(bytes, replica, &base))
        return false;
    lock_acquire(&history->lock);
    bool ended = lineage_ended_at(&history->lineage, history_last(history), &base);
    lock_release(&history->lock);
    return ended;
}
