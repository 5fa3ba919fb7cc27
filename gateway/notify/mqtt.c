/* MQTT at QoS 1: a message counts when its PUBACK has come. By MQTT 5, unless the URL says otherwise: a broker of 3.1.1
 * has no way to say that it did not take a message, and acknowledges it all the same.
 *
 *   mqtt[s]://[USER:PASSWORD@]HOST[:PORT]/TOPIC[?version=5|3.1.1][&subscribers=required|optional][&client-id=TEXT]
 *
 * libmosquitto's own loop waits by select(), which takes no socket beyond the first 1024, and a gateway has more. So
 * this file waits by poll() and calls what the library has for that. Keep-alive is off: nobody would send it between
 * two rounds. */
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/notify/broker.h"

#define MQTT_PORT       1883
#define MQTTS_PORT      8883
#define TOPIC_BYTES_MAX 1024
#define PACKETS_A_CALL  64
#define RANDOM_LEN      8

struct mqtt_target {
    struct notify_broker broker;
    char *topic, *client_id;
    bool is_v5, needs_subscribers;
    struct mosquitto *client;
    bool has_answer; /* of the connection; what it was is in answer */
    int answer;
    int ids[NOTIFY_ROUND_MAX]; /* packet ids of the round */
    bool is_acked[NOTIFY_ROUND_MAX];
    int reasons[NOTIFY_ROUND_MAX];
    size_t sent, acked;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_begin(void)
{
    mosquitto_lib_init();
}

static void on_connect(struct mosquitto *client, void *opaque, int answer, int flags,
                       const mosquitto_property *properties)
{
    struct mqtt_target *self = opaque;

    (void)client, (void)flags, (void)properties;
    self->has_answer = true;
    self->answer = answer;
}

static void on_publish(struct mosquitto *client, void *opaque, int id, int reason, const mosquitto_property *properties)
{
    struct mqtt_target *self = opaque;

    (void)client, (void)properties;
    for (size_t i = 0; i < self->sent; i++) {
        if (self->ids[i] == id && !self->is_acked[i]) {
            self->is_acked[i] = true;
            self->reasons[i] = reason;
            self->acked++;
            return;
        }
    }
}

static enum status client_failed(struct mqtt_target *self, int result, struct buffer *error)
{
    const SSL *ssl = self->client ? mosquitto_ssl_get(self->client) : NULL;
    int number = errno;
    char text[256];

    if (result == MOSQ_ERR_TLS || (ssl && !SSL_is_init_finished(ssl)))
        return notify_fail(error, STATUS_CLOSED, "TLS failed: %s", notify_tls_reason(text, sizeof(text)));
    if (result == MOSQ_ERR_ERRNO)
        return notify_fail(error, STATUS_CLOSED, "the connection to the broker failed: %s",
                           number ? strerror(number) : "it was closed");
    if (result == MOSQ_ERR_CONN_LOST || result == MOSQ_ERR_NO_CONN)
        return notify_fail(error, STATUS_CLOSED, "the broker closed the connection");
    return notify_fail(error, STATUS_IO, "MQTT: %s", mosquitto_strerror(result));
}

static enum status wait_for(int fd, short events, uint64_t deadline_ms, short *revents, struct buffer *error)
{
    struct pollfd poller = {.fd = fd, .events = events};
    int ready;

    do {
        ready = poll(&poller, 1, notify_left_ms(deadline_ms));
    } while (ready < 0 && errno == EINTR);
    *revents = poller.revents;
    if (ready < 0)
        return notify_fail(error, STATUS_IO, "poll: %s", strerror(errno));
    return ready > 0 ? STATUS_OK : notify_fail(error, STATUS_TIMEOUT, "the broker did not answer in time");
}

/* Waits for the socket once and lets the library read and write. */
static enum status pump(struct mqtt_target *self, uint64_t deadline_ms, struct buffer *error)
{
    const SSL *ssl = mosquitto_ssl_get(self->client);
    /* Until TLS is there the library says that it wants to write, and then does not. */
    const bool writes = mosquitto_want_write(self->client) && (!ssl || SSL_is_init_finished(ssl));
    short revents = 0;
    int result = MOSQ_ERR_SUCCESS;
    enum status status;

    if (mosquitto_socket(self->client) < 0)
        return client_failed(self, MOSQ_ERR_NO_CONN, error);
    if (notify_left_ms(deadline_ms) == 0) /* a socket may be ready for ever, without anything that comes of it */
        return notify_fail(error, STATUS_TIMEOUT, "the broker did not answer in time");
    status = wait_for(mosquitto_socket(self->client), (short)(POLLIN | (writes ? POLLOUT : 0)), deadline_ms, &revents,
                      error);
    if (status)
        return status;
    errno = 0;
    if (revents & (POLLIN | POLLERR | POLLHUP))
        result = mosquitto_loop_read(self->client, PACKETS_A_CALL);
    if (result == MOSQ_ERR_SUCCESS && (revents & POLLOUT) && mosquitto_socket(self->client) >= 0)
        result = mosquitto_loop_write(self->client, PACKETS_A_CALL);
    /* Before TLS is there, the library takes a connection that was reset for a handshake that goes on. */
    if (result == MOSQ_ERR_SUCCESS && (revents & (POLLERR | POLLHUP)) &&
        (!(revents & POLLIN) || (ssl && !SSL_is_init_finished(ssl))))
        result = MOSQ_ERR_CONN_LOST;
    return result == MOSQ_ERR_SUCCESS ? STATUS_OK : client_failed(self, result, error);
}

static enum status set_tls(struct mqtt_target *self, struct buffer *error)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    enum status status = STATUS_INTERNAL;

