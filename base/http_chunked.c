/* The chunked coding (RFC 9112 section 7.1), strictly: a size has 1 to 16 hexadecimal digits, lines end with
 * CRLF, and control characters are refused, so that no other server can see the body end elsewhere. */
#include "base/http_framing.h"

#include <string.h>

#include "base/check.h"

#define SIZE_DIGITS_MAX 16
#define EXTRA_BYTES_MAX 16384 /* extensions and trailers, beyond one byte per byte of body */

enum chunked_state {
    CHUNKED_SIZE,
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_LF,
    CHUNKED_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_TRAILER,
    CHUNKED_TRAILER_LF,
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A byte of an extension or a trailer. */
static bool is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

static bool read_size(struct http_chunked *chunked, char c)
{
    int digit = hex_value(c);

    if (digit >= 0) {
        if (chunked->digits++ == SIZE_DIGITS_MAX)
            return false;
        chunked->chunk_left = chunked->chunk_left << 4 | (uint64_t)digit;
        return true;
    }
    if (chunked->digits == 0)
        return false;
    chunked->state = c == '\r' ? CHUNKED_SIZE_LF : CHUNKED_EXTENSION;
    return c == '\r' || c == ';' || c == ' ' || c == '\t';
}

static bool read_line_byte(struct http_chunked *chunked, char c, enum chunked_state at_end)
{
    if (c == '\r') {
        chunked->state = (int)at_end;
        return true;
    }
    chunked->line_bytes++;
    return is_text(c) && ++chunked->extra_bytes <= EXTRA_BYTES_MAX + chunked->decoded;
}

/* One byte outside of the chunks' data. False when it must not be there. */
static bool read_byte(struct http_chunked *chunked, char c)
{
    switch ((enum chunked_state)chunked->state) {
    case CHUNKED_SIZE:
        return read_size(chunked, c);
    case CHUNKED_EXTENSION:
        return read_line_byte(chunked, c, CHUNKED_SIZE_LF);
    case CHUNKED_SIZE_LF:
        chunked->state = chunked->chunk_left > 0 ? CHUNKED_DATA : CHUNKED_TRAILER;
        chunked->line_bytes = 0;
        return c == '\n';
    case CHUNKED_DATA_CR:
        chunked->state = CHUNKED_DATA_LF;
        return c == '\r';
    case CHUNKED_DATA_LF:
        chunked->state = CHUNKED_SIZE;
        chunked->digits = 0;
        return c == '\n';
    case CHUNKED_TRAILER:
        return read_line_byte(chunked, c, CHUNKED_TRAILER_LF);
    case CHUNKED_TRAILER_LF:
        chunked->state = CHUNKED_TRAILER;
        chunked->ended = chunked->line_bytes == 0;
        chunked->line_bytes = 0;
        return c == '\n';
    case CHUNKED_DATA:
        break;
    }
    return false;
}

enum status http_chunked_decode(struct http_chunked *chunked, char *data, size_t len, size_t *decoded, size_t *consumed)
{
    size_t in = 0, out = 0;

    CHECK(!chunked->ended);
    while (in < len && !chunked->ended) {
        if (chunked->state == CHUNKED_DATA) {
            size_t piece = len - in < chunked->chunk_left ? len - in : (size_t)chunked->chunk_left;

            memmove(data + out, data + in, piece);
            in += piece;
            out += piece;
            chunked->decoded += piece;
            chunked->chunk_left -= piece;
            if (chunked->chunk_left == 0)
                chunked->state = CHUNKED_DATA_CR;
        } else if (!read_byte(chunked, data[in++])) {
            return STATUS_INVALID;
        }
    }
    *decoded = out;
    *consumed = in;
    return STATUS_OK;
}
