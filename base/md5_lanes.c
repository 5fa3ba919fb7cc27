/* RFC 1321, section 3.4, over vectors: each lane holds the word of another message. Compiled once for each width, with
 * MD5_LANES and the name MD5_LANES_NAME (CMakeLists.txt); one lane is a plain integer.
 *
 * The words of a block lie side by side in each message, but a step wants the same word of all. They are turned by
 * rounds of interleaving: to interleave each row with the one half the rows below turns the bits of an element's
 * address by one, and after as many rounds as the number of lanes has bits, rows are columns. */
#include "base/md5_lanes.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a message's words are loaded as they lie in memory");

#define BLOCK_WORDS 16
#define BLOCK_BYTES 64

#if MD5_LANES == 1
typedef uint32_t vector;
#else
typedef uint32_t vector __attribute__((vector_size(4 * MD5_LANES)));
#endif

#if MD5_LANES == 4
#define INTERLEAVE_LOW(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define INTERLEAVE_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#elif MD5_LANES == 8
#define INTERLEAVE_LOW(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define INTERLEAVE_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif MD5_LANES == 16
#define INTERLEAVE_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define INTERLEAVE_HIGH(a, b)                                                                                          \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#endif

/* floor(2^32 * |sin(i + 1)|) */
static const uint32_t sines[BLOCK_BYTES] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* Word k of the block of every message becomes words[k]. */
static inline void load(const uint8_t *const data[], size_t offset, vector words[BLOCK_WORDS])
{
#if MD5_LANES == 1
    memcpy(words, data[0] + offset, BLOCK_BYTES);
#else
    for (unsigned first = 0; first < BLOCK_WORDS; first += MD5_LANES) {
        vector rows[MD5_LANES], turned[MD5_LANES];
        for (unsigned i = 0; i < MD5_LANES; i++)
            memcpy(&rows[i], data[i] + offset + 4 * first, sizeof(vector));
        for (unsigned round = 1; round < MD5_LANES; round *= 2) {
            for (unsigned i = 0; i < MD5_LANES / 2; i++) {
                turned[2 * i] = INTERLEAVE_LOW(rows[i], rows[i + MD5_LANES / 2]);
                turned[2 * i + 1] = INTERLEAVE_HIGH(rows[i], rows[i + MD5_LANES / 2]);
            }
            memcpy(rows, turned, sizeof(rows));
        }
        memcpy(words + first, rows, sizeof(rows));
    }
#endif
}

/* What does not wait for b, the result of the step before, is added first. */
#define STEP(early, late, a, b, k, i, bits)                                                                            \
    do {                                                                                                               \
        (a) += sines[i] + words[(k) % BLOCK_WORDS] + (early);                                                          \
        (a) += (late);                                                                                                 \
        (a) = ((a) << (bits) | (a) >> (32 - (bits))) + (b);                                                            \
    } while (0)
#define STEP_F(a, b, c, d, i, bits) STEP(0, (((c) ^ (d)) & (b)) ^ (d), a, b, i, i, bits)
#define STEP_G(a, b, c, d, i, bits) STEP(~(d) & (c), (d) & (b), a, b, 5 * (i) + 1, i, bits)
#define STEP_H(a, b, c, d, i, bits) STEP(0, ((c) ^ (d)) ^ (b), a, b, 3 * (i) + 5, i, bits)
#define STEP_I(a, b, c, d, i, bits) STEP(0, (c) ^ ((b) | ~(d)), a, b, 7 * (i), i, bits)
#define STEPS(step, i, s, t, u, v)                                                                                     \
    step(a, b, c, d, i, s);                                                                                            \
    step(d, a, b, c, (i) + 1, t);                                                                                      \
    step(c, d, a, b, (i) + 2, u);                                                                                      \
    step(b, c, d, a, (i) + 3, v)
#define ROUND(step, i, s, t, u, v)                                                                                     \
    STEPS(step, i, s, t, u, v);                                                                                        \
    STEPS(step, (i) + 4, s, t, u, v);                                                                                  \
    STEPS(step, (i) + 8, s, t, u, v);                                                                                  \
    STEPS(step, (i) + 12, s, t, u, v)

void MD5_LANES_NAME(uint32_t *const states[], const uint8_t *const data[], size_t blocks)
{
    uint32_t rows[4][MD5_LANES];
    vector state[4], words[BLOCK_WORDS];

    for (unsigned i = 0; i < 4 * MD5_LANES; i++)
        rows[i % 4][i / 4] = states[i / 4][i % 4];
    memcpy(state, rows, sizeof(state));
    for (size_t block = 0; block < blocks; block++) {
        vector a = state[0], b = state[1], c = state[2], d = state[3];
        load(data, block * BLOCK_BYTES, words);
        ROUND(STEP_F, 0, 7, 12, 17, 22);
        ROUND(STEP_G, 16, 5, 9, 14, 20);
        ROUND(STEP_H, 32, 4, 11, 16, 23);
        ROUND(STEP_I, 48, 6, 10, 15, 21);
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
    }
    memcpy(rows, state, sizeof(rows));
    for (unsigned i = 0; i < 4 * MD5_LANES; i++)
        states[i / 4][i % 4] = rows[i % 4][i / 4];
}
