/* Settings of buckets as rows: read when the database is opened, changed by operations on buckets. */
#ifndef TERCET_META_SETTING_ROWS_H
#define TERCET_META_SETTING_ROWS_H

#include "meta/commit.h"
#include "meta/settings_snapshot.h"

/* Gives each bucket in the table its settings; once, before the committer runs. A document that its parser refuses is
 * logged and kept as one of no use. INVALID: there is a kind that this build does not know: what it means for the
 * bucket, a refusal perhaps, must not be passed over. */
enum status setting_rows_load(struct meta *meta);

/* The documents of an update, parsed before the commit, by the caller. */
struct settings_change {
    const struct meta_settings_update *update;
    struct setting **settings; /* one a change; NULL for one that removes */
};
enum status settings_change_init(struct settings_change *change, const struct meta *meta,
                                 const struct meta_settings_update *update);
void settings_change_release(struct settings_change *change);

/* In the committer: writes the rows and stages the bucket's new settings, as the last thing that the operation does.
 * before: what the bucket has until now. */
void settings_change_apply(const struct settings_change *change, struct txn *txn, uint32_t bucket,
                           const struct meta_settings *before);
/* Removes the rows of a bucket that goes. */
void setting_rows_drop(struct txn *txn, uint32_t bucket, const struct meta_settings *settings);

#endif
