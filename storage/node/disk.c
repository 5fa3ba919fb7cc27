/* The data directory; see the header for its layout.
 * The identity file is the first thing that is created and is durable before anything else exists, so a directory
 * with chunks but without an identity has lost it: such a directory is refused rather than adopted. */
#include "storage/node/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/owner_only.h"
#include "base/pool.h"
#include "storage/node/disk_ballast.h"

#define IDENTITY_FORMAT       1
#define IDENTITY_MAX          256
#define METADATA_RESERVE_PART 4 /* metadata leave one part of so many free */

static void disk_init(struct disk *disk, const struct disk_config *config)
{
    memset(disk, 0, sizeof(*disk));
    disk->config = *config;
    disk->path = mem_strdup(config->path);
    disk->root_fd = disk->lock_fd = disk->tmp_fd = disk->quarantine_fd = disk->trash_fd = -1;
    for (int i = 0; i < DISK_DIRECTORIES; i++)
        disk->chunk_fds[i] = -1;
    pthread_mutex_init(&disk->ballast_lock, NULL);
    disk->sync_file = fdatasync;
    disk->sync_directory = fsync;
}

static enum status explain(char error[DISK_ERROR_MAX], const struct disk *disk, const char *what, int errnum)
{
    snprintf(error, DISK_ERROR_MAX, "%s: %s: %s", disk->path, what, strerror(errnum));
    return status_from_errno(errnum);
}

/* ---- directories --------------------------------------------------------------------------------------------- */

static int fsync_path(const char *path)
{
    blocking_call();
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return result;
}

/* mkdir -p, each new name durable. Returns 0 or an errno value. */
static int mkdir_all(const char *path)
{
    char *copy = mem_strdup(path);
    int result = 0;
    for (char *slash = copy + 1; !result; slash++) {
        slash += strcspn(slash, "/");
        bool last = *slash == '\0';
        *slash = '\0';
        if (mkdir(copy, 0700) == 0) {
            char *parent = mem_strdup(copy);
            char *cut = strrchr(parent, '/');
            if (cut)
                cut[cut == parent ? 1 : 0] = '\0';
            result = fsync_path(cut ? parent : ".") ? errno : 0;
            free(parent);
        } else if (errno != EEXIST) {
            result = errno;
        }
        if (last)
            break;
        *slash = '/';
    }
    free(copy);
    return result;
}

