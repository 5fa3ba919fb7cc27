/* The operations on object lock: a bucket's configuration, and the retention and the legal hold of a version. What is
 * asked for is weighed in the committer against what the version has there and then. */
#include "gateway/front/operation.h"
#include "gateway/front/pipeline_refusal.h"
#include "gateway/notify/event.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/lock_guard.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

/* ---- of a bucket ------------------------------------------------------------------------------------------------ */

static bool keeps_versions(const struct meta_bucket *bucket)
{
    return bucket->versioned && !bucket->suspended;
}

/* meta_settings_update.check */
static enum status check_versioning(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings)
{
    (void)arg, (void)settings;
    return keeps_versions(bucket) ? STATUS_OK : STATUS_CONFLICT;
}

static enum status check_bucket(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    if (keeps_versions(&exchange->bucket))
        return STATUS_OK;
    s3_error_setf(&details, S3_INVALID_BUCKET_STATE,
                  "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
    return s3_fail_details(exchange, &details);
}

/* Once it is there it is only replaced: no operation removes it. */
static enum status store_rule(struct exchange *exchange, const struct lock_rule *rule)
{
    struct meta_setting_change change = {.kind = S3_SETTING_OBJECT_LOCK};
    const struct meta_settings_update update = {.changes = &change, .count = 1, .check = check_versioning};
    struct buffer document;

    buffer_init(&document, LOCK_KEPT_XML_BYTES_MAX);
    enum status status = lock_configuration_write(&document, rule);
    change.document = buffer_bytes(&document);
    status = status ? s3_fail_status(exchange, status) : s3_update_settings(exchange, &update);
    buffer_release(&document);
    return status;
}

void s3_put_object_lock_configuration(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    struct buffer document;
    struct lock_rule rule;
    enum status status = s3_read_document(exchange, LOCK_XML_BYTES_MAX, true, &document);

    if (!status && lock_configuration_parse(buffer_bytes(&document), &rule, &details))
        status = s3_fail_details(exchange, &details);
    if (!status)
        status = check_bucket(exchange);
    if (!status)
        status = store_rule(exchange, &rule);
    if (!status)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    buffer_release(&document);
}

/* ---- of a version ----------------------------------------------------------------------------------------------- */

/* The version that is meant, in a bucket that can lock it. Errors are answered here. */
static enum status find(struct exchange *exchange, struct meta_object *object)
{
    enum status status = s3_lock_require(exchange);

    if (!status)
        status = s3_find_object(exchange, object);
    if (status || !object->delete_marker)
        return status;
    status = s3_fail_delete_marker(exchange, object, false);
    meta_object_release(object);
    return status;
}

static enum status find_lock(struct exchange *exchange, struct lock_wish *lock)
{
    struct meta_object object;
    enum status status = find(exchange, &object);

    if (status)
        return status;
    if (s3_lock_of_version(&object, &lock->retention, &lock->legal_hold))
        status = s3_fail_status(exchange, STATUS_CORRUPT);
    meta_object_release(&object);
    return status;
}

static void reply_none(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_NO_SUCH_OBJECT_LOCK_CONFIGURATION);
    s3_error_add(&details, "Key", exchange->key);
    HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
}

void s3_get_object_retention(struct exchange *exchange)
{
    struct lock_wish lock;
    struct buffer body;

    if (find_lock(exchange, &lock))
        return;
    if (lock.retention.mode == LOCK_MODE_NONE) {
        reply_none(exchange);
        return;
    }
    int64_t now_ms = trusted_clock_now_ms(&exchange->gateway->clock);
    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX);
    HTTP_LAST_REPLY(s3_reply_document(exchange, lock_retention_write(&body, &lock.retention, now_ms), &body));
}

void s3_get_object_legal_hold(struct exchange *exchange)
{
    struct lock_wish lock;
    struct buffer body;

    if (find_lock(exchange, &lock))
        return;
    if (lock.legal_hold == LOCK_HOLD_NONE) {
        reply_none(exchange);
        return;
    }
    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX);
    HTTP_LAST_REPLY(s3_reply_document(exchange, lock_legal_hold_write(&body, lock.legal_hold), &body));
}

static struct resource resource_of(const struct exchange *exchange)
{
    return (struct resource){.kind = RESOURCE_OBJECT,
                             .bucket = exchange->bucket_name,
                             .key = exchange->key,
                             .version_id = uri_query_value(&exchange->query, "versionId")};
}

/* The operation's own right, now that what policies may ask about is known. */
static enum status check_right(struct exchange *exchange, const struct lock_wish *wish)
{
    const struct resource resource = resource_of(exchange);

    exchange->new_lock = wish;
    exchange->decision = exchange_decide(exchange, exchange->operation->right, &resource);
    exchange->new_lock = NULL;
    if (exchange->decision.allowed)
        return STATUS_OK;
    return refuse_denied(exchange, exchange->operation->right, &exchange->decision);
}

/* A change under way: made by the committer out of what is there. */
struct lock_update {
    const struct trusted_clock *clock;
    struct lock_wish asked;
    bool bypass;
    enum status refused; /* why, in place of a status that meta/ may mean otherwise */
    struct meta_attribute change;
    struct buffer document;
};

