/* Kafka, by an idempotent producer: a message counts when all replicas that are in sync have it. The key is BUCKET/KEY,
 * and the partitioner the Java client's, so that the events of one key stay in one partition and in their order.
 *
 *   kafka[s]://[USER:PASSWORD@]HOST[:9092]/TOPIC[?brokers=HOST:PORT,...][&sasl=PLAIN|SCRAM-SHA-256|SCRAM-SHA-512]
 *
 * librdkafka has threads and connections of its own. A producer that failed is ended, with what it still holds: else it
 * would send later what is sent again by then. */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/notify/broker.h"

#define KAFKA_PORT        9092
#define TOPIC_BYTES_MAX   249
#define REASON_BYTES_MAX  200
#define WAIT_MS           100
#define MESSAGE_BYTES_MAX "16777216" /* what the broker takes is its own setting */

struct kafka_target {
    struct notify_broker broker;
    char *topic_name, *brokers, *sasl;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    rd_kafka_resp_err_t results[NOTIFY_ROUND_MAX];
    bool has_result[NOTIFY_ROUND_MAX];
    size_t results_count;
    pthread_mutex_t lock;              /* guards reason, which librdkafka's threads write */
    char reason[REASON_BYTES_MAX + 1]; /* what the library noted last about its connections */
};

/* Instead of stderr. Its lines name hosts, topics and causes; passwords are never in them. */
static void note_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
    struct kafka_target *self = rd_kafka_opaque(producer);

    (void)facility;
    if (level > 4)
        return;
    pthread_mutex_lock(&self->lock);
    snprintf(self->reason, sizeof(self->reason), "%s", text);
    pthread_mutex_unlock(&self->lock);
}

static void note_error(rd_kafka_t *producer, int code, const char *text, void *opaque)
{
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        note_log(producer, 3, "", text);
    (void)opaque;
}

static void note_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_target *self = opaque;
    size_t at = (size_t)(uintptr_t)message->_private;

    (void)producer;
    self->results_count += !self->has_result[at];
    self->has_result[at] = true;
    self->results[at] = message->err;
}

static enum status kafka_failed(struct kafka_target *self, rd_kafka_resp_err_t code, struct buffer *error)
{
    enum status status = STATUS_UNAVAILABLE;
    char reason[REASON_BYTES_MAX + 1];

    pthread_mutex_lock(&self->lock);
    memcpy(reason, self->reason, sizeof(reason));
    pthread_mutex_unlock(&self->lock);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return notify_fail(error, STATUS_NOT_FOUND, "Kafka has no topic \"%s\"", self->topic_name);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        status = STATUS_DENIED;
    else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT)
        status = STATUS_TIMEOUT;
    else if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        status = STATUS_LIMIT;
    return notify_fail(error, status, "Kafka: %s%s%s", rd_kafka_err2str(code), reason[0] ? "; " : "", reason);
}

static enum status set(rd_kafka_conf_t *conf, const char *name, const char *value, struct buffer *error)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return STATUS_OK;
    return notify_fail(error, STATUS_INVALID, "librdkafka does not take %s", name);
}

static enum status set_security(const struct kafka_target *self, rd_kafka_conf_t *conf, struct buffer *error)
{
    const struct notify_url *url = self->broker.url;
    const bool has_user = url->user[0] != '\0';
    const char *protocol = has_user ? (url->tls ? "sasl_ssl" : "sasl_plaintext") : url->tls ? "ssl" : "plaintext";
    enum status status = set(conf, "security.protocol", protocol, error);

    if (!status && url->tls && url->ca_file[0])
        status = set(conf, "ssl.ca.location", url->ca_file, error);
    if (!status && url->tls)
        status = set(conf, "ssl.endpoint.identification.algorithm", "https", error);
    if (!status && has_user)
        status = set(conf, "sasl.mechanism", self->sasl, error);
    if (!status && has_user)
        status = set(conf, "sasl.username", url->user, error);
    if (!status && has_user)
        status = set(conf, "sasl.password", url->password, error);
    return status;
}

