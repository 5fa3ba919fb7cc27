/* Records of changes: what is written is read, and nothing that is damaged is believed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/change_record.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
