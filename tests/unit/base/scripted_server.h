/* A blocking HTTP server for tests of the client, a thread per connection, whose behaviour is chosen by the path of
 * each request. It can do what a proper server never would: truncate, reset, stall, answer early, vanish between
 * requests. Everything is static, since one test includes it. */
#ifndef TERCET_TESTS_SCRIPTED_SERVER_H
#define TERCET_TESTS_SCRIPTED_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"

#define SERVER_HEAD_MAX        16384
#define SERVER_CONNECTIONS_MAX 256

struct scripted_server {
    int listener;
    uint16_t port;
    pthread_t thread;
    pthread_t connections[SERVER_CONNECTIONS_MAX];
    unsigned connection_count; /* atomic; written by the accepting thread */
    uint64_t bytes_sent;       /* atomic; of /bytes bodies */
    unsigned peers_gone;       /* atomic; /stall requests whose client closed */
};

struct server_connection {
    struct scripted_server *server;
    int fd;
    unsigned requests; /* answered before on this connection */
    char input[SERVER_HEAD_MAX + 1];
    size_t input_len;
    char head[SERVER_HEAD_MAX + 1];
};

/* The byte at a position of a generated body. */
static inline char pattern_at(uint64_t position)
{
    return (char)(position * 31 + (position >> 8) * 17 + (position >> 16));
}

