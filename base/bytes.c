/* Spans and buffers. A buffer keeps one byte beyond its capacity for the terminating NUL, so that max counts
 * only the bytes that its owner put in. Text forms of binary values are in encoding.c. */
#include "base/bytes.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"

#define BUFFER_CAPACITY_MIN 64

struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){data, len};
}

struct bytes bytes_from_str(const char *string)
{
    return (struct bytes){string, string ? strlen(string) : 0};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_str(struct bytes a, const char *string)
{
    return bytes_equal(a, bytes_from_str(string));
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool bytes_equal_nocase(struct bytes a, const char *string)
{
    size_t i;
    for (i = 0; i < a.len && string[i]; ++i)
        if (ascii_lower(a.data[i]) != ascii_lower(string[i]))
            return false;
    return i == a.len && !string[i];
}

bool bytes_starts_with(struct bytes a, struct bytes prefix)
{
    return a.len >= prefix.len && (!prefix.len || memcmp(a.data, prefix.data, prefix.len) == 0);
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct bytes bytes_trim(struct bytes a)
{
    while (a.len && is_blank(a.data[0])) {
        ++a.data;
        --a.len;
    }
    while (a.len && is_blank(a.data[a.len - 1]))
        --a.len;
    return a;
}

bool bytes_equal_constant_time(struct bytes a, struct bytes b)
{
    return a.len == b.len && (!a.len || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

enum status bytes_parse_u64(struct bytes text, uint64_t max, uint64_t *value)
{
    uint64_t sum = 0;
    if (!text.len)
        return STATUS_INVALID;
    for (size_t i = 0; i < text.len; ++i) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return STATUS_INVALID;
        unsigned digit = (unsigned)(text.data[i] - '0');
        if (digit > max || sum > (max - digit) / 10)
            return STATUS_INVALID;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return STATUS_OK;
}

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.max = max};
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->max);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

char *buffer_reserve(struct buffer *buffer, size_t len)
{
    if (len > buffer->max - buffer->len)
        return NULL;
    size_t needed = buffer->len + len;
    if (!buffer->data || needed > buffer->capacity) {
        size_t capacity = buffer->capacity > buffer->max / 2 ? buffer->max : buffer->capacity * 2;
        if (capacity < BUFFER_CAPACITY_MIN)
            capacity = BUFFER_CAPACITY_MIN;
        if (capacity > buffer->max)
            capacity = buffer->max;
        if (capacity < needed)
            capacity = needed;
        CHECK(capacity < SIZE_MAX);
        buffer->data = mem_realloc(buffer->data, capacity + 1);
        buffer->data[buffer->len] = '\0';
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->len;
}

static bool lies_in(const struct buffer *buffer, const void *data, size_t len)
{
    return len > 0 && buffer->data && (const char *)data <= buffer->data + buffer->capacity &&
           (const char *)data + len > buffer->data;
}

enum status buffer_assign(struct buffer *buffer, struct bytes bytes)
{
    if (!lies_in(buffer, bytes.data, bytes.len)) {
        if (bytes.len > buffer->max)
            return STATUS_LIMIT;
        buffer_clear(buffer);
        return buffer_append_bytes(buffer, bytes);
    }
    memmove(buffer->data, bytes.data, bytes.len);
    buffer->len = bytes.len;
    buffer->data[buffer->len] = '\0';
    return STATUS_OK;
}

enum status buffer_append(struct buffer *buffer, const void *data, size_t len)
{
    CHECK(!lies_in(buffer, data, len)); /* it may move, or have been cleared */
    char *end = buffer_reserve(buffer, len);
    if (!end)
        return STATUS_LIMIT;
    if (len)
        memcpy(end, data, len);
    end[len] = '\0';
    buffer->len += len;
    return STATUS_OK;
}

enum status buffer_append_bytes(struct buffer *buffer, struct bytes bytes)
{
    return buffer_append(buffer, bytes.data, bytes.len);
}

enum status buffer_append_str(struct buffer *buffer, const char *string)
{
    return buffer_append(buffer, string, strlen(string));
}

enum status buffer_append_char(struct buffer *buffer, char c)
{
    return buffer_append(buffer, &c, 1);
}

enum status buffer_printf(struct buffer *buffer, const char *format, ...)
{
    enum status status = STATUS_LIMIT;
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    CHECK(len >= 0);
    char *end = buffer_reserve(buffer, (size_t)len);
    if (!end)
        goto out;
    vsnprintf(end, (size_t)len + 1, format, again);
    buffer->len += (size_t)len;
    status = STATUS_OK;
out:
    va_end(again);
    va_end(args);
    return status;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
    CHECK(len <= buffer->len);
    if (!len)
        return;
    buffer->len -= len;
    memmove(buffer->data, buffer->data + len, buffer->len);
    buffer->data[buffer->len] = '\0';
}

struct bytes buffer_bytes(const struct buffer *buffer)
{
    return bytes_of(buffer->data, buffer->len);
}
