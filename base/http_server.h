/* HTTP/1.1 server: our own connection layer on libh2o (RFC 9112), one task per request.
 *
 * Bodies stream in both directions with back-pressure. Framing is strict: a request that two servers could read
 * differently is refused (RFC 9112 section 6). The request's strings live until the handler returns; the client may go
 * away at any time, then the next read or reply returns STATUS_CLOSED and the handler unwinds. When the handler
 * returns without an answer, the server sends 500. */
#ifndef TERCET_BASE_HTTP_SERVER_H
#define TERCET_BASE_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/status.h"

struct loop_group;
struct http_pauses;
struct http_server;
struct tls_identity;

struct http_header {
    struct bytes name; /* in the sender's case */
    struct bytes value;
};

#define HTTP_LENGTH_UNKNOWN UINT64_MAX

struct http_request {
    struct bytes method;
    struct bytes target;               /* raw request target: path and query, never decoded */
    struct bytes path;                 /* raw, up to '?' */
    struct bytes query;                /* raw, after '?'; data is NULL when there is no '?' */
    const struct http_header *headers; /* all of them in order, Host, Content-Length and Expect too */
    size_t header_count;
    uint64_t content_length; /* HTTP_LENGTH_UNKNOWN with Transfer-Encoding: chunked; 0 without a body */
    bool tls;
    const char *tls_version;      /* "1.3"; NULL without TLS */
    const char *tls_cipher;       /* as OpenSSL calls it; NULL without TLS */
    struct sockaddr_storage peer; /* AF_INET or AF_INET6 */
    char id[17];                  /* request id: 16 upper-case hex digits, unique */
    uint64_t start_us;            /* monotonic, when the head was complete */
    /* for the access log and metrics; kept up to date by the server */
    uint64_t bytes_in, bytes_out; /* of the bodies, without framing */
    int status;                   /* of the response, 0 before it began */
    uint64_t ttfb_us;             /* monotonic time of the response's head, 0 before */
    uint64_t body_end_us;         /* monotonic, when the last byte of the body was read; 0: there is none, or not yet */
    void *user;                   /* the handler's own */
    unsigned place;               /* what it holds that others may need, for http_pauses_cut_longest; 0: nothing */
};

/* Why the server does not hand a request to the handler, or what it says when the handler did not answer. Static. */
struct http_refusal {
    int status;
    const char *code;    /* one word, for metrics and for answers that name errors: "BadRequest"; S3's if S3 has one */
    const char *message; /* a sentence for people */
};

/* Runs as a task on the connection's loop. */
typedef void (*http_handler)(struct http_request *request, void *arg);

#define HTTP_CONNECTIONS_DEFAULT 10000

struct http_server_config {
    const char *address;      /* numeric IPv4 or IPv6 */
    uint16_t port;            /* 0: the kernel chooses; see http_server_port */
    struct tls_identity *tls; /* NULL: plain. Not owned; read again by who owns it */
    http_handler handler;
    void *handler_arg;
    /* Answers a request that is refused, in the program's own form, with refusal->status; the task is the connection's.
     * Of the request only id, peer and start_us can be relied on, since its head may be unreadable. NULL: the message
     * as plain text. */
    void (*refuse)(struct http_request *request, const struct http_refusal *refusal);
    uint32_t head_bytes_max;  /* 0: 64 KiB. 431 beyond */
    uint32_t head_memory_max; /* 0: 32 MiB. Of all heads that are larger than 8 KiB, unfinished or served; 503 beyond */
    uint32_t connections_max; /* 0: the default. Beyond, those that wait make room; see base/http_places.h */
    uint32_t connections_per_peer_max; /* 0: connections_max */
    /* The paths that are served beyond connections_max too; NULL: none, all else gets a 503 there. */
    bool (*is_vital)(struct bytes path);
    uint32_t idle_timeout_ms, head_timeout_ms, body_timeout_ms, linger_timeout_ms; /* 0: default */
    uint32_t rate_bytes_per_second_min; /* 0: 1024. For bodies in and out, while we wait for the peer */
    uint32_t rate_window_ms;            /* 0: 30 s. A peer may fall behind the rate by what it makes in so much time */
    /* 0: 60 s. One that takes its answer more slowly than that pauses, for at most so long. With `pauses` it is cut
     * earlier when its place is needed, and only requests that have a place may pause at all. */
    uint32_t pause_timeout_ms;
    struct http_pauses *pauses; /* NULL: pauses disturb nobody. Not owned */
};

