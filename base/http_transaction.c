/* One request from its head to the end of the connection's part in it: the task that runs the handler, answers for one
 * that did not, reads what is left of the body and decides what becomes of the connection. */
#include "base/http_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/http_places.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task.h"

#define LINGER_BYTES_MAX   (64 * 1024 * 1024)
#define RESERVED_LINGER_MS 100 /* others need the place */
#define LINGER_STEP_BYTES  (4 * 1024 * 1024)
#define LINGER_PAUSE_MS    20

static const struct http_refusal no_answer = {500, "InternalError", "The request was not answered."};

/* A bijection (splitmix64), so that no two numbers of the counter give the same id. */
static uint64_t mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

static void set_id(struct http_request *request, struct http_server *server)
{
    uint64_t id = mix(server->request_id_key + __atomic_fetch_add(&server->request_counter, 1, __ATOMIC_RELAXED));

    for (int i = 15; i >= 0; i--, id >>= 4)
        request->id[i] = "0123456789ABCDEF"[id & 15];
}

/* Copies a span of the head to where *at is. */
static struct bytes copy(struct bytes from, char **at)
{
    struct bytes to = {*at, from.len};

    memcpy(*at, from.data, from.len);
    *at += from.len;
    return to;
}

static void copy_head(struct http_transaction *transaction, const struct http_head *head)
{
    struct http_request *request = &transaction->request;
    struct http_header *headers = (struct http_header *)(transaction + 1);
    char *at = (char *)(headers + head->header_count);

    request->method = copy(head->method, &at);
    request->target = copy(head->target, &at);
    request->path = bytes_of(request->target.data, head->path.len);
    if (head->query.data != NULL)
        request->query = bytes_of(request->target.data + head->path.len + 1, head->query.len);
    for (size_t i = 0; i < head->header_count; i++) {
        headers[i].name = copy(head->headers[i].name, &at);
        headers[i].value = copy(head->headers[i].value, &at);
    }
    request->headers = headers;
    request->header_count = head->header_count;
    request->content_length = head->content_length;
    transaction->version_1_0 = head->version_1_0;
    transaction->keep_alive = head->keep_alive;
    transaction->chunked = head->chunked;
    transaction->expect_continue = head->expect_continue;
    transaction->body_left = head->content_length;
    transaction->body_ended = head->content_length == 0;
}

static struct http_transaction *transaction_create(struct http_connection *connection, const struct http_head *head)
{
    /* The copied spans do not overlap and lie within the head, but for a "/" of ours. */
    size_t copies = head != NULL ? head->header_count * sizeof(struct http_header) + head->len + 1 : 0;
    struct http_transaction *transaction = mem_alloc(sizeof(*transaction) + copies);

    memset(transaction, 0, sizeof(*transaction));
    transaction->connection = connection;
    transaction->head_bytes = copies;
    buffer_init(&transaction->reply_headers, REPLY_HEADERS_BYTES_MAX);
    transaction->request.tls = connection->stream.ssl != NULL;
    transaction->request.tls_version = http_stream_tls_version(&connection->stream);
    transaction->request.tls_cipher = http_stream_tls_cipher(&connection->stream);
    transaction->request.peer = connection->peer;
    transaction->request.start_us = clock_monotonic_us();
    set_id(&transaction->request, connection->listener->server);
    if (head != NULL)
        copy_head(transaction, head);
    return transaction;
}

/* Reads and drops the rest of the body. */
static bool drain(struct http_transaction *transaction)
{
    char dropped[4096];
    size_t len;

    do {
        if (http_body_read(&transaction->request, dropped, sizeof(dropped), &len))
            return false;
    } while (len > 0);
    return true;
}

/* Lets a peer that is still sending read the answer: closing with bytes unread would reset the connection and may take
 * the answer with it. A proxy that can hand on as fast as bytes are dropped here does nothing else (nginx), until the
 * bytes are too many; so it is made to wait every now and then, and sees the answer. */
