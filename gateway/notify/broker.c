/* Rounds of messages, and texts of URLs and errors. */
#include "gateway/notify/broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/uri.h"

void notify_broker_init(struct notify_broker *broker, const struct notify_protocol *protocol,
                        const struct notify_url *url)
{
    *broker = (struct notify_broker){.protocol = protocol, .url = url, .round = 1};
}

static size_t round_count(const struct notify_broker *broker, const struct notify_message *messages, size_t count)
{
    size_t bytes = 0, taken = 0;

    while (taken < count && taken < broker->round) {
        bytes += messages[taken].body.len + messages[taken].key.len;
        if (taken > 0 && bytes > NOTIFY_ROUND_BYTES_MAX)
            break;
        taken++;
    }
    return taken;
}

static enum status send_round(struct notify_broker *broker, const struct notify_message *messages, size_t count,
                              uint64_t deadline_ms, size_t *delivered, struct buffer *error)
{
    size_t confirmed = 0;
    enum status status = STATUS_OK;

    if (!broker->is_connected)
        status = broker->protocol->connect(broker, deadline_ms, error);
    if (!status) {
        broker->is_connected = true;
        size_t round = round_count(broker, messages + *delivered, count - *delivered);
        status = broker->protocol->publish(broker, messages + *delivered, round, deadline_ms, &confirmed, error);
        CHECK(confirmed <= round);
        *delivered += confirmed;
    }
    if (!status) {
        broker->round = broker->round * 2 < NOTIFY_ROUND_MAX ? broker->round * 2 : NOTIFY_ROUND_MAX;
    } else {
        broker->round = 1;
        broker->is_connected = false;
        broker->protocol->disconnect(broker);
    }
    return status;
}

enum status notify_broker_send(struct notify_target *target, const struct notify_message *messages, size_t count,
                               uint32_t timeout_ms, size_t *delivered, struct buffer *error)
{
    struct notify_broker *broker = (struct notify_broker *)target;
    const uint64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    bool may_reconnect = broker->is_connected;

    *delivered = 0;
    while (*delivered < count) {
        enum status status = send_round(broker, messages, count, deadline_ms, delivered, error);
        if (status == STATUS_CLOSED && may_reconnect && notify_left_ms(deadline_ms) > 0)
            may_reconnect = false;
        else if (status)
            return status;
    }
    buffer_clear(error);
    return STATUS_OK;
}

enum status notify_fail(struct buffer *error, enum status status, const char *format, ...)
{
    char text[NOTIFY_ERROR_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    buffer_clear(error);
    STATUS_IGNORE(buffer_append_str(error, text), "a smaller buffer gets no text");
    return status;
}

int notify_left_ms(uint64_t deadline_ms)
{
    uint64_t now_ms = clock_monotonic_ms();

    return deadline_ms > now_ms ? (int)(deadline_ms - now_ms) : 0;
}

struct timeval notify_left(uint64_t deadline_ms)
{
    int left_ms = notify_left_ms(deadline_ms);

    return (struct timeval){.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
}

enum status notify_check_parameters(const struct notify_url *url, const char *const names[], struct buffer *error)
{
    struct uri_query query = {0};
    enum status status = STATUS_OK;

    if (uri_query_parse(bytes_from_str(url->query), &query))
        return notify_fail(error, STATUS_INVALID, "the URL's query is not well percent-encoded, or too long");
    for (size_t i = 0; i < query.count && !status; i++) {
        struct bytes name = query.parameters[i].name;
        size_t at = 0;
        while (names[at] && !bytes_equal_str(name, names[at]))
            at++;
        if (!names[at])
            status = notify_fail(error, STATUS_INVALID, "%s:// has no parameter \"%.*s\"", url->scheme,
                                 (int)(name.len < 64 ? name.len : 64), name.len > 0 ? name.data : "");
        for (size_t j = 0; j < i && !status; j++)
            if (bytes_equal(name, query.parameters[j].name))
                status = notify_fail(error, STATUS_INVALID, "the URL has %s= twice", names[at]);
    }
    uri_query_release(&query);
    return status;
}

enum status notify_number(const struct notify_url *url, const char *name, uint64_t min, uint64_t max, uint64_t absent,
                          uint64_t *value, struct buffer *error)
{
    char *text = notify_url_parameter(url, name);
    enum status status = STATUS_OK;

    *value = absent;
    if (text && (bytes_parse_u64(bytes_from_str(text), max, value) || *value < min))
        status = notify_fail(error, STATUS_INVALID, "%s= is a number from %llu to %llu", name, (unsigned long long)min,
                             (unsigned long long)max);
    free(text);
    return status;
}

char *notify_path(const struct notify_url *url)
{
    struct buffer out;
    char *path = NULL;
    struct bytes text = bytes_from_str(url->path[0] == '/' ? url->path + 1 : url->path);

    buffer_init(&out, text.len + 1);
    if (text.len == 0)
        path = mem_strdup("");
    else if (uri_decode(text, false, &out) == STATUS_OK && !memchr(out.data, '\0', out.len))
        path = mem_strndup(out.data, out.len);
    buffer_release(&out);
    return path;
}

static bool to_numbers(const struct addrinfo *address, char text[INET6_ADDRSTRLEN])
{
    const void *from = address->ai_family == AF_INET6
                           ? (const void *)&((const struct sockaddr_in6 *)address->ai_addr)->sin6_addr
                           : (const void *)&((const struct sockaddr_in *)address->ai_addr)->sin_addr;

    return (address->ai_family == AF_INET || address->ai_family == AF_INET6) &&
           inet_ntop(address->ai_family, from, text, INET6_ADDRSTRLEN) != NULL;
}

enum status notify_connect_any(struct notify_broker *broker, uint16_t port, uint64_t deadline_ms, struct buffer *error,
                               enum status (*connect)(struct notify_broker *broker, const char *address, uint16_t port,
                                                      uint64_t deadline_ms, struct buffer *error))
{
    struct addrinfo *addresses;
    enum status status = notify_lookup(broker->url->host, port, deadline_ms, &addresses, error);
    int left = 0;

    if (status)
        return status;
    status = notify_fail(error, STATUS_NOT_FOUND, "the host %s has no address", broker->url->host);
    for (const struct addrinfo *at = addresses; at; at = at->ai_next)
        left++;
    for (const struct addrinfo *at = addresses; at && status; at = at->ai_next, left--) {
        char numbers[INET6_ADDRSTRLEN];
        if (!to_numbers(at, numbers))
            continue;
        uint64_t share_ms = clock_monotonic_ms() + (uint64_t)(notify_left_ms(deadline_ms) / left);
        status = connect(broker, numbers, port, share_ms, error);
        if (status)
            broker->protocol->disconnect(broker);
    }
    freeaddrinfo(addresses);
    return status;
}
