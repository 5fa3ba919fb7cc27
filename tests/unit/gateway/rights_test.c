/* A principal with rights for a part of the keys: the source of a copy and each key of a batch are asked about like the
 * operation itself. The handlers run on a server of the test's own, on a database and without nodes. */
#include "tests/unit/meta/support.h"

#include "tests/unit/base/http_peer.h"

#include "base/checksum.h"
#include "base/http_server.h"
#include "base/loop.h"
#include "gateway/front/operation.h"
#include "gateway/front/resolve.h"

static const struct grant grants[] = {
    {.action = "s3:PutObject"},
    {.action = "s3:ListBucket", .bucket = "plain"},
    {.action = "s3:GetObject", .bucket = "plain", .key = "open/*"},
    {.action = "s3:DeleteObject", .bucket = "plain", .key = "open/*"},
};
static const struct principal clerk = {.grants = grants, .grant_count = sizeof(grants) / sizeof(grants[0])};

static struct gateway gateway;
static struct http_server *server;

/* The pipeline with another one's rights than it could find out. */
static void handle(struct http_request *http, void *arg)
{
    struct exchange exchange = {.gateway = arg, .http = http, .principal = clerk, .admitted = true};

    buffer_init(&exchange.path_storage, 65536);
    if (resolve(&exchange) == STATUS_OK && exchange_load_bucket(&exchange))
        exchange.operation->handle(&exchange);
    exchange_release(&exchange);
}

static int set_up(void **state)
{
    struct http_server_config config = {.address = "127.0.0.1", .handler = handle, .handler_arg = &gateway};
    struct support *support;

    support_setup(state);
    support = *state;
    gateway.meta = support->meta;
    gateway.pool = support->pool;
    gateway.options.account_id = "000000000000";
    loop_group_start(&gateway.loops, 1);
    OK(http_server_start(&gateway.loops, &config, &server));
    return 0;
}

static int tear_down(void **state)
{
    http_server_stop(server, 1000);
    http_server_free(server);
    loop_group_stop(&gateway.loops);
    return support_teardown(state);
}

static void ask(const char *request, struct answer *answer)
{
    struct peer peer;

    peer_open(&peer, http_server_port(server), false);
    peer_say(&peer, request);
    peer_answer(&peer, answer);
    peer_close(&peer);
}

/* The error code of a copy from there. */
static void expect_copy(const char *path, const char *source, int status, const char *code)
{
    char request[512], element[64];
    struct answer answer;

    snprintf(request, sizeof(request),
             "PUT %s HTTP/1.1\r\nHost: localhost\r\nx-amz-copy-source: %s\r\nContent-Length: 0\r\n\r\n", path, source);
    snprintf(element, sizeof(element), "<Code>%s</Code>", code);
    ask(request, &answer);
    assert_int_equal(answer.status, status);
    assert_non_null(strstr(answer.body, element));
    answer_free(&answer);
}

static void test_source_of_a_copy(void **state)
{
    struct support *support = *state;
    struct meta_upload upload = {.bucket = support->plain.id, .key = BYTES("new")};
    char path[128];

    OK(meta_upload_create(support->meta, &upload));
    snprintf(path, sizeof(path), "/plain/new?partNumber=1&uploadId=%s", upload.id);
    const char *const paths[] = {"/plain/new", path};
    for (size_t i = 0; i < 2; i++) {
        expect_copy(paths[i], "/plain/secret", 403, "AccessDenied");
        expect_copy(paths[i], "/plain/%6fpen/../secret", 404,
                    "NoSuchKey");                                 /* a key like another: nothing is resolved */
        expect_copy(paths[i], "/plain/open/a", 404, "NoSuchKey"); /* permitted, and not there */
        expect_copy(paths[i], "/versioned/open/a", 403, "AccessDenied");
        expect_copy(paths[i], "/plain/open/a?versionId=null", 403, "AccessDenied"); /* another right */
        expect_copy(paths[i], "/absent/open/a", 404, "NoSuchBucket");
    }
    meta_upload_release(&upload);
}

static bool is_there(struct support *support, const char *key)
{
    const struct meta_version latest = {0};
    struct meta_object object;

    if (meta_object_get(support->meta, support->plain.id, KEY(key), &latest, &object))
        return false;
    meta_object_release(&object);
    return true;
}

static void test_keys_of_a_batch(void **state)
{
    static const char document[] = "<Delete><Object><Key>open/a</Key></Object><Object><Key>secret</Key></Object>"
                                   "<Object><Key>open/b</Key><VersionId>null</VersionId></Object></Delete>";
    struct support *support = *state;
    struct meta_object object;
    struct answer answer;
    char request[1024], digest[32];
    uint8_t md5[MD5_LEN];

    OK(support_put(support, &support->plain, "open/a", 1, 1, NULL, &object));
    OK(support_put(support, &support->plain, "open/b", 1, 1, NULL, &object));
    OK(support_put(support, &support->plain, "secret", 1, 1, NULL, &object));
    md5_of(document, strlen(document), md5);
    base64_encode(md5, MD5_LEN, digest);
    snprintf(request, sizeof(request),
             "POST /plain?delete HTTP/1.1\r\nHost: localhost\r\nContent-MD5: %s\r\nContent-Length: %zu\r\n\r\n%s",
             digest, strlen(document), document);
    ask(request, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "<Deleted><Key>open/a</Key></Deleted>"));
    assert_non_null(strstr(answer.body, "<Error><Key>secret</Key><Code>AccessDenied</Code>"));
    assert_non_null(
        strstr(answer.body, "<Error><Key>open/b</Key><VersionId>null</VersionId><Code>AccessDenied</Code>"));
    answer_free(&answer);
    assert_false(is_there(support, "open/a"));
    assert_true(is_there(support, "open/b"));
    assert_true(is_there(support, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_source_of_a_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_of_a_batch, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