static void linger(struct http_connection *connection)
{
    struct http_listener *listener = connection->listener;
    uint32_t timeout_ms = connection->place.reserved ? RESERVED_LINGER_MS : listener->server->config.linger_timeout_ms;
    uint64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    size_t len, dropped = 0;
    enum http_io io;

    http_stream_end(&connection->stream);
    while (dropped < LINGER_BYTES_MAX && clock_monotonic_ms() < deadline_ms) {
        io = http_stream_discard(&connection->stream, listener->scratch, sizeof(listener->scratch), &len);
        if (io != HTTP_IO_DONE && (io == HTTP_IO_CLOSED || http_stream_wait(&connection->stream, io, deadline_ms)))
            break;
        if (dropped / LINGER_STEP_BYTES < (dropped + len) / LINGER_STEP_BYTES)
            task_sleep_ms(LINGER_PAUSE_MS);
        dropped += len;
        http_share_loop(connection, len);
    }
}

/* The answer is out, or cannot be: ends the connection or gives it its next turn. */
static void transaction_end(struct http_transaction *transaction)
{
    struct http_connection *connection = transaction->connection;
    bool broken = !transaction->reply_finished || connection->stream.broken;

    http_pause_end(&transaction->pause); /* from now on nobody wants its place; who did was late */
    http_stream_forget_interrupt(&connection->stream);
    bool keep = transaction->keep_alive && !broken && (transaction->body_ended || drain(transaction));

    if (!keep && !broken && (!transaction->body_ended || connection->input.len > 0))
        linger(connection);
    task_set_request_id(NULL);
    buffer_release(&transaction->reply_headers);
    connection->transaction = NULL;
    free(transaction);
    http_connection_charge(connection);
    if (keep)
        http_connection_next(connection);
    else
        http_connection_free(connection, broken);
}

static struct metric_counter *refusal_counter(const struct http_refusal *refusal)
{
    char labels[64];

    snprintf(labels, sizeof(labels), "code=\"%s\"", refusal->code);
    return metric_counter_get("tercet_http_refused_total",
                              "Requests that the HTTP server refused itself, for a bad head or for want of room.",
                              labels);
}

void http_transaction_register_metrics(void)
{
    const struct http_refusal *refusal;

    http_pace_register_metrics();
    for (size_t i = 0; (refusal = http_refusal_at(i)) != NULL; i++)
        refusal_counter(refusal);
}

/* No handler sees what is refused here: this is its only trace. */
static void count_refusal(const struct http_refusal *refusal)
{
    metric_counter_add(refusal_counter(refusal), 1);
    log_debug("request refused", LOG_STR("code", refusal->code), LOG_STR("reason", refusal->message));
}

static void transaction_task(void *arg)
{
    struct http_transaction *transaction = arg;
    struct http_server *server = transaction->connection->listener->server;

    task_set_request_id(transaction->request.id);
    if (transaction->refusal != NULL) {
        count_refusal(transaction->refusal);
        http_reply_refusal(transaction, transaction->refusal);
    } else {
        __atomic_fetch_add(&server->requests, 1, __ATOMIC_RELAXED);
        server->config.handler(&transaction->request, server->config.handler_arg);
        if (!transaction->reply_started)
            http_reply_refusal(transaction, &no_answer);
        __atomic_fetch_sub(&server->requests, 1, __ATOMIC_RELAXED);
    }
    transaction_end(transaction);
}

void http_transaction_start(struct http_connection *connection, const struct http_head *head,
                            const struct http_refusal *refusal)
{
    struct http_transaction *transaction = transaction_create(connection, head);

    transaction->refusal = refusal;
    connection->state = HTTP_BUSY;
    connection->transaction = transaction;
    timer_cancel(&connection->timer);
    http_place_work(connection);
    task_spawn(connection->listener->loop, transaction_task, transaction);
}
