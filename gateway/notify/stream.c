/* A socket that never blocks, and poll() with what is left of the time. */
#include "gateway/notify/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "gateway/notify/broker.h"

struct notify_stream {
    int fd;
    SSL_CTX *context; /* NULL: plain */
    SSL *ssl;
};

static enum status wait_for(const struct notify_stream *stream, short events, uint64_t deadline_ms,
                            struct buffer *error)
{
    struct pollfd poller = {.fd = stream->fd, .events = events};
    int left_ms, ready;

    do {
        left_ms = notify_left_ms(deadline_ms);
        ready = poll(&poller, 1, left_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return notify_fail(error, STATUS_IO, "poll: %s", strerror(errno));
    return ready > 0 && left_ms > 0 ? STATUS_OK
                                    : notify_fail(error, STATUS_TIMEOUT, "the broker did not answer in time");
}

/* An errno of the socket. */
static enum status failed(int number, struct buffer *error)
{
    return notify_fail(error, STATUS_CLOSED, "the connection to the broker failed: %s", strerror(number));
}

static enum status connect_socket(struct notify_stream *stream, const char *address, uint16_t port,
                                  uint64_t deadline_ms, struct buffer *error)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    const int on = 1;
    int number = 0;
    socklen_t len = sizeof(number);
    enum status status;

    if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
        return notify_fail(error, STATUS_INVALID, "not an address");
    stream->fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        return notify_fail(error, STATUS_IO, "socket: %s", strerror(errno));
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(stream->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    int connected = is_v4 ? connect(stream->fd, (struct sockaddr *)&v4, sizeof(v4))
                          : connect(stream->fd, (struct sockaddr *)&v6, sizeof(v6));
    if (connected < 0 && errno != EINPROGRESS)
        return failed(errno, error);
    status = wait_for(stream, POLLOUT, deadline_ms, error);
    if (!status && getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &number, &len) == 0 && number != 0)
        status = failed(number, error);
    return status;
}

/* What an OpenSSL call that did not succeed wants: OK when it may be repeated. */
static enum status tls_wait(const struct notify_stream *stream, int result, uint64_t deadline_ms, struct buffer *error)
{
    char text[256];

    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(stream, POLLIN, deadline_ms, error);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(stream, POLLOUT, deadline_ms, error);
    case SSL_ERROR_ZERO_RETURN:
        return notify_fail(error, STATUS_CLOSED, "the broker closed the connection");
    default:
        return notify_fail(error, STATUS_CLOSED, "TLS failed: %s", notify_tls_reason(text, sizeof(text)));
    }
}

static enum status connect_tls(struct notify_stream *stream, const struct notify_url *url, uint64_t deadline_ms,
                               struct buffer *error)
{
    enum status status;
    int done;

    stream->context = SSL_CTX_new(TLS_client_method());
    if (!stream->context)
        return notify_fail(error, STATUS_INTERNAL, "OpenSSL makes no context");
    SSL_CTX_set_mode(stream->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    status = notify_tls_prepare(stream->context, url, error);
    if (status)
        return status;
    stream->ssl = SSL_new(stream->context);
    if (!stream->ssl || SSL_set_fd(stream->ssl, stream->fd) != 1)
        return notify_fail(error, STATUS_INTERNAL, "OpenSSL makes no connection");
    do {
        ERR_clear_error();
        done = SSL_connect(stream->ssl);
        if (done != 1)
            status = tls_wait(stream, done, deadline_ms, error);
    } while (done != 1 && !status);
    return status;
}

enum status notify_stream_open(const struct notify_url *url, const char *address, uint16_t port, uint64_t deadline_ms,
                               struct notify_stream **stream, struct buffer *error)
{
    struct notify_stream *opened = mem_zalloc(sizeof(*opened));
    enum status status;

    opened->fd = -1;
    status = connect_socket(opened, address, port, deadline_ms, error);
    if (!status && url->tls)
        status = connect_tls(opened, url, deadline_ms, error);
    if (status)
        notify_stream_close(opened);
    else
        *stream = opened;
    return status;
}

enum status notify_stream_write(struct notify_stream *stream, struct bytes bytes, uint64_t deadline_ms,
                                struct buffer *error)
{
    enum status status = STATUS_OK;

    while (bytes.len > 0 && !status) {
        const size_t piece = bytes.len < 65536 ? bytes.len : 65536;
        ERR_clear_error();
        ssize_t sent = stream->ssl ? SSL_write(stream->ssl, bytes.data, (int)piece)
                                   : send(stream->fd, bytes.data, piece, MSG_NOSIGNAL);
        if (sent > 0)
            bytes = bytes_of(bytes.data + sent, bytes.len - (size_t)sent);
        else if (stream->ssl)
            status = tls_wait(stream, (int)sent, deadline_ms, error);
        else if (errno == EAGAIN)
            status = wait_for(stream, POLLOUT, deadline_ms, error);
        else if (errno != EINTR)
            status = failed(errno, error);
    }
    return status;
}

enum status notify_stream_read(struct notify_stream *stream, char *out, size_t *len, uint64_t deadline_ms,
                               struct buffer *error)
{
    enum status status = STATUS_OK;
    ssize_t got = 0;

    while (got <= 0 && !status) {
        ERR_clear_error();
        got = stream->ssl ? SSL_read(stream->ssl, out, (int)*len) : recv(stream->fd, out, *len, 0);
        if (got > 0)
            break;
        if (stream->ssl)
            status = tls_wait(stream, (int)got, deadline_ms, error);
        else if (got == 0)
            status = notify_fail(error, STATUS_CLOSED, "the broker closed the connection");
        else if (errno == EAGAIN)
            status = wait_for(stream, POLLIN, deadline_ms, error);
        else if (errno != EINTR)
            status = failed(errno, error);
    }
    *len = got > 0 ? (size_t)got : 0;
    return status;
}

void notify_stream_close(struct notify_stream *stream)
{
    if (!stream)
        return;
    if (stream->ssl && SSL_is_init_finished(stream->ssl))
        (void)SSL_shutdown(stream->ssl);
    SSL_free(stream->ssl);
    SSL_CTX_free(stream->context);
    if (stream->fd >= 0)
        close(stream->fd);
    ERR_clear_error();
    free(stream);
}
