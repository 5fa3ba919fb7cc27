/* The last record of a node that this database does not have. A group of commits is sent to the nodes while it is
 * synced here, so after a crash they may hold one record that the log here has lost; no more than one, since the next
 * is written behind the sync. Where the database still ends right before it, it is taken over; where it went on without
 * it, the record is a stray, which the node gives up when it is sure that it was never acknowledged.
 *
 * `record` is what a node gave out as the last one that it applied (cluster_meta_last), `replica` where it is. These
 * block. */
#ifndef TERCET_META_TAKE_OVER_H
#define TERCET_META_TAKE_OVER_H

#include "base/chunk.h"
#include "meta/lineage.h"
#include "meta/meta.h"
#include "meta/store.h"

/* Where the history was before that record: in its epoch, or at the end of the one before when it is the first of its
 * own. NOT_FOUND: there is no record. CONFLICT: it is not what brought the replica where it is. CORRUPT. */
enum status take_over_base(struct bytes record, const struct meta_position *replica, struct meta_position *base);

/* Writes the record with its sequence and epoch, durably. As take_over_base; CONFLICT, too, when the database does not
 * end right before it: nothing was written. DENIED: another cluster's. */
enum status take_over_write(struct meta_store *db, const uint8_t *cluster_id, struct bytes record,
                            const struct meta_position *replica);
enum status take_over_write_at(const char *path, const uint8_t *cluster_id, struct bytes record,
                               const struct meta_position *replica);

/* The next chunk of which such a record says where it is, of those that it may have carried: small, and not garbage.
 * changes: what is left of its payload. NOT_FOUND: the end. CORRUPT. */
enum status take_over_chunk_next(struct bytes *changes, struct chunk_ref *chunk);

/* Does the record begin right where the database is, or where one of its epochs ended? */
bool take_over_is_stray(struct meta *meta, struct bytes record, const struct meta_position *replica);

#endif
