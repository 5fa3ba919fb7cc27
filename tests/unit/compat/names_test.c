/* names: bucket rules, key rules, metadata size and encoding. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compat/names.h"

#define TEN   "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

static void test_bucket_names(void **state)
{
    static const struct {
        const char *name;
        bool valid;
    } rows[] = {
        {"abc", true},
        {"files", true},
        {"my-bucket.example.com", true},
        {"123", true},
        {SIXTY "abc", true},
        {SIXTY "abcd", false},
        {"ab", false},
        {"", false},
        {"Upper", false},
        {"under_score", false},
        {"sp ace", false},
        {"-abc", false},
        {"abc-", false},
        {".abc", false},
        {"abc.", false},
        {"a..b", false},
        {"a.-b", true},
        {"a-.b", true},
        {"192.168.5.4", false},
        {"999.999.999.999", false},
        {"1.2.3.4.5", true},
        {"1.2.3", true},
        {"1.2.3.4a", true},
        {"1.2.3.1234", true},
        {"xn--bucket", false},
        {"xnbucket", true},
        {"sthree-bucket", false},
        {"amzn-s3-demo-bucket", false},
        {"bucket-s3alias", false},
        {"bucket--ol-s3", false},
        {"bucket.mrap", false},
        {"bucket--x-s3", false},
        {"bucket--table-s3", false},
        {"b\xc3\xbc"
         "cher",
         false},
        {"a/b", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(bucket_name_is_valid(bytes_from_str(rows[i].name)), rows[i].valid);
    assert_false(bucket_name_is_valid(BYTES("ab\0c")));
}

static void test_reserved_bucket_names(void **state)
{
    static const char *const reserved[] = {"upload",  "download", "delete", "system", "health",
                                           "metrics", "livez",    "readyz", "minio"};
    static const char *const ordinary[] = {"files", "uploads", "healthy", "minio-data"};

    (void)state;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};

        assert_true(bucket_name_is_reserved(bytes_from_str(reserved[i])));
        assert_int_equal(bucket_name_check(bytes_from_str(reserved[i]), &error), STATUS_INVALID);
        assert_int_equal(error.code, S3_INVALID_BUCKET_NAME);
    }
    for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};

        assert_false(bucket_name_is_reserved(bytes_from_str(ordinary[i])));
        assert_int_equal(bucket_name_check(bytes_from_str(ordinary[i]), &error), STATUS_OK);
        assert_int_equal(error.code, S3_ERROR_NONE);
    }
}

static void test_bucket_name_refusal(void **state)
{
    struct s3_error_details error = {.code = S3_ERROR_NONE};

    (void)state;
    assert_int_equal(bucket_name_check(BYTES("Bad"), &error), STATUS_INVALID);
    assert_int_equal(error.code, S3_INVALID_BUCKET_NAME);
    assert_string_equal(error.message, "");
    assert_string_equal(error.elements[0].name, "BucketName");
    assert_true(bytes_equal_str(error.elements[0].value, "Bad"));
}

static void test_keys(void **state)
{
    static const struct {
        const char *key;
        size_t len;
        enum s3_error error;
    } rows[] = {
        {"a", 1, S3_ERROR_NONE},
        {"a/../b", 6, S3_ERROR_NONE},
        {"..", 2, S3_ERROR_NONE},
        {".", 1, S3_ERROR_NONE},
        {"/", 1, S3_ERROR_NONE},
        {"//", 2, S3_ERROR_NONE},
        {"a\x01\r\n\x7f", 5, S3_ERROR_NONE},
        {"\xc3\xbc\xf0\x9f\x98\x80", 6, S3_ERROR_NONE},
        {"", 0, S3_INVALID_URI},
        {"a\0b", 3, S3_INVALID_URI},
        {"a\xff", 2, S3_INVALID_URI},
        {"\xed\xa0\x80", 3, S3_INVALID_URI},
    };
    char longest[OBJECT_KEY_BYTES_MAX + 1];
    struct s3_error_details too_long = {.code = S3_ERROR_NONE};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};

        assert_int_equal(key_check(bytes_of(rows[i].key, rows[i].len), &error),
                         rows[i].error ? STATUS_INVALID : STATUS_OK);
        assert_int_equal(error.code, rows[i].error);
    }
    memset(longest, 'k', sizeof(longest));
    assert_int_equal(key_check(bytes_of(longest, OBJECT_KEY_BYTES_MAX), &too_long), STATUS_OK);
    assert_int_equal(key_check(bytes_of(longest, OBJECT_KEY_BYTES_MAX + 1), &too_long), STATUS_INVALID);
    assert_int_equal(too_long.code, S3_KEY_TOO_LONG);
    assert_string_equal(too_long.elements[0].name, "Size");
    assert_int_equal(too_long.elements[0].number, 1025);
    assert_string_equal(too_long.elements[1].name, "MaxSizeAllowed");
    assert_int_equal(too_long.elements[1].number, 1024);
}

static void test_metadata_size(void **state)
{
    char value[METADATA_BYTES_MAX + 1];
    struct http_header fields[] = {
        {BYTES("Content-Type"), BYTES("text/plain")},
        {BYTES("X-Amz-Meta-Colour"), BYTES(" red ")}, /* 6 + 3 */
        {BYTES("x-amz-meta-k"), {value, METADATA_BYTES_MAX - 10}},
    };
    struct s3_error_details error = {.code = S3_ERROR_NONE};
    struct header_index headers;

    (void)state;
    header_index_make(&headers, fields, 3);
    memset(value, 'v', sizeof(value));
    assert_true(bytes_equal_str(metadata_name(fields[1].name), "Colour"));
    assert_null(metadata_name(fields[0].name).data);
    assert_true(bytes_equal_str(metadata_name(BYTES("x-amz-meta-")), ""));
    assert_int_equal(metadata_check(&headers, &error), STATUS_OK);
    fields[2].value.len++;
    assert_int_equal(metadata_check(&headers, &error), STATUS_INVALID);
    assert_int_equal(error.code, S3_METADATA_TOO_LARGE);
    assert_int_equal(error.elements[0].number, 2049);
    assert_int_equal(error.elements[1].number, 2048);
    fields[2].value.len--;
    fields[1] =
        (struct http_header){BYTES("x-amz-meta-K"), BYTES("12345678")}; /* with its comma as long as "Colour red" */
    header_index_make(&headers, fields, 3);
    assert_int_equal(metadata_check(&headers, &error), STATUS_OK);
    fields[1].value = BYTES("123456789");
    assert_int_equal(metadata_check(&headers, &error), STATUS_INVALID);
}

