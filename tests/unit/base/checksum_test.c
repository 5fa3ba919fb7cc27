/* CRCs against their catalogue's check values and a bitwise reference, in pieces and combined; digests and
 * HMAC against the vectors of their RFCs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"

#define DATA_SIZE 20000

static uint8_t data[DATA_SIZE];

static int fill(void **state)
{
    uint32_t seed = 12345;

    (void)state;
    for (size_t i = 0; i < DATA_SIZE; ++i) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24);
    }
    return 0;
}

/* One bit at a time; reflected, inverted before and after. */
static uint64_t reference(uint64_t polynomial, uint64_t mask, const uint8_t *at, size_t len)
{
    uint64_t crc = mask;

    while (len--) {
        crc ^= *at++;
        for (int bit = 0; bit < 8; ++bit)
            crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
    }
    return crc ^ mask;
}

static void test_check_values(void **state)
{
    (void)state;
    assert_int_equal(crc32_update(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc32c_update(0, "123456789", 9), 0xe3069283);
    assert_true(crc64nvme_update(0, "123456789", 9) == UINT64_C(0xae8b14860a799888));
    assert_int_equal(crc32_update(5, NULL, 0), 5);
    assert_int_equal(crc32c_update(5, NULL, 0), 5);
    assert_true(crc64nvme_update(5, NULL, 0) == 5);
}

static void test_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < 700; ++len) {
        const uint8_t *at = data + len % 17;
        assert_true(crc32_update(0, at, len) == reference(0xedb88320, UINT32_MAX, at, len));
        assert_true(crc32c_update(0, at, len) == reference(0x82f63b78, UINT32_MAX, at, len));
        assert_true(crc64nvme_update(0, at, len) == reference(UINT64_C(0x9a6c9329ac4bc9b5), UINT64_MAX, at, len));
    }
}

/* A table of blocks, with a short one at the end, as chunks have it, and another length in between. */
static void test_combination_of_blocks(void **state)
{
    uint32_t crc = 0;

    (void)state;
    for (size_t at = 0; at < DATA_SIZE;) {
        size_t len = at / 700 % 5 == 3 ? 13 : 700;
        if (len > DATA_SIZE - at)
            len = DATA_SIZE - at;
        crc = crc32c_combine(crc, crc32c_update(0, data + at, len), len);
        at += len;
        assert_int_equal(crc, crc32c_update(0, data, at));
        assert_int_equal(crc32c_combine(crc, 0, 0), crc);
        assert_int_equal(crc32c_combine(0, crc, at), crc);
    }
}

static void test_pieces_and_combination(void **state)
{
    uint32_t crc32 = crc32_update(0, data, DATA_SIZE), crc32c = crc32c_update(0, data, DATA_SIZE);
    uint64_t crc64 = crc64nvme_update(0, data, DATA_SIZE);

    (void)state;
    for (size_t split = 0; split <= DATA_SIZE; split += 371) {
        const uint8_t *rest = data + split;
        size_t len = DATA_SIZE - split;
        assert_int_equal(crc32_update(crc32_update(0, data, split), rest, len), crc32);
        assert_int_equal(crc32c_update(crc32c_update(0, data, split), rest, len), crc32c);
        assert_true(crc64nvme_update(crc64nvme_update(0, data, split), rest, len) == crc64);
        assert_int_equal(crc32_combine_lengths(crc32_update(0, data, split), crc32_update(0, rest, len), len), crc32);
        assert_int_equal(crc32c_combine(crc32c_update(0, data, split), crc32c_update(0, rest, len), len), crc32c);
        assert_true(crc64nvme_combine(crc64nvme_update(0, data, split), crc64nvme_update(0, rest, len), len) == crc64);
    }
}

/* 2^40 zero bytes by doubling agree with one combination of that length. */
static void test_combination_of_large_lengths(void **state)
{
    uint32_t zeros32 = crc32c_update(0, "", 1);
    uint64_t zeros64 = crc64nvme_update(0, "", 1);
    uint32_t crc32c = crc32c_update(0, data, 100), expected32 = crc32c;
    uint64_t crc64 = crc64nvme_update(0, data, 100), expected64 = crc64;

    (void)state;
    for (unsigned bit = 0; bit < 39; ++bit) {
        zeros32 = crc32c_combine(zeros32, zeros32, UINT64_C(1) << bit);
        zeros64 = crc64nvme_combine(zeros64, zeros64, UINT64_C(1) << bit);
    }
    for (int half = 0; half < 2; ++half) {
        expected32 = crc32c_combine(expected32, zeros32, UINT64_C(1) << 39);
        expected64 = crc64nvme_combine(expected64, zeros64, UINT64_C(1) << 39);
    }
    zeros32 = crc32c_combine(zeros32, zeros32, UINT64_C(1) << 39);
    zeros64 = crc64nvme_combine(zeros64, zeros64, UINT64_C(1) << 39);
    assert_int_equal(crc32c_combine(crc32c, zeros32, UINT64_C(1) << 40), expected32);
    assert_true(crc64nvme_combine(crc64, zeros64, UINT64_C(1) << 40) == expected64);
}

static void assert_hex(const uint8_t *value, size_t len, const char *want)
{
    char text[2 * SHA256_LEN + 1];

    hex_encode(value, len, text);
    assert_string_equal(text, want);
}

static void test_digests(void **state)
{
    uint8_t out[SHA256_LEN];
    struct digest digest;

    (void)state;
    md5_of("", 0, out);
    assert_hex(out, MD5_LEN, "d41d8cd98f00b204e9800998ecf8427e");
    sha256_of("abc", 3, out);
    assert_hex(out, SHA256_LEN, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

    digest_init(&digest, DIGEST_SHA1);
    digest_update(&digest, "a", 1);
    digest_update(&digest, "bc", 2);
    digest_final(&digest, out);
    assert_hex(out, SHA1_LEN, "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_null(digest.context);
    digest_release(&digest);

    digest_init(&digest, DIGEST_MD5);
    digest_update(&digest, "message digest", 14);
    digest_final(&digest, out);
    assert_hex(out, MD5_LEN, "f96b697d7cb7938d525a2f31aaf161d0");

    digest_init(&digest, DIGEST_SHA256);
    digest_update(&digest, data, 100);
    digest_release(&digest);
    digest_release(&digest);
}

static void test_hmac(void **state)
{
    uint8_t out[SHA256_LEN], long_key[131];

    (void)state;
    /* RFC 2202 and RFC 4231, test case 2 */
    hmac_sha1(BYTES("Jefe"), BYTES("what do ya want for nothing?"), out);
    assert_hex(out, SHA1_LEN, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    hmac_sha256(BYTES("Jefe"), BYTES("what do ya want for nothing?"), out);
    assert_hex(out, SHA256_LEN, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    /* RFC 4231, test case 6: a key longer than the block */
    memset(long_key, 0xaa, sizeof long_key);
    hmac_sha256(bytes_of(long_key, sizeof long_key), BYTES("Test Using Larger Than Block-Size Key - Hash Key First"),
                out);
    assert_hex(out, SHA256_LEN, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256(bytes_of(NULL, 0), bytes_of(NULL, 0), out);
    assert_hex(out, SHA256_LEN, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_values),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_pieces_and_combination),
        cmocka_unit_test(test_combination_of_blocks),
        cmocka_unit_test(test_combination_of_large_lengths),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_hmac),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
