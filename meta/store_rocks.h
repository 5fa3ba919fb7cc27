/* What tests of the store on RocksDB need beside store.h. */
#ifndef TERCET_META_STORE_ROCKS_H
#define TERCET_META_STORE_ROCKS_H

#include "base/rocks.h"
#include "meta/store.h"

struct rocks *store_rocks_database(struct meta_store *db);
void store_rocks_abandon(struct meta_store *db); /* closes it without a flush, as a process that dies */

#endif