static void test_metadata_encoding(void **state)
{
    static const struct {
        const char *value, *expected;
    } rows[] = {
        {"", ""},
        {"plain text, =?_", "plain text, =?_"},
        {"\xc3\xbc", "=?UTF-8?Q?=C3=BC?="},
        {"\xfc", "=?UTF-8?Q?=C3=BC?="}, /* ISO-8859-1 */
        {"a b_c=d?\xe2\x82\xac", "=?UTF-8?Q?a_b=5Fc=3Dd=3F=E2=82=AC?="},
        {"tab\there", "=?UTF-8?Q?tab=09here?="},
        {"\x7f", "=?UTF-8?Q?=7F?="},
    };
    struct buffer out;

    (void)state;
    buffer_init(&out, 128);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buffer_clear(&out);
        assert_int_equal(metadata_encode(bytes_from_str(rows[i].value), &out), STATUS_OK);
        assert_true(bytes_equal_str(buffer_bytes(&out), rows[i].expected));
    }
    buffer_release(&out);
    buffer_init(&out, 14);
    assert_int_equal(metadata_encode(BYTES("\xfc"), &out), STATUS_LIMIT);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_names),        cmocka_unit_test(test_reserved_bucket_names),
        cmocka_unit_test(test_bucket_name_refusal), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_metadata_size),       cmocka_unit_test(test_metadata_encoding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
