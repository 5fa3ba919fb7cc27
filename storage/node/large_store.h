/* Large chunks: one file each. A file is written under tmp/, made durable, and only then given its name under
 * chunks/XX/, without ever replacing another; the directory is synced before anyone hears of success. What lies under
 * chunks/ is therefore whole, unless the disk damaged it later.
 *
 * One fsync of a directory per chunk is not shared between concurrent writes: with 256 directories and random last
 * bytes, two writes rarely meet in one. Everything here blocks. The index of chunks is not its business. */
#ifndef TERCET_STORAGE_NODE_LARGE_STORE_H
#define TERCET_STORAGE_NODE_LARGE_STORE_H

#include "base/chunk.h"
#include "base/status.h"
#include "storage/node/chunk_format.h"
#include "storage/node/disk.h"

#define LARGE_SIZE_UNKNOWN UINT32_MAX

/* A file being written. */
struct large_file {
    struct disk *disk;
    struct chunk_id id;
    int fd;             /* -1: not created, or finished */
    uint32_t size;      /* payload bytes written so far */
    uint32_t writeback; /* so much of it was given to the disk */
    char name[64];      /* below tmp/ */
};

/* Space is allocated ahead when the size is known. STATUS_NO_SPACE at the reserve. */
enum status large_file_create(struct large_file *file, struct disk *disk, const struct chunk_id *id,
                              uint32_t expected_size);
enum status large_file_append(struct large_file *file, const void *data, size_t len);
/* Writes the head and makes the chunk durable under its name; the file ends. STATUS_EXISTS: a file of that name was
 * there. Any error leaves no name behind unless the disk failed. */
enum status large_file_publish(struct large_file *file, const struct chunk_head *head);
/* Drops what was not published; idempotent. */
void large_file_release(struct large_file *file);

/* Opens the chunk's file and checks its head and its length. STATUS_NOT_FOUND, STATUS_CORRUPT, or an error that says
 * nothing about the chunk. The caller closes *fd. */
enum status large_open(const struct disk *disk, const struct chunk_id *id, struct chunk_head *head, int *fd);
/* Reads blocks and checks them. STATUS_CORRUPT also for a sector that cannot be read. */
enum status large_read(int fd, const struct chunk_head *head, uint32_t first_block, uint32_t count, void *out);
bool large_exists(const struct disk *disk, const struct chunk_id *id);
/* Durable when it returns. STATUS_NOT_FOUND when there was none. */
enum status large_delete(struct disk *disk, const struct chunk_id *id);
/* Moves the file to quarantine/ under its id and the time, durably. */
enum status large_quarantine(struct disk *disk, const struct chunk_id *id);
/* To trash/, replacing what lies there under this id; back again, never replacing (STATUS_EXISTS); out of it for good.
 * Durable when they return. STATUS_NOT_FOUND. */
enum status large_trash(struct disk *disk, const struct chunk_id *id);
enum status large_restore(struct disk *disk, const struct chunk_id *id);
enum status large_trash_delete(struct disk *disk, const struct chunk_id *id);

/* Calls fn for each chunk file, directory by directory; ends early when fn fails. Names that are no chunk ids, or
 * that lie in a wrong directory, are left out. */
typedef enum status (*large_walk_fn)(void *arg, const struct chunk_id *id);
enum status large_walk(const struct disk *disk, large_walk_fn fn, void *arg);

#endif
