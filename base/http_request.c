/* What a handler asks of its request: headers, the peer, the body. */
#include "base/http_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/task.h"

#define TURN_BYTES_MAX      (1024 * 1024)
#define READ_ALL_STEP_BYTES (64 * 1024)

static const char continue_text[] = "HTTP/1.1 100 Continue\r\n\r\n";

struct bytes http_request_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (bytes_equal_nocase(request->headers[i].name, name))
            return request->headers[i].value;
    }
    return bytes_from_str(NULL);
}

unsigned http_request_header_count(const struct http_request *request, const char *name)
{
    unsigned count = 0;

    for (size_t i = 0; i < request->header_count; i++)
        count += bytes_equal_nocase(request->headers[i].name, name);
    return count;
}

bool http_request_has_body(const struct http_request *request)
{
    return request->content_length > 0;
}

/* The IPv4 address of an IPv4 or an IPv4-mapped peer. */
static bool peer_ipv4(const struct http_request *request, struct in_addr *address)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&request->peer;

    if (request->peer.ss_family == AF_INET) {
        *address = ((const struct sockaddr_in *)&request->peer)->sin_addr;
        return true;
    }
    if (request->peer.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return false;
    memcpy(address, &in6->sin6_addr.s6_addr[12], sizeof(*address));
    return true;
}

bool http_request_peer_is_loopback(const struct http_request *request)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&request->peer;
    struct in_addr address;

    if (peer_ipv4(request, &address))
        return ntohl(address.s_addr) >> 24 == 127;
    return request->peer.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

void http_request_peer_text(const struct http_request *request, char out[64])
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&request->peer;
    struct in_addr address;

    snprintf(out, 64, "unknown");
    if (peer_ipv4(request, &address))
        inet_ntop(AF_INET, &address, out, 64);
    else if (request->peer.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &in6->sin6_addr, out, 64);
}

/* Closed connections answer any bytes with a reset. What is still on its way asks as well, and where nothing is, so few
 * bytes are taken at once. */
static void ask_whether_peer_is_there(struct http_transaction *transaction)
{
    struct http_stream *stream = &transaction->connection->stream;
    struct iovec vector = {(void *)continue_text, sizeof(continue_text) - 1};
    size_t len;

    transaction->peer_was_asked = true;
    if (transaction->version_1_0 || transaction->reply_started || http_stream_unacknowledged(stream) > 0)
        return;
    if (http_stream_write(stream, &vector, 1, &len) != HTTP_IO_DONE || len < vector.iov_len)
        http_stream_cut(stream);
}

bool http_request_is_closed(struct http_request *request)
{
    struct http_transaction *transaction = (struct http_transaction *)request;
    struct http_stream *stream = &transaction->connection->stream;

    if (!transaction->peer_was_asked && http_stream_peer_has_ended(stream) && !http_stream_peer_has_gone(stream))
        ask_whether_peer_is_there(transaction);
    return http_stream_peer_has_gone(stream);
}

bool http_request_peer_has_ended(const struct http_request *request)
{
    return http_stream_peer_has_ended(&((const struct http_transaction *)request)->connection->stream);
}

void http_share_loop(struct http_connection *connection, size_t len)
{
    connection->turn_bytes += len;
    if (connection->turn_bytes >= TURN_BYTES_MAX) {
        connection->turn_bytes = 0;
        task_yield();
    }
}

static enum status send_continue(struct http_transaction *transaction)
{
    struct iovec vector = {(void *)continue_text, sizeof(continue_text) - 1};

    if (!transaction->expect_continue)
        return STATUS_OK;
    transaction->expect_continue = false;
    if (transaction->connection->input.len > 0 || transaction->reply_started)
        return STATUS_OK;
    return http_write_all(transaction, &vector, 1);
}

/* Raw bytes of the body from the input, where they stay, or else from the socket. */
static enum status receive(struct http_transaction *transaction, char *out, size_t capacity, size_t *len)
{
    struct http_connection *connection = transaction->connection;
    enum status status = STATUS_OK;
    enum http_io io;

    if (connection->input.len > 0) {
        *len = connection->input.len < capacity ? connection->input.len : capacity;
        memcpy(out, connection->input.data, *len);
        return STATUS_OK;
    }
    while ((io = http_stream_read(&connection->stream, out, capacity, len)) != HTTP_IO_DONE) {
        if (io == HTTP_IO_CLOSED) {
            http_stream_cut(&connection->stream); /* a request cut short is not to be answered */
            return STATUS_CLOSED;
        }
        status = http_wait_to_receive(transaction, io);
        if (status)
            return status;
    }
    transaction->pace_in.bytes += *len;
    http_share_loop(connection, *len);
    return STATUS_OK;
}

/* One step of http_body_read: receives and decodes; *len may be 0 before the end. */
static enum status body_step(struct http_transaction *transaction, char *out, size_t capacity, size_t *len)
{
    struct http_connection *connection = transaction->connection;
    bool from_input = connection->input.len > 0;
    size_t raw, used;
    enum status status;

    if (!transaction->chunked && capacity > transaction->body_left)
        capacity = (size_t)transaction->body_left;
    status = receive(transaction, out, capacity, &raw);
    if (status)
        return status;
    if (transaction->chunked) {
        status = http_chunked_decode(&transaction->decoder, out, raw, len, &used);
        if (status)
            return status;
        transaction->body_ended = transaction->decoder.ended;
    } else {
        *len = used = raw;
        transaction->body_left -= raw;
        transaction->body_ended = transaction->body_left == 0;
    }
    if (from_input)
        http_connection_consume(connection, used);
    else if (used < raw) /* the front of the next request */
        http_connection_keep(connection, out + used, raw - used);
    return STATUS_OK;
}

enum status http_body_read(struct http_request *request, void *out, size_t capacity, size_t *len)
{
    struct http_transaction *transaction = (struct http_transaction *)request;
    enum status status = transaction->body_failure;

    CHECK(capacity > 0);
    *len = 0;
    if (!status) /* for an empty body too: botocore 1.26 loses track of the connection without it */
        status = send_continue(transaction);
    while (status == STATUS_OK && *len == 0 && !transaction->body_ended)
        status = body_step(transaction, out, capacity, len);
    if (status == STATUS_OK && transaction->body_ended && request->body_end_us == 0)
        request->body_end_us = clock_monotonic_us();
    transaction->body_failure = status;
    request->bytes_in += *len;
    return status;
}

/* Is there more of the body than fits? */
static enum status check_end(struct http_request *request)
{
    enum status status;
    size_t len;
    char byte;

    status = http_body_read(request, &byte, 1, &len);
    if (status == STATUS_OK && len > 0)
        status = STATUS_LIMIT;
    return status;
}

enum status http_body_read_all(struct http_request *request, struct buffer *out)
{
    struct http_transaction *transaction = (struct http_transaction *)request;
    enum status status = STATUS_OK;

    if (!transaction->chunked && transaction->body_left > out->max - out->len)
        return STATUS_LIMIT;
    while (status == STATUS_OK && !transaction->body_ended) {
        size_t step = out->max - out->len, len;
        char *end;

        if (step == 0)
            return check_end(request);
        if (step > READ_ALL_STEP_BYTES)
            step = READ_ALL_STEP_BYTES;
        if (!transaction->chunked && step > transaction->body_left)
            step = (size_t)transaction->body_left;
        end = buffer_reserve(out, step);
        status = http_body_read(request, end, step, &len);
        out->len += len;
        end[len] = '\0';
    }
    return status;
}
