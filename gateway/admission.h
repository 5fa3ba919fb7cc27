/* Overload control: how many requests of each class of operation are served at once, and how many bytes uploads may
 * keep in memory together. What is beyond is refused at once with 503 SlowDown, before any of its body is read: there
 * is no queue, since one that is long enough to help under overload only makes every answer late.
 *
 * Requests are admitted after they were authorized, so that nobody without credentials can use up the room; what is
 * not routed to an operation is bounded by the number of connections. */
#ifndef TERCET_GATEWAY_ADMISSION_H
#define TERCET_GATEWAY_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

/* What an operation costs; each class but the last has a bound of its own. */
enum operation_class {
    OPERATION_READ,   /* gives out bytes of an object */
    OPERATION_WRITE,  /* takes in or copies bytes of an object */
    OPERATION_LIST,   /* names */
    OPERATION_OTHER,  /* small: deletions, buckets, begin and end of multipart uploads */
    OPERATION_SYSTEM, /* health and metrics: never refused */
    OPERATION_CLASSES
};

struct admission {
    uint64_t limits[OPERATION_CLASSES]; /* in flight; that of OPERATION_SYSTEM is not looked at */
    uint64_t upload_bytes_max;          /* of all uploads */

    uint64_t in_flight[OPERATION_CLASSES]; /* atomic */
    uint64_t upload_bytes;                 /* atomic */
};

/* What one request holds of the bounds. */
struct admission_share {
    enum operation_class class;
    uint64_t bytes;
};

/* Takes a share for a request that keeps so many bytes of its body in memory (0 for other classes than
 * OPERATION_WRITE). False when there is no room: nothing is taken, and the refusal is counted. */
bool admission_enter(struct admission *admission, enum operation_class class, uint64_t kept_bytes,
                     struct admission_share *share);
void admission_leave(struct admission *admission, const struct admission_share *share);

/* Registers in-flight requests, bounds and refusals as metrics; before the first request. */
void admission_register_metrics(struct admission *admission);

#endif
