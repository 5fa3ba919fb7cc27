/* The door of the Query API: what is a call, who may make one, that its body is what was signed, its bounds, and that
 * every error is in the Query API's form. */
#include <string.h>
#include <stdlib.h>

#include "compat/iam_request.h"
#include "gateway/iam/operations.h"
#include "tests/unit/gateway/fixture.h"

#define VERSION  "&Version=2010-05-08"
#define GET_USER "Action=GetUser" VERSION
#define FORM     "Content-Type: application/x-www-form-urlencoded\r\n"

static const char error_head[] =
    "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender"
    "</Type><Code>";

static void assert_error(struct fixture *f, int status, int expected_status, const char *code)
{
    assert_int_equal(status, expected_status);
    assert_string_equal(answered_code(f), code);
    assert_non_null(strstr(f->answer.body, error_head));
    assert_non_null(strstr(f->answer.body, "</Error><RequestId>"));
}

static void root_calls(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(call(f, GET_USER), 200);
    assert_non_null(strstr(f->answer.body, "<GetUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"
                                           "<GetUserResult><User>"));
    assert_non_null(strstr(f->answer.body, ":root</Arn>"));
    assert_non_null(strstr(f->answer.body, "</GetUserResult><ResponseMetadata><RequestId>"));
}

/* A signature for one service is none for another, in both directions. */
static void a_signature_opens_one_door(void **state)
{
    struct fixture *f = *state;

    assert_error(f, call_as(f, ROOT, "s3", GET_USER, GET_USER), 403, "SignatureDoesNotMatch");
    assert_error(f, call_as(f, ROOT, "ec2", GET_USER, GET_USER), 403, "SignatureDoesNotMatch");
    assert_int_equal(call_as(f, ROOT, "sts", GET_USER, GET_USER), 403);
    assert_string_equal(answered_code(f), "SignatureDoesNotMatch");
    assert_error(f, call_as(f, ROOT, "iam", "", ""), 400, "MissingAction");
}

static void nobody_else_calls(void **state)
{
    struct fixture *f = *state;

    assert_error(f, call_as(f, FORGER, "iam", GET_USER, GET_USER), 403, "SignatureDoesNotMatch");
    assert_error(f, call_as(f, STRANGER, "iam", GET_USER, GET_USER), 403, "InvalidClientTokenId");
    assert_error(f, call_as(f, ANONYMOUS, "iam", GET_USER, GET_USER), 403, "MissingAuthenticationToken");
    assert_error(f, call_as(f, BEARER, "iam", GET_USER, GET_USER), 403, "MissingAuthenticationToken");
    assert_error(f, call_as(f, ANONYMOUS, "iam", "Action=Nothing", "Action=Nothing"), 403,
                 "MissingAuthenticationToken");
    assert_error(f, ask(f, ANONYMOUS, "GET", "/?Action=GetUser&Version=2010-05-08", "", NULL), 403,
                 "MissingAuthenticationToken");
    assert_error(f, ask(f, ROOT, "GET", "/?Action=GetUser&Version=2010-05-08", "", NULL), 403,
                 "SignatureDoesNotMatch"); /* signed for S3 */
}

/* What is done is what was signed. */
static void the_body_is_signed(void **state)
{
    struct fixture *f = *state;

    assert_error(f, call_as(f, ROOT, "iam", GET_USER, GET_USER "&UserName=other"), 403, "SignatureDoesNotMatch");
    assert_error(f, call_as(f, ROOT, "iam", GET_USER, ""), 403, "SignatureDoesNotMatch");
}

