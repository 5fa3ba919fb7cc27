/* Access control lists: as a request names them, as they are kept, and what they give. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compat/acl.h"
#include "compat/compat.h"

#define ANN      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BOB      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define GROUP(g) "http://acs.amazonaws.com/groups/" g

static const struct bytes ann = BYTES(ANN), bob = BYTES(BOB), nobody = {NULL, 0};

static void test_canned(void **state)
{
    static const struct {
        const char *name;
        bool of_object;
        unsigned to_owner, to_bob, to_nobody;
        bool is_private;
    } rows[] = {
        {"private", true, ACL_FULL_CONTROL, 0, 0, true},
        {"public-read", true, ACL_FULL_CONTROL, ACL_READ, ACL_READ, false},
        {"public-read-write", false, ACL_FULL_CONTROL, ACL_READ | ACL_WRITE, ACL_READ | ACL_WRITE, false},
        {"authenticated-read", true, ACL_FULL_CONTROL, ACL_READ, 0, false},
        {"bucket-owner-read", true, ACL_FULL_CONTROL, ACL_READ, 0, false}, /* bob's is the bucket */
        {"bucket-owner-full-control", true, ACL_FULL_CONTROL, ACL_FULL_CONTROL, 0, false},
        {"bucket-owner-full-control", false, ACL_FULL_CONTROL, 0, 0, true},
        {"log-delivery-write", false, ACL_FULL_CONTROL, 0, 0, false},
    };
    struct acl acl;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        acl_init(&acl, ann);
        assert_true(acl_add_canned(&acl, bytes_from_str(rows[i].name), rows[i].of_object ? bob : nobody));
        assert_int_equal(acl_permissions(&acl, ann, true), rows[i].to_owner);
        assert_int_equal(acl_permissions(&acl, bob, false), rows[i].to_bob);
        assert_int_equal(acl_permissions(&acl, nobody, false), rows[i].to_nobody);
        assert_int_equal(acl_permissions(&acl, nobody, true), 0);
        assert_int_equal(acl_is_private(&acl), rows[i].is_private);
    }
    acl_init(&acl, ann);
    assert_false(acl_add_canned(&acl, BYTES("public"), bob));
}

static void test_grants_by_header(void **state)
{
    static const struct {
        const char *text;
        const char *code; /* NULL: taken */
        bool is_public;
    } rows[] = {
        {"id=\"" BOB "\"", NULL, false},
        {"id=" BOB ", uri=\"" GROUP("global/AllUsers") "\"", NULL, true},
        {"uri=" GROUP("global/AuthenticatedUsers"), NULL, true},
        {"uri=" GROUP("s3/LogDelivery"), NULL, false},
        {"id=bob", "InvalidArgument", false},
        {"uri=http://example.com", "InvalidArgument", false},
        {"name=" BOB, "InvalidArgument", false},
        {BOB, "InvalidArgument", false},
        {"emailAddress=a@example.com", "MethodNotAllowed", false},
    };
    struct s3_error_details error;
    struct acl acl;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        error = (struct s3_error_details){0};
        acl_init(&acl, ann);
        bool refused = acl_add_grants(&acl, ACL_READ, bytes_from_str(rows[i].text), &error) != STATUS_OK;
        assert_int_equal(refused, rows[i].code != NULL);
        if (refused)
            assert_string_equal(s3_error_code(error.code), rows[i].code);
        else
            assert_int_equal(acl_is_public(&acl), rows[i].is_public);
    }
}

#define GRANT(grantee, permission)                                                                                     \
    "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"x\">" grantee "</Grantee>"     \
    "<Permission>" permission "</Permission></Grant>"
#define ACL(grants)                                                                                                    \
    "<AccessControlPolicy><Owner><ID>" ANN "</ID></Owner><AccessControlList>" grants                                   \
    "</AccessControlList></AccessControlPolicy>"

