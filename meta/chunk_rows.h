/* The rows that say where each chunk's copies are, and the repair queue beside them. */
#ifndef TERCET_META_CHUNK_ROWS_H
#define TERCET_META_CHUNK_ROWS_H

#include "meta/commit.h"
#include "meta/records.h"

#define CARRIED_BYTES_MAX (4u << 20) /* of an operation */

/* INVALID unless every chunk could be recorded and their sizes add up to `size`; LIMIT when there are too many. */
enum status chunk_list_check(const struct chunk_list *chunks, uint64_t size);
/* Records new chunks, those that are carried on the nodes of the group, and queues those with too few copies. */
void chunk_rows_add(struct txn *txn, const struct chunk_list *chunks);

/* commit_run of an operation that records new chunks: packs them into *packed, which belongs to the operation and is
 * valid until it has run. When chunks were carried and one of the nodes did not store them, their rows are corrected
 * before it returns. Suspends, or blocks, as commit_run does. */
enum status chunk_list_commit(struct meta *meta, struct commit_op *op, const struct chunk_list *chunks,
                              struct packed_chunks *packed);

/* NOT_FOUND when nothing is recorded of it. */
enum status chunk_row_get(const struct store_view *view, const struct chunk_id *id, struct chunk_record *record);
/* Writes the row and moves the chunk to its place in the repair queue, or off it. */
void chunk_row_put(struct txn *txn, const struct chunk_id *id, struct chunk_record *record);
/* The chunk waits to be freed: takes it off the repair queue and out of the durability set, for good. */
void chunk_row_unwant(struct txn *txn, const struct chunk_id *id, struct chunk_record *record);
void chunk_row_delete(struct txn *txn, const struct chunk_id *id, const struct chunk_record *record);
/* For readers and repair: the good copies; when none is left, those recorded as bad, since one may be read after all.
 */
void chunk_record_ref(const struct chunk_record *record, const struct chunk_id *id, struct chunk_ref *ref);
/* For GC: every recorded copy. */
void chunk_record_ref_all(const struct chunk_record *record, const struct chunk_id *id, struct chunk_ref *ref);

#endif
