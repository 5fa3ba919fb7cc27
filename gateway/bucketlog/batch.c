/* Lines into objects; see the header. An entry is `BUCKET TARGET FORMAT PREFIX TIME LINE`: the bucket's number in
 * hexadecimal digits, the prefix percent-encoded (`=` for an empty one), the time in milliseconds. */
#include "gateway/bucketlog/batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/xxhash.h"
#include "compat/uri.h"

#define DAY_MS       INT64_C(86400000)
#define EMPTY_PREFIX "="

enum status bucketlog_entry_write(struct buffer *out, const struct bucketlog_entry *entry)
{
    size_t begun = out->len;
    enum status status = buffer_printf(out, "%08x %s %d ", entry->bucket, entry->target, (int)entry->format);

    if (!status && entry->prefix[0] == '\0')
        status = buffer_append_str(out, EMPTY_PREFIX);
    if (!status)
        status = uri_encode(bytes_from_str(entry->prefix), true, out);
    if (!status)
        status = buffer_printf(out, " %" PRId64 " ", entry->received_ms);
    if (!status)
        status = buffer_append_bytes(out, entry->line);
    if (!status)
        status = buffer_append_char(out, '\n');
    if (status)
        out->len = begun;
    return status;
}

static bool cut_word(struct bytes *text, struct bytes *word)
{
    const char *space = text->len > 0 ? memchr(text->data, ' ', text->len) : NULL;

    if (!space || space == text->data)
        return false;
    *word = bytes_of(text->data, (size_t)(space - text->data));
    *text = bytes_of(space + 1, text->len - word->len - 1);
    return true;
}

struct words {
    struct bytes bucket, target, format, prefix;
};

static bool read_words(struct bytes *text, struct words *words)
{
    uint8_t bucket[4];

    return cut_word(text, &words->bucket) && cut_word(text, &words->target) && cut_word(text, &words->format) &&
           cut_word(text, &words->prefix) && hex_decode(words->bucket, bucket, sizeof(bucket)) == STATUS_OK &&
           words->target.len <= BUCKET_LOGGING_TARGET_MAX && words->format.len == 1 && words->format.data[0] >= '0' &&
           words->format.data[0] <= '0' + BUCKETLOG_KEY_BY_EVENT_TIME;
}

static bool read_entry(struct bytes entry, struct bucketlog_batch_line *line)
{
    struct bytes rest = entry, time, owner, bucket, after;
    struct words words;
    uint64_t received_ms;

    if (!read_words(&rest, &words))
        return false;
    line->address = bytes_of(entry.data, (size_t)(words.prefix.data + words.prefix.len - entry.data));
    if (!cut_word(&rest, &time) || bytes_parse_u64(time, INT64_MAX, &received_ms))
        return false;
    line->line = after = rest;
    line->day = words.format.data[0] == '0' + BUCKETLOG_KEY_BY_EVENT_TIME ? (int64_t)received_ms / DAY_MS : 0;
    return cut_word(&after, &owner) && cut_word(&after, &bucket);
}

static int by_object(const void *a, const void *b)
{
    const struct bucketlog_batch_line *left = a, *right = b;
    int order = bytes_compare(left->address, right->address);

    if (order == 0)
        order = (left->day > right->day) - (left->day < right->day);
    return order ? order : (left->place > right->place) - (left->place < right->place);
}

/* What has no line feed behind it was being written when the process or the machine ended. */
void bucketlog_batch_make(struct bytes text, struct bucketlog_batch *batch)
{
    size_t lines = 0;

    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    *batch = (struct bucketlog_batch){.lines = mem_alloc((lines + 1) * sizeof(*batch->lines))};
    while (text.len > 0) {
        const char *end = memchr(text.data, '\n', text.len);
        struct bytes entry = end ? bytes_of(text.data, (size_t)(end - text.data)) : text;
        struct bucketlog_batch_line *line = &batch->lines[batch->count];
        if (end && read_entry(entry, line)) {
            line->place = batch->count++;
        } else {
            batch->damaged++;
        }
        text = end ? bytes_of(end + 1, text.len - entry.len - 1) : (struct bytes){0};
    }
    qsort(batch->lines, batch->count, sizeof(*batch->lines), by_object);
}

void bucketlog_batch_release(struct bucketlog_batch *batch)
{
    free(batch->lines);
    *batch = (struct bucketlog_batch){0};
}

static bool is_same_object(const struct bucketlog_batch_line *a, const struct bucketlog_batch_line *b)
{
    return a->day == b->day && bytes_equal(a->address, b->address);
}

size_t bucketlog_batch_object(const struct bucketlog_batch *batch, size_t first, struct buffer *prefix,
                              struct bucketlog_address *address)
{
    const struct bucketlog_batch_line *line = &batch->lines[first];
    struct bytes text = bytes_of(line->address.data, line->address.len + 1), rest = line->line, owner;
    struct xxhash hash;
    struct words words;
    uint8_t digest[XXHASH_LEN_MAX], number[4];
    size_t count = 0;

    CHECK(read_words(&text, &words) && hex_decode(words.bucket, number, sizeof(number)) == STATUS_OK);
    *address =
        (struct bucketlog_address){.bucket = get_u32(number), .target = words.target, .day_ms = line->day * DAY_MS};
    address->format = (enum bucketlog_key_format)(words.format.data[0] - '0');
    CHECK(cut_word(&rest, &owner) && cut_word(&rest, &address->source));
    buffer_clear(prefix);
    if (!bytes_equal_str(words.prefix, EMPTY_PREFIX))
        STATUS_IGNORE(uri_decode(words.prefix, false, prefix), "a damaged prefix is a shorter one");
    address->prefix = buffer_bytes(prefix);
    xxhash_init(&hash, XXHASH_64);
    for (; first + count < batch->count && is_same_object(line, &line[count]); count++) {
        xxhash_update(&hash, line[count].line.data, line[count].line.len);
        address->bytes += line[count].line.len + 1;
    }
    xxhash_final(&hash, digest);
    xxhash_release(&hash);
    address->unique = get_u64(digest);
    return count;
}
