/* Who may do what: the one decision, on principals with rights for a part of the resources. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/front/authorize.h"

static const struct grant reader_grants[] = {
    {.action = "s3:GetObject", .bucket = "photos", .key = "public/*"},
    {.action = "s3:DeleteObject", .bucket = "photos", .key = "mine"},
    {.action = "s3:ListBucket", .bucket = "photos"},
    {.action = "s3:Put*", .bucket = "drop-*"},
};
static const struct principal reader = {.grants = reader_grants, .grant_count = 4};

static bool may(const struct principal *principal, const char *action, enum resource_kind kind, const char *bucket,
                const char *key)
{
    const struct resource resource = {kind, bytes_from_str(bucket), bytes_from_str(key)};
    const struct request_context away = {.local = false};

    return authorize(principal, action, &resource, &away);
}

static void test_grants(void **state)
{
    static const struct {
        bool allowed;
        const char *action;
        enum resource_kind kind;
        const char *bucket, *key;
    } rows[] = {
        {true, "s3:GetObject", RESOURCE_OBJECT, "photos", "public/a"},
        {true, "s3:GetObject", RESOURCE_OBJECT, "photos", "public/"},
        {false, "s3:GetObject", RESOURCE_OBJECT, "photos", "public"},
        {false, "s3:GetObject", RESOURCE_OBJECT, "photos", "private/a"},
        {false, "s3:GetObject", RESOURCE_OBJECT, "photos2", "public/a"},
        {false, "s3:GetObject", RESOURCE_OBJECT, "photo", "public/a"},
        {false, "s3:GetObject", RESOURCE_BUCKET, "photos", ""}, /* a grant for keys is none for the bucket */
        {false, "s3:GetObject", RESOURCE_NONE, "", ""},
        {false, "s3:GetObjectVersion", RESOURCE_OBJECT, "photos", "public/a"}, /* older versions are another right */
        {false, "s3:PutObject", RESOURCE_OBJECT, "photos", "public/a"},
        {true, "s3:ListBucket", RESOURCE_BUCKET, "photos", ""},
        {false, "s3:ListBucket", RESOURCE_BUCKET, "other", ""},
        {true, "s3:PutObject", RESOURCE_OBJECT, "drop-1", "any"},
        {true, "s3:PutBucketTagging", RESOURCE_BUCKET, "drop-1", ""},
        {false, "s3:PutBucketTagging", RESOURCE_NONE, "", ""}, /* one for some buckets is none for all */
        {true, "s3:DeleteObject", RESOURCE_OBJECT, "photos", "mine"},
        {false, "s3:DeleteObject", RESOURCE_OBJECT, "photos", "mine2"},
        {true, "s3:DeleteObject", RESOURCE_LISTED, "photos", ""}, /* it may be that key; each is asked about */
        {false, "s3:DeleteObject", RESOURCE_LISTED, "other", ""},
        {false, "s3:DeleteObjectVersion", RESOURCE_LISTED, "photos", ""},
        {false, "", RESOURCE_NONE, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (may(&reader, rows[i].action, rows[i].kind, rows[i].bucket, rows[i].key) != rows[i].allowed)
            fail_msg("%s of %s/%s", rows[i].action, rows[i].bucket, rows[i].key);
}

/* The rights that the gateway gives by itself. */
static void test_principals(void **state)
{
    const struct request_context here = {.local = true};
    const struct resource none = {.kind = RESOURCE_NONE};

    (void)state;
    assert_true(may(&principal_root, "s3:GetObject", RESOURCE_OBJECT, "b", "k"));
    assert_true(may(&principal_root, "s3:ListAllMyBuckets", RESOURCE_NONE, "", ""));
    assert_true(may(&principal_root, "s3express:CreateSession", RESOURCE_BUCKET, "b", ""));
    assert_true(may(&principal_root, "tercet:Health", RESOURCE_NONE, "", ""));
    assert_false(may(&principal_root, "tercet:ReadState", RESOURCE_NONE, "", ""));
    assert_false(may(&principal_unknown, "s3:GetObject", RESOURCE_OBJECT, "b", "k"));
    assert_false(may(&principal_unknown, "tercet:UseFiles", RESOURCE_BUCKET, "files", ""));
    assert_true(may(&principal_unknown, "tercet:Preflight", RESOURCE_NONE, "", ""));
    assert_true(authorize(&principal_unknown, "tercet:ReadState", &none, &here));
    assert_false(authorize(&principal_unknown, "s3:ListAllMyBuckets", &none, &here));
    assert_true(may(&principal_files, "tercet:UseFiles", RESOURCE_BUCKET, "files", ""));
    assert_false(may(&principal_files, "s3:GetObject", RESOURCE_OBJECT, "files", "k"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grants), cmocka_unit_test(test_principals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
