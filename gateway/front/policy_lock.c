/* The condition keys about object lock; see the header. They are said of the writes that carry a lock in their headers
 * (or a form's fields), and of PutObjectRetention and PutObjectLegalHold, whose handlers ask once the body is read. */
#include "gateway/front/policy_lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "compat/object_lock.h"
#include "gateway/s3/object_lock.h"

#define DAY_MS INT64_C(86400000)

/* What is asked for; false: nothing that could be read. */
static bool wished(const struct policy_question *question, struct lock_wish *wish)
{
    const struct exchange *exchange = question->exchange;

    if (exchange->new_lock) {
        *wish = *exchange->new_lock;
        return true;
    }
    if (strcmp(question->action, "s3:PutObject") != 0 && strcmp(question->action, "s3:PutObjectRetention") != 0 &&
        strcmp(question->action, "s3:PutObjectLegalHold") != 0)
        return false;
    return s3_lock_wished(exchange, wish);
}

struct bytes policy_lock_mode(const struct policy_question *question)
{
    struct lock_wish wish;

    if (!wished(question, &wish) || wish.retention.mode == LOCK_MODE_NONE)
        return (struct bytes){0};
    return bytes_from_str(lock_mode_name(wish.retention.mode));
}

struct bytes policy_lock_until(const struct policy_question *question)
{
    struct lock_wish wish;

    if (!wished(question, &wish) || wish.retention.mode == LOCK_MODE_NONE || wish.retention.until_ms == 0)
        return (struct bytes){0};
    clock_format_iso8601_ms(wish.retention.until_ms, question->answers->lock_until);
    return bytes_from_str(question->answers->lock_until);
}

/* In whole days, of which the last one may not be. */
struct bytes policy_lock_remaining_days(const struct policy_question *question)
{
    int64_t left_ms, now_ms = clock_wall_ms();
    struct lock_wish wish;

    if (!wished(question, &wish) || wish.retention.mode == LOCK_MODE_NONE)
        return (struct bytes){0};
    left_ms = lock_retention_end(&wish.retention, now_ms) - now_ms;
    if (left_ms <= 0)
        return (struct bytes){0};
    snprintf(question->answers->lock_days, sizeof(question->answers->lock_days), "%" PRId64,
             (left_ms + DAY_MS - 1) / DAY_MS);
    return bytes_from_str(question->answers->lock_days);
}

struct bytes policy_lock_legal_hold(const struct policy_question *question)
{
    struct lock_wish wish;

    if (!wished(question, &wish) || wish.legal_hold == LOCK_HOLD_NONE)
        return (struct bytes){0};
    return bytes_from_str(lock_hold_name(wish.legal_hold));
}

struct bytes policy_lock_event_hold(const struct policy_question *question)
{
    struct lock_wish wish;

    if (!wished(question, &wish) || wish.retention.event_hold == LOCK_HOLD_NONE)
        return (struct bytes){0};
    return bytes_from_str(lock_hold_name(wish.retention.event_hold));
}

struct bytes policy_lock_event_hold_days(const struct policy_question *question)
{
    struct lock_wish wish;

    if (!wished(question, &wish) || !lock_duration_is_set(&wish.retention.duration))
        return (struct bytes){0};
    snprintf(question->answers->lock_hold_days, sizeof(question->answers->lock_hold_days), "%" PRId64,
             lock_duration_ms(&wish.retention.duration) / DAY_MS);
    return bytes_from_str(question->answers->lock_hold_days);
}
