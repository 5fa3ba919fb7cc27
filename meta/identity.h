/* Who there is beside root: rows of text keys and documents, whose meaning is the upper layer's. They are changed by
 * the one commit like everything else, so replicas, snapshots and a restore have them.
 *
 * Whoever changes something reads the generation, reads rows, decides, updates, and begins again on CONFLICT. So all
 * changes are serial, and what was decided holds, without a lock that anybody could keep. Whoever keeps what it read
 * keeps the generation from before the reads with it: as long as that is the generation now, it is what the rows say.
 */
#ifndef TERCET_META_IDENTITY_H
#define TERCET_META_IDENTITY_H

#include "meta/meta.h"

#define META_IDENTITY_KEY_MAX      1024
#define META_IDENTITY_DOCUMENT_MAX (1u << 20)
#define META_IDENTITY_PAGE_MAX     1000        /* rows */
#define META_IDENTITY_CHANGES_MAX  8192        /* in one update ... */
#define META_IDENTITY_UPDATE_MAX   (16u << 20) /* ... and the bytes of their keys and documents */

/* Moves with every commit that changed a row: after the rows can be read, and before anybody is told that they were
 * changed. Of this process only. Memory only, any thread. */
uint64_t meta_identity_generation(struct meta *meta);

/* Appends the document to the buffer. NOT_FOUND; LIMIT when the buffer may not hold it. Suspends. One row: those that
 * are read one after the other may be of before a change and of after it. */
enum status meta_identity_get(struct meta *meta, struct bytes key, struct buffer *document);

/* The rows as they were at one moment. */
struct meta_identity_view;
enum status meta_identity_view_get(const struct meta_identity_view *view, struct bytes key, struct buffer *document);
/* Has `read` called in the pool with the rows as of one moment that is not before this call, and returns what it
 * returned, when all that it may have seen is durable. So what several rows say together is whole, whoever changes them
 * meanwhile, and as often; and whoever is told of a change is told of it before this call or sees it. `read` never
 * suspends. Suspends. */
typedef enum status meta_identity_reader(const struct meta_identity_view *view, void *arg);
enum status meta_identity_read(struct meta *meta, meta_identity_reader *read, void *arg);

struct meta_identity_row {
    struct bytes key, document;
};
struct meta_identity_page {
    struct meta_identity_row *rows;
    size_t count;
    bool more; /* behind the last row there are others: go on with its key and a NUL as `lower` */
};
/* The rows with lower <= key < upper in the order of their keys, at most max and META_IDENTITY_PAGE_MAX, and fewer when
 * they are large, but one at least. upper.data NULL: no bound. Suspends. */
enum status meta_identity_list(struct meta *meta, struct bytes lower, struct bytes upper, size_t max,
                               struct meta_identity_page *page);
void meta_identity_page_release(struct meta_identity_page *page);

struct meta_identity_change {
    struct bytes key, document; /* document.data NULL: the row goes, if it is there */
};
/* All of it in one commit, or nothing. CONFLICT when any row was changed since the generation was that. LIMIT: it is
 * too much, by one of the bounds above. Suspends. */
enum status meta_identity_update(struct meta *meta, uint64_t generation, const struct meta_identity_change *changes,
                                 size_t count);

#endif
