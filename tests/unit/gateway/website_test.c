/* Websites: the setting, and the hosts that serve a bucket's pages to anybody. */
#include "tests/unit/gateway/fixture.h"

#include <string.h>

#define WEBSITE(inner) "<WebsiteConfiguration>" inner "</WebsiteConfiguration>"
#define INDEX          "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
#define ERRORS         "<ErrorDocument><Key>error.html</Key></ErrorDocument>"
#define AT             "Host: bucket.web.example.com\r\n"
#define HTML           "Content-Type: text/html\r\n"
#define READ                                                                                                           \
    "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bucket/*\"}"
#define LIST                                                                                                           \
    "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:ListBucket\",\"Resource\":\"arn:aws:s3:::bucket\"}"
#define POLICY(inner) "{\"Version\":\"2012-10-17\",\"Statement\":[" inner "]}"
#define SECRET                                                                                                         \
    "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bucket/"         \
    "secret*\"}"

static void put(struct fixture *f, const char *target, const char *headers, const char *body)
{
    assert_answer(f, ROOT, "PUT", target, headers, body, 200, "");
}

static void put_website(struct fixture *f, const char *document)
{
    assert_document_put(f, ROOT, "/bucket?website=", document, 200, "");
}

static void put_policy(struct fixture *f, const char *document)
{
    assert_document_put(f, ROOT, "/bucket?policy=", document, 204, "");
}

/* A bucket that everybody may read but for the keys that begin with `secret`, and nobody may list. */
static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    f->gateway.options.website_domain = "web.example.com";
    f->gateway.options.website_hosts = "www.example.org, shop.example.org";
    put(f, "/bucket", "", "");
    assert_answer(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL, 204, "");
    put_policy(f, POLICY(READ "," SECRET));
    put(f, "/bucket/index.html", HTML, "home");
    put(f, "/bucket/a%20page", HTML, "a page");
    put(f, "/bucket/docs/index.html", HTML, "docs");
    put(f, "/bucket/secret/index.html", HTML, "secret");
    put(f, "/bucket/secret.html", HTML, "secret");
    return 0;
}

static void visit(struct fixture *f, const char *path, int status, const char *body)
{
    assert_int_equal(ask(f, ANONYMOUS, "GET", path, AT, NULL), status);
    if (body)
        assert_string_equal(f->answer.body, body);
}

static void assert_location(struct fixture *f, const char *path, int status, const char *location)
{
    visit(f, path, status, "");
    assert_string_equal(answer_header(&f->answer, "Location"), location);
}

static void assert_page_of(struct fixture *f, const char *path, int status, const char *code)
{
    visit(f, path, status, NULL);
    assert_string_equal(answer_header(&f->answer, "Content-Type"), "text/html; charset=utf-8");
    assert_string_equal(answer_header(&f->answer, "x-amz-error-code"), code);
    assert_non_null(strstr(f->answer.body, code));
    assert_non_null(strstr(f->answer.body, "<html>"));
}

static void the_setting(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket?website=", "", NULL, 404, "NoSuchWebsiteConfiguration");
    put_website(f, WEBSITE(INDEX ERRORS));
    assert_answer(f, ROOT, "GET", "/bucket?website=", "", NULL, 200, "");
    assert_string_equal(f->answer.body,
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<WebsiteConfiguration "
                        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" INDEX ERRORS "</WebsiteConfiguration>");
    assert_document_put(f, ROOT, "/bucket?website=", WEBSITE(""), 400, "InvalidArgument");
    assert_document_put(f, ROOT, "/bucket?website=", "<a", 400, "MalformedXML");
    assert_document_put(f, ANONYMOUS, "/bucket?website=", WEBSITE(INDEX), 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket?website=", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "DELETE", "/bucket?website=", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket?website=", "", NULL, 404, "NoSuchWebsiteConfiguration");
}

static void pages(void **state)
{
    struct fixture *f = *state;

    assert_page_of(f, "/", 404, "NoSuchWebsiteConfiguration");
    put_website(f, WEBSITE(INDEX));
    visit(f, "/", 200, "home");
    assert_string_equal(answer_header(&f->answer, "Content-Type"), "text/html");
    visit(f, "/index.html", 200, "home");
    visit(f, "/a%20page", 200, "a page");
    visit(f, "/a+page?uploads&acl&policy=&x=%zz", 200, "a page"); /* a query selects nothing */
    visit(f, "/docs/", 200, "docs");
    assert_location(f, "/docs", 302, "/docs/");
    visit(f, "/docs/index.html", 200, "docs");
    assert_int_equal(ask(f, ANONYMOUS, "HEAD", "/docs/", AT, NULL), 200);
    assert_int_equal(f->answer.len, 0);
    assert_string_equal(answer_header(&f->answer, "Content-Length"), "4");
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/", AT "Range: bytes=1-2\r\n", NULL), 206);
    assert_string_equal(f->answer.body, "om");
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/", AT "Range: bytes=9-\r\n", NULL), 416);
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/", AT "If-None-Match: *\r\n", NULL), 304);
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/", AT "If-Match: \"0\"\r\n", NULL), 412);
}

