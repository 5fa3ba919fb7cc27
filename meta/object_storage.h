/* What meta_object.storage points to: the version's row, kept for its headers and its chunk list. */
#ifndef TERCET_META_OBJECT_STORAGE_H
#define TERCET_META_OBJECT_STORAGE_H

#include "meta/version.h"

struct object_storage {
    struct version_row row;
    uint64_t read_sequence; /* the last commit when the version was looked up: it was reachable then */
};

/* Shows the version in *object and takes the row over. */
void object_take_row(struct meta_object *object, struct version_row *row, bool latest, uint64_t read_sequence);

#endif
