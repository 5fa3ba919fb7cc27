/* Lookups in a request's header list: linear, since a request has a few dozen headers, and HTTP_HEADERS_MAX at most. */
#include "compat/headers.h"

struct bytes header_list_find(struct header_list list, const char *name)
{
    for (size_t i = 0; i < list.count; i++) {
        if (bytes_equal_nocase(list.headers[i].name, name)) {
            struct bytes value = bytes_trim(list.headers[i].value);

            return value.data ? value : BYTES("");
        }
    }
    return (struct bytes){NULL, 0};
}

size_t header_list_count(struct header_list list, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < list.count; i++)
        count += bytes_equal_nocase(list.headers[i].name, name);
    return count;
}
