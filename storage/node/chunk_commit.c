/* Committing chunks: the moment at which a chunk appears, under the lock of its id.
 *
 * A large chunk is published by whoever commits it. Small ones go to one thread, which takes all that wait, writes them
 * with one batch and one sync, and then wakes their owners: sixteen threads of the pool that each write and wait for
 * one another cost twice the CPU and never share a sync among more than sixteen. The thread holds the locks of all ids
 * of its group. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/task.h"
#include "storage/node/chunk_store_internal.h"

#define GROUP_CHUNKS_MAX COMMIT_GROUP_MAX
#define GROUP_BYTES_MAX  (8u << 20)

/* A small chunk on its way; lives with its owner, who waits for the completion. */
struct small_commit {
    struct chunk_put *put;
    struct small_row row;
    enum status status;
    struct completion completion;
    struct small_commit *next;
};

/* Those that are committed together. */
struct small_commit_group {
    struct small_commit *commits[GROUP_CHUNKS_MAX];
    struct small_row rows[GROUP_CHUNKS_MAX];
    pthread_mutex_t *locks[GROUP_CHUNKS_MAX];
    unsigned commit_count, row_count, lock_count;
};

enum status chunk_store_existing_locked(struct chunk_store *store, const struct index_entry *wanted)
{
    struct index_entry entry;
    enum status status = small_store_lookup(store->small, SMALL_ANYWHERE, &wanted->id, &entry);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status)
        return status;
    if (entry.size != wanted->size || entry.crc32c != wanted->crc32c)
        return STATUS_CONFLICT;
    status = chunk_store_verify_locked(store, &wanted->id, &entry);
    if (status == STATUS_CORRUPT)
        return STATUS_OK;
    return status ? status : STATUS_EXISTS;
}

void chunk_store_head_fill(const struct chunk_store *store, const struct chunk_id *id, const struct chunk_sums *sums,
                           int64_t stored_ms, struct chunk_head *head)
{
    memcpy(head->cluster, store->config.disk.cluster, CLUSTER_ID_LEN);
    head->id = *id;
    head->size = sums->size;
    head->crc32c = sums->crc32c;
    head->stored_ms = stored_ms;
    memcpy(head->table, sums->table, chunk_block_count(sums->size) * sizeof(sums->table[0]));
}

void chunk_store_appeared_locked(struct chunk_store *store, const struct index_entry *entry)
{
    chunk_store_count(store, entry, 1);
    chunk_trash_forget_locked(store, &entry->id);
}

static void head_fill(const struct chunk_put *put, struct chunk_head *head)
{
    chunk_store_head_fill(put->store, &put->id, &put->sums, clock_wall_ms(), head);
}

/* ---- small chunks -------------------------------------------------------------------------------------------- */

static bool group_has(const struct small_commit_group *group, const struct chunk_id *id)
{
    for (unsigned i = 0; i < group->commit_count; i++)
        if (memcmp(group->commits[i]->put->id.bytes, id->bytes, CHUNK_ID_LEN) == 0)
            return true;
    return false;
}

/* Takes commits from the list until the group is full, or would have an id twice: the later one must see the earlier.
 * Returns those that are left. */
static struct small_commit *group_fill(struct small_commit_group *group, struct small_commit *next)
{
    uint64_t bytes = 0;
    while (next && group->commit_count < GROUP_CHUNKS_MAX && bytes < GROUP_BYTES_MAX &&
           !group_has(group, &next->put->id)) {
        group->commits[group->commit_count++] = next;
        bytes += small_row_len(&next->row);
        next = next->next;
    }
    return next;
}

static void group_lock(struct small_commit_group *group)
{
    for (unsigned i = 0; i < group->commit_count; i++)
        group->locks[i] = chunk_store_lock(group->commits[i]->put->store, &group->commits[i]->put->id);
    group->lock_count = chunk_store_locks_take(group->locks, group->commit_count);
}