static enum status make_conf(struct kafka_target *self, rd_kafka_conf_t **made, struct buffer *error)
{
    static const char *const settings[][2] = {{"client.id", "tercet"},
                                              {"enable.idempotence", "true"},
                                              {"linger.ms", "0"},
                                              {"message.timeout.ms", "300000"},
                                              {"message.max.bytes", MESSAGE_BYTES_MAX},
                                              {"partitioner", "murmur2_random"},
                                              {"reconnect.backoff.max.ms", "1000"},
                                              {"topic.metadata.propagation.max.ms", "0"},
                                              {"socket.keepalive.enable", "true"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum status status = set(conf, "bootstrap.servers", self->brokers, error);

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]) && !status; i++)
        status = set(conf, settings[i][0], settings[i][1], error);
    if (!status)
        status = set_security(self, conf, error);
    if (status) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    rd_kafka_conf_set_opaque(conf, self);
    rd_kafka_conf_set_log_cb(conf, note_log);
    rd_kafka_conf_set_error_cb(conf, note_error);
    rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
    *made = conf;
    return STATUS_OK;
}

/* A topic that is not there is told at once; to the producer it would be one whose metadata have not come yet. */
static enum status check_topic(struct kafka_target *self, uint64_t deadline_ms, struct buffer *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(self->producer, 0, self->topic, &metadata, notify_left_ms(deadline_ms) + 1);

    rd_kafka_poll(self->producer, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1)
        code = metadata->topics[0].err;
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
        return STATUS_OK; /* the second: the broker is making it */
    return kafka_failed(self, code, error);
}

static enum status kafka_connect(struct notify_broker *broker, uint64_t deadline_ms, struct buffer *error)
{
    struct kafka_target *self = (struct kafka_target *)broker;
    rd_kafka_conf_t *conf = NULL;
    char text[REASON_BYTES_MAX];
    enum status status = make_conf(self, &conf, error);

    if (status)
        return status;
    self->reason[0] = '\0';
    self->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!self->producer) {
        rd_kafka_conf_destroy(conf);
        return notify_fail(error, STATUS_INVALID, "librdkafka makes no producer: %s", text);
    }
    self->topic = rd_kafka_topic_new(self->producer, self->topic_name, NULL);
    if (!self->topic)
        return kafka_failed(self, rd_kafka_last_error(), error);
    return check_topic(self, deadline_ms, error);
}

static enum status await_results(struct kafka_target *self, size_t count, uint64_t deadline_ms, struct buffer *error)
{
    while (self->results_count < count) {
        int left_ms = notify_left_ms(deadline_ms);
        if (left_ms == 0)
            return kafka_failed(self, RD_KAFKA_RESP_ERR__TIMED_OUT, error);
        rd_kafka_poll(self->producer, left_ms < WAIT_MS ? left_ms : WAIT_MS);
    }
    return STATUS_OK;
}

static enum status kafka_publish(struct notify_broker *broker, const struct notify_message *messages, size_t count,
                                 uint64_t deadline_ms, size_t *confirmed, struct buffer *error)
{
    struct kafka_target *self = (struct kafka_target *)broker;
    enum status status = STATUS_OK;
    size_t sent = 0, done = 0;

    self->results_count = 0;
    memset(self->has_result, 0, sizeof(self->has_result));
    while (sent < count && !status) {
        const struct notify_message *message = &messages[sent];
        if (rd_kafka_produce(self->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)message->body.data,
                             message->body.len, message->key.data, message->key.len, (void *)(uintptr_t)sent) == 0)
            sent++;
        else
            status = kafka_failed(self, rd_kafka_last_error(), error);
    }
    enum status waited = await_results(self, sent, deadline_ms, error);
    while (done < sent && self->has_result[done] && self->results[done] == RD_KAFKA_RESP_ERR_NO_ERROR)
        done++;
    if (!status && done < sent && self->has_result[done])
        status = kafka_failed(self, self->results[done], error);
    *confirmed = done;
    return status ? status : waited;
}

