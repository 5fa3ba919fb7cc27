/* The fields of an upload form: their bounds, names that come twice, and a file's name put in. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compat/post_fields.h"

static void add(struct post_fields *fields, const char *name, const char *value)
{
    assert_int_equal(post_fields_begin(fields, bytes_from_str(name)), STATUS_OK);
    assert_int_equal(post_fields_append(fields, bytes_from_str(value)), STATUS_OK);
}

static void assert_value(const struct post_fields *fields, const char *name, const char *value)
{
    assert_true(bytes_equal_str(post_fields_find(fields, name), value));
}

static void test_names(void **state)
{
    struct post_fields fields;

    (void)state;
    post_fields_init(&fields);
    add(&fields, "Key", "a");
    assert_int_equal(post_fields_append(&fields, BYTES("b")), STATUS_OK);
    add(&fields, "empty", "");
    assert_int_equal(post_fields_begin(&fields, BYTES("kEY")), STATUS_CONFLICT);
    assert_value(&fields, "key", "ab");
    assert_non_null(post_fields_find(&fields, "empty").data);
    assert_null(post_fields_find(&fields, "ke").data);
    post_fields_release(&fields);
}

static void test_bounds(void **state)
{
    static char text[POST_FIELDS_BYTES_MAX];
    struct post_fields fields;

    (void)state;
    memset(text, 'x', sizeof(text));
    post_fields_init(&fields);
    add(&fields, "a", "");
    assert_int_equal(post_fields_append(&fields, bytes_of(text, sizeof(text))), STATUS_LIMIT);
    assert_int_equal(post_fields_append(&fields, bytes_of(text, sizeof(text) - 1)), STATUS_OK);
    assert_int_equal(post_fields_append(&fields, BYTES("x")), STATUS_LIMIT);
    assert_int_equal(post_fields_begin(&fields, BYTES("b")), STATUS_LIMIT);
    post_fields_release(&fields);
    post_fields_init(&fields);
    for (size_t i = 0; i < POST_FIELDS_MAX; i++)
        assert_int_equal(post_fields_begin(&fields, bytes_of(text, i)), STATUS_OK);
    assert_int_equal(post_fields_begin(&fields, BYTES("b")), STATUS_LIMIT);
    post_fields_release(&fields);
}

static void test_filename(void **state)
{
    static char name[POST_EXPANDED_BYTES_MAX / 2 + 1];
    struct post_fields fields;

    (void)state;
    post_fields_init(&fields);
    add(&fields, "key", "up/${filename}");
    add(&fields, "x-amz-meta-a", "${filename}, ${filename}!");
    add(&fields, "policy", "${filename}");
    add(&fields, "signature", "${filename}");
    add(&fields, "x", "${filename");
    assert_int_equal(post_fields_expand(&fields, BYTES("C:\\d\\..\\a/b.png")), STATUS_OK);
    assert_value(&fields, "key", "up/b.png");
    assert_value(&fields, "x-amz-meta-a", "b.png, b.png!");
    assert_value(&fields, "policy", "${filename}");
    assert_value(&fields, "signature", "${filename}");
    assert_value(&fields, "x", "${filename");
    post_fields_release(&fields);
    post_fields_init(&fields);
    add(&fields, "key", "${filename}");
    assert_int_equal(post_fields_expand(&fields, (struct bytes){0}), STATUS_OK);
    assert_value(&fields, "key", "");
    post_fields_release(&fields);
    post_fields_init(&fields);
    memset(name, 'x', sizeof(name));
    add(&fields, "key", "${filename}");
    assert_int_equal(post_fields_expand(&fields, bytes_of(name, sizeof(name))), STATUS_OK);
    post_fields_release(&fields);
    post_fields_init(&fields);
    add(&fields, "key", "${filename}${filename}");
    assert_int_equal(post_fields_expand(&fields, bytes_of(name, sizeof(name))), STATUS_LIMIT);
    post_fields_release(&fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_filename)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
