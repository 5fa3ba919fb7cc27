/* What a node is handed of the records, and when. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "gateway/replication/hand_on.h"

#define OK(call) assert_int_equal(call, STATUS_OK)

static struct buffer log_bytes;

/* One change; with a block for those nodes, unless there are none. */
static void add(uint64_t first, struct carried_set set)
{
    const struct change change = {CHANGE_PUT, 0, BYTES("key"), BYTES("value")};
    struct carried_chunk chunk = {.size = 5, .bytes = "bytes"};
    size_t start;
    if (set.count) {
        chunk.id.bytes[0] = (uint8_t)first;
        OK(carried_block_begin(&log_bytes, &start));
        OK(carried_append(&log_bytes, start, &chunk));
        carried_block_seal(&log_bytes, start, &set);
    }
    OK(change_record_begin(&log_bytes, &start));
    OK(change_append(&log_bytes, &change));
    OK(change_record_seal(&log_bytes, start, 7, first, 1));
}

static int setup(void **state)
{
    (void)state;
    buffer_init(&log_bytes, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buffer_release(&log_bytes);
    return 0;
}

#define SET(...) ((struct carried_set){.count = sizeof((uint8_t[]){__VA_ARGS__}), .nodes = {__VA_ARGS__}})
#define NONE     ((struct carried_set){0})

static unsigned withheld;

static void on_withheld(void *arg, const struct carried_block *block, uint64_t first)
{
    (void)arg;
    assert_int_equal(block->count, 1);
    withheld |= 1u << first;
}

/* "1w 2r": the record 1 with its block, 2 without one. */
static void assert_picked(struct hand_on rule, const char *expected)
{
    struct buffer out;
    char text[100] = "";
    buffer_init(&out, 1 << 20);
    withheld = 0;
    OK(hand_on_pick(&rule, buffer_bytes(&log_bytes), &out, on_withheld, NULL));
    struct bytes rest = buffer_bytes(&out);
    while (rest.len) {
        struct carried_block block;
        struct change_record record;
        bool whole = carried_block_next(&rest, &block) == STATUS_OK;
        OK(change_record_next(&rest, &record));
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u%s", text[0] ? " " : "", (unsigned)record.first,
                 whole ? "w" : "r");
    }
    assert_string_equal(text, expected);
    buffer_release(&out);
}

static void test_a_node_of_the_group_gets_all_at_once(void **state)
{
    (void)state;
    add(1, SET(1, 2, 3));
    add(2, NONE);
    add(3, SET(1, 2, 4));
    assert_picked((struct hand_on){.node = 1, .has_room = true}, "1w 2r 3w");
    assert_picked((struct hand_on){.node = 1, .has_room = true, .settled = 3}, "1w 2r 3w"); /* its rows say so */
}

/* What was freed meanwhile does not come back to a node that was away. */
static void test_a_node_that_is_compared_gets_no_old_chunks(void **state)
{
    (void)state;
    add(1, SET(1, 2, 3));
    add(2, NONE);
    add(3, SET(1, 2, 4));
    assert_picked((struct hand_on){.node = 1, .has_room = true, .settled = 2, .compared = 2}, "1r 2r 3w");
    assert_int_equal(withheld, 0);
}

static void test_others_get_it_when_it_is_settled(void **state)
{
    (void)state;
    add(1, NONE);
    add(2, SET(1, 2, 3));
    add(3, NONE);
    add(4, SET(2, 3, 4));
    assert_picked((struct hand_on){.node = 4, .has_room = true}, "1r");
    assert_picked((struct hand_on){.node = 4, .has_room = true, .settled = 1}, "1r");
    assert_picked((struct hand_on){.node = 4, .has_room = true, .settled = 2}, "1r 2r 3r 4w");
    assert_picked((struct hand_on){.node = 1, .has_room = true, .settled = 3}, "1r 2w 3r");
}

static void test_a_full_node_is_passed_over(void **state)
{
    (void)state;
    add(1, SET(1, 2, 3));
    add(2, SET(2, 3, 4));
    assert_picked((struct hand_on){.node = 1}, "");
    assert_picked((struct hand_on){.node = 1, .stands_in = true}, "");
    assert_int_equal(withheld, 0);
    assert_picked((struct hand_on){.node = 1, .settled = 1}, "1r");
    assert_int_equal(withheld, 1 << 1);
    assert_picked((struct hand_on){.node = 1, .settled = 2}, "1r 2r");
    assert_int_equal(withheld, 1 << 1); /* the second is not its own */
}

static void test_who_stands_in_stores_what_is_not_settled(void **state)
{
    (void)state;
    add(1, SET(1, 2, 3));
    add(2, SET(1, 2, 3));
    assert_picked((struct hand_on){.node = 4, .has_room = true, .stands_in = true, .settled = 1}, "1r 2w");
}

static void test_what_is_malformed_is_refused(void **state)
{
    (void)state;
    struct buffer out;
    const struct hand_on rule = {.node = 1, .has_room = true};
    add(1, SET(1, 2, 3));
    size_t len = log_bytes.len;
    buffer_init(&out, 1 << 20);
    for (size_t cut = 1; cut < len; cut++) /* a block without its record, too */
        assert_int_equal(hand_on_pick(&rule, bytes_of(log_bytes.data, len - cut), &out, NULL, NULL), STATUS_CORRUPT);
    assert_int_equal(out.len, 0);
    buffer_release(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_node_of_the_group_gets_all_at_once), TEST(test_others_get_it_when_it_is_settled),
        TEST(test_a_full_node_is_passed_over),           TEST(test_who_stands_in_stores_what_is_not_settled),
        TEST(test_what_is_malformed_is_refused),         TEST(test_a_node_that_is_compared_gets_no_old_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
