/* Walking rows in key order; see the header. A key holds no NUL, so key + 0x01 is behind all rows of the key and before
 * those of any longer one. */
#include "meta/list_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void list_walk_open(struct list_walk *walk, const struct store_view *view, enum store_family family, size_t suffix_len,
                    uint32_t bucket, struct bytes prefix, struct bytes delimiter)
{
    struct row_key lower, upper;

    *walk = (struct list_walk){.bucket = bucket, .prefix = prefix, .delimiter = delimiter, .suffix_len = suffix_len};
    row_key_prefix(&lower, bucket, prefix);
    upper = lower;
    if (prefix.len <= META_KEY_MAX) /* else no key can match and the range stays empty */
        row_key_step_over(&upper);
    store_iterator_open(&walk->it, view, family, row_key_bytes(&lower), row_key_bytes(&upper));
}

void list_walk_close(struct list_walk *walk)
{
    store_iterator_close(&walk->it);
}

void list_walk_start(struct list_walk *walk, struct bytes after)
{
    struct row_key key;
    struct bytes common;

    if (after.len == 0) {
        store_iterator_first(&walk->it);
        return;
    }
    if (list_walk_marker_prefix(walk, after, &common)) {
        row_key_prefix(&key, walk->bucket, common);
        row_key_step_over(&key);
    } else {
        row_key_prefix(&key, walk->bucket, after);
        key.data[key.len++] = '\x01';
    }
    store_iterator_seek(&walk->it, row_key_bytes(&key));
}

enum status list_walk_key(const struct list_walk *walk, struct bytes *key)
{
    if (!store_iterator_valid(&walk->it)) {
        enum status status = store_iterator_status(&walk->it);
        return status ? status : STATUS_NOT_FOUND;
    }
    struct bytes row = store_iterator_key(&walk->it);
    if (row.len <= 4 + walk->suffix_len)
        return STATUS_CORRUPT;
    *key = bytes_of(row.data + 4, row.len - 4 - walk->suffix_len);
    return object_key_check(*key) || !bytes_starts_with(*key, walk->prefix) ? STATUS_CORRUPT : STATUS_OK;
}

bool list_walk_common_prefix(const struct list_walk *walk, struct bytes key, struct bytes *common)
{
    if (walk->delimiter.len == 0 || key.len <= walk->prefix.len)
        return false;
    const char *rest = key.data + walk->prefix.len;
    const char *found = memmem(rest, key.len - walk->prefix.len, walk->delimiter.data, walk->delimiter.len);
    if (!found)
        return false;
    *common = bytes_of(key.data, (size_t)(found - key.data) + walk->delimiter.len);
    return true;
}

bool list_walk_marker_prefix(const struct list_walk *walk, struct bytes after, struct bytes *common)
{
    return bytes_starts_with(after, walk->prefix) && list_walk_common_prefix(walk, after, common);
}

void list_walk_skip(struct list_walk *walk, struct bytes common)
{
    struct row_key key;
    struct bytes next;

    store_iterator_next(&walk->it); /* often the common prefix of one key */
    if (list_walk_key(walk, &next) || !bytes_starts_with(next, common))
        return;
    row_key_prefix(&key, walk->bucket, common);
    row_key_step_over(&key);
    store_iterator_seek(&walk->it, row_key_bytes(&key));
}

enum { PAGE_TEXT_BYTES = 16384 };

struct page_text {
    struct page_text *next;
    size_t used;
    char data[PAGE_TEXT_BYTES];
};
_Static_assert(PAGE_TEXT_BYTES > META_KEY_MAX, "a key fits in a block");

struct bytes page_text_copy(void **storage, struct bytes text)
{
    struct page_text *block = *storage;

    CHECK(text.len <= PAGE_TEXT_BYTES);
    if (!block || PAGE_TEXT_BYTES - block->used < text.len) {
        block = mem_alloc(sizeof(*block));
        block->next = *storage;
        block->used = 0;
        *storage = block;
    }
    char *copy = block->data + block->used;
    memcpy(copy, text.data, text.len);
    block->used += text.len;
    return bytes_of(copy, text.len);
}

void page_text_release(void *storage)
{
    struct page_text *block = storage;
    while (block) {
        struct page_text *next = block->next;
        free(block);
        block = next;
    }
}
