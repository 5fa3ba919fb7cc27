/* The payload of a row: format, by_marker, count, each choice, then the texts, each with its length before it. */
#include "gateway/notify/payload.h"

#define PAYLOAD_FORMAT 1

struct payload_reader {
    struct bytes rest;
    bool failed;
};

static enum status put_text(struct buffer *out, struct bytes text)
{
    uint8_t len[2];

    if (text.len > UINT16_MAX)
        return STATUS_LIMIT;
    put_u16(len, (uint16_t)text.len);
    enum status status = buffer_append(out, len, sizeof(len));
    return status ? status : buffer_append_bytes(out, text);
}

static uint8_t take_byte(struct payload_reader *reader)
{
    if (reader->rest.len == 0) {
        reader->failed = true;
        return 0;
    }
    uint8_t byte = (uint8_t)reader->rest.data[0];
    reader->rest = bytes_of(reader->rest.data + 1, reader->rest.len - 1);
    return byte;
}

static struct bytes take_text(struct payload_reader *reader)
{
    size_t len = reader->rest.len >= 2 ? get_u16(reader->rest.data) : 0;

    if (reader->rest.len < 2 + len) {
        reader->failed = true;
        return (struct bytes){0};
    }
    struct bytes text = bytes_of(reader->rest.data + 2, len);
    reader->rest = bytes_of(text.data + len, reader->rest.len - 2 - len);
    return text;
}

enum status notify_payload_encode(struct buffer *out, const struct notify_payload *payload)
{
    const struct bytes texts[] = {payload->bucket, payload->owner, payload->principal, payload->address,
                                  payload->request_id};
    const uint8_t head[] = {PAYLOAD_FORMAT, payload->by_marker, (uint8_t)payload->count};
    enum status status = buffer_append(out, head, sizeof(head));

    for (size_t i = 0; !status && i < payload->count; i++) {
        status = buffer_append_char(out, (char)payload->choices[i].event);
        if (!status)
            status = put_text(out, payload->choices[i].target);
        if (!status)
            status = put_text(out, payload->choices[i].configuration);
    }
    for (size_t i = 0; !status && i < sizeof(texts) / sizeof(texts[0]); i++)
        status = put_text(out, texts[i]);
    return status;
}

enum status notify_payload_decode(struct bytes bytes, struct notify_payload *payload)
{
    struct payload_reader reader = {.rest = bytes};
    struct bytes *const texts[] = {&payload->bucket, &payload->owner, &payload->principal, &payload->address,
                                   &payload->request_id};

    *payload = (struct notify_payload){0};
    if (take_byte(&reader) != PAYLOAD_FORMAT)
        return STATUS_CORRUPT;
    uint8_t by_marker = take_byte(&reader);
    payload->by_marker = by_marker == 1;
    payload->count = take_byte(&reader);
    if (by_marker > 1 || payload->count == 0 || payload->count > NOTIFY_CHOICES_MAX)
        return STATUS_CORRUPT;
    for (size_t i = 0; i < payload->count; i++) {
        struct notify_choice *choice = &payload->choices[i];
        uint8_t event = take_byte(&reader);
        if (event == NOTIFICATION_NONE || event >= NOTIFICATION_EVENT_COUNT)
            return STATUS_CORRUPT;
        choice->event = (enum notification_event)event;
        choice->target = take_text(&reader);
        choice->configuration = take_text(&reader);
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        *texts[i] = take_text(&reader);
    return reader.failed || reader.rest.len > 0 ? STATUS_CORRUPT : STATUS_OK;
}

static bool is_of_marker(enum notification_event event)
{
    return event == NOTIFICATION_REMOVED_MARKER || event == NOTIFICATION_EXPIRATION_MARKER;
}

const struct notify_choice *notify_payload_choose(const struct notify_payload *payload,
                                                  const struct meta_object *object)
{
    if (!payload->by_marker)
        return &payload->choices[0];
    for (size_t i = 0; i < payload->count; i++)
        if (is_of_marker(payload->choices[i].event) == object->delete_marker)
            return &payload->choices[i];
    return NULL;
}
