/* A request of AWS's Query API (IAM, STS): a form, application/x-www-form-urlencoded, of parameters whose names are
 * paths, `Tags.member.1.Key`. Read strictly: what is not UTF-8, has a NUL, or comes twice is refused, since two readers
 * of such a form could take it for two different requests. */
#ifndef TERCET_COMPAT_IAM_REQUEST_H
#define TERCET_COMPAT_IAM_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/iam_error.h"
#include "compat/tags.h"

/* A policy may have 131072 characters, of which each takes up to six bytes in a form. */
#define IAM_FORM_BYTES_MAX 1048576
#define IAM_PARAMETERS_MAX 2000
#define IAM_NAME_BYTES_MAX 256
#define IAM_LIST_MAX       1000 /* members of a list */
#define IAM_TAGS_MAX       50

struct iam_parameter {
    struct bytes name, value; /* decoded; a value is empty, never absent */
};

struct iam_request {
    struct iam_parameter *parameters; /* sorted by name */
    size_t count;
    char *storage; /* what the spans point into */
};

/* Reads a form. STATUS_DENIED and the error; then there is nothing to release. */
enum status iam_request_parse(struct bytes form, struct iam_request *request, struct iam_error *error);
void iam_request_release(struct iam_request *request); /* idempotent */

/* The value; data NULL when there is no such parameter. */
struct bytes iam_request_value(const struct iam_request *request, const char *name);

/* How many members the list `name` has, which are to be numbered from 1 without a gap; `name` alone and empty is an
 * empty list. More than `max`: ValidationError. */
enum status iam_request_count(const struct iam_request *request, const char *name, size_t max, size_t *count,
                              struct iam_error *error);
/* The value of `name.member.N`, or with a field of `name.member.N.field`; data NULL when absent. */
struct bytes iam_request_member(const struct iam_request *request, const char *name, size_t number, const char *field);
/* The list of texts `name`: values has room for `max` of them. */
enum status iam_request_list(const struct iam_request *request, const char *name, size_t max, struct bytes *values,
                             size_t *count, struct iam_error *error);
/* Tags.member.N.Key and .Value, by the rules of tags: their text, and no key twice, where case does not count. */
enum status iam_request_tags(const struct iam_request *request, struct tag tags[IAM_TAGS_MAX], size_t *count,
                             struct iam_error *error);

/* The first parameter that is neither in the list, which has a NULL at its end and may be NULL, nor a member of a list
 * that is in it, nor Action, Version, or a part of a signature in a query; data NULL when there is none. */
struct bytes iam_request_unknown(const struct iam_request *request, const char *const *names);

#endif
