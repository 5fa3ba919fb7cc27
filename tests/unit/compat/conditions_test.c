/* conditions: precedence of RFC 9110 section 13.2.2 for reads, copies as recorded, what writes may ask for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compat/conditions.h"
#include "tests/unit/compat/header_rows.h"

#define TAG   "\"5eb63bbbe01eeed093cb22bb8f5acdc3\""
#define OTHER "\"00000000000000000000000000000000\""
/* the object's time, with a fraction that no header can carry */
#define MODIFIED_MS 1795377240500
#define AT          "Sun, 22 Nov 2026 19:54:00 GMT"
#define BEFORE      "Sun, 22 Nov 2026 19:53:59 GMT"
#define AFTER       "Sun, 22 Nov 2026 19:54:01 GMT"
#define FUTURE      "Tue, 22 Nov 2099 19:54:00 GMT"

static struct condition_target target(void)
{
    struct condition_target target = {.modified_ms = MODIFIED_MS, .now_ms = MODIFIED_MS + 3600 * 1000};

    md5_of("hello world", 11, target.etag.md5);
    return target;
}

static void assert_outcome(enum status status, const struct s3_error_details *error, enum s3_error expected,
                           const char *condition)
{
    assert_int_equal(status, expected ? STATUS_PRECONDITION : STATUS_OK);
    assert_int_equal(error->code, expected);
    assert_int_equal(error->element_count, condition ? 1 : 0);
    if (!condition)
        return;
    assert_string_equal(error->elements[0].name, "Condition");
    assert_true(bytes_equal_str(error->elements[0].value, condition));
}

static void test_read(void **state)
{
    static const struct {
        struct header_row headers[HEADERS_MAX];
        enum s3_error error;
        const char *condition;
    } rows[] = {
        {{{NULL, NULL}}, S3_ERROR_NONE, NULL},
        {{{"If-Match", TAG}}, S3_ERROR_NONE, NULL},
        {{{"If-Match", "5eb63bbbe01eeed093cb22bb8f5acdc3"}}, S3_ERROR_NONE, NULL},
        {{{"If-Match", "*"}}, S3_ERROR_NONE, NULL},
        {{{"if-match", OTHER}}, S3_PRECONDITION_FAILED, "If-Match"},
        {{{"If-Match", "W/" TAG}}, S3_PRECONDITION_FAILED, "If-Match"},
        {{{"If-None-Match", TAG}}, S3_NOT_MODIFIED, NULL},
        {{{"If-None-Match", "W/" TAG}}, S3_NOT_MODIFIED, NULL},
        {{{"If-None-Match", "*"}}, S3_NOT_MODIFIED, NULL},
        {{{"If-None-Match", OTHER ", " TAG}}, S3_NOT_MODIFIED, NULL},
        {{{"If-None-Match", OTHER}}, S3_ERROR_NONE, NULL},
        {{{"If-Modified-Since", AT}}, S3_NOT_MODIFIED, NULL},
        {{{"If-Modified-Since", AFTER}}, S3_NOT_MODIFIED, NULL},
        {{{"If-Modified-Since", BEFORE}}, S3_ERROR_NONE, NULL},
        {{{"If-Modified-Since", FUTURE}}, S3_ERROR_NONE, NULL},
        {{{"If-Modified-Since", "yesterday"}}, S3_ERROR_NONE, NULL},
        {{{"If-Unmodified-Since", AT}}, S3_ERROR_NONE, NULL},
        {{{"If-Unmodified-Since", AFTER}}, S3_ERROR_NONE, NULL},
        {{{"If-Unmodified-Since", BEFORE}}, S3_PRECONDITION_FAILED, "If-Unmodified-Since"},
        {{{"If-Unmodified-Since", "yesterday"}}, S3_ERROR_NONE, NULL},
        /* If-Match outranks If-Unmodified-Since, If-None-Match outranks If-Modified-Since */
        {{{"If-Match", TAG}, {"If-Unmodified-Since", BEFORE}}, S3_ERROR_NONE, NULL},
        {{{"If-Match", OTHER}, {"If-Unmodified-Since", AFTER}}, S3_PRECONDITION_FAILED, "If-Match"},
        {{{"If-None-Match", TAG}, {"If-Modified-Since", BEFORE}}, S3_NOT_MODIFIED, NULL},
        {{{"If-None-Match", OTHER}, {"If-Modified-Since", AT}}, S3_ERROR_NONE, NULL},
        /* 412 comes before 304 */
        {{{"If-None-Match", TAG}, {"If-Match", OTHER}}, S3_PRECONDITION_FAILED, "If-Match"},
        {{{"If-Match", TAG}, {"If-None-Match", TAG}}, S3_NOT_MODIFIED, NULL},
        {{{"If-Unmodified-Since", BEFORE}, {"If-Modified-Since", AT}}, S3_PRECONDITION_FAILED, "If-Unmodified-Since"},
    };
    struct condition_target against = target();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};
        struct http_header fields[HEADERS_MAX];
        struct header_list headers = list_of(rows[i].headers, fields);

        assert_outcome(conditions_check_read(headers, &against, &error), &error, rows[i].error, rows[i].condition);
    }
}

