/* Fields of stored records; see the header. */
#include "meta/record_io.h"

#include <string.h>

#include "base/check.h"

void record_put(struct buffer *out, const void *data, size_t len)
{
    if (len == 0)
        return;
    enum status status = buffer_append(out, data, len);
    CHECK(status == STATUS_OK); /* every field was capped before */
}

void record_put_u8(struct buffer *out, uint8_t value)
{
    record_put(out, &value, 1);
}

void record_put_u16(struct buffer *out, uint16_t value)
{
    uint8_t bytes[2];
    put_u16(bytes, value);
    record_put(out, bytes, sizeof(bytes));
}

void record_put_u32(struct buffer *out, uint32_t value)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    record_put(out, bytes, sizeof(bytes));
}

void record_put_u64(struct buffer *out, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    record_put(out, bytes, sizeof(bytes));
}

uint8_t record_format(struct bytes record, uint8_t newest)
{
    uint8_t format = record.len > 0 ? (uint8_t)record.data[0] : 0;
    return format > 0 && format < newest ? format : newest;
}

struct record_reader record_reader_open(struct bytes record, uint8_t format)
{
    struct record_reader reader = {record.data, record.len, false};
    if (record_read_u8(&reader) != format)
        reader.bad = true;
    return reader;
}

struct bytes record_read(struct record_reader *reader, size_t len)
{
    if (reader->bad || len > reader->left) {
        reader->bad = true;
        return (struct bytes){0};
    }
    struct bytes span = bytes_of(reader->next, len);
    reader->next += len;
    reader->left -= len;
    return span;
}

void record_read_into(struct record_reader *reader, void *out, size_t len)
{
    struct bytes span = record_read(reader, len);
    if (span.len == len && len > 0)
        memcpy(out, span.data, len);
    else
        memset(out, 0, len);
}

uint8_t record_read_u8(struct record_reader *reader)
{
    uint8_t value;
    record_read_into(reader, &value, 1);
    return value;
}

bool record_read_bool(struct record_reader *reader)
{
    uint8_t value = record_read_u8(reader);
    if (value > 1)
        reader->bad = true;
    return value == 1;
}

uint16_t record_read_u16(struct record_reader *reader)
{
    uint8_t bytes[2];
    record_read_into(reader, bytes, sizeof(bytes));
    return get_u16(bytes);
}

uint32_t record_read_u32(struct record_reader *reader)
{
    uint8_t bytes[4];
    record_read_into(reader, bytes, sizeof(bytes));
    return get_u32(bytes);
}

uint64_t record_read_u64(struct record_reader *reader)
{
    uint8_t bytes[8];
    record_read_into(reader, bytes, sizeof(bytes));
    return get_u64(bytes);
}

enum status record_reader_close(const struct record_reader *reader)
{
    return reader->bad || reader->left > 0 ? STATUS_CORRUPT : STATUS_OK;
}
