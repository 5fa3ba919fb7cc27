/* The fields of an upload form (POST Object) that stand before its file: names and values in the order sent, in bounded
 * memory. A name counts in any case, and may come once: of two, one would be checked and the other used. */
#ifndef TERCET_COMPAT_POST_FIELDS_H
#define TERCET_COMPAT_POST_FIELDS_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

#define POST_FIELDS_MAX         100
#define POST_FIELDS_BYTES_MAX   20480 /* of all names and values, as on AWS */
#define POST_EXPANDED_BYTES_MAX 65536 /* of values that a file's name was put into */
#define POST_IGNORED_PREFIX     "x-ignore-"

struct post_field {
    struct bytes name, value; /* an empty value is not absent */
};

struct post_fields {
    struct post_field fields[POST_FIELDS_MAX];
    size_t count;
    char *text; /* what the spans point into; does not move */
    size_t text_len;
    char *expanded;
};

void post_fields_init(struct post_fields *fields);
void post_fields_release(struct post_fields *fields);
/* Begins a field; its value follows. STATUS_CONFLICT when there is one of that name, STATUS_LIMIT for too much. */
enum status post_fields_begin(struct post_fields *fields, struct bytes name);
enum status post_fields_append(struct post_fields *fields, struct bytes data);
/* Puts the file's name, without the path that browsers once sent before it, in the place of ${filename} in every value
 * but those that are signatures and what was signed. STATUS_LIMIT when they become too large. */
enum status post_fields_expand(struct post_fields *fields, struct bytes filename);
/* The value; data NULL when there is no such field. */
struct bytes post_fields_find(const struct post_fields *fields, const char *name);

#endif
