/* What meta_object.storage points to: the version's row, kept for its headers and its chunk list, and what keeps
 * these chunks from being freed. */
#ifndef TERCET_META_OBJECT_STORAGE_H
#define TERCET_META_OBJECT_STORAGE_H

#include "meta/readers.h"
#include "meta/version.h"

struct object_storage {
    struct version_row row;
    struct store_value beside; /* of an annotation: the version's row, where its attributes are */
    struct reader reader;      /* holds the version's chunks */
};

/* Shows the version in *object, takes the row over, and holds its chunks: as reader_begin, with the commit at which the
 * version was reachable. */
void object_take_row(struct reader_registry *registry, struct meta_object *object, struct version_row *row, bool latest,
                     uint64_t sequence);

#endif
