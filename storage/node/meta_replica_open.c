/* Opening the replica of the metadata, and what it takes over from databases that were set aside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/rocks_log_file.h"
#include "storage/node/chunk_store_internal.h"
#include "storage/node/disk_ballast.h"
#include "storage/node/meta_replica_internal.h"
#include "storage/node/meta_takeover.h"
#include "storage/node/set_aside.h"
#include "storage/node/small_store_internal.h"

#define CACHE_BYTES    (1u << 20)
#define OPEN_FILES_MAX 64

/* ---- other databases ------------------------------------------------------------------------------------------- */

/* What the replica had of its own in earlier builds. */
static const struct rocks_family own_family = {.name = "default", .compressed = true};

static enum status folder_failed(void *arg, const struct rocks_failure *failure)
{
    struct replica_folder *folder = arg;
    snprintf(folder->error, DISK_ERROR_MAX, "its replica of the metadata cannot be read: %s", failure->text);
    /* A sector that cannot be read is damage of a folder that is only read: the gateway sends anew what it held. */
    return failure->action == ROCKS_READ && failure->status == STATUS_IO && !failure_passes(failure->text)
               ? STATUS_DAMAGED
               : failure->status;
}

static enum status folder_open(struct replica_folder *folder, const struct disk *disk, enum disk_database database,
                               const char *path, enum rocks_recovery recovery)
{
    const struct rocks_config config = {
        .path = path,
        .families = database == DISK_METADATA ? &own_family : small_families,
        .family_count = database == DISK_METADATA ? 1 : FAMILY_COUNT,
        .recovery = recovery,
        .cache_bytes = CACHE_BYTES,
        .open_files_max = OPEN_FILES_MAX,
        .no_reservation = disk_ballast_is_given_up(disk),
        .failed = folder_failed,
        .failed_arg = folder,
    };
    folder->family = database == DISK_METADATA ? 0 : FAMILY_METADATA;
    enum status status = recovery == ROCKS_PASS_OVER_DAMAGE ? rocks_logs_mend(path) : STATUS_OK;
    if (status) {
        snprintf(folder->error, DISK_ERROR_MAX, "its log cannot be read: %s", status_name(status));
        return status;
    }
    status = rocks_open(&config, &folder->db);
    if (status)
        return status;
    return rocks_has_family(folder->db, folder->family)
               ? replica_position_read(folder->db, folder->family, &folder->position, folder->error)
               : STATUS_NOT_FOUND;
}

enum status replica_folder_open(struct replica_folder *folder, const struct disk *disk, enum disk_database database,
                                const char *name, enum rocks_recovery recovery, char error[DISK_ERROR_MAX])
{
    size_t path_size = strlen(disk->path) + strlen(name) + 2;
    char *path = mem_alloc(path_size);
    snprintf(path, path_size, "%s/%s", disk->path, name);
    *folder = (struct replica_folder){.error = error};
    enum status status = folder_open(folder, disk, database, path, recovery);
    if (status)
        replica_folder_close(folder);
    free(path);
    return status;
}

void replica_folder_close(struct replica_folder *folder)
{
    rocks_close(folder->db);
    *folder = (struct replica_folder){0};
}

/* ---- the place of a damaged one -------------------------------------------------------------------------------- */

/* Raises *fence to that of a database that was set aside. Whatever has become of its rows: when it could hold a
 * replica, one is lost. UNAVAILABLE, NO_SPACE: it cannot be looked at now, and the next start has to. */
static enum status damaged_look(struct meta_replica *replica, enum disk_database database, const char *name,
                                uint32_t *fence)
{
    char error[DISK_ERROR_MAX] = "";
    struct replica_folder folder;
    enum status status = replica_folder_open(&folder, replica->disk, database, name, ROCKS_PASS_OVER_DAMAGE, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    replica->lost = true;
    if (status == STATUS_UNAVAILABLE || status == STATUS_NO_SPACE)
        return status;
    if (status) {
        log_error("the replica that was set aside cannot be read: a fence that it had is not known",
                  LOG_STR("path", replica->disk->path), LOG_STR("database", name), LOG_STR("error", error));
        return STATUS_OK;
    }
    if (folder.position.state.fence > *fence)
        *fence = folder.position.state.fence;
    replica_folder_close(&folder);
    return STATUS_OK;
}

/* A replica that begins anew in the place of a damaged one. The gateway sends what that held; its fence must not be
 * lost with it, also when the node died after the damaged one got its other name. */
static enum status replica_succeed(struct meta_replica *replica)
{
    char names[SET_ASIDE_MAX][SET_ASIDE_NAME_MAX];
    uint32_t fence = 0, held = replica->position.state.fence;
    enum status status = STATUS_OK;
    for (int database = 0; database < DISK_DATABASE_COUNT; database++) {
        unsigned count = set_aside_names(replica->disk, (enum disk_database)database, names);
        for (unsigned i = 0; !status && i < count && i < SET_ASIDE_MAX; i++)
            status = damaged_look(replica, (enum disk_database)database, names[i], &fence);
    }
    if (status)
        return status;
    return fence > held ? meta_replica_fence(replica, fence) : STATUS_OK;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

enum status meta_replica_open(struct chunk_store *store, struct meta_replica **out, char error[DISK_ERROR_MAX])
{
    struct meta_replica *replica = mem_zalloc(sizeof(*replica));
    replica->store = store;
    replica->disk = &store->disk;
    replica->db = store->small->db;
    pthread_mutex_init(&replica->write_lock, NULL);
    pthread_mutex_init(&replica->state_lock, NULL);
    snprintf(error, DISK_ERROR_MAX, "%s: the replica of the metadata cannot be read", store->disk.path);
    enum status status = replica_position_read(replica->db, FAMILY_METADATA, &replica->position, error);
    if (!status)
        status = meta_takeover(replica, error);
    if (!status && replica->position.state.epoch == 0) {
        status = replica_succeed(replica);
        if (status)
            snprintf(error, DISK_ERROR_MAX, "%s: the fence of the replica that was set aside cannot be kept",
                     store->disk.path);
    }
    if (status)
        meta_replica_close(replica);
    else
        *out = replica;
    return status;
}

void meta_replica_close(struct meta_replica *replica)
{
    if (!replica)
        return;
    pthread_mutex_destroy(&replica->write_lock);
    pthread_mutex_destroy(&replica->state_lock);
    free(replica);
}
