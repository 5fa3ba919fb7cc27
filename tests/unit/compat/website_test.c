/* Website documents: what is read, which are AWS's errors, that what was written is read again, and where a request is
 * sent, whatever its key is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "compat/website.h"

#define WEBSITE(inner)     "<WebsiteConfiguration>" inner "</WebsiteConfiguration>"
#define INDEX              "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
#define RULES(rules)       "<RoutingRules>" rules "</RoutingRules>"
#define RULE(inner)        "<RoutingRule>" inner "</RoutingRule>"
#define IF(inner)          "<Condition>" inner "</Condition>"
#define TO(inner)          "<Redirect>" inner "</Redirect>"
#define PREFIX(text)       "<KeyPrefixEquals>" text "</KeyPrefixEquals>"
#define ERROR(text)        "<HttpErrorCodeReturnedEquals>" text "</HttpErrorCodeReturnedEquals>"
#define HOST(text)         "<HostName>" text "</HostName>"
#define PROTOCOL(text)     "<Protocol>" text "</Protocol>"
#define CODE(text)         "<HttpRedirectCode>" text "</HttpRedirectCode>"
#define WITH_PREFIX(text)  "<ReplaceKeyPrefixWith>" text "</ReplaceKeyPrefixWith>"
#define WITH_KEY(text)     "<ReplaceKeyWith>" text "</ReplaceKeyWith>"
#define ALL(inner)         "<RedirectAllRequestsTo>" inner "</RedirectAllRequestsTo>"
#define ERROR_DOC          "<ErrorDocument><Key>error.html</Key></ErrorDocument>"
#define ONE_RULE(if_, to_) WEBSITE(INDEX RULES(RULE(IF(if_) TO(to_))))

static void test_what_is_malformed(void **state)
{
    static const char *const documents[] = {
        "",
        "<Website/>",
        WEBSITE("<Other/>"),
        WEBSITE(INDEX INDEX),
        WEBSITE(INDEX "<ErrorDocument><Key>a</Key><Key>b</Key></ErrorDocument>"),
        WEBSITE("<IndexDocument><Other>a</Other></IndexDocument>"),
        WEBSITE(INDEX RULES("<Rule/>")),
        WEBSITE(INDEX RULES(RULE(IF(PREFIX("a"))))), /* without Redirect */
        WEBSITE(INDEX RULES(RULE(TO("") TO("")))),
        WEBSITE(INDEX RULES(RULE(IF(PREFIX("a")) IF(PREFIX("a")) TO("")))),
        WEBSITE(INDEX RULES(RULE("<Other/>" TO("")))),
        WEBSITE(INDEX RULES(RULE(TO(HOST("a") HOST("a"))))),
        WEBSITE(INDEX RULES(RULE(TO("<Other>a</Other>")))),
        WEBSITE(INDEX RULES(RULE(TO("<HostName><a/></HostName>")))),
        WEBSITE(ALL(HOST("a") WITH_KEY("b"))),
    };
    struct website website;

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        assert_int_not_equal(website_parse(bytes_from_str(documents[i]), &website), STATUS_OK);
}

static void test_what_is_checked(void **state)
{
    static const struct {
        const char *document;
        enum s3_error code;
    } rows[] = {
        {WEBSITE(INDEX), S3_ERROR_NONE},
        {WEBSITE(INDEX ERROR_DOC), S3_ERROR_NONE},
        {WEBSITE(ALL(HOST("www.example.com"))), S3_ERROR_NONE},
        {WEBSITE(ALL(HOST("example.com:8080/deep") PROTOCOL("https"))), S3_ERROR_NONE},
        {WEBSITE(""), S3_INVALID_ARGUMENT},
        {WEBSITE(ERROR_DOC), S3_INVALID_ARGUMENT},
        {WEBSITE("<IndexDocument/>"), S3_INVALID_ARGUMENT},
        {WEBSITE("<IndexDocument><Suffix></Suffix></IndexDocument>"), S3_INVALID_ARGUMENT},
        {WEBSITE("<IndexDocument><Suffix>a/b</Suffix></IndexDocument>"), S3_INVALID_ARGUMENT},
        {WEBSITE(INDEX "<ErrorDocument/>"), S3_MALFORMED_XML},
        {WEBSITE(INDEX "<RoutingRules/>"), S3_MALFORMED_XML},
        {WEBSITE(ALL("")), S3_MALFORMED_XML},
        {WEBSITE(ALL(HOST("a")) INDEX), S3_INVALID_ARGUMENT},
        {WEBSITE(ALL(HOST("a")) ERROR_DOC), S3_INVALID_ARGUMENT},
        {WEBSITE(ALL(HOST("a") PROTOCOL("ftp"))), S3_INVALID_REQUEST},
        {WEBSITE(ALL(HOST(""))), S3_INVALID_REQUEST},
        {WEBSITE(ALL(HOST("a b"))), S3_INVALID_REQUEST},
        {WEBSITE(ALL(HOST("a@b"))), S3_INVALID_REQUEST},
        {WEBSITE(ALL(HOST("a&#10;b"))), S3_INVALID_REQUEST},
        {WEBSITE(INDEX RULES(RULE(TO(HOST("a"))))), S3_ERROR_NONE},
        {ONE_RULE(PREFIX("a/") ERROR("404"), WITH_PREFIX("b/") CODE("302") PROTOCOL("http")), S3_ERROR_NONE},
        {ONE_RULE("", HOST("a")), S3_INVALID_REQUEST},
        {ONE_RULE(ERROR("300"), HOST("a")), S3_INVALID_REQUEST},
        {ONE_RULE(ERROR("4xx"), HOST("a")), S3_INVALID_REQUEST},
        {ONE_RULE(ERROR("600"), HOST("a")), S3_INVALID_REQUEST},
        {ONE_RULE(PREFIX("a"), CODE("300")), S3_INVALID_REQUEST},
        {ONE_RULE(PREFIX("a"), CODE("200")), S3_INVALID_REQUEST},
        {ONE_RULE(PREFIX("a"), CODE("3011")), S3_INVALID_REQUEST},
        {ONE_RULE(PREFIX("a"), PROTOCOL("HTTP")), S3_INVALID_REQUEST},
        {ONE_RULE(PREFIX("a"), WITH_PREFIX("b") WITH_KEY("c")), S3_INVALID_REQUEST},
    };
    struct website website;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {0};
        assert_int_equal(website_parse(bytes_from_str(rows[i].document), &website), STATUS_OK);
        enum status status = website_check(&website, &error);
        if (error.code != rows[i].code || (status == STATUS_OK) != (rows[i].code == S3_ERROR_NONE))
            fail_msg("%s: %s", rows[i].document, s3_error_code(error.code));
        website_release(&website);
    }
}

