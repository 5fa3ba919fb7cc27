/* A request's headers in order of their names, made once. A list of signed names is looked up in it, and lines of one
 * name are taken together: both are the client's, and without order that would cost the product of their numbers. */
#ifndef TERCET_COMPAT_HEADER_INDEX_H
#define TERCET_COMPAT_HEADER_INDEX_H

#include "base/bytes.h"
#include "base/http_framing.h"
#include "base/status.h"

struct header_index {
    const struct http_header *sorted[HTTP_HEADERS_MAX]; /* those of one name in order of arrival */
    size_t count;
};

/* headers: at most HTTP_HEADERS_MAX, which outlive the index. */
void header_index_make(struct header_index *index, const struct http_header *headers, size_t count);
/* How many headers have that name, in any case of letters; the first of them is sorted[*first]. */
size_t header_index_find(const struct header_index *index, struct bytes name, size_t *first);
/* How many headers from that place on have the name of the one there: a walk by that many goes from name to name. */
size_t header_index_run(const struct header_index *index, size_t first);
/* The values of a run, without outer white space; joined by commas in `out` when there are several (RFC 9110 section
 * 5.3). STATUS_LIMIT when they do not fit. */
enum status header_index_join(const struct header_index *index, size_t first, size_t count, struct buffer *out,
                              struct bytes *value);

#endif
