/* What chunk_store.c, chunk_put.c, chunk_trash.c and store_reader.c share; nobody else includes it. */
#ifndef TERCET_STORAGE_NODE_CHUNK_STORE_PRIVATE_H
#define TERCET_STORAGE_NODE_CHUNK_STORE_PRIVATE_H

#include <pthread.h>

#include "storage/node/chunk_store.h"
#include "storage/node/small_store.h"

#define STORE_LOCKS 1024

struct chunk_store {
    struct chunk_store_config config;
    struct disk disk;
    struct small_store *small;
    uint64_t chunks, bytes, corruptions;  /* atomic */
    uint64_t trash_chunks, trash_bytes;   /* atomic */
    /* One of these, chosen by the id, is held while a chunk appears or disappears: row and bytes change together, and
     * of two writers of one id the second sees the first's chunk. */
    pthread_mutex_t locks[STORE_LOCKS];
};

pthread_mutex_t *chunk_store_lock(struct chunk_store *store, const struct chunk_id *id);
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
