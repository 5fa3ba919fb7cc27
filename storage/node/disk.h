/* The node's data directory: who owns it, where things lie, how full it is, and whether it still can be trusted.
 *
 *   identity     which node of which cluster this is; written once, before anything else
 *   lock         held (flock) while a process uses the directory
 *   small/       RocksDB: small chunks and the index of all chunks
 *   meta-replica/  RocksDB: the replica of the gateway's metadata (meta_replica.h)
 *   chunks/XX/   large chunks, one file each, XX being the last byte of the chunk id
 *   tmp/         files that are being written; emptied at start
 *   scrub        how far the scrub has come
 *   quarantine/  large copies that failed their checksums
 *   trash/       large chunks in the trash (chunk_trash.c)
 *
 * A failed sync or database write is never retried: the kernel drops the pages and reports success the second time.
 * The disk is marked failed instead, once, and takes no more writes until the process has been started anew.
 * Everything here blocks, but for disk_failed. */
#ifndef TERCET_STORAGE_NODE_DISK_H
#define TERCET_STORAGE_NODE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/chunk.h"
#include "base/status.h"
#include "storage/protocol.h"

#define DISK_DIRECTORIES 256
#define DISK_ERROR_MAX   512

struct disk_config {
    const char *path;
    unsigned node_number; /* 1-255 */
    uint8_t cluster[CLUSTER_ID_LEN];
    uint64_t reserve_bytes;        /* kept free */
    void (*on_failure)(void *arg); /* called once, from any thread; may be NULL */
    void *on_failure_arg;
};

struct disk {
    struct disk_config config;
    char *path;
    int root_fd, lock_fd, tmp_fd, quarantine_fd, trash_fd;
    int chunk_fds[DISK_DIRECTORIES];
    int (*sync_file)(int fd);      /* fdatasync; tests put a failing one here */
    int (*sync_directory)(int fd); /* fsync */
    bool failed;                   /* atomic */
};

struct disk_space {
    uint64_t total_bytes;
    uint64_t free_bytes;   /* for this process, the reserve included */
    uint64_t usable_bytes; /* without the reserve */
    bool full;             /* nothing is usable */
};

/* Creates what is missing and takes the lock. On failure error explains and nothing stays open. STATUS_CONFLICT: the
 * directory belongs to another node, cluster or format; STATUS_UNAVAILABLE: another process uses it. */
enum status disk_open(struct disk *disk, const struct disk_config *config, char error[DISK_ERROR_MAX]);
void disk_close(struct disk *disk);

/* The directory of the chunk's file. */
int disk_chunk_directory(const struct disk *disk, const struct chunk_id *id);

enum status disk_space(const struct disk *disk, struct disk_space *space);
/* STATUS_NO_SPACE when that many more bytes would touch the reserve. */
enum status disk_check_room(const struct disk *disk, uint64_t bytes);
/* The same for metadata, which may use three quarters of the reserve: deletions are metadata, too, and must go on when
 * there is no room for anything else. */
enum status disk_check_metadata_room(const struct disk *disk, uint64_t bytes);

/* What an errno value of a file operation means here: NOT_FOUND, EXISTS, NO_SPACE, UNAVAILABLE for what passes (no
 * more descriptors or memory), IO for everything else. */
enum status disk_status(int errnum);
/* The status as it is when it says nothing about the disk's health; else disk_fail and STATUS_IO. For writes. */
enum status disk_write_outcome(struct disk *disk, const char *what, enum status status);
/* STATUS_IO after disk_fail. */
enum status disk_sync_file(struct disk *disk, int fd);
enum status disk_sync_directory(struct disk *disk, int fd);
/* Marks the disk failed, logs it and calls on_failure, the first time. `what` names the operation. */
void disk_fail(struct disk *disk, const char *what, const char *reason);
bool disk_failed(const struct disk *disk);

#endif
