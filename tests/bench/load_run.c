/* The connections of the load generator: one epoll loop, each connection has one request under way at a time. Large
 * bodies take turns: a connection moves at most TURN_BYTES before the next one is looked at. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "tests/bench/load.h"

#define TURN_BYTES      (1u << 20)
#define ANSWER_HEAD_MAX 16384
#define RECEIVE_BYTES   (256u << 10)
#define ERRORS_MAX      100
#define SILENCE_MS_MAX  60000

enum phase { PHASE_IDLE, PHASE_SEND, PHASE_HEAD, PHASE_BODY };

struct connection {
    int fd;
    enum phase phase;
    bool wants_write; /* as epoll was told */
    struct load_request request;
    uint64_t sent; /* of head, body and tail together */
    uint64_t begun_us, first_us;
    char head[ANSWER_HEAD_MAX + 1];
    size_t head_len;
    int status;
    uint64_t body_left, body_total;
};

struct run {
    struct load_source *source;
    struct load_result *result;
    int epoll;
    struct sockaddr_in address;
    struct connection *connections;
    uint64_t active;
    uint64_t begun, begun_ms;
    uint64_t ended_us; /* when the last request did */
    size_t latency_capacity;
    char *receive;
};

static enum status connection_open(struct run *run, struct connection *connection)
{
    const int on = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return STATUS_IO;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(connection->fd, (struct sockaddr *)&run->address, sizeof(run->address)) != 0) {
        fprintf(stderr, "load: cannot connect: %s\n", strerror(errno));
        close(connection->fd);
        connection->fd = -1;
        return STATUS_IO;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    connection->wants_write = false;
    epoll_ctl(run->epoll, EPOLL_CTL_ADD, connection->fd, &event);
    return STATUS_OK;
}

static void connection_close(struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
}

static void connection_want_write(struct run *run, struct connection *connection, bool wanted)
{
    if (connection->wants_write == wanted)
        return;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = connection};
    connection->wants_write = wanted;
    epoll_ctl(run->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

/* The next bytes of the request as vectors; pattern bytes repeat every LOAD_PATTERN_BYTES. */
static int unsent(const struct run *run, const struct connection *connection, struct iovec vectors[3])
{
    const struct load_request *request = &connection->request;
    const uint64_t body = request->body_bytes;
    uint64_t at = connection->sent;
    int count = 0;

    if (at < request->head.len) {
        vectors[count++] = (struct iovec){request->head.data + at, request->head.len - at};
        at = request->head.len;
    }
    at -= request->head.len;
    if (at < body) {
        uint64_t offset = at % LOAD_PATTERN_BYTES;
        uint64_t len = LOAD_PATTERN_BYTES - offset < body - at ? LOAD_PATTERN_BYTES - offset : body - at;
        vectors[count++] = (struct iovec){run->source->pattern + offset, len};
        at += len;
    }
    if (at >= body && at - body < request->tail.len)
        vectors[count++] = (struct iovec){request->tail.data + (at - body), request->tail.len - (at - body)};
    return count;
}

/* STATUS_OK: all sent, or no more for now. */
static enum status connection_send(struct run *run, struct connection *connection)
{
    struct iovec vectors[3];
    uint64_t turn = 0;

    while (turn < TURN_BYTES) {
        int count = unsent(run, connection, vectors);
        if (count == 0) {
            connection->phase = PHASE_HEAD;
            connection->head_len = 0;
            connection_want_write(run, connection, false);
            return STATUS_OK;
        }
        struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
        ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (sent < 0)
            return STATUS_IO;
        connection->sent += (uint64_t)sent;
        turn += (uint64_t)sent;
    }
    connection_want_write(run, connection, true);
    return STATUS_OK;
}

static bool may_begin(const struct run *run)
{
    const struct load_options *options = run->source->options;

    return run->begun < options->requests_max && clock_monotonic_ms() - run->begun_ms < options->duration_ms;
}

static enum status connection_begin(struct run *run, struct connection *connection)
{
    if (!may_begin(run)) {
        connection->phase = PHASE_IDLE;
        run->active--;
        return STATUS_OK;
    }
    run->begun++;
    load_request_next(run->source, &connection->request);
    connection->phase = PHASE_SEND;
    connection->sent = 0;
    connection->begun_us = clock_monotonic_us();
    return connection_send(run, connection);
}

static void count_success(struct run *run, const struct connection *connection)
{
    struct load_result *result = run->result;

    if (result->requests == run->latency_capacity) {
        run->latency_capacity = run->latency_capacity ? run->latency_capacity * 2 : 4096;
        result->latency_us = mem_realloc(result->latency_us, run->latency_capacity * sizeof(uint32_t));
        result->first_us = mem_realloc(result->first_us, run->latency_capacity * sizeof(uint32_t));
    }
    uint64_t now = clock_monotonic_us();
    result->first_us[result->requests] = (uint32_t)(connection->first_us - connection->begun_us);
    result->latency_us[result->requests++] = (uint32_t)(now - connection->begun_us);
    result->body_bytes += connection->request.body_bytes ? connection->request.body_bytes : connection->body_total;
    if (now - run->ended_us > result->stall_us)
        result->stall_us = (uint32_t)(now - run->ended_us);
    run->ended_us = now;
}

static enum status connection_finish(struct run *run, struct connection *connection)
{
    if (connection->status >= 200 && connection->status < 300) {
        count_success(run, connection);
    } else {
        if (run->result->errors++ == 0)
            fprintf(stderr, "load: %s\n", connection->head);
        if (run->result->errors > ERRORS_MAX)
            return STATUS_IO;
    }
    return connection_begin(run, connection);
}

/* Status line and length. An answer without a length is not understood. */
static enum status parse_head(struct connection *connection, size_t *head_bytes)
{
    char *end, *length;

    connection->head[connection->head_len] = '\0';
    end = strstr(connection->head, "\r\n\r\n");
    if (!end)
        return connection->head_len == ANSWER_HEAD_MAX ? STATUS_LIMIT : STATUS_NOT_FOUND;
    *head_bytes = (size_t)(end + 4 - connection->head);
    if (sscanf(connection->head, "HTTP/1.1 %d", &connection->status) != 1)
        return STATUS_INVALID;
    char saved = end[2];
    end[2] = '\0';
    length = strcasestr(connection->head, "\r\ncontent-length:");
    connection->body_total = length ? strtoull(length + 17, NULL, 10) : 0;
    end[2] = saved;
    connection->body_left = connection->body_total;
    return length || connection->status == 204 ? STATUS_OK : STATUS_INVALID;
}

static enum status connection_receive_head(struct run *run, struct connection *connection)
{
    size_t head_bytes = 0;
    ssize_t got = recv(connection->fd, connection->head + connection->head_len, ANSWER_HEAD_MAX - connection->head_len,
                       MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return STATUS_OK;
    if (got <= 0)
        return STATUS_CLOSED;
    if (connection->head_len == 0)
        connection->first_us = clock_monotonic_us();
    connection->head_len += (size_t)got;
    enum status status = parse_head(connection, &head_bytes);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    uint64_t body = connection->head_len - head_bytes;
    if (body > connection->body_left)
        return STATUS_INVALID;
    connection->body_left -= body;
    connection->phase = PHASE_BODY;
    return connection->body_left == 0 ? connection_finish(run, connection) : STATUS_OK;
}

static enum status connection_receive_body(struct run *run, struct connection *connection)
{
    for (uint64_t turn = 0; turn < TURN_BYTES;) {
        uint64_t want = connection->body_left < RECEIVE_BYTES ? connection->body_left : RECEIVE_BYTES;
        ssize_t got = recv(connection->fd, run->receive, want, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return STATUS_OK;
        if (got <= 0)
            return STATUS_CLOSED;
        connection->body_left -= (uint64_t)got;
        turn += (uint64_t)got;
        if (connection->body_left == 0)
            return connection_finish(run, connection);
    }
    return STATUS_OK;
}

static enum status connection_advance(struct run *run, struct connection *connection)
{
    switch (connection->phase) {
    case PHASE_SEND:
        return connection_send(run, connection);
    case PHASE_HEAD:
        return connection_receive_head(run, connection);
    case PHASE_BODY:
        return connection_receive_body(run, connection);
    case PHASE_IDLE:
        break;
    }
    return STATUS_CLOSED;
}

/* A connection that broke is counted as an error and replaced. */
static enum status connection_replace(struct run *run, struct connection *connection)
{
    const bool idle = connection->phase == PHASE_IDLE;

    connection_close(connection);
    if (idle)
        return STATUS_OK;
    if (++run->result->errors > ERRORS_MAX || connection_open(run, connection))
        return STATUS_IO;
    return connection_begin(run, connection);
}

static enum status run_loop(struct run *run)
{
    struct epoll_event events[64];

    while (run->active > 0) {
        int count = epoll_wait(run->epoll, events, 64, SILENCE_MS_MAX);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            fprintf(stderr, "load: no answer for %d s\n", SILENCE_MS_MAX / 1000);
            return STATUS_TIMEOUT;
        }
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection_advance(run, connection) && connection_replace(run, connection))
                return STATUS_IO;
        }
    }
    return STATUS_OK;
}