static void test_too_many_rules(void **state)
{
    struct s3_error_details error = {0};
    struct website website;
    struct buffer text;

    (void)state;
    for (int count = WEBSITE_RULES_MAX; count <= WEBSITE_RULES_MAX + 1; count++) {
        buffer_init(&text, 65536);
        assert_int_equal(buffer_printf(&text, "<WebsiteConfiguration>%s<RoutingRules>", INDEX), STATUS_OK);
        for (int i = 0; i < count; i++)
            assert_int_equal(buffer_printf(&text, "%s", RULE(TO(HOST("a")))), STATUS_OK);
        assert_int_equal(buffer_printf(&text, "</RoutingRules></WebsiteConfiguration>"), STATUS_OK);
        assert_int_equal(website_parse(buffer_bytes(&text), &website), STATUS_OK);
        assert_int_equal(website_check(&website, &error) == STATUS_OK, count == WEBSITE_RULES_MAX);
        website_release(&website);
        buffer_release(&text);
    }
}

static void test_written_again(void **state)
{
    static const char document[] = WEBSITE(INDEX ERROR_DOC RULES(RULE(IF(ERROR("404") PREFIX("a&amp;/")) TO(
        HOST("h") CODE("307") PROTOCOL("https") WITH_PREFIX(" b "))) RULE(TO(WITH_KEY("")))));
    struct website website;
    struct buffer first, second;

    (void)state;
    buffer_init(&first, 4096);
    buffer_init(&second, 4096);
    assert_int_equal(website_parse(bytes_from_str(document), &website), STATUS_OK);
    assert_int_equal(website_write(&first, &website), STATUS_OK);
    website_release(&website);
    assert_non_null(strstr(first.data, "<KeyPrefixEquals>a&amp;/</KeyPrefixEquals>"));
    assert_non_null(strstr(first.data, "<ReplaceKeyPrefixWith> b </ReplaceKeyPrefixWith>"));
    assert_non_null(strstr(first.data, "<ReplaceKeyWith></ReplaceKeyWith>"));
    assert_int_equal(website_parse(buffer_bytes(&first), &website), STATUS_OK);
    assert_int_equal(website_write(&second, &website), STATUS_OK);
    website_release(&website);
    assert_true(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    buffer_release(&first);
    buffer_release(&second);
}

/* A rule, a request, and where it goes; NULL: no rule is for it. */
static const struct {
    const char *if_and_to, *key;
    int error;
    const char *location;
} routes[] = {
    {TO(HOST("h")), "k", 0, "http://h/k"},
    {TO(HOST("h")), "k", 404, NULL},
    {TO(HOST("h") PROTOCOL("https")), "", 0, "https://h/"},
    {IF(PREFIX("docs/")) TO(WITH_PREFIX("documents/")), "docs/a b", 0, "http://own:80/documents/a%20b"},
    {IF(PREFIX("docs/")) TO(WITH_PREFIX("documents/")), "doc", 0, NULL},
    {IF(PREFIX("docs/")) TO(WITH_PREFIX("documents/")), "docs/", 0, "http://own:80/documents/"},
    {IF(PREFIX("docs/")) TO(WITH_PREFIX("documents/")), "docs/x", 404, NULL},
    {IF(PREFIX("docs/")) TO(WITH_PREFIX("")), "docs//evil.example/", 0, "http://own:80//evil.example/"},
    {IF(PREFIX("a")) TO(WITH_KEY("b?c=d")), "abc", 0, "http://own:80/b?c=d"},
    {IF(ERROR("404")) TO(WITH_PREFIX("#!/")), "app/1", 404, "http://own:80/#!/app/1"},
    {IF(ERROR("404")) TO(WITH_PREFIX("#!/")), "app/1", 403, NULL},
    {IF(ERROR("404") PREFIX("app/")) TO(HOST("h") WITH_PREFIX("resize?key=")), "app/1", 404, "http://h/resize?key=1"},
    {IF(ERROR("404") PREFIX("app/")) TO(HOST("h")), "other", 404, NULL},
    {TO(HOST("h")), "a\r\nSet-Cookie: b=c", 0, "http://h/a%0D%0ASet-Cookie%3A%20b%3Dc"},
    {TO(HOST("h")), "\"<script>\xc3\xa4", 0, "http://h/%22%3Cscript%3E%C3%A4"},
    {TO(HOST("h") WITH_KEY("a&#10;b &lt;\xc3\xa4")), "k", 0, "http://h/a%0Ab%20%3C%C3%A4"},
};

static void test_routes(void **state)
{
    struct website website;
    struct buffer text, location;

    (void)state;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct website_request request = {BYTES("own:80"), false, bytes_from_str(routes[i].key), {0}};
        buffer_init(&text, 4096);
        buffer_init(&location, WEBSITE_LOCATION_BYTES_MAX);
        assert_int_equal(buffer_printf(&text,
                                       "<WebsiteConfiguration>%s<RoutingRules><RoutingRule>%s</RoutingRule>"
                                       "</RoutingRules></WebsiteConfiguration>",
                                       INDEX, routes[i].if_and_to),
                         STATUS_OK);
        assert_int_equal(website_parse(buffer_bytes(&text), &website), STATUS_OK);
        const struct website_rule *rule = website_find_rule(&website, request.key, routes[i].error);
        assert_int_equal(rule != NULL, routes[i].location != NULL);
        if (rule) {
            assert_int_equal(website_rule_status(rule), 301);
            assert_int_equal(website_rule_location(rule, &request, &location), STATUS_OK);
            assert_string_equal(location.data, routes[i].location);
        }
        website_release(&website);
        buffer_release(&location);
        buffer_release(&text);
    }
}

