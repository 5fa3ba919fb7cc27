/* Walking through a separated list without copying it. */
#ifndef TERCET_COMPAT_SPLIT_H
#define TERCET_COMPAT_SPLIT_H

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

/* Cuts the piece up to the next separator, or to the end, off `rest`. False when nothing is left, so a
 * separator at the very end is followed by no empty piece. */
static inline bool split_next(struct bytes *rest, char separator, struct bytes *piece)
{
    if (!rest->len)
        return false;
    const char *end = memchr(rest->data, separator, rest->len);
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    size_t taken = end ? len + 1 : len;
    *piece = bytes_of(rest->data, len);
    *rest = bytes_of(rest->data + taken, rest->len - taken);
    return true;
}

#endif
