/* Redis streams: each event is an entry made by XADD, with the fields key, event and body. A round is one pipeline. The
 * protocol is hiredis's; its package in Debian 12 has no TLS, so the connection is of notify/stream.h.
 *
 *   redis[s]://[USER:PASSWORD@]HOST[:6379][/DATABASE]?stream=NAME[&maxlen=N][&replicas=N] */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/notify/broker.h"
#include "gateway/notify/stream.h"

#define REDIS_PORT      6379
#define REPLY_BYTES_MAX (64 * 1024) /* of a reply that was begun: those that are asked for have less than 1 KiB */
#define ROUND_BYTES_MAX (16u << 20) /* of commands; a round has one message, or NOTIFY_ROUND_BYTES_MAX of them */

struct redis_target {
    struct notify_broker broker;
    char *stream_name;
    char database[8], replicas[8], maxlen[24];
    struct notify_stream *stream;
    redisReader *reader;
    size_t unparsed; /* bytes given to the reader since it last gave a reply */
};

static enum status put_command(struct buffer *out, int count, const char *const words[], const size_t lens[])
{
    char *command;
    int len = redisFormatCommandArgv(&command, count, (const char **)words, lens);

    CHECK(len > 0);
    enum status status = buffer_append(out, command, (size_t)len);
    redisFreeCommand(command);
    return status;
}

static enum status read_reply(struct redis_target *self, uint64_t deadline_ms, redisReply **reply, struct buffer *error)
{
    char bytes[4096];
    enum status status = STATUS_OK;

    *reply = NULL;
    while (!status) {
        if (redisReaderGetReply(self->reader, (void **)reply) != REDIS_OK)
            return notify_fail(error, STATUS_IO, "the answer is not of the Redis protocol: %s", self->reader->errstr);
        if (*reply) {
            self->unparsed = 0;
            return STATUS_OK;
        }
        size_t len = sizeof(bytes);
        status = notify_stream_read(self->stream, bytes, &len, deadline_ms, error);
        self->unparsed += len;
        if (!status && self->unparsed > REPLY_BYTES_MAX)
            status = notify_fail(error, STATUS_IO, "the answer of the broker has no end");
        else if (!status && redisReaderFeed(self->reader, bytes, len) != REDIS_OK)
            status = notify_fail(error, STATUS_IO, "the answer is not of the Redis protocol: %s", self->reader->errstr);
    }
    return status;
}

static enum status refused(const char *what, const redisReply *reply, struct buffer *error)
{
    enum status status = STATUS_UNAVAILABLE;

    if (strncmp(reply->str, "NOPERM", 6) == 0 || strncmp(reply->str, "NOAUTH", 6) == 0)
        status = STATUS_DENIED;
    return notify_fail(error, status, "Redis refuses %s: %.*s", what, (int)(reply->len < 256 ? reply->len : 256),
                       reply->str);
}

/* A command of the handshake. The text of a refused AUTH is not repeated: some servers answer with what they were sent.
 */
static enum status command(struct redis_target *self, int count, const char *const words[], uint64_t deadline_ms,
                           struct buffer *error)
{
    struct buffer out;
    size_t lens[4];
    redisReply *reply = NULL;

    for (int i = 0; i < count; i++)
        lens[i] = strlen(words[i]);
    buffer_init(&out, 4 * NOTIFY_SECRET_MAX);
    enum status status = put_command(&out, count, words, lens);
    if (!status)
        status = notify_stream_write(self->stream, buffer_bytes(&out), deadline_ms, error);
    if (!status)
        status = read_reply(self, deadline_ms, &reply, error);
    if (!status && reply->type == REDIS_REPLY_ERROR) {
        if (strcmp(words[0], "AUTH") == 0)
            status = notify_fail(error, STATUS_DENIED, "Redis refuses the user or the password: %.*s",
                                 (int)strcspn(reply->str, " "), reply->str);
        else
            status = refused(words[0], reply, error);
    }
    freeReplyObject(reply);
    if (out.data)
        explicit_bzero(out.data, out.len);
    buffer_release(&out);
    return status;
}

