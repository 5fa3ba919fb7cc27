/* The groups that carry chunks and are not settled (hand_on.h), up to a sequence, out of the log: what whoever gets all
 * rows as of there has to be given besides. Blocks: for the pool. */
#ifndef TERCET_GATEWAY_UNSETTLED_H
#define TERCET_GATEWAY_UNSETTLED_H

#include "base/bytes.h"
#include "meta/meta.h"

struct unsettled {
    struct meta *meta;
    uint64_t from, as_of; /* what is still to be looked at */
    struct buffer page;   /* of the log */
    struct bytes rest;    /* of the page */
};

void unsettled_open(struct unsettled *walk, struct meta *meta, uint64_t settled, uint64_t as_of);
/* The next block and its record behind it; valid until the next call. NOT_FOUND: there is none. Any other failure: the
 * log cannot be read, and nobody knows. */
enum status unsettled_next(struct unsettled *walk, struct bytes *whole);
void unsettled_close(struct unsettled *walk);

#endif