static int compare_latency(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static enum status run_connections(struct run *run)
{
    const struct load_options *options = run->source->options;

    for (uint64_t i = 0; i < options->parallel; i++) {
        load_request_init(&run->connections[i].request);
        if (connection_open(run, &run->connections[i]))
            return STATUS_IO;
    }
    run->active = options->parallel;
    run->begun_ms = clock_monotonic_ms();
    run->ended_us = clock_monotonic_us();
    for (uint64_t i = 0; i < options->parallel; i++)
        if (connection_begin(run, &run->connections[i]))
            return STATUS_IO;
    return run_loop(run);
}

enum status load_run(struct load_source *source, struct load_result *result)
{
    const struct load_options *options = source->options;
    struct run run = {.source = source, .result = result};
    uint64_t begun_us = clock_monotonic_us();
    enum status status;

    run.address.sin_family = AF_INET;
    run.address.sin_port = htons((uint16_t)options->port);
    if (inet_pton(AF_INET, options->host, &run.address.sin_addr) != 1)
        return STATUS_INVALID;
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK(run.epoll >= 0);
    run.connections = mem_zalloc(options->parallel * sizeof(*run.connections));
    for (uint64_t i = 0; i < options->parallel; i++)
        run.connections[i].fd = -1;
    run.receive = mem_alloc(RECEIVE_BYTES);
    status = run_connections(&run);
    result->seconds = (double)(clock_monotonic_us() - begun_us) / 1e6;
    if (result->requests > 0) {
        qsort(result->latency_us, result->requests, sizeof(uint32_t), compare_latency);
        qsort(result->first_us, result->requests, sizeof(uint32_t), compare_latency);
    }
    for (uint64_t i = 0; i < options->parallel; i++) {
        connection_close(&run.connections[i]);
        load_request_release(&run.connections[i].request);
    }
    free(run.connections);
    free(run.receive);
    close(run.epoll);
    return status;
}
