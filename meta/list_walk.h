/* What the three listings share: walking the rows of a bucket under a prefix in key order, and rolling keys up into
 * common prefixes. A common prefix costs one seek, not a walk through it. */
#ifndef TERCET_META_LIST_WALK_H
#define TERCET_META_LIST_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "meta/store.h"
#include "meta/keys.h"

#define LIST_MAX 1000

struct list_walk {
    struct store_iterator it;
    uint32_t bucket;
    struct bytes prefix, delimiter;
    size_t suffix_len; /* of a row's key behind the object's key */
};

void list_walk_open(struct list_walk *walk, const struct store_view *view, enum store_family family, size_t suffix_len,
                    uint32_t bucket, struct bytes prefix, struct bytes delimiter);
void list_walk_close(struct list_walk *walk);
/* To the first row; or behind all rows of `after`; or, if that lies under a common prefix, behind all rows under it: S3
 * lists only common prefixes that are greater than the marker. */
void list_walk_start(struct list_walk *walk, struct bytes after);
/* The key of the row that the walk is at; CORRUPT when it holds none. NOT_FOUND at the end. */
enum status list_walk_key(const struct list_walk *walk, struct bytes *key);
/* Whether the key rolls up, and into what. */
bool list_walk_common_prefix(const struct list_walk *walk, struct bytes key, struct bytes *common);
/* Whether a marker lies under a common prefix, or is one. */
bool list_walk_marker_prefix(const struct list_walk *walk, struct bytes after, struct bytes *common);
/* Behind all rows that begin with the common prefix. */
void list_walk_skip(struct list_walk *walk, struct bytes common);

/* Strings of a page: an arena hung on the page's storage pointer. */
struct bytes page_text_copy(void **storage, struct bytes text);
void page_text_release(void *storage);

#endif
