/* The ballast of a node's disk: a quarter of the reserve, at most 64 MiB and a sixteenth of the disk, which the node
 * holds in a file. It is a part of the reserve: what is usable does not change when it comes or goes. With it the node
 * can be started on a disk that others have filled to the last byte, and deletions, which also write, free it again.
 * RocksDB must not meet a full disk: it ends the process, or takes no write any more.
 *
 * Given up when less than its own size is free beside it, made again when three times that is. */
#ifndef TERCET_STORAGE_NODE_DISK_BALLAST_H
#define TERCET_STORAGE_NODE_DISK_BALLAST_H

#include "storage/node/disk.h"

/* As a part of disk_open, with the lock held: takes the ballast over or makes it, or gives it up for the databases that
 * are about to be opened. STATUS_NO_SPACE, with words for people, when there is too little room for them all the same.
 */
enum status disk_ballast_open(struct disk *disk, char error[DISK_ERROR_MAX]);
/* While it is given up databases must not reserve blocks ahead (rocks_config.no_reservation): deletions need them more.
 */
bool disk_ballast_is_given_up(const struct disk *disk);
/* Gives it up or makes it anew as the disk is now, and logs when the disk becomes full and when it is no more. */
void disk_ballast_check(struct disk *disk);
/* May a deletion be written? Gives the ballast up before it says no, which is STATUS_NO_SPACE. */
enum status disk_check_deletion_room(struct disk *disk);

/* A thread that checks five times a second: others fill the disk while nobody asks this node for anything. */
struct disk_watch;
struct disk_watch *disk_watch_start(struct disk *disk);
void disk_watch_stop(struct disk_watch *watch); /* NULL is fine */

#endif
