/* The bootstrap file: policies, groups, roles, users and buckets that are to be there, as JSON (docs/bootstrap.md).
 * What is missing is made, what differs is changed; nothing is taken away unless the file says "absent" or "exact". So
 * the same file twice is no change, and what an administrator did beside it stays. */
#ifndef TERCET_GATEWAY_BOOTSTRAP_H
#define TERCET_GATEWAY_BOOTSTRAP_H

#include "base/status.h"
#include "gateway/gateway.h"

#define BOOTSTRAP_PROBLEM_MAX 1024

struct bootstrap_report {
    unsigned made, changed, removed, unchanged; /* policies, groups, roles, users and buckets */
    char problem[BOOTSTRAP_PROBLEM_MAX];        /* what is wrong and where; of any failure */
};

/* Reads the file and makes it so, in the order of the sections' dependencies; the first fault ends it, and what was
 * done before stays done. INVALID for what the file says, IO when it cannot be read, else what a commit ended with.
 * Blocks; from a plain thread. */
enum status bootstrap_apply(struct gateway *gateway, const char *path, struct bootstrap_report *report);

#endif