/* With the locks held: which of them can be written? */
static void group_check(struct small_commit_group *group, struct chunk_store *store)
{
    struct disk_space space = {0};
    enum status space_status = disk_space(&store->disk, &space);
    uint64_t room = space.full ? 0 : space.usable_bytes, bytes = 0;
    for (unsigned i = 0; i < group->commit_count; i++) {
        struct small_commit *commit = group->commits[i];
        commit->status = disk_check_trust(&store->disk, DISK_CHUNKS);
        if (!commit->status)
            commit->status = chunk_store_existing_locked(store, &commit->row.entry);
        if (!commit->status)
            commit->status = space_status;
        if (!commit->status && bytes + small_row_len(&commit->row) > room)
            commit->status = STATUS_NO_SPACE;
        if (commit->status)
            continue;
        group->rows[group->row_count++] = commit->row;
        bytes += small_row_len(&commit->row);
    }
}

static struct small_commit *group_commit(struct chunk_store *store, struct small_commit *first)
{
    struct small_commit_group group = {0};
    struct small_commit *rest = group_fill(&group, first);
    group_lock(&group);
    group_check(&group, store);
    enum status written = group.row_count ? small_store_put(store->small, group.rows, group.row_count) : STATUS_OK;
    for (unsigned i = 0; i < group.commit_count; i++) {
        struct small_commit *commit = group.commits[i];
        if (!commit->status)
            commit->status = written;
        if (!commit->status)
            chunk_store_appeared_locked(store, &commit->row.entry);
    }
    chunk_store_locks_give(group.locks, group.lock_count);
    for (unsigned i = 0; i < group.commit_count; i++)
        completion_signal(&group.commits[i]->completion); /* and the commit is gone */
    return rest;
}

static void *committer_main(void *arg)
{
    struct chunk_store *store = arg;
    struct small_committer *committer = &store->committer;
    for (;;) {
        lock_acquire(&committer->lock);
        while (!committer->first && !committer->stopping)
            pthread_cond_wait(&committer->waiting, &committer->lock);
        struct small_commit *commits = committer->first;
        committer->first = committer->last = NULL;
        lock_release(&committer->lock);
        if (!commits)
            return NULL;
        while (commits)
            commits = group_commit(store, commits);
    }
}

void small_committer_start(struct chunk_store *store)
{
    struct small_committer *committer = &store->committer;
    pthread_mutex_init(&committer->lock, NULL);
    pthread_cond_init(&committer->waiting, NULL);
    int error = pthread_create(&committer->thread, NULL, committer_main, store);
    CHECK(error == 0);
    pthread_setname_np(committer->thread, "committer");
    committer->started = true;
}

void small_committer_stop(struct chunk_store *store)
{
    struct small_committer *committer = &store->committer;
    if (!committer->started)
        return;
    lock_acquire(&committer->lock);
    CHECK(!committer->first);
    committer->stopping = true;
    pthread_cond_signal(&committer->waiting);
    lock_release(&committer->lock);
    pthread_join(committer->thread, NULL);
    pthread_cond_destroy(&committer->waiting);
    pthread_mutex_destroy(&committer->lock);
    committer->started = false;
}

static void commit_prepare(struct small_commit *commit, struct chunk_put *put)
{
    struct chunk_head head;
    head_fill(put, &head);
    uint32_t head_len = chunk_head_len(head.size);
    char *start = put->value + chunk_put_payload_offset(put) - head_len;
    *commit = (struct small_commit){.put = put};
    commit->row.entry = (struct index_entry){put->id, head.size, head.crc32c, head.stored_ms, false};
    commit->row.head = bytes_of(start, head_len);
    commit->row.payload = bytes_of(start + head_len, head.size);
    chunk_head_encode(&head, (uint8_t *)start);
    completion_init(&commit->completion);
}

