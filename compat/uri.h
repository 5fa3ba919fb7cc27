/* Percent-encoding (RFC 3986, as S3 signs and reads it) and the parameters of a raw query.
 * Everything is decoded exactly once and nothing is normalised: `.`, `..` and `//` are legal in keys. */
#ifndef TERCET_COMPAT_URI_H
#define TERCET_COMPAT_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

/* Appends the decoded text. '+' is kept, or becomes a space when asked. STATUS_INVALID for a '%' without two
 * hex digits, STATUS_LIMIT beyond the buffer's max. */
enum status uri_decode(struct bytes text, bool plus_is_space, struct buffer *out);

/* Appends the text with all but A-Z a-z 0-9 - . _ ~ (and '/', when kept) as %XX, upper case. STATUS_LIMIT
 * beyond the buffer's max. */
enum status uri_encode(struct bytes text, bool keep_slash, struct buffer *out);

#define URI_QUERY_PARAMETERS_MAX 200

struct uri_parameter {
    struct bytes name, value; /* decoded, '+' read as a space; value is empty, never absent */
    bool has_equals;          /* `k=` and not `k` */
};

/* The parameters in the order sent. Zero-initialised is an empty query. */
struct uri_query {
    struct uri_parameter *parameters;
    size_t count;
    char *storage; /* what the spans point into */
};

/* Parses what follows the '?'; the absent span gives an empty query, and so do empty pieces between '&'.
 * STATUS_INVALID for a bad escape, STATUS_LIMIT for too many parameters; then there is nothing to release. */
enum status uri_query_parse(struct bytes raw, struct uri_query *query);
void uri_query_release(struct uri_query *query); /* idempotent */

/* The first parameter of that name, or NULL. */
const struct uri_parameter *uri_query_find(const struct uri_query *query, const char *name);
const struct uri_parameter *uri_query_find_nocase(const struct uri_query *query, const char *name);
bool uri_query_has(const struct uri_query *query, const char *name);
/* Its value; data NULL when there is no such parameter. */
struct bytes uri_query_value(const struct uri_query *query, const char *name);

#endif
