/* The primitive fields of records: an appending side that cannot fail within the buffer's maximum, and a reading side
 * that remembers the first violation of a bound, so that a decoder checks once at its end. */
#ifndef TERCET_META_RECORD_IO_H
#define TERCET_META_RECORD_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

void record_put(struct buffer *out, const void *data, size_t len);
void record_put_u8(struct buffer *out, uint8_t value);
void record_put_u16(struct buffer *out, uint16_t value);
void record_put_u32(struct buffer *out, uint32_t value);
void record_put_u64(struct buffer *out, uint64_t value);

struct record_reader {
    const char *next;
    size_t left;
    bool bad;
};
/* The record's format, when it is one of those up to the one that is written now; else that one, and nothing is read.
 */
uint8_t record_format(struct bytes record, uint8_t newest);
/* Reads the format byte too: `bad` unless it is `format`. */
struct record_reader record_reader_open(struct bytes record, uint8_t format);
struct bytes record_read(struct record_reader *reader, size_t len); /* the absent span when too short */
void record_read_into(struct record_reader *reader, void *out, size_t len);
uint8_t record_read_u8(struct record_reader *reader);
bool record_read_bool(struct record_reader *reader); /* 0 or 1 */
uint16_t record_read_u16(struct record_reader *reader);
uint32_t record_read_u32(struct record_reader *reader);
uint64_t record_read_u64(struct record_reader *reader);
/* CORRUPT when anything was bad or bytes are left over. */
enum status record_reader_close(const struct record_reader *reader);

#endif
