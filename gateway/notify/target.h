/* Where events go: a target is named by the setting -notify NAME=URL, and the URL's scheme says its kind. A kind speaks
 * one protocol and knows nothing of buckets, rules or the outbox. */
#ifndef TERCET_GATEWAY_NOTIFY_TARGET_H
#define TERCET_GATEWAY_NOTIFY_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define NOTIFY_NAME_MAX   64
#define NOTIFY_SECRET_MAX 4096
#define NOTIFY_ERROR_MAX  512 /* of the texts that kinds write; a longer one may be cut or left out */

/* SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH][?QUERY]. Texts that are not there are "", never NULL. */
struct notify_url {
    char *scheme, *user, *password, *host; /* scheme in lower case; user and password decoded; host without brackets */
    uint16_t port;                         /* 0: not said */
    char *path;                            /* as it is in the URL: "" or with its first '/' */
    char *query;         /* as it is in the URL, without '?' and without password-file= and ca-file= */
    bool tls;            /* by the scheme: https, amqps, kafkas, rediss, mqtts */
    const char *ca_file; /* ca-file=: PEM; "": the system's authorities */
};
/* Reads a URL, and the file that password-file= names (base/secret_file.h). A failure is explained in *error, without
 * secrets, and there is nothing to release. Blocks. */
enum status notify_url_parse(struct bytes text, struct notify_url *url, struct buffer *error);
void notify_url_release(struct notify_url *url); /* idempotent */
/* A parameter of the query, decoded, to be freed; NULL: not there, or not well encoded. */
char *notify_url_parameter(const struct notify_url *url, const char *name);

struct notify_message {
    struct bytes body;  /* {"Records":[one]} */
    struct bytes key;   /* BUCKET/KEY: partition or routing key. What has the same key is to stay in its order */
    struct bytes event; /* s3:ObjectCreated:Put */
};

struct notify_target; /* never defined: each kind casts it to its own struct */

struct notify_kind {
    const char *scheme[4]; /* "amqp", "amqps"; NULL behind the last */
    /* Checks the URL and makes a target that is not connected yet. error: text for a person. Does not block. The URL
     * outlives the target. */
    enum status (*create)(const struct notify_url *url, const char *name, struct notify_target **target,
                          struct buffer *error);
    /* Delivers messages in their order; returns when the broker has confirmed *delivered of them (it persists them:
     * publisher confirms, acks=all, QoS 1 PUBACK, XADD reply, HTTP 2xx). Connects when it has to. Blocks, at most
     * timeout_ms: called on the target's own thread, one call at a time. After a failure nothing is known of messages
     * behind *delivered; they are sent again. LIMIT: the first one behind *delivered was refused for what it is (too
     * large, not of the form that is wanted), and will be again. error: one line for the log, without secrets. */
    enum status (*send)(struct notify_target *target, const struct notify_message *messages, size_t count,
                        uint32_t timeout_ms, size_t *delivered, struct buffer *error);
    void (*release)(struct notify_target *target);
};

extern const struct notify_kind notify_webhook, notify_amqp, notify_kafka, notify_redis, notify_mqtt;

/* The kind of that scheme; NULL: there is none. */
const struct notify_kind *notify_kind_find(const char *scheme);

#endif
