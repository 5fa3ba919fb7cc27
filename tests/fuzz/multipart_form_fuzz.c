/* Fuzzes multipart_form: however a body is cut, the events must be the same. The first byte is the size of the pieces,
 * the Content-Type ends at the first NUL, then comes the body. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/multipart_form.h"

#define TRANSCRIPT_MAX (4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void transcribe_event(const struct form_event *event, struct buffer *out)
{
    enum status status = STATUS_OK;

    switch (event->type) {
    case FORM_PART_BEGIN:
        status = buffer_printf(out, "[%zu,%zu,%zu:", event->name.len, event->filename.len, event->content_type.len);
        if (!status)
            status = buffer_append_bytes(out, event->name);
        break;
    case FORM_DATA:
        CHECK(event->data.len > 0);
        status = buffer_append_bytes(out, event->data);
        break;
    case FORM_PART_END:
        status = buffer_append_char(out, ']');
        break;
    case FORM_NEED_INPUT:
    case FORM_END:
        break;
    }
    CHECK(status == STATUS_OK);
}

/* Feeds the body in pieces, each in an allocation of its own, so that a stale span is found. */
static enum status transcribe(struct bytes content_type, struct bytes body, size_t piece, struct buffer *out)
{
    struct multipart_form form;
    struct form_event event = {.type = FORM_NEED_INPUT};
    enum status status = multipart_form_init(&form, content_type);

    if (status)
        return status;
    while (!status && body.len > 0 && event.type != FORM_END) {
        size_t len = piece < body.len ? piece : body.len;
        char *copy = mem_alloc(len);
        struct bytes input = bytes_of(copy, len);

        memcpy(copy, body.data, len);
        do {
            status = multipart_form_next(&form, &input, &event);
            if (!status)
                transcribe_event(&event, out);
        } while (!status && event.type != FORM_NEED_INPUT && event.type != FORM_END);
        free(copy);
        body = bytes_of(body.data + len, body.len - len);
    }
    CHECK(multipart_form_is_complete(&form) == (event.type == FORM_END) || status);
    multipart_form_release(&form);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size), content_type, body;
    struct buffer whole, cut;
    enum status whole_status, cut_status;
    const char *end;
    size_t piece;

    if (input.len < 2)
        return 0;
    piece = (size_t)(uint8_t)input.data[0] + 1;
    input = bytes_of(input.data + 1, input.len - 1);
    end = memchr(input.data, '\0', input.len);
    if (!end)
        return 0;
    content_type = bytes_of(input.data, (size_t)(end - input.data));
    body = bytes_of(end + 1, input.len - content_type.len - 1);
    buffer_init(&whole, TRANSCRIPT_MAX);
    buffer_init(&cut, TRANSCRIPT_MAX);
    whole_status = transcribe(content_type, body, body.len, &whole);
    cut_status = transcribe(content_type, body, piece, &cut);
    CHECK(whole_status == cut_status);
    CHECK(whole_status || bytes_equal(buffer_bytes(&whole), buffer_bytes(&cut)));
    buffer_release(&whole);
    buffer_release(&cut);
    return 0;
}
