/* CORS of a bucket: the setting, preflights, and the headers that answers have because of it. */
#include "tests/unit/gateway/fixture.h"

#include "gateway/replication/lease.h"

#define RULE(origin, more)                                                                                             \
    "<CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod><AllowedOrigin>" origin             \
    "</AllowedOrigin>" more "</CORSRule>"
#define CORS(rules) "<CORSConfiguration>" rules "</CORSConfiguration>"
#define KEPT(rules)                                                                                                    \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CORSConfiguration "                                                  \
    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" rules "</CORSConfiguration>"
#define EXPOSED     "<ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-version-id</ExposeHeader>"
#define MAX_AGE     "<MaxAgeSeconds>600</MaxAgeSeconds>"
#define HEADERS     "<AllowedHeader>content-*</AllowedHeader>"
#define ALLOWED     "Origin: https://a.example\r\n"
#define OTHER       "Origin: https://b.example\r\n"
#define FOR(method) "Access-Control-Request-Method: " method "\r\n"
#define VARY        "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"

static int setup(void **state)
{
    fixture_setup(state);
    return ask(*state, ROOT, "PUT", "/bucket", "", "") == 200 ? 0 : -1;
}

static int setup_rules(void **state)
{
    setup(state);
    assert_document_put(*state, ROOT, "/bucket?cors=", CORS(RULE("https://a.example", HEADERS EXPOSED MAX_AGE)), 200,
                        "");
    return 0;
}

static void assert_header(struct fixture *f, const char *name, const char *value)
{
    const char *answered = answer_header(&f->answer, name);

    if (value ? !answered || strcmp(answered, value) != 0 : answered != NULL)
        fail_msg("%s: %s", name, answered ? answered : "none");
}

static void assert_none(struct fixture *f)
{
    assert_null(strcasestr(f->answer.head, "\r\nAccess-Control-"));
    assert_null(answer_header(&f->answer, "Vary"));
}

static void assert_allowed(struct fixture *f)
{
    assert_header(f, "Access-Control-Allow-Origin", "https://a.example");
    assert_header(f, "Access-Control-Allow-Methods", "PUT, GET");
    assert_header(f, "Access-Control-Expose-Headers", "ETag, x-amz-version-id");
    assert_header(f, "Access-Control-Max-Age", "600");
    assert_header(f, "Access-Control-Allow-Credentials", "true");
    assert_header(f, "Vary", VARY);
}

static void rules_are_made_replaced_and_removed(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket?cors=", "", NULL, 404, "NoSuchCORSConfiguration");
    assert_document_put(f, ROOT, "/bucket?cors=", CORS(RULE("https://a.example", "")), 200, "");
    assert_document_put(f, ROOT, "/bucket?cors=", CORS(RULE("*", EXPOSED) RULE("b", "")), 200, "");
    assert_answer(f, ROOT, "GET", "/bucket?cors=", "", NULL, 200, "");
    assert_string_equal(f->answer.body, KEPT(RULE("*", EXPOSED) RULE("b", "")));
    assert_answer(f, ROOT, "DELETE", "/bucket?cors=", "", NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/bucket?cors=", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket?cors=", "", NULL, 404, "NoSuchCORSConfiguration");
}

static void what_is_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;
    static char large[70000];

    assert_document_put(f, ROOT, "/bucket?cors=", CORS(RULE("a", "")), 200, "");
    assert_document_put(f, ROOT, "/bucket?cors=", CORS(""), 400, "MalformedXML");
    assert_document_put(f, ROOT, "/bucket?cors=", "", 400, "MalformedXML");
    assert_document_put(f, ROOT, "/bucket?cors=", CORS(RULE("*.*", "")), 400, "InvalidRequest");
    assert_document_put(f, ROOT, "/bucket?cors=", CORS(RULE("b", "<AllowedMethod>PATCH</AllowedMethod>")), 400,
                        "InvalidRequest");
    assert_non_null(
        strstr(f->answer.body, "Found unsupported HTTP method in CORS config. Unsupported method is PATCH</Message>"));
    memset(large, ' ', sizeof(large) - 1);
    memcpy(large, CORS(RULE("b", "")), strlen(CORS(RULE("b", ""))));
    assert_document_put(f, ROOT, "/bucket?cors=", large, 400, "EntityTooLarge");
    assert_answer(f, ROOT, "PUT", "/bucket?cors=", "", CORS(RULE("b", "")), 400, "InvalidRequest"); /* no digest */
    assert_document_put(f, ANONYMOUS, "/bucket?cors=", CORS(RULE("b", "")), 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?cors=", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket?cors=", "", NULL, 403, "AccessDenied");
    assert_document_put(f, ROOT, "/none?cors=", CORS(RULE("b", "")), 404, "NoSuchBucket");
    assert_answer(f, ROOT, "GET", "/bucket?cors=", "", NULL, 200, "");
    assert_string_equal(f->answer.body, KEPT(RULE("a", "")));
}

