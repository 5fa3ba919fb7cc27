/* Headers of encryption: every combination has AWS's outcome. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "compat/bucket_encryption.h"
#include "compat/object_encryption.h"

#define SSE     "x-amz-server-side-encryption"
#define KEY     "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_MD5 "tP/LI3N87DFaSk0aoqYgzg=="
#define CONTEXT "eyJhIjoiYiJ9" /* {"a":"b"} */
#define PAIRS   4
#define IS_KMS                                                                                                         \
    {                                                                                                                  \
        SSE, "aws:kms"                                                                                                 \
    }

struct pair {
    const char *name, *value;
};

static struct header_list list_of(const struct pair *pairs, struct http_header *storage)
{
    struct header_list list = {storage, 0};

    for (size_t i = 0; i < PAIRS && pairs[i].name; i++)
        storage[list.count++] = (struct http_header){bytes_from_str(pairs[i].name), bytes_from_str(pairs[i].value)};
    return list;
}

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        struct pair pairs[PAIRS];
        enum s3_error error;
        enum sse_method method;
    } rows[] = {
        {{{NULL, NULL}}, S3_ERROR_NONE, SSE_NONE},
        {{{SSE, "AES256"}}, S3_ERROR_NONE, SSE_AES256},
        {{IS_KMS}, S3_ERROR_NONE, SSE_KMS},
        {{{SSE, "aws:kms:dsse"}, {SSE "-aws-kms-key-id", "k"}}, S3_ERROR_NONE, SSE_DSSE},
        {{{SSE, "aes256"}}, S3_INVALID_ARGUMENT, SSE_NONE},
        {{{SSE, "aws:fsx"}}, S3_INVALID_ARGUMENT, SSE_NONE},
        {{{SSE "-aws-kms-key-id", "k"}}, S3_INVALID_ARGUMENT, SSE_NONE},
        {{{SSE, "AES256"}, {SSE "-aws-kms-key-id", "k"}}, S3_INVALID_ARGUMENT, SSE_NONE},
        {{{SSE, "AES256"}, {SSE "-context", CONTEXT}}, S3_INVALID_ARGUMENT, SSE_NONE},
        {{IS_KMS, {SSE "-context", CONTEXT}}, S3_ERROR_NONE, SSE_KMS},
        {{IS_KMS, {SSE "-context", "e30="}}, S3_ERROR_NONE, SSE_KMS},                /* {} */
        {{IS_KMS, {SSE "-context", "{}"}}, S3_INVALID_ARGUMENT, SSE_NONE},           /* not in Base64 */
        {{IS_KMS, {SSE "-context", "eyJhIjoxfQ=="}}, S3_INVALID_ARGUMENT, SSE_NONE}, /* {"a":1} */
        {{IS_KMS, {SSE "-context", "W10="}}, S3_INVALID_ARGUMENT, SSE_NONE},         /* [] */
        {{IS_KMS, {SSE "-context", "eyJhIjp7fX0="}}, S3_INVALID_ARGUMENT, SSE_NONE}, /* {"a":{}} */
        {{IS_KMS, {SSE "-bucket-key-enabled", "true"}}, S3_ERROR_NONE, SSE_KMS},
        {{IS_KMS, {SSE "-bucket-key-enabled", "yes"}}, S3_INVALID_ARGUMENT, SSE_NONE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_header storage[PAIRS];
        struct s3_error_details error = {0};
        struct sse_request request;
        enum status status = sse_request_parse(list_of(rows[i].pairs, storage), &request, &error);
        assert_int_equal(error.code, rows[i].error);
        assert_int_equal(status != STATUS_OK, rows[i].error != S3_ERROR_NONE);
        if (!status)
            assert_int_equal(request.method, rows[i].method);
    }
}

