/* Object lock in the committer; see the header. What cannot be read is taken for locked. */
#include "gateway/s3/lock_guard.h"

#include "gateway/s3/attributes.h"
#include "gateway/s3/object_lock.h"

struct lock_time lock_time_now(const struct trusted_clock *clock)
{
    return (struct lock_time){
        .now_ms = trusted_clock_now_ms(clock), .past_ms = trusted_clock_earliest_ms(clock), .own_ms = clock_wall_ms()};
}

/* meta_guard.removal */
static enum status check_removal(void *arg, const struct meta_guarded *version, uint32_t permits)
{
    const struct lock_guard *guard = arg;
    struct lock_retention retention;
    enum lock_hold legal_hold;

    if (s3_lock_of_version(version->object, &retention, &legal_hold))
        return STATUS_DENIED;
    if (retention.mode == LOCK_MODE_NONE && legal_hold != LOCK_HOLD_ON)
        return STATUS_OK;
    const struct lock_time time = lock_time_now(guard->clock);
    return lock_check_removal(&retention, legal_hold, &time, permits & S3_PERMIT_BYPASS_GOVERNANCE);
}

/* meta_guard.creation: the bucket's rule, unless the request said what the object is retained for. */
static enum status apply_rule(void *arg, const struct meta_guarded *version, struct meta_attribute *change,
                              bool *changed)
{
    struct lock_guard *guard = arg;
    const struct lock_rule *rule;
    struct bytes own;
    enum status status = s3_lock_rule(version->settings, &rule);

    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status || rule->mode == LOCK_MODE_NONE ||
        meta_attribute_find(version->object->attributes, S3_ATTRIBUTE_RETENTION, &own) == STATUS_OK)
        return status;
    const struct lock_retention retention = lock_rule_apply(rule, trusted_clock_now_ms(guard->clock));
    buffer_clear(&guard->document);
    *changed = true;
    status = lock_retention_pack(&guard->document, &retention);
    *change = (struct meta_attribute){S3_ATTRIBUTE_RETENTION, buffer_bytes(&guard->document)};
    return status;
}

/* meta_guard.suspension: of a bucket with object lock never, since a null version would be replaced. */
static enum status check_suspension(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings)
{
    const struct lock_rule *rule;

    (void)arg, (void)bucket;
    return s3_lock_rule(settings, &rule) == STATUS_NOT_FOUND ? STATUS_OK : STATUS_DENIED;
}

void lock_guard_init(struct lock_guard *guard, const struct trusted_clock *clock)
{
    *guard = (struct lock_guard){.hooks = {check_removal, apply_rule, check_suspension, guard}, .clock = clock};
    buffer_init(&guard->document, LOCK_RETENTION_BYTES_MAX);
}

void lock_guard_release(struct lock_guard *guard)
{
    buffer_release(&guard->document);
}
