/* A store in memory, for tests of what is above it: the same rules as on a disk, and failures on demand. It lives on
 * when the metadata on it are closed, as a disk does (meta_options.store). What was not synced may be forgotten. */
#ifndef TERCET_META_STORE_MEMORY_H
#define TERCET_META_STORE_MEMORY_H

#include "meta/store.h"

struct meta_store *store_memory_create(void); /* store_close frees it, with all that it holds */

/* ---- failures: each lasts until it is taken back; any thread --------------------------------------------------- */
/* Every write ends with that status and writes nothing; OK takes it back. */
void store_memory_fail_writes(struct meta_store *db, enum status status);
/* Every read ends with that status, and an iterator stands at no row; OK takes it back. */
void store_memory_fail_reads(struct meta_store *db, enum status status);
/* Reads in memory only end UNAVAILABLE, as when the rows are on the disk. */
void store_memory_hide(struct meta_store *db, bool hidden);
/* Every sync ends with that status, and makes nothing durable; OK takes it back. */
void store_memory_fail_syncs(struct meta_store *db, enum status status);
/* The power fails: what was not synced is gone, and with it whoever still read. */
void store_memory_crash(struct meta_store *db);
/* Forgets how it came to what it holds now: changes up to here can no longer be read. */
void store_memory_forget_changes(struct meta_store *db);

#endif
