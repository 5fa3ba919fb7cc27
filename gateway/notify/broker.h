/* What the kinds of targets have in common that hold a connection to a broker: messages go out in rounds, each of which
 * the broker confirms whole before the next begins. The first round after a failure has one message, and each one that
 * succeeds doubles the next: a message that the broker does not take is not followed by hundreds that are then sent
 * twice. */
#ifndef TERCET_GATEWAY_NOTIFY_BROKER_H
#define TERCET_GATEWAY_NOTIFY_BROKER_H

#include <netdb.h>
#include <openssl/types.h>

#include "gateway/notify/target.h"

#define NOTIFY_ROUND_MAX       256
#define NOTIFY_ROUND_BYTES_MAX (128 * 1024) /* of bodies and keys, unless it is one message: fits a socket's buffer */

struct notify_broker;

struct notify_protocol {
    /* Blocks until the deadline at most. After a failure disconnect() is called, too. */
    enum status (*connect)(struct notify_broker *broker, uint64_t deadline_ms, struct buffer *error);
    /* Sends at most NOTIFY_ROUND_MAX messages and waits until they are confirmed. *confirmed is set always: so many
     * from the first on. CLOSED: the connection ended. */
    enum status (*publish)(struct notify_broker *broker, const struct notify_message *messages, size_t count,
                           uint64_t deadline_ms, size_t *confirmed, struct buffer *error);
    void (*disconnect)(struct notify_broker *broker); /* idempotent */
};

/* The first field of a target. */
struct notify_broker {
    const struct notify_protocol *protocol;
    const struct notify_url *url;
    bool is_connected;
    size_t round; /* messages of the next one */
};

void notify_broker_init(struct notify_broker *broker, const struct notify_protocol *protocol,
                        const struct notify_url *url);
/* The `send` of such kinds. A connection that was kept, and turns out to be closed, is made anew once. */
enum status notify_broker_send(struct notify_target *target, const struct notify_message *messages, size_t count,
                               uint32_t timeout_ms, size_t *delivered, struct buffer *error);

/* Replaces the text of the error by one line, cut to NOTIFY_ERROR_MAX; control characters, which a broker may have
 * sent, become '?'. Returns the status. */
enum status notify_fail(struct buffer *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Milliseconds until the deadline, for poll(): 0 when it has passed, never negative. */
int notify_left_ms(uint64_t deadline_ms);
struct timeval notify_left(uint64_t deadline_ms);

/* INVALID, with an error that names it, when the query has a parameter that is not in the list (NULL behind the last),
 * or one twice. */
enum status notify_check_parameters(const struct notify_url *url, const char *const names[], struct buffer *error);
/* A number in the query; `absent` when it is not there. INVALID, explained, when it is none or not in the bounds. */
enum status notify_number(const struct notify_url *url, const char *name, uint64_t min, uint64_t max, uint64_t absent,
                          uint64_t *value, struct buffer *error);
/* The path without its first '/', decoded, to be freed. NULL when it is not well encoded or has a NUL. */
char *notify_path(const struct notify_url *url);

/* The addresses of the URL's host, to be freed with freeaddrinfo(). The resolver has no timeout of its own to rely on,
 * so it runs on a thread that is left behind when the deadline passes. */
enum status notify_lookup(const char *host, uint16_t port, uint64_t deadline_ms, struct addrinfo **addresses,
                          struct buffer *error);
/* Calls connect() for each address of the URL's host as numbers, until one succeeds. Each gets its share of the time.
 */
enum status notify_connect_any(struct notify_broker *broker, uint16_t port, uint64_t deadline_ms, struct buffer *error,
                               enum status (*connect)(struct notify_broker *broker, const char *address, uint16_t port,
                                                      uint64_t deadline_ms, struct buffer *error));

/* Makes clients of this context verify the peer: a certificate for the URL's host, of its authorities. The host is also
 * the server name that is sent, whatever address is connected to. The URL must outlive the context. */
enum status notify_tls_prepare(SSL_CTX *context, const struct notify_url *url, struct buffer *error);
/* Why this thread's last connection did not believe its peer, or what else OpenSSL noted last; a static text or one in
 * `text`. */
const char *notify_tls_reason(char *text, size_t size);

#endif
