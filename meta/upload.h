/* Multipart uploads, as far as the files of meta/ share them. An upload is a row in `uploads`; its parts are rows in
 * `parts`, which stay where they are when the upload becomes an object. */
#ifndef TERCET_META_UPLOAD_H
#define TERCET_META_UPLOAD_H

#include "meta/commit.h"
#include "meta/store.h"
#include "meta/keys.h"
#include "meta/records.h"

struct upload_row {
    struct store_value value;
    struct upload_record record;
};
void upload_row_release(struct upload_row *row);
/* NOT_FOUND unless it is open under that bucket and key. Release the row after STATUS_OK. */
enum status upload_load(const struct store_view *view, uint32_t bucket, struct bytes key, const struct upload_id *id,
                        struct upload_row *row);

/* The id of an upload that a caller names; NOT_FOUND when it cannot be one. */
enum status upload_name(const struct meta_upload *upload, struct upload_id *id);

/* Counts what the uploads in progress of each bucket hold; once, before the committer runs. Rows that are damaged count
 * for nothing, and are no reason not to begin. */
void upload_bytes_load(struct meta *meta);

/* ---- in the committer ----------------------------------------------------------------------------------------- */
/* Removes up to max uploads of the bucket and queues their parts; *more when others may be left. */
enum status upload_drop_some(struct txn *txn, uint32_t bucket, unsigned max, bool *more);

#endif
