/* The HTTP server's private parts: a connection, the request that it serves, and what its files share.
 *
 * A connection without a request (handshake, idle, head incomplete) is driven by callbacks and holds no task and no
 * buffer beyond an incomplete head. When a head is complete or refused, one task serves it: handler, rest of the
 * body, lingering; then the connection waits again or is freed. While that task lives, only it frees the connection. */
#ifndef TERCET_BASE_HTTP_CONNECTION_H
#define TERCET_BASE_HTTP_CONNECTION_H

#include <pthread.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/http_framing.h"
#include "base/http_pauses.h"
#include "base/http_peers.h"
#include "base/http_server.h"
#include "base/http_stream.h"
#include "base/loop.h"

#define HTTP_READ_BYTES 16384 /* of a listener's scratch: the most that one read for a head gets */
/* Beyond it the process ends. Of a head of 64 KiB and what is stored, given back encoded, each takes up to six
 * times its length, and a bucket's CORS rules may add as much again as they and the request are long. */
#define REPLY_HEADERS_BYTES_MAX (1024 * 1024)

struct http_queue {
    struct http_connection *first, *last;
};

/* A server's part on one loop, used on that loop only. */
struct http_listener {
    struct http_server *server;
    struct loop *loop;
    int fd;
    struct st_h2o_socket_t *socket; /* NULL once it stopped */
    struct timer accept_pause;
    struct http_connection *connections;         /* doubly linked */
    struct http_queue waiting, waiting_reserved; /* those without a request; see http_places.h */
    bool stopping;                               /* connections close after their request */
    int64_t date_second;
    char date[CLOCK_TEXT_MAX];
    char scratch[HTTP_READ_BYTES]; /* for reads whose bytes are used or dropped before anything suspends */
};

struct http_server {
    struct http_server_config config; /* with defaults filled in; its strings are not kept */
    struct loop_group *loops;
    struct http_listener *listeners; /* one per loop */
    struct ssl_ctx_st *tls;
    uint16_t port;
    uint64_t request_id_key;        /* random */
    uint64_t request_counter;       /* atomic */
    unsigned requests;              /* atomic: handlers that run */
    uint64_t heads_bytes;           /* atomic: of the heads that are charged */
    pthread_mutex_t lock;           /* guards what follows */
    pthread_cond_t closed;          /* signalled when connections gets 0 */
    unsigned connections, reserved; /* all of them; those in places of the reserve */
    struct http_peers peers;
};

enum http_connection_state { HTTP_HANDSHAKE, HTTP_IDLE, HTTP_HEAD, HTTP_BUSY };

struct http_connection {
    struct http_stream stream; /* first */
    struct http_listener *listener;
    struct http_connection *previous, *next;
    enum http_connection_state state;
    struct timer timer;                   /* of the states without a task */
    struct buffer input;                  /* received and not yet used: an incomplete head, or what follows a head */
    size_t turn_bytes;                    /* moved since the task last let the loop go on */
    struct http_transaction *transaction; /* when busy */
    struct sockaddr_storage peer;
    struct http_place {
        struct http_peer *peer;
        bool reserved; /* for one request, of those that are served there */
    } place;
    bool refused; /* its handshake failed, and it is only read until it goes */
    bool waits;   /* is in the queue of its listener */
    struct http_connection *waits_before, *waits_after;
    size_t head_charge; /* what it has of the server's heads_bytes */
};

/* For the minimum rate in one direction; see http_pace.c. */
struct http_pace {
    int64_t behind;        /* of the rate, in thousandths of bytes; negative: ahead */
    uint64_t bytes;        /* that came since the last look; that were written of the answer */
    uint64_t acknowledged; /* by the peer's system on this connection, at the last look */
    uint64_t paused_ms;    /* since when it is behind by a window */
    uint64_t looked_ms;    /* until when it was waited for last; 0: never. Of what the peer sends */
    bool began, paused;
};

/* A request being served. Its headers and strings lie behind it in the same allocation. */
struct http_transaction {
    struct http_request request; /* first */
    struct http_connection *connection;
    const struct http_refusal *refusal; /* to be answered instead of running the handler */
    bool version_1_0, keep_alive;
    size_t head_bytes; /* that were copied */

    bool chunked, expect_continue;
    bool peer_was_asked;      /* whether it is still there, once it had ended its side */
    bool body_ended;          /* all of it was handed over */
    enum status body_failure; /* it will never end */
    uint64_t body_left;       /* unless chunked */
    struct http_chunked decoder;
    struct http_pace pace_in, pace_out;
    struct http_pause pause; /* while the peer is behind */

    struct buffer reply_headers; /* "Name: value\r\n" each */
    char reply_line[256];        /* status line and the server's own headers */
    bool reply_started, reply_finished;
    bool reply_hurries; /* it does not wait for the peer */
    bool retry_after_is_set;
    bool reply_head_pending; /* goes out with the first bytes of the body */
    bool reply_chunked, reply_bodyless;
    uint64_t reply_left; /* unless chunked */
};

/* http_connection.c */

/* Serves an accepted socket. */
void http_connection_open(struct http_listener *listener, int take_fd, const struct sockaddr_storage *peer,
                          const struct http_place *take_place);
/* Closes and frees it. reset: the peer must not take it for a clean end. */
void http_connection_free(struct http_connection *connection, bool reset);
/* The connection's next turn after a transaction: the request that is there already, or waiting. May free it. */
void http_connection_next(struct http_connection *connection);
/* The listener stops: frees the connection unless it is busy. */
void http_connection_stop(struct http_connection *connection);
/* Drops used bytes of the input; its memory goes with the last one. */
void http_connection_consume(struct http_connection *connection, size_t len);
/* Keeps what follows a body for later. */
void http_connection_keep(struct http_connection *connection, const char *data, size_t len);
/* Charges the server for what the connection keeps of heads now, whether there is room or not. */
void http_connection_charge(struct http_connection *connection);

/* http_transaction.c */

/* Copies a complete head (NULL: there is none, or none to keep), takes a refusal or NULL, and spawns the task that
 * serves it. */
void http_transaction_start(struct http_connection *connection, const struct http_head *head,
                            const struct http_refusal *refusal);
/* Shows the counters of refusals from the start, so that a first increase is seen. */
void http_transaction_register_metrics(void);

/* http_request.c */

/* Notes bytes moved without waiting; now and then it lets others have the loop. Suspends. */
void http_share_loop(struct http_connection *connection, size_t len);

/* http_pace.c */

/* Wait for the peer, within timeouts and the minimum rate: STATUS_OK, STATUS_CLOSED or STATUS_TIMEOUT. The caller
 * counts in pace_in.bytes and pace_out.bytes what it moves. Both suspend. */
enum status http_wait_to_receive(struct http_transaction *transaction, enum http_io io);
enum status http_wait_to_send(struct http_transaction *transaction, enum http_io io);
/* Shows the counters from the start. */
void http_pace_register_metrics(void);

/* http_reply.c */

/* Writes all of the vectors, which it uses up. A failure breaks the connection. Suspends. */
enum status http_write_all(struct http_transaction *transaction, struct iovec *vectors, int count);
/* The answer of the server itself, in the form that the program gave it. Suspends. */
void http_reply_refusal(struct http_transaction *transaction, const struct http_refusal *refusal);

#endif
