/* Checksums between compat and meta; see the header. */
#include "gateway/object/stored_checksum.h"

#include <assert.h>
#include <string.h>

static_assert(CHECKSUM_BYTES_MAX == META_CHECKSUM_BYTES_MAX, "each checksum can be kept");

struct checksum_value stored_checksum_read(const struct meta_checksum *stored)
{
    struct checksum_value value = {.algorithm = stored->algorithm < CHECKSUM_ALGORITHM_COUNT ? stored->algorithm : 0,
                                   .full_object = stored->full_object != 0,
                                   .len = stored->len};
    memcpy(value.value, stored->value, sizeof(value.value));
    return value;
}

struct meta_checksum stored_checksum_make(const struct checksum_value *value)
{
    struct meta_checksum stored = {
        .algorithm = (uint8_t)value->algorithm, .full_object = value->full_object, .len = value->len};
    memcpy(stored.value, value->value, sizeof(stored.value));
    return stored;
}
