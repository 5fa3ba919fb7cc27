/* Which keys are needed by what is encrypted, as the job that seals old ones anew found it (rekey.c). */
#ifndef TERCET_GATEWAY_JOBS_REKEY_H
#define TERCET_GATEWAY_JOBS_REKEY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/keys/keyring.h"

#define REKEY_NAMES_MAX (KEYRING_KEYS_MAX + 64) /* with keys that are missing */

struct rekey_use {
    char name[KEY_NAME_MAX + 1];
    bool known, current, retired; /* in the keys as the pass began */
    bool asked;                   /* whether a service has it; then known says so */
    uint64_t versions, uploads;   /* that are sealed with it now */
};

struct rekey_pass {
    uint64_t generation;          /* of the keys that it is for */
    bool final;                   /* nobody could commit what was sealed with older keys when it began */
    bool whole;                   /* everything could be read and sealed */
    int64_t started_ms, ended_ms; /* wall clock; 0: not yet */
    uint64_t examined, rewrapped, failed;
    uint64_t overflown; /* versions and uploads of further keys that are missing */
    size_t use_count;
    struct rekey_use uses[REKEY_NAMES_MAX];
};

/* Of the pass under way, or of the last one. */
struct rekey_progress {
    bool running;
    int64_t started_ms; /* wall clock; 0: there was none yet */
    uint64_t examined, rewrapped, failed;
};

struct rekey {
    pthread_mutex_t lock;           /* never held across a suspension */
    struct rekey_pass last;         /* under lock: that came to its end */
    struct rekey_progress progress; /* under lock */
    struct rekey_pass now;          /* the job's own */
    bool again;                     /* the job's own: the last one failed */
    uint64_t due_ms;                /* the job's own, monotonic: of the next one, when nothing changes */
};

#endif
