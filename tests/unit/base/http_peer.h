/* A blocking HTTP client for tests of the server: it sends exactly the bytes it is given and reads one answer at a
 * time, over plain sockets or TLS. Every call fails the test after 20 s. */
#ifndef TERCET_TESTS_HTTP_PEER_H
#define TERCET_TESTS_HTTP_PEER_H

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/tls_identity.h"

struct peer {
    int fd;
    SSL_CTX *tls;
    SSL *ssl;
    char *data; /* received and not yet part of an answer */
    size_t len;
};

struct answer {
    int status; /* 0: the connection ended before an answer */
    char head[8192];
    char *body;
    size_t len;
    bool complete;
};

static inline void peer_open(struct peer *peer, uint16_t port, bool tls)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval timeout = {.tv_sec = 20};

    *peer = (struct peer){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (tls) {
        peer->tls = SSL_CTX_new(TLS_client_method());
        peer->ssl = SSL_new(peer->tls);
        SSL_set_fd(peer->ssl, peer->fd);
        SSL_set_alpn_protos(peer->ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12);
        assert_int_equal(SSL_connect(peer->ssl), 1);
    }
}

static inline void peer_close(struct peer *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->tls);
    close(peer->fd);
    free(peer->data);
    *peer = (struct peer){.fd = -1};
}

/* Closes with a reset. */
static inline void peer_reset(struct peer *peer)
{
    struct linger linger = {.l_onoff = 1};

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    peer_close(peer);
}

/* Sends as much as the server takes before it closes; returns how much. */
static inline size_t peer_send(struct peer *peer, const void *data, size_t len)
{
    size_t sent = 0;

    while (sent < len) {
        ssize_t result = peer->ssl != NULL ? SSL_write(peer->ssl, (const char *)data + sent, (int)(len - sent))
                                           : send(peer->fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);

        if (result <= 0)
            break;
        sent += (size_t)result;
    }
    return sent;
}

static inline void peer_say(struct peer *peer, const char *text)
{
    assert_int_equal(peer_send(peer, text, strlen(text)), strlen(text));
}

static inline void peer_say_bytewise(struct peer *peer, const char *text)
{
    for (; *text != '\0'; text++)
        assert_int_equal(peer_send(peer, text, 1), 1);
}

/* Receives more; false at the connection's end. */
static inline bool peer_receive(struct peer *peer)
{
    size_t step = 65536;
    ssize_t result;

    peer->data = realloc(peer->data, peer->len + step + 1);
    result = peer->ssl != NULL ? SSL_read(peer->ssl, peer->data + peer->len, (int)step)
                               : recv(peer->fd, peer->data + peer->len, step, 0);
    if (result < 0)
        assert_int_not_equal(errno, EAGAIN);
    if (result > 0)
        peer->len += (size_t)result;
    peer->data[peer->len] = '\0';
    return result > 0;
}

/* True when the server closed the connection and sent nothing more. */
static inline bool peer_at_end(struct peer *peer)
{
    return peer->len == 0 && !peer_receive(peer);
}

static inline void peer_drop(struct peer *peer, size_t len)
{
    memmove(peer->data, peer->data + len, peer->len - len);
    peer->len -= len;
    peer->data[peer->len] = '\0';
}

/* The value of a header of the answer into a buffer of the thread; NULL when absent. */
static inline const char *answer_header(const struct answer *answer, const char *name)
{
    static _Thread_local char value[512];
    const char *line = answer->head;

    while ((line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
            const char *start = line + strlen(name) + 1 + strspn(line + strlen(name) + 1, " ");

            snprintf(value, sizeof(value), "%.*s", (int)strcspn(start, "\r"), start);
            return value;
        }
    }
    return NULL;
}

static inline void answer_append(struct answer *answer, const char *data, size_t len)
{
    answer->body = realloc(answer->body, answer->len + len + 1);
    memcpy(answer->body + answer->len, data, len);
    answer->len += len;
    answer->body[answer->len] = '\0';
}

/* Takes exactly len bytes into the answer; false when the connection ended before. */
static inline bool peer_take(struct peer *peer, struct answer *answer, size_t len)
{
    while (len > 0) {
        size_t piece = peer->len < len ? peer->len : len;

        answer_append(answer, peer->data, piece);
        peer_drop(peer, piece);
        len -= piece;
        if (len > 0 && !peer_receive(peer))
            return false;
    }
    return true;
}

