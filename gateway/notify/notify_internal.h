/* Between the files of notify.h. */
#ifndef TERCET_GATEWAY_NOTIFY_INTERNAL_H
#define TERCET_GATEWAY_NOTIFY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/task.h"
#include "gateway/notify/notify.h"
#include "gateway/notify/payload.h"
#include "gateway/notify/target.h"
#include "meta/outbox.h"

/* A message that somebody waits for, on its stack. */
struct notify_trial {
    struct notify_trial *next;
    struct completion done;
    struct bytes message;
    struct buffer *error;
    enum status status;
};
#define NOTIFY_TRIALS_MAX 16

enum notify_drop { NOTIFY_DROP_FULL, NOTIFY_DROP_OLD, NOTIFY_DROP_DAMAGED, NOTIFY_DROP_REFUSED, NOTIFY_DROP_COUNT };

struct notify_queue {
    struct notify *notify;
    char name[NOTIFY_NAME_MAX + 1]; /* "" of the rows whose target is not in -notify */
    struct notify_url url;
    const struct notify_kind *kind;
    struct notify_target *target;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the trials, `woken`, failed_ms, oldest_ms and the error's text */
    pthread_cond_t wake;
    bool woken;
    struct notify_trial *trials;
    unsigned trial_count;
    int64_t failed_ms; /* wall clock: since when no attempt succeeded; 0: the last one did */
    int64_t oldest_ms; /* the first row that waits was made then, as of the last look; 0: none waits */
    struct buffer error;
    /* As far as the counting thread has come: a little behind. */
    atomic_uint_fast64_t rows, bytes;
    atomic_uint_fast64_t delivered, failures, dropped[NOTIFY_DROP_COUNT];
    /* The thread's own. */
    struct meta_outbox_place after; /* all rows up to there are done, or others' */
    uint64_t pause_ms;              /* after the next failure */
    unsigned refusals;              /* so often in a row the first event was refused for what it is */
    bool has_new;                   /* the counting thread's own */
};

struct notify {
    struct notify_options options;
    struct gateway *gateway; /* NULL before it delivers */
    atomic_bool stopping;
    pthread_t counter;
    bool counts;                  /* the thread runs */
    atomic_uint_fast64_t counted; /* the rows of commits up to this one are counted */
    struct notify_queue others;
    struct notify_queue queues[NOTIFY_TARGETS_MAX];
    size_t count;
};

/* What the row says; CORRUPT: nobody can tell, and it is to be removed. *choice is NULL when nobody is told. */
enum status notify_row_read(const struct meta_outbox_row *row, struct notify_payload *payload,
                            const struct notify_choice **choice);
/* The queue that the row waits in; a row that nobody is told of waits with the others'. */
struct notify_queue *notify_queue_of(struct notify *notify, const struct notify_choice *choice);
/* Removes rows of the queue, at most META_OUTBOX_DONE_MAX, and does not give up before it has, or the gateway stops. */
enum status notify_rows_done(struct notify_queue *queue, const struct meta_outbox_row *const *rows, size_t count);
void notify_count_drop(struct notify_queue *queue, enum notify_drop why, uint64_t count);
void notify_queue_wake(struct notify_queue *queue);
/* Waits until it is woken or has to stop, at most so long. */
void notify_queue_wait(struct notify_queue *queue, uint64_t ms);

void *notify_deliver(void *queue); /* the thread of a target */
void *notify_count(void *notify);  /* the thread that counts what waits, and drops what has no target for too long */
/* Ends those who wait for a trial: there is nobody to send it. */
void notify_trials_refuse(struct notify_queue *queue);

#endif
