/* Messages in whole blocks, and which width they are hashed with; md5_lanes.c does the hashing. */
#include "base/md5.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/md5_lanes.h"

#define LENGTH_BYTES 8u /* of the message, at the end of its last block */

/* The first that has enough lanes is taken, so they are in the order of what a block of all lanes costs. */
static const struct md5_kernel kernels[] = {
    {"1", 1, md5_lanes_1},
#if defined(__x86_64__)
    {"8 avx512vl", 8, md5_lanes_8_avx512},
    {"16 avx512vl", 16, md5_lanes_16_avx512},
#endif
    {"4", 4, md5_lanes_4},
#if defined(__x86_64__)
    {"8 avx2", 8, md5_lanes_8_avx2},
#endif
};

static bool is_supported(const struct md5_kernel *kernel)
{
#if defined(__x86_64__)
    if (kernel->run == md5_lanes_8_avx2)
        return __builtin_cpu_supports("avx2");
    if (kernel->run == md5_lanes_8_avx512 || kernel->run == md5_lanes_16_avx512)
        return __builtin_cpu_supports("avx512vl");
#endif
    return kernel->lanes > 0;
}

const struct md5_kernel *md5_kernel_at(unsigned index)
{
    for (unsigned i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
        if (is_supported(&kernels[i]) && index-- == 0)
            return &kernels[i];
    return NULL;
}

/* The best one for so many messages: the widest when none takes them all. */
static const struct md5_kernel *choose(unsigned count)
{
    const struct md5_kernel *widest = NULL, *kernel;

    for (unsigned i = 0; (kernel = md5_kernel_at(i)) != NULL; i++) {
        if (kernel->lanes >= count)
            return kernel;
        if (!widest || kernel->lanes > widest->lanes)
            widest = kernel;
    }
    return widest;
}

void md5_update_together(struct md5 *const messages[], const uint8_t *const data[], unsigned count, size_t blocks)
{
    CHECK(count >= 1 && count <= MD5_MESSAGES_MAX);
    for (unsigned i = 0; i < count; i++)
        CHECK(messages[i]->len % MD5_BLOCK_BYTES == 0);
    for (unsigned done = 0; done < count;) {
        const struct md5_kernel *kernel = choose(count - done);
        uint32_t spare[4], *words[MD5_MESSAGES_MAX];
        const uint8_t *from[MD5_MESSAGES_MAX];
        unsigned taken = count - done < kernel->lanes ? count - done : kernel->lanes;

        memcpy(spare, messages[done]->words, sizeof(spare));
        for (unsigned i = 0; i < kernel->lanes; i++) { /* lanes without a message repeat the first, for nothing */
            words[i] = i < taken ? messages[done + i]->words : spare;
            from[i] = data[i < taken ? done + i : done];
        }
        kernel->run(words, from, blocks);
        for (unsigned i = 0; i < taken; i++)
            messages[done + i]->len += blocks * MD5_BLOCK_BYTES;
        done += taken;
    }
}

void md5_init(struct md5 *md5)
{
    *md5 = (struct md5){.words = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void md5_update(struct md5 *md5, const void *data, size_t len)
{
    size_t kept = md5->len % MD5_BLOCK_BYTES;
    const uint8_t *at = data;

    if (kept > 0 && len > 0) {
        size_t take = MD5_BLOCK_BYTES - kept < len ? MD5_BLOCK_BYTES - kept : len;
        memcpy(md5->rest + kept, at, take);
        md5->len += take;
        at += take;
        len -= take;
        if (kept + take == MD5_BLOCK_BYTES)
            md5_lanes_1((uint32_t *[]){md5->words}, (const uint8_t *[]){md5->rest}, 1);
    }
    if (len >= MD5_BLOCK_BYTES) {
        size_t blocks = len / MD5_BLOCK_BYTES;
        md5_lanes_1((uint32_t *[]){md5->words}, (const uint8_t *[]){at}, blocks);
        md5->len += blocks * MD5_BLOCK_BYTES;
        at += blocks * MD5_BLOCK_BYTES;
        len -= blocks * MD5_BLOCK_BYTES;
    }
    if (len > 0) {
        memcpy(md5->rest, at, len);
        md5->len += len;
    }
}

void md5_final(const struct md5 *md5, uint8_t out[MD5_LEN])
{
    static const uint8_t padding[MD5_BLOCK_BYTES] = {0x80};
    struct md5 padded = *md5;
    uint64_t bits = md5->len * 8;
    size_t kept = md5->len % MD5_BLOCK_BYTES;
    size_t until = MD5_BLOCK_BYTES - LENGTH_BYTES; /* the length goes there, in this block or in the next */

    md5_update(&padded, padding, kept < until ? until - kept : MD5_BLOCK_BYTES + until - kept);
    md5_update(&padded, &bits, sizeof(bits));
    memcpy(out, padded.words, MD5_LEN);
}
