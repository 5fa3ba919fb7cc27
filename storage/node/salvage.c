/* See the header. The bytes of a small chunk have its head before them and need no index: the family "data" is walked,
 * whatever has become of the others. Of the log all records are replayed that are whole. A place that cannot be read
 * ends the walk; it is taken up behind it, at the first key from which it goes on, found by bisection. */
#include "storage/node/salvage.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/rocks.h"
#include "base/rocks_log_file.h"
#include "storage/node/chunk_store_internal.h"
#include "storage/node/set_aside.h"

#define MARKER         "salvaged"
#define PATH_LEN_MAX   4096
#define CACHE_BYTES    (1u << 20)
#define OPEN_FILES_MAX 64
#define BATCH_CHUNKS   32
#define KEY_BITS       (8 * CHUNK_ID_LEN)

struct salvage {
    struct chunk_store *store;
    pthread_t thread;
    _Atomic bool stopping;
};

/* One database that was set aside. */
struct wreck {
    struct salvage *salvage;
    struct rocks *db;
    struct rocks_iterator *iterator;
    struct chunk_put *batch[BATCH_CHUNKS];
    unsigned batched;
    uint64_t saved, there, damaged, gaps;
    enum status status; /* of the new database: no space, or damaged, too */
};

/* ---- opening ------------------------------------------------------------------------------------------------- */

static enum status wreck_failed(void *arg, const struct rocks_failure *failure)
{
    if (failure->action == ROCKS_OPEN)
        log_error("nothing can be read from the database that was set aside; the next start tries again",
                  LOG_STR("path", arg), LOG_STR("error", failure->text));
    return failure->status;
}

/* The iterator over the chunks' bytes. A new one each time that the walk goes on: one that met a damaged block may
 * report that again for ids behind it, and rows that can be read would be passed over. */
static void iterator_renew(struct wreck *wreck)
{
    const struct rocks_view view = {.passing = true};
    const struct bytes none = {0};
    rocks_iterator_free(wreck->iterator);
    wreck->iterator = rocks_iterator_create(wreck->db, &view, 1, none, none);
}

static enum status wreck_open(struct wreck *wreck, const char *path)
{
    static const struct rocks_family families[2] = {{.name = "default"}, {.name = "data"}};
    const struct rocks_config config = {
        .path = path,
        .families = families,
        .family_count = 2,
        .recovery = ROCKS_PASS_OVER_DAMAGE,
        .cache_bytes = CACHE_BYTES,
        .open_files_max = OPEN_FILES_MAX,
        .failed = wreck_failed,
        .failed_arg = (void *)path,
    };
    enum status status = rocks_logs_mend(path);
    if (status) {
        log_error("the log of the database that was set aside cannot be read; the next start tries again",
                  LOG_STR("path", path), LOG_STATUS(status));
        return status;
    }
    return rocks_open(&config, &wreck->db);
}

static void wreck_close(struct wreck *wreck)
{
    rocks_iterator_free(wreck->iterator);
    rocks_close(wreck->db);
}

/* ---- taking chunks over -------------------------------------------------------------------------------------- */

static void batch_commit(struct wreck *wreck)
{
    enum status statuses[BATCH_CHUNKS];
    small_puts_commit(wreck->salvage->store, wreck->batch, statuses, wreck->batched);
    for (unsigned i = 0; i < wreck->batched; i++) {
        wreck->saved += statuses[i] == STATUS_OK;
        wreck->there += statuses[i] == STATUS_EXISTS;
        if (statuses[i] && statuses[i] != STATUS_EXISTS && statuses[i] != STATUS_CONFLICT)
            wreck->status = statuses[i];
        chunk_put_free(wreck->batch[i]);
    }
    wreck->batched = 0;
}

/* The payload of a whole chunk, or STATUS_CORRUPT. */
static enum status value_check(const struct wreck *wreck, const struct chunk_id *id, struct bytes value,
                               struct bytes *payload)
{
    struct chunk_head head;
    enum status status = chunk_head_decode(value, wreck->salvage->store->config.disk.cluster, id, &head);
    if (status)
        return status;
    size_t start = chunk_head_len(head.size);
    if (value.len != start + head.size)
        return STATUS_CORRUPT;
    *payload = bytes_of(value.data + start, head.size);
    return chunk_blocks_verify(&head, 0, chunk_block_count(head.size), payload->data);
}

