/* Versions of a key: finding one, adding one, removing one. Readers and the committer share the finding. */
#ifndef TERCET_META_VERSION_H
#define TERCET_META_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "meta/commit.h"
#include "meta/store.h"
#include "meta/meta.h"
#include "meta/records.h"

/* A version's row: the record's spans point into the value. */
struct version_row {
    struct store_value value;
    struct version_record record;
};
void version_row_release(struct version_row *row);

/* All of these give NOT_FOUND when there is none; a delete marker is a version. Release the row after STATUS_OK. */
enum status version_load(const struct store_view *view, uint32_t bucket, struct bytes key, uint64_t sequence,
                         struct version_row *row);
/* The same without its headers and its chunk list. */
enum status version_load_head(const struct store_view *view, uint32_t bucket, struct bytes key, uint64_t sequence,
                              struct version_head *head);
enum status version_load_latest(const struct store_view *view, uint32_t bucket, struct bytes key,
                                struct version_row *row);
/* INVALID: no version can have that id. */
enum status version_id_check(struct bytes id);
/* Why the version that `which` means is not there: NOT_FOUND, or INVALID when the bucket never gave out such ids. */
enum status version_absence(const struct meta_version *which, bool versioned);
/* The one that `which` means (INVALID: a malformed id), and whether it is the latest. */
enum status version_load_which(const struct store_view *view, uint32_t bucket, struct bytes key,
                               const struct meta_version *which, struct version_row *row, bool *latest);
/* The latest without its chunk list. `markers`: the bucket may hold delete markers. */
enum status version_latest_head(const struct store_view *view, uint32_t bucket, struct bytes key, bool markers,
                                struct version_head *head);

/* Whether a write may go on; head NULL: nothing is there. */
enum status version_condition_check(const struct meta_condition *condition, const struct version_head *head);

/* ---- in the committer ----------------------------------------------------------------------------------------- */
/* Makes the record the latest version of its key; or, where versions are kept, one of the place and the id that its
 * sequence and random part say, be it behind others. Given: size, ETag, checksum, marker, headers, chunks or parts, and
 * these two or neither; the rest of the head is filled in. previous (NULL: none) is the latest until now. What it
 * replaces is queued for GC: in a bucket without versioning the one before, while versioning is suspended the null
 * version. EXISTS: so many others come before its place that it would not be kept. */
enum status version_add(struct txn *txn, const struct bucket_entry *bucket, struct bytes key,
                        const struct version_head *previous, struct version_record *record);
/* The version that is alone at its key goes on as another one: with a new sequence, and `more` plain bytes. DENIED,
 * CONFLICT: the guard lets it stay as it is. */
enum status version_renew(struct txn *txn, struct bytes key, uint64_t more, struct version_record *record);
/* Gives the version that is alone at the source key to the target key, where *replaced is (NULL: nothing), which goes.
 * Of a bucket that keeps no versions. The head gets its new sequence and number. DENIED, CONFLICT: the guard lets one
 * of the two stay, and nothing was changed. */
enum status version_move(struct txn *txn, struct bytes source, struct bytes target,
                         const struct version_record *replaced, struct version_record *record);
/* Whether a version of that place is the latest; previous: the latest until now, NULL: none. */
bool version_comes_last(const struct version_head *head, const struct version_head *previous);
/* Removes one version and queues its chunks; if it was the latest, the next older one becomes current. DENIED,
 * CONFLICT: the guard lets it stay, and nothing was changed. */
enum status version_remove(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_record *record,
                           bool latest);
/* Removes up to max versions of the key, oldest first; *more when others are left. DENIED, CONFLICT: one has to stay,
 * and the operation fails. */
enum status version_remove_oldest(struct txn *txn, uint32_t bucket, struct bytes key, unsigned max, uint64_t *count,
                                  bool *more);

/* Removes up to max of the oldest versions that are not kept (version_trim.c), up to one that the guard lets stay. What
 * a failure leaves is the caller's to take back. */
enum status version_trim(struct txn *txn, uint32_t bucket, struct bytes key, const struct meta_keep *keep, unsigned max,
                         uint64_t *removed, bool *more);

/* Writes the row of a version that is there again, with another class or other attributes, or the same bytes in other
 * chunks. */
void version_rewrite(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_record *record);
/* Whether the version may be removed, or what it has be taken from it: asks the guard. DENIED, CONFLICT. */
enum status version_removal_check(const struct txn *txn, const struct version_record *record);

/* Writes the row that listings read of the latest version, which is no delete marker and has one, again. */
void version_current_rewrite(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_head *head);

/* Fills the fields that listings show, and the ids. */
void version_head_show(const struct version_head *head, bool latest, struct meta_object *object);

#endif
