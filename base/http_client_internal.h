/* What http_client.c (a loop's libcurl multi handle) and http_call.c (one exchange) share. All of it is used on the
 * loop's thread only. libcurl's callbacks run outside of tasks: from the loop's socket and timer events and from
 * client_flush, never from a task, except that removing a call's handle may close its connection in place. */
#ifndef TERCET_BASE_HTTP_CLIENT_INTERNAL_H
#define TERCET_BASE_HTTP_CLIENT_INTERNAL_H

#include <curl/curl.h>

#include "base/http_client.h"
#include "base/loop.h"

struct st_h2o_socket_t;
struct task;

#define HTTP_CLIENT_IDLE_MAX 32 /* easy handles kept for reuse; each may hold an upload buffer of 128 KiB */

struct http_client {
    struct loop *loop;
    CURLM *multi;
    int epoll_fd; /* holds the sockets of libcurl; itself watched by the loop */
    struct st_h2o_socket_t *socket;
    struct timer timer;      /* libcurl's, there is one per multi handle */
    struct http_call *calls; /* all that are not freed */
    struct http_call *due;   /* those that have to unpause */
    bool flush_posted;
    CURL *idle[HTTP_CLIENT_IDLE_MAX];
    unsigned idle_count;
};

struct http_call {
    struct http_client *client;
    struct http_call *next, **link; /* in client->calls */
    struct http_call *due_next;     /* in client->due while `due` */
    bool due;
    struct task *task;
    CURL *easy; /* NULL once the exchange has ended */
    struct curl_slist *headers;

    http_call_read_fn read; /* NULL: libcurl sends the body by itself */
    http_call_rewind_fn rewind;
    void *read_arg;
    struct bytes body; /* of the own read function, for whole bodies that are not small */
    size_t body_position;
    uint64_t sent, last_progress_ms;
    bool send_paused, send_resumed; /* resumed: to be unpaused by the next flush */

    struct buffer head; /* status line and fields of the latest response head */
    bool head_arrived;
    int status;
    uint64_t content_length; /* UINT64_MAX when not said */

    /* received[start, start + pending) waits for the task. Bytes move only in http_call_consume, and only when the
     * consumed part in front is at least as large; so start <= pending otherwise, pending <= window, and twice the
     * window is room enough. */
    char *received;
    size_t start, pending, capacity, window;
    bool receive_paused;

    const char *problem; /* of TLS; NULL: none */
    char curl_error[CURL_ERROR_SIZE];

    bool retried; /* after a kept connection failed; once */
    bool ended;
    enum status outcome;
};

/* The client of this loop, made at first use. */
struct http_client *http_client_of(struct loop *loop);
CURL *http_client_take_easy(struct http_client *client);
void http_client_give_easy(struct http_client *client, CURL *easy);
/* Has http_call_flush(call) called soon, outside of any task. */
void http_client_schedule(struct http_call *call);

/* Unpauses what can go on. */
void http_call_flush(struct http_call *call);
/* libcurl is done with the exchange: ends it, or starts it over when a kept connection was to blame. */
void http_call_finish(struct http_call *call, CURLcode result);

/* Has the exchange show that identity, in http_tls_client.c. */
void http_tls_set_client(CURL *easy, struct tls_identity *identity);
/* What http_call_problem says of a failed exchange. detail: libcurl's own text. */
const char *http_tls_problem(CURL *easy, CURLcode result, const char *detail);

#endif
