/* Listeners, one per loop with SO_REUSEPORT, which spreads connections evenly where a shared one does not; starting
 * and stopping them. */
#include "base/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <h2o.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/http_connection.h"
#include "base/http_places.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/task.h"

#define LISTEN_BACKLOG   4096
#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE_MS  100 /* when the process has no file descriptors left */
#define UNWIND_MS        5000

static void default_to(uint32_t *value, uint32_t initial)
{
    if (*value == 0)
        *value = initial;
}

static void set_defaults(struct http_server_config *config)
{
    default_to(&config->head_bytes_max, 64 * 1024);
    default_to(&config->head_memory_max, 32 * 1024 * 1024);
    default_to(&config->connections_max, HTTP_CONNECTIONS_DEFAULT);
    default_to(&config->connections_per_peer_max, config->connections_max);
    default_to(&config->idle_timeout_ms, 60000);
    default_to(&config->head_timeout_ms, 20000);
    default_to(&config->body_timeout_ms, 30000);
    default_to(&config->pause_timeout_ms, 60000);
    default_to(&config->linger_timeout_ms, 5000);
    default_to(&config->rate_bytes_per_second_min, 1024);
    default_to(&config->rate_window_ms, 30000);
}

static enum status parse_address(const struct http_server_config *config, uint16_t port,
                                 struct sockaddr_storage *address, socklen_t *len)
{
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, config->address, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        *len = sizeof(*in);
        return STATUS_OK;
    }
    if (inet_pton(AF_INET6, config->address, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        *len = sizeof(*in6);
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

/* share: other sockets of ours listen there, too. The accepted sockets inherit the options. */
static enum status listen_at(const struct http_server_config *config, uint16_t port, bool share, int *listening)
{
    int one = 1, zero = 0, fd = -1;
    struct sockaddr_storage address;
    enum status status;
    socklen_t len;

    status = parse_address(config, port, &address, &len);
    if (status) {
        log_error("listen address is not numeric", LOG_STR("address", config->address));
        goto out;
    }
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one))) ||
        (address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero))) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) || bind(fd, (struct sockaddr *)&address, len) ||
        listen(fd, LISTEN_BACKLOG)) {
        log_error("cannot listen", LOG_STR("address", config->address), LOG_INT("port", port),
                  LOG_STR("reason", strerror(errno)));
        status = STATUS_IO;
        goto out;
    }
    *listening = fd;
    fd = -1;
out:
    if (fd >= 0)
        close(fd);
    return status;
}

/* With SO_REUSEPORT the kernel would let another process of this user share the port unseen; a socket without it finds
 * out, and gets the port when the kernel is to choose. */
static enum status claim_port(const struct http_server_config *config, uint16_t *port)
{
    enum status status;
    int fd;

    status = listen_at(config, config->port, false, &fd);
    if (status)
        return status;
    *port = bound_port(fd);
    close(fd);
    return STATUS_OK;
}

static enum status open_listeners(struct http_server *server)
{
    enum status status;

    status = claim_port(&server->config, &server->port);
    for (unsigned i = 0; status == STATUS_OK && i < server->loops->count; i++)
        status = listen_at(&server->config, server->port, true, &server->listeners[i].fd);
    return status;
}

/* Runs fn on every listener's loop and waits until it is done. */
struct visit {
    struct http_listener *listener;
    void (*fn)(struct http_listener *listener);
    struct completion done;
};

static void on_visit(void *arg)
{
    struct visit *visit = arg;

    visit->fn(visit->listener);
    completion_signal(&visit->done);
}

static void visit_listeners(struct http_server *server, void (*fn)(struct http_listener *listener))
{
    for (unsigned i = 0; i < server->loops->count; i++) {
        struct visit visit = {.listener = &server->listeners[i], .fn = fn};

        completion_init(&visit.done);
        loop_post(visit.listener->loop, on_visit, &visit);
        completion_wait(&visit.done);
    }
}

static void on_acceptable(h2o_socket_t *socket, const char *error);

static void on_accept_pause(struct timer *timer)
{
    struct http_listener *listener =
        (struct http_listener *)((char *)timer - offsetof(struct http_listener, accept_pause));

    h2o_socket_read_start(listener->socket, on_acceptable);
}

