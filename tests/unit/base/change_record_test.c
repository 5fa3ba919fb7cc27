/* Records of changes: what is written is read, and nothing that is damaged is believed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/change_record.h"
#include "base/checksum.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static void record_add(struct buffer *out, uint64_t epoch, uint64_t first)
{
    const struct change put = {CHANGE_PUT, 3, BYTES("key"), BYTES("value")};
    const struct change empty = {CHANGE_PUT, 0, BYTES(""), BYTES("")};
    const struct change delete = {CHANGE_DELETE, 8, BYTES("gone\0x"), {0}};
    size_t start;
    OK(change_record_begin(out, &start));
    OK(change_append(out, &put));
    OK(change_append(out, &empty));
    OK(change_append(out, &delete));
    OK(change_record_seal(out, start, epoch, first, 3));
}

static void test_round_trip(void **state)
{
    struct buffer out;
    struct change_record record;
    struct change change;
    (void)state;
    buffer_init(&out, 1 << 16);
    record_add(&out, 7, 100);
    record_add(&out, 7, 103);
    struct bytes rest = buffer_bytes(&out);
    for (uint64_t first = 100; first <= 103; first += 3) {
        OK(change_record_next(&rest, &record));
        assert_int_equal(record.epoch, 7);
        assert_int_equal(record.first, first);
        assert_int_equal(record.count, 3);
        OK(change_next(&record.payload, &change));
        assert_int_equal(change.kind, CHANGE_PUT);
        assert_int_equal(change.family, 3);
        assert_true(bytes_equal_str(change.key, "key") && bytes_equal_str(change.value, "value"));
        OK(change_next(&record.payload, &change));
        assert_int_equal(change.key.len + change.value.len, 0);
        OK(change_next(&record.payload, &change));
        assert_int_equal(change.kind, CHANGE_DELETE);
        assert_int_equal(change.family, 8);
        assert_true(bytes_equal(change.key, BYTES("gone\0x")));
        assert_int_equal(change_next(&record.payload, &change), STATUS_NOT_FOUND);
    }
    assert_int_equal(change_record_next(&rest, &record), STATUS_NOT_FOUND);
    buffer_release(&out);
}

/* Whichever byte is wrong, and wherever it is cut. */
static void test_damage(void **state)
{
    struct buffer out;
    struct change_record record;
    (void)state;
    buffer_init(&out, 1 << 16);
    record_add(&out, 1, 1);
    for (size_t i = 0; i < out.len; i++) {
        struct bytes rest = buffer_bytes(&out);
        out.data[i] ^= 0x20;
        assert_int_equal(change_record_next(&rest, &record), STATUS_CORRUPT);
        out.data[i] ^= 0x20;
        rest = bytes_of(out.data, i);
        assert_int_equal(change_record_next(&rest, &record), i ? STATUS_CORRUPT : STATUS_NOT_FOUND);
    }
    buffer_release(&out);
}

/* A right checksum over a wrong count or a change that reaches beyond the record. */
static void test_malformed(void **state)
{
    struct buffer out;
    struct change_record record;
    struct bytes rest;
    size_t start;
    (void)state;
    buffer_init(&out, 1 << 16);
    OK(change_record_begin(&out, &start));
    OK(change_append(&out, &(struct change){CHANGE_PUT, 1, BYTES("k"), BYTES("v")}));
    OK(change_record_seal(&out, start, 1, 1, 2));
    rest = buffer_bytes(&out);
    assert_int_equal(change_record_next(&rest, &record), STATUS_CORRUPT);
    put_u32(out.data + CHANGE_HEADER_LEN + 4, 1000);
    OK(change_record_seal(&out, start, 1, 1, 1));
    rest = buffer_bytes(&out);
    assert_int_equal(change_record_next(&rest, &record), STATUS_CORRUPT);
    buffer_release(&out);
}

static void test_limits(void **state)
{
    struct buffer out;
    size_t start;
    (void)state;
    buffer_init(&out, CHANGE_HEADER_LEN + 20);
    OK(change_record_begin(&out, &start));
    OK(change_append(&out, &(struct change){CHANGE_PUT, 1, BYTES("12345"), BYTES("6789012")}));
    assert_int_equal(change_append(&out, &(struct change){CHANGE_PUT, 1, BYTES("1"), BYTES("")}), STATUS_LIMIT);
    assert_int_equal(out.len, CHANGE_HEADER_LEN + 20);
    buffer_release(&out);
}

static void test_epoch(void **state)
{
    (void)state;
    uint64_t a = change_epoch_create(5), b = change_epoch_create(5);
    assert_int_equal(change_generation(a), 5);
    assert_int_equal(change_generation(b), 5);
    assert_true(a != b);
}

/* ---- carried blocks ---------------------------------------------------------------------------------------------- */

static const struct carried_set three = {3, {2, 9, 4}};

static struct carried_chunk chunk_of(char first, const char *bytes)
{
    struct carried_chunk chunk = {.size = (uint32_t)strlen(bytes), .bytes = bytes};
    chunk.id.bytes[0] = (uint8_t)first;
    chunk.crc32c = crc32c_update(0, bytes, chunk.size);
    return chunk;
}

static void block_add(struct buffer *out)
{
    const struct carried_chunk one = chunk_of('a', "some bytes"), other = chunk_of('b', "x");
    size_t start;
    OK(carried_block_begin(out, &start));
    OK(carried_append(out, start, &one));
    OK(carried_append(out, start, &other));
    carried_block_seal(out, start, &three);
}

static void chunk_expect(struct bytes *payload, char first, const char *bytes)
{
    struct carried_chunk chunk;
    OK(carried_chunk_next(payload, &chunk));
    assert_int_equal(chunk.id.bytes[0], first);
    assert_true(bytes_equal_str(bytes_of(chunk.bytes, chunk.size), bytes));
    OK(carried_chunk_verify(&chunk));
}

