/* AMQP 0-9-1, as RabbitMQ speaks it: persistent messages with publisher confirms. Messages are mandatory: one that no
 * queue would take comes back, which is a failure and no loss.
 *
 *   amqp[s]://[USER:PASSWORD@]HOST[:PORT][/VHOST]?queue=NAME
 *   amqp[s]://...?exchange=NAME[&routing-key=TEXT]       (the key's default: BUCKET/KEY, cut to 255 bytes)
 *
 * librabbitmq sends without a bound on time. What is on its way is therefore less than the socket's buffer, and the
 * kernel ends a connection whose peer takes nothing. Heartbeats are off: nobody would send them between two rounds. */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "gateway/notify/broker.h"

#define AMQP_PORT        5672
#define AMQPS_PORT       5671
#define CHANNEL          1
#define FRAME_BYTES_MAX  131072
#define SHORT_BYTES_MAX  255 /* of names and routing keys */
#define MESSAGE_ID_LEN   16
#define CLOSE_TIMEOUT_MS 500
#define SEND_BUFFER      (2 * NOTIFY_ROUND_BYTES_MAX)

struct amqp_target {
    struct notify_broker broker;
    char *vhost, *exchange, *routing_key; /* routing_key NULL: the message's key */
    amqp_connection_state_t connection;
    uint64_t tag; /* of the last message of this channel */
};

/* What came back of one round. */
struct amqp_round {
    char ids[NOTIFY_ROUND_MAX][2 * MESSAGE_ID_LEN + 1];
    bool is_acked[NOTIFY_ROUND_MAX];
    size_t count, acked, failed; /* failed: the first that was refused or came back, count when none did */
    enum status failure;         /* of that one */
    bool expects_header;         /* of a message that comes back */
    uint64_t base;               /* the tag before the first of this round */
};

static amqp_bytes_t amqp_text(const char *text)
{
    return amqp_cstring_bytes(text);
}

/* "404 NOT_FOUND - no exchange ..." of a close, and the status that goes with its number. */
static enum status closed(const char *what, uint16_t code, amqp_bytes_t text, struct buffer *error)
{
    enum status status = STATUS_IO;

    if (code == AMQP_NOT_FOUND)
        status = STATUS_NOT_FOUND;
    else if (code == AMQP_ACCESS_REFUSED || code == AMQP_NOT_ALLOWED)
        status = STATUS_DENIED;
    else if (code == AMQP_CONNECTION_FORCED)
        status = STATUS_CLOSED;
    return notify_fail(error, status, "the broker closed the %s: %u %.*s", what, code, (int)text.len,
                       text.len > 0 ? (const char *)text.bytes : "");
}

static enum status method_closed(const amqp_method_t *method, struct buffer *error)
{
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *close = method->decoded;
        return closed("channel", close->reply_code, close->reply_text, error);
    }
    if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *close = method->decoded;
        return closed("connection", close->reply_code, close->reply_text, error);
    }
    return notify_fail(error, STATUS_IO, "the broker sent what was not asked for");
}

static enum status library_failed(int result, struct buffer *error)
{
    enum status status = STATUS_CLOSED;
    char text[256];

    if (result == AMQP_STATUS_SSL_CONNECTION_FAILED)
        return notify_fail(error, STATUS_CLOSED, "TLS failed: %s", notify_tls_reason(text, sizeof(text)));
    if (result == AMQP_STATUS_TIMEOUT)
        status = STATUS_TIMEOUT;
    else if (result == AMQP_STATUS_SSL_PEER_VERIFY_FAILED || result == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED)
        status = STATUS_DENIED;
    return notify_fail(error, status, "AMQP: %s", amqp_error_string2(result));
}

static enum status reply_failed(amqp_rpc_reply_t reply, struct buffer *error)
{
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return STATUS_OK;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        return method_closed(&reply.reply, error);
    default:
        return library_failed(reply.library_error, error);
    }
}

/* A bound for what librabbitmq sends without one. */
static void bound_sending(int fd, uint64_t deadline_ms)
{
    unsigned left_ms = (unsigned)notify_left_ms(deadline_ms) + 1;

    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &left_ms, sizeof(left_ms));
}

