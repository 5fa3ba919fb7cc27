/* Notification documents of buckets: which events of which keys are told to whom. Reading, AWS's rules for them,
 * writing, and finding the one configuration that an event of a key belongs to. */
#ifndef TERCET_COMPAT_NOTIFICATION_H
#define TERCET_COMPAT_NOTIFICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/error.h"

#define NOTIFICATION_XML_BYTES_MAX  131072 /* of a document that a client sends */
#define NOTIFICATION_KEPT_BYTES_MAX 262144
#define NOTIFICATION_RULES_MAX      100
#define NOTIFICATION_ID_BYTES_MAX   255
#define NOTIFICATION_VALUE_MAX      1024
#define NOTIFICATION_ARN_MAX        1600
#define NOTIFICATION_ID_LEN         32 /* of one that is made here */

/* Stored in rows that wait, so a number is never given to another. ANY: those behind it that begin alike. */
enum notification_event {
    NOTIFICATION_NONE,
    NOTIFICATION_LOST,
    NOTIFICATION_CREATED_ANY,
    NOTIFICATION_CREATED_PUT,
    NOTIFICATION_CREATED_POST,
    NOTIFICATION_CREATED_COPY,
    NOTIFICATION_CREATED_COMPLETE,
    NOTIFICATION_REMOVED_ANY,
    NOTIFICATION_REMOVED_DELETE,
    NOTIFICATION_REMOVED_MARKER,
    NOTIFICATION_RESTORE_ANY,
    NOTIFICATION_RESTORE_POST,
    NOTIFICATION_RESTORE_COMPLETED,
    NOTIFICATION_RESTORE_DELETE,
    NOTIFICATION_REPLICATION_ANY,
    NOTIFICATION_REPLICATION_FAILED,
    NOTIFICATION_REPLICATION_NOT_TRACKED,
    NOTIFICATION_REPLICATION_MISSED,
    NOTIFICATION_REPLICATION_LATE,
    NOTIFICATION_TAGGING_ANY,
    NOTIFICATION_TAGGING_PUT,
    NOTIFICATION_TAGGING_DELETE,
    NOTIFICATION_ACL_PUT,
    NOTIFICATION_EXPIRATION_ANY,
    NOTIFICATION_EXPIRATION_DELETE,
    NOTIFICATION_EXPIRATION_MARKER,
    NOTIFICATION_TRANSITION,
    NOTIFICATION_TIERING,
    NOTIFICATION_ANNOTATION_ANY,
    NOTIFICATION_ANNOTATION_PUT,
    NOTIFICATION_ANNOTATION_DELETE,
    NOTIFICATION_RETENTION_PUT,
    NOTIFICATION_EVENT_COUNT
};
/* s3:ObjectCreated:Put; of NONE "". */
const char *notification_event_name(enum notification_event event);
enum notification_event notification_event_find(struct bytes name); /* NONE: there is none of that name */

enum notification_kind { NOTIFICATION_TOPIC, NOTIFICATION_QUEUE, NOTIFICATION_FUNCTION };

struct notification_rule {
    enum notification_kind kind;
    struct bytes id, arn;
    struct bytes target; /* the ARN's last part; of a function, its name */
    uint64_t events;     /* bits by number; ANY is a bit of its own, as it was said */
    bool has_filter;     /* which may be empty */
    bool has_prefix, has_suffix;
    struct bytes prefix, suffix;
    char made_id[NOTIFICATION_ID_LEN + 1];
};
struct notification_configuration {
    struct notification_rule *rules;
    size_t count;
    uint64_t events; /* of all rules, with what ANY stands for: a quick answer for most events */
    bool event_bridge;
    char *storage; /* what the texts point into */
};

/* INVALID: malformed, or against a rule, as *error says; LIMIT: too long. To be released in any case: what *error names
 * lies in it. */
enum status notification_parse(struct bytes document, struct notification_configuration *configuration,
                               struct s3_error_details *error);
void notification_release(struct notification_configuration *configuration);
/* AWS's rules: ARNs of the right services, filters, no two configurations for one event of one key. */
enum status notification_check(const struct notification_configuration *configuration, struct s3_error_details *error);
/* Gives an id to those without. */
void notification_name_rules(struct notification_configuration *configuration, const uint8_t seed[12]);
/* Appends the document. LIMIT beyond the buffer's max. */
enum status notification_write(struct buffer *out, const struct notification_configuration *configuration);

/* The configuration that wants this event, which is no ANY, of that key; NULL: none. There is one at most. */
const struct notification_rule *notification_match(const struct notification_configuration *configuration,
                                                   enum notification_event event, struct bytes key);

/* For errors about the destination of a rule: QueueArn and the like. */
const char *notification_arn_argument(enum notification_kind kind);

#endif
