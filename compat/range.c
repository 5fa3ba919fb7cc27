/* Range resolution. Every input is classified, none is an error of its own: AWS answers a range that it does
 * not understand with the whole object. */
#include "compat/range.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One `first-last` with either side possibly empty; absent sides say so. */
struct range_spec {
    bool has_first, has_last;
    uint64_t first, last;
};

/* A number, or UINT64_MAX when it is too large for any object: digits beyond 20 are no reason to misread a
 * range. */
static bool range_parse_number(struct bytes text, uint64_t *value)
{
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    if (bytes_parse_u64(text, UINT64_MAX, value))
        *value = UINT64_MAX;
    return true;
}

static bool range_parse_spec(struct bytes header, struct range_spec *spec)
{
    const char *dash;
    struct bytes first, last;

    header = bytes_trim(header);
    if (header.len < 6 || !bytes_equal_nocase(bytes_of(header.data, 6), "bytes="))
        return false;
    header = bytes_trim(bytes_of(header.data + 6, header.len - 6));
    dash = header.len ? memchr(header.data, '-', header.len) : NULL;
    if (!dash)
        return false;
    first = bytes_of(header.data, (size_t)(dash - header.data));
    last = bytes_of(dash + 1, header.len - first.len - 1);
    memset(spec, 0, sizeof(*spec));
    spec->has_first = first.len > 0;
    spec->has_last = last.len > 0;
    if (!spec->has_first && !spec->has_last)
        return false;
    return (!spec->has_first || range_parse_number(first, &spec->first)) &&
           (!spec->has_last || range_parse_number(last, &spec->last));
}

enum range_kind range_resolve(struct bytes header, uint64_t size, struct range *range)
{
    struct range_spec spec;

    *range = (struct range){0, size};
    if (!header.data || !range_parse_spec(header, &spec))
        return RANGE_WHOLE;
    if (!spec.has_first) {
        if (spec.last == 0 || size == 0)
            return RANGE_UNSATISFIABLE;
        if (spec.last < size)
            *range = (struct range){size - spec.last, spec.last};
        return RANGE_PARTIAL;
    }
    if (spec.has_last && spec.last < spec.first)
        return RANGE_WHOLE;
    if (spec.first >= size)
        return RANGE_UNSATISFIABLE;
    if (!spec.has_last || spec.last >= size)
        spec.last = size - 1;
    *range = (struct range){spec.first, spec.last - spec.first + 1};
    return RANGE_PARTIAL;
}

void range_unsatisfiable(struct bytes header, uint64_t size, struct s3_error_details *error)
{
    s3_error_set(error, S3_INVALID_RANGE);
    s3_error_add(error, "RangeRequested", header);
    s3_error_add_u64(error, "ActualObjectSize", size);
}

enum status range_copy_source(struct bytes header, uint64_t size, struct range *range, struct s3_error_details *error)
{
    struct range_spec spec;

    *range = (struct range){0, size};
    if (!header.data)
        return STATUS_OK;
    if (!range_parse_spec(header, &spec) || !spec.has_first || !spec.has_last || spec.last < spec.first) {
        s3_error_argument(error, BYTES("x-amz-copy-source-range"), header,
                          "The x-amz-copy-source-range value must be of the form bytes=first-last where first and "
                          "last are the zero-based offsets of the first and last bytes to copy");
        return STATUS_INVALID;
    }
    if (spec.last >= size) {
        s3_error_argument(error, BYTES("x-amz-copy-source-range"), header,
                          "Range specified is not valid for source object of size: %" PRIu64, size);
        return STATUS_INVALID;
    }
    *range = (struct range){spec.first, spec.last - spec.first + 1};
    return STATUS_OK;
}

void range_content_range(const struct range *range, uint64_t size, char out[RANGE_TEXT_MAX])
{
    snprintf(out, RANGE_TEXT_MAX, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range->offset,
             range->offset + range->length - 1, size);
}

void range_content_range_unsatisfied(uint64_t size, char out[RANGE_TEXT_MAX])
{
    snprintf(out, RANGE_TEXT_MAX, "bytes */%" PRIu64, size);
}