static enum status open_socket(struct amqp_target *self, const char *address, uint16_t port, uint64_t deadline_ms,
                               struct buffer *error)
{
    const struct notify_url *url = self->broker.url;
    const int on = 1, send_buffer = SEND_BUFFER;
    const struct timeval left = notify_left(deadline_ms);
    amqp_socket_t *socket;

    self->connection = amqp_new_connection();
    CHECK(self->connection);
    socket = url->tls ? amqp_ssl_socket_new(self->connection) : amqp_tcp_socket_new(self->connection);
    if (!socket)
        return notify_fail(error, STATUS_INTERNAL, "librabbitmq makes no socket");
    if (url->tls) {
        amqp_ssl_socket_set_verify_peer(socket, 1);
        amqp_ssl_socket_set_verify_hostname(socket, 0); /* it would be the address; notify_tls_prepare() does it */
        enum status status = notify_tls_prepare(amqp_ssl_socket_get_context(socket), url, error);
        if (status)
            return status;
    }
    errno = 0;
    int result = amqp_socket_open_noblock(socket, address, port, &left);
    if (result == AMQP_STATUS_SOCKET_ERROR) /* the library loses why a connection that it waited for failed */
        return notify_fail(error, STATUS_CLOSED, "the broker cannot be reached: %s",
                           errno && errno != EINPROGRESS ? strerror(errno) : "refused, or no way to it");
    if (result != AMQP_STATUS_OK)
        return library_failed(result, error);
    setsockopt(amqp_socket_get_sockfd(socket), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
    setsockopt(amqp_socket_get_sockfd(socket), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    bound_sending(amqp_socket_get_sockfd(socket), deadline_ms);
    return STATUS_OK;
}

static enum status amqp_open(struct notify_broker *broker, const char *address, uint16_t port, uint64_t deadline_ms,
                             struct buffer *error)
{
    struct amqp_target *self = (struct amqp_target *)broker;
    const struct notify_url *url = broker->url;
    struct timeval left;
    enum status status = open_socket(self, address, port, deadline_ms, error);

    if (status)
        return status;
    left = notify_left(deadline_ms);
    amqp_set_handshake_timeout(self->connection, &left);
    amqp_set_rpc_timeout(self->connection, &left);
    status = reply_failed(amqp_login(self->connection, self->vhost, 1, FRAME_BYTES_MAX, 0, AMQP_SASL_METHOD_PLAIN,
                                     url->user[0] ? url->user : "guest", url->user[0] ? url->password : "guest"),
                          error);
    if (status)
        return status;
    left = notify_left(deadline_ms);
    amqp_set_rpc_timeout(self->connection, &left);
    amqp_channel_open(self->connection, CHANNEL);
    status = reply_failed(amqp_get_rpc_reply(self->connection), error);
    if (status)
        return status;
    amqp_confirm_select(self->connection, CHANNEL);
    self->tag = 0;
    return reply_failed(amqp_get_rpc_reply(self->connection), error);
}

static enum status amqp_connect(struct notify_broker *broker, uint64_t deadline_ms, struct buffer *error)
{
    uint16_t port = broker->url->port ? broker->url->port : broker->url->tls ? AMQPS_PORT : AMQP_PORT;

    return notify_connect_any(broker, port, deadline_ms, error, amqp_open);
}

/* BUCKET/KEY is UTF-8, or what a client took for a key: it is cut before a byte that continues a character. */
static struct bytes short_key(struct bytes key)
{
    size_t len = key.len;

    if (len > SHORT_BYTES_MAX) {
        len = SHORT_BYTES_MAX;
        while (len > 0 && (key.data[len] & 0xc0) == 0x80)
            len--;
    }
    return bytes_of(key.data, len);
}

static enum status publish_one(struct amqp_target *self, const struct notify_message *message, const char *id,
                               struct buffer *error)
{
    struct bytes key = self->routing_key ? bytes_from_str(self->routing_key) : short_key(message->key);
    struct bytes event = short_key(message->event);
    /* What tries a configuration has no key, and an exchange that goes by keys need not know a queue for that. */
    const bool is_mandatory = self->routing_key || message->key.len > 0;
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                                                          AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG |
                                                          AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG,
                                                .content_type = amqp_text("application/json"),
                                                .delivery_mode = AMQP_DELIVERY_PERSISTENT,
                                                .message_id = amqp_text(id),
                                                .timestamp = (uint64_t)clock_wall_ms() / 1000,
                                                .type = {event.len, (void *)event.data},
                                                .app_id = amqp_text("tercet")};

    int result = amqp_basic_publish(self->connection, CHANNEL, amqp_text(self->exchange),
                                    (amqp_bytes_t){key.len, (void *)key.data}, is_mandatory, 0, &properties,
                                    (amqp_bytes_t){message->body.len, (void *)message->body.data});
    return result == AMQP_STATUS_OK ? STATUS_OK : library_failed(result, error);
}

/* An event has the same id each time that it is sent, so that consumers can see what they have already. */
static void message_id(struct bytes body, char id[2 * MESSAGE_ID_LEN + 1])
{
    uint8_t sum[SHA256_LEN];

    sha256_of(body.data, body.len, sum);
    hex_encode(sum, MESSAGE_ID_LEN, id);
}

/* Confirmed, or refused: the rest of the round is waited for in both cases, so that nothing of it is sent twice. */
static enum status take_ack(struct amqp_round *round, uint64_t tag, bool is_multiple, bool is_refused,
                            struct buffer *error)
{
    if (tag <= round->base || tag > round->base + round->count)
        return notify_fail(error, STATUS_IO, "the broker confirmed what was not sent");
    size_t end = (size_t)(tag - round->base);
    for (size_t i = is_multiple ? 0 : end - 1; i < end; i++) {
        if (is_refused && !round->is_acked[i] && i < round->failed) {
            round->failed = i;
            round->failure = notify_fail(error, STATUS_UNAVAILABLE, "the broker does not take the message (nack)");
        }
        round->acked += !round->is_acked[i];
        round->is_acked[i] = true;
    }
    return STATUS_OK;
}

static enum status take_return(struct amqp_round *round, const amqp_basic_return_t *returned, struct buffer *error)
{
    round->expects_header = true;
    return notify_fail(error, STATUS_OK, "no queue takes the message: %u %.*s, exchange \"%.*s\", routing key \"%.*s\"",
                       returned->reply_code, (int)returned->reply_text.len, (const char *)returned->reply_text.bytes,
                       (int)returned->exchange.len, (const char *)returned->exchange.bytes,
                       (int)returned->routing_key.len, (const char *)returned->routing_key.bytes);
}

/* The header of a message that came back says which one it is. */
static void take_header(struct amqp_round *round, const amqp_basic_properties_t *properties)
{
    size_t at = 0;

    while (at < round->count && !(properties->message_id.len == 2 * MESSAGE_ID_LEN &&
                                  memcmp(properties->message_id.bytes, round->ids[at], 2 * MESSAGE_ID_LEN) == 0))
        at++;
    if (at == round->count)
        at = 0; /* it does not say it: then any may be it */
    if (at < round->failed) {
        round->failed = at;
        round->failure = STATUS_NOT_FOUND;
    }
    round->expects_header = false;
}

static enum status take_frame(struct amqp_round *round, const amqp_frame_t *frame, struct buffer *error)
{
    if (frame->frame_type == AMQP_FRAME_HEADER && round->expects_header)
        take_header(round, frame->payload.properties.decoded);
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return STATUS_OK;
    const amqp_method_t *method = &frame->payload.method;
    if (method->id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *ack = method->decoded;
        return take_ack(round, ack->delivery_tag, ack->multiple, false, error);
    }
    if (method->id == AMQP_BASIC_NACK_METHOD) {
        const amqp_basic_nack_t *nack = method->decoded;
        return take_ack(round, nack->delivery_tag, nack->multiple, true, error);
    }
    if (method->id == AMQP_BASIC_RETURN_METHOD)
        return take_return(round, method->decoded, error);
    return method_closed(method, error);
}

static enum status await_confirms(struct amqp_target *self, struct amqp_round *round, uint64_t deadline_ms,
                                  struct buffer *error)
{
    enum status status = STATUS_OK;

