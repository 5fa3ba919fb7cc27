/* See the header. In place of what they are called for, but for paths outside of SIM_DISK. */
#include "tests/model/disk_in_sim.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "meta/store_memory.h"
#include "tests/model/sim.h"

#define DATABASES_MAX 64
#define SYNC_US_MAX   8000

static struct {
    struct database {
        char *path; /* NULL: it is gone, and its memory is kept for those who may still hold it */
        struct meta_store *store;
    } databases[DATABASES_MAX];
    unsigned count;
    bool late; /* a lie is about to become true */
} disk;

bool disk_lies;

static struct database *find(const char *path)
{
    for (unsigned i = 0; i < disk.count; i++)
        if (disk.databases[i].path && strcmp(disk.databases[i].path, path) == 0)
            return &disk.databases[i];
    return NULL;
}

struct meta_store *disk_store(const char *path)
{
    struct database *found = find(path);
    return found ? found->store : NULL;
}

static void forget(struct database *database)
{
    free(database->path);
    database->path = NULL;
}

void disk_replace(void)
{
    for (unsigned i = 0; i < disk.count; i++)
        forget(&disk.databases[i]);
}

enum status __real_store_sync(struct meta_store *db);

void disk_power_failure(void)
{
    disk.late = false;
    for (unsigned i = 0; i < disk.count; i++) {
        if (!disk.databases[i].path)
            continue;
        if (sim_chance(400)) { /* it was on its way, and arrived */
            enum status status = __real_store_sync(disk.databases[i].store);
            CHECK(status == STATUS_OK);
        }
        store_memory_crash(disk.databases[i].store);
    }
}

/* ---- in place of store.c's --------------------------------------------------------------------------------------- */

enum status __wrap_store_open(const char *path, uint64_t cache_bytes, struct meta_store **db);
enum status __wrap_store_open(const char *path, uint64_t cache_bytes, struct meta_store **db)
{
    struct database *database = find(path);
    (void)cache_bytes;
    if (!database) {
        CHECK(disk.count < DATABASES_MAX);
        database = &disk.databases[disk.count++];
        *database = (struct database){mem_strndup(path, strlen(path)), store_memory_create()};
    }
    *db = database->store;
    return STATUS_OK;
}

bool __wrap_store_exists(const char *path);
bool __wrap_store_exists(const char *path)
{
    return find(path) != NULL;
}

void __wrap_store_close(struct meta_store *db);
void __wrap_store_close(struct meta_store *db)
{
    enum status status = __real_store_sync(db);
    CHECK(status == STATUS_OK);
}

static void sync_take_time(void)
{
    sim_sleep_us(sim_chance(50) ? 20 * sim_below(SYNC_US_MAX) : sim_below(SYNC_US_MAX));
}

/* Some commits later. */
static void sync_late(void *arg)
{
    sim_sleep_us(20 * sim_below(SYNC_US_MAX));
    disk.late = false;
    enum status status = __real_store_sync(arg);
    CHECK(status == STATUS_OK);
}

enum status __wrap_store_sync(struct meta_store *db);
enum status __wrap_store_sync(struct meta_store *db)
{
    if (disk_lies) {
        if (!disk.late)
            sim_spawn(SIM_GATEWAY, SIM_THREAD, sync_late, db);
        disk.late = true;
        return STATUS_OK;
    }
    sync_take_time();
    return __real_store_sync(db);
}

/* ---- in place of the file system's ------------------------------------------------------------------------------- */

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
    (void)mode;
    return find(path) ? 0 : -1;
}

int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    struct database *found = find(from), *there = find(to);
    if (!found)
        return -1;
    if (there)
        forget(there);
    free(found->path);
    found->path = mem_strndup(to, strlen(to));
    return 0;
}

int __wrap_nftw(const char *path, __nftw_func_t fn, int descriptors, int flags);
int __wrap_nftw(const char *path, __nftw_func_t fn, int descriptors, int flags)
{
    struct database *found = find(path);
    (void)fn, (void)descriptors, (void)flags;
    if (found)
        forget(found);
    return 0;
}

int __wrap_fsync(int descriptor);
int __wrap_fsync(int descriptor)
{
    (void)descriptor;
    return 0;
}
