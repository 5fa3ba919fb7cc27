/* Sockets of the HTTP server; see http_stream.h.
 *
 * h2o's socket only watches the fd. It stays armed for reading after an event that nobody asked for came
 * once, since arming anew costs a system call and the next request mostly comes before such an event. */
#include "base/http_stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <h2o.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "base/loop.h"
#include "base/task.h"

#define READ_BYTES_MAX   (256 * 1024)
#define TLS_RECORD_BYTES 16384

static void ready(struct http_stream *stream)
{
    if (stream->waiter != NULL)
        task_unpark(stream->waiter);
    else
        stream->on_ready(stream);
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    struct http_stream *stream = socket->data;

    (void)error;
    if (!stream->armed_read) {
        h2o_socket_read_stop(socket);
        return;
    }
    stream->armed_read = false;
    ready(stream);
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
    struct http_stream *stream = socket->data;

    (void)error;
    if (!stream->armed_write)
        return;
    stream->armed_write = false;
    ready(stream);
}

void http_stream_open(struct http_stream *stream, struct loop *loop, int take_fd, struct ssl_ctx_st *tls,
                      void (*on_ready)(struct http_stream *stream))
{
    *stream = (struct http_stream){.fd = take_fd, .on_ready = on_ready};
    stream->socket = h2o_evloop_socket_create(loop_h2o(loop), take_fd, H2O_SOCKET_FLAG_DONT_READ);
    stream->socket->data = stream;
    if (tls != NULL) {
        stream->ssl = SSL_new(tls);
        CHECK(stream->ssl != NULL);
        CHECK(SSL_set_fd(stream->ssl, take_fd) == 1);
        SSL_set_accept_state(stream->ssl);
    }
}

void http_stream_close(struct http_stream *stream, bool reset)
{
    if (reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};

        setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    if (stream->ssl != NULL) {
        ERR_clear_error();
        if (!reset && !stream->broken && SSL_is_init_finished(stream->ssl))
            SSL_shutdown(stream->ssl);
        SSL_free(stream->ssl);
    }
    h2o_socket_close(stream->socket);
    stream->socket = NULL;
    stream->fd = -1;
}

void http_stream_cut(struct http_stream *stream)
{
    stream->broken = true;
    if (stream->waiter != NULL)
        task_unpark(stream->waiter);
}

void http_stream_end(struct http_stream *stream)
{
    if (stream->ssl != NULL && !stream->broken) {
        ERR_clear_error();
        SSL_shutdown(stream->ssl);
    }
    shutdown(stream->fd, SHUT_WR);
}

static enum http_io broke(struct http_stream *stream)
{
    stream->broken = true;
    return HTTP_IO_CLOSED;
}

const char *http_stream_tls_version(const struct http_stream *stream)
{
    const char *name = stream->ssl != NULL ? SSL_get_version(stream->ssl) : NULL;

    return name != NULL && strncmp(name, "TLSv", 4) == 0 ? name + 4 : NULL;
}

const char *http_stream_tls_cipher(const struct http_stream *stream)
{
    return stream->ssl != NULL ? SSL_get_cipher_name(stream->ssl) : NULL;
}

/* What a failed OpenSSL call wants. */
static enum http_io tls_outcome(struct http_stream *stream, int result)
{
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return HTTP_IO_WAIT_READ;
    case SSL_ERROR_WANT_WRITE:
        return HTTP_IO_WAIT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return HTTP_IO_CLOSED;
    default:
        return broke(stream);
    }
}

enum http_io http_stream_handshake(struct http_stream *stream)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(stream->ssl);
    return result == 1 ? HTTP_IO_DONE : tls_outcome(stream, result);
}

void http_stream_refuse(struct http_stream *stream)
{
    stream->broken = false;
    shutdown(stream->fd, SHUT_WR);
}

const char *http_stream_tls_problem(const struct http_stream *stream)
{
    long verdict = SSL_get_verify_result(stream->ssl);
    const char *reason =
        verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : ERR_reason_error_string(ERR_peek_error());

    return reason ? reason : "the peer ended the connection";
}

/* Records are decrypted until the buffer is full or the socket empty. */
static enum http_io tls_read(struct http_stream *stream, char *out, size_t capacity, size_t *len)
{
    size_t got = 0, piece;

    ERR_clear_error();
    while (got < capacity && SSL_read_ex(stream->ssl, out + got, capacity - got, &piece) == 1)
        got += piece;
    *len = got;
    return got > 0 ? HTTP_IO_DONE : tls_outcome(stream, 0);
}

static enum http_io plain_read(struct http_stream *stream, void *out, size_t capacity, size_t *len)
{
    ssize_t result;

    do
        result = read(stream->fd, out, capacity);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return errno == EAGAIN ? HTTP_IO_WAIT_READ : broke(stream);
    *len = (size_t)result;
    return result > 0 ? HTTP_IO_DONE : HTTP_IO_CLOSED;
}

