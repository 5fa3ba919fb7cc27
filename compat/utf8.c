/* UTF-8 coding by RFC 3629 section 3. */
#include "compat/utf8.h"

#include <string.h>

/* How long the character is that begins so; 0: none does. */
static size_t announced_len(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

size_t utf8_decode(struct bytes text, uint32_t *code_point)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *in = (const uint8_t *)text.data;
    size_t len;
    uint32_t value;

    if (text.len == 0)
        return 0;
    if (in[0] < 0x80) {
        *code_point = in[0];
        return 1;
    }
    len = announced_len(in[0]);
    if (len == 0 || text.len < len)
        return 0;
    value = in[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((in[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (in[i] & 0x3fu);
    }
    if (value < smallest[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code_point = value;
    return len;
}

size_t utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xe0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

size_t utf8_count(struct bytes text)
{
    size_t chars = 0;
    uint32_t c;

    for (size_t at = 0, len; at < text.len; at += len, chars++) {
        len = utf8_decode(bytes_of(text.data + at, text.len - at), &c);
        if (len == 0)
            return SIZE_MAX;
    }
    return chars;
}

bool utf8_is_valid(struct bytes text)
{
    return utf8_count(text) != SIZE_MAX;
}

/* Adds to the character that was begun; how many bytes that took. */
static size_t check_begun(struct utf8_check *check, struct bytes piece)
{
    size_t len = announced_len((unsigned char)check->begun[0]), taken = 0;
    uint32_t code_point;

    while (check->begun_len < len && taken < piece.len)
        check->begun[check->begun_len++] = piece.data[taken++];
    if (check->begun_len == len) {
        check->bad = utf8_decode(bytes_of(check->begun, len), &code_point) != len;
        check->begun_len = 0;
    }
    return taken;
}

void utf8_check_add(struct utf8_check *check, struct bytes piece)
{
    size_t at = check->begun_len > 0 ? check_begun(check, piece) : 0;
    uint32_t code_point;

    while (at < piece.len && !check->bad) {
        struct bytes rest = bytes_of(piece.data + at, piece.len - at);
        size_t len = utf8_decode(rest, &code_point), announced = announced_len((unsigned char)rest.data[0]);
        if (len == 0 && announced > rest.len) {
            memcpy(check->begun, rest.data, rest.len);
            check->begun_len = rest.len;
            return;
        }
        check->bad = len == 0;
        at += len;
    }
}

bool utf8_check_end(const struct utf8_check *check)
{
    return !check->bad && check->begun_len == 0;
}