static void test_copy_source(void **state)
{
    static const struct {
        struct header_row headers[HEADERS_MAX];
        const char *condition; /* that failed */
    } rows[] = {
        {{{NULL, NULL}}, NULL},
        {{{"If-Match", OTHER}}, NULL}, /* the destination's */
        {{{"x-amz-copy-source-if-match", TAG}}, NULL},
        {{{"x-amz-copy-source-if-match", OTHER}}, "x-amz-copy-source-If-Match"},
        {{{"x-amz-copy-source-if-none-match", OTHER}}, NULL},
        {{{"x-amz-copy-source-if-none-match", TAG}}, "x-amz-copy-source-If-None-Match"},
        {{{"x-amz-copy-source-if-modified-since", BEFORE}}, NULL},
        {{{"x-amz-copy-source-if-modified-since", AT}}, "x-amz-copy-source-If-Modified-Since"},
        {{{"x-amz-copy-source-if-modified-since", FUTURE}}, NULL},
        {{{"x-amz-copy-source-if-unmodified-since", AT}}, NULL},
        {{{"x-amz-copy-source-if-unmodified-since", BEFORE}}, "x-amz-copy-source-If-Unmodified-Since"},
        {{{"x-amz-copy-source-if-match", TAG}, {"x-amz-copy-source-if-unmodified-since", BEFORE}}, NULL},
        {{{"x-amz-copy-source-if-none-match", TAG}, {"x-amz-copy-source-if-modified-since", BEFORE}},
         "x-amz-copy-source-If-None-Match"},
    };
    struct condition_target source = target();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};
        struct http_header fields[HEADERS_MAX];
        struct header_list headers = list_of(rows[i].headers, fields);

        assert_outcome(conditions_check_copy_source(headers, &source, &error), &error,
                       rows[i].condition ? S3_PRECONDITION_FAILED : S3_ERROR_NONE, rows[i].condition);
    }
}

enum write_kind { WRITE_NONE, WRITE_ABSENT, WRITE_MATCH, WRITE_MATCH_NOTHING, WRITE_EXIST, WRITE_REFUSED };

struct write_row {
    struct header_row headers[HEADERS_MAX];
    enum write_kind kind;
    const char *header; /* of the refusal */
};

typedef enum status (*write_parse_fn)(struct header_list headers, struct condition_write *condition,
                                      struct s3_error_details *error);

