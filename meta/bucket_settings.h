/* Settings of buckets (tags, policy, CORS, lifecycle ...): one document a bucket and kind. What a document means is the
 * upper layer's: it gives meta_open a table of the kinds that it knows, and each document is parsed once, when it is
 * put or when the database is opened, and kept with its bucket in memory.
 *
 * A request takes a bucket's settings once, as of one moment, reads them without a lock for as long as it likes, and
 * releases them. They never change: a change makes new ones, for those who come later. */
#ifndef TERCET_META_BUCKET_SETTINGS_H
#define TERCET_META_BUCKET_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "meta/meta.h"

/* All are in memory, so they have bounds. 128 KB, of a website, is the largest that AWS names; a lifecycle of 1,000
 * rules takes twice that as text. A kind's own bound (a policy has 20 KB) is in its row. */
#define META_SETTING_BYTES_MAX 262144
#define META_SETTING_KIND_MAX  32 /* and so, how many settings a bucket can have */

/* One row of meta_options.setting_kinds. The table outlives the metadata and all settings that were taken. */
struct meta_setting_kind {
    uint8_t number;   /* 1 to META_SETTING_KIND_MAX; stored, so it is never given to another kind */
    const char *name; /* for the log */
    size_t bytes_max; /* of a document, at most META_SETTING_BYTES_MAX */
    /* Makes the form that requests read. Pure, on any thread, must not suspend. The document stays where it is for as
     * long as *parsed, which may point into it. Its failure refuses the document, and is what the change returns. */
    enum status (*parse)(struct bytes document, void **parsed);
    void (*free_parsed)(void *parsed); /* on any thread, under locks of meta/; NULL: nothing to free */
};

/* ---- reading -------------------------------------------------------------------------------------------------- */
struct meta_settings; /* immutable; NULL is a bucket that has none, and fine in all of these */

/* The bucket and its settings as of one moment, to be released. NOT_FOUND. Memory only: never suspends. */
enum status meta_bucket_load(struct meta *meta, struct bytes name, struct meta_bucket *bucket,
                             struct meta_settings **settings);
void meta_settings_release(struct meta_settings *settings);

struct meta_setting {
    struct bytes document; /* as it was put */
    const void *parsed;
};
/* What is found lives as long as the settings do. NOT_FOUND: not set. INTERNAL: it is set, but the document that was
 * stored is not one that this build's parser takes. That was logged at the start; whoever needs the setting fails,
 * since to go on without it would be to go on with another one. It can be replaced and removed. */
enum status meta_setting_find(const struct meta_settings *settings, uint8_t kind, struct meta_setting *setting);

/* ---- changing ------------------------------------------------------------------------------------------------- */
struct meta_setting_change {
    uint8_t kind;
    struct bytes document; /* data NULL: the setting is removed, if it is there */
};
struct meta_settings_update { /* all of it in one commit, or nothing */
    const struct meta_setting_change *changes;
    size_t count; /* each kind once */
    /* Decides in the committer, which it must not block, whether this may be done to what is there now. NULL: always.
     * Its failure is what the change returns. */
    enum status (*check)(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings);
    void *arg;
};
/* NOT_FOUND: no such bucket. LIMIT: a document is too long. A new bucket can be given settings by meta_bucket_create.
 */
enum status meta_bucket_settings_update(struct meta *meta, uint32_t bucket, const struct meta_settings_update *update);

#endif