/* Binds one listener per loop with SO_REUSEPORT (config.port 0: all on the port that the first was given) and starts
 * to accept. STATUS_IO with a logged reason when the address cannot be bound. */
enum status http_server_start(struct loop_group *loops, const struct http_server_config *config,
                              struct http_server **server);
uint16_t http_server_port(const struct http_server *server);
unsigned http_server_connections(const struct http_server *server);
unsigned http_server_requests(const struct http_server *server); /* being handled now */
/* Graceful: stops accepting, closes idle connections, lets busy ones finish up to drain_ms. Blocks; call it from a
 * plain thread. */
void http_server_stop(struct http_server *server, uint64_t drain_ms);
void http_server_free(struct http_server *server); /* after stop, before loop_group_stop */

/* The first header of that name (case-insensitive); data is NULL when absent. */
struct bytes http_request_header(const struct http_request *request, const char *name);
unsigned http_request_header_count(const struct http_request *request, const char *name);
bool http_request_has_body(const struct http_request *request);
bool http_request_peer_is_loopback(const struct http_request *request);
void http_request_peer_text(const struct http_request *request, char out[64]);

/* Reads body bytes: suspends until at least one is there. *len 0 is the end. The first read answers
 * Expect: 100-continue. STATUS_CLOSED: peer gone before the end; STATUS_TIMEOUT: idle or too slow; STATUS_INVALID:
 * bad chunk framing. */
enum status http_body_read(struct http_request *request, void *out, size_t capacity, size_t *len);
/* Reads exactly the rest of the body into the buffer; STATUS_LIMIT beyond the buffer's max. Suspends. */
enum status http_body_read_all(struct http_request *request, struct buffer *out);
/* True once the peer is known to have gone, for handlers that wait for something else; they call it now and then. A
 * peer that ended its side of the connection may still want its answer, or have gone: it is sent "100 Continue", once,
 * which makes the system of one that has gone say so. */
bool http_request_is_closed(struct http_request *request);
/* The same for peers that never end their side before they have their answer: there is no need to ask them. */
bool http_request_peer_has_ended(const struct http_request *request);

/* Adds a response header; name and value are copied. Control characters in the value are refused by CHECK: callers
 * encode what clients gave them. Call before the reply starts. */
void http_reply_header(struct http_request *request, const char *name, struct bytes value);
void http_reply_header_str(struct http_request *request, const char *name, const char *value);
void http_reply_header_u64(struct http_request *request, const char *name, uint64_t value);
/* When to try again: Retry-After, and X-Amz-Retry-After in milliseconds, since AWS's SDK for Go reads only
 * that. A 503 that says nothing of it says one second. */
void http_reply_retry_after(struct http_request *request, uint32_t seconds);
/* The reply must not hold anything for a peer that does not read: what its system does not take at once is not sent,
 * and the connection is cut. Before start. */
void http_reply_hurry(struct http_request *request);
/* Sends a whole response; suspends until it was handed to the kernel. A HEAD request gets the length without the
 * body. Statuses 204 and 304 go without a body and a length. */
enum status http_reply(struct http_request *request, int status, struct bytes body);
/* For the answer with which a handler ends: when that fails its client has gone, and nobody is left to tell. */
#define HTTP_LAST_REPLY(call) STATUS_IGNORE(call, "the client has gone")
/* Streams: start, any number of writes, then finish; or abort at any time after start. content_length
 * HTTP_LENGTH_UNKNOWN sends chunked. For HEAD, start then finish sends the length only. */
enum status http_reply_start(struct http_request *request, int status, uint64_t content_length);
/* Suspends until the kernel took the bytes; they may be reused afterwards. */
enum status http_reply_write(struct http_request *request, const void *data, size_t len);
enum status http_reply_finish(struct http_request *request);
/* Cuts the connection so that the client sees an incomplete response, never a clean end. */
void http_reply_abort(struct http_request *request);
bool http_reply_started(const struct http_request *request);
const char *http_reason_phrase(int status); /* "Not Found" */

#endif
