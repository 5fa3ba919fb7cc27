/* The public access block of the account: what is in memory is what the row says, and one that cannot be read closes
 * everything. */
#include "tests/unit/gateway/fixture.h"

#include <string.h>

#include "gateway/s3/account_access.h"
#include "meta/identity.h"

#define PATH    "/v20180820/configuration/publicAccessBlock"
#define ACCOUNT "x-amz-account-id: 000000000000\r\n"
#define ROW     BYTES("account/public-access-block")

static void assert_switches(bool set, bool acls, bool ignore, bool policy, bool restricted)
{
    struct public_access_block block;

    assert_int_equal(account_access_get(&block), set);
    assert_int_equal(block.block_acls, acls);
    assert_int_equal(block.ignore_acls, ignore);
    assert_int_equal(block.block_policy, policy);
    assert_int_equal(block.restrict_buckets, restricted);
}

static void write_row(struct fixture *f, struct bytes document)
{
    const struct meta_identity_change change = {ROW, document};

    assert_int_equal(meta_identity_update(f->gateway.meta, meta_identity_generation(f->gateway.meta), &change, 1),
                     STATUS_OK);
}

static void memory_follows_the_row(void **state)
{
    struct fixture *f = *state;

    assert_switches(false, false, false, false, false);
    assert_answer(f, ROOT, "PUT", PATH, ACCOUNT,
                  "<PublicAccessBlockConfiguration xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\">"
                  "<BlockPublicAcls>true</BlockPublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>"
                  "</PublicAccessBlockConfiguration>",
                  201, "");
    assert_switches(true, true, false, true, false);
    assert_int_equal(account_access_open(f->gateway.meta), STATUS_OK);
    assert_switches(true, true, false, true, false);
    assert_answer(f, ROOT, "DELETE", PATH, ACCOUNT, NULL, 204, "");
    assert_switches(false, false, false, false, false);
}

static void what_cannot_be_read_closes_everything(void **state)
{
    struct fixture *f = *state;

    write_row(f, BYTES("<Public"));
    assert_int_equal(account_access_open(f->gateway.meta), STATUS_OK);
    assert_switches(true, true, true, true, true);
    assert_answer(f, ROOT, "DELETE", PATH, ACCOUNT, NULL, 204, "");
    assert_switches(false, false, false, false, false);
}

static void who_asks_for_what(void **state)
{
    static const struct {
        enum asker asker;
        const char *method, *path, *headers;
        int status;
        const char *code;
    } rows[] = {
        {ROOT, "GET", PATH, ACCOUNT, 404, "NoSuchPublicAccessBlockConfiguration"},
        {ROOT, "GET", PATH, "x-amz-account-id: 111111111111\r\n", 403, "AccessDenied"},
        {ROOT, "GET", PATH, "x-amz-account-id: 000000000000\r\nHost: 000000000000.localhost\r\n", 404,
         "NoSuchPublicAccessBlockConfiguration"},
        {ROOT, "GET", PATH, "", 404, "NoSuchBucket"}, /* an object of a bucket of that name */
        {ROOT, "PUT", PATH, ACCOUNT, 400, "MalformedXML"},
        {ROOT, "POST", PATH, ACCOUNT, 501, "NotImplemented"},
        {ROOT, "GET", "/v20180820/jobs", ACCOUNT, 501, "NotImplemented"},
        {ANONYMOUS, "GET", PATH, ACCOUNT, 403, "AccessDenied"},
        {ANONYMOUS, "DELETE", PATH, ACCOUNT, 403, "AccessDenied"},
        {ANONYMOUS, "GET", "/v20180820/jobs", ACCOUNT, 403, "AccessDenied"},
        {BEARER, "GET", PATH, ACCOUNT, 403, "AccessDenied"},
        {FORGER, "DELETE", PATH, ACCOUNT, 403, "SignatureDoesNotMatch"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_answer(f, rows[i].asker, rows[i].method, rows[i].path, rows[i].headers,
                      strcmp(rows[i].method, "PUT") == 0 ? "<x/>" : NULL, rows[i].status, rows[i].code);
    assert_answer(f, ROOT, "GET", PATH, ACCOUNT, NULL, 404, "NoSuchPublicAccessBlockConfiguration");
    assert_non_null(strstr(f->answer.body, "<ErrorResponse><Error><Code>"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(memory_follows_the_row),
        TEST(what_cannot_be_read_closes_everything),
        TEST(who_asks_for_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
