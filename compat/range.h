/* Byte ranges, as S3 reads them: more leniently than RFC 9110 section 14 for reads, strictly for copies. */
#ifndef TERCET_COMPAT_RANGE_H
#define TERCET_COMPAT_RANGE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/error.h"

struct range {
    uint64_t offset, length;
};

enum range_kind {
    RANGE_WHOLE,        /* 200: no range, a malformed one, several, or one that ends before it begins */
    RANGE_PARTIAL,      /* 206; may cover the whole object */
    RANGE_UNSATISFIABLE /* 416: `-0`, or it begins at or behind the end (so every range of an empty object) */
};

/* header: the Range value, data NULL when absent. range is set unless unsatisfiable. */
enum range_kind range_resolve(struct bytes header, uint64_t size, struct range *range);
/* InvalidRange with RangeRequested and ActualObjectSize. */
void range_unsatisfiable(struct bytes header, uint64_t size, struct s3_error_details *error);

/* x-amz-copy-source-range: exactly `bytes=a-b` inside the source. InvalidArgument for another form, InvalidRequest when
 * it is not inside. Absent: the whole source. */
enum status range_copy_source(struct bytes header, uint64_t size, struct range *range, struct s3_error_details *error);

#define RANGE_TEXT_MAX 80
void range_content_range(const struct range *range, uint64_t size, char out[RANGE_TEXT_MAX]); /* bytes 0-4/10 */
void range_content_range_unsatisfied(uint64_t size, char out[RANGE_TEXT_MAX]); /* the same with a star for the range */

#endif