    while (!status && round->acked < round->count) {
        const struct timeval left = notify_left(deadline_ms);
        amqp_frame_t frame;
        int result = amqp_simple_wait_frame_noblock(self->connection, &frame, &left);
        if (result == AMQP_STATUS_TIMEOUT)
            status = notify_fail(error, STATUS_TIMEOUT,
                                 "the broker did not confirm in time (it may be short of memory or disk)");
        else
            status = result == AMQP_STATUS_OK ? take_frame(round, &frame, error) : library_failed(result, error);
    }
    return status;
}

static enum status amqp_publish(struct notify_broker *broker, const struct notify_message *messages, size_t count,
                                uint64_t deadline_ms, size_t *confirmed, struct buffer *error)
{
    struct amqp_target *self = (struct amqp_target *)broker;
    struct amqp_round *round = mem_zalloc(sizeof(*round));
    enum status status = STATUS_OK;
    size_t done = 0;

    round->count = round->failed = count;
    round->base = self->tag;
    bound_sending(amqp_get_sockfd(self->connection), deadline_ms);
    for (size_t i = 0; i < count && !status; i++) {
        message_id(messages[i].body, round->ids[i]);
        status = publish_one(self, &messages[i], round->ids[i], error);
        self->tag++;
    }
    if (!status)
        status = await_confirms(self, round, deadline_ms, error);
    while (done < round->failed && round->is_acked[done])
        done++;
    if (!status && round->failed < count)
        status = round->failure;
    *confirmed = done;
    amqp_maybe_release_buffers(self->connection);
    free(round);
    return status;
}

static void amqp_disconnect(struct notify_broker *broker)
{
    struct amqp_target *self = (struct amqp_target *)broker;

    if (self->connection)
        STATUS_IGNORE(amqp_destroy_connection(self->connection), "it is gone in any case");
    self->connection = NULL;
}

static const struct notify_protocol amqp_protocol = {amqp_connect, amqp_publish, amqp_disconnect};

static void amqp_release(struct notify_target *target)
{
    struct amqp_target *self = (struct amqp_target *)target;

    if (self->connection && self->broker.is_connected) {
        const uint64_t deadline_ms = clock_monotonic_ms() + CLOSE_TIMEOUT_MS;
        const struct timeval left = notify_left(deadline_ms);
        bound_sending(amqp_get_sockfd(self->connection), deadline_ms);
        amqp_set_rpc_timeout(self->connection, &left);
        amqp_connection_close(self->connection, AMQP_REPLY_SUCCESS);
    }
    amqp_disconnect(&self->broker);
    free(self->vhost);
    free(self->exchange);
    free(self->routing_key);
    free(self);
}

static enum status read_url(struct amqp_target *self, const struct notify_url *url, struct buffer *error)
{
    enum status status =
        notify_check_parameters(url, (const char *const[]){"queue", "exchange", "routing-key", NULL}, error);
    char *queue = notify_url_parameter(url, "queue");

