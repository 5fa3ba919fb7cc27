/* A record in the format of AWS's events, version 2.x, as its own parsers read it. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/etag.h"
#include "compat/uri.h"
#include "gateway/front/json_reply.h"
#include "gateway/notify/payload.h"
#include "gateway/object/object_read.h"

#define KEY_TEXT_MAX (3 * META_KEY_MAX + 1)

/* What is told of the object: AWS leaves out what the event is not about. */
struct record_shape {
    enum notification_event event;
    const char *version;
    bool size, etag, sequencer;
};
static const struct record_shape shapes[] = {
    {NOTIFICATION_CREATED_PUT, "2.1", true, true, true},
    {NOTIFICATION_CREATED_POST, "2.1", true, true, true},
    {NOTIFICATION_CREATED_COPY, "2.1", true, true, true},
    {NOTIFICATION_CREATED_COMPLETE, "2.1", true, true, true},
    {NOTIFICATION_REMOVED_DELETE, "2.1", false, false, true},
    {NOTIFICATION_REMOVED_MARKER, "2.1", false, true, true},
    {NOTIFICATION_TAGGING_PUT, "2.3", false, true, false},
    {NOTIFICATION_TAGGING_DELETE, "2.3", false, true, false},
    {NOTIFICATION_ACL_PUT, "2.3", false, true, false},
    {NOTIFICATION_EXPIRATION_DELETE, "2.3", false, false, true},
    {NOTIFICATION_EXPIRATION_MARKER, "2.3", false, true, true},
    {NOTIFICATION_TRANSITION, "2.3", true, true, true},
};
static const struct record_shape shape_of_others = {NOTIFICATION_NONE, "2.3", false, true, false};

static const struct record_shape *shape_of(enum notification_event event)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (shapes[i].event == event)
            return &shapes[i];
    return &shape_of_others;
}

/* As forms do: a space is '+', and '/' stays. */
static json_t *key_text(struct bytes key)
{
    struct buffer text;
    json_t *value;
    size_t len = 0;

    buffer_init(&text, KEY_TEXT_MAX);
    CHECK(uri_encode(key, true, &text) == STATUS_OK);
    for (size_t i = 0; i < text.len; len++) {
        bool is_space = text.len - i >= 3 && memcmp(text.data + i, "%20", 3) == 0;
        text.data[len] = is_space ? '+' : text.data[i];
        i += is_space ? 3 : 1;
    }
    value = json_stringn(text.data ? text.data : "", len);
    buffer_release(&text);
    return value;
}

/* Of a delete marker AWS gives the digest of nothing. */
static json_t *etag_value(const struct meta_object *object)
{
    static const char of_nothing[] = "d41d8cd98f00b204e9800998ecf8427e";
    const struct etag etag = object_etag(object);
    char text[ETAG_TEXT_MAX];

    if (object->delete_marker)
        return json_string(of_nothing);
    etag_text_unquoted(&etag, text);
    return json_string(text);
}

static json_t *object_value(const struct meta_outbox_row *row, const struct record_shape *shape)
{
    json_t *value = json_object();
    char sequencer[32];

    json_object_set_new(value, "key", key_text(row->key));
    if (shape->size)
        json_object_set_new(value, "size", json_integer((json_int_t)row->object.size));
    if (shape->etag)
        json_object_set_new(value, "eTag", etag_value(&row->object));
    if (row->object.version_id[0] && strcmp(row->object.version_id, "null") != 0)
        json_object_set_new(value, "versionId", json_string(row->object.version_id));
    if (shape->sequencer) {
        snprintf(sequencer, sizeof(sequencer), "%016" PRIX64 "%04" PRIX32, row->place.sequence, row->place.index);
        json_object_set_new(value, "sequencer", json_string(sequencer));
    }
    return value;
}

static json_t *record_value(const struct meta_outbox_row *row, const struct notify_payload *payload,
                            const struct notify_choice *choice, const char *region)
{
    const struct record_shape *shape = shape_of(choice->event);
    char time[CLOCK_TEXT_MAX], arn[META_BUCKET_MAX + 16];

    clock_format_iso8601_ms(row->time_ms, time);
    snprintf(arn, sizeof(arn), "arn:aws:s3:::%.*s", (int)payload->bucket.len, payload->bucket.data);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:{s:o}, s:{s:o}, s:{s:o, s:o}, s:{s:s, s:o, s:{s:o, s:{s:o}, s:s}, s:o}}",
        "eventVersion", shape->version, "eventSource", "aws:s3", "awsRegion", region, "eventTime", time, "eventName",
        notification_event_name(choice->event) + strlen("s3:"), "userIdentity", "principalId",
        json_text(payload->principal), "requestParameters", "sourceIPAddress", json_text(payload->address),
        "responseElements", "x-amz-request-id", json_text(payload->request_id), "x-amz-id-2",
        json_text(payload->request_id), "s3", "s3SchemaVersion", "1.0", "configurationId",
        json_text(choice->configuration), "bucket", "name", json_text(payload->bucket), "ownerIdentity", "principalId",
        json_text(payload->owner), "arn", arn, "object", object_value(row, shape));
}

static enum status dump(struct buffer *out, json_t *take_value)
{
    char *text = take_value ? json_dumps(take_value, JSON_COMPACT) : NULL;
    enum status status = text ? buffer_append_str(out, text) : STATUS_INTERNAL;

    free(text);
    json_decref(take_value);
    return status;
}

enum status notify_record_write(struct buffer *out, const struct meta_outbox_row *row,
                                const struct notify_payload *payload, const struct notify_choice *choice,
                                const char *region)
{
    return dump(out, json_pack("{s:[o]}", "Records", record_value(row, payload, choice, region)));
}

enum status notify_test_write(struct buffer *out, struct bytes bucket, struct bytes request_id, int64_t time_ms)
{
    char time[CLOCK_TEXT_MAX];

    clock_format_iso8601_ms(time_ms, time);
    return dump(out, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "Service", "Amazon S3", "Event", "s3:TestEvent",
                               "Time", time, "Bucket", json_text(bucket), "RequestId", json_text(request_id), "HostId",
                               json_text(request_id)));
}