static void nothing_is_shown_that_s3_would_not_show(void **state)
{
    struct fixture *f = *state;

    put_website(f, WEBSITE(INDEX));
    assert_page_of(f, "/secret.html", 403, "AccessDenied");
    assert_page_of(f, "/secret/", 403, "AccessDenied");
    assert_page_of(f, "/secret", 403, "AccessDenied"); /* not even that there is a folder */
    assert_page_of(f, "/none", 403, "AccessDenied");
    assert_page_of(f, "/none/", 403, "AccessDenied");
    put_policy(f, POLICY(READ "," SECRET "," LIST));
    assert_page_of(f, "/none", 404, "NoSuchKey");
    assert_page_of(f, "/secret.html", 403, "AccessDenied");
    put_policy(f, POLICY(LIST));
    assert_page_of(f, "/", 403, "AccessDenied");
    /* whoever signs is nobody here */
    assert_int_equal(ask(f, ROOT, "GET", "/secret.html", AT, NULL), 403);
    assert_int_equal(ask(f, BEARER, "GET", "/secret.html", AT, NULL), 403);
    assert_int_equal(ask(f, FORGER, "GET", "/", AT, NULL), 403);
}

static void errors_have_a_page(void **state)
{
    struct fixture *f = *state;

    put_website(f, WEBSITE(INDEX ERRORS));
    put_policy(f, POLICY(READ "," SECRET "," LIST));
    assert_page_of(f, "/none", 404, "NoSuchKey"); /* no error document yet */
    put(f, "/bucket/error.html", "Content-Type: text/plain\r\n", "sorry");
    visit(f, "/none", 404, "sorry");
    assert_string_equal(answer_header(&f->answer, "Content-Type"), "text/plain");
    assert_string_equal(answer_header(&f->answer, "x-amz-error-code"), "NoSuchKey");
    visit(f, "/secret.html", 403, "sorry");
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/none", AT "Range: bytes=1-2\r\nIf-None-Match: *\r\n", NULL), 404);
    assert_string_equal(f->answer.body, "sorry");
    assert_answer(f, ROOT, "DELETE", "/bucket/error.html", "", NULL, 204, "");
    assert_page_of(f, "/%3Cscript%3E%22%26%01", 404, "NoSuchKey");
    assert_null(strstr(f->answer.body, "<script>"));
    assert_non_null(strstr(f->answer.body, "&#60;script&#62;&#34;&#38;?"));
}

static void nothing_else_of_s3_is_there(void **state)
{
    static const char *const methods[] = {"PUT", "POST", "DELETE", "PATCH"};
    struct fixture *f = *state;

    put_website(f, WEBSITE(INDEX));
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        assert_int_equal(ask(f, ROOT, methods[i], "/index.html", AT, "x"), 405);
        assert_string_equal(answer_header(&f->answer, "Allow"), "GET, HEAD");
        assert_int_equal(ask(f, ROOT, methods[i], "/?Action=ListUsers", AT, NULL), 405);
    }
    assert_page_of(f, "/files", 403, "AccessDenied"); /* a page like any other */
    assert_page_of(f, "/metrics", 403, "AccessDenied");
    assert_page_of(f, "/health", 403, "AccessDenied");
    visit(f, "/?Action=ListUsers&Version=2010-05-08", 200, "home");
    visit(f, "/?list-type=2", 200, "home");
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/", "Host: none.web.example.com\r\n", NULL), 404);
    assert_non_null(strstr(f->answer.body, "NoSuchBucket"));
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/", "Host: files.web.example.com\r\n", NULL), 404);
    assert_non_null(strstr(f->answer.body, "NoSuchWebsiteConfiguration"));
}

