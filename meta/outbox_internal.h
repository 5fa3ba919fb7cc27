/* The outbox as meta/ keeps it; outbox.h is what the layer above sees. */
#ifndef TERCET_META_OUTBOX_INTERNAL_H
#define TERCET_META_OUTBOX_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "meta/commit.h"
#include "meta/outbox.h"
#include "meta/replicated.h"

struct outbox {
    pthread_mutex_t lock;         /* never held across a suspension */
    struct replicated_mark mark;  /* under lock */
    _Atomic uint64_t rows, bytes; /* as committed */
};
void outbox_init(struct outbox *outbox, const struct state_record *state);
void outbox_release(struct outbox *outbox);

/* In the committer: adds a row about that version; entry NULL: nothing. LIMIT: the outbox is full. */
enum status outbox_add(struct txn *txn, const struct meta_outbox_entry *entry, uint32_t bucket, struct bytes key,
                       const struct version_head *head);

#endif