static enum status redis_open(struct notify_broker *broker, const char *address, uint16_t port, uint64_t deadline_ms,
                              struct buffer *error)
{
    struct redis_target *self = (struct redis_target *)broker;
    const struct notify_url *url = broker->url;
    enum status status = notify_stream_open(url, address, port, deadline_ms, &self->stream, error);

    if (status)
        return status;
    self->reader = redisReaderCreate();
    CHECK(self->reader);
    self->unparsed = 0;
    if (url->password[0] && url->user[0])
        status = command(self, 3, (const char *[]){"AUTH", url->user, url->password}, deadline_ms, error);
    else if (url->password[0])
        status = command(self, 2, (const char *[]){"AUTH", url->password}, deadline_ms, error);
    if (!status && strcmp(self->database, "0") != 0)
        status = command(self, 2, (const char *[]){"SELECT", self->database}, deadline_ms, error);
    return status;
}

static enum status redis_connect(struct notify_broker *broker, uint64_t deadline_ms, struct buffer *error)
{
    return notify_connect_any(broker, broker->url->port ? broker->url->port : REDIS_PORT, deadline_ms, error,
                              redis_open);
}

static enum status put_message(const struct redis_target *self, const struct notify_message *message,
                               struct buffer *out)
{
    const char *words[12];
    size_t lens[12];
    int count = 0;
    const struct bytes fields[] = {BYTES("*"),     BYTES("key"),  message->key, BYTES("event"),
                                   message->event, BYTES("body"), message->body};

    for (const char *const *word = (const char *const[]){"XADD", self->stream_name, NULL}; *word; word++) {
        words[count] = *word;
        lens[count++] = strlen(*word);
    }
    if (self->maxlen[0]) {
        for (const char *const *word = (const char *const[]){"MAXLEN", "~", self->maxlen, NULL}; *word; word++) {
            words[count] = *word;
            lens[count++] = strlen(*word);
        }
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        words[count] = fields[i].data;
        lens[count++] = fields[i].len;
    }
    return put_command(out, count, words, lens);
}

/* WAIT answers how many replicas have what this connection wrote. */
static enum status wait_replicas(struct redis_target *self, uint64_t deadline_ms, struct buffer *error)
{
    char wait_ms[24];
    redisReply *reply = NULL;
    struct buffer out;
    /* Zero would be for ever. A little earlier than here, so that the answer is still read. */
    int left_ms = notify_left_ms(deadline_ms) * 9 / 10;

    snprintf(wait_ms, sizeof(wait_ms), "%d", left_ms > 1 ? left_ms : 1);
    const char *const words[] = {"WAIT", self->replicas, wait_ms};
    const size_t lens[] = {4, strlen(self->replicas), strlen(wait_ms)};
    buffer_init(&out, 256);
    enum status status = put_command(&out, 3, words, lens);
    if (!status)
        status = notify_stream_write(self->stream, buffer_bytes(&out), deadline_ms, error);
    if (!status)
        status = read_reply(self, deadline_ms, &reply, error);
    if (!status && reply->type == REDIS_REPLY_ERROR)
        status = refused("WAIT", reply, error);
    else if (!status && (reply->type != REDIS_REPLY_INTEGER || reply->integer < atoll(self->replicas)))
        status = notify_fail(error, STATUS_UNAVAILABLE, "only %lld of %s replicas have the entries",
                             reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0, self->replicas);
    freeReplyObject(reply);
    buffer_release(&out);
    return status;
}

