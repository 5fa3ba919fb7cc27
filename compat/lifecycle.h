/* The lifecycle of a bucket's objects: the rules of its configuration, AWS's checks of them, and what they say of one
 * version, one upload, at one time. Pure: who acts on it is the gateway's (gateway/jobs/lifecycle.c). After AWS's pages
 * "Lifecycle configuration elements" and "PutBucketLifecycleConfiguration".
 *
 * A time that counts in days is rounded up to midnight UTC. Where rules differ about a version, the earlier expiration
 * counts; a permanent removal comes before a transition, a transition before a delete marker; of two transitions the
 * one to the colder class. */
#ifndef TERCET_COMPAT_LIFECYCLE_H
#define TERCET_COMPAT_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/error.h"
#include "compat/storage_class.h"
#include "compat/tags.h"

#define LIFECYCLE_RULES_MAX          1000
#define LIFECYCLE_ID_CHARS_MAX       255
#define LIFECYCLE_TAGS_MAX           10 /* of a filter: an object has no more */
#define LIFECYCLE_NEWER_VERSIONS_MAX 100
#define LIFECYCLE_KEPT_BYTES_MAX     ((size_t)256 * 1024) /* of a document, sent or written again */
#define LIFECYCLE_DAY_MS             86400000
#define LIFECYCLE_GENERATED_ID_LEN   32

/* When something is done: so many days after, or on a day. */
struct lifecycle_time {
    bool by_date, by_days;
    int64_t date_ms; /* midnight UTC */
    int64_t days;
};

struct lifecycle_transition {
    bool noncurrent;
    struct lifecycle_time time; /* of noncurrent versions in days */
    enum storage_class storage_class;
    bool has_newer;
    int64_t newer; /* NewerNoncurrentVersions */
};

struct lifecycle_rule {
    struct bytes id;
    char generated_id[LIFECYCLE_GENERATED_ID_LEN + 1]; /* what id is when the document has none */
    bool enabled;
    bool old_prefix; /* Prefix stands in the rule, and there is no Filter */
    bool has_and, has_prefix, has_greater, has_less;
    struct bytes prefix;
    uint64_t greater, less;        /* ObjectSizeGreaterThan, ObjectSizeLessThan */
    size_t tags_first, tags_count; /* of the configuration's */
    bool has_expiration, has_noncurrent, has_abort, has_marker;
    struct lifecycle_time expiration;
    bool expired_marker; /* ExpiredObjectDeleteMarker, if has_marker */
    int64_t noncurrent_days;
    bool has_newer;
    int64_t newer; /* NewerNoncurrentVersions of the expiration */
    int64_t abort_days;
    size_t transitions_first, transitions_count;
};

/* x-amz-transition-default-minimum-object-size: what is smaller than 128 KiB makes no transition, unless its rule has a
 * size. The two differ in classes that are not offered here, and so in nothing but what is given back. */
enum lifecycle_minimum { LIFECYCLE_ALL_CLASSES_128K, LIFECYCLE_VARIES_BY_CLASS };

struct lifecycle_configuration {
    struct lifecycle_rule *rules;
    size_t count;
    struct tag *tags;
    size_t tag_count;
    struct lifecycle_transition *transitions;
    size_t transition_count;
    char *storage; /* what the spans point into */
};

/* LifecycleConfiguration{Rule{ID, Status, Prefix or Filter, actions}}. INVALID, LIMIT: MalformedXML to the client, but
 * for a storage class that is not offered, with which error->code says so; else it stays NONE. Then there is nothing
 * to release. */
enum status lifecycle_parse(struct bytes document, struct lifecycle_configuration *configuration,
                            struct s3_error_details *error);
void lifecycle_release(struct lifecycle_configuration *configuration); /* idempotent */
/* AWS's rules for the values: InvalidArgument, InvalidRequest. */
enum status lifecycle_check(const struct lifecycle_configuration *configuration, struct s3_error_details *error);
/* Gives the rules without an ID one of their own, made of the seed. */
void lifecycle_name_rules(struct lifecycle_configuration *configuration, const uint8_t seed[12]);
/* The document again; LIMIT when it is too long. */
enum status lifecycle_write(struct buffer *out, const struct lifecycle_configuration *configuration);

const char *lifecycle_minimum_name(enum lifecycle_minimum minimum);
/* Absent: the default. INVALID: not one of the two. */
enum status lifecycle_minimum_parse(struct bytes text, enum lifecycle_minimum *minimum);

/* ---- what the rules say ------------------------------------------------------------------------------------------ */
/* A version as rules look at it. */
struct lifecycle_version {
    struct bytes key;
    uint64_t size;
    int64_t modified_ms;
    enum storage_class storage_class;
    bool delete_marker;
    bool versioned; /* the bucket keeps versions: an expiration adds a delete marker */
    bool current;
    bool alone;                 /* no other version of the key is there; asked of a current delete marker */
    int64_t noncurrent_ms;      /* since when it is not current: when its successor was written */
    uint64_t newer;             /* versions of the key that are newer and not current */
    const struct tag_set *tags; /* NULL: none */
    bool tags_unknown;          /* every filter by tags counts as true: is it worth looking at them? */
};

enum lifecycle_action {
    LIFECYCLE_NOTHING,
    LIFECYCLE_EXPIRE,        /* the current version: removed, or hidden by a delete marker */
    LIFECYCLE_REMOVE,        /* a noncurrent version, for good */
    LIFECYCLE_REMOVE_MARKER, /* a delete marker that hides nothing */
    LIFECYCLE_TRANSITION,    /* to verdict.storage_class */
    LIFECYCLE_ACTION_COUNT
};

struct lifecycle_verdict {
    enum lifecycle_action action;
    const struct lifecycle_rule *rule;
    enum storage_class storage_class;
    int64_t due_ms;
};

/* What is to be done with the version by now. day_ms: LIFECYCLE_DAY_MS, less in tests: the length of a day, of which
 * midnight is each multiple. */
struct lifecycle_verdict lifecycle_judge(const struct lifecycle_configuration *configuration,
                                         const struct lifecycle_version *version, int64_t now_ms, int64_t day_ms);
/* When the current version expires, and by which rule; false: never. Of what clients are told. */
bool lifecycle_expiration(const struct lifecycle_configuration *configuration, const struct lifecycle_version *version,
                          int64_t day_ms, struct lifecycle_verdict *verdict);
/* When an upload that was begun then is aborted, and by which rule; false: never. */
bool lifecycle_abortion(const struct lifecycle_configuration *configuration, struct bytes key, int64_t begun_ms,
                        int64_t day_ms, struct lifecycle_verdict *verdict);

#endif
