/* The header texts of multipart/form-data: the boundary, and what a part says about itself. For multipart_form. */
#ifndef TERCET_COMPAT_FORM_HEADER_H
#define TERCET_COMPAT_FORM_HEADER_H

#include "base/bytes.h"
#include "base/status.h"

/* The boundary parameter of a multipart/form-data Content-Type; points into it. STATUS_INVALID for another type or a
 * boundary that RFC 2046 section 5.1.1 does not allow. */
enum status form_boundary_parse(struct bytes content_type, struct bytes *boundary);

struct form_part_header {
    struct bytes name;
    struct bytes filename, content_type; /* data NULL when absent */
};

/* Reads the header lines of a part, through the empty one. Names are decoded in place: the spans point into the
 * buffer. STATUS_INVALID without a `Content-Disposition: form-data` that has a name. */
enum status form_part_header_parse(struct buffer *headers, struct form_part_header *header);

#endif
