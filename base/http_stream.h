/* A connected socket, plain or TLS, for the HTTP server: reads and writes that never block, and two ways to
 * wait: a callback, for connections without a task, or suspending the task. TLS runs on the socket itself, so
 * bytes go straight between the kernel, OpenSSL's record and the caller's buffer. Used on its loop's thread
 * only. */
#ifndef TERCET_BASE_HTTP_STREAM_H
#define TERCET_BASE_HTTP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/status.h"

struct loop;
struct task;
struct ssl_st;
struct ssl_ctx_st;
struct tls_identity;
struct st_h2o_socket_t;

enum http_io {
    HTTP_IO_DONE,
    HTTP_IO_WAIT_READ,  /* not now: wait until the socket is readable */
    HTTP_IO_WAIT_WRITE, /* not now: wait until it is writable */
    HTTP_IO_CLOSED,     /* the peer ended its side, or the connection broke */
};

struct http_stream {
    int fd;
    bool broken;     /* set by an error or http_stream_cut: everything from then on is HTTP_IO_CLOSED */
    int interrupted; /* atomic: whoever waits gives up */
    bool armed_read, armed_write;
    struct st_h2o_socket_t *socket;
    struct ssl_st *ssl; /* NULL: plain */
    struct task *waiter;
    void (*on_ready)(struct http_stream *stream); /* when no task waits */
};

/* Takes the non-blocking fd. tls NULL: plain. */
void http_stream_open(struct http_stream *stream, struct loop *loop, int take_fd, struct ssl_ctx_st *tls,
                      void (*on_ready)(struct http_stream *stream));
/* reset: the peer must not take it for a clean end. */
void http_stream_close(struct http_stream *stream, bool reset);
/* Breaks the connection under whoever uses it; a waiting task wakes up. */
void http_stream_cut(struct http_stream *stream);
/* Tells the peer that nothing more comes; what it sends may still be read with http_stream_discard. */
void http_stream_end(struct http_stream *stream);

/* After a failed handshake: nothing more is sent, what comes may be read with http_stream_discard. */
void http_stream_refuse(struct http_stream *stream);
enum http_io http_stream_handshake(struct http_stream *stream);
/* Why it just failed, in OpenSSL's words. */
const char *http_stream_tls_problem(const struct http_stream *stream);
/* At least one byte with HTTP_IO_DONE. Bounded, so that one connection does not keep the loop. */
enum http_io http_stream_read(struct http_stream *stream, void *out, size_t capacity, size_t *len);
/* At least one byte of the vectors with HTTP_IO_DONE. After HTTP_IO_WAIT_* the same bytes must come again. */
enum http_io http_stream_write(struct http_stream *stream, const struct iovec *vectors, int count, size_t *len);
/* Reads without looking, below TLS. */
enum http_io http_stream_discard(struct http_stream *stream, void *scratch, size_t capacity, size_t *len);
/* Bytes, or the end, that arrived but would not make the socket readable. */
bool http_stream_has_pending(const struct http_stream *stream);
/* Bytes that the kernel took and the peer's has not acknowledged. */
size_t http_stream_unacknowledged(const struct http_stream *stream);
/* Bytes that the peer's did acknowledge since the connection began. */
uint64_t http_stream_acknowledged(const struct http_stream *stream);
bool http_stream_peer_has_gone(const struct http_stream *stream);  /* neither side goes on */
bool http_stream_peer_has_ended(const struct http_stream *stream); /* it sends nothing more */

/* Calls on_ready once, when `io` (one of the WAITs) is possible. */
void http_stream_arm(struct http_stream *stream, enum http_io io);
/* Has the task that uses the stream give up waiting, now and until that is forgotten. From any thread while that task
 * lives. */
void http_stream_interrupt(struct http_stream *stream, struct task *task);
void http_stream_forget_interrupt(struct http_stream *stream); /* once nobody interrupts any more */
bool http_stream_is_interrupted(const struct http_stream *stream);
/* "1.3", once the handshake is done; NULL without TLS. */
const char *http_stream_tls_version(const struct http_stream *stream);
const char *http_stream_tls_cipher(const struct http_stream *stream); /* NULL: plain */
/* Suspends the task until then: STATUS_OK, STATUS_CLOSED when cut, STATUS_TIMEOUT, also when interrupted. */
enum status http_stream_wait(struct http_stream *stream, enum http_io io, uint64_t deadline_ms);

/* A server context: ALPN http/1.1, TLS 1.2 and later; with authorities for its peers TLS 1.3 alone, and no peer without
 * a certificate of theirs. The identity has to stay. */
struct ssl_ctx_st *http_tls_create(struct tls_identity *identity);

#endif
