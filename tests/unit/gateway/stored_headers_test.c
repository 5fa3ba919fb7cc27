/* The byte string in which an object's headers are kept: round trips, bounds, damage. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "gateway/object/stored_headers.h"

static void test_round_trip(void **state)
{
    struct buffer text;
    size_t position = 0;
    struct bytes name, value;

    (void)state;
    buffer_init(&text, 1024);
    assert_int_equal(stored_headers_add(&text, BYTES("Content-Type"), BYTES("text/plain")), STATUS_OK);
    assert_int_equal(stored_headers_add(&text, BYTES("x-amz-meta-Empty"), BYTES("")), STATUS_OK);
    assert_true(stored_headers_next(buffer_bytes(&text), &position, &name, &value));
    assert_true(bytes_equal_str(name, "content-type"));
    assert_true(bytes_equal_str(value, "text/plain"));
    assert_true(stored_headers_next(buffer_bytes(&text), &position, &name, &value));
    assert_true(bytes_equal_str(name, "x-amz-meta-empty"));
    assert_int_equal(value.len, 0);
    assert_false(stored_headers_next(buffer_bytes(&text), &position, &name, &value));
    assert_true(bytes_equal_str(stored_headers_find(buffer_bytes(&text), "content-type"), "text/plain"));
    assert_null(stored_headers_find(buffer_bytes(&text), "content-typ").data);
    buffer_release(&text);
}

static void test_full_buffer_keeps_what_was_there(void **state)
{
    struct buffer text;

    (void)state;
    buffer_init(&text, 16);
    assert_int_equal(stored_headers_add(&text, BYTES("a"), BYTES("b")), STATUS_OK);
    assert_int_equal(stored_headers_add(&text, BYTES("name"), BYTES("too long for it")), STATUS_LIMIT);
    assert_int_equal(text.len, 6);
    assert_true(bytes_equal_str(stored_headers_find(buffer_bytes(&text), "a"), "b"));
    buffer_release(&text);
}

static void test_damage_ends_the_list(void **state)
{
    struct buffer text;
    size_t position;
    struct bytes name, value;

    (void)state;
    buffer_init(&text, 1024);
    assert_int_equal(stored_headers_add(&text, BYTES("name"), BYTES("value")), STATUS_OK);
    for (size_t len = 0; len < text.len; len++) { /* every cut */
        position = 0;
        assert_false(stored_headers_next(bytes_of(text.data, len), &position, &name, &value));
    }
    text.data[0] = (char)0xff; /* a length beyond the end */
    position = 0;
    assert_false(stored_headers_next(buffer_bytes(&text), &position, &name, &value));
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_full_buffer_keeps_what_was_there),
        cmocka_unit_test(test_damage_ends_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
