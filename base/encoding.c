/* Text and wire forms of binary values: hex, base64, big-endian integers; and random bytes. Decoders are
 * strict: what two readers could take differently is refused. */
#include "base/bytes.h"

#include <errno.h>
#include <sys/random.h>

#include "base/check.h"

void hex_encode(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = data;

    for (size_t i = 0; i < len; ++i) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum status hex_decode(struct bytes text, void *out, size_t len)
{
    uint8_t *bytes = out;

    if (text.len % 2 || text.len / 2 != len)
        return STATUS_INVALID;
    for (size_t i = 0; i < len; ++i) {
        int high = hex_value(text.data[2 * i]), low = hex_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return STATUS_INVALID;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return STATUS_OK;
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(const void *data, size_t len, char *out)
{
    const uint8_t *in = data;
    char *start = out;

    for (; len >= 3; in += 3, len -= 3) {
        uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *out++ = base64_alphabet[group >> 18];
        *out++ = base64_alphabet[group >> 12 & 63];
        *out++ = base64_alphabet[group >> 6 & 63];
        *out++ = base64_alphabet[group & 63];
    }
    if (len) {
        uint32_t group = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
        *out++ = base64_alphabet[group >> 18];
        *out++ = base64_alphabet[group >> 12 & 63];
        *out++ = len == 2 ? base64_alphabet[group >> 6 & 63] : '=';
        *out++ = '=';
    }
    *out = '\0';
    return (size_t)(out - start);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

enum status base64_decode(struct bytes text, void *out, size_t *len)
{
    uint8_t *bytes = out;
    size_t digits = text.len, pending = 0;
    uint32_t group = 0;

    if (text.len % 4)
        return STATUS_INVALID;
    while (text.len - digits < 2 && digits && text.data[digits - 1] == '=')
        --digits;
    size_t decoded = digits / 4 * 3 + (digits % 4 ? digits % 4 - 1 : 0);
    if (decoded > *len)
        return STATUS_INVALID;
    for (size_t i = 0; i < digits; ++i) {
        int value = base64_value(text.data[i]);
        if (value < 0)
            return STATUS_INVALID;
        group = group << 6 | (uint32_t)value;
        pending += 6;
        if (pending >= 8) {
            pending -= 8;
            *bytes++ = (uint8_t)(group >> pending);
        }
    }
    if (group & ((1u << pending) - 1))
        return STATUS_INVALID;
    *len = decoded;
    return STATUS_OK;
}

void random_bytes(void *out, size_t len)
{
    uint8_t *at = out;

    while (len) {
        ssize_t got = getrandom(at, len, 0);
        CHECK(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

static void put_integer(uint8_t *out, uint64_t value, unsigned size)
{
    for (unsigned i = size; i-- > 0; value >>= 8)
        out[i] = (uint8_t)value;
}

static uint64_t get_integer(const uint8_t *in, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i)
        value = value << 8 | in[i];
    return value;
}

void put_u16(void *out, uint16_t value)
{
    put_integer(out, value, 2);
}

void put_u32(void *out, uint32_t value)
{
    put_integer(out, value, 4);
}

void put_u64(void *out, uint64_t value)
{
    put_integer(out, value, 8);
}

uint16_t get_u16(const void *in)
{
    return (uint16_t)get_integer(in, 2);
}

uint32_t get_u32(const void *in)
{
    return (uint32_t)get_integer(in, 4);
}

uint64_t get_u64(const void *in)
{
    return get_integer(in, 8);
}
