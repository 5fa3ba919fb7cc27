/* The headers that are stored with an object and given back with it: a list of (name, value) in one byte
 * string, which is what meta keeps. Names are stored in lower case. */
#ifndef TERCET_GATEWAY_STORED_HEADERS_H
#define TERCET_GATEWAY_STORED_HEADERS_H

#include <stdbool.h>

#include "base/bytes.h"

/* Appends one; STATUS_LIMIT when the buffer is full or the name or value beyond 64 KiB. */
enum status stored_headers_add(struct buffer *out, struct bytes name, struct bytes value);

/* Walks the list: *position starts at 0; false at the end (or at damage, which ends the list). */
bool stored_headers_next(struct bytes headers, size_t *position, struct bytes *name, struct bytes *value);

/* The value of a name in lower case; data NULL when absent. */
struct bytes stored_headers_find(struct bytes headers, const char *name);

#endif
