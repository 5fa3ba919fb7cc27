/* Retentions and holds: what they forbid, how they change, and their stored and header forms; see the header. */
#include "compat/object_lock.h"

#include "base/clock.h"

#define FORMAT            1
#define RETENTION_BYTES   19
#define LEGAL_HOLD_BYTES  2
#define DAY_MS            INT64_C(86400000)
#define DAYS_A_YEAR       365
#define VALUE_SHOWN_MAX   64
#define EVENT_HOLD        "x-amz-object-lock-event-hold"
#define EVENT_HOLD_DAYS   "x-amz-object-lock-event-hold-duration-days"
#define EVENT_HOLD_YEARS  "x-amz-object-lock-event-hold-duration-years"
#define MODE              "x-amz-object-lock-mode"
#define RETAIN_UNTIL_DATE "x-amz-object-lock-retain-until-date"
#define LEGAL_HOLD        "x-amz-object-lock-legal-hold"

static const char *const mode_names[] = {"", "GOVERNANCE", "COMPLIANCE"};
static const char *const hold_names[] = {"", "ON", "OFF"};

const char *lock_mode_name(enum lock_mode mode)
{
    return mode_names[mode];
}

const char *lock_hold_name(enum lock_hold hold)
{
    return hold_names[hold];
}

bool lock_mode_parse(struct bytes text, enum lock_mode *mode)
{
    *mode = bytes_equal_str(text, mode_names[LOCK_MODE_GOVERNANCE])   ? LOCK_MODE_GOVERNANCE
            : bytes_equal_str(text, mode_names[LOCK_MODE_COMPLIANCE]) ? LOCK_MODE_COMPLIANCE
                                                                      : LOCK_MODE_NONE;
    return *mode != LOCK_MODE_NONE;
}

bool lock_hold_parse(struct bytes text, enum lock_hold *hold)
{
    *hold = bytes_equal_str(text, hold_names[LOCK_HOLD_ON])    ? LOCK_HOLD_ON
            : bytes_equal_str(text, hold_names[LOCK_HOLD_OFF]) ? LOCK_HOLD_OFF
                                                               : LOCK_HOLD_NONE;
    return *hold != LOCK_HOLD_NONE;
}

int64_t lock_duration_ms(const struct lock_duration *duration)
{
    return ((int64_t)duration->days + (int64_t)duration->years * DAYS_A_YEAR) * DAY_MS;
}

bool lock_duration_is_set(const struct lock_duration *duration)
{
    return duration->days > 0 || duration->years > 0;
}

/* Ends are computed in whole seconds, which every form of a date carries: who reads one and sends it again does not ask
 * for an earlier one. */
static int64_t from_now(int64_t now_ms, const struct lock_duration *duration)
{
    return (now_ms + 999) / 1000 * 1000 + lock_duration_ms(duration);
}

int64_t lock_retention_end(const struct lock_retention *retention, int64_t now_ms)
{
    int64_t held_ms = from_now(now_ms, &retention->duration);

    return retention->event_hold == LOCK_HOLD_ON && held_ms > retention->until_ms ? held_ms : retention->until_ms;
}

/* ---- what they forbid ------------------------------------------------------------------------------------------- */

/* Whether it is over; what is held is not. */
static bool has_ended(const struct lock_retention *retention, int64_t by_ms)
{
    return retention->mode == LOCK_MODE_NONE || (retention->event_hold != LOCK_HOLD_ON && retention->until_ms <= by_ms);
}

static bool is_bound(const struct lock_retention *retention, const struct lock_time *time, bool bypass)
{
    return !has_ended(retention, time->past_ms) && !(bypass && retention->mode == LOCK_MODE_GOVERNANCE);
}