/* Opens a directory below parent, which is created when missing. -1 with errno. */
static int directory_open(int parent, const char *name)
{
    if (mkdirat(parent, name, 0700) && errno != EEXIST)
        return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum status directories_open(struct disk *disk, char error[DISK_ERROR_MAX])
{
    enum status status = STATUS_OK;
    int chunks = directory_open(disk->root_fd, "chunks");
    disk->tmp_fd = directory_open(disk->root_fd, "tmp");
    disk->quarantine_fd = directory_open(disk->root_fd, "quarantine");
    disk->trash_fd = directory_open(disk->root_fd, "trash");
    if (chunks < 0 || disk->tmp_fd < 0 || disk->quarantine_fd < 0 || disk->trash_fd < 0) {
        status = explain(error, disk, "cannot create its directories", errno);
        goto out;
    }
    for (int i = 0; i < DISK_DIRECTORIES; i++) {
        char name[3];
        snprintf(name, sizeof(name), "%02x", (unsigned)i);
        disk->chunk_fds[i] = directory_open(chunks, name);
        if (disk->chunk_fds[i] < 0) {
            status = explain(error, disk, "cannot create its directories", errno);
            goto out;
        }
    }
    if (fsync(chunks) || fsync(disk->root_fd))
        status = explain(error, disk, "cannot sync its directories", errno);
out:
    if (chunks >= 0)
        close(chunks);
    return status;
}

static enum status tmp_empty(struct disk *disk, char error[DISK_ERROR_MAX])
{
    int fd = openat(disk->tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    enum status status = STATUS_OK;
    if (!directory) {
        status = explain(error, disk, "cannot read tmp/", errno);
        if (fd >= 0)
            close(fd);
        return status;
    }
    for (struct dirent *entry; !status && (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(disk->tmp_fd, entry->d_name, 0))
            status = explain(error, disk, "cannot empty tmp/", errno);
    }
    closedir(directory);
    return status;
}

/* ---- identity ------------------------------------------------------------------------------------------------ */

static void identity_format(const struct disk_config *config, char out[IDENTITY_MAX])
{
    char cluster[2 * CLUSTER_ID_LEN + 1];
    hex_encode(config->cluster, CLUSTER_ID_LEN, cluster);
    snprintf(out, IDENTITY_MAX, "tercet-node-data %d\ncluster %s\nnode %u\n", IDENTITY_FORMAT, cluster,
             config->node_number);
}

static enum status identity_create(struct disk *disk, char error[DISK_ERROR_MAX])
{
    char text[IDENTITY_MAX];
    enum status status = STATUS_OK;
    int fd = -1;
    if (faccessat(disk->root_fd, "small", F_OK, 0) == 0 || faccessat(disk->root_fd, "chunks", F_OK, 0) == 0) {
        snprintf(error, DISK_ERROR_MAX, "%s: holds chunks but has no identity file; is this the right directory?",
                 disk->path);
        return STATUS_CONFLICT;
    }
    identity_format(&disk->config, text);
    fd = openat(disk->root_fd, "identity.new", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd) ||
        renameat(disk->root_fd, "identity.new", disk->root_fd, "identity") || fsync(disk->root_fd))
        status = explain(error, disk, "cannot write its identity file", errno);
    if (fd >= 0)
        close(fd);
    return status;
}

/* Compares the identity file with the configuration; creates it in a new directory. */
static enum status identity_check(struct disk *disk, char error[DISK_ERROR_MAX])
{
    char found[IDENTITY_MAX] = "", expected[IDENTITY_MAX];
    int format = 0;
    unsigned node = 0;
    char cluster[2 * CLUSTER_ID_LEN + 1] = "";
    int fd = openat(disk->root_fd, "identity", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return identity_create(disk, error);
    ssize_t len = fd < 0 ? -1 : read(fd, found, sizeof(found) - 1);
    int read_errno = errno;
    if (fd >= 0)
        close(fd);
    if (len < 0)
        return explain(error, disk, "cannot read its identity file", read_errno);
    identity_format(&disk->config, expected);
    if (strcmp(found, expected) == 0)
        return STATUS_OK;
    if (sscanf(found, "tercet-node-data %d cluster %32s node %u", &format, cluster, &node) != 3)
        snprintf(error, DISK_ERROR_MAX, "%s: its identity file is damaged", disk->path);
    else if (format != IDENTITY_FORMAT)
        snprintf(error, DISK_ERROR_MAX, "%s: has format %d, this program knows format %d", disk->path, format,
                 IDENTITY_FORMAT);
    else
        snprintf(error, DISK_ERROR_MAX, "%s: belongs to node %u of cluster %s, but this is node %u of another setting",
                 disk->path, node, cluster, disk->config.node_number);
    return STATUS_CONFLICT;
}

/* ---- opening and closing ------------------------------------------------------------------------------------- */

static enum status lock_take(struct disk *disk, char error[DISK_ERROR_MAX])
{
    disk->lock_fd = openat(disk->root_fd, "lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (disk->lock_fd < 0)
        return explain(error, disk, "cannot open its lock file", errno);
    if (flock(disk->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    if (errno != EWOULDBLOCK)
        return explain(error, disk, "cannot lock it", errno);
    snprintf(error, DISK_ERROR_MAX, "%s: is in use by another process", disk->path);
    return STATUS_UNAVAILABLE;
}

enum status disk_open(struct disk *disk, const struct disk_config *config, char error[DISK_ERROR_MAX])
{
    enum status status;
    disk_init(disk, config);
    error[0] = '\0';
    int failure = *disk->path ? mkdir_all(disk->path) : ENOENT;
    if (!failure) {
        disk->root_fd = open(disk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        failure = disk->root_fd < 0 ? errno : 0;
    }
    if (failure) {
        status = explain(error, disk, "cannot open the data directory", failure);
        goto out;
    }
    owner_only_directory(disk->root_fd, disk->path);
    status = lock_take(disk, error);
    if (status)
        goto out;
    status = identity_check(disk, error);
    if (status)
        goto out;
    status = disk_ballast_open(disk, error);
    if (status)
        goto out;
    status = directories_open(disk, error);
    if (status)
        goto out;
    status = tmp_empty(disk, error);
out:
    if (status)
        disk_close(disk);
    return status;
}

void disk_close(struct disk *disk)
{
    int *const fds[] = {&disk->tmp_fd, &disk->quarantine_fd, &disk->trash_fd, &disk->root_fd, &disk->lock_fd};
    for (int i = 0; i < DISK_DIRECTORIES; i++) {
        if (disk->chunk_fds[i] >= 0)
            close(disk->chunk_fds[i]);
        disk->chunk_fds[i] = -1;
    }
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
    pthread_mutex_destroy(&disk->ballast_lock);
    free(disk->path);
    disk->path = NULL;
}

int disk_chunk_directory(const struct disk *disk, const struct chunk_id *id)
{
    return disk->chunk_fds[id->bytes[CHUNK_ID_LEN - 1]];
}

/* ---- space --------------------------------------------------------------------------------------------------- */

enum status disk_space(const struct disk *disk, struct disk_space *space)
{
    struct statvfs info;
    uint64_t held = ballast_held(&disk->ballast);
    if (fstatvfs(disk->root_fd, &info))
        return disk_status(errno);
    /* Made or given up meanwhile, it is counted: a full disk that is not one does more harm. */
    space->ballast_bytes = ballast_held(&disk->ballast);
    held = space->ballast_bytes > held ? space->ballast_bytes : held;
    space->total_bytes = (uint64_t)info.f_blocks * info.f_frsize;
    space->free_bytes = (uint64_t)info.f_bavail * info.f_frsize + held;
    space->full = space->free_bytes <= disk->config.reserve_bytes;
    space->usable_bytes = space->full ? 0 : space->free_bytes - disk->config.reserve_bytes;
    return STATUS_OK;
}

static enum status check_room_beside(const struct disk *disk, uint64_t bytes, uint64_t reserve_bytes)
{
    struct disk_space space = {0};
    enum status status = disk_space(disk, &space);
    if (status)
        return status;
    return space.free_bytes <= reserve_bytes || space.free_bytes - reserve_bytes < bytes ? STATUS_NO_SPACE : STATUS_OK;
}

enum status disk_check_room(const struct disk *disk, uint64_t bytes)
{
    return check_room_beside(disk, bytes, disk->config.reserve_bytes);
}

enum status disk_check_metadata_room(const struct disk *disk, uint64_t bytes)
{
    return check_room_beside(disk, bytes, disk->config.reserve_bytes / METADATA_RESERVE_PART);
}

/* ---- trust --------------------------------------------------------------------------------------------------- */

enum status disk_status(int errnum)
{
    switch (errnum) {
    case ENOENT:
        return STATUS_NOT_FOUND;
    case EEXIST:
        return STATUS_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return STATUS_NO_SPACE;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return STATUS_UNAVAILABLE;
    default:
        return STATUS_IO;
    }
}

enum status disk_read_status(int errnum)
{
    switch (errnum) {
    case ENOENT:
        return STATUS_NOT_FOUND;
    case EAGAIN:
    case EBUSY:
    case EINTR:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ESTALE:
    case ETIMEDOUT:
        return STATUS_UNAVAILABLE;
    default:
        return STATUS_CORRUPT;
    }
}

enum status disk_write_outcome(struct disk *disk, const char *what, enum status status)
{
    if (status == STATUS_IO)
        disk_fail(disk, what, status_name(status));
    return status;
}

enum status disk_sync_file(struct disk *disk, int fd)
{
    blocking_call();
    if (disk->sync_file(fd) == 0)
        return STATUS_OK;
    disk_fail(disk, "fdatasync", strerror(errno));
    return STATUS_IO;
}

enum status disk_sync_directory(struct disk *disk, int fd)
{
    blocking_call();
    if (disk->sync_directory(fd) == 0)
        return STATUS_OK;
    disk_fail(disk, "fsync of a directory", strerror(errno));
    return STATUS_IO;
}

void disk_fail(struct disk *disk, const char *what, const char *reason)
{
    if (__atomic_exchange_n(&disk->failed, true, __ATOMIC_ACQ_REL))
        return;
    log_error("disk failed; no more writes", LOG_STR("operation", what), LOG_STR("reason", reason),
              LOG_STR("path", disk->path));
    if (disk->config.on_failure)
        disk->config.on_failure(disk->config.on_failure_arg);
}

bool disk_failed(const struct disk *disk)
{
    return __atomic_load_n(&disk->failed, __ATOMIC_ACQUIRE);
}

/* ---- damage of a database ------------------------------------------------------------------------------------ */

const char *disk_database_name(enum disk_database database)
{
    static const char *const names[DISK_DATABASE_COUNT] = {"small", "meta-replica"};
    return names[database];
}

void disk_damage(struct disk *disk, enum disk_database database, const char *what, const char *reason)
{
    if (__atomic_fetch_or(&disk->damaged, 1u << database, __ATOMIC_ACQ_REL) & 1u << database)
        return;
    log_error("a database is damaged: it is set aside and made anew", LOG_STR("dataDir", disk->path),
              LOG_STR("database", disk_database_name(database)), LOG_STR("operation", what), LOG_STR("error", reason));
    if (disk->config.on_damage)
        disk->config.on_damage(disk->config.on_damage_arg);
}

void disk_damage_mended(struct disk *disk, enum disk_database database)
{
    __atomic_and_fetch(&disk->damaged, ~(1u << database), __ATOMIC_ACQ_REL);
}

unsigned disk_damaged(const struct disk *disk)
{
    return __atomic_load_n(&disk->damaged, __ATOMIC_ACQUIRE);
}

enum status disk_check_trust(const struct disk *disk, enum disk_database database)
{
    if (disk_failed(disk))
        return STATUS_IO;
    return disk_damaged(disk) & 1u << database ? STATUS_DAMAGED : STATUS_OK;
}
