/* Room on the disk below the metadata: a reserve that uploads must leave free, and a ballast, a file of reserved blocks
 * that is given up when others fill the disk all the same. So deletions, which also write, can go on when nothing else
 * can, and the database does not meet a full disk: RocksDB takes no write any more after one that failed in its log.
 *
 * A thread of its own looks every 200 ms. All functions may be called on any thread and do not wait for the disk,
 * except where it is said. */
#ifndef TERCET_META_SPACE_H
#define TERCET_META_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct space_reading {
    uint64_t total_bytes, free_bytes;
};

struct meta_space_config {
    const char *directory;  /* exists, outlives this; the ballast is kept in it and the database below it */
    uint64_t reserve_bytes; /* an upper bound: small disks have a smaller reserve. 0: none, nor a ballast */
    /* How much room there is; NULL: statvfs. For tests. */
    enum status (*read)(void *arg, struct space_reading *reading);
    void *read_arg;
};

struct meta_space;

/* Looks once, so that the ballast is given up before the database is opened on a full disk. Blocks. */
enum status meta_space_create(const struct meta_space_config *config, struct meta_space **space);
void meta_space_free(struct meta_space *space); /* after meta_close; NULL is fine. The ballast stays. Blocks */

/* The reserve is touched: nothing may be begun that adds data. */
bool meta_space_is_low(const struct meta_space *space);
/* May a commit be written? Looks at the disk, and gives the ballast up before it says no. Blocks. NULL: always. */
bool meta_space_admits(struct meta_space *space);
/* What the thread does each time. Blocks. */
void meta_space_check(struct meta_space *space);

struct meta_space_state {
    struct space_reading last;
    uint64_t reserve_bytes, ballast_bytes; /* the ballast as it is now: 0 when it was given up */
    bool low;
};
void meta_space_get(const struct meta_space *space, struct meta_space_state *state);

#endif
