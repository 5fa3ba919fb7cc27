/* Responses: the head, whole answers, streams. A stream's head waits for the first bytes of the body, so that both
 * leave in one write. */
#include "base/http_connection.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

#define DRAIN_BYTES_MAX     65536 /* the rest of a body that is read for the sake of keeping the connection */
#define REPLY_HEADERS_ROOM  512
#define RETRY_AFTER_SECONDS 1 /* of a 503 that does not say */

const char *http_reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "";
}

static bool is_plain_text(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

void http_reply_header(struct http_request *request, const char *name, struct bytes value)
{
    struct http_transaction *transaction = (struct http_transaction *)request;
    struct buffer *headers = &transaction->reply_headers;

    CHECK(!transaction->reply_started);
    CHECK(name[0] != '\0' && strpbrk(name, " \t\r\n:") == NULL);
    CHECK(is_plain_text(value));
    if (headers->data == NULL)
        buffer_reserve(headers, REPLY_HEADERS_ROOM);
    CHECK(buffer_append_str(headers, name) == STATUS_OK);
    CHECK(buffer_append(headers, ": ", 2) == STATUS_OK);
    CHECK(buffer_append_bytes(headers, value) == STATUS_OK);
    CHECK(buffer_append(headers, "\r\n", 2) == STATUS_OK);
}

void http_reply_header_str(struct http_request *request, const char *name, const char *value)
{
    http_reply_header(request, name, bytes_from_str(value));
}

void http_reply_header_u64(struct http_request *request, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    http_reply_header_str(request, name, text);
}

void http_reply_retry_after(struct http_request *request, uint32_t seconds)
{
    http_reply_header_u64(request, "Retry-After", seconds);
    http_reply_header_u64(request, "X-Amz-Retry-After", (uint64_t)seconds * 1000);
    ((struct http_transaction *)request)->retry_after_is_set = true;
}

void http_reply_hurry(struct http_request *request)
{
    struct http_transaction *transaction = (struct http_transaction *)request;

    CHECK(!transaction->reply_started);
    transaction->reply_hurries = true;
}

bool http_reply_started(const struct http_request *request)
{
    return ((const struct http_transaction *)request)->reply_started;
}

void http_reply_abort(struct http_request *request)
{
    struct http_transaction *transaction = (struct http_transaction *)request;

    CHECK(transaction->reply_started);
    transaction->reply_finished = false;
    http_stream_cut(&transaction->connection->stream);
}

/* Can the connection serve another request after this one? */
static bool can_keep_alive(const struct http_transaction *transaction)
{
    if (!transaction->keep_alive || transaction->refusal != NULL || transaction->connection->place.reserved ||
        transaction->connection->listener->stopping)
        return false;
    if (transaction->body_ended)
        return !transaction->expect_continue;
    return !transaction->body_failure && !transaction->chunked && !transaction->expect_continue &&
           transaction->body_left <= DRAIN_BYTES_MAX;
}

static const char *date_text(struct http_listener *listener)
{
    int64_t now_ms = clock_wall_ms();

    if (now_ms / 1000 != listener->date_second) {
        listener->date_second = now_ms / 1000;
        clock_format_rfc1123(now_ms, listener->date);
    }
    return listener->date;
}

/* Status line and the server's own headers go to reply_line; the handler's follow, with the empty line. */
static void build_head(struct http_transaction *transaction, int status, uint64_t content_length)
{
    bool has_length = status != 204 && status != 304;
    char framing[48] = "";
    const char *connection = "";

    if (has_length && content_length != HTTP_LENGTH_UNKNOWN)
        snprintf(framing, sizeof(framing), "Content-Length: %llu\r\n", (unsigned long long)content_length);
    else if (has_length && !transaction->version_1_0)
        snprintf(framing, sizeof(framing), "Transfer-Encoding: chunked\r\n");
    if (!transaction->keep_alive)
        connection = "Connection: close\r\n";
    else if (transaction->version_1_0)
        connection = "Connection: keep-alive\r\n";
    snprintf(transaction->reply_line, sizeof(transaction->reply_line),
             "HTTP/1.1 %d %s\r\nServer: Tercet\r\nDate: %s\r\n%s%s", status, http_reason_phrase(status),
             date_text(transaction->connection->listener), framing, connection);
    CHECK(buffer_append(&transaction->reply_headers, "\r\n", 2) == STATUS_OK);
}

enum status http_reply_start(struct http_request *request, int status, uint64_t content_length)
{
    struct http_transaction *transaction = (struct http_transaction *)request;

    CHECK(!transaction->reply_started);
    CHECK(status >= 200 && status <= 599);
    transaction->reply_bodyless = bytes_equal_str(request->method, "HEAD") || status == 204 || status == 304;
    transaction->reply_chunked = content_length == HTTP_LENGTH_UNKNOWN && !transaction->version_1_0;
    transaction->reply_left = content_length;
    transaction->keep_alive = can_keep_alive(transaction);
    if (content_length == HTTP_LENGTH_UNKNOWN && transaction->version_1_0 && !transaction->reply_bodyless)
        transaction->keep_alive = false; /* the end of the connection ends the body */
    if (status == 503 && !transaction->retry_after_is_set)
        http_reply_retry_after(request, RETRY_AFTER_SECONDS);
    build_head(transaction, status, content_length);
    transaction->reply_started = true;
    transaction->reply_head_pending = true;
    request->status = status;
    return transaction->connection->stream.broken ? STATUS_CLOSED : STATUS_OK;
}

/* Drops the first len bytes of the vectors. */
static void advance(struct iovec **vectors, int *count, size_t len)
{
    while (*count > 0 && len >= (*vectors)->iov_len) {
        len -= (*vectors)->iov_len;
        (*vectors)++;
        (*count)--;
    }
    if (*count > 0) {
        (*vectors)->iov_base = (char *)(*vectors)->iov_base + len;
        (*vectors)->iov_len -= len;
    }
}

enum status http_write_all(struct http_transaction *transaction, struct iovec *vectors, int count)
{
    struct http_connection *connection = transaction->connection;
    enum status status = STATUS_OK;

    advance(&vectors, &count, 0);
    while (count > 0 && status == STATUS_OK) {
        size_t len;
        enum http_io io = http_stream_write(&connection->stream, vectors, count, &len);

        if (io == HTTP_IO_DONE) {
            if (transaction->reply_started && transaction->request.ttfb_us == 0)
                transaction->request.ttfb_us = clock_monotonic_us();
            transaction->pace_out.bytes += len;
            http_share_loop(connection, len);
            advance(&vectors, &count, len);
        } else if (io == HTTP_IO_CLOSED) {
            status = STATUS_CLOSED;
        } else if (transaction->reply_hurries) {
            status = STATUS_TIMEOUT;
        } else {
            status = http_wait_to_send(transaction, io);
        }
    }
    if (status)
        http_stream_cut(&connection->stream);
    return status;
}

/* The pending head as vectors; returns how many. */
static int head_vectors(const struct http_transaction *transaction, struct iovec vectors[2])
{
    if (!transaction->reply_head_pending)
        return 0;
    vectors[0] = (struct iovec){(void *)transaction->reply_line, strlen(transaction->reply_line)};
    vectors[1] = (struct iovec){transaction->reply_headers.data, transaction->reply_headers.len};
    return 2;
}

static enum status send_vectors(struct http_transaction *transaction, struct iovec *vectors, int count)
{
    enum status status = http_write_all(transaction, vectors, count);

    if (status == STATUS_OK)
        transaction->reply_head_pending = false;
    return status;
}

enum status http_reply_write(struct http_request *request, const void *data, size_t len)
{
    struct http_transaction *transaction = (struct http_transaction *)request;
    struct iovec vectors[5];
    char size_line[24];
    enum status status;
    int count;

    CHECK(transaction->reply_started && !transaction->reply_finished);
    if (len == 0 || transaction->reply_bodyless)
        return transaction->connection->stream.broken ? STATUS_CLOSED : STATUS_OK;
    count = head_vectors(transaction, vectors);
    if (transaction->reply_chunked) {
        size_t size_len = (size_t)snprintf(size_line, sizeof(size_line), "%zx\r\n", len);

        vectors[count++] = (struct iovec){size_line, size_len};
        vectors[count++] = (struct iovec){(void *)data, len};
        vectors[count++] = (struct iovec){(void *)"\r\n", 2};
    } else {
        CHECK(len <= transaction->reply_left);
        if (transaction->reply_left != HTTP_LENGTH_UNKNOWN)
            transaction->reply_left -= len;
        vectors[count++] = (struct iovec){(void *)data, len};
    }
    status = send_vectors(transaction, vectors, count);
    if (status == STATUS_OK)
        request->bytes_out += len;
    return status;
}

enum status http_reply_finish(struct http_request *request)
{
    struct http_transaction *transaction = (struct http_transaction *)request;
    bool has_body = !transaction->reply_bodyless;
    struct iovec vectors[3];
    enum status status;
    int count;

    CHECK(transaction->reply_started && !transaction->reply_finished);
    if (has_body && !transaction->reply_chunked && transaction->reply_left != HTTP_LENGTH_UNKNOWN &&
        transaction->reply_left > 0) {
        http_reply_abort(request);
        return STATUS_INTERNAL;
    }
    count = head_vectors(transaction, vectors);
    if (has_body && transaction->reply_chunked)
        vectors[count++] = (struct iovec){(void *)"0\r\n\r\n", 5};
    status = send_vectors(transaction, vectors, count);
    transaction->reply_finished = status == STATUS_OK;
    return status;
}

enum status http_reply(struct http_request *request, int status, struct bytes body)
{
    enum status outcome = http_reply_start(request, status, body.len);

    if (outcome == STATUS_OK)
        outcome = http_reply_write(request, body.data, body.len);
    if (outcome == STATUS_OK)
        outcome = http_reply_finish(request);
    return outcome;
}

static void refuse_in_plain_text(struct http_request *request, const struct http_refusal *refusal)
{
    char text[256];
    int len = snprintf(text, sizeof(text), "%s\n", refusal->message);

    CHECK(len > 0 && (size_t)len < sizeof(text));
    http_reply_header_str(request, "Content-Type", "text/plain");
    HTTP_LAST_REPLY(http_reply(request, refusal->status, bytes_of(text, (size_t)len)));
}

void http_reply_refusal(struct http_transaction *transaction, const struct http_refusal *refusal)
{
    const struct http_server_config *config = &transaction->connection->listener->server->config;
    struct http_request *request = &transaction->request;

    buffer_clear(&transaction->reply_headers); /* what a handler prepared for another answer */
    transaction->retry_after_is_set = false;
    http_reply_hurry(request); /* it is small, and its peer wants nothing that we have */
    if (config->refuse)
        config->refuse(request, refusal);
    else
        refuse_in_plain_text(request, refusal);
    CHECK(transaction->reply_started);
}
