/* Which objects were appended to in many small pieces, so that these are worth joining: noted by who appends to them or
 * reads them, taken by the job that joins (jobs/join.c). In memory and bounded: what is lost is noted again by the next
 * who reads or appends. Any thread. */
#ifndef TERCET_GATEWAY_JOIN_HINTS_H
#define TERCET_GATEWAY_JOIN_HINTS_H

#include "meta/append.h"

#define JOIN_HINTS_MAX  1024
#define JOIN_PIECES_MIN 4 /* fewer are not worth it */

struct join_hint {
    char bucket[META_BUCKET_MAX + 1];
    struct bytes key; /* behind the hint, which is one allocation */
};

struct join_hints;

struct join_hints *join_hints_create(void);
void join_hints_free(struct join_hints *hints); /* NULL is allowed */

/* Notes it, unless there are too many already. */
void join_hints_add(struct join_hints *hints, struct bytes bucket, struct bytes key);
/* The same for an object whose key this is, when it has pieces enough. */
void join_hints_look(struct join_hints *hints, struct bytes bucket, struct bytes key, const struct meta_object *object);
/* All that are there, at most JOIN_HINTS_MAX, which are gone then; each is to be freed. */
size_t join_hints_take(struct join_hints *hints, struct join_hint *taken[JOIN_HINTS_MAX]);

#endif
