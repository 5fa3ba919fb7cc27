/* TLS to brokers, the same for all libraries that take an OpenSSL context. They are given addresses as numbers, since
 * they look up names without a bound on time; so it is here that the certificate is compared with the host's name, and
 * that this name is the one that is sent. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "gateway/notify/broker.h"

static bool is_numbers(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* The library set the address that it connects to as the server's name. OpenSSL calls here before it writes its hello.
 */
static void name_server(const SSL *ssl, int where, int value)
{
    char *host = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    (void)value;
    if (where == SSL_CB_HANDSHAKE_START && host)
        (void)SSL_set_tlsext_host_name((SSL *)ssl, is_numbers(host) ? NULL : host);
}

/* Kept here since libraries free their connection with its result before anybody can ask. A target's thread is one. */
static _Thread_local int verify_error = X509_V_OK;

static int note_verification(int is_good, X509_STORE_CTX *store)
{
    if (!is_good)
        verify_error = X509_STORE_CTX_get_error(store);
    return is_good;
}

enum status notify_tls_prepare(SSL_CTX *context, const struct notify_url *url, struct buffer *error)
{
    X509_VERIFY_PARAM *verify = SSL_CTX_get0_param(context);
    char text[256];
    int loaded;

    ERR_clear_error();
    verify_error = X509_V_OK;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_verification);
    if (url->ca_file[0])
        loaded = SSL_CTX_load_verify_file(context, url->ca_file);
    else
        loaded = SSL_CTX_set_default_verify_paths(context);
    if (loaded != 1)
        return notify_fail(error, STATUS_INVALID, "the authorities of ca-file cannot be read: %s",
                           notify_tls_reason(text, sizeof(text)));
    int named = is_numbers(url->host) ? X509_VERIFY_PARAM_set1_ip_asc(verify, url->host)
                                      : X509_VERIFY_PARAM_set1_host(verify, url->host, 0);
    if (named != 1 || SSL_CTX_set_app_data(context, (void *)url->host) != 1)
        return notify_fail(error, STATUS_INTERNAL, "OpenSSL does not take the name of the host");
    SSL_CTX_set_info_callback(context, name_server);
    return STATUS_OK;
}

const char *notify_tls_reason(char *text, size_t size)
{
    unsigned long last = ERR_peek_last_error();

    if (verify_error != X509_V_OK)
        return X509_verify_cert_error_string(verify_error);
    const char *reason = ERR_reason_error_string(last);
    if (last == 0)
        return "the connection ended";
    if (reason)
        return reason;
    ERR_error_string_n(last, text, size);
    return text;
}
