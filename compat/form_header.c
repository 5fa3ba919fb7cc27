/* Parsing of Content-Type and of part headers. Quoted names follow the HTML standard (section 4.10.21.8):
 * %22, %0D and %0A stand for the characters that cannot be written, a backslash is itself; but `\"` is read
 * as a quote, since older clients write that, unless the value ends there. */
#include "compat/form_header.h"

#include <stdbool.h>
#include <string.h>

#include "compat/multipart_form.h"

static void header_skip_space(struct bytes *text)
{
    while (text->len > 0 && (text->data[0] == ' ' || text->data[0] == '\t'))
        *text = bytes_of(text->data + 1, text->len - 1);
}

/* Takes the text up to one of the stop characters, without outer white space. */
static struct bytes header_take_until(struct bytes *text, const char *stops)
{
    size_t len = 0;
    struct bytes taken;

    while (len < text->len && (text->data[len] == '\0' || !strchr(stops, text->data[len])))
        len++;
    taken = bytes_trim(bytes_of(text->data, len));
    *text = bytes_of(text->data + len, text->len - len);
    return taken;
}

/* Whether a value's closing quote was just read: only another parameter or nothing may follow. */
static bool header_value_ends(struct bytes rest)
{
    header_skip_space(&rest);
    return rest.len == 0 || rest.data[0] == ';';
}

/* A quoted value without its quotes, still encoded. */
static enum status header_take_quoted(struct bytes *text, struct bytes *value)
{
    struct bytes rest = bytes_of(text->data + 1, text->len - 1);

    for (size_t i = 0; i < rest.len; i++) {
        struct bytes behind = bytes_of(rest.data + i + 1, rest.len - i - 1);

        if (rest.data[i] != '"')
            continue;
        if (i > 0 && rest.data[i - 1] == '\\' && !header_value_ends(behind))
            continue;
        *value = bytes_of(rest.data, i);
        *text = behind;
        return header_value_ends(behind) ? STATUS_OK : STATUS_INVALID;
    }
    return STATUS_INVALID;
}

/* The next `; name=value`; an empty name at the end. */
static enum status header_next_parameter(struct bytes *text, struct bytes *name, struct bytes *value)
{
    *name = *value = bytes_of(NULL, 0);
    header_skip_space(text);
    if (text->len == 0)
        return STATUS_OK;
    if (text->data[0] != ';')
        return STATUS_INVALID;
    *text = bytes_of(text->data + 1, text->len - 1);
    header_skip_space(text);
    if (text->len == 0) /* a trailing `;` */
        return STATUS_OK;
    *name = header_take_until(text, "=;");
    if (name->len == 0 || text->len == 0 || text->data[0] != '=')
        return STATUS_INVALID;
    *text = bytes_of(text->data + 1, text->len - 1);
    header_skip_space(text);
    if (text->len > 0 && text->data[0] == '"')
        return header_take_quoted(text, value);
    *value = header_take_until(text, ";");
    return STATUS_OK;
}

static bool boundary_is_legal(struct bytes boundary)
{
    if (boundary.len == 0 || boundary.len > FORM_BOUNDARY_MAX || boundary.data[boundary.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < boundary.len; i++) {
        char c = boundary.data[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!alphanumeric && (c == '\0' || !strchr("'()+_,-./:=? ", c)))
            return false;
    }
    return true;
}

enum status form_boundary_parse(struct bytes content_type, struct bytes *boundary)
{
    struct bytes text = bytes_trim(content_type), name, value;

    *boundary = bytes_of(NULL, 0);
    if (!bytes_equal_nocase(header_take_until(&text, ";"), "multipart/form-data"))
        return STATUS_INVALID;
    for (;;) {
        if (header_next_parameter(&text, &name, &value))
            return STATUS_INVALID;
        if (name.len == 0)
            break;
        if (!bytes_equal_nocase(name, "boundary"))
            continue;
        if (boundary->data || !boundary_is_legal(value))
            return STATUS_INVALID;
        *boundary = value;
    }
    return boundary->data ? STATUS_OK : STATUS_INVALID;
}

/* What an escape at the text's beginning stands for, and its length; 0 when there is none. */
static size_t name_escape(struct bytes text, char *character)
{
    static const struct {
        struct bytes escape;
        char character;
    } escapes[] = {{{"%22", 3}, '"'},  {{"%0D", 3}, '\r'}, {{"%0A", 3}, '\n'},
                   {{"%0d", 3}, '\r'}, {{"%0a", 3}, '\n'}, {{"\\\"", 2}, '"'}};

    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        if (bytes_starts_with(text, escapes[i].escape)) {
            *character = escapes[i].character;
            return escapes[i].escape.len;
        }
    }
    return 0;
}

/* Decodes a name in place; `storage` is where it lies, writable. */
static struct bytes name_decode(char *storage, size_t len)
{
    size_t in = 0, out = 0;

    while (in < len) {
        char character = storage[in];
        size_t escape = name_escape(bytes_of(storage + in, len - in), &character);

        storage[out++] = character;
        in += escape ? escape : 1;
    }
    return bytes_of(storage, out);
}

static enum status disposition_parse(struct buffer *headers, struct bytes text, struct form_part_header *header)
{
    struct bytes name, value;

    if (header->name.data || !bytes_equal_nocase(header_take_until(&text, ";"), "form-data"))
        return STATUS_INVALID;
    for (;;) {
        struct bytes *field;

        if (header_next_parameter(&text, &name, &value))
            return STATUS_INVALID;
        if (name.len == 0)
            break;
        if (bytes_equal_nocase(name, "name"))
            field = &header->name;
        else if (bytes_equal_nocase(name, "filename"))
            field = &header->filename;
        else
            continue;
        if (field->data)
            return STATUS_INVALID;
        *field = value.len ? name_decode(headers->data + (value.data - headers->data), value.len) : BYTES("");
    }
    return header->name.data ? STATUS_OK : STATUS_INVALID;
}

static enum status part_header_line(struct buffer *headers, struct bytes line, struct form_part_header *header)
{
    struct bytes name, value;
    const char *colon = memchr(line.data, ':', line.len);

    if (!colon || colon == line.data || line.data[0] == ' ' || line.data[0] == '\t')
        return STATUS_INVALID;
    if (memchr(line.data, '\0', line.len) || memchr(line.data, '\n', line.len) || memchr(line.data, '\r', line.len))
        return STATUS_INVALID;
    name = bytes_of(line.data, (size_t)(colon - line.data));
    value = bytes_trim(bytes_of(colon + 1, line.len - name.len - 1));
    if (bytes_equal_nocase(name, "Content-Disposition"))
        return disposition_parse(headers, value, header);
    if (bytes_equal_nocase(name, "Content-Type")) {
        if (header->content_type.data)
            return STATUS_INVALID;
        header->content_type = value;
    }
    return STATUS_OK;
}

enum status form_part_header_parse(struct buffer *headers, struct form_part_header *header)
{
    size_t at = 0;

    memset(header, 0, sizeof(*header));
    while (at + 2 < headers->len) {
        const char *end = memmem(headers->data + at, headers->len - at, "\r\n", 2);
        struct bytes line;

        if (!end)
            return STATUS_INVALID;
        line = bytes_of(headers->data + at, (size_t)(end - headers->data) - at);
        at += line.len + 2;
        if (part_header_line(headers, line, header))
            return STATUS_INVALID;
    }
    return header->name.data ? STATUS_OK : STATUS_INVALID;
}
