/* The rows of events; see the header. Who hears of an event is decided here, by the configuration that the request saw;
 * what the event is of a deletion without a version, by the commit. */
#include "gateway/notify/event.h"

#include <stdio.h>

#include "base/log.h"
#include "gateway/notify/notify.h"
#include "gateway/notify/payload.h"
#include "gateway/s3/acl.h"
#include "gateway/s3/bucket_settings.h"

#define PRINCIPAL_MAX 256

static const struct notification_configuration *configuration_of(const struct meta_settings *settings)
{
    struct meta_setting kept;

    if (meta_setting_find(settings, S3_SETTING_NOTIFICATION, &kept))
        return NULL;
    return kept.parsed;
}

/* *full: there is no room for it. */
static void choose(struct notify *notify, const struct notification_configuration *configuration,
                   enum notification_event event, struct bytes key, struct notify_payload *payload, struct bytes *full)
{
    const struct notification_rule *rule = notification_match(configuration, event, key);

    if (!rule || !notify)
        return;
    if (notify_has_room(notify, rule->target))
        payload->choices[payload->count++] =
            (struct notify_choice){.event = event, .target = rule->target, .configuration = rule->id};
    else
        *full = rule->target;
}

static const struct meta_outbox_entry *make(struct gateway *gateway,
                                            const struct notification_configuration *configuration,
                                            enum notification_event event, struct bytes key,
                                            struct notify_payload *payload, struct notify_event *out)
{
    struct bytes full = {0};

    payload->by_marker = event == NOTIFICATION_REMOVED_ANY || event == NOTIFICATION_EXPIRATION_ANY;
    if (payload->by_marker) { /* the numbers of both are behind that of the two */
        choose(gateway->notify, configuration, event + 1, key, payload, &full);
        choose(gateway->notify, configuration, event + 2, key, payload, &full);
    } else {
        choose(gateway->notify, configuration, event, key, payload, &full);
    }
    if (full.data) /* one event, though it may be one of two kinds */
        notify_drop_full(gateway->notify, full);
    if (payload->count == 0)
        return NULL;
    buffer_init(&out->payload, META_OUTBOX_PAYLOAD_MAX);
    if (notify_payload_encode(&out->payload, payload)) {
        log_error("an event is too long to be told", LOG_BYTES("bucket", payload->bucket));
        buffer_release(&out->payload);
        return NULL;
    }
    out->entry = (struct meta_outbox_entry){NOTIFY_OUTBOX_KIND, buffer_bytes(&out->payload)};
    return &out->entry;
}

/* As AWS names who did it. */
static void principal_text(const struct exchange *exchange, char out[PRINCIPAL_MAX])
{
    const struct principal *principal = &exchange->principal;
    struct bytes id = principal->user_id;

    if (id.len == 0 && (principal->caller.kind == POLICY_ROOT || principal->grant_count > 0))
        id = bytes_from_str(exchange->gateway->options.account_id);
    if (id.len == 0)
        id = BYTES("ANONYMOUS");
    snprintf(out, PRINCIPAL_MAX, "AWS:%.*s", (int)(id.len < 200 ? id.len : 200), id.data);
}

const struct meta_outbox_entry *notify_event_make(const struct exchange *exchange, enum notification_event event,
                                                  struct bytes key, struct notify_event *out)
{
    const struct notification_configuration *configuration = configuration_of(exchange->settings);
    char principal[PRINCIPAL_MAX], address[64];

    if (!configuration || event == NOTIFICATION_NONE)
        return NULL;
    principal_text(exchange, principal);
    http_request_peer_text(exchange->http, address);
    struct notify_payload payload = {.bucket = bytes_from_str(exchange->bucket.name),
                                     .owner = acl_bucket_owner(exchange->settings).id,
                                     .principal = bytes_from_str(principal),
                                     .address = bytes_from_str(address),
                                     .request_id = bytes_from_str(exchange->http->id)};
    return make(exchange->gateway, configuration, event, key, &payload, out);
}

const struct meta_outbox_entry *notify_event_of_lifecycle(struct gateway *gateway, const struct meta_settings *settings,
                                                          struct bytes bucket, enum notification_event event,
                                                          struct bytes key, struct notify_event *out)
{
    const struct notification_configuration *configuration = configuration_of(settings);

    if (!configuration)
        return NULL;
    struct notify_payload payload = {.bucket = bucket,
                                     .owner = acl_bucket_owner(settings).id,
                                     .principal = BYTES("s3.amazonaws.com"),
                                     .address = BYTES("s3.amazonaws.com")};
    return make(gateway, configuration, event, key, &payload, out);
}

void notify_event_release(struct notify_event *event)
{
    buffer_release(&event->payload);
}