static void test_document(void **state)
{
    static const struct {
        const char *document, *code;
        unsigned to_bob;
    } rows[] = {
        {ACL(GRANT("<ID>" BOB "</ID><DisplayName>b</DisplayName>", "READ_ACP")), NULL, ACL_READ_ACP},
        {ACL(GRANT("<URI>" GROUP("global/AllUsers") "</URI>", "WRITE") GRANT("<ID>" BOB "</ID>", "READ")), NULL,
         ACL_READ | ACL_WRITE},
        {ACL(""), NULL, 0},
        {"<AccessControlPolicy/>", "MalformedACLError", 0},
        {"no", "MalformedACLError", 0},
        {ACL(GRANT("<ID>" BOB "</ID>", "ALL")), "MalformedACLError", 0},
        {ACL(GRANT("", "READ")), "MalformedACLError", 0},
        {ACL("<Grant><Permission>READ</Permission></Grant>"), "MalformedACLError", 0},
        {ACL(GRANT("<ID>bob</ID>", "READ")), "InvalidArgument", 0},
        {ACL(GRANT("<URI>http://example.com</URI>", "READ")), "InvalidArgument", 0},
        {ACL(GRANT("<EmailAddress>a@example.com</EmailAddress>", "READ")), "MethodNotAllowed", 0},
    };
    struct acl acl, again;
    struct buffer out;

    (void)state;
    buffer_init(&out, ACL_XML_BYTES_MAX);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {0};
        bool refused = acl_parse_document(bytes_from_str(rows[i].document), &acl, &error) != STATUS_OK;
        if (refused != (rows[i].code != NULL) || (refused && strcmp(s3_error_code(error.code), rows[i].code) != 0))
            fail_msg("%s: %s", rows[i].document, refused ? s3_error_code(error.code) : "taken");
        if (refused)
            continue;
        assert_string_equal(acl.owner, ANN);
        assert_int_equal(acl_permissions(&acl, bob, false), rows[i].to_bob);
        buffer_clear(&out);
        assert_int_equal(acl_respond(&out, &acl, BYTES("ann")), STATUS_OK);
        assert_int_equal(acl_parse_document(buffer_bytes(&out), &again, &error), STATUS_OK);
        assert_int_equal(again.count, acl.count);
        assert_int_equal(acl_permissions(&again, bob, false), rows[i].to_bob);
    }
    buffer_release(&out);
}

static void test_kept(void **state)
{
    static const char *const wrong[] = {"",
                                        "1",
                                        "2" ANN,
                                        "1" ANN "\nab",
                                        "1" ANN "\nab" ANN "x",
                                        "1" ANN "\nzb",
                                        "1" ANN "\n"
                                        "bb" ANN,
                                        "1" ANN "\nad" ANN};
    struct acl acl, again;
    struct buffer out;

    (void)state;
    acl_init(&acl, ann);
    for (size_t i = 1; i < ACL_GRANTS_MAX; i++) {
        struct s3_error_details error = {0};
        assert_int_equal(acl_add_grants(&acl, ACL_WRITE_ACP, BYTES("id=" BOB), &error), STATUS_OK);
    }
    buffer_init(&out, ACL_KEPT_BYTES_MAX);
    assert_int_equal(acl_write(&out, &acl), STATUS_OK); /* the longest fits */
    assert_int_equal(acl_read(buffer_bytes(&out), &again), STATUS_OK);
    assert_int_equal(again.count, ACL_GRANTS_MAX);
    assert_int_equal(acl_permissions(&again, bob, false), ACL_WRITE_ACP);
    assert_int_equal(acl_permissions(&again, ann, false), ACL_FULL_CONTROL);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(acl_read(bytes_from_str(wrong[i]), &again), STATUS_INVALID);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_canned), cmocka_unit_test(test_grants_by_header),
                                       cmocka_unit_test(test_document), cmocka_unit_test(test_kept)};
    compat_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
