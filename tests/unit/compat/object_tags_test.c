/* Tags of objects: the header, AWS's rules, and that what was kept is read again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "compat/object_tags.h"

static const char not_encoded[] = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
                                  "parameters without tag name duplicates.";

/* `key=value|key=value`, or the error's message. */
static void show(const char *header, char *out, size_t size)
{
    struct s3_error_details error = {0};
    struct tag_set set;
    size_t len = 0;

    out[0] = '\0';
    if (tagging_header_parse(bytes_from_str(header), &set, &error)) {
        assert_int_equal(error.code, S3_INVALID_ARGUMENT);
        snprintf(out, size, "%s", error.message);
        return;
    }
    for (size_t i = 0; i < set.count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%.*s=%.*s", i ? "|" : "", (int)set.tags[i].key.len,
                                set.tags[i].key.data, (int)set.tags[i].value.len, set.tags[i].value.data);
    tag_set_release(&set);
}

static void test_header(void **state)
{
    static const struct {
        const char *header, *shown;
    } rows[] = {
        {"", ""},
        {"a=b", "a=b"},
        {"a=b&c=d", "a=b|c=d"},
        {"a", "a="},
        {"a=", "a="},
        {"&&a=b&", "a=b"},
        {"a+b=c%20d%2Be", "a b=c d+e"},
        {"%E2%82%AC=%26%3D", "\xe2\x82\xac=&="},
        {"a=b&A=b", "a=b|A=b"},
        {"a:/@.b=c", "a:/@.b=c"},
        {"=", not_encoded},
        {"=b", not_encoded},
        {"a=b&a=c", not_encoded},
        {"a=b=c", not_encoded},
        {"TagSet=[{Key=a,Value=b}]", not_encoded},
        {"a=%", not_encoded},
        {"a=%zz", not_encoded},
        {"a=%FF", not_encoded},
        {"%C0%80=a", not_encoded},
    };
    char shown[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        show(rows[i].header, shown, sizeof(shown));
        if (strcmp(shown, rows[i].shown) != 0)
            fail_msg("%s: %s", rows[i].header, shown);
    }
}

static void expect(struct tag *tags, size_t count, enum s3_error code, const char *message)
{
    const struct tag_set set = {.tags = tags, .count = count};
    struct s3_error_details error = {0};

    assert_int_equal(tag_set_check_object(&set, &error) == STATUS_OK, code == S3_ERROR_NONE);
    assert_int_equal(error.code, code);
    if (message)
        assert_string_equal(error.message, message);
}

static void test_rules(void **state)
{
    struct tag many[TAGS_OF_OBJECT_MAX + 1];
    static char keys[TAGS_OF_OBJECT_MAX + 1][4];
    struct tag twice[] = {{BYTES("k"), BYTES("1")}, {BYTES("k"), BYTES("2")}};
    struct tag system = {BYTES("aws:k"), BYTES("1")}, comma = {BYTES("a,b"), BYTES("1")};

    (void)state;
    for (size_t i = 0; i <= TAGS_OF_OBJECT_MAX; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%zu", i);
        many[i] = (struct tag){bytes_from_str(keys[i]), BYTES("v")};
    }
    expect(many, TAGS_OF_OBJECT_MAX, S3_ERROR_NONE, NULL);
    expect(many, TAGS_OF_OBJECT_MAX + 1, S3_BAD_REQUEST, "Object tags cannot be greater than 10");
    expect(twice, 2, S3_INVALID_TAG, "Cannot provide multiple Tags with the same key");
    expect(&system, 1, S3_INVALID_TAG, "Your TagKey cannot be prefixed with aws:");
    expect(&comma, 1, S3_INVALID_TAG, "The TagKey you have provided is invalid");
}

/* As many and as long ones as there can be fit in. */
static void test_kept(void **state)
{
    static char keys[TAGS_OF_OBJECT_MAX][4 * TAG_KEY_CHARS_MAX], value[4 * TAG_VALUE_CHARS_MAX];
    struct tag tags[TAGS_OF_OBJECT_MAX];
    const struct tag_set set = {.tags = tags, .count = TAGS_OF_OBJECT_MAX};
    struct s3_error_details error = {0};
    struct tag_set again;
    struct buffer out;

    (void)state;
    for (size_t i = 0; i < sizeof(value); i += 4)
        memcpy(value + i, "\xf0\x9f\x9a\x80", 4);
    for (size_t i = 0; i < TAGS_OF_OBJECT_MAX; i++) {
        memcpy(keys[i], value, sizeof(keys[i]));
        keys[i][3] = (char)(0x80 + i);
        tags[i] = (struct tag){bytes_of(keys[i], sizeof(keys[i])), bytes_of(value, sizeof(value))};
    }
    assert_int_equal(tag_set_check_object(&set, &error), STATUS_OK);
    buffer_init(&out, OBJECT_TAGS_KEPT_BYTES_MAX);
    assert_int_equal(object_tags_write(&out, &set), STATUS_OK);
    assert_int_equal(object_tags_count(buffer_bytes(&out)), TAGS_OF_OBJECT_MAX);
    assert_int_equal(object_tags_read(buffer_bytes(&out), &again), STATUS_OK);
    assert_true(tag_set_equal(&set, &again));
    tag_set_release(&again);
    for (size_t len = 1; len < out.len; len++) /* no front of it is one */
        assert_int_equal(object_tags_read(bytes_of(out.data, len), &again), STATUS_CORRUPT);
    assert_int_equal(buffer_append_char(&out, 'x'), STATUS_OK);
    assert_int_equal(object_tags_read(buffer_bytes(&out), &again), STATUS_CORRUPT);
    out.data[0]++;
    assert_int_equal(object_tags_count(buffer_bytes(&out)), 0);
    assert_int_equal(object_tags_read((struct bytes){0}, &again), STATUS_OK);
    assert_int_equal(again.count, 0);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