static void test_customer_keys(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm, *key, *md5;
        enum s3_error writes, reads;
    } rows[] = {
        {NULL, NULL, NULL, S3_ERROR_NONE, S3_ERROR_NONE},
        {"AES256", KEY, KEY_MD5, S3_ERROR_NONE, S3_ERROR_NONE},
        {NULL, KEY, KEY_MD5, S3_INVALID_ARGUMENT, S3_INVALID_ARGUMENT},
        {NULL, NULL, KEY_MD5, S3_INVALID_ARGUMENT, S3_INVALID_ARGUMENT},
        {"AES256", NULL, NULL, S3_INVALID_ARGUMENT, S3_INVALID_ARGUMENT},
        {"AES256", NULL, KEY_MD5, S3_INVALID_ARGUMENT, S3_INVALID_ARGUMENT},
        {"AES128", KEY, KEY_MD5, S3_INVALID_ENCRYPTION_ALGORITHM, S3_INVALID_ENCRYPTION_ALGORITHM},
        {"AES256", KEY, NULL, S3_INVALID_ARGUMENT, S3_ACCESS_DENIED},
        {"AES256", KEY, "1B2M2Y8AsgTpgAmY7PhCfg==", S3_INVALID_ARGUMENT, S3_INVALID_ARGUMENT},
        {"AES256", "AAEC", KEY_MD5, S3_INVALID_ARGUMENT, S3_INVALID_ARGUMENT},
        {"AES256", KEY "AAAA", KEY_MD5, S3_INVALID_ARGUMENT, S3_INVALID_ARGUMENT},
        {"AES256", "not base64", KEY_MD5, S3_INVALID_ARGUMENT, S3_INVALID_ARGUMENT},
    };

    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        bool reads = i % 2;
        const struct pair pairs[PAIRS] = {
            {rows[i / 2].algorithm ? SSE "-customer-algorithm" : "a", rows[i / 2].algorithm},
            {rows[i / 2].key ? SSE "-customer-key" : "b", rows[i / 2].key},
            {rows[i / 2].md5 ? SSE "-customer-key-MD5" : "c", rows[i / 2].md5}};
        enum s3_error expected = reads ? rows[i / 2].reads : rows[i / 2].writes;
        struct http_header storage[PAIRS];
        struct s3_error_details error = {0};
        struct sse_customer customer;
        enum status status =
            sse_customer_parse(list_of(pairs, storage), reads ? SSE_READS : SSE_WRITES, &customer, &error);
        assert_int_equal(error.code, expected);
        assert_int_equal(status != STATUS_OK, expected != S3_ERROR_NONE);
        assert_int_equal(customer.given, !status && rows[i / 2].key);
        for (size_t j = 0; !customer.given && j < SEAL_KEY_LEN; j++)
            assert_int_equal(customer.key.bytes[j], 0);
    }
}

