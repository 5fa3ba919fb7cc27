/* The node's data directory: who owns it, where things lie, how full it is, and whether it still can be trusted.
 *
 *   identity     which node of which cluster this is; written once, before anything else
 *   lock         held (flock) while a process uses the directory
 *   ballast      reserved blocks that are given up when others fill the disk (disk_ballast.h)
 *   small/       RocksDB: small chunks, the index of all chunks, the replica of the gateway's metadata (meta_replica.h)
 *   meta-replica/  RocksDB: that replica in earlier builds, until it is taken over (meta_takeover.h)
 *   chunks/XX/   large chunks, one file each, XX being the last byte of the chunk id
 *   tmp/         files that are being written; emptied at start
 *   scrub        how far the scrub has come
 *   quarantine/  large copies that failed their checksums
 *   trash/       large chunks in the trash (chunk_trash.c)
 *   small.damaged-TIME/, meta-replica.damaged-TIME/  databases that were set aside
 *
 * A failed sync or database write is never retried: the kernel drops the pages and reports success the second time.
 * The disk is marked failed instead, once, and takes no more writes until the process has been started anew. Wrong
 * bytes in a database are not the disk's failure but that database's alone, which is set aside (set_aside.h).
 * Everything here blocks, unless it says otherwise. */
#ifndef TERCET_STORAGE_NODE_DISK_H
#define TERCET_STORAGE_NODE_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ballast.h"
#include "base/chunk.h"
#include "base/status.h"
#include "storage/protocol.h"

/* The databases below the data directory: the node's, and that of earlier builds for the metadata alone. */
enum disk_database { DISK_CHUNKS, DISK_METADATA, DISK_DATABASE_COUNT };

#define DISK_DIRECTORIES 256
#define DISK_ERROR_MAX   512

struct disk_config {
    const char *path;
    unsigned node_number; /* 1-255 */
    uint8_t cluster[CLUSTER_ID_LEN];
    uint64_t reserve_bytes;        /* kept free */
    void (*on_failure)(void *arg); /* called once, from any thread; may be NULL */
    void *on_failure_arg;
    /* Called when a database turns out to be damaged, each the first time, from any thread; may be NULL. It can be set
     * aside only when the node is started anew, in this process or the next. */
    void (*on_damage)(void *arg);
    void *on_damage_arg;
    unsigned set_aside; /* a bit for each database that is known to be damaged, and is set aside when it is opened */
};

struct disk {
    struct disk_config config;
    char *path;
    int root_fd, lock_fd, tmp_fd, quarantine_fd, trash_fd;
    int chunk_fds[DISK_DIRECTORIES];
    int (*sync_file)(int fd);      /* fdatasync; tests put a failing one here */
    int (*sync_directory)(int fd); /* fsync */
    bool failed;                   /* atomic */
    unsigned damaged;              /* atomic; a bit for each database */
    uint64_t ballast_bytes;        /* its size while there is one; 0: never */
    pthread_mutex_t ballast_lock;  /* guards the following; held for the making of a file */
    struct ballast ballast;
    bool full_logged;
};

struct disk_space {
    uint64_t total_bytes;
    uint64_t free_bytes;    /* for this process, the reserve and the ballast, which is a part of it, included */
    uint64_t usable_bytes;  /* without the reserve */
    uint64_t ballast_bytes; /* held now; 0 when it was given up */
    bool full;              /* nothing is usable */
};

/* Creates what is missing and takes the lock. On failure error explains and nothing stays open. STATUS_CONFLICT: the
 * directory belongs to another node, cluster or format; STATUS_UNAVAILABLE: another process uses it; STATUS_NO_SPACE:
 * there is not even room to open the databases. */
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
/* What an errno value of looking a chunk's file up, opening or reading it means for this copy: NOT_FOUND, UNAVAILABLE
 * for what passes (no more descriptors or memory, interrupted, timed out), CORRUPT for everything else, EIO and EUCLEAN
 * too: whatever it is, the copy cannot be read, and counts as bad. Whether more than one copy is concerned, the number
 * of copies found bad tells. */
enum status disk_read_status(int errnum);
/* The status as it is when it says nothing about the disk's health; else disk_fail and STATUS_IO. For writes. */
enum status disk_write_outcome(struct disk *disk, const char *what, enum status status);
/* STATUS_IO after disk_fail. */
enum status disk_sync_file(struct disk *disk, int fd);
enum status disk_sync_directory(struct disk *disk, int fd);
/* Marks the disk failed, logs it and calls on_failure, the first time. `what` names the operation. */
void disk_fail(struct disk *disk, const char *what, const char *reason);
bool disk_failed(const struct disk *disk);

/* The name of its directory: small, meta-replica. */
const char *disk_database_name(enum disk_database database);
/* Marks the database damaged, logs it and calls on_damage, the first time. What was not hit is still right, but takes
 * no more writes: they would be set aside with it. */
void disk_damage(struct disk *disk, enum disk_database database, const char *what, const char *reason);
/* That database was set aside. */
void disk_damage_mended(struct disk *disk, enum disk_database database);
unsigned disk_damaged(const struct disk *disk); /* a bit for each; does not block */
/* Whether the database, and what it is the index of, may be written: else IO or DAMAGED. Does not block. */
enum status disk_check_trust(const struct disk *disk, enum disk_database database);

#endif
