/* utf8: every boundary of RFC 3629. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "compat/utf8.h"

static void test_decode(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        uint32_t code_point;
    } rows[] = {
        {"a", 1, 'a'},
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xef\xbf\xbf", 3, 0xffff},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"\x80", 0, 0},             /* a continuation byte alone */
        {"\xc0\x80", 0, 0},         /* overlong */
        {"\xc1\xbf", 0, 0},         /* overlong */
        {"\xe0\x9f\xbf", 0, 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 0, 0}, /* overlong */
        {"\xed\xa0\x80", 0, 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0, 0}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 0, 0},
        {"\xff", 0, 0},
        {"\xc3", 0, 0},     /* cut off */
        {"\xe2\x82", 0, 0}, /* cut off */
        {"\xc3(", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes text = bytes_from_str(rows[i].text);
        uint32_t code_point = 0;
        char encoded[4];

        assert_int_equal(utf8_decode(text, &code_point), rows[i].len);
        assert_int_equal(utf8_is_valid(text), rows[i].len > 0);
        for (size_t cut = 0; cut <= text.len; cut++) { /* in pieces, wherever they end */
            struct utf8_check check = {0};
            utf8_check_add(&check, BYTES("a\xc3\xa4"));
            utf8_check_add(&check, bytes_of(text.data, cut));
            utf8_check_add(&check, bytes_of(text.data + cut, text.len - cut));
            assert_int_equal(utf8_check_end(&check), rows[i].len > 0);
            utf8_check_add(&check, BYTES("b"));
            assert_int_equal(utf8_check_end(&check), rows[i].len > 0);
        }
        if (rows[i].len == 0)
            continue;
        assert_int_equal(code_point, rows[i].code_point);
        assert_int_equal(utf8_encode(code_point, encoded), rows[i].len);
        assert_memory_equal(encoded, rows[i].text, rows[i].len);
    }
}

static void test_one_byte_at_a_time(void **state)
{
    static const char text[] = "a\xc3\xa4\xe6\xa8\x99\xf0\x9f\x90\xb1z";
    struct utf8_check check = {0};
    unsigned ends = 0;

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        utf8_check_add(&check, bytes_of(text + i, 1));
        ends += utf8_check_end(&check);
    }
    assert_int_equal(ends, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_decode), cmocka_unit_test(test_one_byte_at_a_time)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
