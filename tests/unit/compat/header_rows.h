/* Header lists for tests, written as rows of name and value. */
#ifndef TERCET_TESTS_HEADER_ROWS_H
#define TERCET_TESTS_HEADER_ROWS_H

#include "compat/headers.h"

#define HEADERS_MAX 4

struct header_row {
    const char *name, *value; /* name NULL: no more rows */
};

/* The rows as a list in `out`. */
static struct header_list list_of(const struct header_row rows[HEADERS_MAX], struct http_header out[HEADERS_MAX])
{
    struct header_list list = {out, 0};

    while (list.count < HEADERS_MAX && rows[list.count].name) {
        out[list.count].name = bytes_from_str(rows[list.count].name);
        out[list.count].value = bytes_from_str(rows[list.count].value);
        list.count++;
    }
    return list;
}

#endif