enum http_io http_stream_read(struct http_stream *stream, void *out, size_t capacity, size_t *len)
{
    *len = 0;
    if (stream->broken)
        return HTTP_IO_CLOSED;
    if (capacity > READ_BYTES_MAX)
        capacity = READ_BYTES_MAX;
    return stream->ssl != NULL ? tls_read(stream, out, capacity, len) : plain_read(stream, out, capacity, len);
}

enum http_io http_stream_discard(struct http_stream *stream, void *scratch, size_t capacity, size_t *len)
{
    *len = 0;
    return stream->broken ? HTTP_IO_CLOSED : plain_read(stream, scratch, capacity, len);
}

/* One record. Small vectors are gathered, so that a head and its body share one; gathering the same vectors
 * again gives the same bytes, as OpenSSL wants them after a write that would block. */
static enum http_io tls_write(struct http_stream *stream, const struct iovec *vectors, int count, size_t *len)
{
    char record[TLS_RECORD_BYTES];
    const void *data = vectors[0].iov_base;
    size_t data_len = vectors[0].iov_len;

    if (count > 1 && data_len < sizeof(record)) {
        data_len = 0;
        for (int i = 0; i < count && data_len < sizeof(record); i++) {
            size_t room = sizeof(record) - data_len;
            size_t piece = vectors[i].iov_len < room ? vectors[i].iov_len : room;

            memcpy(record + data_len, vectors[i].iov_base, piece);
            data_len += piece;
        }
        data = record;
    }
    ERR_clear_error();
    return SSL_write_ex(stream->ssl, data, data_len, len) == 1 ? HTTP_IO_DONE : tls_outcome(stream, 0);
}

static enum http_io plain_write(struct http_stream *stream, const struct iovec *vectors, int count, size_t *len)
{
    struct msghdr message = {.msg_iov = (struct iovec *)vectors, .msg_iovlen = (size_t)count};
    ssize_t result;

    do
        result = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return errno == EAGAIN ? HTTP_IO_WAIT_WRITE : broke(stream);
    *len = (size_t)result;
    return HTTP_IO_DONE;
}

enum http_io http_stream_write(struct http_stream *stream, const struct iovec *vectors, int count, size_t *len)
{
    *len = 0;
    if (stream->broken)
        return HTTP_IO_CLOSED;
    return stream->ssl != NULL ? tls_write(stream, vectors, count, len) : plain_write(stream, vectors, count, len);
}

bool http_stream_has_pending(const struct http_stream *stream)
{
    return stream->ssl != NULL &&
           (SSL_has_pending(stream->ssl) == 1 || (SSL_get_shutdown(stream->ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
}

size_t http_stream_unacknowledged(const struct http_stream *stream)
{
    int queued;

    return ioctl(stream->fd, SIOCOUTQ, &queued) == 0 ? (size_t)queued : 0;
}

uint64_t http_stream_acknowledged(const struct http_stream *stream)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    return getsockopt(stream->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_bytes_acked : 0;
}

static bool polls(const struct http_stream *stream, short events)
{
    struct pollfd pollfd = {.fd = stream->fd, .events = events};

    return stream->broken || (poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (events | POLLHUP | POLLERR)) != 0);
}

bool http_stream_peer_has_gone(const struct http_stream *stream)
{
    return polls(stream, 0);
}

bool http_stream_peer_has_ended(const struct http_stream *stream)
{
    return polls(stream, POLLRDHUP);
}

void http_stream_arm(struct http_stream *stream, enum http_io io)
{
    CHECK(io == HTTP_IO_WAIT_READ || io == HTTP_IO_WAIT_WRITE);
    if (io == HTTP_IO_WAIT_READ) {
        stream->armed_read = true;
        if (!h2o_socket_is_reading(stream->socket))
            h2o_socket_read_start(stream->socket, on_readable);
    } else {
        stream->armed_write = true;
        if (!h2o_socket_is_writing(stream->socket)) /* it cannot be cancelled: an older one may still be there */
            h2o_socket_notify_write(stream->socket, on_writable);
    }
}

void http_stream_interrupt(struct http_stream *stream, struct task *task)
{
    __atomic_store_n(&stream->interrupted, 1, __ATOMIC_RELEASE);
    task_unpark(task);
}

void http_stream_forget_interrupt(struct http_stream *stream)
{
    __atomic_store_n(&stream->interrupted, 0, __ATOMIC_RELAXED);
}

bool http_stream_is_interrupted(const struct http_stream *stream)
{
    return __atomic_load_n(&stream->interrupted, __ATOMIC_ACQUIRE) != 0;
}

enum status http_stream_wait(struct http_stream *stream, enum http_io io, uint64_t deadline_ms)
{
    bool *armed = io == HTTP_IO_WAIT_READ ? &stream->armed_read : &stream->armed_write;
    enum status status = STATUS_OK;

    stream->waiter = task_self();
    http_stream_arm(stream, io);
    while (*armed && !stream->broken && !http_stream_is_interrupted(stream) && status == STATUS_OK) {
        if (!task_park_until(deadline_ms))
            status = STATUS_TIMEOUT;
    }
    stream->waiter = NULL;
    *armed = false;
    if (stream->broken)
        return STATUS_CLOSED;
    return http_stream_is_interrupted(stream) ? STATUS_TIMEOUT : status;
}
