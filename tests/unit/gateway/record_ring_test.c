/* The ring of the last records: what is found in it, and what makes it forget. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/replication/record_ring.h"

static int setup(void **state)
{
    *state = mem_zalloc(sizeof(struct record_ring));
    return 0;
}

static int teardown(void **state)
{
    record_ring_clear(*state);
    free(*state);
    return 0;
}

/* A record of `len` bytes; its first ones say which sequence it begins with. */
static void add(struct record_ring *ring, uint64_t first, uint64_t last, size_t len)
{
    struct buffer record;
    char text[16];
    buffer_init(&record, RECORD_RING_BYTES_MAX + 1);
    snprintf(text, sizeof(text), "<%llu>", (unsigned long long)first);
    assert_int_equal(buffer_append_bytes(&record, bytes_from_str(text)), STATUS_OK);
    while (record.len < len) {
        char filler[4096];
        size_t piece = len - record.len < sizeof(filler) ? len - record.len : sizeof(filler);
        memset(filler, '.', piece);
        assert_int_equal(buffer_append(&record, filler, piece), STATUS_OK);
    }
    record_ring_add(ring, &record, first, last);
}

static void add_small(struct record_ring *ring, uint64_t first, uint64_t last)
{
    add(ring, first, last, 0);
}

static void assert_copy(const struct record_ring *ring, uint64_t from, size_t wanted, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    assert_int_equal(record_ring_copy(ring, from, wanted, NULL, &out), STATUS_OK);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data, expected, out.len);
    buffer_release(&out);
}

static void assert_absent(const struct record_ring *ring, uint64_t from)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    assert_int_equal(record_ring_copy(ring, from, 1, NULL, &out), STATUS_NOT_FOUND);
    assert_int_equal(out.len, 0);
    buffer_release(&out);
}

static void test_copies_from_where_records_begin(void **state)
{
    struct record_ring *ring = *state;
    assert_absent(ring, 1);
    add_small(ring, 5, 5);
    add_small(ring, 6, 9);
    add_small(ring, 10, 10);
    assert_copy(ring, 5, 1000, "<5><6><10>");
    assert_copy(ring, 6, 1000, "<6><10>");
    assert_copy(ring, 10, 1000, "<10>");
    assert_absent(ring, 4);
    assert_absent(ring, 7); /* within a record */
    assert_absent(ring, 11);
    assert_copy(ring, 5, 1, "<5>"); /* at least one, and no more than wanted but for the last */
    assert_copy(ring, 5, 4, "<5><6>");
}

static void test_gap_clears(void **state)
{
    struct record_ring *ring = *state;
    add_small(ring, 5, 5);
    add_small(ring, 7, 7);
    assert_absent(ring, 5);
    assert_copy(ring, 7, 1000, "<7>");
}

/* A record that cannot be kept: those before it lead nowhere any more. */
static void test_unkept_record_clears(void **state)
{
    struct record_ring *ring = *state;
    struct buffer empty;
    add_small(ring, 5, 5);
    buffer_init(&empty, 10);
    record_ring_add(ring, &empty, 6, 6);
    assert_absent(ring, 5);
    add_small(ring, 7, 7);
    assert_copy(ring, 7, 1000, "<7>");
    add(ring, 8, 8, RECORD_RING_BYTES_MAX + 1);
    assert_absent(ring, 7);
    assert_absent(ring, 8);
    assert_int_equal(ring->bytes, 0);
}

static void test_oldest_leave_by_number(void **state)
{
    struct record_ring *ring = *state;
    for (uint64_t i = 1; i <= 3 * RECORD_RING_RECORDS / 2; i++)
        add_small(ring, i, i);
    assert_absent(ring, RECORD_RING_RECORDS / 2);
    assert_copy(ring, RECORD_RING_RECORDS / 2 + 1, 1, "<513>");
    assert_copy(ring, 3 * RECORD_RING_RECORDS / 2, 1, "<1536>");
}