static void a_preflight_is_answered_to_anyone(void **state)
{
    static const struct {
        const char *target, *host;
    } rows[] = {
        {"/bucket/key", ""},
        {"/bucket", ""},
        {"/bucket/a%20b?uploadId=u&partNumber=1", ""},
        {"/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", ""},
        {"/key", "Host: bucket.s3.example.com\r\n"},
        {"/", "Host: bucket.s3.example.com\r\n"},
    };
    struct fixture *f = *state;
    char headers[512];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(headers, sizeof(headers), "%s" ALLOWED FOR("PUT"), rows[i].host);
        assert_answer(f, ANONYMOUS, "OPTIONS", rows[i].target, headers, NULL, 200, "");
        assert_allowed(f);
        assert_header(f, "Access-Control-Allow-Headers", NULL);
        assert_int_equal(f->answer.len, 0);
    }
    assert_answer(f, ANONYMOUS, "OPTIONS", "/bucket/key",
                  ALLOWED FOR("PUT") "Access-Control-Request-Headers: Content-Type,content-md5\r\n", NULL, 200, "");
    assert_allowed(f);
    assert_header(f, "Access-Control-Allow-Headers", "content-type, content-md5");
    assert_answer(f, FORGER, "OPTIONS", "/bucket/key", ALLOWED FOR("GET"), NULL, 200, "");
}

static void assert_forbidden(struct fixture *f, const char *target, const char *headers, const char *message,
                             const char *elements)
{
    assert_answer(f, ANONYMOUS, "OPTIONS", target, headers, NULL, 403, "AccessForbidden");
    assert_none(f);
    if (!strstr(f->answer.body, message) || !strstr(f->answer.body, elements))
        fail_msg("%s", f->answer.body);
}

static void a_preflight_is_refused_in_the_words_of_aws(void **state)
{
    static const char not_allowed[] = "<Message>CORSResponse: This CORS request is not allowed. This is usually "
                                      "because the evalution of Origin, request "
                                      "method / Access-Control-Request-Method or Access-Control-Request-Headers are "
                                      "not whitelisted by the resource's "
                                      "CORS spec.</Message>";
    struct fixture *f = *state;

    assert_answer(f, ANONYMOUS, "OPTIONS", "/bucket/key", FOR("PUT"), NULL, 400, "BadRequest");
    assert_non_null(
        strstr(f->answer.body, "<Message>Insufficient information. Origin request header needed.</Message>"));
    assert_answer(f, ANONYMOUS, "OPTIONS", "/bucket/key", ALLOWED, NULL, 400, "BadRequest");
    assert_non_null(strstr(f->answer.body, "<Message>Invalid Access-Control-Request-Method: null</Message>"));
    assert_none(f);
    assert_forbidden(f, "/bucket/key", OTHER FOR("PUT"), not_allowed,
                     "<Method>PUT</Method><ResourceType>OBJECT</ResourceType>");
    assert_forbidden(f, "/bucket", ALLOWED FOR("DELETE"), not_allowed,
                     "<Method>DELETE</Method><ResourceType>BUCKET</ResourceType>");
    assert_forbidden(f, "/bucket/key", ALLOWED FOR("PUT") "Access-Control-Request-Headers: content-type, x-amz-acl\r\n",
                     not_allowed, "<Method>PUT</Method><ResourceType>OBJECT</ResourceType>");
    assert_forbidden(f, "/none/key", ALLOWED FOR("PUT"), "<Message>CORSResponse: Bucket not found</Message>",
                     "<Method>OPTIONS</Method><ResourceType>BUCKET</ResourceType>");
    assert_answer(f, ROOT, "DELETE", "/bucket?cors=", "", NULL, 204, "");
    assert_forbidden(f, "/bucket/key", ALLOWED FOR("PUT"),
                     "<Message>CORSResponse: CORS is not enabled for this bucket.</Message>",
                     "<Method>PUT</Method><ResourceType>BUCKET</ResourceType>");
}

/* Errors too, also of requests that nobody looked a bucket up for. */
static void every_answer_has_the_headers(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum asker asker;
        const char *method, *target, *body;
        int status;
        const char *code;
    } rows[] = {
        {ROOT, "PUT", "/bucket/key", "data", 200, ""},
        {ROOT, "GET", "/bucket/key", NULL, 200, ""},
        {ROOT, "GET", "/bucket", NULL, 200, ""},
        {ROOT, "GET", "/bucket/none", NULL, 404, "NoSuchKey"},
        {ROOT, "GET", "/bucket/key?torrent=", NULL, 501, "NotImplemented"},
        {ROOT, "PUT", "/bucket/key?word=", "data", 501, "NotImplemented"},
        {ANONYMOUS, "GET", "/bucket/key", NULL, 403, "AccessDenied"},
        {ANONYMOUS, "PUT", "/bucket/key", "data", 403, "AccessDenied"},
        {FORGER, "GET", "/bucket/key", NULL, 403, "SignatureDoesNotMatch"},
        {STRANGER, "PUT", "/bucket/key", "data", 403, "InvalidAccessKeyId"},
        {ANONYMOUS, "GET", "/bucket/key?X-Amz-Algorithm=nonsense&X-Amz-Signature=0", NULL, 400,
         "AuthorizationQueryParametersError"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_answer(f, rows[i].asker, rows[i].method, rows[i].target, ALLOWED, rows[i].body, rows[i].status,
                      rows[i].code);
        assert_allowed(f);
        assert_answer(f, rows[i].asker, rows[i].method, rows[i].target, OTHER, rows[i].body, rows[i].status,
                      rows[i].code);
        assert_none(f);
        assert_answer(f, rows[i].asker, rows[i].method, rows[i].target, "", rows[i].body, rows[i].status, rows[i].code);
        assert_none(f);
    }
    assert_answer(f, ROOT, "GET", "/bucket/key", ALLOWED "If-None-Match: *\r\n", NULL, 304, "");
    assert_allowed(f);
}

