/* Connections without a task: TLS handshake, idle, incomplete head; see http_connection.h. */
#include "base/http_connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* The input holds an incomplete head, or what a body's last read brought of the next requests. */
#define INPUT_BYTES_BEYOND_HEAD (512 * 1024)

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

void http_connection_open(struct http_listener *listener, int take_fd, const struct sockaddr_storage *peer, bool busy)
{
    struct http_connection *connection = mem_zalloc(sizeof(*connection));
    const struct http_server_config *config = &listener->server->config;

    connection->listener = listener;
    connection->peer = *peer;
    buffer_init(&connection->input, config->head_bytes_max + INPUT_BYTES_BEYOND_HEAD);
    http_stream_open(&connection->stream, listener->loop, take_fd, listener->server->tls, connection_ready);
    link_connection(connection);
    if (busy && connection->stream.ssl == NULL)
        http_transaction_start(connection, NULL, &http_refusal_busy);
    else if (busy)
        http_connection_free(connection, true);
    else if (connection->stream.ssl != NULL)
        enter(connection, HTTP_HANDSHAKE, config->head_timeout_ms);
    else
        enter(connection, HTTP_IDLE, config->idle_timeout_ms);
    if (!busy)
        http_stream_arm(&connection->stream, HTTP_IO_WAIT_READ);
}

void http_connection_free(struct http_connection *connection, bool reset)
{
    struct http_server *server = connection->listener->server;

    timer_cancel(&connection->timer);
    unlink_connection(connection);
    http_stream_close(&connection->stream, reset);
    buffer_release(&connection->input);
    free(connection);
    pthread_mutex_lock(&server->lock); /* the server may go once it has seen the last connection go */
    if (--server->connections == 0)
        pthread_cond_broadcast(&server->closed);
    pthread_mutex_unlock(&server->lock);
}

void http_connection_consume(struct http_connection *connection, size_t len)
{
    buffer_consume(&connection->input, len);
    if (connection->input.len == 0)
        buffer_release(&connection->input);
}

void http_connection_stop(struct http_connection *connection)
{
    if (connection->state != HTTP_BUSY)
        http_connection_free(connection, false);
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
        http_transaction_start(connection, &head, NULL);
        *used = head.len;
        return true;
    case HTTP_HEAD_REFUSED:
        http_transaction_start(connection, NULL, refusal);
        *used = data.len;
        return true;
    }
    return false;
}

/* Takes bytes just read into account. True when the connection is busy with a request. */
static bool take_bytes(struct http_connection *connection, const char *data, size_t len)
{
    struct buffer *input = &connection->input;
    size_t seen = input->len, used;

    if (seen == 0) { /* mostly a whole head at once, which needs no copy */
        if (start_transaction(connection, bytes_of(data, len), 0, &used)) {
            CHECK(buffer_append(input, data + used, len - used) == STATUS_OK);
            return true;
        }
        enter(connection, HTTP_HEAD, connection->listener->server->config.head_timeout_ms);
        CHECK(buffer_append(input, data, len) == STATUS_OK);
        return false;
    }
    CHECK(buffer_append(input, data, len) == STATUS_OK); /* below its maximum, or the head was refused before */
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

static void connection_ready(struct http_stream *stream)
{
    struct http_connection *connection = (struct http_connection *)stream;
    enum http_io io;

    if (connection->state == HTTP_BUSY) /* its task is not waiting for this */
        return;
    if (connection->state == HTTP_HANDSHAKE) {
        io = http_stream_handshake(stream);
        if (io == HTTP_IO_CLOSED) {
            http_connection_free(connection, false);
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
