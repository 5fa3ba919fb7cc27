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
 * there; STATUS_CONFLICT: something there that the file system cannot show. Any error leaves no name behind unless the
 * disk failed. */
enum status large_file_publish(struct large_file *file, const struct chunk_head *head);
/* Drops what was not published; idempotent. */
void large_file_release(struct large_file *file);

/* Opens the chunk's file and checks its head and its length. STATUS_NOT_FOUND; STATUS_CORRUPT for whatever cannot be
 * read, whether it is a damaged file, no file at all or an error of the file system; STATUS_UNAVAILABLE for what passes
 * and says nothing about the chunk. The caller closes *fd. */
enum status large_open(const struct disk *disk, const struct chunk_id *id, struct chunk_head *head, int *fd);
/* Reads blocks and checks them. Errors as above. */
enum status large_read(int fd, const struct chunk_head *head, uint32_t first_block, uint32_t count, void *out);
/* STATUS_OK: there is a file; STATUS_NOT_FOUND: nothing. STATUS_CORRUPT: something that is no file, or that the file
 * system cannot show. STATUS_UNAVAILABLE: cannot be told now. */
enum status large_look(const struct disk *disk, const struct chunk_id *id);

/* Those that follow end with STATUS_CORRUPT when the file system lets nobody touch what has the name: it stays there,
 * and whoever keeps a row for it drops that. None of them takes this for a failure of the whole disk. */

/* Durable once the chunk's directory was synced; what is no file goes to quarantine/ instead. STATUS_NOT_FOUND when
 * there was none. */
enum status large_delete(struct disk *disk, const struct chunk_id *id);
/* Moves what has the chunk's name, file or not, to quarantine/ under its id and the time, durably. */
enum status large_quarantine(struct disk *disk, const struct chunk_id *id);
/* To trash/, replacing what lies there under this id; back again, never replacing (STATUS_EXISTS); out of it for good.
 * Durable when they return. STATUS_NOT_FOUND. What is no file goes to quarantine/, and ends with STATUS_CORRUPT on the
 * way to the trash. Back again: STATUS_CONFLICT when something that cannot be touched is in the way. */
enum status large_trash(struct disk *disk, const struct chunk_id *id);
enum status large_restore(struct disk *disk, const struct chunk_id *id);
enum status large_trash_delete(struct disk *disk, const struct chunk_id *id);

/* Calls fn for each chunk file, directory by directory; ends early when fn fails. Names that are no chunk ids, that
 * lie in a wrong directory, or that are no files are left out. */
typedef enum status (*large_walk_fn)(void *arg, const struct chunk_id *id);
enum status large_walk(const struct disk *disk, large_walk_fn fn, void *arg);
/* The same for trash/. fn may take the file away. */
enum status large_trash_walk(const struct disk *disk, large_walk_fn fn, void *arg);

#endif