static enum status redis_publish(struct notify_broker *broker, const struct notify_message *messages, size_t count,
                                 uint64_t deadline_ms, size_t *confirmed, struct buffer *error)
{
    struct redis_target *self = (struct redis_target *)broker;
    struct buffer out;
    size_t answered = 0;
    enum status status = STATUS_OK;

    *confirmed = 0;
    buffer_init(&out, ROUND_BYTES_MAX);
    for (size_t i = 0; i < count && !status; i++)
        if (put_message(self, &messages[i], &out))
            status = notify_fail(error, STATUS_LIMIT, "an event has more than 16 MiB");
    if (!status)
        status = notify_stream_write(self->stream, buffer_bytes(&out), deadline_ms, error);
    while (answered < count && !status) {
        redisReply *reply;
        status = read_reply(self, deadline_ms, &reply, error);
        if (!status && reply->type == REDIS_REPLY_ERROR)
            status = refused("XADD", reply, error);
        else if (!status && reply->type != REDIS_REPLY_STRING)
            status = notify_fail(error, STATUS_IO, "Redis answers XADD with something else than an id");
        freeReplyObject(reply);
        answered += !status;
    }
    if (self->replicas[0] && answered > 0) {
        enum status waited = status ? STATUS_UNAVAILABLE : wait_replicas(self, deadline_ms, error);
        if (waited) {
            answered = 0;
            status = status ? status : waited;
        }
    }
    *confirmed = answered;
    buffer_release(&out);
    return status;
}

static void redis_disconnect(struct notify_broker *broker)
{
    struct redis_target *self = (struct redis_target *)broker;

    if (self->reader)
        redisReaderFree(self->reader);
    notify_stream_close(self->stream);
    self->reader = NULL;
    self->stream = NULL;
}

static const struct notify_protocol redis_protocol = {redis_connect, redis_publish, redis_disconnect};

static void redis_release(struct notify_target *target)
{
    struct redis_target *self = (struct redis_target *)target;

    redis_disconnect(&self->broker);
    free(self->stream_name);
    free(self);
}

static enum status read_url(struct redis_target *self, const struct notify_url *url, struct buffer *error)
{
    uint64_t maxlen, replicas, database = 0;
    enum status status =
        notify_check_parameters(url, (const char *const[]){"stream", "maxlen", "replicas", NULL}, error);
    struct bytes path = bytes_from_str(url->path[0] ? url->path + 1 : "");

    if (!status && path.len > 0 && bytes_parse_u64(path, 9999, &database))
        status = notify_fail(error, STATUS_INVALID, "the path of redis:// is the number of a database");
    self->stream_name = notify_url_parameter(url, "stream");
    if (!status && (!self->stream_name || !self->stream_name[0]))
        status = notify_fail(error, STATUS_INVALID, "redis:// needs stream=NAME");
    if (!status && url->user[0] && !url->password[0])
        status = notify_fail(error, STATUS_INVALID, "a user of Redis has a password");
    if (!status)
        status = notify_number(url, "maxlen", 1, INT64_MAX, 0, &maxlen, error);
    if (!status)
        status = notify_number(url, "replicas", 1, 99, 0, &replicas, error);
    if (status)
        return status;
    snprintf(self->database, sizeof(self->database), "%u", (unsigned)database);
    if (maxlen > 0)
        snprintf(self->maxlen, sizeof(self->maxlen), "%llu", (unsigned long long)maxlen);
    if (replicas > 0)
        snprintf(self->replicas, sizeof(self->replicas), "%u", (unsigned)replicas);
    return STATUS_OK;
}

static enum status redis_create(const struct notify_url *url, const char *name, struct notify_target **target,
                                struct buffer *error)
{
    struct redis_target *self = mem_zalloc(sizeof(*self));

    (void)name;
    notify_broker_init(&self->broker, &redis_protocol, url);
    enum status status = read_url(self, url, error);
    if (status)
        redis_release((struct notify_target *)self);
    else
        *target = (struct notify_target *)self;
    return status;
}

const struct notify_kind notify_redis = {{"redis", "rediss"}, redis_create, notify_broker_send, redis_release};
