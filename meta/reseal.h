/* Going through all that is sealed (META_ATTRIBUTE_SEALED), versions and uploads in progress, to replace what says how.
 * The documents are the upper layer's; here one is replaced by another only if it is still the one that was read. */
#ifndef TERCET_META_RESEAL_H
#define TERCET_META_RESEAL_H

#include "meta/meta.h"

/* An upload that is completed becomes a version. So who goes through uploads first and through versions then misses
 * nothing that is there all the time. */
enum meta_sealed_family { META_SEALED_UPLOADS, META_SEALED_VERSIONS };

struct meta_sealed {
    struct bytes key, document;
    struct bytes row; /* which row it is; of no other meaning */
};
struct meta_sealed_page {
    struct meta_sealed *entries; /* in key order; what is not sealed is left out */
    size_t count;
    size_t examined, damaged; /* rows; of these, how many could not be read */
    bool more;
    struct bytes last; /* where the next page begins */
    void *storage;     /* private */
};
#define META_SEALED_ROWS_MAX 1000 /* of a page */
/* At most max of the bucket's rows behind `after`, which is the `last` of the page before, or empty. Suspends. Release
 * the page after STATUS_OK. */
enum status meta_sealed_walk(struct meta *meta, uint32_t bucket, enum meta_sealed_family family, struct bytes after,
                             size_t max, struct meta_sealed_page *page);
void meta_sealed_page_release(struct meta_sealed_page *page);

struct meta_reseal {
    struct bytes row, before, after;
    /* The outcome. NOT_FOUND, PRECONDITION: it is gone, or another one, by now; LIMIT: the new document does not fit.
     */
    enum status status;
};
/* Replaces each of these documents; they are committed together as far as there is room, and none depends on another.
 */
void meta_reseal(struct meta *meta, uint32_t bucket, enum meta_sealed_family family, struct meta_reseal *changes,
                 size_t count);

#endif
