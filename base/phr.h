/* picohttpparser as libh2o 2.2.5 exports it. Its header is not installed, so the ABI is restated here. */
#ifndef TERCET_BASE_PHR_H
#define TERCET_BASE_PHR_H

#include <stddef.h>

struct phr_header {
    const char *name; /* NULL: this line continues the value of the one before */
    size_t name_len;
    const char *value;
    size_t value_len;
};

/* Returns the length of the head, -1 when it is malformed, -2 when it is not complete. last_len is the length
 * of the call before on the same head, 0 at first; num_headers goes in as the array's size. */
int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_len, const char **path,
                      size_t *path_len, int *minor_version, struct phr_header *headers, size_t *num_headers,
                      size_t last_len);

#endif
