/* Ordered rows in memory that remember what they were: a skip list, and in it for each key the values that it had, each
 * with the number of the change that gave it. So the rows can be read as of any number that was not dropped, and
 * changes taken back. The store in memory keeps its families in such lists, and so does each of its batches. No locks.
 */
#ifndef TERCET_META_STORE_ROWS_H
#define TERCET_META_STORE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define ROWS_LEVELS 16

struct row_value {
    uint64_t number; /* of the change */
    bool deleted;
    struct bytes bytes;
    struct row_value *older;
};

struct row {
    struct bytes key;
    struct row_value *newest; /* NULL after all were taken back */
    struct row *next[];       /* by level */
};

struct rows {
    struct row *first[ROWS_LEVELS];
};

void rows_release(struct rows *rows);
/* Copy key and value; return the row, whose newest value it is. Numbers of a key ascend. */
struct row *rows_put(struct rows *rows, uint64_t number, struct bytes key, struct bytes value);
struct row *rows_delete(struct rows *rows, uint64_t number, struct bytes key);
void row_take_back(struct row *row); /* its newest value */
/* Drops what nobody reads who reads as of `number` or later. */
void row_trim(struct row *row, uint64_t number);

struct row *rows_find(const struct rows *rows, struct bytes key); /* NULL */
/* The first row at or behind key; with `behind` not that key itself. NULL at the end. */
struct row *rows_seek(const struct rows *rows, struct bytes key, bool behind);
/* The last row before key, of all rows when key is absent. NULL when there is none. */
struct row *rows_before(const struct rows *rows, struct bytes key);
/* What the row was as of that change. NULL: it was not there, and nothing deleted it. */
const struct row_value *row_value_at(const struct row *row, uint64_t number);

#endif