/* A record with its block, one without, and both again. */
static void test_carried(void **state)
{
    struct buffer out;
    struct carried_block block;
    struct carried_chunk chunk;
    struct change_record record;
    (void)state;
    buffer_init(&out, 1 << 16);
    for (unsigned i = 0; i < 2; i++) {
        block_add(&out);
        record_add(&out, 7, 100);
        record_add(&out, 7, 103);
    }
    struct bytes rest = buffer_bytes(&out);
    for (unsigned i = 0; i < 2; i++) {
        OK(carried_block_next(&rest, &block));
        assert_int_equal(block.count, 2);
        assert_memory_equal(&block.set, &three, sizeof(three));
        chunk_expect(&block.payload, 'a', "some bytes");
        chunk_expect(&block.payload, 'b', "x");
        assert_int_equal(carried_chunk_next(&block.payload, &chunk), STATUS_NOT_FOUND);
        OK(change_record_next(&rest, &record));
        assert_int_equal(carried_block_next(&rest, &block), STATUS_NOT_FOUND);
        OK(change_record_next(&rest, &record));
    }
    assert_int_equal(carried_block_next(&rest, &block), STATUS_NOT_FOUND);
    assert_int_equal(change_record_next(&rest, &record), STATUS_NOT_FOUND);
    buffer_release(&out);
}

/* Whichever byte is wrong, and wherever it is cut: either the block says so, or the chunk whose byte it is. */
static void test_carried_damage(void **state)
{
    struct buffer out;
    struct carried_block block;
    struct carried_chunk chunk;
    (void)state;
    buffer_init(&out, 1 << 16);
    block_add(&out);
    for (size_t i = 0; i < out.len; i++) {
        struct bytes rest = buffer_bytes(&out);
        out.data[i] ^= 0x20;
        enum status status = carried_block_next(&rest, &block);
        while (!status && (status = carried_chunk_next(&block.payload, &chunk)) == STATUS_OK)
            status = carried_chunk_verify(&chunk);
        assert_int_equal(status, i < 4 ? STATUS_NOT_FOUND : STATUS_CORRUPT);
        out.data[i] ^= 0x20;
        rest = bytes_of(out.data, i);
        assert_int_equal(carried_block_next(&rest, &block), i < 4 ? STATUS_NOT_FOUND : STATUS_CORRUPT);
    }
    buffer_release(&out);
}

/* Right checksums over what cannot be. */
static void test_carried_malformed(void **state)
{
    struct buffer out;
    struct carried_block block;
    (void)state;
    static const struct {
        size_t at;
        char byte;
    } cases[] = {
        {11, 1},                                       /* fewer chunks than there are */
        {12, 0},                                       /* no nodes */
        {12, 5},                                       /* more than there is room for */
        {12, 4},                                       /* a node with the number 0 */
        {12, 2},                                       /* one too many */
        {18, 1},                                       /* what is to be zero */
        {CARRIED_HEADER_LEN + CHUNK_ID_LEN + 1, 1},    /* a chunk that reaches beyond the block */
        {CARRIED_HEADER_LEN + CHUNK_ID_LEN + 3, 0},    /* an empty one */
        {CARRIED_HEADER_LEN + CHUNK_ID_LEN + 0, 0x7f}, /* one that is too large */
        {7, 0},                                        /* a block without any */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        buffer_init(&out, 1 << 16);
        block_add(&out);
        out.data[cases[i].at] = cases[i].byte;
        char *first = out.data + CARRIED_HEADER_LEN, *second = first + CARRIED_CHUNK_HEAD_LEN + 10;
        uint32_t crc = crc32c_update(0, first, CARRIED_CHUNK_HEAD_LEN);
        crc = crc32c_update(crc, second, CARRIED_CHUNK_HEAD_LEN);
        put_u32(out.data + 20, crc32c_update(crc, out.data, 20));
        struct bytes rest = buffer_bytes(&out);
        assert_int_equal(carried_block_next(&rest, &block), STATUS_CORRUPT);
        buffer_release(&out);
    }
}

static void test_carried_limits(void **state)
{
    static char bytes[CARRIED_CHUNK_MAX];
    const struct carried_chunk large = {.size = sizeof(bytes), .bytes = bytes}, small = chunk_of('s', "1234");
    struct buffer out;
    struct carried_block block;
    size_t start, len;
    uint32_t count = 0;
    (void)state;
    buffer_init(&out, CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX);
    OK(carried_block_begin(&out, &start));
    while (carried_append(&out, start, &large) == STATUS_OK)
        count++;
    assert_int_equal(count, 15);
    assert_int_equal(out.len, CARRIED_HEADER_LEN + 15 * (CARRIED_CHUNK_HEAD_LEN + sizeof(bytes)));
    carried_block_seal(&out, start, &three);
    struct bytes rest = buffer_bytes(&out);
    OK(carried_block_next(&rest, &block));
    assert_int_equal(block.count, 15);
    buffer_release(&out);

    buffer_init(&out, CARRIED_HEADER_LEN + CARRIED_CHUNK_HEAD_LEN + 4);
    OK(carried_block_begin(&out, &start));
    OK(carried_append(&out, start, &small));
    len = out.len;
    assert_int_equal(carried_append(&out, start, &small), STATUS_LIMIT);
    assert_int_equal(out.len, len);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_damage),
        cmocka_unit_test(test_malformed),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_epoch),          cmocka_unit_test(test_carried),
        cmocka_unit_test(test_carried_damage), cmocka_unit_test(test_carried_malformed),
        cmocka_unit_test(test_carried_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