static void the_method_counts(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "data", 200, "");
    assert_answer(f, ROOT, "HEAD", "/bucket/key", ALLOWED, NULL, 200, "");
    assert_none(f);
    assert_answer(f, ROOT, "HEAD", "/bucket/key", ALLOWED FOR("GET"), NULL, 200, "");
    assert_allowed(f);
    assert_answer(f, ROOT, "GET", "/bucket/key", ALLOWED FOR("DELETE"), NULL, 200, "");
    assert_none(f);
    assert_answer(f, ROOT, "DELETE", "/bucket/key", ALLOWED, NULL, 204, "");
    assert_none(f);
}

static void all_origins_are_named_by_none(void **state)
{
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/bucket?cors=", CORS(RULE("*", "")), 200, "");
    assert_answer(f, ROOT, "GET", "/bucket", OTHER, NULL, 200, "");
    assert_header(f, "Access-Control-Allow-Origin", "*");
    assert_header(f, "Access-Control-Allow-Credentials", NULL);
    assert_header(f, "Access-Control-Expose-Headers", NULL);
    assert_header(f, "Access-Control-Max-Age", NULL);
    assert_header(f, "Vary", VARY);
    assert_answer(f, ANONYMOUS, "OPTIONS", "/bucket/key", "Origin: null\r\n" FOR("PUT"), NULL, 200, "");
    assert_header(f, "Access-Control-Allow-Origin", "*");
}

static void other_buckets_and_apis_have_none(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/other", "", "", 200, "");
    assert_answer(f, ROOT, "GET", "/other", ALLOWED, NULL, 200, "");
    assert_none(f);
    assert_answer(f, FORGER, "GET", "/other", ALLOWED, NULL, 403, "SignatureDoesNotMatch");
    assert_none(f);
    assert_answer(f, ROOT, "GET", "/", ALLOWED, NULL, 200, "");
    assert_none(f);
    assert_document_put(f, ROOT, "/files?cors=", CORS(RULE("https://a.example", "")), 200, "");
    assert_answer(f, ROOT, "GET", "/files", ALLOWED, NULL, 200, "");
    assert_header(f, "Access-Control-Allow-Origin", "https://a.example");
    assert_answer(f, BEARER, "GET", "/files", ALLOWED, NULL, 200, "");
    assert_none(f);
}

static void ignore(void *arg, unsigned node, uint32_t fence)
{
    (void)arg, (void)node, (void)fence;
}

/* Its rules may be others by now: a gateway that was replaced does not look. */
static void a_gateway_that_was_replaced_adds_none(void **state)
{
    const unsigned generation = 1;
    struct fixture *f = *state;

    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_node(f->gateway.cluster, number)->replica =
            (struct cluster_meta_state){.epoch = 1, .sequence = 1, .fence = generation + 1, .knows_fences = true};
    f->gateway.lease = lease_start(&(struct lease_config){.cluster = f->gateway.cluster,
                                                          .loop = f->gateway.loops.loops[0],
                                                          .copies = 2,
                                                          .generation = generation,
                                                          .replaced = ignore});
    for (unsigned turn = 0; turn < 20000 && !lease_is_lost(f->gateway.lease); turn++) {
        fixture_pass(f, 1000);
        usleep(200);
    }
    assert_answer(f, ROOT, "GET", "/bucket", ALLOWED, NULL, 503, "ServiceUnavailable");
    assert_none(f);
    assert_answer(f, FORGER, "GET", "/bucket", ALLOWED, NULL, 403, "SignatureDoesNotMatch");
    assert_none(f);
    lease_stop(f->gateway.lease);
    fixture_pass(f, 1000);
    lease_free(f->gateway.lease);
    f->gateway.lease = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rules_are_made_replaced_and_removed, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_changes_nothing, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_preflight_is_answered_to_anyone, setup_rules, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_preflight_is_refused_in_the_words_of_aws, setup_rules, fixture_teardown),
        cmocka_unit_test_setup_teardown(every_answer_has_the_headers, setup_rules, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_method_counts, setup_rules, fixture_teardown),
        cmocka_unit_test_setup_teardown(all_origins_are_named_by_none, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(other_buckets_and_apis_have_none, setup_rules, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_gateway_that_was_replaced_adds_none, setup_rules, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
