/* Databases of the node that turned out to be damaged. Such a one is renamed, NAME.damaged-TIME, and a new one takes
 * its place; what it held comes back from the other nodes, or out of it (salvage.h). It is never deleted here: with
 * damage on several nodes at once it may hold the last copy of something. So their number is bounded by refusing to
 * start with one more. Everything here blocks. */
#ifndef TERCET_STORAGE_NODE_SET_ASIDE_H
#define TERCET_STORAGE_NODE_SET_ASIDE_H

#include "storage/node/disk.h"

#define SET_ASIDE_MAX      4
#define SET_ASIDE_NAME_MAX 64

/* Renames the database, durably; it must not be open. STATUS_LIMIT: too many are there already. On failure error
 * explains. */
enum status set_aside(struct disk *disk, enum disk_database database, char error[DISK_ERROR_MAX]);
/* The names of those that are there, below the data directory; at most SET_ASIDE_MAX of them. Their number may be
 * higher. */
unsigned set_aside_names(const struct disk *disk, enum disk_database database,
                         char names[SET_ASIDE_MAX][SET_ASIDE_NAME_MAX]);

#endif
