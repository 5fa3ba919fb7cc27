/* Annotations, as far as the files of meta/ share them: the rows of a set. */
#ifndef TERCET_META_ANNOTATION_ROWS_H
#define TERCET_META_ANNOTATION_ROWS_H

#include "meta/annotations.h"
#include "meta/commit.h"
#include "meta/records.h"
#include "meta/store.h"

/* The chunks of all annotations of a set, one behind the other in `storage`, which is empty and the caller's. */
enum status annotation_chunks_load(const struct store_view *view, const struct annotation_set *set,
                                   struct buffer *storage, struct packed_chunks *chunks);

/* ---- in the committer ----------------------------------------------------------------------------------------- */
void annotation_set_create(struct annotation_set *set, uint64_t sequence);
void annotation_row_put(struct txn *txn, const struct annotation_set *set, const struct meta_annotation *annotation,
                        const struct packed_chunks *chunks);
/* Of a version that is removed: queues what it has, and takes it from the bucket's bytes. What cannot be read of it is
 * let be: its chunks stay recorded. */
void annotations_drop(struct txn *txn, const struct version_record *record);
/* Removes the rows of a set, of which there are META_ANNOTATIONS_MAX at most. */
enum status annotation_rows_delete(struct txn *txn, const struct annotation_set *set);
/* Those that a new version comes with. Before its row is written: its attributes say so, in `storage`, which is the
 * caller's. INVALID, LIMIT: they cannot be had. */
enum status annotations_announce(struct txn *txn, const struct meta_new_annotations *annotations,
                                 struct version_record *record, struct buffer *storage);
/* And after it. */
enum status annotations_add(struct txn *txn, const struct meta_new_annotations *annotations,
                            const struct version_record *record);

#endif
