/* The multipart/form-data parser.
 *
 * The delimiter is CR LF `--` boundary. CR occurs in it only as its first byte, so after a failed match the
 * search goes on at the byte that failed, and what was held back at the end of an earlier piece of input
 * equals the delimiter's beginning and is handed out from there. The body is read as if a CR LF stood before
 * it, so that the first delimiter may be its first line. */
#include "compat/multipart_form.h"

#include <string.h>

#include "base/check.h"
#include "compat/form_header.h"

enum status multipart_form_init(struct multipart_form *form, struct bytes content_type)
{
    struct bytes boundary;

    if (form_boundary_parse(content_type, &boundary))
        return STATUS_INVALID;
    CHECK(boundary.len <= FORM_BOUNDARY_MAX);
    memset(form, 0, sizeof(*form));
    memcpy(form->delimiter, "\r\n--", 4);
    memcpy(form->delimiter + 4, boundary.data, boundary.len);
    form->delimiter_len = 4 + boundary.len;
    form->matched = 2; /* the CR LF before the body */
    form->state = FORM_STATE_PREAMBLE;
    buffer_init(&form->headers, FORM_PART_HEADERS_MAX);
    return STATUS_OK;
}

void multipart_form_release(struct multipart_form *form)
{
    buffer_release(&form->headers);
}

bool multipart_form_is_complete(const struct multipart_form *form)
{
    return form->state == FORM_STATE_END;
}

static void form_take(struct bytes *input, size_t len)
{
    if (len > 0)
        *input = bytes_of(input->data + len, input->len - len);
}

/* How many bytes of the delimiter, from its `matched`th on, the input has at `at`. */
static size_t form_match(const struct multipart_form *form, struct bytes input, size_t at, size_t matched)
{
    size_t len = 0;

    while (at + len < input.len && matched + len < form->delimiter_len &&
           input.data[at + len] == form->delimiter[matched + len])
        len++;
    return len;
}

/* Goes on with a match that began in an earlier piece. Gives what was held back when it fails. */
static struct bytes form_scan_held(struct multipart_form *form, struct bytes *input, bool *found)
{
    size_t held = form->matched, len = form_match(form, *input, 0, held);

    if (held + len < form->delimiter_len && len < input->len) {
        form->matched = 0;
        return bytes_of(form->delimiter, held);
    }
    form_take(input, len);
    form->matched = held + len;
    *found = form->matched == form->delimiter_len;
    return bytes_of(NULL, 0);
}

/* Takes content off the input up to the next delimiter or what may be its beginning. */
static struct bytes form_scan(struct multipart_form *form, struct bytes *input, bool *found)
{
    struct bytes content;
    size_t at = 0, len = 0;

    *found = false;
    if (form->matched > 0)
        return form_scan_held(form, input, found);
    while (at < input->len) {
        const char *cr = memchr(input->data + at, '\r', input->len - at);

        at = cr ? (size_t)(cr - input->data) : input->len;
        len = form_match(form, *input, at, 0);
        if (len == form->delimiter_len || at + len == input->len)
            break;
        at += len;
    }
    content = bytes_of(input->data, at);
    form_take(input, at + len);
    form->matched = len;
    *found = len == form->delimiter_len;
    return content;
}

static void form_delimiter_seen(struct multipart_form *form)
{
    form->matched = 0;
    form->pending = 0;
    form->state = form->in_part ? FORM_STATE_PART_END : FORM_STATE_DELIMITER;
}

/* The rest of a delimiter's line: white space and CR LF, or the closing `--`. */
static enum status form_read_delimiter(struct multipart_form *form, struct bytes *input)
{
    while (input->len > 0) {
        char c = input->data[0];

        form_take(input, 1);
        if (form->pending == '-') {
            if (c != '-')
                return STATUS_INVALID;
            form->state = FORM_STATE_END;
            return STATUS_OK;
        }
        if (form->pending == '\r') {
            if (c != '\n')
                return STATUS_INVALID;
            if (++form->parts > FORM_PARTS_MAX)
                return STATUS_LIMIT;
            buffer_clear(&form->headers);
            form->state = FORM_STATE_HEADERS;
            return STATUS_OK;
        }
        if (c == '-' || c == '\r')
            form->pending = c;
        else if (c != ' ' && c != '\t')
            return STATUS_INVALID;
    }
    return STATUS_OK;
}

static bool form_headers_end(const struct buffer *headers)
{
    if (headers->len == 2)
        return memcmp(headers->data, "\r\n", 2) == 0;
    return headers->len >= 4 && memcmp(headers->data + headers->len - 4, "\r\n\r\n", 4) == 0;
}

/* Collects header lines; *done when the empty one came. */
static enum status form_read_headers(struct multipart_form *form, struct bytes *input, bool *done)
{
    *done = false;
    while (input->len > 0 && !*done) {
        const char *lf = memchr(input->data, '\n', input->len);
        size_t len = lf ? (size_t)(lf - input->data) + 1 : input->len;

        if (buffer_append(&form->headers, input->data, len))
            return STATUS_LIMIT;
        form_take(input, len);
        *done = lf && form_headers_end(&form->headers);
    }
    return STATUS_OK;
}

static enum status form_begin_part(struct multipart_form *form, struct form_event *event)
{
    struct form_part_header header;

    if (form_part_header_parse(&form->headers, &header))
        return STATUS_INVALID;
    form->in_part = true;
    form->state = FORM_STATE_DATA;
    event->type = FORM_PART_BEGIN;
    event->name = header.name;
    event->filename = header.filename;
    event->content_type = header.content_type;
    return STATUS_OK;
}

/* One step: may set an event, or only move the state. */
static enum status form_step(struct multipart_form *form, struct bytes *input, struct form_event *event)
{
    struct bytes content;
    enum status status;
    bool found;

    switch (form->state) {
    case FORM_STATE_PREAMBLE:
    case FORM_STATE_DATA:
        content = form_scan(form, input, &found);
        if (form->in_part && content.len > 0) {
            event->type = FORM_DATA;
            event->data = content;
        }
        if (found)
            form_delimiter_seen(form);
        return STATUS_OK;
    case FORM_STATE_DELIMITER:
        return form_read_delimiter(form, input);
    case FORM_STATE_HEADERS:
        status = form_read_headers(form, input, &found);
        return !status && found ? form_begin_part(form, event) : status;
    case FORM_STATE_PART_END:
        form->in_part = false;
        form->state = FORM_STATE_DELIMITER;
        event->type = FORM_PART_END;
        return STATUS_OK;
    case FORM_STATE_END:
        form_take(input, input->len);
        event->type = FORM_END;
        return STATUS_OK;
    }
    return STATUS_INTERNAL;
}

enum status multipart_form_next(struct multipart_form *form, struct bytes *input, struct form_event *event)
{
    memset(event, 0, sizeof(*event));
    event->type = FORM_NEED_INPUT;
    while (event->type == FORM_NEED_INPUT &&
           (input->len > 0 || form->state == FORM_STATE_PART_END || form->state == FORM_STATE_END)) {
        enum status status = form_step(form, input, event);

        if (status)
            return status;
    }
    return STATUS_OK;
}
