/* HTTP/1.1 client: libcurl's multi interface on the loop. One call is one exchange.
 *
 * A call belongs to the task that started it and to that task's loop. Whatever happens to a call unparks its task, so
 * a task can drive several calls at once: look at each, then task_park_until the nearest deadline. The waiting
 * functions below do that for one call. Connections are kept and reused per loop; a request that failed on a kept
 * connection before any answer is sent again on a new one, so only idempotent requests go through here. `Expect:` is
 * never sent; redirects, proxies and cookies are off. */
#ifndef TERCET_BASE_HTTP_CLIENT_H
#define TERCET_BASE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct http_call;
struct tls_identity;

#define HTTP_CALL_PAUSE  ((size_t)-1) /* nothing to send now; http_call_resume when there is */
#define HTTP_CALL_CANCEL ((size_t)-2) /* give the exchange up */

/* Provides up to capacity bytes of the request body. Returns how many, 0 at the body's end, or one of the above.
 * Called on the loop, outside of any task: it must not suspend. It must be able to start over from the body's first
 * byte when `rewind` was called, or say that it cannot. */
typedef size_t (*http_call_read_fn)(void *arg, char *out, size_t capacity);
typedef bool (*http_call_rewind_fn)(void *arg); /* may be NULL: cannot */

struct http_call_options {
    const char *method;         /* "GET", "PUT", "DELETE", "POST", "HEAD" */
    const char *url;            /* http://host:port/path?query; copied */
    const char *const *headers; /* "Name: value", NULL-terminated, copied; may be NULL */
    struct bytes body;          /* a whole body; must stay until the call has ended */
    http_call_read_fn read;     /* or a streamed one */
    http_call_rewind_fn rewind;
    void *read_arg;
    uint64_t body_length;        /* of the streamed body; UINT64_MAX sends it chunked */
    uint32_t connect_timeout_ms; /* 0: 2000 */
    const char *ca_file;         /* PEM, whom to trust with https; copied; NULL or "": the system's authorities */
    bool tls_only;               /* any other url than of https fails */
    struct tls_identity *tls;    /* shown to the server, and whom to trust; TLS 1.3 alone. Stays; NULL: none */
    const char **problem;        /* http_exchange puts what http_call_problem says there; may be NULL */
    /* Bytes kept for the task before the transfer pauses; it goes on when half of them are consumed. A reader that
     * needs N bytes in one piece asks for at least 2N. 0: 256 KiB; at least 16 KiB. */
    uint32_t receive_window;
};

/* Starts the exchange; must run in a task. Never NULL. Free with http_call_free. */
struct http_call *http_call_start(const struct http_call_options *options);
/* Says that `read` has bytes again (or its end). */
void http_call_resume(struct http_call *call);
/* Ends the exchange if it is not over (its connection is closed) and frees it. */
void http_call_free(struct http_call *call);

/* State, without suspending. */
bool http_call_head_arrived(const struct http_call *call);
bool http_call_ended(const struct http_call *call); /* complete or failed; received bytes may still wait */
/* Outcome once ended: OK for a complete exchange whatever its HTTP status; UNAVAILABLE (could not connect), TIMEOUT
 * (not within connect_timeout_ms), CLOSED, CANCELLED (by `read`), INVALID (bad URL) or IO otherwise. */
enum status http_call_outcome(const struct http_call *call);
/* Why TLS failed, of an exchange that ended so; NULL: it did not, or nothing is known. A static text that goes on from
 * the name of the server: "has a certificate that ...". */
const char *http_call_problem(const struct http_call *call);
int http_call_status(const struct http_call *call); /* HTTP status, 0 before the head */
/* A response header's value; data NULL when absent. Valid until free. */
struct bytes http_call_header(const struct http_call *call, const char *name);
uint64_t http_call_bytes_sent(const struct http_call *call);
uint64_t http_call_last_progress_ms(const struct http_call *call); /* monotonic: start, last byte sent or received */

/* Waiting, with a monotonic deadline; STATUS_TIMEOUT leaves the call as it is. All suspend. wait_head is OK once there
 * is a head; otherwise, and for wait_end, the outcome is returned. An exchange does not end before the window has room
 * for the rest of its body. */
enum status http_call_wait_head(struct http_call *call, uint64_t deadline_ms);
enum status http_call_wait_end(struct http_call *call, uint64_t deadline_ms);
/* The received bytes not yet consumed, in one piece: suspends until there are some; len 0 at the end. They stay where
 * they are until consume, also while more arrive. An exchange that failed gives what came, then its outcome. */
enum status http_call_receive(struct http_call *call, uint64_t deadline_ms, struct bytes *out);
struct bytes http_call_received(const struct http_call *call); /* what is there now, without suspending */
void http_call_consume(struct http_call *call, size_t len);

/* A whole exchange: request, then the response's body into `response` (STATUS_LIMIT beyond its max; NULL discards).
 * Suspends. *http_status is 0 when no response came. */
enum status http_exchange(const struct http_call_options *options, uint64_t deadline_ms, int *http_status,
                          struct buffer *response);

#endif
