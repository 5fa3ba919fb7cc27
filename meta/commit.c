/* The committer; see the header. */
#include "meta/commit.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "meta/commit_group.h"
#include "meta/internal.h"

/* To the acknowledger, unless there is nothing to wait for. */
static void group_hand_over(struct committer *committer, struct commit_group *group)
{
    if (group->sequence == 0) {
        commit_group_end(committer->meta, group, META_HELD, NULL);
        return;
    }
    lock_acquire(&committer->lock);
    if (committer->last_group)
        committer->last_group->next = group;
    else
        committer->first_group = group;
    committer->last_group = group;
    pthread_cond_signal(&committer->written);
    lock_release(&committer->lock);
}

static void *acknowledger_main(void *arg)
{
    struct committer *committer = arg;
    const struct meta_replication *replication = committer->meta->history.replication;

    for (;;) {
        lock_acquire(&committer->lock);
        while (!committer->first_group && !committer->stopping)
            pthread_cond_wait(&committer->written, &committer->lock);
        struct commit_group *group = committer->first_group;
        if (group)
            committer->first_group = group->next;
        if (!committer->first_group)
            committer->last_group = NULL;
        lock_release(&committer->lock);
        if (!group)
            return NULL;
        struct meta_short missing = {0};
        enum meta_held held = replication->wait(replication->arg, group->sequence, group->written_ms, &missing);
        commit_group_end(committer->meta, group, held, &missing);
    }
}

/* Refuses all of them when the replicas cannot follow, and once a write failed. */
static bool ops_refuse(struct committer *committer, struct commit_op *ops)
{
    const struct meta_replication *replication = committer->meta->history.replication;

    bool failed = atomic_load(&committer->meta->failed);

    if (!failed && (!replication || replication->ready(replication->arg)))
        return false;
    for (struct commit_op *op = ops; op; op = op->next)
        op->status = STATUS_UNAVAILABLE;
    ops_signal(ops);
    return true;
}

/* Commits operations until all are done or a write failed. Returns those that are left. Without any a write of the
 * state shows whether an error in the store's background is over. */
static struct commit_op *ops_commit(struct committer *committer, struct commit_op *ops)
{
    do {
        struct commit_group *group;
        ops = commit_group_run(committer, ops, &group);
        group_hand_over(committer, group);
    } while (ops && !atomic_load(&committer->meta->failed));
    return ops;
}

/* Waits for operations, for a second at most. */
static struct commit_op *ops_take(struct committer *committer, bool *stopping)
{
    uint64_t until_ms = clock_monotonic_ms() + 1000;

    lock_acquire(&committer->lock);
    while (!committer->first && !committer->stopping &&
           clock_cond_wait(&committer->waiting, &committer->lock, until_ms))
        ;
    struct commit_op *ops = committer->first;
    committer->first = committer->last = NULL;
    *stopping = committer->stopping;
    lock_release(&committer->lock);
    return ops;
}

static void *committer_main(void *arg)
{
    struct committer *committer = arg;

    for (;;) {
        bool stopping;
        struct commit_op *ops = ops_take(committer, &stopping);
        if (!ops && stopping)
            return NULL;
        if (!ops) {
            if (meta_is_failing(committer->meta) && !atomic_load(&committer->meta->failed))
                ops_commit(committer, NULL);
            continue;
        }
        if (ops_refuse(committer, ops))
            continue;
        ops = ops_commit(committer, ops);
        if (ops)
            ops_refuse(committer, ops);
    }
}

void committer_start(struct committer *committer, struct meta *meta, const struct state_record *state)
{
    committer->meta = meta;
    committer->state = *state;
    committer->seen = history_last(&meta->history);
    pthread_mutex_init(&committer->lock, NULL);
    clock_cond_init(&committer->waiting);
    pthread_cond_init(&committer->written, NULL);
    int error = pthread_create(&committer->thread, NULL, committer_main, committer);
    CHECK(error == 0);
    if (meta->history.replication) {
        error = pthread_create(&committer->acknowledger, NULL, acknowledger_main, committer);
        CHECK(error == 0);
    }
}

void committer_stop(struct committer *committer)
{
    lock_acquire(&committer->lock);
    CHECK(!committer->first);
    committer->stopping = true;
    pthread_cond_signal(&committer->waiting);
    pthread_cond_signal(&committer->written);
    lock_release(&committer->lock);
    pthread_join(committer->thread, NULL);
    if (committer->meta->history.replication)
        pthread_join(committer->acknowledger, NULL);
    pthread_cond_destroy(&committer->written);
    pthread_cond_destroy(&committer->waiting);
    pthread_mutex_destroy(&committer->lock);
}

void commit_list_add(struct commit_list *list, struct commit_op *op)
{
    op->next = NULL;
    completion_init(&op->completion);
    if (list->last)
        list->last->next = op;
    else
        list->first = op;
    list->last = op;
    list->count++;
}

void commit_submit(struct meta *meta, const struct commit_list *list)
{
    struct committer *committer = &meta->committer;

    if (!list->first)
        return;
    __atomic_add_fetch(&committer->waiting_ops, list->count, __ATOMIC_RELAXED);
    lock_acquire(&committer->lock);
    if (committer->last)
        committer->last->next = list->first;
    else
        committer->first = list->first;
    committer->last = list->last;
    pthread_cond_signal(&committer->waiting);
    lock_release(&committer->lock);
}

enum status commit_wait(struct meta *meta, struct commit_op *op)
{
    completion_wait(&op->completion);
    __atomic_sub_fetch(&meta->committer.waiting_ops, 1, __ATOMIC_RELAXED);
    return op->status;
}

enum status commit_run(struct meta *meta, struct commit_op *op)
{
    struct commit_list list = {0};

    commit_list_add(&list, op);
    commit_submit(meta, &list);
    return commit_wait(meta, op);
}
