/* Sealed streams: known answers, and that no block can be changed, moved, repeated, cut off or taken from another
 * stream. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/block_seal.h"
#include "base/checksum.h"

#define SEALED_BLOCK (BLOCK_SEAL_BYTES + BLOCK_SEAL_MORE)

static struct seal_key key;
static struct block_seal_id id;

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SEAL_KEY_LEN; i++) {
        key.bytes[i] = (uint8_t)i;
        id.bytes[i] = (uint8_t)(100 + i);
    }
    id.sealed = true;
    return 0;
}

/* In pieces of `step`; to be freed. */
static uint8_t *seal(const struct block_seal_id *stream, const uint8_t *plain, size_t len, size_t step)
{
    struct block_seal *sealing = block_seal_create(&key, stream);
    uint8_t *out = malloc(block_seal_size(len) + 1), *at = out;

    for (size_t begin = 0, number = 0; begin < len; begin += BLOCK_SEAL_BYTES, number++) {
        size_t block = len - begin < BLOCK_SEAL_BYTES ? len - begin : BLOCK_SEAL_BYTES;
        block_seal_begin(sealing, number, begin + block == len);
        for (size_t done = 0; done < block; done += step) {
            size_t piece = block - done < step ? block - done : step;
            block_seal_update(sealing, plain + begin + done, piece, at);
            at += piece;
        }
        block_seal_end(sealing, at);
        at += BLOCK_SEAL_MORE;
    }
    assert_int_equal(at - out, block_seal_size(len));
    block_seal_free(sealing);
    return out;
}

static enum status open_block(const struct block_seal_id *stream, const uint8_t *sealed, size_t len, uint64_t number,
                              bool last, uint8_t *plain)
{
    struct block_seal *opening = block_seal_create(&key, stream);
    uint8_t *block = malloc(len + 1);

    memcpy(block, sealed, len);
    enum status status = block_seal_open(opening, number, last, block, len);
    for (size_t i = 0; status && len > BLOCK_SEAL_MORE && len <= SEALED_BLOCK && i < len - BLOCK_SEAL_MORE; i++)
        assert_int_equal(block[i], 0); /* nothing is left to be given out by mistake */
    if (!status && plain)
        memcpy(plain, block, len - BLOCK_SEAL_MORE);
    block_seal_free(opening);
    free(block);
    return status;
}

static void assert_digest(const uint8_t *data, size_t len, const char *expected)
{
    uint8_t digest[SHA256_LEN];
    char text[2 * SHA256_LEN + 1];

    sha256_of(data, len, digest);
    hex_encode(digest, sizeof(digest), text);
    assert_string_equal(text, expected);
}

/* Made by tests/lib/sealed.py. */
static void test_known_answers(void **state)
{
    (void)state;
    static const uint8_t zeros[BLOCK_SEAL_BYTES + 1] = {[BLOCK_SEAL_BYTES] = 'z'};
    uint8_t *sealed = seal(&id, (const uint8_t *)"abc", 3, 2);
    char text[64];

    hex_encode(sealed, block_seal_size(3), text);
    assert_string_equal(text, "8bef9b622277fe1020556b2ea7af5b345a9dc9");
    free(sealed);
    for (size_t step = 1000; step <= BLOCK_SEAL_BYTES; step += BLOCK_SEAL_BYTES - 1000) {
        sealed = seal(&id, zeros, BLOCK_SEAL_BYTES + 1, step);
        assert_digest(sealed, block_seal_size(BLOCK_SEAL_BYTES + 1),
                      "3f60100f3a42c7fe7273c6f387e29b0f66fa2b5d4b83b5eabd044c21b0e2e198");
        free(sealed);
    }
    sealed = seal(&id, zeros, BLOCK_SEAL_BYTES, BLOCK_SEAL_BYTES);
    assert_digest(sealed, SEALED_BLOCK, "3db0aa9b0175a1b8ea6ec031b9ad807f5f373f1f3278da9e220dc094bb959318");
    free(sealed);
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(block_seal_size(0), 0);
    assert_int_equal(block_seal_size(1), 17);
    assert_int_equal(block_seal_size(BLOCK_SEAL_BYTES), SEALED_BLOCK);
    assert_int_equal(block_seal_size(BLOCK_SEAL_BYTES + 1), SEALED_BLOCK + 17);
    assert_true(block_seal_size(UINT64_MAX) == UINT64_MAX);
    assert_int_equal(block_seal_stored_size(5, false), 5);
    assert_int_equal(block_seal_stored_size(5, true), 21);
}

static void test_nothing_else_opens(void **state)
{
    (void)state;
    enum { LEN = 2 * BLOCK_SEAL_BYTES };
    uint8_t *plain = malloc(LEN), *opened = malloc(BLOCK_SEAL_BYTES);
    struct block_seal_id other = id;

    for (size_t i = 0; i < LEN; i++)
        plain[i] = (uint8_t)(i % BLOCK_SEAL_BYTES * 7);
    uint8_t *sealed = seal(&id, plain, LEN, BLOCK_SEAL_BYTES), *second = sealed + SEALED_BLOCK;
    assert_int_equal(open_block(&id, sealed, SEALED_BLOCK, 0, false, opened), STATUS_OK);
    assert_memory_equal(opened, plain, BLOCK_SEAL_BYTES);
    assert_int_equal(open_block(&id, second, SEALED_BLOCK, 1, true, opened), STATUS_OK);
    assert_memory_equal(opened, plain + BLOCK_SEAL_BYTES, BLOCK_SEAL_BYTES);
    assert_memory_not_equal(sealed, second, SEALED_BLOCK); /* blocks of the same bytes look different */
    /* swapped, repeated, cut off behind the first, shown to go on behind the last */
    assert_int_equal(open_block(&id, second, SEALED_BLOCK, 0, false, NULL), STATUS_DENIED);
    assert_int_equal(open_block(&id, sealed, SEALED_BLOCK, 1, true, NULL), STATUS_DENIED);
    assert_int_equal(open_block(&id, sealed, SEALED_BLOCK, 1, false, NULL), STATUS_DENIED);
    assert_int_equal(open_block(&id, sealed, SEALED_BLOCK, 0, true, NULL), STATUS_DENIED);
    assert_int_equal(open_block(&id, second, SEALED_BLOCK, 1, false, NULL), STATUS_DENIED);
    /* shortened, without its tag, too long */
    assert_int_equal(open_block(&id, second, SEALED_BLOCK - 1, 1, true, NULL), STATUS_DENIED);
    assert_int_equal(open_block(&id, second, BLOCK_SEAL_MORE, 1, true, NULL), STATUS_DENIED);
    assert_int_equal(open_block(&id, sealed, SEALED_BLOCK + 1, 0, false, NULL), STATUS_DENIED);
    /* of another stream */
    other.bytes[31] ^= 1;
    assert_int_equal(open_block(&other, sealed, SEALED_BLOCK, 0, false, NULL), STATUS_DENIED);
    for (size_t at = 0; at < SEALED_BLOCK; at += 4099) {
        sealed[at] ^= 0x10;
        assert_int_equal(open_block(&id, sealed, SEALED_BLOCK, 0, false, NULL), STATUS_DENIED);
        sealed[at] ^= 0x10;
    }
    free(sealed);
    free(plain);
    free(opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_nothing_else_opens),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