static void hosts_that_are_listed(void **state)
{
    struct fixture *f = *state;

    put(f, "/www.example.org", "", "");
    assert_document_put(f, ROOT, "/www.example.org?website=",
                        WEBSITE("<RedirectAllRequestsTo><HostName>example.org</HostName></RedirectAllRequestsTo>"), 200,
                        "");
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/a%0d%0ab?q=1", "Host: WWW.example.org:8080\r\n", NULL), 301);
    assert_string_equal(answer_header(&f->answer, "Location"), "http://example.org/a%0D%0Ab?q=1");
    /* a bucket alone makes no host a website */
    put(f, "/localhost", "", "");
    assert_document_put(f, ROOT, "/localhost?website=", WEBSITE(INDEX), 200, "");
    assert_int_equal(ask(f, ROOT, "GET", "/bucket/index.html", "Host: localhost\r\n", NULL), 200);
    assert_string_equal(f->answer.body, "home");
}

static void routing_rules(void **state)
{
    static const char rules[] = WEBSITE(
        INDEX "<RoutingRules><RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals></Condition>"
              "<Redirect><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith></Redirect></RoutingRule>"
              "<RoutingRule><Condition><HttpErrorCodeReturnedEquals>403</HttpErrorCodeReturnedEquals></Condition>"
              "<Redirect><HostName>login.example</HostName><HttpRedirectCode>307</HttpRedirectCode></Redirect>"
              "</RoutingRule></RoutingRules>");
    struct fixture *f = *state;

    put_website(f, rules);
    put(f, "/bucket/old/page", "", "is there, and hidden by the rule");
    assert_location(f, "/old/page", 301, "http://bucket.web.example.com/new/page");
    assert_location(f, "/secret.html", 307, "http://login.example/secret.html");
    visit(f, "/docs/", 200, "docs");
    /* the port is repeated, and nothing that is none */
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/old/x", "Host: bucket.web.example.com:81\r\n", NULL), 301);
    assert_string_equal(answer_header(&f->answer, "Location"), "http://bucket.web.example.com:81/new/x");
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/old/x", "Host: bucket.web.example.com:81@evil.example\r\n", NULL), 400);
}

static void objects_that_are_elsewhere(void **state)
{
    struct fixture *f = *state;

    put_website(f, WEBSITE(INDEX));
    put(f, "/bucket/moved", "x-amz-website-redirect-location: /docs/\r\n", "old");
    assert_location(f, "/moved", 301, "/docs/");
    assert_answer(f, ROOT, "GET", "/bucket/moved", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "old");
    assert_string_equal(answer_header(&f->answer, "x-amz-website-redirect-location"), "/docs/");
    assert_answer(f, ROOT, "PUT", "/bucket/moved", "x-amz-website-redirect-location: docs\r\n", "x", 400,
                  "InvalidRedirectLocation");
    put(f, "/bucket/copy", "x-amz-copy-source: /bucket/moved\r\n", NULL); /* a copy does not have it */
    assert_answer(f, ROOT, "HEAD", "/bucket/copy", "", NULL, 200, "");
    assert_null(answer_header(&f->answer, "x-amz-website-redirect-location"));
    put(f, "/bucket/copy", "x-amz-copy-source: /bucket/copy\r\nx-amz-website-redirect-location: https://a.example/\r\n",
        NULL);
    assert_location(f, "/copy", 301, "https://a.example/");
    assert_answer(f, ROOT, "POST", "/bucket/large?uploads=", "x-amz-website-redirect-location: bad\r\n", "", 400,
                  "InvalidRedirectLocation");
    assert_answer(f, ROOT, "PUT", "/bucket/q?x-amz-website-redirect-location=%2Fa%0D%0Ab", "", "x", 400,
                  "InvalidRedirectLocation");
}

static void pages_of_other_sites(void **state)
{
    struct fixture *f = *state;

    put_website(f, WEBSITE(INDEX));
    assert_document_put(f, ROOT, "/bucket?cors=",
                        "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*"
                        "</AllowedOrigin></CORSRule></CORSConfiguration>",
                        200, "");
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/", AT "Origin: https://a.example\r\n", NULL), 200);
    assert_string_equal(answer_header(&f->answer, "Access-Control-Allow-Origin"), "*");
    assert_int_equal(ask(f, ANONYMOUS, "GET", "/none", AT "Origin: https://a.example\r\n", NULL), 403);
    assert_string_equal(answer_header(&f->answer, "Access-Control-Allow-Origin"), "*");
    assert_int_equal(ask(f, ANONYMOUS, "OPTIONS", "/",
                         AT "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n", NULL),
                     200);
    assert_string_equal(answer_header(&f->answer, "Access-Control-Allow-Origin"), "*");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_setting),
        TEST(pages),
        TEST(nothing_is_shown_that_s3_would_not_show),
        TEST(errors_have_a_page),
        TEST(nothing_else_of_s3_is_there),
        TEST(hosts_that_are_listed),
        TEST(routing_rules),
        TEST(objects_that_are_elsewhere),
        TEST(pages_of_other_sites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
