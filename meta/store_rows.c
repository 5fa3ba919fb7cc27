/* See the header. Rows are never unlinked before the list is released, so a row that was found stays good; a key that
 * was deleted costs its key until then. */
#include "meta/store_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static void value_free(struct row_value *value)
{
    while (value) {
        struct row_value *older = value->older;
        free(value);
        value = older;
    }
}

void rows_release(struct rows *rows)
{
    struct row *row = rows->first[0];
    while (row) {
        struct row *next = row->next[0];
        value_free(row->newest);
        free(row);
        row = next;
    }
    *rows = (struct rows){0};
}

/* Half of the rows are on one level, a quarter on two, and so on. The same keys give the same list. */
static unsigned level_choose(struct bytes key)
{
    uint32_t hash = 2166136261u;
    unsigned levels = 1;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (uint8_t)key.data[i]) * 16777619u;
    hash ^= hash >> 15;
    hash *= 0x2c1b3c6du;
    hash ^= hash >> 13;
    for (; levels < ROWS_LEVELS && hash & 1; hash >>= 1)
        levels++;
    return levels;
}

/* By level: the link that leads to the first row at or behind key (behind it: with `behind`). */
static void links_find(const struct rows *rows, struct bytes key, bool behind, struct row **links[ROWS_LEVELS])
{
    struct row **next = (struct row **)rows->first;
    for (unsigned level = ROWS_LEVELS; level-- > 0;) {
        while (next[level] && bytes_compare(next[level]->key, key) < (behind ? 1 : 0))
            next = next[level]->next;
        links[level] = &next[level];
    }
}

struct row *rows_seek(const struct rows *rows, struct bytes key, bool behind)
{
    struct row **links[ROWS_LEVELS];
    links_find(rows, key, behind, links);
    return *links[0];
}

struct row *rows_find(const struct rows *rows, struct bytes key)
{
    struct row *row = rows_seek(rows, key, false);
    return row && bytes_equal(row->key, key) ? row : NULL;
}

struct row *rows_before(const struct rows *rows, struct bytes key)
{
    struct row *const *next = rows->first;
    struct row *before = NULL;
    for (unsigned level = ROWS_LEVELS; level-- > 0;) {
        while (next[level] && (!key.data || bytes_compare(next[level]->key, key) < 0)) {
            before = next[level];
            next = before->next;
        }
    }
    return before;
}

static struct row *row_create(struct rows *rows, struct bytes key)
{
    struct row **links[ROWS_LEVELS];
    unsigned levels = level_choose(key);
    struct row *row = mem_zalloc(sizeof(*row) + levels * sizeof(struct row *) + key.len);
    char *copy = (char *)&row->next[levels];
    if (key.len)
        memcpy(copy, key.data, key.len);
    row->key = bytes_of(copy, key.len);
    links_find(rows, key, false, links);
    for (unsigned level = 0; level < levels; level++) {
        row->next[level] = *links[level];
        *links[level] = row;
    }
    return row;
}

static struct row *row_change(struct rows *rows, uint64_t number, struct bytes key, bool deleted, struct bytes bytes)
{
    struct row *row = rows_find(rows, key);
    struct row_value *value = mem_alloc(sizeof(*value) + bytes.len);
    if (!row)
        row = row_create(rows, key);
    CHECK(!row->newest || row->newest->number < number);
    if (bytes.len)
        memcpy(value + 1, bytes.data, bytes.len);
    *value = (struct row_value){
        .number = number, .deleted = deleted, .bytes = bytes_of(value + 1, bytes.len), .older = row->newest};
    row->newest = value;
    return row;
}

struct row *rows_put(struct rows *rows, uint64_t number, struct bytes key, struct bytes value)
{
    return row_change(rows, number, key, false, value);
}

struct row *rows_delete(struct rows *rows, uint64_t number, struct bytes key)
{
    return row_change(rows, number, key, true, BYTES(""));
}

void row_take_back(struct row *row)
{
    struct row_value *value = row->newest;
    row->newest = value->older;
    free(value);
}

void row_trim(struct row *row, uint64_t number)
{
    struct row_value *value = row->newest;
    while (value && value->number > number)
        value = value->older;
    if (!value)
        return;
    value_free(value->older);
    value->older = NULL;
}

const struct row_value *row_value_at(const struct row *row, uint64_t number)
{
    const struct row_value *value = row->newest;
    while (value && value->number > number)
        value = value->older;
    return value;
}
