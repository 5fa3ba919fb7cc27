/* Headers in order of their names; see the header. */
#include "compat/header_index.h"

#include <stdlib.h>
#include <strings.h>

#include "base/check.h"

static int compare_names(struct bytes a, struct bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? strncasecmp(a.data, b.data, common) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_headers(const void *left, const void *right)
{
    const struct http_header *a = *(const struct http_header *const *)left;
    const struct http_header *b = *(const struct http_header *const *)right;
    int order = compare_names(a->name, b->name);

    return order ? order : (a > b) - (a < b); /* both are of one array */
}

void header_index_make(struct header_index *index, const struct http_header *headers, size_t count)
{
    CHECK(count <= HTTP_HEADERS_MAX);
    index->count = count;
    for (size_t i = 0; i < count; i++)
        index->sorted[i] = &headers[i];
    qsort(index->sorted, count, sizeof(index->sorted[0]), compare_headers);
}

size_t header_index_find(const struct header_index *index, struct bytes name, size_t *first)
{
    size_t low = 0, high = index->count, count = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_names(index->sorted[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    while (low + count < index->count && compare_names(index->sorted[low + count]->name, name) == 0)
        count++;
    return count;
}

size_t header_index_run(const struct header_index *index, size_t first)
{
    size_t count = 1;

    while (first + count < index->count &&
           compare_names(index->sorted[first + count]->name, index->sorted[first]->name) == 0)
        count++;
    return count;
}

enum status header_index_join(const struct header_index *index, size_t first, size_t count, struct buffer *out,
                              struct bytes *value)
{
    enum status status = STATUS_OK;

    *value = bytes_trim(index->sorted[first]->value);
    if (count == 1)
        return STATUS_OK;
    for (size_t i = 0; i < count && !status; i++) {
        if (i > 0)
            status = buffer_append_char(out, ',');
        if (!status)
            status = buffer_append_bytes(out, bytes_trim(index->sorted[first + i]->value));
    }
    *value = buffer_bytes(out);
    return status;
}
