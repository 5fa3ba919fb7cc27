/* CORS documents: what is read, which are AWS's errors, that what was written is read again, and which rule is for
 * which request. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "compat/cors.h"
#include "compat/response_xml.h"

#define ORIGIN(text)  "<AllowedOrigin>" text "</AllowedOrigin>"
#define METHOD(text)  "<AllowedMethod>" text "</AllowedMethod>"
#define HEADER(text)  "<AllowedHeader>" text "</AllowedHeader>"
#define EXPOSED(text) "<ExposeHeader>" text "</ExposeHeader>"
#define RULE(inner)   "<CORSRule>" inner "</CORSRule>"
#define CORS(rules)   "<CORSConfiguration>" rules "</CORSConfiguration>"
#define LEAST         ORIGIN("*") METHOD("GET")

static void assert_joined(const struct cors_configuration *configuration, const struct cors_rule *rule,
                          enum cors_list list, const char *expected)
{
    struct buffer text;

    buffer_init(&text, 1000);
    assert_int_equal(cors_rule_append(configuration, rule, list, &text), STATUS_OK);
    assert_true(bytes_equal_str(buffer_bytes(&text), expected));
    buffer_release(&text);
}

static void test_read_and_written(void **state)
{
    static const char document[] =
        "<?xml version=\"1.0\"?><CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<CORSRule><MaxAgeSeconds> 3000 </MaxAgeSeconds><ID> a &lt;b&gt;</ID><AllowedMethod>\n "
        "PUT\n</AllowedMethod>" ORIGIN("https://a.example") ORIGIN("https://*.b.example") METHOD("GET") EXPOSED("ETag")
            HEADER("x-*") EXPOSED("x-amz-version-id") "</CORSRule>" RULE(LEAST) "</CORSConfiguration>";
    static const char written[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CORSRule><ID> a &lt;b&gt;</ID>" HEADER(
            "x-*") METHOD("PUT") METHOD("GET") ORIGIN("https://a.example") ORIGIN("https://*.b.example") EXPOSED("ETag")
            EXPOSED("x-amz-version-id") "<MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule>" RULE(METHOD("GET")
                                                                                                  ORIGIN("*")) //
        "</CORSConfiguration>";
    struct cors_configuration configuration;
    struct s3_error_details error = {0};
    struct buffer out;

    (void)state;
    assert_int_equal(cors_parse(bytes_from_str(document), &configuration), STATUS_OK);
    assert_int_equal(cors_check(&configuration, &error), STATUS_OK);
    assert_int_equal(configuration.count, 2);
    assert_joined(&configuration, &configuration.rules[0], CORS_METHOD, "PUT, GET");
    assert_joined(&configuration, &configuration.rules[0], CORS_EXPOSED, "ETag, x-amz-version-id");
    assert_joined(&configuration, &configuration.rules[1], CORS_EXPOSED, "");
    assert_false(cors_rule_is_for_all(&configuration, &configuration.rules[0]));
    assert_true(cors_rule_is_for_all(&configuration, &configuration.rules[1]));
    assert_true(configuration.rules[0].has_max_age && configuration.rules[0].max_age_seconds == 3000);
    assert_false(configuration.rules[1].has_max_age);
    buffer_init(&out, 4096);
    assert_int_equal(response_cors(&out, &configuration), STATUS_OK);
    assert_string_equal(out.data, written);
    buffer_release(&out);
    cors_release(&configuration);
}

static void test_malformed(void **state)
{
    static const char *const documents[] = {
        "",
        CORS(""),
        RULE(LEAST),
        CORS(RULE("")),
        CORS(RULE(ORIGIN("*"))),
        CORS(RULE(METHOD("GET"))),
        CORS("<Rule>" LEAST "</Rule>"),
        CORS(RULE(LEAST) RULE(ORIGIN("*"))),
        CORS(RULE(LEAST "<Other/>")),
        CORS(RULE(LEAST HEADER("a<b/>"))),
        CORS(RULE(LEAST "<ID>a</ID><ID>b</ID>")),
        CORS(RULE(LEAST "<MaxAgeSeconds>1</MaxAgeSeconds><MaxAgeSeconds>1</MaxAgeSeconds>")),
        CORS(RULE(LEAST "<MaxAgeSeconds></MaxAgeSeconds>")),
        CORS(RULE(LEAST "<MaxAgeSeconds>-1</MaxAgeSeconds>")),
        CORS(RULE(LEAST "<MaxAgeSeconds>1.5</MaxAgeSeconds>")),
        CORS(RULE(LEAST "<MaxAgeSeconds>2147483648</MaxAgeSeconds>")),
    };
    struct cors_configuration configuration;

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        if (cors_parse(bytes_from_str(documents[i]), &configuration) != STATUS_INVALID)
            fail_msg("%s", documents[i]);
}

/* message NULL: it passes. */
static void assert_checked(const char *document, const char *message)
{
    struct cors_configuration configuration;
    struct s3_error_details error = {0};

    assert_int_equal(cors_parse(bytes_from_str(document), &configuration), STATUS_OK);
    assert_int_equal(cors_check(&configuration, &error), message ? STATUS_INVALID : STATUS_OK);
    assert_int_equal(error.code, message ? S3_INVALID_REQUEST : S3_ERROR_NONE);
    assert_string_equal(error.message, message ? message : "");
    cors_release(&configuration);
}

