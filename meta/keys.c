/* Encoding and decoding of row keys; see the header for the order that they must keep. */
#include "meta/keys.h"

#include <string.h>

#include "base/check.h"

struct bytes row_key_bytes(const struct row_key *key)
{
    return bytes_of(key->data, key->len);
}

enum status object_key_check(struct bytes key)
{
    if (key.len == 0 || key.len > META_KEY_MAX || memchr(key.data, '\0', key.len))
        return STATUS_INVALID;
    return STATUS_OK;
}

static void row_key_append(struct row_key *key, const void *data, size_t len)
{
    CHECK(len <= sizeof(key->data) - key->len);
    if (len)
        memcpy(key->data + key->len, data, len);
    key->len += len;
}

static void row_key_append_u64(struct row_key *key, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    row_key_append(key, bytes, sizeof(bytes));
}

void row_key_prefix(struct row_key *out, uint32_t bucket, struct bytes prefix)
{
    uint8_t bytes[4];
    put_u32(bytes, bucket);
    out->len = 0;
    row_key_append(out, bytes, sizeof(bytes));
    row_key_append(out, prefix.data, prefix.len < META_KEY_MAX ? prefix.len : META_KEY_MAX);
}

void row_key_step_over(struct row_key *key)
{
    while (key->len > 0 && (uint8_t)key->data[key->len - 1] == 0xff)
        key->len--;
    CHECK(key->len > 0); /* bucket ids never are all ones, nor what begins with a sequence */
    key->data[key->len - 1]++;
}

void row_key_current(struct row_key *out, uint32_t bucket, struct bytes key)
{
    row_key_prefix(out, bucket, key);
}

void row_key_version(struct row_key *out, uint32_t bucket, struct bytes key, uint64_t sequence)
{
    row_key_prefix(out, bucket, key);
    row_key_append(out, "", 1);
    row_key_append_u64(out, ~sequence);
}

void row_key_version_bounds(struct row_key *lower, struct row_key *upper, uint32_t bucket, struct bytes key)
{
    row_key_prefix(lower, bucket, key);
    row_key_append(lower, "", 1);
    *upper = *lower;
    row_key_step_over(upper);
}

void row_key_number(struct row_key *out, uint32_t bucket, struct bytes key, uint64_t number)
{
    row_key_prefix(out, bucket, key);
    row_key_append(out, "", 1);
    row_key_append_u64(out, number);
}

void row_key_upload(struct row_key *out, uint32_t bucket, struct bytes key, const struct upload_id *id)
{
    row_key_prefix(out, bucket, key);
    row_key_append(out, "", 1);
    row_key_append(out, id->bytes, UPLOAD_ID_BYTES);
}

void row_key_part(struct row_key *out, const struct upload_id *id, unsigned number)
{
    uint8_t bytes[2];
    put_u16(bytes, (uint16_t)number);
    out->len = 0;
    row_key_append(out, id->bytes, UPLOAD_ID_BYTES);
    row_key_append(out, bytes, sizeof(bytes));
}

void row_key_part_bounds(struct row_key *lower, struct row_key *upper, const struct upload_id *id)
{
    lower->len = 0;
    row_key_append(lower, id->bytes, UPLOAD_ID_BYTES);
    *upper = *lower;
    row_key_step_over(upper);
}

void row_key_annotation(struct row_key *out, const struct annotation_set *set, struct bytes name)
{
    out->len = 0;
    row_key_append(out, set->bytes, ANNOTATION_SET_BYTES);
    row_key_append(out, name.data, name.len < META_ANNOTATION_NAME_MAX ? name.len : META_ANNOTATION_NAME_MAX);
}

void row_key_annotation_bounds(struct row_key *lower, struct row_key *upper, const struct annotation_set *set)
{
    row_key_annotation(lower, set, BYTES(""));
    *upper = *lower;
    row_key_step_over(upper);
}

void row_key_chunk(struct row_key *out, const struct chunk_id *id)
{
    out->len = 0;
    row_key_append(out, id->bytes, CHUNK_ID_LEN);
}

void row_key_repair(struct row_key *out, unsigned copies, const struct chunk_id *id)
{
    uint8_t byte = (uint8_t)copies;
    out->len = 0;
    row_key_append(out, &byte, 1);
    row_key_append(out, id->bytes, CHUNK_ID_LEN);
}

void row_key_setting(struct row_key *out, uint32_t bucket, uint8_t kind)
{
    row_key_prefix(out, bucket, BYTES(""));
    row_key_append(out, &kind, 1);
}

