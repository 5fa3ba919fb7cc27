/* Earlier builds kept the replica of the metadata in a database of its own, meta-replica/. Its rows move into the
 * node's one database when that is opened, once and for good: an earlier build refuses the directory from then on. */
#ifndef TERCET_STORAGE_NODE_META_TAKEOVER_H
#define TERCET_STORAGE_NODE_META_TAKEOVER_H

#include "storage/node/disk.h"

struct meta_replica;

/* Whether there is room for the rows; before anything that an earlier build would refuse. NO_SPACE, and error explains.
 */
enum status meta_takeover_check(const struct disk *disk, char error[DISK_ERROR_MAX]);
/* Takes them over, if there are any. A damaged one is set aside. On failure error explains, and nothing is lost: it is
 * begun anew at the next start. */
enum status meta_takeover(struct meta_replica *replica, char error[DISK_ERROR_MAX]);

#endif
