/* Connections without a task: TLS handshake, idle, incomplete head; see http_connection.h. */
#include "base/http_connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/http_places.h"
#include "base/log.h"
#include "base/tls_identity.h"

/* The input holds an incomplete head, or what a body's last read brought of the next requests. */
#define INPUT_BYTES_BEYOND_HEAD (512 * 1024)
#define HEAD_BYTES_FREE         8192 /* a head beyond them is charged, all of it */
#define REFUSED_PEERS_LOG_MS    1000
#define REFUSED_PEER_MS         1000 /* for the peer to read why */
#define REFUSED_PEER_READS      16   /* at once: others are on the loop, and so is the timer that ends this */
#define RESERVED_HEAD_MS        2000 /* places of the reserve are for requests that come at once */

static void connection_ready(struct http_stream *stream);

static void on_timeout(struct timer *timer)
{
    struct http_connection *connection =
        (struct http_connection *)((char *)timer - offsetof(struct http_connection, timer));

    http_connection_free(connection, false);
}

static void enter(struct http_connection *connection, enum http_connection_state state, uint32_t timeout_ms)
{
    connection->state = state;
    if (connection->place.reserved && timeout_ms > RESERVED_HEAD_MS)
        timeout_ms = RESERVED_HEAD_MS;
    http_place_wait(connection);
    timer_set(connection->listener->loop, &connection->timer, timeout_ms, on_timeout);
}

static void link_connection(struct http_connection *connection)
{
    struct http_listener *listener = connection->listener;

    connection->next = listener->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    listener->connections = connection;
}

static void unlink_connection(struct http_connection *connection)
{
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        connection->listener->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
}

void http_connection_open(struct http_listener *listener, int take_fd, const struct sockaddr_storage *peer,
                          const struct http_place *take_place)
{
    struct http_connection *connection = mem_zalloc(sizeof(*connection));
    const struct http_server_config *config = &listener->server->config;

    connection->listener = listener;
    connection->peer = *peer;
    connection->place = *take_place;
    buffer_init(&connection->input, config->head_bytes_max + INPUT_BYTES_BEYOND_HEAD);
    http_stream_open(&connection->stream, listener->loop, take_fd, listener->server->tls, connection_ready);
    link_connection(connection);
    if (connection->stream.ssl != NULL)
        enter(connection, HTTP_HANDSHAKE, config->head_timeout_ms);
    else
        enter(connection, HTTP_IDLE, config->idle_timeout_ms);
    http_stream_arm(&connection->stream, HTTP_IO_WAIT_READ);
}

/* Large heads have the server's memory in common. must: what is there already is charged beyond the bound, too. */
static bool charge(struct http_connection *connection, size_t bytes, bool must)
{
    struct http_server *server = connection->listener->server;
    size_t held = bytes > HEAD_BYTES_FREE ? bytes : 0, before = connection->head_charge;

    if (held == before)
        return true;
    if (held < before)
        __atomic_sub_fetch(&server->heads_bytes, before - held, __ATOMIC_RELAXED);
    else if (__atomic_add_fetch(&server->heads_bytes, held - before, __ATOMIC_RELAXED) >
                 server->config.head_memory_max &&
             !must) {
        __atomic_sub_fetch(&server->heads_bytes, held - before, __ATOMIC_RELAXED);
        return false;
    }
    connection->head_charge = held;
    return true;
}

void http_connection_charge(struct http_connection *connection)
{
    size_t copied = connection->transaction != NULL ? connection->transaction->head_bytes : 0;

    charge(connection, copied + connection->input.capacity, true);
}

void http_connection_free(struct http_connection *connection, bool reset)
{
    struct http_server *server = connection->listener->server;
    struct http_place place = connection->place;

    timer_cancel(&connection->timer);
    http_place_work(connection);
    unlink_connection(connection);
    http_stream_close(&connection->stream, reset);
    charge(connection, 0, true);
    buffer_release(&connection->input);
    free(connection);
    http_place_give_back(server, &place);
}

void http_connection_consume(struct http_connection *connection, size_t len)
{
    buffer_consume(&connection->input, len);
    if (connection->input.len == 0)
        buffer_release(&connection->input);
    http_connection_charge(connection);
}

void http_connection_keep(struct http_connection *connection, const char *data, size_t len)
{
    if (len > 0)
        CHECK(buffer_append(&connection->input, data, len) == STATUS_OK);
    http_connection_charge(connection);
}

void http_connection_stop(struct http_connection *connection)
{
    if (connection->state != HTTP_BUSY)
        http_connection_free(connection, false);
}

/* Why a whole head is not served here and now; NULL when it is. */
static const struct http_refusal *refusal_of(struct http_connection *connection, const struct http_head *head)
{
    bool (*is_vital)(struct bytes path) = connection->listener->server->config.is_vital;

    if (connection->place.reserved && (is_vital == NULL || !is_vital(head->path)))
        return &http_refusal_busy;
    return charge(connection, head->len > connection->input.capacity ? head->len : connection->input.capacity, false)
               ? NULL
               : &http_refusal_heads;
}

/* Looks for a head at the front of data, of which `seen` bytes were looked at before. With a complete or a refused one
 * the connection is busy afterwards, and *used says how much of data that was. */