static void test_key_names(void **state)
{
    (void)state;
    static const struct {
        const char *id, *name;
        bool malformed;
    } rows[] = {
        {"k", "k", false},
        {"alias/k", "k", false},
        {"alias/aws/s3", "aws/s3", false},
        {"arn:aws:kms:eu-1:000000000000:key/k", "k", false},
        {"arn:aws:kms:eu-1:000000000000:alias/k", "k", false},
        {"arn:aws:s3:eu-1:000000000000:key/k", NULL, true},
        {"arn:aws:kms:eu-1:000000000000:user/k", NULL, true},
        {"arn:aws:kms", NULL, true},
        {"arn:", NULL, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool malformed;
        struct bytes name = sse_key_name(bytes_from_str(rows[i].id), &malformed);
        assert_int_equal(malformed, rows[i].malformed);
        assert_true(rows[i].name ? bytes_equal_str(name, rows[i].name) : !name.data);
    }
}

#define CONFIGURATION(rules) "<ServerSideEncryptionConfiguration>" rules "</ServerSideEncryptionConfiguration>"
#define RULE(text)           CONFIGURATION("<Rule>" text "</Rule>")
#define DEFAULT(text)        "<ApplyServerSideEncryptionByDefault>" text "</ApplyServerSideEncryptionByDefault>"
#define BY(method)           DEFAULT("<SSEAlgorithm>" method "</SSEAlgorithm>")
#define BLOCKED(type)        "<BlockedEncryptionTypes><EncryptionType>" type "</EncryptionType></BlockedEncryptionTypes>"

static void test_documents(void **state)
{
    (void)state;
    static const struct {
        const char *document;
        bool good;
        struct bucket_encryption is;
    } rows[] = {
        {RULE(BY("AES256")), true, {.method = SSE_AES256}},
        {RULE(
             DEFAULT("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>") "<BucketKeyEnabled>true<"
                                                                                               "/BucketKeyEnabled>"),
         true,
         {.method = SSE_KMS, .key_id = "k", .bucket_key = true}},
        {RULE(BLOCKED("SSE-C")), true, {.blocks_customer = true, .names_blocked = true}},
        {RULE(BY("aws:kms:dsse") BLOCKED("NONE")), true, {.method = SSE_DSSE, .names_blocked = true}},
        {RULE(BLOCKED("SSE-S3")), false, {0}},
        {RULE(BY("rot13")), false, {0}},
        {RULE(DEFAULT("<KMSMasterKeyID>k</KMSMasterKeyID>")), false, {0}},
        {RULE(BY("AES256") BY("AES256")), false, {0}},
        {RULE("<BucketKeyEnabled>1</BucketKeyEnabled>"), false, {0}},
        {RULE("<Other/>"), false, {0}},
        {CONFIGURATION(""), false, {0}},
        {CONFIGURATION("<Rule/><Rule/>"), false, {0}},
        {"<Other/>", false, {0}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bucket_encryption encryption, again;
        struct buffer text;
        assert_int_equal(bucket_encryption_parse(bytes_from_str(rows[i].document), &encryption) == STATUS_OK,
                         rows[i].good);
        if (!rows[i].good)
            continue;
        buffer_init(&text, BUCKET_ENCRYPTION_XML_BYTES_MAX);
        assert_int_equal(bucket_encryption_write(&text, &encryption), STATUS_OK);
        assert_int_equal(bucket_encryption_parse(buffer_bytes(&text), &again), STATUS_OK);
        assert_int_equal(encryption.method, rows[i].is.method);
        assert_int_equal(again.method, rows[i].is.method);
        assert_string_equal(again.key_id, rows[i].is.key_id);
        assert_true(again.bucket_key == rows[i].is.bucket_key && again.names_blocked == rows[i].is.names_blocked);
        assert_int_equal(again.blocks_customer, rows[i].is.blocks_customer);
        buffer_release(&text);
    }
}

#define ARN          "arn:aws:kms:us-east-1:000000000000:key/k"
#define OBJECT(text) "<ObjectEncryption xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>" text "</ObjectEncryption>"
#define BY_KMS(text) OBJECT("<SSE-KMS>" text "</SSE-KMS>")
#define ARN_IS(arn)  "<KMSKeyArn>" arn "</KMSKeyArn>"
#define SWITCH(text) "<BucketKeyEnabled>" text "</BucketKeyEnabled>"

static void test_object_encryption(void **state)
{
    static const struct {
        const char *document;
        enum status status;
        enum s3_error error;
        bool bucket_key;
    } rows[] = {
        {BY_KMS(ARN_IS(ARN)), STATUS_OK, 0, false},
        {BY_KMS(ARN_IS("\n " ARN " ") SWITCH(" true ")), STATUS_OK, 0, true},
        {BY_KMS(SWITCH("false") ARN_IS("arn:aws-cn:kms::000000000000:key/a/b")), STATUS_OK, 0, false},
        {BY_KMS(ARN_IS(ARN) SWITCH("1")), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(ARN_IS(ARN) SWITCH("")), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(""), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(ARN_IS("")), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(ARN_IS("k")), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(ARN_IS("alias/k")), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(ARN_IS("arn:aws:kms:us-east-1:000000000000:alias/k")), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(ARN_IS("arn:aws:kms:us-east-1:000000000000:key/")), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(ARN_IS("arn:aws:kms:us-east-1:00000000000:key/k")), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(ARN_IS("arn:aws:s3:us-east-1:000000000000:key/k")), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {BY_KMS(ARN_IS("arn:aws:kms:us-east-1:000000000001:key/k")), STATUS_DENIED, S3_ACCESS_DENIED, false},
        {OBJECT(""), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {OBJECT("<SSE-S3/>"), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {OBJECT("<DSSE-KMS>" ARN_IS(ARN) "</DSSE-KMS>"), STATUS_INVALID, S3_INVALID_REQUEST, false},
        {OBJECT("<SSE-KMS/><SSE-KMS/>"), STATUS_INVALID, S3_MALFORMED_XML, false},
        {BY_KMS(ARN_IS(ARN) ARN_IS(ARN)), STATUS_INVALID, S3_MALFORMED_XML, false},
        {BY_KMS(ARN_IS(ARN) "<Other/>"), STATUS_INVALID, S3_MALFORMED_XML, false},
        {"<Other/>", STATUS_INVALID, S3_MALFORMED_XML, false},
        {"", STATUS_INVALID, S3_MALFORMED_XML, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {0};
        struct object_encryption encryption;
        enum status status =
            object_encryption_parse(bytes_from_str(rows[i].document), "000000000000", &encryption, &error);
        assert_int_equal(status, rows[i].status);
        if (status)
            assert_int_equal(error.code, rows[i].error);
        else
            assert_true(encryption.bucket_key == rows[i].bucket_key && strstr(encryption.key_arn, ":key/"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),  cmocka_unit_test(test_customer_keys),     cmocka_unit_test(test_key_names),
        cmocka_unit_test(test_documents), cmocka_unit_test(test_object_encryption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
