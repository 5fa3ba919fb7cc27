/* One libcurl multi handle per loop. Its sockets live in an epoll of their own, whose descriptor the loop watches:
 * libcurl may then add and drop sockets as it likes without the loop knowing them. Exchanges themselves are
 * http_call.c's. */
#include "base/http_client_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <h2o.h>

#include "base/check.h"

#define CONNECTIONS_KEPT_MAX 256
#define EVENTS_PER_WAIT      64

static void global_init(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

/* Ends the exchanges that libcurl reports as done. Never from within a callback of libcurl. */
static void client_reap(struct http_client *client)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        char *call;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        http_call_finish((struct http_call *)(void *)call, result);
    }
}

static void client_act(struct http_client *client, curl_socket_t fd, int events)
{
    int running;
    CHECK(curl_multi_socket_action(client->multi, fd, events, &running) == CURLM_OK);
}

static void on_epoll(h2o_socket_t *socket, const char *error)
{
    struct http_client *client = socket->data;
    struct epoll_event events[EVENTS_PER_WAIT];
    int count = epoll_wait(client->epoll_fd, events, EVENTS_PER_WAIT, 0);

    (void)error;
    for (int i = 0; i < count; i++) {
        uint32_t got = events[i].events;
        int flags = (got & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (got & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                    (got & EPOLLERR ? CURL_CSELECT_ERR : 0);
        client_act(client, events[i].data.fd, flags);
    }
    client_reap(client);
}

static void on_timer(struct timer *timer)
{
    struct http_client *client = H2O_STRUCT_FROM_MEMBER(struct http_client, timer, timer);
    client_act(client, CURL_SOCKET_TIMEOUT, 0);
    client_reap(client);
}

/* CURLMOPT_TIMERFUNCTION */
static int set_timer(CURLM *multi, long delay_ms, void *arg)
{
    struct http_client *client = arg;

    (void)multi;
    if (delay_ms < 0)
        timer_cancel(&client->timer);
    else
        timer_set(client->loop, &client->timer, (uint64_t)delay_ms, on_timer);
    return 0;
}

/* CURLMOPT_SOCKETFUNCTION. assigned: NULL while epoll does not hold the socket. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct http_client *client = arg;
    struct epoll_event event = {.data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, fd, &event); /* gone already when libcurl closed it */
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    int result = epoll_ctl(client->epoll_fd, assigned ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    CHECK(result == 0 || errno == ENOSPC || errno == ENOMEM);
    if (result != 0)
        return -1;
    curl_multi_assign(client->multi, fd, client);
    return 0;
}

static void client_free(void *arg)
{
    struct http_client *client = arg;

    while (client->calls)
        http_call_free(client->calls);
    while (client->idle_count > 0)
        curl_easy_cleanup(client->idle[--client->idle_count]);
    curl_multi_cleanup(client->multi); /* closes the kept connections */
    timer_cancel(&client->timer);
    h2o_socket_close(client->socket); /* and with it the epoll */
    free(client);
}

static struct http_client *client_create(struct loop *loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_client *client = mem_zalloc(sizeof(*client));

    CHECK(pthread_once(&once, global_init) == 0);
    client->loop = loop;
    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    CHECK(client->epoll_fd >= 0);
    client->socket = h2o_evloop_socket_create(loop_h2o(loop), client->epoll_fd, H2O_SOCKET_FLAG_DONT_READ);
    client->socket->data = client;
    h2o_socket_read_start(client->socket, on_epoll);
    client->multi = curl_multi_init();
    CHECK(client->multi != NULL);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT_MAX);
    curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return client;
}

struct http_client *http_client_of(struct loop *loop)
{
    struct http_client *client = loop_http_client(loop);

    if (!client) {
        client = client_create(loop);
        loop_set_http_client(loop, client, client_free);
    }
    return client;
}

CURL *http_client_take_easy(struct http_client *client)
{
    CURL *easy = client->idle_count > 0 ? client->idle[--client->idle_count] : curl_easy_init();
    CHECK(easy != NULL);
    return easy;
}

void http_client_give_easy(struct http_client *client, CURL *easy)
{
    if (client->idle_count == HTTP_CLIENT_IDLE_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    client->idle[client->idle_count++] = easy;
}

static void client_flush(void *arg)
{
    struct http_client *client = arg;
    struct http_call *call;

    client->flush_posted = false;
    while ((call = client->due) != NULL) {
        client->due = call->due_next;
        call->due = false;
        http_call_flush(call);
    }
    client_reap(client);
}

void http_client_schedule(struct http_call *call)
{
    struct http_client *client = call->client;

    if (!call->due) {
        call->due = true;
        call->due_next = client->due;
        client->due = call;
    }
    if (!client->flush_posted) {
        client->flush_posted = true;
        loop_post(client->loop, client_flush, client);
    }
}
