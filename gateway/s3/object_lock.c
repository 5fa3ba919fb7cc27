/* What requests ask of object lock, and what they are shown of it; see the header. The operations on it are
 * object_lock_operations.c. */
#include "gateway/s3/object_lock.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

#define BYPASS  "x-amz-bypass-governance-retention"
#define HEADERS "x-amz-object-lock-"

enum status lock_setting_parse(struct bytes document, void **parsed)
{
    struct lock_rule *rule = mem_alloc(sizeof(*rule));
    struct s3_error_details error = {0};
    enum status status = lock_configuration_parse(document, rule, &error);

    if (status)
        free(rule);
    else
        *parsed = rule;
    return status;
}

enum status s3_lock_rule(const struct meta_settings *settings, const struct lock_rule **rule)
{
    struct meta_setting found;
    enum status status = meta_setting_find(settings, S3_SETTING_OBJECT_LOCK, &found);

    if (!status)
        *rule = found.parsed;
    return status;
}

enum status s3_lock_require(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    const struct lock_rule *rule;
    enum status status = s3_lock_rule(exchange->settings, &rule);

    if (status != STATUS_NOT_FOUND)
        return status ? s3_fail_status(exchange, status) : STATUS_OK;
    s3_error_setf(&details, S3_INVALID_REQUEST, "Bucket is missing Object Lock Configuration");
    return s3_fail_details(exchange, &details);
}

/* ---- of new objects --------------------------------------------------------------------------------------------- */

static struct bytes word(const struct exchange *exchange, const char *name)
{
    return bytes_trim(exchange->form ? post_fields_find(s3_form_fields(exchange->form), name)
                                     : s3_header(exchange, name));
}

static bool begins_so(struct bytes name)
{
    return name.len > sizeof(HEADERS) - 1 && bytes_equal_nocase(bytes_of(name.data, sizeof(HEADERS) - 1), HEADERS);
}

/* Most writes ask for no lock, and are not to pay for those that do. */
static bool may_ask(const struct exchange *exchange)
{
    bool found = exchange->form != NULL;

    for (size_t i = 0; !found && i < exchange->http->header_count; i++)
        found = begins_so(exchange->http->headers[i].name);
    for (size_t i = 0; !found && i < exchange->query.count; i++)
        found = begins_so(exchange->query.parameters[i].name);
    return found;
}

static struct lock_words words_of(const struct exchange *exchange)
{
    if (!may_ask(exchange))
        return (struct lock_words){0};
    return (struct lock_words){
        .mode = word(exchange, "x-amz-object-lock-mode"),
        .until = word(exchange, "x-amz-object-lock-retain-until-date"),
        .legal_hold = word(exchange, "x-amz-object-lock-legal-hold"),
        .event_hold = word(exchange, "x-amz-object-lock-event-hold"),
        .days = word(exchange, "x-amz-object-lock-event-hold-duration-days"),
        .years = word(exchange, "x-amz-object-lock-event-hold-duration-years"),
    };
}

bool s3_lock_wished(const struct exchange *exchange, struct lock_wish *wish)
{
    const struct lock_words words = words_of(exchange);
    struct s3_error_details details = {0};

    return lock_words_are_given(&words) && lock_wish_parse(&words, clock_wall_ms(), wish, &details) == STATUS_OK;
}

/* Nothing that is asked of a bucket without object lock would be kept: it is refused. */
static enum status read_wish(struct exchange *exchange, struct lock_wish *wish)
{
    const struct lock_words words = words_of(exchange);
    struct s3_error_details details = {0};

    *wish = (struct lock_wish){0};
    if (!lock_words_are_given(&words))
        return STATUS_OK;
    if (lock_wish_parse(&words, clock_wall_ms(), wish, &details))
        return s3_fail_details(exchange, &details);
    return s3_lock_require(exchange);
}

enum status lock_retention_of_new_object(struct exchange *exchange, const struct meta_object *copied,
                                         struct buffer *document)
{
    struct lock_wish wish;
    enum status status = read_wish(exchange, &wish);

    (void)copied; /* a copy has no lock of its source's */
    if (status || wish.retention.mode == LOCK_MODE_NONE)
        return status;
    status = lock_retention_pack(document, &wish.retention);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

enum status lock_legal_hold_of_new_object(struct exchange *exchange, const struct meta_object *copied,
                                          struct buffer *document)
{
    struct lock_wish wish;
    enum status status = read_wish(exchange, &wish);

    (void)copied;
    if (status || wish.legal_hold == LOCK_HOLD_NONE)
        return status;
    status = lock_legal_hold_pack(document, wish.legal_hold);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

enum status s3_lock_check_digest(struct exchange *exchange, const struct s3_body *body)
{
    const struct lock_words words = words_of(exchange);
    struct s3_error_details details = {0};
    const struct lock_rule *rule;
    bool by_rule = s3_lock_rule(exchange->settings, &rule) == STATUS_OK && rule->mode != LOCK_MODE_NONE;