static void what_is_not_understood_is_refused(void **state)
{
    static const struct {
        const char *form;
        int status;
        const char *code;
    } rows[] = {
        {"Version=2010-05-08", 400, "MissingAction"},
        {"Action=&Version=2010-05-08", 400, "MissingAction"},
        {"Action=InventUser" VERSION, 400, "InvalidAction"},
        {"Action=ListSigningKeys%26x" VERSION, 400, "InvalidAction"},
        {"Action=GetUser", 400, "InvalidAction"},
        {"Action=GetUser&Version=2011-06-15", 400, "InvalidAction"},
        {"Action=getuser" VERSION, 400, "InvalidAction"},
        {GET_USER "&Colour=red", 400, "InvalidQueryParameter"},
        {GET_USER "&UserNames.member.1=a", 400, "InvalidQueryParameter"},
        {GET_USER "&UserName=a&UserName=b", 400, "InvalidQueryParameter"},
        {GET_USER "&UserName=%ff", 404, "MalformedQueryString"},
        {GET_USER "&UserName=%zz", 404, "MalformedQueryString"},
        {GET_USER "&UserName=a%00", 404, "MalformedQueryString"},
        {GET_USER "&UserName=nobody", 404, "NoSuchEntity"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_error(f, call(f, rows[i].form), rows[i].status, rows[i].code);
    assert_int_equal(call(f, "Action=InventUser" VERSION), 400);
    assert_non_null(strstr(f->answer.body, "Could not find operation InventUser for version 2010-05-08"));
}

/* Requests that look alike and are S3's stay S3's. */
static void other_requests_are_no_calls(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, ROOT, "POST", "/", "Content-Type: text/plain\r\n", "Action=GetUser"), 501);
    assert_int_equal(ask(f, ROOT, "GET", "/", FORM, NULL), 200);
    assert_int_equal(ask(f, ROOT, "PUT", "/?Action=GetUser", FORM, NULL), 501);
    assert_answer(f, ROOT, "POST", "/bucket", FORM, "Action=GetUser", 412, "PreconditionFailed");
}

static void a_call_is_bounded(void **state)
{
    struct fixture *f = *state;
    char *form = malloc(IAM_FORM_BYTES_MAX + 2);

    assert_non_null(form);
    memset(form, 'a', IAM_FORM_BYTES_MAX + 1);
    form[IAM_FORM_BYTES_MAX + 1] = '\0';
    assert_error(f, call(f, form), 413, "RequestEntityTooLarge");
    form[IAM_FORM_BYTES_MAX] = '\0';
    assert_error(f, call(f, form), 404, "MalformedQueryString"); /* received, and one name that is too long */
    form[65537] = '\0';
    assert_error(f, call_as(f, ANONYMOUS, "iam", form, form), 413, "RequestEntityTooLarge");
    fixture_settle(f);
    assert_int_equal(f->gateway.call_bytes, 0);
    __atomic_store_n(&f->gateway.call_bytes, 16u << 20, __ATOMIC_RELAXED); /* what nobody signed has half of the room */
    assert_error(f, call_as(f, ANONYMOUS, "iam", GET_USER, GET_USER), 400, "Throttling");
    assert_int_equal(call(f, GET_USER), 200);
    fixture_settle(f);
    assert_int_equal(f->gateway.call_bytes, 16u << 20);
    assert_int_equal(f->gateway.root_call_bytes, 0);
    __atomic_store_n(&f->gateway.call_bytes, 1u << 30, __ATOMIC_RELAXED);
    assert_int_equal(call(f, GET_USER), 200); /* root's room is apart */
    fixture_settle(f);
    __atomic_store_n(&f->gateway.root_call_bytes, 8u << 20, __ATOMIC_RELAXED);
    assert_error(f, call(f, GET_USER), 400, "Throttling");
    fixture_settle(f);
    assert_int_equal(f->gateway.call_bytes, 1u << 30);
    assert_int_equal(f->gateway.root_call_bytes, 8u << 20);
    __atomic_store_n(&f->gateway.call_bytes, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&f->gateway.root_call_bytes, 0, __ATOMIC_RELAXED);
    for (size_t i = 0; i < GATEWAY_CALL_SHARES; i++)
        __atomic_store_n(&f->gateway.peer_call_shares[i], 1u << 20, __ATOMIC_RELAXED);
    assert_error(f, call_as(f, ANONYMOUS, "iam", GET_USER, GET_USER), 400, "Throttling"); /* its address has no more */
    assert_int_equal(call(f, GET_USER), 200);
    fixture_settle(f);
    assert_int_equal(f->gateway.call_bytes, 0);
    f->gateway.admission.limits[CLASS_OTHER] = 0;
    assert_error(f, call(f, GET_USER), 400, "Throttling");
    free(form);
}

