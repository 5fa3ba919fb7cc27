/* Looking things up in a request's header list. Names compare without regard to ASCII case. */
#ifndef TERCET_COMPAT_HEADERS_H
#define TERCET_COMPAT_HEADERS_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/http_server.h"

/* A request's headers, or its trailer. The fields are not owned. */
struct header_list {
    const struct http_header *headers;
    size_t count;
};

/* The first value of that name, without outer white space; data is NULL when absent. */
struct bytes header_list_find(struct header_list list, const char *name);
size_t header_list_count(struct header_list list, const char *name);

#endif
