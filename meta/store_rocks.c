/* The store on RocksDB (base/rocks.h): the names' families, limits for their memory and for the logs that are kept for
 * nodes that were away, and what its errors mean here. Each write ends with a row that says the sequence which it leads
 * to, so that the sequence is as durable as what it counts; RocksDB's own, with which its log is searched, is `offset`
 * less. */
#include "meta/store_rocks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/log.h"
#include "meta/damage.h"
#include "meta/store_operations.h"

#define WRITE_BUFFERS_BYTES (16u << 20)
#define FAMILY_BUFFER_BYTES (WRITE_BUFFERS_BYTES / 2)
#define LOG_BYTES_MAX       (64u << 20)
#define LOG_KEPT_MAX_MB     256 /* of logs that are no longer needed here, for nodes that were away ... */
#define LOG_KEPT_MIN_MB     16
#define LOG_KEPT_PART       32          /* ... and of the disk no more than this part */
#define LOG_LOOK_BYTES      (16u << 20) /* written until it is looked whether more are kept */
#define CACHE_BYTES_DEFAULT (16u << 20)
#define OPEN_FILES_MAX      256
#define SEQUENCE_KEY        BYTES("sequence") /* in STORE_DEFAULT: a format byte, the sequence */
#define SEQUENCE_FORMAT     1
#define SEQUENCE_LEN        9

#define FAMILY(family, text) [STORE_##family] = {.name = (text), .write_buffer_bytes = FAMILY_BUFFER_BYTES}
static const struct rocks_family families[STORE_FAMILY_COUNT] = {
    FAMILY(DEFAULT, "default"),   FAMILY(BUCKETS, "buckets"),        FAMILY(CURRENT, "current"),
    FAMILY(VERSIONS, "versions"), FAMILY(UPLOADS, "uploads"),        FAMILY(PARTS, "parts"),
    FAMILY(CHUNKS, "chunks"),     FAMILY(REPAIR, "repair"),          FAMILY(GC, "gc"),
    FAMILY(NAMES, "names"),       FAMILY(SETTINGS, "settings"),      FAMILY(OUTBOX, "outbox"),
    FAMILY(IDENTITY, "identity"), FAMILY(ANNOTATIONS, "annotations")};

struct store_rocks {
    struct meta_store store;
    struct rocks *database;
    bool read_only;
    pthread_mutex_t write_lock; /* held by who writes, and while a snapshot is taken */
    _Atomic uint64_t sequence;  /* changes under write_lock */
    _Atomic uint64_t offset;    /* the same */
    uint64_t unlooked_bytes;    /* under write_lock: written since it was looked how many logs are kept */
};

struct batch_rocks {
    struct store_batch batch;
    struct rocks_batch *changes;
};

static struct store_rocks *store_rocks_of(struct meta_store *db)
{
    return (struct store_rocks *)db;
}

static struct rocks *database_of(struct meta_store *db)
{
    return store_rocks_of(db)->database;
}

static struct rocks_batch *changes_of(const struct store_batch *batch)
{
    return ((const struct batch_rocks *)batch)->changes;
}

static const struct store_operations operations; /* at the end */

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static enum status store_failed(void *arg, const struct rocks_failure *failure)
{
    static const char *const actions[] = {
        [ROCKS_OPEN] = "open", [ROCKS_READ] = "read", [ROCKS_WRITE] = "write", [ROCKS_FLUSH] = "flush"};
    (void)arg;
    /* Not counted at the start: it may be the torn end of a log, which is cut off, and else nothing is served. */
    if (failure->action == ROCKS_OPEN && failure->status == STATUS_DAMAGED)
        log_error("metadata database cannot be opened: it is damaged", LOG_STR("error", failure->text));
    else if (failure->status == STATUS_DAMAGED)
        STATUS_IGNORE(damage_found(actions[failure->action], failure->text), "the status is known");
    else
        log_error("metadata database failed", LOG_STR("action", actions[failure->action]),
                  LOG_STR("error", failure->text), LOG_STATUS(failure->status));
    return failure->status;
}

/* Makes the directory, so that its disk can be asked for its size. */
static uint64_t log_kept_mb(const char *path)
{
    struct statvfs disk = {0};
    uint64_t kept = LOG_KEPT_MAX_MB;
    mkdir(path, 0700);
    if (statvfs(path, &disk) == 0)
        kept = (uint64_t)disk.f_blocks * disk.f_frsize / LOG_KEPT_PART >> 20;
    if (kept > LOG_KEPT_MAX_MB)
        kept = LOG_KEPT_MAX_MB;
    return kept < LOG_KEPT_MIN_MB ? LOG_KEPT_MIN_MB : kept;
}