static void on_acceptable(h2o_socket_t *socket, const char *error)
{
    struct http_listener *listener = socket->data;
    struct sockaddr_storage peer;
    struct http_place place;

    (void)error;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        socklen_t len = sizeof(peer);
        int fd = accept4(listener->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            log_warn("cannot accept connections", LOG_STR("reason", strerror(errno)));
            h2o_socket_read_stop(socket);
            timer_set(listener->loop, &listener->accept_pause, ACCEPT_PAUSE_MS, on_accept_pause);
            return;
        }
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0)
            continue; /* this one went away while it waited */
        if (http_place_take(listener, &peer, &place))
            http_connection_open(listener, fd, &peer, &place);
        else
            close(fd);
    }
}

static void listener_start(struct http_listener *listener)
{
    listener->socket = h2o_evloop_socket_create(loop_h2o(listener->loop), listener->fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    h2o_socket_read_start(listener->socket, on_acceptable);
}

static void listener_stop(struct http_listener *listener)
{
    struct http_connection *connection, *next;

    if (listener->stopping)
        return;
    listener->stopping = true;
    timer_cancel(&listener->accept_pause);
    h2o_socket_close(listener->socket);
    listener->socket = NULL;
    for (connection = listener->connections; connection != NULL; connection = next) {
        next = connection->next;
        http_connection_stop(connection);
    }
}

static void listener_cut(struct http_listener *listener)
{
    for (struct http_connection *connection = listener->connections; connection != NULL; connection = connection->next)
        http_stream_cut(&connection->stream);
}

static struct http_server *server_create(struct loop_group *loops, const struct http_server_config *config)
{
    struct http_server *server = mem_zalloc(sizeof(*server));

    server->config = *config;
    set_defaults(&server->config);
    server->loops = loops;
    random_bytes(&server->request_id_key, sizeof(server->request_id_key));
    pthread_mutex_init(&server->lock, NULL);
    clock_cond_init(&server->closed);
    /* each loop may be about to have one more than there is room for */
    http_peers_init(&server->peers, server->config.connections_max + HTTP_PLACES_RESERVED + loops->count);
    server->listeners = mem_zalloc(loops->count * sizeof(*server->listeners));
    for (unsigned i = 0; i < loops->count; i++) {
        server->listeners[i].server = server;
        server->listeners[i].loop = loops->loops[i];
        server->listeners[i].fd = -1;
    }
    return server;
}

static void server_destroy(struct http_server *server)
{
    pthread_cond_destroy(&server->closed);
    pthread_mutex_destroy(&server->lock);
    http_peers_release(&server->peers);
    SSL_CTX_free(server->tls);
    free(server->listeners);
    free(server);
}

enum status http_server_start(struct loop_group *loops, const struct http_server_config *config,
                              struct http_server **server)
{
    struct http_server *created = server_create(loops, config);
    enum status status;

    http_transaction_register_metrics();
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets without MSG_NOSIGNAL */
    if (config->tls != NULL)
        created->tls = http_tls_create(config->tls);
    status = open_listeners(created);
    if (status)
        goto out;
    visit_listeners(created, listener_start);
    *server = created;
    created = NULL;
out:
    if (created != NULL) {
        for (unsigned i = 0; i < loops->count; i++) {
            if (created->listeners[i].fd >= 0)
                close(created->listeners[i].fd);
        }
        server_destroy(created);
    }
    return status;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

unsigned http_server_connections(const struct http_server *server)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&server->lock;
    unsigned connections;

    lock_acquire(lock);
    connections = server->connections;
    lock_release(lock);
    return connections;
}

unsigned http_server_requests(const struct http_server *server)
{
    return __atomic_load_n(&server->requests, __ATOMIC_RELAXED);
}

/* Waits until the last connection closed. False after wait_ms. */
static bool wait_closed(struct http_server *server, uint64_t wait_ms)
{
    uint64_t until_ms = clock_monotonic_ms() + wait_ms;
    bool closed;

    lock_acquire(&server->lock);
    while (server->connections > 0 && clock_cond_wait(&server->closed, &server->lock, until_ms))
        ;
    closed = server->connections == 0;
    lock_release(&server->lock);
    return closed;
}

void http_server_stop(struct http_server *server, uint64_t drain_ms)
{
    visit_listeners(server, listener_stop);
    if (wait_closed(server, drain_ms))
        return;
    visit_listeners(server, listener_cut);
    if (!wait_closed(server, UNWIND_MS))
        log_warn("requests still run after the server stopped", LOG_INT("requests", http_server_requests(server)));
}

void http_server_free(struct http_server *server)
{
    if (http_server_connections(server) > 0) /* their tasks hold pointers to it: better kept than dangling */
        return;
    server_destroy(server);
}
