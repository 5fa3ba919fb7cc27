/* Overload control: how many requests of each class of operation are served at once, and how many bytes uploads may
 * keep in memory together. What is beyond is refused at once with 503 SlowDown, before any of its body is read: there
 * is no queue, since one that is long enough to help under overload only makes every answer late.
 *
 * Requests are admitted after they were authorized, so that nobody without credentials can use up the room. What was
 * refused before has places of its own while its answer is sent: beyond them no answer waits for its client. */
#ifndef TERCET_GATEWAY_ADMISSION_H
#define TERCET_GATEWAY_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

/* What an operation costs; each class but the last has a bound of its own. */
enum operation_class {
    CLASS_READ,   /* gives out bytes of an object */
    CLASS_WRITE,  /* takes in or copies bytes of an object */
    CLASS_LIST,   /* names */
    CLASS_OTHER,  /* small: deletions, buckets, begin and end of multipart uploads */
    CLASS_ERROR,  /* no operation: the answer to a request that was not admitted */
    CLASS_FORM,   /* no operation yet: the fields of a form are read, and nobody knows whose it is */
    CLASS_SYSTEM, /* health and metrics: never refused */
    CLASS_COUNT
};

struct admission {
    uint64_t limits[CLASS_COUNT]; /* in flight; of CLASS_SYSTEM more are served, see admission_is_beyond */
    uint64_t upload_bytes_max;    /* of all uploads */

    /* Has somebody of this class go who holds a place without making use of it; NULL: there is nobody. The place is
     * taken before it is given up, so more than the bound may be in flight for a moment. */
    bool (*make_room)(void *arg, enum operation_class class);
    void *make_room_arg;

    uint64_t in_flight[CLASS_COUNT]; /* atomic */
    uint64_t upload_bytes;           /* atomic */
};

#define ADMISSION_GARBAGE "garbage" /* the reason of refusals by hold_back.h */

/* What one request holds of the bounds. */
struct admission_share {
    enum operation_class class;
    uint64_t bytes;
};

/* Takes a share for a request that keeps so many bytes of its body in memory (0 for other classes than
 * CLASS_WRITE). False when there is no room: nothing is taken, and the refusal is counted. */
bool admission_enter(struct admission *admission, enum operation_class class, uint64_t kept_bytes,
                     struct admission_share *share);
/* Counts a refusal for another reason. */
void admission_count_refusal(const char *reason);
/* Are more of the class in flight than its limit? Of CLASS_SYSTEM no answer may wait for its client then. */
bool admission_is_beyond(const struct admission *admission, enum operation_class class);
void admission_leave(struct admission *admission, const struct admission_share *share);

/* Registers in-flight requests, bounds and refusals as metrics; before the first request. */
void admission_register_metrics(struct admission *admission);

#endif