static void chunk_take(struct wreck *wreck, struct bytes key, struct bytes value)
{
    struct chunk_id id;
    struct bytes payload;
    if (key.len != CHUNK_ID_LEN ||
        (memcpy(id.bytes, key.data, CHUNK_ID_LEN), value_check(wreck, &id, value, &payload))) {
        wreck->damaged++;
        return;
    }
    struct chunk_put *put = chunk_put_create(wreck->salvage->store, &id, (uint32_t)payload.len);
    enum status status = chunk_put_append(put, payload.data, payload.len);
    if (!status && chunk_put_stays_small(put)) {
        wreck->batch[wreck->batched++] = put;
        if (wreck->batched == BATCH_CHUNKS)
            batch_commit(wreck);
        return;
    }
    if (!status)
        status = chunk_put_commit(put);
    wreck->saved += status == STATUS_OK;
    if (status && status != STATUS_EXISTS && status != STATUS_CONFLICT)
        wreck->status = status;
    chunk_put_free(put);
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

static bool can_go_on_at(struct wreck *wreck, const struct chunk_id *id)
{
    iterator_renew(wreck);
    rocks_iterator_seek(wreck->iterator, bytes_of(id->bytes, CHUNK_ID_LEN));
    return rocks_iterator_status(wreck->iterator) == STATUS_OK;
}

/* False when it is beyond the last id. */
static bool id_add(struct chunk_id *id, unsigned bit)
{
    unsigned carry = 1u << bit % 8;
    for (int i = CHUNK_ID_LEN - 1 - (int)(bit / 8); i >= 0 && carry; i--) {
        carry += id->bytes[i];
        id->bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
    return carry == 0;
}

/* Moves *id, where the walk cannot go on, to the first id behind it where it can: in steps that double until it can,
 * then back by halves. False when there is none. Should the place fail when it is sought again, then it is the next
 * gap, and the walk has moved all the same. */
static bool gap_cross(struct wreck *wreck, struct chunk_id *id)
{
    struct chunk_id bad = *id, good, probe;
    unsigned bit = 0;
    for (;; bit++) {
        good = *id;
        if (bit == KEY_BITS || !id_add(&good, bit))
            memset(&good, 0xff, sizeof(good));
        if (can_go_on_at(wreck, &good))
            break;
        if (bit == KEY_BITS || atomic_load(&wreck->salvage->stopping))
            return false;
        bad = good;
    }
    while (bit-- > 0) {
        probe = bad;
        if (!id_add(&probe, bit))
            continue;
        if (can_go_on_at(wreck, &probe))
            good = probe;
        else
            bad = probe;
    }
    *id = good;
    return true;
}

/* Takes what follows *next, until the end or the next damage; *next is behind what was taken. False at the end. */
static bool stretch_walk(struct wreck *wreck, struct chunk_id *next)
{
    struct rocks_iterator *it;
    if (!can_go_on_at(wreck, next))
        return true;
    for (it = wreck->iterator; rocks_iterator_valid(it); rocks_iterator_next(it)) {
        struct bytes key = rocks_iterator_key(it);
        if (wreck->status || atomic_load(&wreck->salvage->stopping))
            return false;
        if (key.len == CHUNK_ID_LEN) {
            memcpy(next->bytes, key.data, CHUNK_ID_LEN);
            id_add(next, 0);
        }
        chunk_take(wreck, key, rocks_iterator_value(it));
    }
    return rocks_iterator_status(it) != STATUS_OK;
}

static void wreck_walk(struct wreck *wreck)
{
    struct chunk_id next = {0};
    while (stretch_walk(wreck, &next)) {
        wreck->gaps++;
        if (!gap_cross(wreck, &next))
            break;
    }
    batch_commit(wreck);
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static bool is_through(const char *path)
{
    char marker[PATH_LEN_MAX + sizeof("/" MARKER)];
    snprintf(marker, sizeof(marker), "%s/" MARKER, path);
    return access(marker, F_OK) == 0;
}

/* Lost with the power it is done again. */
static void mark_through(const char *path)
{
    char marker[PATH_LEN_MAX + sizeof("/" MARKER)];
    snprintf(marker, sizeof(marker), "%s/" MARKER, path);
    int fd = open(marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

static void wreck_salvage(struct salvage *salvage, const char *path)
{
    struct wreck wreck = {.salvage = salvage};
    if (wreck_open(&wreck, path)) /* for the time being, maybe: too many open files, no memory */
        return;
    wreck_walk(&wreck);
    wreck_close(&wreck);
    if (atomic_load(&salvage->stopping))
        return;
    log_error(wreck.status ? "chunks could not all be taken back from the database that was set aside; the next start "
                             "goes on"
                           : "chunks were taken back from the database that was set aside; others come from the other "
                             "nodes",
              LOG_STR("path", path), LOG_INT("taken", wreck.saved), LOG_INT("alreadyThere", wreck.there),
              LOG_INT("damaged", wreck.damaged), LOG_INT("gaps", wreck.gaps), LOG_STATUS(wreck.status));
    if (!wreck.status)
        mark_through(path);
}

/* The paths of those that are still to be looked at, one after the other. False at the end. */
static bool wreck_next(struct chunk_store *store, unsigned *at, char path[PATH_LEN_MAX])
{
    char names[SET_ASIDE_MAX][SET_ASIDE_NAME_MAX];
    unsigned count = set_aside_names(&store->disk, DISK_CHUNKS, names);
    for (; *at < count && *at < SET_ASIDE_MAX; ++*at) {
        snprintf(path, PATH_LEN_MAX, "%s/%s", store->disk.path, names[*at]);
        if (!is_through(path)) {
            ++*at;
            return true;
        }
    }
    return false;
}

static void *salvage_run(void *arg)
{
    struct salvage *salvage = arg;
    char path[PATH_LEN_MAX];
    unsigned at = 0;
    while (!atomic_load(&salvage->stopping) && wreck_next(salvage->store, &at, path))
        wreck_salvage(salvage, path);
    return NULL;
}

struct salvage *salvage_start(struct chunk_store *store)
{
    char path[PATH_LEN_MAX];
    unsigned at = 0;
    if (!wreck_next(store, &at, path))
        return NULL;
    struct salvage *salvage = mem_zalloc(sizeof(*salvage));
    salvage->store = store;
    CHECK(pthread_create(&salvage->thread, NULL, salvage_run, salvage) == 0);
    return salvage;
}

void salvage_stop(struct salvage *salvage)
{
    if (!salvage)
        return;
    atomic_store(&salvage->stopping, true);
    pthread_join(salvage->thread, NULL);
    free(salvage);
}

void salvage_all(struct chunk_store *store)
{
    struct salvage salvage = {.store = store};
    salvage_run(&salvage);
}