enum status lock_check_removal(const struct lock_retention *retention, enum lock_hold legal_hold,
                               const struct lock_time *time, bool bypass)
{
    if (legal_hold == LOCK_HOLD_ON)
        return STATUS_DENIED;
    if (!is_bound(retention, time, bypass))
        return STATUS_OK;
    return has_ended(retention, time->own_ms) ? STATUS_CONFLICT : STATUS_DENIED;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* The event hold that comes of what is asked, and the end that it leaves behind. */
static enum status change_event_hold(const struct lock_retention *before, const struct lock_retention *asked,
                                     int64_t now_ms, struct lock_retention *after)
{
    bool held = before->mode != LOCK_MODE_NONE && before->event_hold == LOCK_HOLD_ON;
    bool given = lock_duration_is_set(&asked->duration);
    const struct lock_retention released = {.event_hold = LOCK_HOLD_ON,
                                            .duration = held && !given ? before->duration : asked->duration};

    after->event_hold = asked->event_hold;
    after->duration = released.duration;
    if (asked->event_hold == LOCK_HOLD_ON)
        return lock_duration_is_set(&after->duration) ? STATUS_OK : STATUS_INVALID;
    if (asked->event_hold == LOCK_HOLD_NONE && held) {
        after->event_hold = LOCK_HOLD_ON; /* it stays until somebody says OFF */
        return STATUS_OK;
    }
    if (asked->event_hold == LOCK_HOLD_OFF && held)
        after->until_ms = later(asked->until_ms, lock_retention_end(&released, now_ms));
    else
        after->event_hold = before->mode == LOCK_MODE_NONE ? LOCK_HOLD_NONE : before->event_hold;
    after->duration = (struct lock_duration){0};
    return after->until_ms > 0 ? STATUS_OK : STATUS_INVALID;
}

enum status lock_change(const struct lock_retention *before, const struct lock_retention *asked,
                        const struct lock_time *time, bool bypass, struct lock_retention *after)
{
    bool bound = is_bound(before, time, bypass);
    int64_t end_ms = lock_retention_end(before, time->now_ms);

    *after = (struct lock_retention){.mode = asked->mode, .until_ms = asked->until_ms};
    if (asked->mode == LOCK_MODE_NONE)
        return bound ? STATUS_DENIED : STATUS_OK;
    enum status status = change_event_hold(before, asked, time->now_ms, after);
    if (status)
        return status;
    if (!bound)
        return STATUS_OK;
    if (asked->mode != before->mode)
        return STATUS_DENIED;
    /* a hold that begins, goes on or ends makes no end earlier: the later one holds */
    if (after->event_hold == LOCK_HOLD_ON || before->event_hold == LOCK_HOLD_ON)
        after->until_ms = later(after->until_ms, end_ms);
    return after->until_ms < end_ms ? STATUS_DENIED : STATUS_OK;
}

struct lock_retention lock_rule_apply(const struct lock_rule *rule, int64_t now_ms)
{
    struct lock_retention retention = {.mode = rule->mode, .duration = rule->event_hold};

    if (lock_duration_is_set(&rule->retention))
        retention.until_ms = from_now(now_ms, &rule->retention);
    if (lock_duration_is_set(&rule->event_hold))
        retention.event_hold = LOCK_HOLD_ON;
    return retention;
}

/* ---- stored ----------------------------------------------------------------------------------------------------- */

enum status lock_retention_pack(struct buffer *out, const struct lock_retention *retention)
{
    char stored[RETENTION_BYTES] = {FORMAT, (char)retention->mode, (char)retention->event_hold};

    put_u64(stored + 3, (uint64_t)retention->until_ms);
    put_u32(stored + 11, retention->duration.days);
    put_u32(stored + 15, retention->duration.years);
    return buffer_append_bytes(out, bytes_of(stored, sizeof(stored)));
}

enum status lock_retention_unpack(struct bytes stored, struct lock_retention *retention)
{
    const unsigned char *bytes = (const unsigned char *)stored.data;

    *retention = (struct lock_retention){0};
    if (stored.len != RETENTION_BYTES || bytes[0] != FORMAT || bytes[1] == LOCK_MODE_NONE ||
        bytes[1] > LOCK_MODE_COMPLIANCE || bytes[2] > LOCK_HOLD_OFF)
        return STATUS_CORRUPT;
    *retention = (struct lock_retention){.mode = (enum lock_mode)bytes[1],
                                         .until_ms = (int64_t)get_u64(bytes + 3),
                                         .event_hold = (enum lock_hold)bytes[2],
                                         .duration = {get_u32(bytes + 11), get_u32(bytes + 15)}};
    return retention->until_ms >= 0 && retention->duration.days <= LOCK_DAYS_MAX &&
                   retention->duration.years <= LOCK_YEARS_MAX
               ? STATUS_OK
               : STATUS_CORRUPT;
}

enum status lock_legal_hold_pack(struct buffer *out, enum lock_hold hold)
{
    const char stored[LEGAL_HOLD_BYTES] = {FORMAT, (char)hold};

    return buffer_append_bytes(out, bytes_of(stored, sizeof(stored)));
}

enum status lock_legal_hold_unpack(struct bytes stored, enum lock_hold *hold)
{
    *hold = LOCK_HOLD_NONE;
    if (stored.len != LEGAL_HOLD_BYTES || stored.data[0] != FORMAT ||
        (stored.data[1] != LOCK_HOLD_ON && stored.data[1] != LOCK_HOLD_OFF))
        return STATUS_CORRUPT;
    *hold = (enum lock_hold)stored.data[1];
    return STATUS_OK;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

enum status lock_refuse(const char *name, struct bytes value, const char *message, struct s3_error_details *error)
{
    s3_error_setf(error, S3_INVALID_ARGUMENT, "%s", message);
    s3_error_add(error, "ArgumentName", bytes_from_str(name));
    s3_error_add_copy(error, "ArgumentValue",
                      bytes_of(value.data, value.len < VALUE_SHOWN_MAX ? value.len : VALUE_SHOWN_MAX));
    return STATUS_INVALID;
}

enum status lock_duration_parse(const char *name, struct bytes text, uint32_t max, uint32_t *value,
                                struct s3_error_details *error)
{
    uint64_t number = 0;

    if (bytes_parse_u64(text, max, &number) || number == 0)
        return lock_refuse(name, text, "The event hold duration must be from 1 to 36500 days, or from 1 to 100 years.",
                           error);
    *value = (uint32_t)number;
    return STATUS_OK;
}

enum status lock_check_future(const char *name, struct bytes text, int64_t until_ms, int64_t now_ms,
                              struct s3_error_details *error)
{
    return until_ms > now_ms ? STATUS_OK
                             : lock_refuse(name, text, "The retain until date must be in the future!", error);
}

bool lock_words_are_given(const struct lock_words *words)
{
    return words->mode.len > 0 || words->until.len > 0 || words->legal_hold.len > 0 || words->event_hold.len > 0 ||
           words->days.len > 0 || words->years.len > 0;
}

static enum status parse_event_hold(const struct lock_words *words, struct lock_retention *retention,
                                    struct s3_error_details *error)
{
    bool days = words->days.len > 0, years = words->years.len > 0;

    if (words->event_hold.len > 0 && !lock_hold_parse(words->event_hold, &retention->event_hold))
        return lock_refuse(EVENT_HOLD, words->event_hold, "Event Hold must be either of 'ON' or 'OFF'", error);
    if (days && years)
        return lock_refuse(EVENT_HOLD_YEARS, words->years,
                           "An event hold duration is given in days or in years, not in both.", error);
    if ((days || years) != (retention->event_hold == LOCK_HOLD_ON))
        return lock_refuse(EVENT_HOLD, words->event_hold, "An event hold that is ON, and no other, has a duration.",
                           error);
    if (days)
        return lock_duration_parse(EVENT_HOLD_DAYS, words->days, LOCK_DAYS_MAX, &retention->duration.days, error);
    if (years)
        return lock_duration_parse(EVENT_HOLD_YEARS, words->years, LOCK_YEARS_MAX, &retention->duration.years, error);
    return STATUS_OK;
}

static enum status parse_retention(const struct lock_words *words, int64_t now_ms, struct lock_retention *retention,
                                   struct s3_error_details *error)
{
    static const char both[] = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
    bool held = retention->event_hold == LOCK_HOLD_ON;

    if (words->mode.len > 0 && words->until.len == 0 && !held)
        return lock_refuse(RETAIN_UNTIL_DATE, words->until, both, error);
    if (words->mode.len == 0 && words->until.len > 0)
        return lock_refuse(MODE, words->mode, both, error);
    if (words->mode.len == 0 && retention->event_hold != LOCK_HOLD_NONE)
        return lock_refuse(MODE, words->mode, "An event hold needs x-amz-object-lock-mode.", error);
    if (words->mode.len > 0 && !lock_mode_parse(words->mode, &retention->mode))
        return lock_refuse(MODE, words->mode, "Unknown wormMode directive.", error);
    if (words->until.len == 0)
        return STATUS_OK;
    if (clock_parse_iso8601(words->until, &retention->until_ms))
        return lock_refuse(RETAIN_UNTIL_DATE, words->until, "The retain until date must be provided in ISO 8601 format",
                           error);
    return lock_check_future(RETAIN_UNTIL_DATE, words->until, retention->until_ms, now_ms, error);
}

enum status lock_wish_parse(const struct lock_words *words, int64_t now_ms, struct lock_wish *wish,
                            struct s3_error_details *error)
{
    *wish = (struct lock_wish){0};
    enum status status = parse_event_hold(words, &wish->retention, error);
    if (!status)
        status = parse_retention(words, now_ms, &wish->retention, error);
    if (!status && words->legal_hold.len > 0 && !lock_hold_parse(words->legal_hold, &wish->legal_hold))
        status = lock_refuse(LEGAL_HOLD, words->legal_hold, "Legal Hold must be either of 'ON' or 'OFF'", error);
    if (wish->retention.event_hold == LOCK_HOLD_OFF)
        wish->retention.event_hold = LOCK_HOLD_NONE; /* of a new object there was none */
    return status;
}
