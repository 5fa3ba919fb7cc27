/* Spans, buffers, and the text forms of binary values. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void test_status(void **state)
{
    (void)state;
    for (int i = 0; i < STATUS_COUNT; ++i) {
        assert_string_not_equal(status_name(i), "unknown");
        for (int j = 0; j < i; ++j)
            assert_string_not_equal(status_name(i), status_name(j));
    }
    assert_string_equal(status_name(STATUS_COUNT), "unknown");
    assert_int_equal(status_from_errno(0), STATUS_OK);
    assert_int_equal(status_from_errno(ENOENT), STATUS_NOT_FOUND);
    assert_int_equal(status_from_errno(EEXIST), STATUS_EXISTS);
    assert_int_equal(status_from_errno(ENOSPC), STATUS_NO_SPACE);
    assert_int_equal(status_from_errno(EDQUOT), STATUS_NO_SPACE);
    assert_int_equal(status_from_errno(EPIPE), STATUS_CLOSED);
    assert_int_equal(status_from_errno(EIO), STATUS_IO);
}

static void test_status_of_rocksdb(void **state)
{
    static const struct {
        const char *error;
        enum status status;
    } rows[] = {
        {NULL, STATUS_OK},
        {"Corruption: block checksum mismatch: stored = 1, computed = 2 in /d/000012.sst offset 0", STATUS_DAMAGED},
        {"Corruption: No space left in the footer", STATUS_DAMAGED},
        {"IO error: No such file or directory: While open a file for random read: /d/000012.sst", STATUS_DAMAGED},
        {"IO error: No space left on device: While appending to file: /d/000012.log", STATUS_NO_SPACE},
        {"IO error: While pread offset 0 len 4096: /d/000012.sst: Input/output error", STATUS_IO},
        {"Result incomplete: no block cache", STATUS_UNAVAILABLE},
        {"Invalid argument: something", STATUS_IO},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(status_from_rocksdb(rows[i].error), rows[i].status);
}

static void test_comparison(void **state)
{
    (void)state;
    assert_true(bytes_equal(BYTES("abc"), bytes_of("abcd", 3)));
    assert_false(bytes_equal(BYTES("abc"), BYTES("abd")));
    assert_false(bytes_equal(BYTES("abc"), BYTES("ab")));
    assert_true(bytes_equal(bytes_of(NULL, 0), BYTES("")));
    assert_null(bytes_from_str(NULL).data);
    assert_true(bytes_equal_str(BYTES("x"), "x"));
    assert_true(bytes_equal_nocase(BYTES("Content-LENGTH"), "content-length"));
    assert_false(bytes_equal_nocase(BYTES("content"), "content-length"));
    assert_false(bytes_equal_nocase(BYTES("content-length"), "content"));
    assert_false(bytes_equal_nocase(BYTES("a\0b"), "a"));
    assert_false(bytes_equal_nocase(BYTES("@"), "`")); /* differ by the case bit, but are no letters */
    assert_true(bytes_starts_with(BYTES("abc"), BYTES("ab")));
    assert_true(bytes_starts_with(BYTES("abc"), BYTES("")));
    assert_false(bytes_starts_with(BYTES("ab"), BYTES("abc")));
    assert_true(bytes_compare(BYTES("a"), BYTES("a/")) < 0);
    assert_true(bytes_compare(BYTES("a\xff"), BYTES("a/")) > 0);
    assert_int_equal(bytes_compare(BYTES("a"), BYTES("a")), 0);
    assert_true(bytes_equal_constant_time(BYTES("secret"), BYTES("secret")));
    assert_false(bytes_equal_constant_time(BYTES("secret"), BYTES("secreT")));
    assert_false(bytes_equal_constant_time(BYTES("secret"), BYTES("secre")));
    assert_true(bytes_equal_str(bytes_trim(BYTES(" \t a b\t ")), "a b"));
    assert_int_equal(bytes_trim(BYTES(" \t ")).len, 0);
    assert_true(bytes_equal_str(bytes_trim(BYTES("\na ")), "\na"));
}

static void test_parse_u64(void **state)
{
    static const char *const bad[] = {"", "+1", "-1", " 1", "1 ", "0x1", "18446744073709551616", "1e3", "1.0"};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
        assert_int_equal(bytes_parse_u64(bytes_from_str(bad[i]), UINT64_MAX, &value), STATUS_INVALID);
    assert_int_equal(value, 7);
    assert_int_equal(bytes_parse_u64(BYTES("18446744073709551615"), UINT64_MAX, &value), STATUS_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(bytes_parse_u64(BYTES("0010"), 10, &value), STATUS_OK);
    assert_int_equal(value, 10);
    assert_int_equal(bytes_parse_u64(BYTES("11"), 10, &value), STATUS_INVALID);
    assert_int_equal(bytes_parse_u64(BYTES("9"), 5, &value), STATUS_INVALID);
    assert_int_equal(bytes_parse_u64(BYTES("5"), 5, &value), STATUS_OK);
    assert_int_equal(bytes_parse_u64(BYTES("0"), 0, &value), STATUS_OK);
    assert_int_equal(bytes_parse_u64(BYTES("1"), 0, &value), STATUS_INVALID);
}

static void test_buffer_assign(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 8);
    assert_int_equal(buffer_assign(&buffer, BYTES("12345678")), STATUS_OK);
    assert_int_equal(buffer_assign(&buffer, BYTES("123456789")), STATUS_LIMIT);
    assert_string_equal(buffer.data, "12345678");
    assert_int_equal(buffer_assign(&buffer, buffer_bytes(&buffer)), STATUS_OK); /* itself */
    assert_string_equal(buffer.data, "12345678");
    assert_int_equal(buffer_assign(&buffer, bytes_of(buffer.data + 2, 5)), STATUS_OK); /* of what it holds */
    assert_string_equal(buffer.data, "34567");
    assert_int_equal(buffer_assign(&buffer, (struct bytes){0}), STATUS_OK);
    assert_int_equal(buffer.len, 0);
    buffer_release(&buffer);
}

