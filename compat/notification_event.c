/* The names of events, and which configuration an event of a key belongs to. */
#include <assert.h>
#include <string.h>

#include "compat/notification_internal.h"

static const char *const names[NOTIFICATION_EVENT_COUNT] = {
    [NOTIFICATION_NONE] = "",
    [NOTIFICATION_LOST] = "s3:ReducedRedundancyLostObject",
    [NOTIFICATION_CREATED_ANY] = "s3:ObjectCreated:*",
    [NOTIFICATION_CREATED_PUT] = "s3:ObjectCreated:Put",
    [NOTIFICATION_CREATED_POST] = "s3:ObjectCreated:Post",
    [NOTIFICATION_CREATED_COPY] = "s3:ObjectCreated:Copy",
    [NOTIFICATION_CREATED_COMPLETE] = "s3:ObjectCreated:CompleteMultipartUpload",
    [NOTIFICATION_REMOVED_ANY] = "s3:ObjectRemoved:*",
    [NOTIFICATION_REMOVED_DELETE] = "s3:ObjectRemoved:Delete",
    [NOTIFICATION_REMOVED_MARKER] = "s3:ObjectRemoved:DeleteMarkerCreated",
    [NOTIFICATION_RESTORE_ANY] = "s3:ObjectRestore:*",
    [NOTIFICATION_RESTORE_POST] = "s3:ObjectRestore:Post",
    [NOTIFICATION_RESTORE_COMPLETED] = "s3:ObjectRestore:Completed",
    [NOTIFICATION_RESTORE_DELETE] = "s3:ObjectRestore:Delete",
    [NOTIFICATION_REPLICATION_ANY] = "s3:Replication:*",
    [NOTIFICATION_REPLICATION_FAILED] = "s3:Replication:OperationFailedReplication",
    [NOTIFICATION_REPLICATION_NOT_TRACKED] = "s3:Replication:OperationNotTracked",
    [NOTIFICATION_REPLICATION_MISSED] = "s3:Replication:OperationMissedThreshold",
    [NOTIFICATION_REPLICATION_LATE] = "s3:Replication:OperationReplicatedAfterThreshold",
    [NOTIFICATION_TAGGING_ANY] = "s3:ObjectTagging:*",
    [NOTIFICATION_TAGGING_PUT] = "s3:ObjectTagging:Put",
    [NOTIFICATION_TAGGING_DELETE] = "s3:ObjectTagging:Delete",
    [NOTIFICATION_ACL_PUT] = "s3:ObjectAcl:Put",
    [NOTIFICATION_EXPIRATION_ANY] = "s3:LifecycleExpiration:*",
    [NOTIFICATION_EXPIRATION_DELETE] = "s3:LifecycleExpiration:Delete",
    [NOTIFICATION_EXPIRATION_MARKER] = "s3:LifecycleExpiration:DeleteMarkerCreated",
    [NOTIFICATION_TRANSITION] = "s3:LifecycleTransition",
    [NOTIFICATION_TIERING] = "s3:IntelligentTiering",
    [NOTIFICATION_ANNOTATION_ANY] = "s3:ObjectAnnotation:*",
    [NOTIFICATION_ANNOTATION_PUT] = "s3:ObjectAnnotation:Put",
    [NOTIFICATION_ANNOTATION_DELETE] = "s3:ObjectAnnotation:Delete",
    [NOTIFICATION_RETENTION_PUT] = "s3:ObjectRetention:Put",
};
static_assert(NOTIFICATION_EVENT_COUNT <= 64, "a rule has a bit for each");

const char *notification_event_name(enum notification_event event)
{
    return names[event];
}

enum notification_event notification_event_find(struct bytes name)
{
    for (int i = 1; i < NOTIFICATION_EVENT_COUNT; i++)
        if (bytes_equal_str(name, names[i]))
            return (enum notification_event)i;
    return NOTIFICATION_NONE;
}

/* The bits of the event itself and of the ANY that stands for it. */
static uint64_t bits_of(enum notification_event event)
{
    uint64_t bits = UINT64_C(1) << event;

    for (int i = 1; i < NOTIFICATION_EVENT_COUNT; i++) {
        size_t len = strlen(names[i]);
        if (names[i][len - 1] == '*' && strncmp(names[i], names[event], len - 1) == 0)
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

static bool ends_with(struct bytes text, struct bytes end)
{
    return end.len == 0 || (text.len >= end.len && bytes_equal(bytes_of(text.data + text.len - end.len, end.len), end));
}

const struct notification_rule *notification_match(const struct notification_configuration *configuration,
                                                   enum notification_event event, struct bytes key)
{
    uint64_t bits = bits_of(event);

    if (!(configuration->events & bits))
        return NULL;
    for (size_t i = 0; i < configuration->count; i++) {
        const struct notification_rule *rule = &configuration->rules[i];
        if ((rule->events & bits) && bytes_starts_with(key, rule->prefix) && ends_with(key, rule->suffix))
            return rule;
    }
    return NULL;
}

/* ---- two configurations for one event of one key ------------------------------------------------------------------
 */

/* Whether there is an event that both want. */
static bool share_event(const struct notification_rule *a, const struct notification_rule *b)
{
    for (int i = 1; i < NOTIFICATION_EVENT_COUNT; i++) {
        uint64_t bits = bits_of((enum notification_event)i);
        if ((a->events & bits) && (b->events & bits))
            return true;
    }
    return false;
}

bool notification_rules_overlap(const struct notification_rule *a, const struct notification_rule *b)
{
    return share_event(a, b) && (bytes_starts_with(a->prefix, b->prefix) || bytes_starts_with(b->prefix, a->prefix)) &&
           (ends_with(a->suffix, b->suffix) || ends_with(b->suffix, a->suffix));
}