    self->exchange = notify_url_parameter(url, "exchange");
    self->routing_key = notify_url_parameter(url, "routing-key");
    self->vhost = notify_path(url);
    if (!status && !self->vhost)
        status = notify_fail(error, STATUS_INVALID, "the virtual host is not well percent-encoded");
    if (!status && !(queue && queue[0]) == !(self->exchange && self->exchange[0]))
        status = notify_fail(error, STATUS_INVALID, "%s:// needs queue=NAME or exchange=NAME", url->scheme);
    if (!status && queue && self->routing_key)
        status = notify_fail(error, STATUS_INVALID, "routing-key= is for exchange=, not for queue=");
    if (!status && queue) {
        free(self->exchange);
        self->exchange = mem_strdup(""); /* the default exchange has each queue under its name */
        self->routing_key = queue;
        queue = NULL;
    }
    if (!status && !self->vhost[0]) {
        free(self->vhost);
        self->vhost = mem_strdup("/");
    }
    if (!status && (strlen(self->vhost) > SHORT_BYTES_MAX || strlen(self->exchange) > SHORT_BYTES_MAX ||
                    (self->routing_key && strlen(self->routing_key) > SHORT_BYTES_MAX)))
        status = notify_fail(error, STATUS_INVALID, "a name of AMQP has at most %d bytes", SHORT_BYTES_MAX);
    free(queue);
    return status;
}

static enum status amqp_create(const struct notify_url *url, const char *name, struct notify_target **target,
                               struct buffer *error)
{
    struct amqp_target *self = mem_zalloc(sizeof(*self));

    (void)name;
    notify_broker_init(&self->broker, &amqp_protocol, url);
    enum status status = read_url(self, url, error);
    if (status)
        amqp_release((struct notify_target *)self);
    else
        *target = (struct notify_target *)self;
    return status;
}

const struct notify_kind notify_amqp = {{"amqp", "amqps"}, amqp_create, notify_broker_send, amqp_release};
