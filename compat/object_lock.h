/* Object lock: what retentions, holds and a bucket's rule say, what they forbid, and how they change. Pure: what time
 * it is comes from the caller. Sources: AWS, "Locking objects with Object Lock" and "Object Lock considerations".
 *
 * A retention has a mode and an end. An event hold keeps a version for as long as it is on and, once it is released,
 * for its duration from then; so its end, while it is on, is always that duration away. A legal hold has no end. */
#ifndef TERCET_COMPAT_OBJECT_LOCK_H
#define TERCET_COMPAT_OBJECT_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "compat/error.h"

#define LOCK_DAYS_MAX            36500
#define LOCK_YEARS_MAX           100
#define LOCK_XML_BYTES_MAX       65536 /* of a document that a client sends; what is kept or given back is shorter */
#define LOCK_KEPT_XML_BYTES_MAX  1024
#define LOCK_RETENTION_BYTES_MAX 32 /* of a stored retention; a legal hold takes 2 */

enum lock_mode { LOCK_MODE_NONE, LOCK_MODE_GOVERNANCE, LOCK_MODE_COMPLIANCE };
enum lock_hold { LOCK_HOLD_NONE, LOCK_HOLD_ON, LOCK_HOLD_OFF }; /* none: there never was one, or none is said */
struct lock_duration {
    uint32_t days, years; /* one of them, or neither: none */
};

struct lock_retention { /* of a version, or asked for; mode NONE: there is none, and nothing else counts */
    enum lock_mode mode;
    int64_t until_ms; /* 0: no end of its own, only that of the event hold */
    enum lock_hold event_hold;
    struct lock_duration duration; /* of the event hold */
};
struct lock_rule { /* of a bucket, for new versions; mode NONE: none */
    enum lock_mode mode;
    struct lock_duration retention, event_hold; /* one of them, or both */
};

/* What time it may be. */
struct lock_time {
    int64_t now_ms;  /* what ends are counted from */
    int64_t past_ms; /* by all clocks that are known: what ended by then is over; INT64_MIN: none is known */
    int64_t own_ms;  /* by the own clock alone */
};

const char *lock_mode_name(enum lock_mode mode); /* not of NONE */
const char *lock_hold_name(enum lock_hold hold); /* likewise */
/* 365 days a year, as AWS counts them. */
int64_t lock_duration_ms(const struct lock_duration *duration);
bool lock_duration_is_set(const struct lock_duration *duration);
/* The end of a retention, as of now. */
int64_t lock_retention_end(const struct lock_retention *retention, int64_t now_ms);

/* Whether a version may be removed; bypass: who asks may pass over GOVERNANCE, and wants to. DENIED; CONFLICT: by the
 * own clock the retention is over, but not by all that are known. */
enum status lock_check_removal(const struct lock_retention *retention, enum lock_hold legal_hold,
                               const struct lock_time *time, bool bypass);
/* What a version's retention becomes: `asked` of mode NONE removes it, an event hold of NONE leaves that as it is, a
 * release makes its end. DENIED: it would end sooner, or in another mode, than who asks may make it. INVALID: an event
 * hold without a duration, or a release of none. */
enum status lock_change(const struct lock_retention *before, const struct lock_retention *asked,
                        const struct lock_time *time, bool bypass, struct lock_retention *after);
/* The retention of a new version. */
struct lock_retention lock_rule_apply(const struct lock_rule *rule, int64_t now_ms);

/* ---- as they are stored with a version: a format byte first -------------------------------------------------------
 */
enum status lock_retention_pack(struct buffer *out, const struct lock_retention *retention);
enum status lock_retention_unpack(struct bytes stored, struct lock_retention *retention); /* CORRUPT */
enum status lock_legal_hold_pack(struct buffer *out, enum lock_hold hold);
enum status lock_legal_hold_unpack(struct bytes stored, enum lock_hold *hold); /* CORRUPT */

/* ---- headers of a new object, or fields of a form -----------------------------------------------------------------
 */
struct lock_words { /* as sent; empty: absent */
    struct bytes mode, until, legal_hold, event_hold, days, years;
};
struct lock_wish {
    struct lock_retention retention; /* explicit when its mode is not NONE */
    enum lock_hold legal_hold;
};
bool lock_words_are_given(const struct lock_words *words);
/* InvalidArgument, by AWS's words where they are known. */
enum status lock_wish_parse(const struct lock_words *words, int64_t now_ms, struct lock_wish *wish,
                            struct s3_error_details *error);

/* ---- documents (object_lock_xml.c) --------------------------------------------------------------------------------
 */
/* ObjectLockConfiguration. MalformedXML, or InvalidArgument for a period out of bounds. */
enum status lock_configuration_parse(struct bytes document, struct lock_rule *rule, struct s3_error_details *error);
enum status lock_configuration_write(struct buffer *out, const struct lock_rule *rule);
/* Retention; an empty one has mode NONE. A past date is InvalidArgument. */
enum status lock_retention_parse(struct bytes document, int64_t now_ms, struct lock_retention *retention,
                                 struct s3_error_details *error);
enum status lock_retention_write(struct buffer *out, const struct lock_retention *retention, int64_t now_ms);
enum status lock_legal_hold_parse(struct bytes document, enum lock_hold *hold, struct s3_error_details *error);
enum status lock_legal_hold_write(struct buffer *out, enum lock_hold hold);

/* Shared by headers and documents. */
bool lock_mode_parse(struct bytes text, enum lock_mode *mode);
bool lock_hold_parse(struct bytes text, enum lock_hold *hold);
/* Days or years within AWS's bounds, of an event hold. */
enum status lock_duration_parse(const char *name, struct bytes text, uint32_t max, uint32_t *value,
                                struct s3_error_details *error);
enum status lock_check_future(const char *name, struct bytes text, int64_t until_ms, int64_t now_ms,
                              struct s3_error_details *error);
/* InvalidArgument, with the argument's value copied; INVALID. */
enum status lock_refuse(const char *name, struct bytes value, const char *message, struct s3_error_details *error);

#endif
