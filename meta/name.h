/* What a bucket with versions knows of a name beside its versions, so that nothing has to be looked for among them: a
 * walk over rows that were deleted costs as much as one over rows that are there. A row in `names` says where the
 * newest and the oldest version are, how many there are, and which number the last one got; a row for each version says
 * where its number is.
 *
 * The name's row stays when its last version is gone: a number of a version is never given to another one.
 *
 * A bucket that was given versioning later holds objects from before, null versions without any of these rows: each is
 * the only one of its key, so all that its rows would say follows from `current`. They are written when the name first
 * changes. */
#ifndef TERCET_META_NAME_H
#define TERCET_META_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "meta/commit.h"
#include "meta/store.h"
#include "meta/records.h"

/* The row. NOT_FOUND when the name never had a version, or only an object from before there was versioning. */
enum status name_load(const struct store_view *view, uint32_t bucket, struct bytes key, struct name_record *name);
/* The row, or what it would say (*implied): of any bucket, what there is of a key. NOT_FOUND. */
enum status name_find(const struct store_view *view, uint32_t bucket, struct bytes key, struct name_record *name,
                      bool *implied);
/* The sequence of the version with that number. NOT_FOUND. */
enum status name_find_number(const struct store_view *view, uint32_t bucket, struct bytes key, uint64_t number,
                             uint64_t *sequence);

/* ---- in the committer ----------------------------------------------------------------------------------------- */
void name_put(struct txn *txn, uint32_t bucket, struct bytes key, const struct name_record *name);
/* Gives the new version, which need not be the latest, its number, and records both. *name as found before (zero: not
 * at all), and name_take_null did with it. */
enum status name_add_version(struct txn *txn, uint32_t bucket, struct bytes key, struct version_head *head,
                             struct name_record *name, bool implied);
/* Takes the null version out of *name, for a new one that comes right after. Its row must be there still. */
enum status name_take_null(struct txn *txn, uint32_t bucket, struct bytes key, struct name_record *name);
/* Takes a version out, whose row is still there. *name as it is then. */
enum status name_remove_version(struct txn *txn, uint32_t bucket, struct bytes key, const struct version_head *head,
                                struct name_record *name);
/* The version that came after that one, which must be there, as must its successor. */
enum status name_find_newer(const struct txn *txn, uint32_t bucket, struct bytes key, uint64_t sequence,
                            uint64_t *found);
/* Forgets up to max rows of a bucket without versions; *more when others are left. */
enum status name_drop_some(struct txn *txn, uint32_t bucket, unsigned max, bool *more);

/* ---- at the start --------------------------------------------------------------------------------------------- */
struct meta;
/* Makes the rows of a database that has none (name_build.c). *state is as stored then. */
enum status names_build(struct meta *meta, struct state_record *state);

#endif
