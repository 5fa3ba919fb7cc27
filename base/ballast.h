/* A ballast: a file of reserved blocks in a data directory, which a program gives up when others have filled the disk,
 * so that what frees space, and what keeps a database sound, can still be written. When to make it and when to give it
 * up is the owner's matter.
 *
 * The file is called "ballast", is its owner's alone, and a link of that name is never followed. One thread at a time;
 * only ballast_held may be called on any. All but that one block. */
#ifndef TERCET_BASE_BALLAST_H
#define TERCET_BASE_BALLAST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* So much must be free before a program opens its databases: new logs, manifests and options, with a margin. On a full
 * disk RocksDB ends the process by an assertion that tells nobody why. */
#define BALLAST_OPEN_BYTES_MIN (512u << 10)

struct ballast {
    int directory_fd; /* of the owner, who closes it later */
    bool failed;      /* the last making did, which is logged once */
    bool unsupported; /* the filesystem reserves no blocks; it is not asked again */
    _Atomic uint64_t held_bytes;
};

/* Takes over what an earlier process left, if it is a ballast of that many bytes; else removes it. */
void ballast_init(struct ballast *ballast, int directory_fd, uint64_t bytes);
/* Notices when the file was removed or cut by somebody else: then none is held. */
void ballast_look(struct ballast *ballast);
/* All blocks are reserved, or nothing is left. Failures are logged. */
enum status ballast_make(struct ballast *ballast, uint64_t bytes);
void ballast_release(struct ballast *ballast);
/* 0: none. It counts from before it is made until after it was removed, so that an owner who adds it to what is free
 * never sees less than there is. */
uint64_t ballast_held(const struct ballast *ballast);

#endif
