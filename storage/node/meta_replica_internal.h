/* What the files of the replica of the metadata share. Its rows are a family of the node's database. Keys are a u32
 * table number, the family (the gateway's) and the row's key. Table 0 holds the state row, which says which table is
 * the replica's, and the last record; the next number is where a snapshot is loaded. */
#ifndef TERCET_STORAGE_NODE_META_REPLICA_INTERNAL_H
#define TERCET_STORAGE_NODE_META_REPLICA_INTERNAL_H

#include <pthread.h>

#include "base/rocks.h"
#include "storage/node/meta_replica.h"

#define REPLICA_PREFIX_LEN    5 /* table and family */
#define REPLICA_STATE_LEN_MAX 25

/* What the state row says. */
struct replica_position {
    struct meta_replica_state state;
    uint32_t table; /* 0: nothing was ever taken */
    bool known;     /* there is such a row */
};

struct meta_replica {
    struct chunk_store *store;
    struct disk *disk; /* the store's, as the next */
    struct rocks *db;
    pthread_mutex_t write_lock; /* held by who applies or loads; taken before locks of ids */
    pthread_mutex_t state_lock; /* guards position and lost */
    struct replica_position position;
    bool lost; /* under state_lock: what was held is set aside, and nothing has come in its place yet */
    /* under write_lock: the snapshot that is being loaded; page_next 0: none */
    struct meta_replica_state loading;
    uint32_t page_next;
};

/* The replica's table; 0: nothing was ever taken. */
uint32_t replica_table(struct meta_replica *replica);
void replica_prefix(uint32_t table, uint8_t family, uint8_t out[REPLICA_PREFIX_LEN]);

/* meta_replica_state.c: the rows that say where the replica is. */
/* Reads the state row. On failure error explains. */
enum status replica_position_read(struct rocks *db, unsigned family, struct replica_position *position,
                                  char error[DISK_ERROR_MAX]);
/* Writes the batch and the state that it leads to with one sync; from then on the replica is there. Under write_lock.
 */
enum status replica_state_commit(struct meta_replica *replica, struct rocks_batch *batch,
                                 const struct meta_replica_state *state, uint32_t table);
/* Adds the record with which the replica ends; absent: there is none, since a snapshot has no records. */
void replica_last_put(struct rocks_batch *batch, struct bytes record);
/* One write. A failed one is the disk's failure, or the database's damage. */
enum status replica_write(struct meta_replica *replica, struct rocks_batch *batch, bool sync);

/* meta_replica_open.c: another database that holds a replica: one that was set aside, or that of an earlier build. */
struct replica_folder {
    struct rocks *db;
    unsigned family;
    struct replica_position position;
    char *error; /* while it is open: what becomes of the text of an error */
};
/* NOT_FOUND when that database was not made for a replica. On failure error explains, and nothing is open. */
enum status replica_folder_open(struct replica_folder *folder, const struct disk *disk, enum disk_database database,
                                const char *name, enum rocks_recovery recovery, char error[DISK_ERROR_MAX]);
void replica_folder_close(struct replica_folder *folder);

#endif