static bool start_transaction(struct http_connection *connection, struct bytes data, size_t seen, size_t *used)
{
    const struct http_refusal *refusal;
    struct http_head head;

    switch (http_head_parse(data, seen, connection->listener->server->config.head_bytes_max, &head, &refusal)) {
    case HTTP_HEAD_INCOMPLETE:
        return false;
    case HTTP_HEAD_COMPLETE:
        refusal = refusal_of(connection, &head);
        http_transaction_start(connection, refusal != &http_refusal_heads ? &head : NULL, refusal);
        *used = head.len;
        return true;
    case HTTP_HEAD_REFUSED:
        http_transaction_start(connection, NULL, refusal);
        *used = data.len;
        return true;
    }
    return false;
}

/* Keeps the bytes of an incomplete head. False when there is no memory for one that is so large: it is refused. */
static bool keep_head(struct http_connection *connection, const char *data, size_t len)
{
    CHECK(buffer_append(&connection->input, data, len) == STATUS_OK); /* below its maximum, or the head was refused */
    if (charge(connection, connection->input.capacity, false))
        return true;
    http_transaction_start(connection, NULL, &http_refusal_heads);
    http_connection_consume(connection, connection->input.len);
    return false;
}

/* Takes bytes just read into account. True when the connection is busy with a request. */
static bool take_bytes(struct http_connection *connection, const char *data, size_t len)
{
    struct buffer *input = &connection->input;
    size_t seen = input->len, used;

    if (seen == 0) { /* mostly a whole head at once, which needs no copy */
        if (start_transaction(connection, bytes_of(data, len), 0, &used)) {
            http_connection_keep(connection, data + used, len - used);
            return true;
        }
        enter(connection, HTTP_HEAD, connection->listener->server->config.head_timeout_ms);
        return !keep_head(connection, data, len);
    }
    if (!keep_head(connection, data, len))
        return true;
    if (!start_transaction(connection, buffer_bytes(input), seen, &used))
        return false;
    http_connection_consume(connection, used);
    return true;
}

/* Reads until a head is complete or nothing more is there. */
static void read_head(struct http_connection *connection)
{
    char *scratch = connection->listener->scratch;
    enum http_io io;
    size_t len;

    while ((io = http_stream_read(&connection->stream, scratch, HTTP_READ_BYTES, &len)) == HTTP_IO_DONE) {
        if (take_bytes(connection, scratch, len))
            return;
    }
    if (io == HTTP_IO_CLOSED)
        http_connection_free(connection, false);
    else
        http_stream_arm(&connection->stream, io);
}

/* Where peers have to show a certificate, the operator wants to know why one cannot. */
static void log_refused_peer(const struct http_connection *connection)
{
    static uint64_t logged_ms; /* atomic */
    const struct http_request request = {.peer = connection->peer};
    uint64_t now_ms = clock_monotonic_ms(), last_ms = __atomic_load_n(&logged_ms, __ATOMIC_RELAXED);
    char peer[64];

    if (last_ms && now_ms - last_ms < REFUSED_PEERS_LOG_MS)
        return;
    __atomic_store_n(&logged_ms, now_ms, __ATOMIC_RELAXED);
    http_request_peer_text(&request, peer);
    log_warn("a peer is refused: TLS with a certificate of ours is needed", LOG_STR("peer", peer),
             LOG_STR("reason", http_stream_tls_problem(&connection->stream)));
}

/* What a refused peer has sent already is read and dropped: else the system would take the alert back that says why. */
static void drain_refused(struct http_connection *connection)
{
    enum http_io io = HTTP_IO_DONE;
    size_t len;

    for (unsigned i = 0; i < REFUSED_PEER_READS && io == HTTP_IO_DONE; i++)
        io = http_stream_discard(&connection->stream, connection->listener->scratch, HTTP_READ_BYTES, &len);
    if (io == HTTP_IO_CLOSED)
        http_connection_free(connection, false);
    else
        http_stream_arm(&connection->stream, io == HTTP_IO_DONE ? HTTP_IO_WAIT_READ : io);
}

/* It failed. */
static void end_handshake(struct http_connection *connection)
{
    if (!tls_identity_is_mutual(connection->listener->server->config.tls)) {
        http_connection_free(connection, false);
        return;
    }
    log_refused_peer(connection);
    connection->refused = true;
    enter(connection, HTTP_HANDSHAKE, REFUSED_PEER_MS);
    http_stream_refuse(&connection->stream);
    drain_refused(connection);
}

static void connection_ready(struct http_stream *stream)
{
    struct http_connection *connection = (struct http_connection *)stream;
    enum http_io io;

    if (connection->refused) {
        drain_refused(connection);
        return;
    }
    if (connection->state == HTTP_BUSY) /* its task is not waiting for this */
        return;
    if (connection->state == HTTP_HANDSHAKE) {
        io = http_stream_handshake(stream);
        if (io == HTTP_IO_CLOSED) {
            end_handshake(connection);
            return;
        }
        if (io != HTTP_IO_DONE) {
            http_stream_arm(stream, io);
            return;
        }
        enter(connection, HTTP_IDLE, connection->listener->server->config.idle_timeout_ms);
    }
    read_head(connection);
}

void http_connection_next(struct http_connection *connection)
{
    const struct http_server_config *config = &connection->listener->server->config;
    size_t used;

    if (connection->listener->stopping) {
        http_connection_free(connection, false);
        return;
    }
    if (connection->input.len > 0) {
        if (start_transaction(connection, buffer_bytes(&connection->input), 0, &used)) {
            http_connection_consume(connection, used);
            return;
        }
        enter(connection, HTTP_HEAD, config->head_timeout_ms);
    } else {
        enter(connection, HTTP_IDLE, config->idle_timeout_ms);
    }
    if (http_stream_has_pending(&connection->stream))
        read_head(connection);
    else
        http_stream_arm(&connection->stream, HTTP_IO_WAIT_READ);
}