static bool server_send(struct server_connection *c, const char *data, size_t len)
{
    while (len) {
        ssize_t sent = send(c->fd, data, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool server_send_str(struct server_connection *c, const char *text)
{
    return server_send(c, text, strlen(text));
}

static bool server_receive(struct server_connection *c)
{
    if (c->input_len == SERVER_HEAD_MAX)
        return false;
    ssize_t got = recv(c->fd, c->input + c->input_len, SERVER_HEAD_MAX - c->input_len, 0);
    if (got <= 0)
        return false;
    c->input_len += (size_t)got;
    c->input[c->input_len] = '\0';
    return true;
}

static void server_drop(struct server_connection *c, size_t len)
{
    c->input_len -= len;
    memmove(c->input, c->input + len, c->input_len);
    c->input[c->input_len] = '\0';
}

static bool server_read_head(struct server_connection *c)
{
    char *end;

    while ((end = strstr(c->input, "\r\n\r\n")) == NULL)
        if (!server_receive(c))
            return false;
    size_t len = (size_t)(end + 4 - c->input);
    memcpy(c->head, c->input, len);
    c->head[len] = '\0';
    server_drop(c, len);
    return true;
}

/* Takes len bytes off the connection. */
static bool server_read_exact(struct server_connection *c, uint64_t len, uint64_t *total, uint32_t *crc)
{
    while (len) {
        if (!c->input_len && !server_receive(c))
            return false;
        size_t piece = c->input_len < len ? c->input_len : (size_t)len;
        *crc = crc32c_update(*crc, c->input, piece);
        *total += piece;
        len -= piece;
        server_drop(c, piece);
    }
    return true;
}

static bool server_read_chunked(struct server_connection *c, uint64_t *total, uint32_t *crc)
{
    for (;;) {
        char *end;
        uint64_t ignored = 0;
        uint32_t ignored_crc = 0;
        while ((end = strstr(c->input, "\r\n")) == NULL)
            if (!server_receive(c))
                return false;
        uint64_t len = strtoull(c->input, NULL, 16);
        server_drop(c, (size_t)(end + 2 - c->input));
        if (!server_read_exact(c, len, total, crc) || !server_read_exact(c, 2, &ignored, &ignored_crc))
            return false;
        if (len == 0)
            return true;
    }
}

static bool server_read_body(struct server_connection *c, uint64_t *total, uint32_t *crc)
{
    const char *length = strcasestr(c->head, "\r\nContent-Length:");

    *total = 0;
    *crc = 0;
    if (strcasestr(c->head, "\r\nTransfer-Encoding: chunked"))
        return server_read_chunked(c, total, crc);
    return !length || server_read_exact(c, strtoull(length + 17, NULL, 10), total, crc);
}

static bool server_answer(struct server_connection *c, const char *status, const char *fields, const char *body)
{
    char head[1024];

    snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, fields, strlen(body));
    return server_send_str(c, head) && (strncmp(c->head, "HEAD ", 5) == 0 || server_send_str(c, body));
}

/* A body of `len` pattern bytes, with a length or chunked, of which only `sent` are sent. */
static bool server_answer_bytes(struct server_connection *c, uint64_t len, uint64_t sent, bool chunked)
{
    char piece[10000], line[128];

    if (chunked)
        server_send_str(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    else
        snprintf(line, sizeof(line), "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)len),
            server_send_str(c, line);
    for (uint64_t at = 0; at < sent;) {
        size_t size = sent - at < sizeof(piece) ? (size_t)(sent - at) : sizeof(piece);
        for (size_t i = 0; i < size; i++)
            piece[i] = pattern_at(at + i);
        snprintf(line, sizeof(line), "%zx\r\n", size);
        if (chunked && !server_send_str(c, line))
            return false;
        if (!server_send(c, piece, size) || (chunked && !server_send_str(c, "\r\n")))
            return false;
        at += size;
        __atomic_fetch_add(&c->server->bytes_sent, size, __ATOMIC_RELAXED);
    }
    if (sent < len)
        return false;
    return !chunked || server_send_str(c, "0\r\nX-Late: trailer\r\n\r\n");
}

static void server_reset(struct server_connection *c)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static bool server_wait_until_peer_closes(struct server_connection *c)
{
    char ignored[4096];

    while (recv(c->fd, ignored, sizeof(ignored), 0) > 0)
        ;
    __atomic_fetch_add(&c->server->peers_gone, 1, __ATOMIC_RELEASE);
    return false;
}

static bool server_answer_large_head(struct server_connection *c)
{
    char field[1024];

    memset(field, 'x', sizeof(field));
    memcpy(field, "X-Filler: ", 10);
    field[sizeof(field) - 3] = '\r';
    field[sizeof(field) - 2] = '\n';
    field[sizeof(field) - 1] = '\0';
    server_send_str(c, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 80; i++)
        if (!server_send_str(c, field))
            return false;
    return server_send_str(c, "Content-Length: 0\r\n\r\n");
}

/* Acts on the request in c->head. False closes the connection. */
static bool server_act(struct server_connection *c)
{
    const char *path = strchr(c->head, '/');
    unsigned long long number = 0;
    uint64_t total;
    uint32_t crc;
    char body[64];

    if (strncmp(path, "/stall", 6) == 0)
        return server_wait_until_peer_closes(c);
    if (strncmp(path, "/early", 6) == 0) {
        server_answer(c, "507 Insufficient Storage", "", "full");
        return server_wait_until_peer_closes(c);
    }
    if (strncmp(path, "/vanish", 7) == 0 && c->requests > 0)
        return false;
    if (!server_read_body(c, &total, &crc))
        return false;
    if (sscanf(path, "/bytes/%llu", &number) == 1)
        return server_answer_bytes(c, number, number, false);
    if (sscanf(path, "/chunked/%llu", &number) == 1)
        return server_answer_bytes(c, number, number, true);
    if (sscanf(path, "/truncate/%llu", &number) == 1)
        return server_answer_bytes(c, 2 * number, number, false);
    if (sscanf(path, "/truncate-chunked/%llu", &number) == 1)
        return server_answer_bytes(c, 2 * number, number, true);
    if (strncmp(path, "/request", 8) == 0)
        return server_answer(c, "200 OK", "", c->head);
    if (strncmp(path, "/reset", 6) == 0)
        return server_reset(c), false;
    if (strncmp(path, "/garbage", 8) == 0)
        return server_send_str(c, "SSH-2.0-OpenSSH_9.2\r\n\r\n"), false;
    if (strncmp(path, "/large-head", 11) == 0)
        return server_answer_large_head(c);
    if (strncmp(path, "/interim", 8) == 0)
        server_send_str(c, "HTTP/1.1 100 Continue\r\nX-Tag: interim\r\nContent-Length: 1\r\n\r\n");
    if (strncmp(path, "/missing", 8) == 0)
        return server_answer(c, "404 Not Found", "", "no");
    snprintf(body, sizeof(body), "%llu %08x", (unsigned long long)total, crc);
    return server_answer(c, "200 OK", "X-Tag: \t first \r\nx-TAG: second\r\nX-Empty:\r\n", body);
}

static void *server_connection_main(void *arg)
{
    struct server_connection *c = arg;

    while (server_read_head(c) && server_act(c))
        c->requests++;
    close(c->fd);
    free(c);
    return NULL;
}

static void *server_main(void *arg)
{
    struct scripted_server *server = arg;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        struct server_connection *c = mem_zalloc(sizeof(*c));
        unsigned index = server->connection_count;
        CHECK(index < SERVER_CONNECTIONS_MAX);
        c->server = server;
        c->fd = fd;
        CHECK(pthread_create(&server->connections[index], NULL, server_connection_main, c) == 0);
        __atomic_store_n(&server->connection_count, index + 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static int listen_on_loopback(int backlog, uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK(bind(fd, (struct sockaddr *)&address, len) == 0);
    CHECK(listen(fd, backlog) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void scripted_server_start(struct scripted_server *server)
{
    memset(server, 0, sizeof(*server));
    server->listener = listen_on_loopback(256, &server->port);
    CHECK(pthread_create(&server->thread, NULL, server_main, server) == 0);
}

/* Returns when every connection has ended; the clients must have let go of theirs. */
static void scripted_server_stop(struct scripted_server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    for (unsigned i = 0; i < server->connection_count; i++)
        pthread_join(server->connections[i], NULL);
    close(server->listener);
}

#endif
