/* What a row of the outbox holds of an event, beside what every row has (key, version, time). It names everything by
 * itself, since the bucket and its configuration may be gone when the event is sent. */
#ifndef TERCET_GATEWAY_NOTIFY_PAYLOAD_H
#define TERCET_GATEWAY_NOTIFY_PAYLOAD_H

#include "compat/notification.h"
#include "meta/outbox.h"

#define NOTIFY_CHOICES_MAX 2

struct notify_choice {
    enum notification_event event;
    struct bytes target, configuration; /* the name of -notify, and the id in the bucket's configuration */
};
struct notify_payload {
    struct notify_choice choices[NOTIFY_CHOICES_MAX];
    size_t count;
    bool by_marker; /* one is for a removed object and one for a delete marker, and the commit decided which it is */
    struct bytes bucket, owner, principal, address, request_id;
};

/* LIMIT beyond the buffer's max. */
enum status notify_payload_encode(struct buffer *out, const struct notify_payload *payload);
/* Texts lie in the bytes. CORRUPT: they are none. */
enum status notify_payload_decode(struct bytes bytes, struct notify_payload *payload);
/* What happened, and who is told; NULL: nobody. */
const struct notify_choice *notify_payload_choose(const struct notify_payload *payload,
                                                  const struct meta_object *object);

#define NOTIFY_RECORD_BYTES_MAX 32768

/* Appends {"Records":[one]} in AWS's format. LIMIT beyond the buffer's max. */
enum status notify_record_write(struct buffer *out, const struct meta_outbox_row *row,
                                const struct notify_payload *payload, const struct notify_choice *choice,
                                const char *region);
/* Appends the message that a destination is tried with. */
enum status notify_test_write(struct buffer *out, struct bytes bucket, struct bytes request_id, int64_t time_ms);

#endif
