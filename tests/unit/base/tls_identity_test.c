/* Certificates of one side of TLS: what is good is taken, what is not is refused and changes nothing; and what the HTTP
 * client says when a server is not the right one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/loop.h"
#include "base/task.h"
#include "tests/unit/base/http_peer.h"

static struct certificate first, second;

/* A certificate of its own authority, good for the address or not, and for so long. */
static void write_certificate(const struct certificate *files, const char *names, long seconds)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -7200);
    X509_gmtime_adj(X509_getm_notAfter(made), seconds);
    X509_set_pubkey(made, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, (const unsigned char *)"x", -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(made));
    assert_int_equal(X509_add_ext(made, extension, -1), 1);
    assert_true(X509_sign(made, key, EVP_sha256()) > 0);
    FILE *file = fopen(files->cert, "w");
    assert_true(file && PEM_write_X509(file, made) == 1 && fclose(file) == 0);
    file = fopen(files->key, "w");
    assert_true(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(file) == 0);
    X509_EXTENSION_free(extension);
    X509_free(made);
    EVP_PKEY_free(key);
}

static enum status open_files(const char *cert, const char *key, const char *ca, struct tls_identity **identity)
{
    const struct tls_files files = {cert, key, ca};
    char error[256] = "";
    enum status status = tls_identity_open(&files, identity, error, sizeof(error));

    assert_true(!status == !error[0]);
    assert_true(!status == (*identity != NULL));
    return status;
}

static void files_are_checked(void **state)
{
    struct tls_identity *identity;

    (void)state;
    assert_int_equal(open_files(first.cert, second.key, "", &identity), STATUS_INVALID);
    assert_int_equal(open_files(first.key, first.key, "", &identity), STATUS_INVALID);
    assert_int_equal(open_files(first.cert, "/nonexistent", "", &identity), STATUS_INVALID);
    assert_int_equal(open_files(first.cert, first.key, "/nonexistent", &identity), STATUS_INVALID);
    assert_int_equal(open_files(first.cert, first.key, first.key, &identity),
                     STATUS_INVALID); /* no certificate in it */
    assert_int_equal(open_files(first.cert, first.key, second.cert, &identity), STATUS_OK);
    assert_true(tls_identity_is_mutual(identity));
    tls_identity_free(identity);
    assert_int_equal(open_files(first.cert, first.key, NULL, &identity), STATUS_OK);
    assert_false(tls_identity_is_mutual(identity));
    tls_identity_free(identity);
}

/* The certificate that a connection would show, by its end of validity. */
static void shown(struct tls_identity *identity, char out[64])
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    BIO *text = BIO_new(BIO_s_mem());

    assert_true(tls_identity_give_context(identity, context));
    ASN1_TIME_print(text, X509_get0_notAfter(SSL_CTX_get0_certificate(context)));
    int len = BIO_read(text, out, 63);
    assert_true(len > 0);
    out[len] = '\0';
    BIO_free(text);
    SSL_CTX_free(context);
}

static void a_bad_new_certificate_changes_nothing(void **state)
{
    struct tls_identity *identity;
    char before[64], after[64];

    (void)state;
    assert_int_equal(open_files(first.cert, first.key, "", &identity), STATUS_OK);
    shown(identity, before);
    write_certificate(&first, "IP:127.0.0.1", -3600);
    assert_int_equal(tls_identity_reload(identity), STATUS_INVALID); /* it has expired */
    FILE *file = fopen(first.cert, "w");
    assert_true(file && fputs("nothing", file) >= 0 && fclose(file) == 0);
    assert_int_equal(tls_identity_reload(identity), STATUS_INVALID);
    shown(identity, after);
    assert_string_equal(before, after);
    write_certificate(&first, "IP:127.0.0.1", 360000);
    assert_int_equal(tls_identity_reload(identity), STATUS_OK);
    shown(identity, after);
    assert_string_not_equal(before, after);
    assert_int_equal(tls_identity_reload(NULL), STATUS_OK);
    tls_identity_free(identity);
    write_certificate(&first, "IP:127.0.0.1", -3600);
    assert_int_equal(open_files(first.cert, first.key, "", &identity), STATUS_OK); /* at the start, with a warning */
    tls_identity_free(identity);
    write_certificate(&first, "IP:127.0.0.1", 3600);
}