    CHECK(context);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    status = notify_tls_prepare(context, self->broker.url, error);
    if (!status && (mosquitto_void_option(self->client, MOSQ_OPT_SSL_CTX, context) != MOSQ_ERR_SUCCESS ||
                    mosquitto_int_option(self->client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) != MOSQ_ERR_SUCCESS))
        status = notify_fail(error, STATUS_INTERNAL, "libmosquitto takes no TLS context");
    SSL_CTX_free(context); /* the client has a reference */
    return status;
}

static enum status make_client(struct mqtt_target *self, struct buffer *error)
{
    const struct notify_url *url = self->broker.url;
    unsigned char random[RANDOM_LEN];
    char id[sizeof("tercet-") + 2 * RANDOM_LEN] = "tercet-";

    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), id + strlen(id));
    self->client = mosquitto_new(self->client_id ? self->client_id : id, true, self);
    CHECK(self->client);
    mosquitto_connect_v5_callback_set(self->client, on_connect);
    mosquitto_publish_v5_callback_set(self->client, on_publish);
    mosquitto_int_option(self->client, MOSQ_OPT_PROTOCOL_VERSION, self->is_v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    mosquitto_int_option(self->client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_max_inflight_messages_set(self->client, NOTIFY_ROUND_MAX);
    if (url->user[0] && mosquitto_username_pw_set(self->client, url->user, url->password[0] ? url->password : NULL))
        return notify_fail(error, STATUS_INVALID, "libmosquitto does not take the user");
    return url->tls ? set_tls(self, error) : STATUS_OK;
}

/* The library begins to connect, and would take a refusal in the middle of it for a handshake that goes on. */
static enum status await_socket(struct mqtt_target *self, uint64_t deadline_ms, struct buffer *error)
{
    int number = 0, fd = mosquitto_socket(self->client);
    socklen_t len = sizeof(number);
    short revents;
    enum status status = wait_for(fd, POLLOUT, deadline_ms, &revents, error);

    if (!status && getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) == 0 && number != 0)
        status = notify_fail(error, STATUS_CLOSED, "the broker cannot be reached: %s", strerror(number));
    if (!status && self->broker.url->tls) {
        int result = mosquitto_loop_read(self->client, 1); /* this sends TLS's first message */
        status = result == MOSQ_ERR_SUCCESS ? STATUS_OK : client_failed(self, result, error);
    }
    return status;
}

static enum status mqtt_open(struct notify_broker *broker, const char *address, uint16_t port, uint64_t deadline_ms,
                             struct buffer *error)
{
    struct mqtt_target *self = (struct mqtt_target *)broker;
    enum status status = make_client(self, error);
    int result;

    if (status)
        return status;
    self->has_answer = false;
    errno = 0;
    ERR_clear_error();
    result = mosquitto_connect_bind_async(self->client, address, port, 0, NULL);
    if (result > MOSQ_ERR_SUCCESS)
        return client_failed(self, result, error);
    status = await_socket(self, deadline_ms, error);
    while (!status && !self->has_answer)
        status = pump(self, deadline_ms, error);
    if (self->has_answer && self->answer != 0)
        return notify_fail(error, STATUS_DENIED, "the broker refuses the connection: %s",
                           self->is_v5 ? mosquitto_reason_string(self->answer)
                                       : mosquitto_connack_string(self->answer));
    return status;
}

static enum status mqtt_connect(struct notify_broker *broker, uint64_t deadline_ms, struct buffer *error)
{
    uint16_t port = broker->url->port ? broker->url->port : broker->url->tls ? MQTTS_PORT : MQTT_PORT;

    return notify_connect_any(broker, port, deadline_ms, error, mqtt_open);
}

static enum status publish_one(struct mqtt_target *self, const struct notify_message *message, struct buffer *error)
{
    mosquitto_property *properties = NULL;
    int result = MOSQ_ERR_SUCCESS, id = 0;

    if (message->body.len > MQTT_MAX_PAYLOAD)
        return notify_fail(error, STATUS_LIMIT, "an event is longer than a message of MQTT");
    if (self->is_v5)
        result = mosquitto_property_add_string(&properties, MQTT_PROP_CONTENT_TYPE, "application/json");
    if (result == MOSQ_ERR_SUCCESS)
        result = mosquitto_publish_v5(self->client, &id, self->topic, (int)message->body.len, message->body.data, 1,
                                      false, properties);
    mosquitto_property_free_all(&properties);
    if (result != MOSQ_ERR_SUCCESS)
        return client_failed(self, result, error);
    self->ids[self->sent++] = id;
    return STATUS_OK;
}

