/* Conditional requests: reads (RFC 9110 section 13.2.2), copy sources, writes and deletes. Dates compare in whole
 * seconds, as the Last-Modified header gives them; a date that is malformed or in the future is ignored. */
#ifndef TERCET_COMPAT_CONDITIONS_H
#define TERCET_COMPAT_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "compat/error.h"
#include "compat/etag.h"
#include "compat/headers.h"

/* What the conditions are held against. */
struct condition_target {
    struct etag etag;
    int64_t modified_ms;
    int64_t now_ms; /* wall clock */
};

/* GET and HEAD. STATUS_PRECONDITION with NotModified (304, no body) or PreconditionFailed (412, +Condition). */
enum status conditions_check_read(struct header_list headers, const struct condition_target *target,
                                  struct s3_error_details *error);
/* If-Range (RFC 9110 section 13.1.5): whether a Range header counts. It does when there is no If-Range, too. */
bool conditions_range_counts(struct header_list headers, const struct condition_target *target);
/* x-amz-copy-source-if-*, against the source: every failure is PreconditionFailed. */
enum status conditions_check_copy_source(struct header_list headers, const struct condition_target *source,
                                         struct s3_error_details *error);

/* RenameObject: the plain conditions against what is at the target (NULL: nothing, which no If-Match matches and
 * nothing has modified), x-amz-rename-source-if-* against the source. Every failure is PreconditionFailed. */
enum status conditions_check_rename(struct header_list headers, const struct condition_target *source,
                                    const struct condition_target *target, struct s3_error_details *error);

/* Conditions of a write, for the committer to decide; all false: none. */
struct condition_write {
    bool must_be_absent; /* If-None-Match: * */
    bool must_match;     /* If-Match: this etag */
    struct etag etag;    /* ETAG_NONE when the client's text can match nothing */
    /* Of deletes alone. */
    bool must_exist;     /* If-Match: * */
    bool must_have_size; /* x-amz-if-match-size */
    bool must_have_time; /* x-amz-if-match-last-modified-time */
    uint64_t size;
    int64_t modified_s;
};
/* Whether nothing may be done when there is no object. */
bool condition_needs_object(const struct condition_write *condition);
/* Whether the outcome says something of the object: more than that it is there. */
bool condition_tells_object(const struct condition_write *condition);
/* PUT, CompleteMultipartUpload, CopyObject (of its destination), POST. NotImplemented(+Header) for If-None-Match other
 * than `*`, If-Match: *, both at once. */
enum status conditions_parse_write(struct header_list headers, struct condition_write *condition,
                                   struct s3_error_details *error);
/* What a deletion says of the object: an ETag or `*`, a size, a date; absent ones have data NULL. */
struct condition_delete {
    struct bytes etag, size, modified;
    const char *size_name, *modified_name; /* for the error */
};
/* InvalidArgument for what is no size and no date. */
enum status conditions_make_delete(const struct condition_delete *said, struct condition_write *condition,
                                   struct s3_error_details *error);
/* DELETE: If-Match, x-amz-if-match-size and -last-modified-time; an empty one of these counts as absent.
 * NotImplemented(+Header) for If-None-Match. */
enum status conditions_parse_delete(struct header_list headers, struct condition_write *condition,
                                    struct s3_error_details *error);
/* The error of a condition that did not hold at the commit: PreconditionFailed(+Condition). */
void conditions_failed(const struct condition_write *condition, struct s3_error_details *error);

#endif