static void assert_text(enum status written, struct buffer *take_text, const char *expected)
{
    assert_int_equal(written, STATUS_OK);
    assert_string_equal(take_text->data, expected);
    buffer_release(take_text);
}

static void test_all_and_folders(void **state)
{
    const struct website_request request = {BYTES("own"), true, BYTES("a/b c"), BYTES("q=1&r=%0D\"")};
    struct website website;
    struct buffer text;

    (void)state;
    assert_int_equal(website_parse(BYTES(WEBSITE(ALL(HOST("www.example.com")))), &website), STATUS_OK);
    buffer_init(&text, WEBSITE_LOCATION_BYTES_MAX);
    assert_text(website_all_location(&website, &request, &text), &text, "https://www.example.com/a/b%20c?q=1&r=%0D%22");
    website_release(&website);
    buffer_init(&text, WEBSITE_LOCATION_BYTES_MAX);
    assert_text(website_folder_location(BYTES("a/b c"), &text), &text, "/a/b%20c/");
    buffer_init(&text, WEBSITE_LOCATION_BYTES_MAX);
    assert_text(website_folder_location(BYTES("//evil.example"), &text), &text, "/%2F%2Fevil.example/");
}

static void test_redirect_locations(void **state)
{
    static const struct {
        const char *location;
        bool fits;
    } rows[] = {
        {"/other.html", true}, {"http://a.example/b", true},   {"https://a.example", true}, {"other.html", false},
        {"ftp://a", false},    {"javascript:alert(1)", false}, {"/a\r\nb", false},          {"/a\tb", false},
    };
    char large[WEBSITE_REDIRECT_BYTES_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_error_details error = {0};
        assert_int_equal(website_check_redirect(bytes_from_str(rows[i].location), &error) == STATUS_OK, rows[i].fits);
        assert_int_equal(error.code, rows[i].fits ? S3_ERROR_NONE : S3_INVALID_REDIRECT_LOCATION);
    }
    memset(large, '/', sizeof(large));
    struct s3_error_details error = {0};
    assert_int_equal(website_check_redirect(bytes_of(large, sizeof(large) - 1), &error), STATUS_OK);
    assert_int_not_equal(website_check_redirect(bytes_of(large, sizeof(large)), &error), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_malformed),
        cmocka_unit_test(test_what_is_checked),
        cmocka_unit_test(test_too_many_rules),
        cmocka_unit_test(test_written_again),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_all_and_folders),
        cmocka_unit_test(test_redirect_locations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
