/* Events, from the change of an object to the row that its commit leaves in the outbox. Whoever changes objects calls
 * notify_event_make() before the commit and hands the entry on with the change, which is all that there is to it. */
#ifndef TERCET_GATEWAY_NOTIFY_EVENT_H
#define TERCET_GATEWAY_NOTIFY_EVENT_H

#include "compat/notification.h"
#include "gateway/front/exchange.h"
#include "meta/bucket_settings.h"
#include "meta/outbox.h"

#define NOTIFY_OUTBOX_KIND 1 /* of our rows; stored, so never given to another */

/* Zero-initialise; to be released when the commit has ended, also when there is no entry. */
struct notify_event {
    struct meta_outbox_entry entry;
    struct buffer payload;
};

/* The row for what the request does to that key of its bucket; NULL: no configuration of the bucket wants to know, or
 * there is no room for more rows, which is counted. For a deletion that names no version REMOVED_ANY is given: only the
 * commit knows whether it makes a delete marker. Never suspends. */
const struct meta_outbox_entry *notify_event_make(const struct exchange *exchange, enum notification_event event,
                                                  struct bytes key, struct notify_event *out);
/* The same for the lifecycle, where EXPIRATION_ANY is given for a current object. */
const struct meta_outbox_entry *notify_event_of_lifecycle(struct gateway *gateway, const struct meta_settings *settings,
                                                          struct bytes bucket, enum notification_event event,
                                                          struct bytes key, struct notify_event *out);
void notify_event_release(struct notify_event *event);

#endif
