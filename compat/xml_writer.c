/* The XML writer: escaping and nesting. Layout is AWS's: one line after the declaration, no indentation,
 * since some clients find elements by text search. */
#include "compat/xml_writer.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/utf8.h"

#define REPLACEMENT_CHARACTER "\xef\xbf\xbd"

static void writer_put(struct xml_writer *writer, const char *data, size_t len)
{
    if (!writer->status)
        writer->status = buffer_append(writer->out, data, len);
}

static void writer_put_str(struct xml_writer *writer, const char *string)
{
    writer_put(writer, string, strlen(string));
}

void xml_writer_init(struct xml_writer *writer, struct buffer *out)
{
    memset(writer, 0, sizeof(*writer));
    writer->out = out;
    writer_put_str(writer, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

/* A whole tag in one step: a listing has 14,000. */
static void writer_put_tag(struct xml_writer *writer, struct bytes front, const char *name)
{
    struct bytes tag = bytes_from_str(name);
    char *end = writer->status ? NULL : buffer_reserve(writer->out, front.len + tag.len + 1);

    if (!end) {
        writer->status = writer->status ? writer->status : STATUS_LIMIT;
        return;
    }
    memcpy(end, front.data, front.len);
    memcpy(end + front.len, tag.data, tag.len);
    end[front.len + tag.len] = '>';
    writer->out->len += front.len + tag.len + 1;
    writer->out->data[writer->out->len] = '\0';
}

static void writer_push(struct xml_writer *writer, const char *name)
{
    CHECK(writer->depth < XML_DEPTH_MAX);
    writer->open[writer->depth++] = name;
}

void xml_writer_open(struct xml_writer *writer, const char *name)
{
    writer_push(writer, name);
    writer_put_tag(writer, BYTES("<"), name);
}

void xml_writer_open_with(struct xml_writer *writer, const char *name, const char *attributes)
{
    writer_push(writer, name);
    writer_put(writer, "<", 1);
    writer_put_str(writer, name);
    writer_put_tag(writer, BYTES(" "), attributes);
}

void xml_writer_open_root(struct xml_writer *writer, const char *name)
{
    xml_writer_open_with(writer, name, "xmlns=\"" XML_S3_NAMESPACE "\"");
}

void xml_writer_close(struct xml_writer *writer)
{
    CHECK(writer->depth > 0);
    writer_put_tag(writer, BYTES("</"), writer->open[--writer->depth]);
}

/* What stands for the character in text; NULL when it stands for itself. A carriage return would be read back
 * as a line feed (XML 1.0 section 2.11). */
static const char *writer_escape(uint32_t code_point, char scratch[12])
{
    switch (code_point) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\t':
    case '\n':
        return NULL;
    default:
        break;
    }
    if (code_point >= 0x20 && code_point != 0xfffe && code_point != 0xffff)
        return NULL;
    snprintf(scratch, 12, "&#x%X;", (unsigned)code_point);
    return scratch;
}

struct bytes xml_writer_front(struct bytes text, size_t bytes_max)
{
    size_t at = 0, written = 0;

    while (at < text.len) {
        char scratch[12];
        uint32_t code_point = 0;
        size_t len = utf8_decode(bytes_of(text.data + at, text.len - at), &code_point);
        const char *replacement = len ? writer_escape(code_point, scratch) : REPLACEMENT_CHARACTER;

        written += replacement ? strlen(replacement) : len;
        if (written > bytes_max)
            break;
        at += len ? len : 1;
    }
    return bytes_of(text.data, at);
}

/* How many bytes from there on are characters of ASCII that stand for themselves. */
static size_t plain_run(struct bytes text, size_t at)
{
    size_t start = at;

    for (; at < text.len; at++) {
        uint8_t c = (uint8_t)text.data[at];
        if (c < 0x20 || c >= 0x80 || c == '&' || c == '<' || c == '>' || c == '"')
            break;
    }
    return at - start;
}

void xml_writer_text(struct xml_writer *writer, struct bytes text)
{
    size_t plain = 0, at = plain_run(text, 0);

    while (at < text.len) {
        char scratch[12];
        uint32_t code_point = 0;
        size_t len = utf8_decode(bytes_of(text.data + at, text.len - at), &code_point);
        const char *replacement = len ? writer_escape(code_point, scratch) : REPLACEMENT_CHARACTER;

        if (len == 0)
            len = 1;
        if (replacement) {
            writer_put(writer, text.data + plain, at - plain);
            writer_put_str(writer, replacement);
            plain = at + len;
        }
        at += len;
        at += plain_run(text, at);
    }
    if (at > plain)
        writer_put(writer, text.data + plain, at - plain);
}

void xml_writer_element(struct xml_writer *writer, const char *name, struct bytes text)
{
    xml_writer_open(writer, name);
    xml_writer_text(writer, text);
    xml_writer_close(writer);
}

void xml_writer_element_str(struct xml_writer *writer, const char *name, const char *text)
{
    xml_writer_element(writer, name, bytes_from_str(text));
}

void xml_writer_element_u64(struct xml_writer *writer, const char *name, uint64_t value)
{
    char text[20];
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    xml_writer_element(writer, name, bytes_of(text + at, sizeof(text) - at));
}

void xml_writer_element_bool(struct xml_writer *writer, const char *name, bool value)
{
    xml_writer_element_str(writer, name, value ? "true" : "false");
}

void xml_writer_element_time(struct xml_writer *writer, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_MAX];
    int64_t below_second = wall_ms % 1000;

    if (below_second < 0)
        below_second += 1000;
    clock_format_iso8601_ms(wall_ms - below_second, text);
    xml_writer_element_str(writer, name, text);
}

static bool writer_url_keeps(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '-' ||
           c == '_' || c == '.' || c == '*';
}

void xml_writer_name(struct xml_writer *writer, const char *name, struct bytes text)
{
    size_t plain = 0;

    if (!writer->url_encode) {
        xml_writer_element(writer, name, text);
        return;
    }
    xml_writer_open(writer, name);
    for (size_t at = 0; at < text.len; at++) {
        uint8_t byte = (uint8_t)text.data[at];
        char escape[4];

        if (writer_url_keeps(byte))
            continue;
        writer_put(writer, text.data + plain, at - plain);
        snprintf(escape, sizeof(escape), "%%%02X", byte);
        writer_put(writer, escape, 3);
        plain = at + 1;
    }
    if (text.len > plain)
        writer_put(writer, text.data + plain, text.len - plain);
    xml_writer_close(writer);
}

enum status xml_writer_finish(const struct xml_writer *writer)
{
    CHECK(writer->depth == 0);
    return writer->status;
}
