/* The stored form of a chunk: what goes in comes out, and no flipped bit goes unnoticed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "storage/node/chunk_format.h"

struct sample {
    struct chunk_head head;
    uint8_t encoded[CHUNK_HEAD_BYTES_MAX];
    uint32_t len;
    uint8_t *payload;
};

static void sample_make(struct sample *sample, uint32_t size)
{
    struct chunk_sums sums = {0};
    memset(sample, 0, sizeof(*sample));
    sample->payload = mem_alloc(size);
    for (uint32_t i = 0; i < size; i++)
        sample->payload[i] = (uint8_t)(i * 31 + (i >> 9));
    /* in pieces that do not fit the blocks */
    for (uint32_t done = 0; done < size;) {
        uint32_t part = size - done < 40001 ? size - done : 40001;
        assert_int_equal(chunk_sums_update(&sums, sample->payload + done, part), STATUS_OK);
        done += part;
    }
    for (int i = 0; i < CLUSTER_ID_LEN; i++) {
        sample->head.cluster[i] = (uint8_t)(0xa0 + i);
        sample->head.id.bytes[i] = (uint8_t)(0x10 + i);
    }
    sample->head.size = sums.size;
    sample->head.crc32c = sums.crc32c;
    sample->head.stored_ms = 1795377600123;
    memcpy(sample->head.table, sums.table, sizeof(sums.table));
    sample->len = chunk_head_len(size);
    chunk_head_encode(&sample->head, sample->encoded);
}

static enum status sample_decode(const struct sample *sample, struct chunk_head *head)
{
    return chunk_head_decode(bytes_of(sample->encoded, sample->len), sample->head.cluster, &sample->head.id, head);
}

static void round_trip(void **state)
{
    static const uint32_t sizes[] = {1, 4096, 65535, 65536, 65537, 200000, CHUNK_BYTES_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct sample sample;
        struct chunk_head head;
        sample_make(&sample, sizes[i]);
        assert_int_equal(sample_decode(&sample, &head), STATUS_OK);
        assert_int_equal(head.size, sizes[i]);
        assert_int_equal(head.crc32c, crc32c_update(0, sample.payload, sizes[i]));
        assert_int_equal(head.stored_ms, 1795377600123);
        assert_memory_equal(head.table, sample.head.table, 4 * chunk_block_count(sizes[i]));
        assert_int_equal(chunk_blocks_verify(&head, 0, chunk_block_count(sizes[i]), sample.payload), STATUS_OK);
        free(sample.payload);
    }
}

static void layout_is_fixed(void **state)
{
    struct sample sample;
    (void)state;
    sample_make(&sample, 70000);
    assert_int_equal(sample.len, 88);
    assert_memory_equal(sample.encoded, "tercetCK\0\1\0\0\0\1\0\0", 16);
    assert_int_equal(get_u32(sample.encoded + 48), 70000);
    assert_int_equal(get_u32(sample.encoded + 52), crc32c_update(0, sample.payload, 70000));
    assert_int_equal(get_u32(sample.encoded + 84), crc32c_update(0, sample.payload + 65536, 70000 - 65536));
    free(sample.payload);
}

static void every_flipped_bit_is_noticed(void **state)
{
    struct sample sample;
    struct chunk_head head;
    (void)state;
    sample_make(&sample, 150000);
    for (uint32_t bit = 0; bit < 8 * sample.len; bit++) {
        sample.encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(sample_decode(&sample, &head), STATUS_CORRUPT);
        sample.encoded[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(sample_decode(&sample, &head), STATUS_OK);
    free(sample.payload);
}

/* Fields are judged even when the head's own checksum is right. */
static void fields_are_checked(void **state)
{
    static const uint32_t offsets[] = {0, 8, 10, 12, 16, 32, 48, 64, 72};
    struct sample sample;
    struct chunk_head head;
    (void)state;
    sample_make(&sample, 1000);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        struct sample changed = sample;
        changed.encoded[offsets[i]] ^= 0x40;
        uint32_t crc = crc32c_update(0, changed.encoded, 76);
        put_u32(changed.encoded + 76, crc32c_update(crc, changed.encoded + 80, changed.len - 80));
        assert_int_equal(sample_decode(&changed, &head), STATUS_CORRUPT);
    }
    put_u32(sample.encoded + 48, 0);
    put_u32(sample.encoded + 76, crc32c_update(0, sample.encoded, 76));
    assert_int_equal(sample_decode(&sample, &head), STATUS_CORRUPT);
    free(sample.payload);
}

static void short_and_foreign_heads(void **state)
{
    struct sample sample;
    struct chunk_head head;
    struct chunk_id other;
    uint8_t cluster[CLUSTER_ID_LEN] = {0};
    (void)state;
    sample_make(&sample, 200000);
    for (uint32_t len = 0; len < sample.len; len++)
        assert_int_equal(chunk_head_decode(bytes_of(sample.encoded, len), sample.head.cluster, &sample.head.id, &head),
                         STATUS_CORRUPT);
    other = sample.head.id;
    other.bytes[15] ^= 1;
    struct bytes encoded = bytes_of(sample.encoded, sample.len);
    assert_int_equal(chunk_head_decode(encoded, sample.head.cluster, &other, &head), STATUS_CORRUPT);
    assert_int_equal(chunk_head_decode(encoded, cluster, &sample.head.id, &head), STATUS_CORRUPT);
    free(sample.payload);
}

static void payload_damage_is_found_in_its_block(void **state)
{
    struct sample sample;
    (void)state;
    sample_make(&sample, 200000);
    sample.payload[131072] ^= 1;
    assert_int_equal(chunk_blocks_verify(&sample.head, 0, 2, sample.payload), STATUS_OK);
    assert_int_equal(chunk_blocks_verify(&sample.head, 2, 1, sample.payload + 131072), STATUS_CORRUPT);
    assert_int_equal(chunk_blocks_verify(&sample.head, 3, 1, sample.payload + 196608), STATUS_OK);
    assert_int_equal(chunk_block_len(&sample.head, 3), 200000 - 196608);
    free(sample.payload);
}

static void sums_have_a_limit(void **state)
{
    struct chunk_sums sums = {0};
    char *megabyte = mem_zalloc(1 << 20);
    (void)state;
    for (unsigned i = 0; i < CHUNK_BYTES_MAX >> 20; i++)
        assert_int_equal(chunk_sums_update(&sums, megabyte, 1 << 20), STATUS_OK);
    assert_int_equal(chunk_sums_update(&sums, megabyte, 1), STATUS_LIMIT);
    assert_int_equal(sums.size, CHUNK_BYTES_MAX);
    free(megabyte);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(layout_is_fixed),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(fields_are_checked),
        cmocka_unit_test(short_and_foreign_heads),
        cmocka_unit_test(payload_damage_is_found_in_its_block),
        cmocka_unit_test(sums_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
