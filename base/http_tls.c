/* The TLS side of a listener: one OpenSSL context, shared by all loops. Each connection asks for the certificate that
 * is there when it begins. */
#include "base/http_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "base/tls_identity.h"

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

static int give_identity(SSL *ssl, void *arg)
{
    return tls_identity_give(arg, ssl);
}

struct ssl_ctx_st *http_tls_create(struct tls_identity *identity)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool mutual = tls_identity_is_mutual(identity);

    CHECK(context != NULL);
    SSL_CTX_set_min_proto_version(context, mutual ? TLS1_3_VERSION : TLS1_2_VERSION);
    /* A client that ends the connection without close_notify may still want answers. Nothing is cut short unseen by it:
     * heads and bodies say where they end. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets resume without shared state */
    SSL_CTX_set_num_tickets(context, mutual ? 0 : 1);            /* a peer's certificate is looked at each time */
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
    SSL_CTX_set_cert_cb(context, give_identity, identity);
    if (mutual)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return context;
}