/* Gives a list of commits to the thread. */
static void commits_hand_over(struct small_committer *committer, struct small_commit *first, struct small_commit *last)
{
    lock_acquire(&committer->lock);
    if (committer->last)
        committer->last->next = first;
    else
        committer->first = first;
    committer->last = last;
    pthread_cond_signal(&committer->waiting);
    lock_release(&committer->lock);
}

static enum status commit_small(struct chunk_put *put)
{
    struct small_commit commit;
    commit_prepare(&commit, put);
    commits_hand_over(&put->store->committer, &commit, &commit);
    completion_wait(&commit.completion);
    return commit.status;
}

void small_puts_commit(struct chunk_store *store, struct chunk_put *const *puts, enum status *statuses, unsigned count)
{
    struct small_commit commits[COMMIT_GROUP_MAX];
    CHECK(count <= COMMIT_GROUP_MAX);
    if (count == 0)
        return;
    for (unsigned i = 0; i < count; i++)
        commit_prepare(&commits[i], puts[i]);
    for (unsigned i = 0; i + 1 < count; i++)
        commits[i].next = &commits[i + 1];
    commits_hand_over(&store->committer, &commits[0], &commits[count - 1]);
    for (unsigned i = 0; i < count; i++) {
        completion_wait(&commits[i].completion);
        statuses[i] = commits[i].status;
    }
}

/* ---- large chunks -------------------------------------------------------------------------------------------- */

/* A file without a row in the way is one that could not be adopted at start: it is set aside. */
static enum status publish_large(struct chunk_put *put, const struct chunk_head *head, const struct index_entry *entry)
{
    struct disk *disk = &put->store->disk;
    enum status status = STATUS_OK;
    enum status look = large_look(disk, &put->id);
    if (!look || look == STATUS_CORRUPT)
        status = large_quarantine(disk, &put->id);
    if (status == STATUS_CORRUPT)
        status = STATUS_CONFLICT; /* nobody can take it out of the way */
    if (!status)
        status = large_file_publish(&put->file, head);
    if (status == STATUS_EXISTS)
        status = STATUS_INTERNAL;
    if (!status)
        status = small_store_index_put(put->store->small, entry);
    return status;
}

static enum status commit_large(struct chunk_put *put, const struct chunk_head *head, const struct index_entry *entry)
{
    pthread_mutex_t *lock = chunk_store_lock(put->store, &put->id);
    lock_acquire(lock);
    enum status status = chunk_store_existing_locked(put->store, entry);
    if (!status)
        status = publish_large(put, head, entry);
    if (!status)
        chunk_store_appeared_locked(put->store, entry);
    lock_release(lock);
    return status;
}

enum status chunk_put_commit(struct chunk_put *put)
{
    struct chunk_head head;
    enum status trust = disk_check_trust(&put->store->disk, DISK_CHUNKS);
    if (trust)
        return trust;
    if (put->sums.size == 0)
        return STATUS_INVALID;
    if (!put->in_file)
        return commit_small(put);
    head_fill(put, &head);
    struct index_entry entry = {put->id, head.size, head.crc32c, head.stored_ms, true};
    return commit_large(put, &head, &entry);
}

void chunk_put_commit_many(struct chunk_put *const *puts, size_t count, enum status *outcomes)
{
    struct chunk_put *group[COMMIT_GROUP_MAX];
    enum status statuses[COMMIT_GROUP_MAX];
    size_t from[COMMIT_GROUP_MAX];
    unsigned some = 0;

    for (size_t i = 0; i < count; i++) {
        struct chunk_put *put = puts[i];
        if (put->in_file || put->sums.size == 0 || disk_check_trust(&put->store->disk, DISK_CHUNKS)) {
            outcomes[i] = chunk_put_commit(put);
        } else {
            from[some] = i;
            group[some++] = put;
        }
        if (some < COMMIT_GROUP_MAX && i + 1 < count)
            continue;
        small_puts_commit(put->store, group, statuses, some);
        for (unsigned j = 0; j < some; j++)
            outcomes[from[j]] = statuses[j];
        some = 0;
    }
}