static void test_values(void **state)
{
    static const struct {
        const char *document, *message;
    } rows[] = {
        {CORS(RULE(ORIGIN("*") METHOD("GET") METHOD("PUT") METHOD("POST") METHOD("DELETE") METHOD("HEAD"))), NULL},
        {CORS(RULE(LEAST HEADER("*") HEADER("x-*") EXPOSED("ETag") "<MaxAgeSeconds>2147483647</MaxAgeSeconds>")), NULL},
        {CORS(RULE(LEAST METHOD("PATCH"))),
         "Found unsupported HTTP method in CORS config. Unsupported method is PATCH"},
        {CORS(RULE(LEAST METHOD("get"))), "Found unsupported HTTP method in CORS config. Unsupported method is get"},
        {CORS(RULE(LEAST METHOD(""))), "Found unsupported HTTP method in CORS config. Unsupported method is "},
        {CORS(RULE(LEAST METHOD("*"))), "Found unsupported HTTP method in CORS config. Unsupported method is *"},
        {CORS(RULE(LEAST) RULE(METHOD("GET") ORIGIN("*.a.*"))),
         "AllowedOrigin \"*.a.*\" can not have more than one wildcard."},
        {CORS(RULE(LEAST HEADER("**"))), "AllowedHeader \"**\" can not have more than one wildcard."},
        {CORS(RULE(LEAST EXPOSED("x-*"))),
         "ExposeHeader \"x-*\" contains wildcard. We currently do not support wildcard for ExposeHeader."},
        {CORS(RULE(LEAST EXPOSED("a&#13;&#10;Set-Cookie: b"))), "ExposeHeader \"a\r\nSet-Cookie: b\" is not valid."},
        {CORS(RULE(LEAST EXPOSED(""))), "ExposeHeader \"\" is not valid."},
        {CORS(RULE(LEAST ORIGIN(""))), "AllowedOrigin \"\" is not valid."},
        {CORS(RULE(LEAST HEADER("\303\244"))), "AllowedHeader \"\303\244\" is not valid."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_checked(rows[i].document, rows[i].message);
}

/* So many rules, each with an ID of so many characters of two bytes; 0: without one. */
static void assert_sizes(size_t rules, size_t id_chars, const char *message)
{
    struct buffer document;

    buffer_init(&document, CORS_KEPT_BYTES_MAX);
    assert_int_equal(buffer_append_str(&document, "<CORSConfiguration>"), STATUS_OK);
    for (size_t i = 0; i < rules; i++) {
        assert_int_equal(buffer_append_str(&document, "<CORSRule>" LEAST), STATUS_OK);
        assert_int_equal(buffer_append_str(&document, id_chars ? "<ID>" : ""), STATUS_OK);
        for (size_t j = 0; j < id_chars; j++)
            assert_int_equal(buffer_append_str(&document, "\303\244"), STATUS_OK);
        assert_int_equal(buffer_append_str(&document, id_chars ? "</ID></CORSRule>" : "</CORSRule>"), STATUS_OK);
    }
    assert_int_equal(buffer_append_str(&document, "</CORSConfiguration>"), STATUS_OK);
    assert_checked(document.data, message);
    buffer_release(&document);
}

static void test_sizes(void **state)
{
    (void)state;
    assert_sizes(CORS_RULES_MAX, 0, NULL);
    assert_sizes(CORS_RULES_MAX + 1, 0, "The number of CORS rules should not exceed allowed limit of 100 rules.");
    assert_sizes(1, CORS_ID_CHARS_MAX, NULL);
    assert_sizes(1, CORS_ID_CHARS_MAX + 1, "ID length should not exceed allowed limit of 255");
}

static void test_match(void **state)
{
    static const char document[] =
        CORS(RULE("<ID>1</ID>" ORIGIN("https://a.example") METHOD("PUT") METHOD("GET") HEADER("content-type")
                      HEADER("X-Amz-*")) RULE("<ID>2</ID>" ORIGIN("http*.b.example") ORIGIN("*suffix") METHOD("GET"))
                 RULE("<ID>3</ID>" ORIGIN("https://a.example") METHOD("DELETE") METHOD("GET") HEADER("*"))
                     RULE("<ID>4</ID>" ORIGIN("*") METHOD("HEAD")));
    static const struct {
        const char *origin, *method, *headers, *rule;
    } rows[] = {
        {"https://a.example", "GET", "", "1"},
        {"https://a.example", "PUT", "", "1"},
        {"https://a.example", "PUT", "Content-Type", "1"},
        {"https://a.example", "PUT", "content-type,x-amz-meta-a , X-AMZ-DATE,, ", "1"},
        {"https://a.example", "PUT", "content-type, x-other", NULL},
        {"https://a.example", "PUT", "content-typ", NULL},
        {"https://a.example", "GET", "content-type, x-other", "3"}, /* the first that allows all of it */
        {"https://a.example", "DELETE", "any", "3"},
        {"https://a.example", "HEAD", "", "4"},
        {"https://a.example", "HEAD", "any", NULL},
        {"https://a.example", "get", "", NULL},
        {"https://a.example", "OPTIONS", "", NULL},
        {"https://a.example", "", "", NULL},
        {"https://A.example", "GET", "", NULL},
        {"http://a.example", "GET", "", NULL},
        {"https://a.example:443", "GET", "", NULL},
        {"https://a.example.evil", "GET", "", NULL},
        {"https://x.a.example", "GET", "", NULL},
        {"https://x.b.example", "GET", "", "2"},
        {"http.b.example", "GET", "", "2"}, /* the wildcard stands for nothing, too */
        {"http.b.exampl", "GET", "", NULL}, /* shorter than what is around the wildcard */
        {"https.b.example.x", "GET", "", NULL},
        {"suffix", "GET", "", "2"},
        {"null", "HEAD", "", "4"},
        {"", "HEAD", "", NULL},
        {"https://a b", "HEAD", "", NULL}, /* nothing that is sent back */
        {"https://a\x7f", "HEAD", "", NULL},
        {"\303\244", "HEAD", "", NULL},
        {"https://a.example", "DELETE", "a\tb", NULL},
    };
    struct cors_configuration configuration;

    (void)state;
    assert_int_equal(cors_parse(bytes_from_str(document), &configuration), STATUS_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct cors_request request = {bytes_from_str(rows[i].origin), bytes_from_str(rows[i].method),
                                             bytes_from_str(rows[i].headers)};
        const struct cors_rule *rule = cors_match(&configuration, &request);
        if (rows[i].rule ? !rule || !bytes_equal_str(rule->id, rows[i].rule) : rule != NULL)
            fail_msg("%s %s %s", rows[i].origin, rows[i].method, rows[i].headers);
    }
    cors_release(&configuration);
}

/* Anyone may ask, so that what one asks for is bounded. */
static void test_requested_headers(void **state)
{
    struct cors_configuration configuration;
    struct buffer headers, out;

    (void)state;
    assert_int_equal(cors_parse(bytes_from_str(CORS(RULE(LEAST HEADER("*")))), &configuration), STATUS_OK);
    buffer_init(&headers, 1000);
    buffer_init(&out, 1000);
    assert_int_equal(cors_append_requested(BYTES(" X-Amz-Date,content-type ,, A"), &out), STATUS_OK);
    assert_string_equal(out.data, "x-amz-date, content-type, a");
    for (size_t i = 0; i <= CORS_REQUESTED_HEADERS_MAX; i++) {
        const struct cors_request request = {BYTES("https://a.example"), BYTES("GET"), buffer_bytes(&headers)};
        assert_non_null(cors_match(&configuration, &request));
        assert_int_equal(buffer_append_str(&headers, "a,"), STATUS_OK);
    }
    const struct cors_request request = {BYTES("https://a.example"), BYTES("GET"), buffer_bytes(&headers)};
    assert_null(cors_match(&configuration, &request));
    buffer_release(&out);
    buffer_release(&headers);
    cors_release(&configuration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_and_written),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_requested_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
