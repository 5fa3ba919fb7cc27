/* checksum_header: what requests say and AWS's refusals; values against recorded clients. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compat/checksum_header.h"
#include "tests/unit/compat/header_rows.h"

static void test_names(void **state)
{
    static const struct {
        enum checksum_algorithm algorithm;
        size_t len;
        const char *name, *header, *element;
    } rows[] = {
        {CHECKSUM_CRC32, 4, "CRC32", "x-amz-checksum-crc32", "ChecksumCRC32"},
        {CHECKSUM_CRC32C, 4, "CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C"},
        {CHECKSUM_CRC64NVME, 8, "CRC64NVME", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME"},
        {CHECKSUM_SHA1, 20, "SHA1", "x-amz-checksum-sha1", "ChecksumSHA1"},
        {CHECKSUM_SHA256, 32, "SHA256", "x-amz-checksum-sha256", "ChecksumSHA256"},
        {CHECKSUM_SHA512, 64, "SHA512", "x-amz-checksum-sha512", "ChecksumSHA512"},
        {CHECKSUM_MD5, 16, "MD5", "x-amz-checksum-md5", "ChecksumMD5"},
        {CHECKSUM_XXHASH64, 8, "XXHASH64", "x-amz-checksum-xxhash64", "ChecksumXXHASH64"},
        {CHECKSUM_XXHASH3, 8, "XXHASH3", "x-amz-checksum-xxhash3", "ChecksumXXHASH3"},
        {CHECKSUM_XXHASH128, 16, "XXHASH128", "x-amz-checksum-xxhash128", "ChecksumXXHASH128"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal((int)rows[i].algorithm, (int)i + 1); /* stored numbers */
        assert_int_equal(checksum_length(rows[i].algorithm), rows[i].len);
        assert_string_equal(checksum_name(rows[i].algorithm), rows[i].name);
        assert_string_equal(checksum_header_name(rows[i].algorithm), rows[i].header);
        assert_string_equal(checksum_element_name(rows[i].algorithm), rows[i].element);
        assert_int_equal(checksum_algorithm_parse(bytes_from_str(rows[i].name)), rows[i].algorithm);
    }
    assert_int_equal(checksum_algorithm_parse(BYTES("crc32c")), CHECKSUM_CRC32C);
    assert_int_equal(checksum_algorithm_parse(BYTES("SHA384")), CHECKSUM_NONE);
    assert_int_equal(checksum_algorithm_parse(BYTES("NONE")), CHECKSUM_NONE);
    assert_int_equal(checksum_algorithm_parse(BYTES("")), CHECKSUM_NONE);
}

static void test_running_values(void **state)
{
    static const struct {
        enum checksum_algorithm algorithm;
        const char *expected; /* of "hello world" */
    } rows[] = {
        {CHECKSUM_CRC32, "DUoRhQ=="},
        {CHECKSUM_CRC32C, "yZRlqg=="},
        {CHECKSUM_CRC64NVME, "jSnVw/bqjr4="},
        {CHECKSUM_SHA1, "Kq5sNclPz7QV2+lfQIuc6R7oRu0="},
        {CHECKSUM_SHA256, "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="},
        {CHECKSUM_SHA512, "MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw=="},
        {CHECKSUM_MD5, "XrY7u+Ae7tCTyyK7j1rNww=="},
        {CHECKSUM_XXHASH64, "RatnNLIeaWg="},
        {CHECKSUM_XXHASH3, "1Eex6kDmmIs="},
        {CHECKSUM_XXHASH128, "340J6T+HSQCpm4d1zBW2xw=="},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct checksum_state running;
        struct checksum_value value, parsed;
        char text[CHECKSUM_TEXT_MAX];

        checksum_state_init(&running, rows[i].algorithm);
        checksum_state_update(&running, "hello ", 6);
        checksum_state_update(&running, "world", 5);
        checksum_state_final(&running, &value);
        checksum_state_release(&running);
        checksum_text(&value, 0, text);
        assert_string_equal(text, rows[i].expected);
        assert_true(value.full_object);
        assert_int_equal(checksum_parse(rows[i].algorithm, bytes_from_str(text), &parsed), STATUS_OK);
        assert_true(checksum_equal(&parsed, &value));
        parsed.value[0] ^= 1;
        assert_false(checksum_equal(&parsed, &value));
    }
}