/* ---- client and server ------------------------------------------------------------------------------------------ */

struct attempt {
    struct tls_identity *server, *client;
    uint16_t port;
    enum status status;
    int http_status;
    const char *problem;
    bool done; /* atomic */
};

static void answer(struct http_request *request, void *arg)
{
    (void)arg;
    HTTP_LAST_REPLY(http_reply(request, 200, BYTES("hello")));
}

static void ask(void *arg)
{
    struct attempt *attempt = arg;
    char url[64];

    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", attempt->port);
    const struct http_call_options call = {
        .method = "GET", .url = url, .tls = attempt->client, .tls_only = true, .problem = &attempt->problem};
    attempt->status = http_exchange(&call, clock_monotonic_ms() + 5000, &attempt->http_status, NULL);
    __atomic_store_n(&attempt->done, true, __ATOMIC_RELEASE);
}

/* The server shows `server` and trusts its own certificate's maker; the client shows and trusts as its files say. */
static void try_exchange(const char *server_ca, const char *client_ca, const struct certificate *client,
                         struct attempt *attempt)
{
    struct loop_group loops;
    struct http_server *server;
    struct http_server_config config = {.address = "127.0.0.1", .handler = answer};

    *attempt = (struct attempt){0};
    assert_int_equal(open_files(first.cert, first.key, server_ca, &attempt->server), STATUS_OK);
    assert_int_equal(open_files(client->cert, client->key, client_ca, &attempt->client), STATUS_OK);
    config.tls = attempt->server;
    loop_group_start(&loops, 1);
    assert_int_equal(http_server_start(&loops, &config, &server), STATUS_OK);
    attempt->port = http_server_port(server);
    task_spawn(loops.loops[0], ask, attempt);
    while (!__atomic_load_n(&attempt->done, __ATOMIC_ACQUIRE))
        usleep(1000);
    http_server_stop(server, 1000);
    http_server_free(server);
    loop_group_stop(&loops);
    tls_identity_free(attempt->server);
    tls_identity_free(attempt->client);
}

static void each_side_looks_at_the_other(void **state)
{
    struct attempt attempt;

    (void)state;
    try_exchange(second.cert, first.cert, &second, &attempt);
    assert_int_equal(attempt.status, STATUS_OK);
    assert_int_equal(attempt.http_status, 200);
    assert_null(attempt.problem);
    try_exchange(second.cert, second.cert, &second, &attempt);
    assert_int_equal(attempt.status, STATUS_UNAVAILABLE);
    assert_string_equal(attempt.problem, "has a certificate of an unknown authority");
    try_exchange(first.cert, first.cert, &second, &attempt); /* the server does not know the client's */
    assert_int_not_equal(attempt.status, STATUS_OK);
    assert_true(!attempt.problem || strcmp(attempt.problem, "refuses our certificate") == 0);
    write_certificate(&first, "IP:127.0.0.2,DNS:localhost", 3600);
    try_exchange(second.cert, first.cert, &second, &attempt);
    assert_int_equal(attempt.status, STATUS_UNAVAILABLE);
    assert_string_equal(attempt.problem, "has a certificate that does not name its host");
    write_certificate(&first, "IP:127.0.0.1", -3600);
    try_exchange(second.cert, first.cert, &second, &attempt);
    assert_int_equal(attempt.status, STATUS_UNAVAILABLE);
    assert_string_equal(attempt.problem, "has a certificate that has expired");
    write_certificate(&first, "IP:127.0.0.1", 3600);
}

static int set_up(void **state)
{
    (void)state;
    certificate_make(&first);
    certificate_make(&second);
    write_certificate(&first, "IP:127.0.0.1", 3600);
    write_certificate(&second, "IP:127.0.0.1", 3600);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certificate_remove(&first);
    certificate_remove(&second);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_checked),
        cmocka_unit_test(a_bad_new_certificate_changes_nothing),
        cmocka_unit_test(each_side_looks_at_the_other),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