static enum status sequence_decode(struct bytes row, uint64_t *sequence)
{
    if (row.len != SEQUENCE_LEN || row.data[0] != SEQUENCE_FORMAT)
        return STATUS_CORRUPT;
    *sequence = get_u64(row.data + 1);
    return STATUS_OK;
}

static void sequence_is(struct store_rocks *db, uint64_t sequence)
{
    atomic_store(&db->offset, sequence - rocks_sequence(db->database));
    atomic_store(&db->sequence, sequence);
}

/* A database of a build that did not keep it has RocksDB's, until store_sequence_set says better. */
static enum status sequence_load(struct store_rocks *db)
{
    struct store_value row;
    uint64_t sequence = rocks_sequence(db->database);
    enum status status = store_get(&(struct store_view){.db = &db->store}, STORE_DEFAULT, SEQUENCE_KEY, &row);
    if (!status) {
        status = damage_of_row(sequence_decode(store_value_bytes(&row), &sequence), "read the sequence");
        store_value_release(&row);
    }
    sequence_is(db, sequence);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status open_with(const char *path, uint64_t cache_bytes, enum rocks_recovery recovery,
                             struct meta_store **out)
{
    const struct rocks_config config = {
        .path = path,
        .families = families,
        .family_count = STORE_FAMILY_COUNT,
        .recovery = recovery,
        .cache_bytes = cache_bytes ? cache_bytes : CACHE_BYTES_DEFAULT,
        .write_buffers_bytes = WRITE_BUFFERS_BYTES,
        .log_bytes_max = LOG_BYTES_MAX,
        .log_kept_mb = log_kept_mb(path),
        .open_files_max = OPEN_FILES_MAX,
        .compressed = true,
        .filtered = true,
        .partitioned = true,
        .keeps_queues = true,
        .failed = store_failed,
    };
    struct store_rocks *db = mem_zalloc(sizeof(*db));
    db->store.operations = &operations;
    db->read_only = recovery != ROCKS_DROP_TORN_TAIL;
    pthread_mutex_init(&db->write_lock, NULL);
    enum status status = rocks_open(&config, &db->database);
    if (!status)
        status = sequence_load(db);
    if (status)
        store_rocks_abandon(&db->store);
    else
        *out = &db->store;
    return status;
}

enum status store_open(const char *path, uint64_t cache_bytes, struct meta_store **db)
{
    return open_with(path, cache_bytes, ROCKS_DROP_TORN_TAIL, db);
}

enum status store_open_prefix(const char *path, struct meta_store **db)
{
    return open_with(path, 0, ROCKS_STOP_AT_DAMAGE, db);
}

bool store_exists(const char *path)
{
    struct buffer current;
    buffer_init(&current, 8192);
    bool exists = buffer_printf(&current, "%s/CURRENT", path) == STATUS_OK && access(current.data, F_OK) == 0;
    buffer_release(&current);
    return exists;
}

void store_rocks_abandon(struct meta_store *db)
{
    rocks_close(database_of(db));
    pthread_mutex_destroy(&store_rocks_of(db)->write_lock);
    free(db);
}

static void store_rocks_close(struct meta_store *db)
{
    if (!store_rocks_of(db)->read_only && rocks_flush(database_of(db)))
        log_info("metadata database is closed without a flush; nothing is lost, its log has it");
    store_rocks_abandon(db);
}

struct rocks *store_rocks_database(struct meta_store *db)
{
    return database_of(db);
}

static uint64_t store_rocks_figure(struct meta_store *db, enum database_figure figure)
{
    return rocks_figure(database_of(db), figure);
}

/* ---- batches --------------------------------------------------------------------------------------------------- */

static struct store_batch *store_rocks_batch_create(struct meta_store *db)
{
    struct batch_rocks *batch = mem_alloc(sizeof(*batch));
    *batch = (struct batch_rocks){{db}, rocks_batch_create(database_of(db), true)};
    return &batch->batch;
}

static void store_rocks_batch_free(struct store_batch *batch)
{
    rocks_batch_free(changes_of(batch));
    free(batch);
}

static void store_rocks_batch_put(struct store_batch *batch, enum store_family family, struct bytes key,
                                  struct bytes value)
{
    rocks_batch_put(changes_of(batch), family, key, value);
}

static void store_rocks_batch_delete(struct store_batch *batch, enum store_family family, struct bytes key)
{
    rocks_batch_delete(changes_of(batch), family, key);
}

static unsigned store_rocks_batch_count(const struct store_batch *batch)
{
    return rocks_batch_count(changes_of(batch));
}

static size_t store_rocks_batch_bytes(const struct store_batch *batch)
{
    return rocks_batch_bytes(changes_of(batch));
}

static void store_rocks_batch_log_data(struct store_batch *batch, struct bytes data)
{
    rocks_batch_log_data(changes_of(batch), data);
}

static void store_rocks_batch_mark(struct store_batch *batch)
{
    rocks_batch_mark(changes_of(batch));
}

static void store_rocks_batch_rollback(struct store_batch *batch)
{
    rocks_batch_rollback(changes_of(batch));
}

static enum status store_rocks_batch_changes(const struct store_batch *batch, struct buffer *out, uint32_t *count)
{
    return rocks_batch_changes(changes_of(batch), out, count);
}

/* Adds the row of the sequence that the batch leads to, that row included. */
static uint64_t sequence_put(struct store_rocks *db, struct rocks_batch *changes)
{
    uint64_t sequence = atomic_load(&db->sequence) + rocks_batch_count(changes) + 1;
    uint8_t row[SEQUENCE_LEN] = {SEQUENCE_FORMAT};
    put_u64(row + 1, sequence);
    rocks_batch_put(changes, STORE_DEFAULT, SEQUENCE_KEY, bytes_of(row, sizeof(row)));
    return sequence;
}

/* With the row of the sequence, which a batch from a record has already. */
static enum status write_locked(struct store_rocks *db, struct rocks_batch *changes, const struct store_terms *terms)
{
    rocks_batch_mark(changes);
    uint64_t sequence =
        terms->recorded ? atomic_load(&db->sequence) + rocks_batch_count(changes) : sequence_put(db, changes);
    enum status status = rocks_write(db->database, changes, !terms->lazy);
    if (status) {
        rocks_batch_rollback(changes); /* it may be written again */
        return status;
    }
    sequence_is(db, sequence);
    db->unlooked_bytes += rocks_batch_bytes(changes);
    if (db->unlooked_bytes >= LOG_LOOK_BYTES) {
        rocks_log_trim(db->database);
        db->unlooked_bytes = 0;
    }
    return STATUS_OK;
}

/* Does a batch from a record end with the row of the sequence that it leads to? */
static enum status recorded_check(struct store_rocks *db, struct rocks_batch *changes)
{
    const struct rocks_view view = {.batch = changes};
    struct store_value row;
    uint64_t sequence = 0;
    enum status status = rocks_get(db->database, &view, STORE_DEFAULT, SEQUENCE_KEY, &row.data, &row.len);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
    status = sequence_decode(store_value_bytes(&row), &sequence);
    store_value_release(&row);
    if (!status && sequence != atomic_load(&db->sequence) + rocks_batch_count(changes))
        status = STATUS_CORRUPT;
    return status;
}

static enum status store_rocks_write(struct meta_store *store, struct store_batch *batch,
                                     const struct store_terms *terms)
{
    struct store_rocks *db = store_rocks_of(store);
    struct rocks_batch *changes = changes_of(batch);
    lock_acquire(&db->write_lock);
    enum status status =
        terms->conditional && atomic_load(&db->sequence) != terms->sequence ? STATUS_CONFLICT : STATUS_OK;
    if (!status && terms->recorded)
        status = recorded_check(db, changes);
    if (!status)
        status = write_locked(db, changes, terms);
    lock_release(&db->write_lock);
    return status;
}

static enum status store_rocks_sync(struct meta_store *db)
{
    return rocks_sync(database_of(db));
}

/* ---- reads ------------------------------------------------------------------------------------------------------ */

/* As of a snapshot all is read once, so nothing of it is kept in the cache. */
static struct rocks_view view_of(const struct store_view *view)
{
    return (struct rocks_view){.batch = view->batch ? changes_of(view->batch) : NULL,
                               .snapshot = view->snapshot ? view->snapshot->place : NULL,
                               .in_memory = view->in_memory,
                               .passing = view->snapshot != NULL};
}

static enum status store_rocks_get(const struct store_view *view, enum store_family family, struct bytes key,
                                   struct store_value *value)
{
    const struct rocks_view inner = view_of(view);
    return rocks_get(database_of(view->db), &inner, family, key, &value->data, &value->len);
}

static void store_rocks_iterator_open(struct store_iterator *it, const struct store_view *view,
                                      enum store_family family)
{
    const struct rocks_view inner = view_of(view);
    it->place = rocks_iterator_create(database_of(view->db), &inner, family, it->lower, it->upper);
}

static void store_rocks_iterator_close(struct store_iterator *it)
{
    rocks_iterator_free(it->place);
}

static void store_rocks_iterator_seek(struct store_iterator *it, struct bytes key)
{
    rocks_iterator_seek(it->place, key);
}

static void store_rocks_iterator_last(struct store_iterator *it)
{
    rocks_iterator_last(it->place);
}

static void store_rocks_iterator_next(struct store_iterator *it)
{
    rocks_iterator_next(it->place);
}

static void store_rocks_iterator_previous(struct store_iterator *it)
{
    rocks_iterator_previous(it->place);
}

static bool store_rocks_iterator_valid(const struct store_iterator *it)
{
    return rocks_iterator_valid(it->place);
}

static struct bytes store_rocks_iterator_key(const struct store_iterator *it)
{
    return rocks_iterator_key(it->place);
}

static struct bytes store_rocks_iterator_value(const struct store_iterator *it)
{
    return rocks_iterator_value(it->place);
}

static enum status store_rocks_iterator_status(const struct store_iterator *it)
{
    return rocks_iterator_status(it->place);
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static uint64_t store_rocks_sequence(struct meta_store *db)
{
    return atomic_load(&store_rocks_of(db)->sequence);
}

static void store_rocks_sequence_set(struct meta_store *db, uint64_t sequence)
{
    sequence_is(store_rocks_of(db), sequence);
}

/* Does a record that was found by RocksDB's sequence hold the changes that it is taken for? Its last change says so;
 * one of a build that did not keep the sequence has no such row. */
static bool record_is_in_place(const struct change_record *record)
{
    struct bytes payload = record->payload;
    struct change change = {0};
    uint64_t sequence;
    while (change_next(&payload, &change) == STATUS_OK)
        continue;
    return change.family != STORE_DEFAULT || !bytes_equal(change.key, SEQUENCE_KEY) ||
           (sequence_decode(change.value, &sequence) == STATUS_OK && sequence == record->first + record->count - 1);
}

static enum status store_rocks_changes_read(struct meta_store *db, uint64_t from, uint64_t last, uint64_t epoch,
                                            struct buffer *out)
{
    uint64_t offset = atomic_load(&store_rocks_of(db)->offset);
    size_t begin = out->len, end = begin;
    struct change_record record;
    enum status status = rocks_changes_read(database_of(db), from - offset, last - offset, epoch, offset, out);
    struct bytes records = bytes_of(out->data + begin, out->len - begin);
    struct carried_block block;
    while (!status && carried_block_next(&records, &block) != STATUS_CORRUPT &&
           change_record_next(&records, &record) == STATUS_OK && record_is_in_place(&record))
        end = (size_t)(records.data - out->data);
    out->len = end;
    return status || end > begin ? status : STATUS_NOT_FOUND;
}

static enum status store_rocks_changes_begin(struct meta_store *db, uint64_t from, uint64_t *begin)
{
    return rocks_changes_begin(database_of(db), from, atomic_load(&store_rocks_of(db)->offset), begin);
}

static void store_rocks_snapshot_open(struct store_snapshot *snapshot)
{
    struct store_rocks *db = store_rocks_of(snapshot->db);
    lock_acquire(&db->write_lock);
    snapshot->sequence = atomic_load(&db->sequence);
    snapshot->place = rocks_snapshot_create(db->database);
    lock_release(&db->write_lock);
}

static void store_rocks_snapshot_close(struct store_snapshot *snapshot)
{
    rocks_snapshot_free(database_of(snapshot->db), snapshot->place);
}

static const struct store_operations operations = {
    .close = store_rocks_close,
    .figure = store_rocks_figure,
    .batch_create = store_rocks_batch_create,
    .batch_free = store_rocks_batch_free,
    .batch_put = store_rocks_batch_put,
    .batch_delete = store_rocks_batch_delete,
    .batch_count = store_rocks_batch_count,
    .batch_bytes = store_rocks_batch_bytes,
    .batch_log_data = store_rocks_batch_log_data,
    .batch_mark = store_rocks_batch_mark,
    .batch_rollback = store_rocks_batch_rollback,
    .batch_changes = store_rocks_batch_changes,
    .write = store_rocks_write,
    .sync = store_rocks_sync,
    .get = store_rocks_get,
    .iterator_open = store_rocks_iterator_open,
    .iterator_close = store_rocks_iterator_close,
    .iterator_seek = store_rocks_iterator_seek,
    .iterator_last = store_rocks_iterator_last,
    .iterator_next = store_rocks_iterator_next,
    .iterator_previous = store_rocks_iterator_previous,
    .iterator_valid = store_rocks_iterator_valid,
    .iterator_key = store_rocks_iterator_key,
    .iterator_value = store_rocks_iterator_value,
    .iterator_status = store_rocks_iterator_status,
    .sequence = store_rocks_sequence,
    .sequence_set = store_rocks_sequence_set,
    .changes_read = store_rocks_changes_read,
    .changes_begin = store_rocks_changes_begin,
    .snapshot_open = store_rocks_snapshot_open,
    .snapshot_close = store_rocks_snapshot_close,
};