/* meta_object_update.check */
static enum status change_retention(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings,
                                    const struct meta_object *object)
{
    struct lock_update *update = arg;
    const struct lock_time time = lock_time_now(update->clock);
    struct lock_retention before, after;
    enum lock_hold legal_hold;

    (void)bucket, (void)settings;
    if (s3_lock_of_version(object, &before, &legal_hold))
        return STATUS_CORRUPT;
    update->refused = lock_change(&before, &update->asked.retention, &time, update->bypass, &after);
    if (update->refused)
        return update->refused;
    if (after.mode == LOCK_MODE_NONE)
        return STATUS_OK; /* with the change that it came with: to remove it */
    enum status status = lock_retention_pack(&update->document, &after);
    update->change.document = buffer_bytes(&update->document);
    return status;
}

static enum status fail_update(struct exchange *exchange, enum status status, const struct lock_update *update)
{
    struct s3_error_details details = {0};

    if (update->refused == STATUS_DENIED) {
        s3_error_setf(&details, S3_ACCESS_DENIED, "%s", S3_LOCKED_TEXT);
        return s3_fail_details(exchange, &details);
    }
    if (update->refused == STATUS_INVALID) {
        s3_error_setf(&details, S3_INVALID_REQUEST,
                      "An event hold needs its duration, and can be released only while it is ON.");
        return s3_fail_details(exchange, &details);
    }
    if (status == STATUS_NOT_FOUND)
        return s3_fail_no_such_key(exchange);
    if (status == STATUS_PRECONDITION)
        return s3_fail(exchange, S3_CONDITIONAL_REQUEST_CONFLICT);
    return s3_fail_status(exchange, status);
}

/* Of the very version that was looked at, even when it was named by its key alone. */
static enum status store(struct exchange *exchange, struct lock_update *update, bool weighs)
{
    const struct meta_version version = {.id = uri_query_value(&exchange->query, "versionId")};
    struct meta_object_update changes = {
        .changes = &update->change, .count = 1, .check = weighs ? change_retention : NULL, .arg = update};
    struct notify_event event = {0};
    struct meta_object object;
    enum status status = find(exchange, &object);

    if (status)
        return status;
    changes.sequence = object.sequence;
    meta_object_release(&object);
    changes.outbox = notify_event_make(exchange, exchange->operation->event, exchange->key, &event);
    status =
        meta_object_update(exchange->gateway->meta, exchange->bucket.id, exchange->key, &version, &changes, &object);
    notify_event_release(&event);
    if (status)
        return fail_update(exchange, status, update);
    s3_reply_version(exchange, object.version_id);
    return STATUS_OK;
}

static enum status put_retention(struct exchange *exchange, struct lock_update *update)
{
    const struct resource resource = resource_of(exchange);
    struct s3_error_details details = {0};
    struct buffer document;
    enum status status = s3_read_document(exchange, LOCK_XML_BYTES_MAX, true, &document);

    if (!status && lock_retention_parse(buffer_bytes(&document), clock_wall_ms(), &update->asked.retention, &details))
        status = s3_fail_details(exchange, &details);
    buffer_release(&document);
    if (!status)
        status = check_right(exchange, &update->asked);
    if (!status)
        status = s3_lock_require(exchange);
    if (!status)
        status = s3_lock_bypass_wanted(exchange, &update->bypass);
    if (status)
        return status;
    update->bypass = s3_lock_permits(exchange, update->bypass, &resource) & S3_PERMIT_BYPASS_GOVERNANCE;
    return store(exchange, update, true);
}

void s3_put_object_retention(struct exchange *exchange)
{
    struct lock_update update = {.clock = &exchange->gateway->clock, .change.kind = S3_ATTRIBUTE_RETENTION};

    buffer_init(&update.document, LOCK_RETENTION_BYTES_MAX);
    if (put_retention(exchange, &update) == STATUS_OK)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    buffer_release(&update.document);
}

static enum status put_legal_hold(struct exchange *exchange, struct lock_update *update)
{
    struct s3_error_details details = {0};
    struct buffer document;
    enum status status = s3_read_document(exchange, LOCK_XML_BYTES_MAX, true, &document);

    if (!status && lock_legal_hold_parse(buffer_bytes(&document), &update->asked.legal_hold, &details))
        status = s3_fail_details(exchange, &details);
    buffer_release(&document);
    if (!status)
        status = check_right(exchange, &update->asked);
    if (!status && lock_legal_hold_pack(&update->document, update->asked.legal_hold))
        status = s3_fail_status(exchange, STATUS_INTERNAL);
    if (status)
        return status;
    update->change.document = buffer_bytes(&update->document);
    return store(exchange, update, false);
}

void s3_put_object_legal_hold(struct exchange *exchange)
{
    struct lock_update update = {.change.kind = S3_ATTRIBUTE_LEGAL_HOLD};

    buffer_init(&update.document, LOCK_RETENTION_BYTES_MAX);
    if (put_legal_hold(exchange, &update) == STATUS_OK)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    buffer_release(&update.document);
}
