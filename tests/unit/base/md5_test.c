/* MD5 against the vectors of RFC 1321 and against OpenSSL's: of every length around the blocks, in pieces, with each
 * kernel that the processor has, of many messages at once, and through the queue from many tasks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/loop.h"
#include "base/md5.h"
#include "base/md5_queue.h"
#include "base/pool.h"
#include "base/task.h"

#define DATA_BYTES 100000

static uint8_t data[DATA_BYTES];

static int fill(void **state)
{
    uint32_t seed = 99;

    (void)state;
    for (size_t i = 0; i < DATA_BYTES; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24);
    }
    return 0;
}

static void assert_md5(const struct md5 *md5, const void *message, size_t len)
{
    uint8_t got[MD5_LEN], expected[MD5_LEN];

    md5_final(md5, got);
    md5_of(message, len, expected);
    assert_memory_equal(got, expected, MD5_LEN);
}

static void the_vectors_of_its_rfc(void **state)
{
    static const struct {
        const char *message, *md5;
    } vectors[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct md5 md5;
        uint8_t value[MD5_LEN];
        char text[2 * MD5_LEN + 1];

        md5_init(&md5);
        md5_update(&md5, vectors[i].message, strlen(vectors[i].message));
        md5_final(&md5, value);
        hex_encode(value, MD5_LEN, text);
        assert_string_equal(text, vectors[i].md5);
    }
}

static void every_length_in_pieces(void **state)
{
    (void)state;
    for (size_t len = 0; len < 300; len++) {
        for (size_t piece = 1; piece < 140; piece += 23) {
            struct md5 md5;

            md5_init(&md5);
            for (size_t at = 0; at < len; at += piece)
                md5_update(&md5, data + at, piece < len - at ? piece : len - at);
            md5_update(&md5, NULL, 0);
            assert_md5(&md5, data, len);
        }
    }
}

/* A kernel alone, its messages at odd addresses. */
static void check_kernel(const struct md5_kernel *kernel)
{
    struct md5 messages[MD5_MESSAGES_MAX];
    uint32_t *words[MD5_MESSAGES_MAX];
    const uint8_t *from[MD5_MESSAGES_MAX];

    print_message("kernel %s\n", kernel->name);
    assert_in_range(kernel->lanes, 1, MD5_MESSAGES_MAX);
    for (size_t blocks = 0; blocks < 20; blocks += 1 + blocks / 4) {
        for (unsigned i = 0; i < kernel->lanes; i++) {
            md5_init(&messages[i]);
            words[i] = messages[i].words;
            from[i] = data + 4001 * i;
        }
        kernel->run(words, from, blocks);
        kernel->run(words, from, 0);
        for (unsigned i = 0; i < kernel->lanes; i++) {
            messages[i].len = blocks * MD5_BLOCK_BYTES;
            assert_md5(&messages[i], from[i], blocks * MD5_BLOCK_BYTES);
        }
    }
}

static void each_kernel_of_this_processor(void **state)
{
    unsigned count = 0;

    (void)state;
    for (const struct md5_kernel *kernel; (kernel = md5_kernel_at(count)) != NULL; count++)
        check_kernel(kernel);
    assert_true(count >= 2);
}

/* The messages are at different places, and go on alone afterwards. */
static void any_number_at_once(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= MD5_MESSAGES_MAX; count++) {
        struct md5 messages[MD5_MESSAGES_MAX], *pointers[MD5_MESSAGES_MAX];
        const uint8_t *from[MD5_MESSAGES_MAX];

        for (unsigned i = 0; i < count; i++) {
            md5_init(&messages[i]);
            md5_update(&messages[i], data + i, i * MD5_BLOCK_BYTES);
            pointers[i] = &messages[i];
            from[i] = data + i + i * MD5_BLOCK_BYTES;
        }
        md5_update_together(pointers, from, count, 33);
        for (unsigned i = 0; i < count; i++) {
            md5_update(&messages[i], from[i] + 33 * MD5_BLOCK_BYTES, 11 * i);
            assert_md5(&messages[i], data + i, (i + 33) * MD5_BLOCK_BYTES + 11 * i);
        }
    }
}

/* ---- the queue ----------------------------------------------------------------------------------------------------
 */

#define TASKS 40

struct uploads {
    struct loop *loop;
    struct md5_queue *queue;
    unsigned begun, left;
};

static void add_crc(void *arg, const void *bytes, size_t len)
{
    *(uint32_t *)arg = crc32c_update(*(uint32_t *)arg, bytes, len);
}

/* One message in pieces of odd sizes, some empty, others below a block; each task has its own sizes, so that lanes end
 * and begin in the middle of others. */
static void hashes_a_message(void *arg)
{
    struct uploads *uploads = arg;
    unsigned number = uploads->begun++;
    size_t len = DATA_BYTES - 1777 * number % DATA_BYTES, at = 0;
    uint32_t crc = 0;
    struct md5 md5;

    md5_init(&md5);
    for (unsigned i = 0; at < len; i++) {
        size_t take = (i * 7919 + number * 104729) % (i % 3 == 0 ? 100 : 30000);
        struct md5_piece piece = {.md5 = &md5, .data = (const char *)data + at, .beside = add_crc, .arg = &crc};

        piece.len = take < len - at ? take : len - at;
        at += piece.len;
        if (number % 4 == 0) /* not every owner wants something beside */
            piece.beside = NULL;
        md5_queue_add(uploads->queue, &piece);
        md5_piece_wait(&piece);
        if (i % 5 == number % 5)
            task_yield();
    }
    assert_md5(&md5, data, len);
    if (number % 4 != 0)
        assert_int_equal(crc, crc32c_update(0, data, len));
    if (--uploads->left == 0)
        loop_stop(uploads->loop);
}

static void many_tasks_share_the_lanes(void **state)
{
    struct pool *pool = pool_create(3, "test");
    struct uploads uploads = {.loop = loop_create(), .queue = md5_queue_create(pool), .left = TASKS};

    (void)state;
    for (int i = 0; i < TASKS; i++)
        task_spawn(uploads.loop, hashes_a_message, &uploads);
    loop_run(uploads.loop);
    assert_int_equal(uploads.begun, TASKS);
    loop_free(uploads.loop);
    pool_free(pool);
    md5_queue_free(uploads.queue);
}

/* More pieces than lanes, added at once by a thread that is no task. */
static void a_row_longer_than_the_lanes(void **state)
{
    struct pool *pool = pool_create(2, "test");
    struct md5_queue *queue = md5_queue_create(pool);
    struct md5 messages[3 * MD5_MESSAGES_MAX];
    struct md5_piece pieces[3 * MD5_MESSAGES_MAX];

    (void)state;
    for (unsigned i = 0; i < 3 * MD5_MESSAGES_MAX; i++) {
        md5_init(&messages[i]);
        pieces[i] = (struct md5_piece){.md5 = &messages[i], .data = (const char *)data, .len = 1999 * i};
        md5_queue_add(queue, &pieces[i]);
    }
    for (unsigned i = 0; i < 3 * MD5_MESSAGES_MAX; i++) {
        md5_piece_wait(&pieces[i]);
        assert_md5(&messages[i], data, 1999 * i);
    }
    pool_free(pool);
    md5_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_its_rfc),        cmocka_unit_test(every_length_in_pieces),
        cmocka_unit_test(each_kernel_of_this_processor), cmocka_unit_test(any_number_at_once),
        cmocka_unit_test(many_tasks_share_the_lanes),    cmocka_unit_test(a_row_longer_than_the_lanes),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