static void test_buffer_has_a_maximum(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 10);
    assert_int_equal(buffer_append_str(&buffer, "12345"), STATUS_OK);
    assert_int_equal(buffer_append_str(&buffer, "678901"), STATUS_LIMIT);
    assert_string_equal(buffer.data, "12345");
    assert_int_equal(buffer_printf(&buffer, "%d", 67890), STATUS_OK);
    assert_int_equal(buffer_append_char(&buffer, 'x'), STATUS_LIMIT);
    assert_int_equal(buffer_printf(&buffer, "%s", "y"), STATUS_LIMIT);
    assert_null(buffer_reserve(&buffer, 1));
    assert_non_null(buffer_reserve(&buffer, 0));
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    assert_string_equal(buffer.data, "1234567890");
    buffer_consume(&buffer, 4);
    assert_string_equal(buffer.data, "567890");
    assert_int_equal(buffer_append_bytes(&buffer, BYTES("ab\0d")), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&buffer), BYTES("567890ab\0d")));
    buffer_clear(&buffer);
    assert_string_equal(buffer.data, "");
    memcpy(buffer_reserve(&buffer, 3), "xyz", 3);
    buffer.len += 3;
    assert_true(bytes_equal(buffer_bytes(&buffer), BYTES("xyz")));
    buffer_release(&buffer);
    buffer_release(&buffer);
}

static void test_buffer_grows(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, SIZE_MAX - 1);
    for (int i = 0; i < 10000; ++i)
        assert_int_equal(buffer_printf(&buffer, "%05d", i), STATUS_OK);
    assert_int_equal(buffer.len, 50000);
    assert_true(buffer.capacity < 200000);
    for (int i = 0; i < 10000; ++i) {
        char text[6];
        memcpy(text, buffer.data + 5 * i, 5);
        text[5] = '\0';
        assert_int_equal(strtol(text, NULL, 10), i);
    }
    buffer_release(&buffer);
}

static void test_hex(void **state)
{
    char text[9];
    uint8_t out[4];

    (void)state;
    hex_encode("\x00\x7f\x80\xff", 4, text);
    assert_string_equal(text, "007f80ff");
    assert_int_equal(hex_decode(BYTES("007F80fF"), out, 4), STATUS_OK);
    assert_memory_equal(out, "\x00\x7f\x80\xff", 4);
    assert_int_equal(hex_decode(BYTES("007f80f"), out, 4), STATUS_INVALID);
    assert_int_equal(hex_decode(BYTES("007f80ff"), out, 3), STATUS_INVALID);
    assert_int_equal(hex_decode(BYTES("007f80fg"), out, 4), STATUS_INVALID);
    assert_int_equal(hex_decode(BYTES(""), out, 0), STATUS_OK);
}

static void test_base64(void **state)
{
    /* RFC 4648 section 10 */
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {
        "Zg", "Zg=", "Zg=a", "Zh==", "Zm9=", "=", "====", "Z===", "Zm 9v", "Zm9v\n", "Zg==Zg==", "Zm-v", "Zm_v"};
    char text[16];
    uint8_t out[16];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; ++i) {
        assert_int_equal(base64_encode(vectors[i][0], strlen(vectors[i][0]), text), strlen(vectors[i][1]));
        assert_string_equal(text, vectors[i][1]);
        len = strlen(vectors[i][0]);
        assert_int_equal(base64_decode(bytes_from_str(text), out, &len), STATUS_OK);
        assert_int_equal(len, strlen(vectors[i][0]));
        assert_memory_equal(out, vectors[i][0], len);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        len = sizeof out;
        assert_int_equal(base64_decode(bytes_from_str(bad[i]), out, &len), STATUS_INVALID);
    }
    len = 5;
    assert_int_equal(base64_decode(BYTES("Zm9vYmFy"), out, &len), STATUS_INVALID);
    base64_encode("\xfb\xff\xfe", 3, text);
    assert_string_equal(text, "+//+");
}

static void test_integers_sort(void **state)
{
    uint8_t out[8], smaller[8];

    (void)state;
    put_u64(out, UINT64_C(0x0102030405060708));
    assert_memory_equal(out, "\1\2\3\4\5\6\7\10", 8);
    assert_true(get_u64(out) == UINT64_C(0x0102030405060708));
    assert_int_equal(get_u32(out + 2), 0x03040506);
    assert_int_equal(get_u16(out + 6), 0x0708);
    put_u32(out, 0xfffefdfc);
    put_u16(out + 4, 0xfbfa);
    assert_memory_equal(out, "\xff\xfe\xfd\xfc\xfb\xfa", 6);
    put_u64(smaller, 255);
    put_u64(out, 256);
    assert_true(memcmp(smaller, out, 8) < 0);
}

static void test_random(void **state)
{
    uint8_t a[64] = {0}, b[64] = {0};

    (void)state;
    random_bytes(a, 63);
    random_bytes(b, 63);
    assert_memory_not_equal(a, b, 63);
    assert_int_equal(a[63], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_comparison),
        cmocka_unit_test(test_parse_u64),
        cmocka_unit_test(test_buffer_assign),
        cmocka_unit_test(test_buffer_has_a_maximum),
        cmocka_unit_test(test_buffer_grows),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_integers_sort),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_status_of_rocksdb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