static void kafka_disconnect(struct notify_broker *broker)
{
    struct kafka_target *self = (struct kafka_target *)broker;

    if (self->topic)
        rd_kafka_topic_destroy(self->topic);
    if (self->producer) {
        (void)rd_kafka_purge(self->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(self->producer, 0);
        rd_kafka_destroy(self->producer);
    }
    self->topic = NULL;
    self->producer = NULL;
}

static const struct notify_protocol kafka_protocol = {kafka_connect, kafka_publish, kafka_disconnect};

static void kafka_release(struct notify_target *target)
{
    struct kafka_target *self = (struct kafka_target *)target;

    kafka_disconnect(&self->broker);
    pthread_mutex_destroy(&self->lock);
    free(self->topic_name);
    free(self->brokers);
    free(self->sasl);
    free(self);
}

static bool is_topic(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= TOPIC_BYTES_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static bool is_sasl(const char *name)
{
    return strcmp(name, "PLAIN") == 0 || strcmp(name, "SCRAM-SHA-256") == 0 || strcmp(name, "SCRAM-SHA-512") == 0;
}

/* The URL's host, and those of brokers=, as librdkafka reads them. */
static enum status read_brokers(struct kafka_target *self, const struct notify_url *url, struct buffer *error)
{
    char *more = notify_url_parameter(url, "brokers");
    const bool is_v6 = strchr(url->host, ':') != NULL;
    enum status status = STATUS_OK;
    struct buffer list;

    buffer_init(&list, 8192);
    if (more && (!more[0] ||
                 strspn(more, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[],") != strlen(more)))
        status = notify_fail(error, STATUS_INVALID, "brokers= is a list HOST:PORT,HOST:PORT");
    else if (buffer_printf(&list, "%s%s%s:%u%s%s", is_v6 ? "[" : "", url->host, is_v6 ? "]" : "",
                           url->port ? url->port : KAFKA_PORT, more ? "," : "", more ? more : ""))
        status = notify_fail(error, STATUS_INVALID, "brokers= is too long");
    else
        self->brokers = mem_strndup(list.data, list.len);
    buffer_release(&list);
    free(more);
    return status;
}

static enum status read_url(struct kafka_target *self, const struct notify_url *url, struct buffer *error)
{
    enum status status = notify_check_parameters(url, (const char *const[]){"brokers", "sasl", NULL}, error);
    rd_kafka_conf_t *conf = NULL;

    self->topic_name = notify_path(url);
    self->sasl = notify_url_parameter(url, "sasl");
    if (!status && (!self->topic_name || !is_topic(self->topic_name)))
        status = notify_fail(error, STATUS_INVALID, "the path of %s:// is the name of a topic", url->scheme);
    if (!status && self->sasl && (!is_sasl(self->sasl) || !url->user[0]))
        status = notify_fail(error, STATUS_INVALID, "sasl= is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, and needs a user");
    if (!self->sasl)
        self->sasl = mem_strdup("PLAIN");
    if (!status)
        status = read_brokers(self, url, error);
    if (!status)
        status = make_conf(self, &conf, error); /* what the library of this machine does not offer is refused at once */
    if (!status)
        rd_kafka_conf_destroy(conf);
    return status;
}

static enum status kafka_create(const struct notify_url *url, const char *name, struct notify_target **target,
                                struct buffer *error)
{
    struct kafka_target *self = mem_zalloc(sizeof(*self));

    (void)name;
    pthread_mutex_init(&self->lock, NULL);
    notify_broker_init(&self->broker, &kafka_protocol, url);
    enum status status = read_url(self, url, error);
    if (status)
        kafka_release((struct notify_target *)self);
    else
        *target = (struct notify_target *)self;
    return status;
}

const struct notify_kind notify_kafka = {{"kafka", "kafkas"}, kafka_create, notify_broker_send, kafka_release};
