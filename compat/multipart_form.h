/* multipart/form-data (RFC 7578), incremental: fed in pieces cut anywhere, it hands out the fields' bytes where they
 * lie. Memory is bounded: the headers of one part. What a body's end cut off is never reported as complete. */
#ifndef TERCET_COMPAT_MULTIPART_FORM_H
#define TERCET_COMPAT_MULTIPART_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

#define FORM_BOUNDARY_MAX     70
#define FORM_PART_HEADERS_MAX 8192
#define FORM_PARTS_MAX        100

enum form_event_type {
    FORM_NEED_INPUT, /* the input was used up */
    FORM_PART_BEGIN, /* name, filename, content_type */
    FORM_DATA,       /* data: never empty, part of the current part's content */
    FORM_PART_END,
    FORM_END /* the closing delimiter was seen; what follows is ignored */
};

/* Spans are valid until the next call, and no longer than the input. */
struct form_event {
    enum form_event_type type;
    struct bytes name;
    struct bytes filename;     /* data NULL when absent: not a file. As sent: it may hold a path */
    struct bytes content_type; /* data NULL when absent */
    struct bytes data;
};

enum form_state {
    FORM_STATE_PREAMBLE,
    FORM_STATE_DELIMITER, /* behind a delimiter: its line's end or the closing `--` */
    FORM_STATE_HEADERS,
    FORM_STATE_DATA,
    FORM_STATE_PART_END,
    FORM_STATE_END
};

/* private */
struct multipart_form {
    enum form_state state;
    char delimiter[4 + FORM_BOUNDARY_MAX]; /* CR LF - - boundary */
    size_t delimiter_len;
    size_t matched; /* bytes of the delimiter seen at the end of the input so far */
    char pending;   /* what was seen of the delimiter line's end: nothing (0), CR or '-' */
    bool in_part;
    unsigned parts;
    struct buffer headers;
};

/* From the Content-Type header's value. STATUS_INVALID unless it is multipart/form-data with a legal boundary; then
 * there is nothing to release. */
enum status multipart_form_init(struct multipart_form *form, struct bytes content_type);
void multipart_form_release(struct multipart_form *form);
/* The next event, taking bytes off the front of *input. STATUS_INVALID for a malformed body, STATUS_LIMIT for too many
 * parts or too long headers of one; the form is of no use after a failure. */
enum status multipart_form_next(struct multipart_form *form, struct bytes *input, struct form_event *event);
bool multipart_form_is_complete(const struct multipart_form *form); /* FORM_END was reached */

#endif
