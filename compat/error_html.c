/* Errors as a website answers them: a page. Everything that is not the table's own is escaped, whatever its bytes are.
 */
#include <stdio.h>

#include "compat/error.h"
#include "compat/utf8.h"

static enum status append_escaped(struct bytes text, struct buffer *out)
{
    enum status status = STATUS_OK;
    uint32_t character;

    for (size_t at = 0, len; at < text.len && !status; at += len) {
        unsigned char c = (unsigned char)text.data[at];
        len = utf8_decode(bytes_of(text.data + at, text.len - at), &character);
        if (len == 0 || c < ' ' || c == 0x7f) {
            status = buffer_append_char(out, '?');
            len = 1;
        } else if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'') {
            status = buffer_printf(out, "&#%d;", c);
        } else {
            status = buffer_append_bytes(out, bytes_of(text.data + at, len));
        }
    }
    return status;
}

static enum status append_item(struct buffer *out, const char *name, struct bytes value)
{
    bool cut = value.len > S3_ERROR_VALUE_MAX;
    enum status status = buffer_printf(out, "<li>%s: ", name);

    if (!status)
        status = append_escaped(cut ? bytes_of(value.data, S3_ERROR_VALUE_MAX) : value, out);
    return status ? status : buffer_printf(out, "%s</li>\n", cut ? "..." : "");
}

static enum status append_element(struct buffer *out, const struct s3_error_details *details,
                                  const struct s3_error_element *element)
{
    char number[32];

    switch (element->kind) {
    case S3_ERROR_TEXT:
        return append_item(out, element->name, element->value);
    case S3_ERROR_COPY:
        return append_item(out, element->name, bytes_from_str(details->copies + element->copy_at));
    case S3_ERROR_NUMBER:
        snprintf(number, sizeof(number), "%llu", (unsigned long long)element->number);
        return append_item(out, element->name, bytes_from_str(number));
    }
    return STATUS_OK;
}

enum status s3_error_render_html(struct buffer *out, const struct s3_error_details *details, const char *reason)
{
    int code = s3_error_http_status(details->code);
    const char *message = details->message[0] ? details->message : s3_error_message(details->code);
    enum status status = buffer_printf(out,
                                       "<html>\n<head><title>%d %s</title></head>\n<body>\n<h1>%d %s</h1>\n<ul>\n"
                                       "<li>Code: %s</li>\n",
                                       code, reason, code, reason, s3_error_code(details->code));

    if (!status)
        status = append_item(out, "Message", bytes_from_str(message));
    for (size_t i = 0; i < details->element_count && !status; i++)
        status = append_element(out, details, &details->elements[i]);
    if (!status)
        status = append_item(out, "RequestId", details->request_id);
    if (!status)
        status = append_item(out, "HostId", details->host_id);
    return status ? status : buffer_append_bytes(out, BYTES("</ul>\n<hr/>\n</body>\n</html>\n"));
}
