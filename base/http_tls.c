/* The TLS side of a listener: one OpenSSL context, shared by all loops. */
#include "base/http_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/log.h"

static const unsigned char alpn_http_1_1[] = "\x08http/1.1";

/* A client that names protocols must name this one. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
                           unsigned int offered_len, void *arg)
{
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, alpn_http_1_1, sizeof(alpn_http_1_1) - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void log_reason(const char *message, const char *file)
{
    char reason[256];

    ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
    ERR_clear_error();
    log_error(message, LOG_STR("file", file), LOG_STR("reason", reason));
}

enum status http_tls_create(const char *cert_file, const char *key_file, struct ssl_ctx_st **tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    enum status status = STATUS_INVALID;

    if (context == NULL) {
        status = STATUS_INTERNAL;
        goto out;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    /* A client that ends the connection without close_notify may still want answers. Nothing is cut short unseen by it:
     * heads and bodies say where they end. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets resume without shared state */
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
    if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1) {
        log_reason("TLS certificate cannot be used", cert_file);
        goto out;
    }
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        log_reason("TLS private key cannot be used", key_file);
        goto out;
    }
    *tls = context;
    context = NULL;
    status = STATUS_OK;
out:
    SSL_CTX_free(context);
    return status;
}
