/* A checksum as compat computes it and as meta keeps it. */
#ifndef TERCET_GATEWAY_STORED_CHECKSUM_H
#define TERCET_GATEWAY_STORED_CHECKSUM_H

#include "compat/checksum_header.h"
#include "meta/meta.h"

struct meta_checksum stored_checksum_make(const struct checksum_value *value);
/* An algorithm number that compat does not know becomes CHECKSUM_NONE. */
struct checksum_value stored_checksum_read(const struct meta_checksum *stored);

#endif