static inline bool peer_take_chunked(struct peer *peer, struct answer *answer)
{
    for (;;) {
        char *line_end;
        size_t size;

        while (peer->len == 0 || (line_end = strstr(peer->data, "\r\n")) == NULL) {
            if (!peer_receive(peer))
                return false;
        }
        size = strtoul(peer->data, NULL, 16);
        peer_drop(peer, (size_t)(line_end + 2 - peer->data));
        if (!peer_take(peer, answer, size))
            return false;
        while (peer->len < 2) {
            if (!peer_receive(peer))
                return false;
        }
        assert_memory_equal(peer->data, "\r\n", 2);
        peer_drop(peer, 2);
        if (size == 0)
            return true;
    }
}

/* Reads one answer. head_only: to a HEAD request. Free with answer_free. */
static inline void peer_answer_to(struct peer *peer, struct answer *answer, bool head_only)
{
    char *end = NULL;
    size_t head_len;

    *answer = (struct answer){0};
    answer_append(answer, "", 0);
    while (peer->len == 0 || (end = strstr(peer->data, "\r\n\r\n")) == NULL) {
        if (!peer_receive(peer))
            return;
    }
    head_len = (size_t)(end + 4 - peer->data);
    assert_true(head_len < sizeof(answer->head));
    memcpy(answer->head, peer->data, head_len);
    peer_drop(peer, head_len);
    assert_int_equal(sscanf(answer->head, "HTTP/1.1 %d ", &answer->status), 1);
    if (head_only || answer->status == 100 || answer->status == 204 || answer->status == 304)
        answer->complete = true;
    else if (answer_header(answer, "Transfer-Encoding") != NULL)
        answer->complete = peer_take_chunked(peer, answer);
    else if (answer_header(answer, "Content-Length") != NULL)
        answer->complete = peer_take(peer, answer, strtoul(answer_header(answer, "Content-Length"), NULL, 10));
    else
        while (peer_take(peer, answer, peer->len + 1))
            ;
}

static inline void peer_answer(struct peer *peer, struct answer *answer)
{
    peer_answer_to(peer, answer, false);
}

static inline void answer_free(struct answer *answer)
{
    free(answer->body);
    *answer = (struct answer){0};
}

static inline bool answer_closes(const struct answer *answer)
{
    const char *value = answer_header(answer, "Connection");

    return value != NULL && strcmp(value, "close") == 0;
}

/* Reads one answer and asserts its status and whether it announces the connection's end. */
static inline void peer_expect(struct peer *peer, int status, bool closes, const char *body)
{
    struct answer answer;

    peer_answer(peer, &answer);
    assert_int_equal(answer.status, status);
    assert_int_equal(answer_closes(&answer), closes);
    assert_true(answer.complete);
    if (body != NULL)
        assert_string_equal(answer.body, body);
    answer_free(&answer);
}

/* Writes a self-signed certificate and its key to the two paths. */
static inline void certificate_write(const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name;
    FILE *file;

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    file = fopen(cert_path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    file = fopen(key_path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* A self-signed certificate and its key, in a folder of their own. */
struct certificate {
    char directory[32], cert[64], key[64];
};

static inline void certificate_make(struct certificate *certificate)
{
    strcpy(certificate->directory, "/tmp/tercet-tls-XXXXXX");
    assert_non_null(mkdtemp(certificate->directory));
    snprintf(certificate->cert, sizeof(certificate->cert), "%s/cert.pem", certificate->directory);
    snprintf(certificate->key, sizeof(certificate->key), "%s/key.pem", certificate->directory);
    certificate_write(certificate->cert, certificate->key);
}

/* As a server shows it; to be freed. */
static inline struct tls_identity *certificate_identity(const struct certificate *certificate)
{
    const struct tls_files files = {certificate->cert, certificate->key, NULL};
    struct tls_identity *identity;
    char error[256];

    assert_int_equal(tls_identity_open(&files, &identity, error, sizeof(error)), STATUS_OK);
    return identity;
}

static inline void certificate_remove(const struct certificate *certificate)
{
    assert_int_equal(unlink(certificate->cert), 0);
    assert_int_equal(unlink(certificate->key), 0);
    assert_int_equal(rmdir(certificate->directory), 0);
}

#endif
