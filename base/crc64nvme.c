/* CRC-64/NVME: reflected polynomial 0x9a6c9329ac4bc9b5, inverted before and after.
 *
 * Large inputs are folded 64 bytes at a time with carry-less multiplication where the processor has it ("Fast
 * CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel 2009); small ones, rests and other
 * processors use tables of eight bytes at a time. Both give the same value for every split of the input. */
#include "base/checksum.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/check.h"

#define POLYNOMIAL     UINT64_C(0x9a6c9329ac4bc9b5)
#define FOLD_BYTES_MIN 128

/* Written once, before any reader. */
static uint64_t table[8][256];
static struct fold_constants {
    bool usable;
    uint64_t by_512[2], by_128[2]; /* for the low and the high half of a register */
} folding;

/* x^n modulo the polynomial; the highest bit is x^0. */
static uint64_t power_of_x(unsigned n)
{
    uint64_t value = UINT64_C(1) << 63;
    while (n--)
        value = value & 1 ? value >> 1 ^ POLYNOMIAL : value >> 1;
    return value;
}

static void prepare(void)
{
    for (unsigned i = 0; i < 256; ++i) {
        uint64_t crc = i;
        for (unsigned bit = 0; bit < 8; ++bit)
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        table[0][i] = crc;
    }
    for (unsigned i = 0; i < 256; ++i)
        for (unsigned t = 1; t < 8; ++t)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 255];
    /* The earlier half of a register is 64 bits further from the end. A reflected product comes out one bit
     * short, hence one power less. */
    folding.by_512[0] = power_of_x(512 + 63);
    folding.by_512[1] = power_of_x(512 - 1);
    folding.by_128[0] = power_of_x(128 + 63);
    folding.by_128[1] = power_of_x(128 - 1);
#if defined(__x86_64__)
    folding.usable = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse2");
#endif
}

/* Takes and returns the bare remainder, without the inversions. */
static uint64_t update_by_table(uint64_t crc, const uint8_t *at, size_t len)
{
    for (; len >= 8; at += 8, len -= 8) {
        crc ^= (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
               (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
        crc = table[7][crc & 255] ^ table[6][crc >> 8 & 255] ^ table[5][crc >> 16 & 255] ^ table[4][crc >> 24 & 255] ^
              table[3][crc >> 32 & 255] ^ table[2][crc >> 40 & 255] ^ table[1][crc >> 48 & 255] ^ table[0][crc >> 56];
    }
    while (len--)
        crc = table[0][(crc ^ *at++) & 255] ^ crc >> 8;
    return crc;
}

#if defined(__x86_64__)
#define FOLD_TARGET __attribute__((target("pclmul,sse2")))

FOLD_TARGET static inline __m128i fold_load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

FOLD_TARGET static inline __m128i fold_into(__m128i earlier, __m128i constants, __m128i later)
{
    __m128i low = _mm_clmulepi64_si128(earlier, constants, 0x00);
    __m128i high = _mm_clmulepi64_si128(earlier, constants, 0x11);
    return _mm_xor_si128(later, _mm_xor_si128(low, high));
}

FOLD_TARGET static uint64_t update_by_folding(uint64_t crc, const uint8_t *at, size_t len)
{
    const __m128i by_512 = _mm_set_epi64x((long long)folding.by_512[1], (long long)folding.by_512[0]);
    const __m128i by_128 = _mm_set_epi64x((long long)folding.by_128[1], (long long)folding.by_128[0]);
    __m128i a = _mm_xor_si128(fold_load(at), _mm_cvtsi64_si128((long long)crc));
    __m128i b = fold_load(at + 16), c = fold_load(at + 32), d = fold_load(at + 48);
    uint8_t folded[16];

    for (at += 64, len -= 64; len >= 64; at += 64, len -= 64) {
        a = fold_into(a, by_512, fold_load(at));
        b = fold_into(b, by_512, fold_load(at + 16));
        c = fold_into(c, by_512, fold_load(at + 32));
        d = fold_into(d, by_512, fold_load(at + 48));
    }
    a = fold_into(fold_into(fold_into(a, by_128, b), by_128, c), by_128, d);
    _mm_storeu_si128((__m128i *)(void *)folded, a);
    return update_by_table(update_by_table(0, folded, sizeof folded), at, len);
}
#endif

uint64_t crc64nvme_update(uint64_t crc, const void *data, size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, prepare) == 0);
#if defined(__x86_64__)
    if (folding.usable && len >= FOLD_BYTES_MIN)
        return ~update_by_folding(~crc, data, len);
#endif
    return ~update_by_table(~crc, data, len);
}