static void test_oldest_leave_by_bytes(void **state)
{
    struct record_ring *ring = *state;
    const size_t third = RECORD_RING_BYTES_MAX / 3;
    struct buffer out;
    for (uint64_t i = 1; i <= 4; i++)
        add(ring, i, i, third);
    assert_absent(ring, 1);
    assert_int_equal(ring->bytes, 3 * third);
    buffer_init(&out, RECORD_RING_BYTES_MAX);
    assert_int_equal(record_ring_copy(ring, 2, RECORD_RING_BYTES_MAX, NULL, &out), STATUS_OK);
    assert_int_equal(out.len, 3 * third);
    assert_memory_equal(out.data + third, "<3>", 3);
    buffer_release(&out);
    add(ring, 5, 5, RECORD_RING_BYTES_MAX); /* it alone */
    assert_absent(ring, 4);
    assert_int_equal(ring->bytes, RECORD_RING_BYTES_MAX);
}

/* A carried block and a record behind it, as far as the ring looks. */
static size_t add_carried(struct record_ring *ring, uint64_t first, const char *text)
{
    const struct carried_set set = {.count = 2, .nodes = {1, 2}};
    const struct carried_chunk chunk = {.size = 3, .bytes = "abc"};
    struct buffer record;
    size_t start;
    buffer_init(&record, 1000);
    assert_int_equal(carried_block_begin(&record, &start), STATUS_OK);
    assert_int_equal(carried_append(&record, start, &chunk), STATUS_OK);
    carried_block_seal(&record, start, &set);
    size_t block_len = record.len;
    assert_int_equal(buffer_append_bytes(&record, bytes_from_str(text)), STATUS_OK);
    record_ring_add(ring, &record, first, first);
    return block_len;
}

static void assert_handed(const struct record_ring *ring, struct hand_on rule, size_t expected)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    assert_int_equal(record_ring_copy(ring, 5, 1000, &rule, &out), STATUS_OK);
    assert_int_equal(out.len, expected);
    buffer_release(&out);
}

static void test_hands_on_by_the_rule(void **state)
{
    struct record_ring *ring = *state;
    add_small(ring, 5, 5);
    size_t block_len = add_carried(ring, 6, "<6>");
    add_small(ring, 7, 7);
    assert_handed(ring, (struct hand_on){.node = 1, .has_room = true}, 9 + block_len);
    assert_handed(ring, (struct hand_on){.node = 3, .has_room = true, .settled = 5}, 3);
    assert_handed(ring, (struct hand_on){.node = 3, .has_room = true, .settled = 6}, 9);
    struct buffer out;
    buffer_init(&out, 1000);
    const struct hand_on other = {.node = 3, .has_room = true, .settled = 5};
    assert_int_equal(record_ring_copy(ring, 6, 1000, &other, &out), STATUS_OK); /* later: nothing, and no error */
    assert_int_equal(out.len, 0);
    assert_int_equal(record_ring_copy(ring, 6, 1000, NULL, &out), STATUS_OK); /* whole */
    assert_int_equal(out.len, 6 + block_len);
    buffer_release(&out);
}

static void test_what_all_have_leaves(void **state)
{
    struct record_ring *ring = *state;
    const size_t half = RECORD_RING_BYTES_KEPT / 2;
    for (uint64_t i = 1; i <= 4; i++)
        add(ring, i, i, half);
    record_ring_pass(ring, 1);
    assert_absent(ring, 1);
    assert_int_equal(ring->bytes, 3 * half);
    record_ring_pass(ring, 4); /* what is little stays */
    assert_int_equal(ring->bytes, 2 * half);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_copies_from_where_records_begin),
        TEST(test_gap_clears),
        TEST(test_unkept_record_clears),
        TEST(test_oldest_leave_by_number),
        TEST(test_oldest_leave_by_bytes),
        TEST(test_hands_on_by_the_rule),
        TEST(test_what_all_have_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
