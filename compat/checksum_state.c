/* Computing the checksums of checksum_header.h: running ones over bytes, and those of multipart objects from
 * their parts'. A CRC's value is its number in big-endian order. */
#include <string.h>

#include "base/check.h"
#include "compat/checksum_header.h"

static bool checksum_is_digest(enum checksum_algorithm algorithm)
{
    return algorithm == CHECKSUM_SHA1 || algorithm == CHECKSUM_SHA256;
}

static void checksum_put_crc(struct checksum_value *value, enum checksum_algorithm algorithm, uint64_t crc)
{
    memset(value, 0, sizeof(*value));
    value->algorithm = algorithm;
    value->full_object = true;
    value->len = (uint8_t)checksum_length(algorithm);
    if (value->len == 8)
        put_u64(value->value, crc);
    else
        put_u32(value->value, (uint32_t)crc);
}

static uint64_t checksum_get_crc(const struct checksum_value *value)
{
    return value->len == 8 ? get_u64(value->value) : get_u32(value->value);
}

void checksum_state_init(struct checksum_state *state, enum checksum_algorithm algorithm)
{
    memset(state, 0, sizeof(*state));
    state->algorithm = algorithm;
    if (checksum_is_digest(algorithm))
        digest_init(&state->digest, algorithm == CHECKSUM_SHA1 ? DIGEST_SHA1 : DIGEST_SHA256);
}

void checksum_state_update(struct checksum_state *state, const void *data, size_t len)
{
    switch (state->algorithm) {
    case CHECKSUM_CRC32:
        state->crc = crc32_update((uint32_t)state->crc, data, len);
        break;
    case CHECKSUM_CRC32C:
        state->crc = crc32c_update((uint32_t)state->crc, data, len);
        break;
    case CHECKSUM_CRC64NVME:
        state->crc = crc64nvme_update(state->crc, data, len);
        break;
    case CHECKSUM_SHA1:
    case CHECKSUM_SHA256:
        digest_update(&state->digest, data, len);
        break;
    case CHECKSUM_NONE:
    case CHECKSUM_ALGORITHM_COUNT:
        break;
    }
}

void checksum_state_final(struct checksum_state *state, struct checksum_value *value)
{
    memset(value, 0, sizeof(*value));
    if (state->algorithm == CHECKSUM_NONE)
        return;
    if (!checksum_is_digest(state->algorithm)) {
        checksum_put_crc(value, state->algorithm, state->crc);
        return;
    }
    value->algorithm = state->algorithm;
    value->full_object = true;
    value->len = (uint8_t)checksum_length(state->algorithm);
    digest_final(&state->digest, value->value);
}

void checksum_state_release(struct checksum_state *state)
{
    digest_release(&state->digest);
}

void checksum_combiner_init(struct checksum_combiner *combiner, enum checksum_algorithm algorithm, bool full_object)
{
    CHECK(algorithm != CHECKSUM_NONE);
    CHECK(!full_object || !checksum_is_digest(algorithm));
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
        checksum_put_crc(value, combiner->algorithm, combiner->crc);
        return;
    }
    checksum_state_final(&combiner->composite, value);
    value->full_object = false;
}

void checksum_combiner_release(struct checksum_combiner *combiner)
{
    checksum_state_release(&combiner->composite);
}
