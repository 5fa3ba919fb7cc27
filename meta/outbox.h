/* The outbox: work that a commit leaves to be done after it (an event to be sent, a line of a log), as a row that the
 * same commit adds. So the work is neither forgotten when the process ends after the commit, nor done for a change that
 * never was. What is to be done is the upper layer's: it gives kind and payload with the change, reads the rows in the
 * order of the commits, does what they say and removes them. A row may be read again after a restart: work may be done
 * twice. */
#ifndef TERCET_META_OUTBOX_H
#define TERCET_META_OUTBOX_H

#include "meta/meta.h"

#define META_OUTBOX_PAYLOAD_MAX 16384
/* Bounds, so that work which nobody gets done cannot fill the disk. Beyond them a change that would leave some ends
 * with LIMIT and is not made: its caller does without the work, or without the change. */
#define META_OUTBOX_ROWS_MAX  1000000
#define META_OUTBOX_BYTES_MAX (256ull << 20)

/* Given with a change: of meta_object, meta_upload (for the Complete), meta_object_update, and to meta_object_delete. A
 * change that changes nothing leaves nothing to be done. */
struct meta_outbox_entry {
    uint8_t kind; /* stored, so a number is never given to another kind */
    struct bytes payload;
};

struct meta_outbox_place { /* of a row, in the order of the commits */
    uint64_t sequence;
    uint32_t index;
};

struct meta_outbox_row {
    struct meta_outbox_place place;
    uint8_t kind;
    uint32_t bucket;
    int64_t time_ms; /* of the commit */
    struct bytes key, payload;
    struct meta_object object; /* the version that was added, changed or removed: as in listings, latest not set */
};
struct meta_outbox_page {
    struct meta_outbox_row *rows;
    size_t count;
    void *storage; /* private */
};
#define META_OUTBOX_DONE_MAX 1024
/* The first rows behind `after` (NULL: from the start), at most max and META_OUTBOX_DONE_MAX: of commits that enough
 * nodes hold, so that what is done for them was not done in vain. Suspends. */
enum status meta_outbox_next(struct meta *meta, const struct meta_outbox_place *after, size_t max,
                             struct meta_outbox_page *page);
void meta_outbox_page_release(struct meta_outbox_page *page);
/* Removes rows, in one commit, at most META_OUTBOX_DONE_MAX; some may be gone already. */
enum status meta_outbox_done(struct meta *meta, const struct meta_outbox_place *places, size_t count);

uint64_t meta_outbox_backlog(struct meta *meta); /* rows; as of the last commit */
uint64_t meta_outbox_backlog_bytes(struct meta *meta);

#endif