static void assert_write(const struct write_row *row, write_parse_fn parse)
{
    struct s3_error_details error = {.code = S3_ERROR_NONE};
    struct http_header fields[HEADERS_MAX];
    struct condition_write condition;
    struct condition_target hello = target();
    enum status status = parse(list_of(row->headers, fields), &condition, &error);

    if (row->kind == WRITE_REFUSED) {
        assert_int_equal(status, STATUS_INVALID);
        assert_int_equal(error.code, S3_NOT_IMPLEMENTED);
        assert_string_equal(error.elements[0].name, "Header");
        assert_true(bytes_equal_str(error.elements[0].value, row->header));
        return;
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(condition.must_be_absent, row->kind == WRITE_ABSENT);
    assert_int_equal(condition.must_exist, row->kind == WRITE_EXIST);
    assert_int_equal(condition.must_match, row->kind == WRITE_MATCH || row->kind == WRITE_MATCH_NOTHING);
    if (condition.must_match)
        assert_int_equal(etag_equal(&condition.etag, &hello.etag), row->kind == WRITE_MATCH);
    if (row->kind == WRITE_MATCH_NOTHING)
        assert_int_equal(condition.etag.parts, UINT32_MAX);
}

static void test_write(void **state)
{
    static const struct write_row rows[] = {
        {{{"If-Modified-Since", AT}}, WRITE_NONE, NULL},
        {{{"If-None-Match", "*"}}, WRITE_ABSENT, NULL},
        {{{"If-Match", TAG}}, WRITE_MATCH, NULL},
        {{{"If-Match", "5eb63bbbe01eeed093cb22bb8f5acdc3"}}, WRITE_MATCH, NULL},
        {{{"If-Match", "nonsense"}}, WRITE_MATCH_NOTHING, NULL},
        {{{"If-None-Match", TAG}}, WRITE_REFUSED, "If-None-Match"},
        {{{"If-None-Match", ""}}, WRITE_REFUSED, "If-None-Match"},
        {{{"If-Match", "*"}}, WRITE_REFUSED, "If-Match"},
        {{{"If-Match", TAG}, {"If-None-Match", "*"}}, WRITE_REFUSED, "If-Match,If-None-Match"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_write(&rows[i], conditions_parse_write);
}

static void test_delete(void **state)
{
    static const struct write_row rows[] = {
        {{{NULL, NULL}}, WRITE_NONE, NULL},
        {{{"If-Match", TAG}}, WRITE_MATCH, NULL},
        {{{"If-Match", "*"}}, WRITE_EXIST, NULL},
        {{{"If-Match", "x"}}, WRITE_MATCH_NOTHING, NULL},
        {{{"If-None-Match", "*"}}, WRITE_REFUSED, "If-None-Match"},
        {{{"x-amz-if-match-size", ""}}, WRITE_NONE, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_write(&rows[i], conditions_parse_delete);
}

static void test_delete_by_size_and_time(void **state)
{
    static const struct {
        struct header_row headers[HEADERS_MAX];
        enum s3_error error;
        bool size, time, match;
    } rows[] = {
        {{{"x-amz-if-match-size", "11"}}, S3_ERROR_NONE, true, false, false},
        {{{"x-amz-if-match-size", "-1"}}, S3_INVALID_ARGUMENT, false, false, false},
        {{{"x-amz-if-match-size", "1x"}}, S3_INVALID_ARGUMENT, false, false, false},
        {{{"x-amz-if-match-last-modified-time", AT}}, S3_ERROR_NONE, false, true, false},
        {{{"x-amz-if-match-last-modified-time", "yesterday"}}, S3_INVALID_ARGUMENT, false, false, false},
        {{{"If-Match", TAG}, {"x-amz-if-match-size", "11"}, {"x-amz-if-match-last-modified-time", AT}},
         S3_ERROR_NONE,
         true,
         true,
         true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};
        struct http_header fields[HEADERS_MAX];
        struct condition_write condition;
        enum status status = conditions_parse_delete(list_of(rows[i].headers, fields), &condition, &error);

        assert_int_equal(error.code, rows[i].error);
        assert_int_equal(status, rows[i].error ? STATUS_INVALID : STATUS_OK);
        if (status)
            continue;
        assert_int_equal(condition.must_have_size, rows[i].size);
        assert_int_equal(condition.must_have_time, rows[i].time);
        assert_int_equal(condition.must_match, rows[i].match);
        assert_true(!rows[i].size || condition.size == 11);
        assert_true(!rows[i].time || condition.modified_s == target().modified_ms / 1000);
        assert_true(condition_needs_object(&condition) && condition_tells_object(&condition));
    }
}

static void test_failed(void **state)
{
    struct s3_error_details error = {.code = S3_ERROR_NONE};
    struct condition_write condition = {.must_be_absent = true};

    (void)state;
    conditions_failed(&condition, &error);
    assert_outcome(STATUS_PRECONDITION, &error, S3_PRECONDITION_FAILED, "If-None-Match");
    condition = (struct condition_write){.must_match = true};
    conditions_failed(&condition, &error);
    assert_outcome(STATUS_PRECONDITION, &error, S3_PRECONDITION_FAILED, "If-Match");
    condition = (struct condition_write){.must_have_size = true};
    conditions_failed(&condition, &error);
    assert_outcome(STATUS_PRECONDITION, &error, S3_PRECONDITION_FAILED, "x-amz-if-match-size");
}

static void test_if_range(void **state)
{
    static const struct {
        struct header_row headers[HEADERS_MAX];
        bool counts;
    } rows[] = {
        {{{NULL, NULL}}, true},
        {{{"If-Range", TAG}}, true},
        {{{"If-Range", OTHER}}, false},
        {{{"If-Range", "W/" TAG}}, false},
        {{{"If-Range", "*"}}, false},
        {{{"If-Range", AT}}, true},
        {{{"If-Range", BEFORE}}, false},
        {{{"If-Range", AFTER}}, false}, /* the very date, not an older or a younger one */
        {{{"If-Range", "yesterday"}}, false},
    };
    const struct condition_target object = target();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_header headers[HEADERS_MAX];

        assert_int_equal(conditions_range_counts(list_of(rows[i].headers, headers), &object), rows[i].counts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_copy_source),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_delete_by_size_and_time),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_if_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
