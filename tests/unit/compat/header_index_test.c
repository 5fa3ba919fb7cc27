/* Headers in order of their names: the same ones are found as by walking through all. */
#include "compat/header_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static void expect_found(const struct header_index *index, const struct http_header *headers, size_t count,
                         const char *name)
{
    size_t first, found = header_index_find(index, bytes_from_str(name), &first), next = 0;

    for (size_t i = 0; i < count; i++) {
        if (headers[i].name.len != strlen(name) || strncasecmp(headers[i].name.data, name, strlen(name)) != 0)
            continue;
        assert_true(next < found);
        assert_ptr_equal(index->sorted[first + next], &headers[i]);
        next++;
    }
    assert_int_equal(found, next);
}

static void test_all_are_found_in_order_of_arrival(void **state)
{
    static const char *const asked[] = {"", "a", "A", "ab", "abc", "B", "host", "x-amz-meta-1", "X-AMZ-META-12", "zz"};
    static char names[HTTP_HEADERS_MAX][24];
    struct http_header headers[HTTP_HEADERS_MAX];
    struct header_index index;
    (void)state;

    for (size_t count = 0; count <= HTTP_HEADERS_MAX; count += count < 16 ? 1 : 62) {
        for (size_t i = 0; i < count; i++) {
            unsigned kind = (unsigned)i * 2654435761u >> 7;
            if (kind % 3 == 0)
                snprintf(names[i], sizeof(names[i]), "%.*s", (int)(kind % 5 % 4), i % 2 ? "abc" : "ABC");
            else
                snprintf(names[i], sizeof(names[i]), "X-amz-META-%u", kind % 31);
            headers[i] = (struct http_header){bytes_from_str(names[i]), bytes_from_str("v")};
        }
        header_index_make(&index, headers, count);
        assert_int_equal(index.count, count);
        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
            expect_found(&index, headers, count, asked[i]);
        for (size_t i = 0; i < count; i++)
            expect_found(&index, headers, count, names[i]);
    }
}

static void test_lines_of_one_name(void **state)
{
    struct http_header fields[] = {
        {BYTES("x-amz-meta-a"), BYTES(" 1 ")},
        {BYTES("x-amz-meta-b"), BYTES("b")},
        {BYTES("X-Amz-Meta-A"), BYTES("")},
        {BYTES("x-amz-meta-A"), BYTES("2,3")},
    };
    struct header_index index;
    struct buffer out;
    struct bytes value;

    (void)state;
    header_index_make(&index, fields, 4);
    assert_int_equal(header_index_run(&index, 0), 3);
    assert_int_equal(header_index_run(&index, 3), 1);
    buffer_init(&out, 6);
    assert_int_equal(header_index_join(&index, 0, 3, &out, &value), STATUS_OK);
    assert_true(bytes_equal_str(value, "1,,2,3"));
    buffer_release(&out);
    buffer_init(&out, 5);
    assert_int_equal(header_index_join(&index, 3, 1, &out, &value), STATUS_OK);
    assert_true(bytes_equal_str(value, "b") && out.len == 0);
    assert_int_equal(header_index_join(&index, 0, 3, &out, &value), STATUS_LIMIT);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_found_in_order_of_arrival),
        cmocka_unit_test(test_lines_of_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