/* OK: the broker has it, for everybody who is to get it. */
static enum status judge(const struct mqtt_target *self, int reason, struct buffer *error)
{
    if (reason == MQTT_RC_NO_MATCHING_SUBSCRIBERS && self->needs_subscribers)
        return notify_fail(error, STATUS_NOT_FOUND,
                           "nobody has subscribed to the topic \"%s\": the broker drops the message", self->topic);
    if (reason < 0x80)
        return STATUS_OK;
    return notify_fail(error, reason == MQTT_RC_NOT_AUTHORIZED ? STATUS_DENIED : STATUS_UNAVAILABLE,
                       "the broker does not take the message: %s", mosquitto_reason_string(reason));
}

static enum status mqtt_publish(struct notify_broker *broker, const struct notify_message *messages, size_t count,
                                uint64_t deadline_ms, size_t *confirmed, struct buffer *error)
{
    struct mqtt_target *self = (struct mqtt_target *)broker;
    enum status status = STATUS_OK, judged = STATUS_OK;
    size_t done = 0;

    self->sent = self->acked = 0;
    memset(self->is_acked, 0, sizeof(self->is_acked));
    errno = 0;
    for (size_t i = 0; i < count && !status; i++)
        status = publish_one(self, &messages[i], error);
    while (!status && self->acked < count)
        status = pump(self, deadline_ms, error);
    while (done < self->sent && self->is_acked[done] && !judged) {
        judged = judge(self, self->reasons[done], error);
        done += !judged;
    }
    *confirmed = done;
    return judged ? judged : status;
}

static void mqtt_disconnect(struct notify_broker *broker)
{
    struct mqtt_target *self = (struct mqtt_target *)broker;

    if (self->client) {
        if (broker->is_connected)
            mosquitto_disconnect(self->client);
        mosquitto_destroy(self->client);
    }
    self->client = NULL;
    ERR_clear_error();
}

static const struct notify_protocol mqtt_protocol = {mqtt_connect, mqtt_publish, mqtt_disconnect};

static void mqtt_release(struct notify_target *target)
{
    struct mqtt_target *self = (struct mqtt_target *)target;

    mqtt_disconnect(&self->broker);
    free(self->topic);
    free(self->client_id);
    free(self);
}

/* A parameter that is one of two words; the first one when it is not there. */
static enum status read_choice(const struct notify_url *url, const char *name, const char *first, const char *second,
                               bool *is_first, struct buffer *error)
{
    char *text = notify_url_parameter(url, name);
    enum status status = STATUS_OK;

    *is_first = !text || strcmp(text, first) == 0;
    if (!*is_first && strcmp(text, second) != 0)
        status = notify_fail(error, STATUS_INVALID, "%s= is %s or %s", name, first, second);
    free(text);
    return status;
}

static enum status read_url(struct mqtt_target *self, const struct notify_url *url, struct buffer *error)
{
    enum status status =
        notify_check_parameters(url, (const char *const[]){"version", "subscribers", "client-id", NULL}, error);

    self->topic = notify_path(url);
    self->client_id = notify_url_parameter(url, "client-id");
    if (!status && (!self->topic || !self->topic[0] || strlen(self->topic) > TOPIC_BYTES_MAX ||
                    mosquitto_pub_topic_check(self->topic) != MOSQ_ERR_SUCCESS))
        status = notify_fail(error, STATUS_INVALID, "the path of %s:// is a topic, without wildcards", url->scheme);
    if (!status && self->client_id && (!self->client_id[0] || strlen(self->client_id) > 255))
        status = notify_fail(error, STATUS_INVALID, "client-id= has 1 to 255 bytes");
    if (!status && url->password[0] && !url->user[0])
        status = notify_fail(error, STATUS_INVALID, "a password of MQTT has a user");
    if (!status)
        status = read_choice(url, "version", "5", "3.1.1", &self->is_v5, error);
    if (!status)
        status = read_choice(url, "subscribers", "required", "optional", &self->needs_subscribers, error);
    return status;
}

static enum status mqtt_create(const struct notify_url *url, const char *name, struct notify_target **target,
                               struct buffer *error)
{
    struct mqtt_target *self = mem_zalloc(sizeof(*self));

    (void)name;
    pthread_once(&library_once, library_begin);
    notify_broker_init(&self->broker, &mqtt_protocol, url);
    enum status status = read_url(self, url, error);
    if (status)
        mqtt_release((struct notify_target *)self);
    else
        *target = (struct notify_target *)self;
    return status;
}

const struct notify_kind notify_mqtt = {{"mqtt", "mqtts"}, mqtt_create, notify_broker_send, mqtt_release};
