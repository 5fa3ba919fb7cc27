/* Telling others what happened to objects. The rows that commits left in the outbox (event.h) are sent to the targets
 * of the setting -notify. Each target has a thread, which reads the outbox in its order from where it is, sends what is
 * for it, and removes the rows when the target has them: so each row is sent at least once, what is about one key stays
 * in its order, and a target that is away holds up nobody else. One more thread counts what waits.
 *
 * What waits for a target is bounded in rows, in bytes and, once it failed, in time. What is beyond is dropped, counted
 * and said. */
#ifndef TERCET_GATEWAY_NOTIFY_NOTIFY_H
#define TERCET_GATEWAY_NOTIFY_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct gateway;
struct exchange;
struct notify;

#define NOTIFY_TARGETS_MAX 16
#define NOTIFY_EXPLAIN_MAX 1024 /* what *error of notify_create needs */

struct notify_options {
    const char *targets; /* NAME=URL, separated by white space or by a comma before the next NAME= */
    uint64_t rows_max;   /* of one target */
    uint64_t age_max_ms; /* of a row whose target fails */
    uint64_t timeout_ms; /* of one attempt */
};

/* Reads the targets and makes them. A failure is explained in *error, without secrets. Blocks. */
enum status notify_create(const struct notify_options *options, struct notify **notify, struct buffer *error);
/* Begins to deliver; the metadata are open. From a plain thread. */
void notify_start(struct notify *notify, struct gateway *gateway);
/* Ends it, and waits for what is being sent. NULL is nothing. */
void notify_stop(struct notify *notify);
void notify_free(struct notify *notify);

bool notify_has_target(const struct notify *notify, struct bytes name);
/* Sends the message to the target now, before what waits for it; OK: the target has it. *error says why not. NOT_FOUND:
 * there is no such target. Suspends. */
enum status notify_try(struct notify *notify, struct bytes name, struct bytes message, struct buffer *error);
/* Whether there is room for one more row of that target. Never suspends. */
bool notify_has_room(struct notify *notify, struct bytes name);
/* Counts an event of that target as dropped, since there was no room for it. */
void notify_drop_full(struct notify *notify, struct bytes name);

/* Before the gateway serves: a first increase is to be seen. */
void notify_register_metrics(struct notify *notify);
/* GET /system/notifications: what waits for each target, since when, and what was sent and dropped. */
void notify_state(struct exchange *exchange);

#endif