static void test_no_algorithm(void **state)
{
    struct checksum_state running;
    struct checksum_value value;

    (void)state;
    checksum_state_init(&running, CHECKSUM_NONE);
    checksum_state_update(&running, "x", 1);
    checksum_state_final(&running, &value);
    assert_int_equal(value.algorithm, CHECKSUM_NONE);
    assert_int_equal(value.len, 0);
    checksum_state_release(&running);
}

static void value_of(enum checksum_algorithm algorithm, const char *data, struct checksum_value *value)
{
    struct checksum_state running;

    checksum_state_init(&running, algorithm);
    checksum_state_update(&running, data, strlen(data));
    checksum_state_final(&running, value);
    checksum_state_release(&running);
}

static void test_combining(void **state)
{
    static const struct {
        enum checksum_algorithm algorithm;
        bool full_object;
        const char *expected; /* of "hello " and "world" */
    } rows[] = {
        {CHECKSUM_CRC32, true, "DUoRhQ=="},
        {CHECKSUM_CRC32C, true, "yZRlqg=="},
        {CHECKSUM_CRC64NVME, true, "jSnVw/bqjr4="},
        {CHECKSUM_CRC32, false, "1Fu2mQ==-2"},
        {CHECKSUM_SHA256, false, "Zhie15keHg/OBlOZxcoF/BXCgYZaeimRvdZnwUZqkaQ=-2"},
        {CHECKSUM_SHA512, false,
         "C/HEc13zUZH9s4kBUK4WaZuRLMHXDX5OxDMVhb1l/Wn7H5Wkuh8nvXIQhoWYRHTF988UAluGd2CRQk1bfZRsNQ==-2"},
        {CHECKSUM_MD5, false, "4J5P1iZbNhFf49sy35RdhA==-2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct checksum_combiner combiner;
        struct checksum_value part, foreign, total;
        char text[CHECKSUM_TEXT_MAX];

        checksum_combiner_init(&combiner, rows[i].algorithm, rows[i].full_object);
        value_of(rows[i].algorithm, "hello ", &part);
        assert_int_equal(checksum_combiner_add(&combiner, &part, 6), STATUS_OK);
        value_of(CHECKSUM_SHA1, "x", &foreign);
        assert_int_equal(checksum_combiner_add(&combiner, &foreign, 1), STATUS_INVALID);
        value_of(rows[i].algorithm, "world", &part);
        assert_int_equal(checksum_combiner_add(&combiner, &part, 5), STATUS_OK);
        checksum_combiner_final(&combiner, &total);
        checksum_combiner_release(&combiner);
        assert_int_equal(total.full_object, rows[i].full_object);
        checksum_text(&total, rows[i].full_object ? 0 : 2, text);
        assert_string_equal(text, rows[i].expected);
    }
}

static void test_requests(void **state)
{
    static const struct {
        struct header_row headers[HEADERS_MAX];
        bool allow_composite;
        const char *message; /* of the refusal; NULL: accepted */
        enum checksum_algorithm algorithm;
        bool in_trailer;
        uint32_t composite_parts;
    } rows[] = {
        {{{"Host", "x"}, {"x-amz-checksum-mode", "ENABLED"}}, false, NULL, CHECKSUM_NONE, false, 0},
        {{{"x-amz-checksum-type", "COMPOSITE"}, {"x-amz-checksum-algorithm", ""}},
         false,
         NULL,
         CHECKSUM_NONE,
         false,
         0},
        {{{"x-amz-checksum-crc32", "DUoRhQ=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}},
         false,
         NULL,
         CHECKSUM_CRC32,
         false,
         0},
        {{{"X-Amz-Checksum-CRC64NVME", " jSnVw/bqjr4= "}}, false, NULL, CHECKSUM_CRC64NVME, false, 0},
        {{{"x-amz-trailer", "x-amz-checksum-crc32"}, {"x-amz-sdk-checksum-algorithm", "CRC32"}},
         false,
         NULL,
         CHECKSUM_CRC32,
         true,
         0},
        {{{"X-Amz-Trailer", "X-Amz-Checksum-Sha256"}}, false, NULL, CHECKSUM_SHA256, true, 0},
        {{{"x-amz-checksum-crc32", "AlzOEA==-3"}}, true, NULL, CHECKSUM_CRC32, false, 3},
        {{{"x-amz-checksum-crc32", "AlzOEA==-3"}}, false, "Value for x-amz-checksum-crc32 header is invalid.", 0, 0, 0},
        {{{"x-amz-checksum-crc32", "AlzOEA==-0"}}, true, "Value for x-amz-checksum-crc32 header is invalid.", 0, 0, 0},
        {{{"x-amz-checksum-crc32", "AlzOEA==-"}}, true, "Value for x-amz-checksum-crc32 header is invalid.", 0, 0, 0},
        {{{"x-amz-checksum-crc32", "not base64"}}, false, "Value for x-amz-checksum-crc32 header is invalid.", 0, 0, 0},
        {{{"x-amz-checksum-crc32c", "jSnVw/bqjr4="}},
         false,
         "Value for x-amz-checksum-crc32c header is invalid.",
         0,
         0,
         0},
        {{{"x-amz-checksum-sha1", "DUoRhQ=="}}, false, "Value for x-amz-checksum-sha1 header is invalid.", 0, 0, 0},
        {{{"x-amz-checksum-sha256", ""}}, false, "Value for x-amz-checksum-sha256 header is invalid.", 0, 0, 0},
        {{{"x-amz-checksum-crc32", "DUoRhQ=="}, {"x-amz-checksum-crc32c", "yZRlqg=="}},
         false,
         "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
         0,
         0,
         0},
        {{{"x-amz-checksum-crc32", "DUoRhQ=="}, {"x-amz-checksum-crc32", "DUoRhQ=="}},
         false,
         "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
         0,
         0,
         0},
        {{{"x-amz-checksum-crc32", "DUoRhQ=="}, {"x-amz-trailer", "x-amz-checksum-crc32"}},
         false,
         "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
         0,
         0,
         0},
        {{{"x-amz-checksum-md5", "XrY7u+Ae7tCTyyK7j1rNww=="}}, false, NULL, CHECKSUM_MD5, false, 0},
        {{{"x-amz-trailer", "x-amz-checksum-xxhash128"}}, false, NULL, CHECKSUM_XXHASH128, true, 0},
        {{{"x-amz-checksum-sha384", "XrY7u+Ae7tCTyyK7j1rNww=="}},
         false,
         "The algorithm type you specified in x-amz-checksum- header is invalid.",
         0,
         0,
         0},
        {{{"x-amz-trailer", "x-amz-meta-a"}},
         false,
         "The value specified in the x-amz-trailer header is not supported",
         0,
         0,
         0},
        {{{"x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1"}},
         false,
         "The value specified in the x-amz-trailer header is not supported",
         0,
         0,
         0},
        {{{"x-amz-sdk-checksum-algorithm", "CRC32"}},
         false,
         "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
         "were found.",
         0,
         0,
         0},
        {{{"x-amz-checksum-crc32", "DUoRhQ=="}, {"x-amz-checksum-algorithm", "CRC32"}}, /* FoundationDB */
         false,
         NULL,
         CHECKSUM_CRC32,
         false,
         0},
        {{{"x-amz-checksum-algorithm", "SHA256"}},
         false,
         "x-amz-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were "
         "found.",
         0,
         0,
         0},
        {{{"x-amz-checksum-algorithm", "SHA1"}, {"x-amz-checksum-crc32", "DUoRhQ=="}},
         false,
         "Value for x-amz-checksum-algorithm header is invalid.",
         0,
         0,
         0},
        {{{"x-amz-sdk-checksum-algorithm", "SHA1"}, {"x-amz-checksum-crc32", "DUoRhQ=="}},
         false,
         "Value for x-amz-sdk-checksum-algorithm header is invalid.",
         0,
         0,
         0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};
        struct checksum_request request;
        struct http_header fields[HEADERS_MAX];
        struct header_list headers = list_of(rows[i].headers, fields);
        enum status status = checksum_request_parse(headers, rows[i].allow_composite, &request, &error);

        assert_string_equal(error.message, rows[i].message ? rows[i].message : "");
        if (rows[i].message) {
            assert_int_equal(status, STATUS_INVALID);
            assert_int_equal(error.code, S3_INVALID_REQUEST);
            continue;
        }
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(request.algorithm, rows[i].algorithm);
        assert_int_equal(request.in_trailer, rows[i].in_trailer);
        assert_int_equal(request.composite_parts, rows[i].composite_parts);
        assert_int_equal(request.value.algorithm, rows[i].in_trailer ? CHECKSUM_NONE : rows[i].algorithm);
        assert_int_equal(request.value.full_object, request.value.algorithm && rows[i].composite_parts == 0);
    }
}

static void test_trailer(void **state)
{
    static const struct {
        struct header_row trailer[HEADERS_MAX];
        enum s3_error error;
    } rows[] = {
        {{{"x-amz-checksum-crc32", "DUoRhQ=="}}, S3_ERROR_NONE},
        {{{"x-amz-checksum-crc32", "DUoRhQ=="}, {"x-amz-trailer-signature", "00"}}, S3_ERROR_NONE},
        {{{"x-amz-trailer-signature", "00"}}, S3_MALFORMED_TRAILER},
        {{{NULL, NULL}}, S3_MALFORMED_TRAILER},
        {{{"x-amz-checksum-crc32c", "yZRlqg=="}}, S3_MALFORMED_TRAILER},
        {{{"x-amz-checksum-crc32", "DUoRhQ=="}, {"x-amz-checksum-crc32c", "yZRlqg=="}}, S3_MALFORMED_TRAILER},
        {{{"x-amz-checksum-crc32", "DUoRhQ=="}, {"x-amz-checksum-crc32", "DUoRhQ=="}}, S3_MALFORMED_TRAILER},
        {{{"x-amz-checksum-crc32", "yZRl"}}, S3_INVALID_REQUEST},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};
        struct checksum_request request = {.algorithm = CHECKSUM_CRC32, .in_trailer = true};
        struct http_header fields[HEADERS_MAX];
        struct header_list trailer = list_of(rows[i].trailer, fields);
        enum status status = checksum_request_trailer(&request, trailer, &error);

        assert_int_equal(status, rows[i].error ? STATUS_INVALID : STATUS_OK);
        assert_int_equal(error.code, rows[i].error);
        assert_int_equal(request.value.algorithm, rows[i].error ? CHECKSUM_NONE : CHECKSUM_CRC32);
    }
}

static void test_creation(void **state)
{
    static const struct {
        struct header_row headers[HEADERS_MAX];
        bool refused;
        enum checksum_algorithm algorithm;
        bool full_object;
    } rows[] = {
        {{{NULL, NULL}}, false, CHECKSUM_NONE, false},
        {{{"x-amz-checksum-algorithm", "CRC32"}}, false, CHECKSUM_CRC32, false},
        {{{"x-amz-checksum-algorithm", "CRC32C"}}, false, CHECKSUM_CRC32C, false},
        {{{"x-amz-checksum-algorithm", "SHA1"}}, false, CHECKSUM_SHA1, false},
        {{{"x-amz-checksum-algorithm", "sha256"}}, false, CHECKSUM_SHA256, false},
        {{{"x-amz-checksum-algorithm", "CRC64NVME"}}, false, CHECKSUM_CRC64NVME, true},
        {{{"x-amz-checksum-algorithm", "XXHASH3"}}, false, CHECKSUM_XXHASH3, false},
        {{{"x-amz-checksum-algorithm", "XXHASH3"}, {"x-amz-checksum-type", "FULL_OBJECT"}}, true, 0, false},
        {{{"x-amz-checksum-algorithm", "SHA512"}, {"x-amz-checksum-type", "COMPOSITE"}}, false, CHECKSUM_SHA512, false},
        {{{"x-amz-checksum-algorithm", "CRC32"}, {"x-amz-checksum-type", "FULL_OBJECT"}}, false, CHECKSUM_CRC32, true},
        {{{"x-amz-checksum-algorithm", "CRC64NVME"}, {"x-amz-checksum-type", "FULL_OBJECT"}},
         false,
         CHECKSUM_CRC64NVME,
         true},
        {{{"x-amz-checksum-algorithm", "SHA256"}, {"x-amz-checksum-type", "COMPOSITE"}}, false, CHECKSUM_SHA256, false},
        {{{"x-amz-checksum-algorithm", "CRC64NVME"}, {"x-amz-checksum-type", "COMPOSITE"}}, true, 0, 0},
        {{{"x-amz-checksum-algorithm", "SHA1"}, {"x-amz-checksum-type", "FULL_OBJECT"}}, true, 0, 0},
        {{{"x-amz-checksum-algorithm", "SHA256"}, {"x-amz-checksum-type", "FULL_OBJECT"}}, true, 0, 0},
        {{{"x-amz-checksum-algorithm", "CRC32"}, {"x-amz-checksum-type", "WHOLE"}}, true, 0, 0},
        {{{"x-amz-checksum-type", "COMPOSITE"}}, true, 0, 0},
        {{{"x-amz-checksum-type", ""}}, false, CHECKSUM_NONE, false}, /* without a value: as if absent */
        {{{"x-amz-checksum-algorithm", ""}, {"x-amz-checksum-type", ""}}, false, CHECKSUM_NONE, false},
        {{{"x-amz-checksum-algorithm", "CRC32"}, {"x-amz-checksum-type", ""}}, false, CHECKSUM_CRC32, false},
        {{{"x-amz-checksum-algorithm", "SHA384"}}, true, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};
        struct http_header fields[HEADERS_MAX];
        struct header_list headers = list_of(rows[i].headers, fields);
        enum checksum_algorithm algorithm;
        bool full_object;
        enum status status = checksum_creation_parse(headers, &algorithm, &full_object, &error);

        assert_int_equal(status, rows[i].refused ? STATUS_INVALID : STATUS_OK);
        assert_int_equal(error.code, rows[i].refused ? S3_INVALID_REQUEST : S3_ERROR_NONE);
        if (status)
            continue;
        assert_int_equal(algorithm, rows[i].algorithm);
        assert_int_equal(full_object, rows[i].full_object);
    }
}

static void test_type_of_complete(void **state)
{
    static const struct {
        const char *type;
        enum checksum_algorithm algorithm;
        bool full_object;
        enum status status;
    } rows[] = {
        {NULL, CHECKSUM_CRC32, false, STATUS_OK},
        {NULL, CHECKSUM_NONE, false, STATUS_OK},
        {"COMPOSITE", CHECKSUM_CRC32, false, STATUS_OK},
        {"FULL_OBJECT", CHECKSUM_CRC32, true, STATUS_OK},
        {"FULL_OBJECT", CHECKSUM_CRC32, false, STATUS_INVALID},
        {"COMPOSITE", CHECKSUM_NONE, false, STATUS_INVALID},
        {"OTHER", CHECKSUM_CRC32, false, STATUS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};
        struct header_row row[HEADERS_MAX] = {{rows[i].type ? "x-amz-checksum-type" : NULL, rows[i].type}};
        struct http_header fields[HEADERS_MAX];
        struct header_list headers = list_of(row, fields);

        assert_int_equal(checksum_type_check(headers, rows[i].algorithm, rows[i].full_object, &error), rows[i].status);
        assert_int_equal(error.code, rows[i].status ? S3_INVALID_REQUEST : S3_ERROR_NONE);
    }
}

static void test_content_md5(void **state)
{
    static const struct {
        const char *value;
        enum status status;
    } rows[] = {
        {NULL, STATUS_OK},
        {"XrY7u+Ae7tCTyyK7j1rNww==", STATUS_OK},
        {" XrY7u+Ae7tCTyyK7j1rNww== ", STATUS_OK},
        {"__invalid__", STATUS_INVALID},
        {"", STATUS_INVALID},
        {"DUoRhQ==", STATUS_INVALID},
        {"5eb63bbbe01eeed093cb22bb8f5acdc3", STATUS_INVALID}, /* hex */
        {"uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzeluU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=", STATUS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {.code = S3_ERROR_NONE};
        struct header_row row[HEADERS_MAX] = {{rows[i].value ? "content-md5" : NULL, rows[i].value}};
        struct http_header fields[HEADERS_MAX];
        uint8_t md5[MD5_LEN] = {0}, expected[MD5_LEN];
        bool present;

        assert_int_equal(content_md5_parse(list_of(row, fields), &present, md5, &error), rows[i].status);
        assert_int_equal(present, rows[i].value != NULL);
        if (rows[i].status) {
            assert_int_equal(error.code, S3_INVALID_DIGEST);
            assert_string_equal(error.elements[0].name, "Content-MD5");
            assert_true(bytes_equal_str(error.elements[0].value, rows[i].value));
        } else if (present) {
            md5_of("hello world", 11, expected);
            assert_memory_equal(md5, expected, MD5_LEN);
        }
    }
}

static void test_mismatch(void **state)
{
    struct s3_error_details error = {.code = S3_ERROR_NONE};

    (void)state;
    checksum_mismatch(CHECKSUM_CRC32C, &error);
    assert_int_equal(error.code, S3_BAD_DIGEST);
    assert_string_equal(error.message, "The CRC32C you specified did not match the calculated checksum.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),     cmocka_unit_test(test_running_values),   cmocka_unit_test(test_no_algorithm),
        cmocka_unit_test(test_combining), cmocka_unit_test(test_requests),         cmocka_unit_test(test_trailer),
        cmocka_unit_test(test_creation),  cmocka_unit_test(test_type_of_complete), cmocka_unit_test(test_content_md5),
        cmocka_unit_test(test_mismatch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
