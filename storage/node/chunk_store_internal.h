/* What chunk_store.c, chunk_put.c, chunk_commit.c, carried_chunks.c, chunk_delete.c, chunk_trash.c, salvage.c and
 * store_reader.c share; nobody else includes it. */
#ifndef TERCET_STORAGE_NODE_CHUNK_STORE_INTERNAL_H
#define TERCET_STORAGE_NODE_CHUNK_STORE_INTERNAL_H

#include <pthread.h>

#include "storage/node/chunk_store.h"
#include "storage/node/large_store.h"
#include "storage/node/small_store.h"

#define STORE_LOCKS 1024

/* The thread that commits small chunks, many with one sync, and those that wait for it. */
struct small_commit;
struct small_committer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t waiting;
    struct small_commit *first, *last; /* under lock */
    bool started, stopping;            /* stopping: under lock */
};

struct chunk_store {
    struct chunk_store_config config;
    struct disk disk;
    struct small_store *small;
    struct small_committer committer;
    uint64_t chunks, bytes, corruptions, carried; /* atomic */
    uint64_t trash_chunks, trash_bytes;           /* atomic */
    /* One of these, chosen by the id, is held while a chunk appears or disappears: row and bytes change together, and
     * of two writers of one id the second sees the first's chunk. */
    pthread_mutex_t locks[STORE_LOCKS];
};

struct chunk_put {
    struct chunk_store *store;
    struct chunk_id id;
    uint32_t expected_size;
    struct chunk_sums sums;
    char *value; /* room for a small chunk's head, then its payload; NULL once in a file */
    size_t value_capacity;
    bool in_file;
    struct large_file file;
};

/* Where the payload begins in `value`: behind the longest head that a small chunk has here. */
size_t chunk_put_payload_offset(const struct chunk_put *put);

void small_committer_start(struct chunk_store *store);
void small_committer_stop(struct chunk_store *store); /* does nothing when it was not started */

/* Commits up to COMMIT_GROUP_MAX small chunks with as few syncs as can be; statuses as chunk_put_commit's. Blocks. */
#define COMMIT_GROUP_MAX 64
void small_puts_commit(struct chunk_store *store, struct chunk_put *const *puts, enum status *statuses, unsigned count);

/* The longest head of a small chunk. */
#define SMALL_HEAD_BYTES_MAX (CHUNK_HEADER_BYTES + 4 * (SMALL_CHUNK_BYTES_MAX / CHUNK_BLOCK_BYTES))
void chunk_store_head_fill(const struct chunk_store *store, const struct chunk_id *id, const struct chunk_sums *sums,
                           int64_t stored_ms, struct chunk_head *head);
/* With the id's lock held, before it is stored: STATUS_OK: nothing is in the way; STATUS_EXISTS: the same bytes are
 * there, read again to be sure; STATUS_CONFLICT: other bytes are. */
enum status chunk_store_existing_locked(struct chunk_store *store, const struct index_entry *wanted);
/* With the id's lock held: the chunk is durable. */
void chunk_store_appeared_locked(struct chunk_store *store, const struct index_entry *entry);

pthread_mutex_t *chunk_store_lock(struct chunk_store *store, const struct chunk_id *id);
/* Takes these locks, each once, in the order of their addresses, so that two who take many never wait for each other.
 * Sorts them; returns how many there are without repetitions. */
unsigned chunk_store_locks_take(pthread_mutex_t **locks, unsigned count);
void chunk_store_locks_give(pthread_mutex_t **locks, unsigned count); /* what take returned */
/* Counts a chunk that appeared or, with sign -1, disappeared. */
void chunk_store_count(struct chunk_store *store, const struct index_entry *entry, int sign);

/* With the id's lock held: reads the whole copy and sets it aside when it is bad. STATUS_NOT_FOUND, STATUS_CORRUPT.
 * entry is what the index says; unset when there is none. */
enum status chunk_store_verify_locked(struct chunk_store *store, const struct chunk_id *id, struct index_entry *entry);
/* Counts what lies in the trash; at start. */
enum status chunk_trash_load(struct chunk_store *store);
/* With the id's lock held: the chunk was stored anew, so what the trash holds of it is dropped. */
void chunk_trash_forget_locked(struct chunk_store *store, const struct chunk_id *id);
/* Opens without setting anything aside. */
enum status store_reader_open_copy(struct store_reader *reader, struct chunk_store *store,
                                   const struct index_entry *entry);
/* Reads and checks blocks, without setting anything aside. */
enum status store_reader_read_copy(struct store_reader *reader, uint32_t first_block, uint32_t count, void *out);

#endif
