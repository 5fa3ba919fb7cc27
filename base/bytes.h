/* Spans of bytes and a growable buffer with a maximum.
 * A span never owns its bytes and is not NUL-terminated. A buffer's maximum is given once, at init, so that no client
 * can make it grow beyond what its owner allowed. */
#ifndef TERCET_BASE_BYTES_H
#define TERCET_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bytes {
    const char *data; /* may be NULL when len is 0; NULL also says "absent" where a function documents it */
    size_t len;
};

#define BYTES(literal) ((struct bytes){(literal), sizeof(literal) - 1})

struct bytes bytes_of(const void *data, size_t len);
struct bytes bytes_from_str(const char *string); /* NULL gives the absent span */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_str(struct bytes a, const char *string);
bool bytes_equal_nocase(struct bytes a, const char *string); /* ASCII case folding only */
bool bytes_starts_with(struct bytes a, struct bytes prefix);
int bytes_compare(struct bytes a, struct bytes b); /* memcmp order, a prefix sorts first */
struct bytes bytes_trim(struct bytes a);           /* without spaces and tabs at both ends */

/* Time does not depend on where the bytes differ; the length is not secret. */
bool bytes_equal_constant_time(struct bytes a, struct bytes b);

/* Strict decimal: digits only, no sign, no space; STATUS_INVALID otherwise or beyond `max`. */
enum status bytes_parse_u64(struct bytes text, uint64_t max, uint64_t *value);

struct buffer {
    char *data; /* always NUL-terminated beyond len once something was appended */
    size_t len, capacity, max;
};

void buffer_init(struct buffer *buffer, size_t max);
void buffer_release(struct buffer *buffer); /* frees the bytes; the buffer may be used again */
void buffer_clear(struct buffer *buffer);   /* len = 0, memory kept; spans of its bytes are no longer good */
/* Holds a copy of these bytes and nothing else. They may lie in the buffer itself. STATUS_LIMIT when they would exceed
 * max; then the buffer is as it was. */
enum status buffer_assign(struct buffer *buffer, struct bytes bytes);
/* STATUS_LIMIT when it would exceed max; then nothing was appended. The bytes must not lie in the buffer itself. */
enum status buffer_append(struct buffer *buffer, const void *data, size_t len);
enum status buffer_append_bytes(struct buffer *buffer, struct bytes bytes);
enum status buffer_append_str(struct buffer *buffer, const char *string);
enum status buffer_append_char(struct buffer *buffer, char c);
enum status buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for len more bytes and returns where they go; the caller adds to len itself. NULL beyond max. */
char *buffer_reserve(struct buffer *buffer, size_t len);
void buffer_consume(struct buffer *buffer, size_t len); /* drops the first len bytes */
struct bytes buffer_bytes(const struct buffer *buffer);

/* Lower-case hex of len bytes into out (2 * len + 1 bytes). */
void hex_encode(const void *data, size_t len, char *out);
/* Either case; text.len must be 2 * len. */
enum status hex_decode(struct bytes text, void *out, size_t len);
/* RFC 4648 section 4 with padding; out holds 4 * ((len + 2) / 3) + 1 bytes. Returns the length without the NUL. */
size_t base64_encode(const void *data, size_t len, char *out);
/* Strict: padding required, no white space, unused bits zero. *len: in capacity, out length. */
enum status base64_decode(struct bytes text, void *out, size_t *len);

/* Fills with cryptographically secure random bytes. */
void random_bytes(void *out, size_t len);

/* Fixed-width integers in stored and sent records: big-endian, so that they sort as numbers. */
void put_u16(void *out, uint16_t value);
void put_u32(void *out, uint32_t value);
void put_u64(void *out, uint64_t value);
uint16_t get_u16(const void *in);
uint32_t get_u32(const void *in);
uint64_t get_u64(const void *in);

#endif
