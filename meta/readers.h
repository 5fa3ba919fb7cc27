/* Which versions are being read, so that GC knows what may still be wanted, whatever its grace is. A version is held
 * from its lookup until its meta_object is released. While a lookup goes on, nobody knows yet which version it will
 * find: so long, it holds whatever became garbage after it began. It never suspends, so that this is short. What a
 * version's bytes are stored as is queued for GC as a whole, and belongs to no other version. So one name stands for
 * all of its chunks, however many there are: the upload's id, or the id of its first chunk. What is appended to it
 * later goes by the same name, which stays as long as there is something appended. */
#ifndef TERCET_META_READERS_H
#define TERCET_META_READERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "meta/records.h"

#define READER_PIN_BYTES GC_PIN_LEN
#define READER_SLOTS     256

struct reader_pin {
    uint8_t bytes[READER_PIN_BYTES];
};
/* What stands for the chunk and those that are read with it as the first of them; or for this upload. */
void reader_pin_chunk(struct reader_pin *pin, const struct packed_chunks *chunks, uint32_t index);
void reader_pin_upload(struct reader_pin *pin, const struct upload_id *upload);
/* The same of what a version was written with, which what was appended to it hangs on. */
bool reader_pin_version(struct reader_pin *pin, const struct version_record *record);

struct lookup {
    struct lookup *next, **back;
    uint64_t sequence; /* the last commit when it began */
};

struct reader {
    struct reader_registry *registry; /* NULL: it holds nothing */
    struct reader *next, **back;
    struct reader_pin pin;
    uint64_t sequence; /* a commit at which the version was reachable */
};

struct reader_registry {
    pthread_mutex_t lock; /* held for a few instructions */
    /* under lock: */
    struct lookup *lookups;
    struct reader *slots[READER_SLOTS]; /* by the pin's last byte, which is random */
};
void reader_registry_init(struct reader_registry *registry);
void reader_registry_release(struct reader_registry *registry); /* nothing may be held */

/* Around each lookup of a version that may be read. sequence: the last commit, taken before. */
void lookup_begin(struct reader_registry *registry, struct lookup *lookup, uint64_t sequence);
void lookup_end(struct reader_registry *registry, struct lookup *lookup);

/* Holds what the record names. Before the lookup ends; or in the committer, which alone makes garbage. */
void reader_begin(struct reader_registry *registry, struct reader *reader, const struct version_record *record,
                  uint64_t sequence);
void reader_end(struct reader *reader);

/* Did a lookup begin before that commit, and has not ended? Then it holds what the commit made garbage. */
bool reader_registry_looks_up(struct reader_registry *registry, uint64_t queued_sequence);
/* Is what this stands for held, and was it queued for GC behind the lookup? What was queued before, as the parts that
 * an upload left unnamed, is none of its version's. Ask after reader_registry_looks_up: a lookup that ends holds what
 * it found. */
bool reader_registry_holds(struct reader_registry *registry, const struct reader_pin *pin, uint64_t queued_sequence);

#endif