    if (s3_body_has_digest(body) || (!by_rule && !lock_words_are_given(&words)))
        return STATUS_OK;
    s3_error_setf(&details, S3_INVALID_REQUEST,
                  "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock "
                  "parameters");
    return s3_fail_details(exchange, &details);
}

/* ---- of versions that are there --------------------------------------------------------------------------------- */

enum status s3_lock_of_version(const struct meta_object *object, struct lock_retention *retention,
                               enum lock_hold *legal_hold)
{
    enum status status = STATUS_OK;
    struct bytes document;

    *retention = (struct lock_retention){0};
    *legal_hold = LOCK_HOLD_NONE;
    if (object->attributes.len == 0) /* most have none */
        return STATUS_OK;
    if (meta_attribute_find(object->attributes, S3_ATTRIBUTE_RETENTION, &document) == STATUS_OK)
        status = lock_retention_unpack(document, retention);
    if (!status && meta_attribute_find(object->attributes, S3_ATTRIBUTE_LEGAL_HOLD, &document) == STATUS_OK)
        status = lock_legal_hold_unpack(document, legal_hold);
    return status;
}

static void give_retention(struct exchange *exchange, const struct lock_retention *retention)
{
    struct http_request *http = exchange->http;
    char until[CLOCK_TEXT_MAX];

    clock_format_iso8601_ms(lock_retention_end(retention, trusted_clock_now_ms(&exchange->gateway->clock)), until);
    http_reply_header_str(http, "x-amz-object-lock-mode", lock_mode_name(retention->mode));
    http_reply_header_str(http, "x-amz-object-lock-retain-until-date", until);
    if (retention->event_hold != LOCK_HOLD_NONE)
        http_reply_header_str(http, "x-amz-object-lock-event-hold", lock_hold_name(retention->event_hold));
    if (retention->event_hold == LOCK_HOLD_ON && retention->duration.days > 0)
        http_reply_header_u64(http, "x-amz-object-lock-event-hold-duration-days", retention->duration.days);
    if (retention->event_hold == LOCK_HOLD_ON && retention->duration.years > 0)
        http_reply_header_u64(http, "x-amz-object-lock-event-hold-duration-years", retention->duration.years);
}

struct lock_wish s3_lock_shown(const struct exchange *exchange, const struct meta_object *object)
{
    struct lock_wish shown;
    const struct resource resource = {.kind = RESOURCE_OBJECT,
                                      .bucket = exchange->bucket_name,
                                      .key = exchange->key,
                                      .version_id = uri_query_value(&exchange->query, "versionId")};

    if (s3_lock_of_version(object, &shown.retention, &shown.legal_hold))
        return (struct lock_wish){0}; /* damaged: it stays locked, and nobody knows until when */
    if (shown.retention.mode != LOCK_MODE_NONE && !exchange_may(exchange, "s3:GetObjectRetention", &resource))
        shown.retention.mode = LOCK_MODE_NONE;
    if (shown.legal_hold != LOCK_HOLD_NONE && !exchange_may(exchange, "s3:GetObjectLegalHold", &resource))
        shown.legal_hold = LOCK_HOLD_NONE;
    return shown;
}

void s3_lock_give_headers(struct exchange *exchange, const struct lock_wish *shown)
{
    if (shown->retention.mode != LOCK_MODE_NONE)
        give_retention(exchange, &shown->retention);
    if (shown->legal_hold != LOCK_HOLD_NONE)
        http_reply_header_str(exchange->http, "x-amz-object-lock-legal-hold", lock_hold_name(shown->legal_hold));
}

/* ---- passing over GOVERNANCE ------------------------------------------------------------------------------------ */

enum status s3_lock_bypass_wanted(struct exchange *exchange, bool *wanted)
{
    struct bytes value = bytes_trim(s3_header(exchange, BYPASS));
    const struct lock_rule *rule;

    *wanted = bytes_equal_nocase(value, "true");
    if (value.len == 0 || bytes_equal_nocase(value, "false"))
        return STATUS_OK;
    if (!*wanted)
        return s3_fail_argument(exchange, BYPASS, value, "The value of this header is none that it can have.");
    if (s3_lock_rule(exchange->settings, &rule) == STATUS_NOT_FOUND)
        return s3_fail_argument(exchange, BYPASS, value,
                                "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.");
    return STATUS_OK;
}

uint32_t s3_lock_permits(const struct exchange *exchange, bool bypass_wanted, const struct resource *resource)
{
    return bypass_wanted && exchange_may(exchange, "s3:BypassGovernanceRetention", resource)
               ? S3_PERMIT_BYPASS_GOVERNANCE
               : 0;
}
