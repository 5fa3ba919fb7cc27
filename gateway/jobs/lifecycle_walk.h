/* One bucket's round of its lifecycle, in slices. */
#ifndef TERCET_GATEWAY_JOBS_LIFECYCLE_WALK_H
#define TERCET_GATEWAY_JOBS_LIFECYCLE_WALK_H

#include "gateway/jobs/background_job.h"
#include "gateway/s3/lifecycle.h"

/* What became of it. */
enum lifecycle_outcome {
    LIFECYCLE_EXPIRED,
    LIFECYCLE_REMOVED,
    LIFECYCLE_MARKER_REMOVED,
    LIFECYCLE_MOVED,
    LIFECYCLE_UPLOAD_ABORTED,
    LIFECYCLE_CHANGED, /* it is another one by now: the next round judges it */
    LIFECYCLE_REFUSED, /* it is locked */
    LIFECYCLE_OUTCOME_COUNT
};
/* Counts for metrics and /system/lifecycle. */
void lifecycle_count(struct background *background, enum lifecycle_outcome outcome, uint64_t count);
void lifecycle_count_examined(struct background *background, uint64_t count);

struct lifecycle_slice {
    struct background *background;
    const struct meta_bucket *bucket;
    const struct lifecycle_configuration *configuration; /* held by who calls */
    struct bytes kept;                                   /* the setting that it is from */
    int64_t now_ms, day_ms;
    struct buffer *key; /* the names up to this one are done: where it begins, and where it ended */
    bool finished;      /* there are no more names */
};

/* Goes on with the bucket until it is finished, a slice's time has passed, the gateway stops or the rules are others.
 * Suspends. A failure: it goes on there later. */
enum status lifecycle_slice_run(struct lifecycle_slice *slice);
/* Aborts the uploads that are due. */
enum status lifecycle_uploads_abort(struct lifecycle_slice *slice);
/* Whether the bucket still has these very rules. */
bool lifecycle_rules_hold(const struct lifecycle_slice *slice);

#endif