/* The pool is for reads, too: one thread of it at most tries policies. */
static void one_simulation_at_a_time(void **state)
{
    static const char form[] = "Action=SimulateCustomPolicy" VERSION "&ActionNames.member.1=s3%3AGetObject";
    struct fixture *f = *state;

    assert_int_equal(call(f, form), 200);
    fixture_settle(f);
    assert_false(f->gateway.simulating);
    __atomic_store_n(&f->gateway.simulating, true, __ATOMIC_RELAXED);
    assert_error(f, call(f, form), 400, "Throttling");
    assert_error(f, call(f, form), 400, "Throttling");
    assert_int_equal(call(f, GET_USER), 200);
    __atomic_store_n(&f->gateway.simulating, false, __ATOMIC_RELAXED);
    assert_int_equal(call(f, form), 200);
}

/* Each row has a right of its own name, is found by it, and is nobody's but root's. */
static void test_rows(void **state)
{
    const struct request_context here = {.local = true};
    const struct resource resource = {.kind = RESOURCE_ARN, .key = BYTES("arn:aws:iam::123456789012:user/a")};
    enum query_service service;
    char right[128];

    (void)state;
    for (size_t i = 0; i < iam_operation_count; i++) {
        const struct operation *row = &iam_operations[i];
        bool of_sts = strcmp(row->action, "GetCallerIdentity") == 0 || strcmp(row->action, "GetSessionToken") == 0 ||
                      strcmp(row->action, "GetFederationToken") == 0 || strncmp(row->action, "AssumeRole", 10) == 0;
        bool signed_is_enough =
            strcmp(row->action, "GetCallerIdentity") == 0 || strcmp(row->action, "GetSessionToken") == 0;
        snprintf(right, sizeof(right), "%s:%s", of_sts ? "sts" : "iam", row->action);
        assert_string_equal(row->right, right);
        assert_int_equal(row->signed_is_enough, signed_is_enough);
        assert_int_equal(row->unsigned_always, strcmp(row->action, "AssumeRoleWithWebIdentity") == 0);
        assert_ptr_equal(iam_operation_find(bytes_from_str(row->action), &service), row);
        assert_int_equal(service, of_sts ? QUERY_STS : QUERY_IAM);
        assert_true(row->class == CLASS_OTHER || row->class == CLASS_LIST);
        assert_false(row->refused || row->form || row->copies || row->path);
        assert_int_equal(row->resource, RESOURCE_ARN);
        assert_true(authorize(&principal_root, right, &resource, &here).allowed);
        assert_false(authorize(&principal_unknown, right, &resource, &here).allowed);
        assert_false(authorize(&principal_files, right, &resource, &here).allowed);
    }
}

/* What there is can be changed and goes, and a user gets a key in the place of a lost one. */
static void nobody_new_on_a_full_disk(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(call(f, "Action=CreateUser&UserName=old" VERSION), 200);
    f->disk_is_low = true;
    fixture_look_at_disk(f);
    assert_int_equal(call(f, "Action=CreateUser&UserName=new" VERSION), 503);
    assert_string_equal(answered_code(f), "ServiceUnavailable");
    assert_non_null(strstr(f->answer.body, "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"));
    assert_int_equal(call(f, "Action=CreateGroup&GroupName=new" VERSION), 503);
    assert_int_equal(call(f, "Action=CreateAccessKey&UserName=old" VERSION), 200);
    assert_int_equal(call(f, "Action=UpdateUser&UserName=old&NewUserName=other" VERSION), 200);
    assert_int_equal(call(f, "Action=ListUsers" VERSION), 200);
    f->disk_is_low = false;
    fixture_look_at_disk(f);
    assert_int_equal(call(f, "Action=CreateUser&UserName=new" VERSION), 200);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(root_calls),
        CASE(a_signature_opens_one_door),
        CASE(nobody_else_calls),
        CASE(the_body_is_signed),
        CASE(what_is_not_understood_is_refused),
        CASE(other_requests_are_no_calls),
        CASE(nobody_new_on_a_full_disk),
        CASE(a_call_is_bounded),
        CASE(one_simulation_at_a_time),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