void row_key_gc(struct row_key *out, uint64_t sequence, uint32_t index)
{
    uint8_t bytes[4];
    put_u32(bytes, index);
    out->len = 0;
    row_key_append_u64(out, sequence);
    row_key_append(out, bytes, sizeof(bytes));
}

/* Takes bucket id and suffix off a row; the suffix begins with the key's NUL. */
static enum status row_key_split(struct bytes row, size_t suffix_len, struct bytes *key)
{
    if (row.len < 4 + 1 + suffix_len || row.data[row.len - suffix_len] != '\0')
        return STATUS_CORRUPT;
    *key = bytes_of(row.data + 4, row.len - 4 - suffix_len);
    return object_key_check(*key) ? STATUS_CORRUPT : STATUS_OK;
}

enum status row_key_version_parse(struct bytes row, struct bytes *key, uint64_t *sequence)
{
    enum status status = row_key_split(row, KEY_VERSION_SUFFIX_LEN, key);
    if (status)
        return status;
    *sequence = ~get_u64(row.data + row.len - 8);
    return STATUS_OK;
}

enum status row_key_upload_parse(struct bytes row, struct bytes *key, struct upload_id *id)
{
    enum status status = row_key_split(row, KEY_UPLOAD_SUFFIX_LEN, key);
    if (status)
        return status;
    memcpy(id->bytes, row.data + row.len - UPLOAD_ID_BYTES, UPLOAD_ID_BYTES);
    return STATUS_OK;
}

enum status row_key_part_parse(struct bytes row, unsigned *number)
{
    if (row.len != UPLOAD_ID_BYTES + 2)
        return STATUS_CORRUPT;
    *number = get_u16(row.data + UPLOAD_ID_BYTES);
    return *number >= 1 && *number <= META_PART_MAX ? STATUS_OK : STATUS_CORRUPT;
}

enum status row_key_repair_parse(struct bytes row, unsigned *copies, struct chunk_id *id)
{
    if (row.len != 1 + CHUNK_ID_LEN)
        return STATUS_CORRUPT;
    *copies = (uint8_t)row.data[0];
    memcpy(id->bytes, row.data + 1, CHUNK_ID_LEN);
    return *copies <= CHUNK_COPIES_MAX ? STATUS_OK : STATUS_CORRUPT;
}

enum status row_key_setting_parse(struct bytes row, uint32_t *bucket, uint8_t *kind)
{
    if (row.len != 5)
        return STATUS_CORRUPT;
    *bucket = get_u32(row.data);
    *kind = (uint8_t)row.data[4];
    return STATUS_OK;
}

enum status row_key_annotation_parse(struct bytes row, struct bytes *name)
{
    if (row.len <= ANNOTATION_SET_BYTES || row.len > ANNOTATION_SET_BYTES + META_ANNOTATION_NAME_MAX)
        return STATUS_CORRUPT;
    *name = bytes_of(row.data + ANNOTATION_SET_BYTES, row.len - ANNOTATION_SET_BYTES);
    return STATUS_OK;
}

enum status row_key_gc_parse(struct bytes row, uint64_t *sequence, uint32_t *index)
{
    if (row.len != 12)
        return STATUS_CORRUPT;
    *sequence = get_u64(row.data);
    *index = get_u32(row.data + 8);
    return STATUS_OK;
}

/* 32 lower-case hex digits to 16 bytes. */
static enum status id_parse(struct bytes text, uint8_t out[16])
{
    if (text.len != 32)
        return STATUS_INVALID;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'F')
            return STATUS_INVALID;
    return hex_decode(text, out, 16);
}

void version_id_format(uint64_t sequence, uint64_t random, char out[META_VERSION_ID_LEN + 1])
{
    uint8_t bytes[16];
    put_u64(bytes, sequence);
    put_u64(bytes + 8, random);
    hex_encode(bytes, sizeof(bytes), out);
}

enum status version_id_parse(struct bytes text, uint64_t *sequence, uint64_t *random)
{
    uint8_t bytes[16];
    enum status status = id_parse(text, bytes);
    if (status)
        return status;
    *sequence = get_u64(bytes);
    *random = get_u64(bytes + 8);
    return STATUS_OK;
}

void upload_id_format(const struct upload_id *id, char out[META_UPLOAD_ID_LEN + 1])
{
    hex_encode(id->bytes, UPLOAD_ID_BYTES, out);
}

enum status upload_id_parse(struct bytes text, struct upload_id *id)
{
    return id_parse(text, id->bytes);
}
