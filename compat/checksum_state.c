/* Computing the checksums of checksum_header.h: running ones over bytes, and those of multipart objects from
 * their parts'. A CRC's value is its number in big-endian order. */
#include <string.h>

#include "base/check.h"
#include "compat/checksum_header.h"

/* What computes an algorithm. */
enum method { METHOD_NONE, METHOD_CRC, METHOD_DIGEST, METHOD_XXHASH };

static enum method checksum_method(enum checksum_algorithm algorithm)
{
    switch (algorithm) {
    case CHECKSUM_CRC32:
    case CHECKSUM_CRC32C:
    case CHECKSUM_CRC64NVME:
        return METHOD_CRC;
    case CHECKSUM_SHA1:
    case CHECKSUM_SHA256:
    case CHECKSUM_SHA512:
    case CHECKSUM_MD5:
        return METHOD_DIGEST;
    case CHECKSUM_XXHASH64:
    case CHECKSUM_XXHASH3:
    case CHECKSUM_XXHASH128:
        return METHOD_XXHASH;
    case CHECKSUM_NONE:
    case CHECKSUM_ALGORITHM_COUNT:
        break;
    }
    return METHOD_NONE;
}

static enum digest_type checksum_digest(enum checksum_algorithm algorithm)
{
    return algorithm == CHECKSUM_SHA1     ? DIGEST_SHA1
           : algorithm == CHECKSUM_SHA256 ? DIGEST_SHA256
           : algorithm == CHECKSUM_SHA512 ? DIGEST_SHA512
                                          : DIGEST_MD5;
}

static enum xxhash_type checksum_xxhash(enum checksum_algorithm algorithm)
{
    return algorithm == CHECKSUM_XXHASH64 ? XXHASH_64 : algorithm == CHECKSUM_XXHASH3 ? XXHASH_3 : XXHASH_128;
}

static void checksum_put_crc(struct checksum_value *value, uint64_t crc)
{
    if (value->len == 8)
        put_u64(value->value, crc);
    else
        put_u32(value->value, (uint32_t)crc);
}

static uint64_t checksum_get_crc(const struct checksum_value *value)
{
    return value->len == 8 ? get_u64(value->value) : get_u32(value->value);
}

static struct checksum_value checksum_value_begin(enum checksum_algorithm algorithm)
{
    return (struct checksum_value){
        .algorithm = algorithm, .full_object = true, .len = (uint8_t)checksum_length(algorithm)};
}

void checksum_state_init(struct checksum_state *state, enum checksum_algorithm algorithm)
{
    memset(state, 0, sizeof(*state));
    state->algorithm = algorithm;
    if (checksum_method(algorithm) == METHOD_DIGEST)
        digest_init(&state->digest, checksum_digest(algorithm));
    else if (checksum_method(algorithm) == METHOD_XXHASH)
        xxhash_init(&state->xxhash, checksum_xxhash(algorithm));
}

static uint64_t checksum_crc_update(enum checksum_algorithm algorithm, uint64_t crc, const void *data, size_t len)
{
    if (algorithm == CHECKSUM_CRC32)
        return crc32_update((uint32_t)crc, data, len);
    return algorithm == CHECKSUM_CRC32C ? crc32c_update((uint32_t)crc, data, len) : crc64nvme_update(crc, data, len);
}

void checksum_state_update(struct checksum_state *state, const void *data, size_t len)
{
    switch (checksum_method(state->algorithm)) {
    case METHOD_CRC:
        state->crc = checksum_crc_update(state->algorithm, state->crc, data, len);
        break;
    case METHOD_DIGEST:
        digest_update(&state->digest, data, len);
        break;
    case METHOD_XXHASH:
        xxhash_update(&state->xxhash, data, len);
        break;
    case METHOD_NONE:
        break;
    }
}

void checksum_state_final(struct checksum_state *state, struct checksum_value *value)
{
    *value = checksum_value_begin(state->algorithm);
    switch (checksum_method(state->algorithm)) {
    case METHOD_CRC:
        checksum_put_crc(value, state->crc);
        break;
    case METHOD_DIGEST:
        digest_final(&state->digest, value->value);
        break;
    case METHOD_XXHASH:
        xxhash_final(&state->xxhash, value->value);
        break;
    case METHOD_NONE:
        value->full_object = false;
        break;
    }
}

void checksum_state_release(struct checksum_state *state)
{
    digest_release(&state->digest);
    xxhash_release(&state->xxhash);
}

void checksum_combiner_init(struct checksum_combiner *combiner, enum checksum_algorithm algorithm, bool full_object)
{
    CHECK(algorithm != CHECKSUM_NONE);
    CHECK(!full_object || checksum_method(algorithm) == METHOD_CRC);
    memset(combiner, 0, sizeof(*combiner));
    combiner->algorithm = algorithm;
    combiner->full_object = full_object;
    checksum_state_init(&combiner->composite, full_object ? CHECKSUM_NONE : algorithm);
}

enum status checksum_combiner_add(struct checksum_combiner *combiner, const struct checksum_value *part,
                                  uint64_t part_bytes)
{
    uint64_t crc;

    if (part->algorithm != combiner->algorithm || part->len != checksum_length(combiner->algorithm))
        return STATUS_INVALID;
    if (!combiner->full_object) {
        checksum_state_update(&combiner->composite, part->value, part->len);
        return STATUS_OK;
    }
    crc = checksum_get_crc(part);
    if (combiner->algorithm == CHECKSUM_CRC32)
        combiner->crc = crc32_combine_lengths((uint32_t)combiner->crc, (uint32_t)crc, part_bytes);
    else if (combiner->algorithm == CHECKSUM_CRC32C)
        combiner->crc = crc32c_combine((uint32_t)combiner->crc, (uint32_t)crc, part_bytes);
    else
        combiner->crc = crc64nvme_combine(combiner->crc, crc, part_bytes);
    return STATUS_OK;
}

void checksum_combiner_final(struct checksum_combiner *combiner, struct checksum_value *value)
{
    if (combiner->full_object) {
        *value = checksum_value_begin(combiner->algorithm);
        checksum_put_crc(value, combiner->crc);
        return;
    }
    checksum_state_final(&combiner->composite, value);
    value->full_object = false;
}

void checksum_combiner_release(struct checksum_combiner *combiner)
{
    checksum_state_release(&combiner->composite);
}
