/* Committing chunks: the moment at which a chunk appears, under the lock of its id.
 *
 * A large chunk is published by whoever commits it. Small ones go to one thread, which takes all that wait, writes them
 * with one batch and one sync, and then wakes their owners: sixteen threads of the pool that each write and wait for
 * one another cost twice the CPU and never share a sync among more than sixteen. The thread holds the locks of all ids
 * of its group; everyone else holds one at a time, so none waits for the other in a circle. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/task.h"
#include "storage/node/chunk_store_private.h"

#define GROUP_CHUNKS_MAX 64
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
struct commit_group {
    struct small_commit *commits[GROUP_CHUNKS_MAX];
    struct small_row rows[GROUP_CHUNKS_MAX];
    pthread_mutex_t *locks[GROUP_CHUNKS_MAX];
    unsigned commit_count, row_count, lock_count;
};

/* With the id's lock held. STATUS_OK: nothing is in the way. */
static enum status existing_check(struct chunk_put *put)
{
    struct index_entry entry;
    enum status status = small_store_lookup(put->store->small, SMALL_ANYWHERE, &put->id, &entry);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status)
        return status;
    if (entry.size != put->sums.size || entry.crc32c != put->sums.crc32c)
        return STATUS_CONFLICT;
    status = chunk_store_verify_locked(put->store, &put->id, &entry);
    if (status == STATUS_CORRUPT)
        return STATUS_OK;
    return status ? status : STATUS_EXISTS;
}

static void head_fill(const struct chunk_put *put, struct chunk_head *head)
{
    memcpy(head->cluster, put->store->config.disk.cluster, CLUSTER_ID_LEN);
    head->id = put->id;
    head->size = put->sums.size;
    head->crc32c = put->sums.crc32c;
    head->stored_ms = clock_wall_ms();
    memcpy(head->table, put->sums.table, sizeof(head->table));
}

/* With the id's lock held: the chunk is durable. */
static void appeared(struct chunk_put *put, const struct index_entry *entry)
{
    chunk_store_count(put->store, entry, 1);
    chunk_trash_forget_locked(put->store, &put->id);
}

/* ---- small chunks -------------------------------------------------------------------------------------------- */

static bool group_has(const struct commit_group *group, const struct chunk_id *id)
{
    for (unsigned i = 0; i < group->commit_count; i++)
        if (memcmp(group->commits[i]->put->id.bytes, id->bytes, CHUNK_ID_LEN) == 0)
            return true;
    return false;
}

/* Takes commits from the list until the group is full, or would have an id twice: the later one must see the earlier.
 * Returns those that are left. */
static struct small_commit *group_fill(struct commit_group *group, struct small_commit *next)
{
    uint64_t bytes = 0;
    while (next && group->commit_count < GROUP_CHUNKS_MAX && bytes < GROUP_BYTES_MAX &&
           !group_has(group, &next->put->id)) {
        group->commits[group->commit_count++] = next;
        bytes += next->row.value.len;
        next = next->next;
    }
    return next;
}

static int lock_compare(const void *a, const void *b)
{
    pthread_mutex_t *const *first = a, *const *second = b;
    return (*first > *second) - (*first < *second);
}

/* Takes the locks of all ids, in the order of their addresses. Several ids may have one lock. */
static void group_lock(struct commit_group *group)
{
    unsigned count = 0;
    for (unsigned i = 0; i < group->commit_count; i++)
        group->locks[i] = chunk_store_lock(group->commits[i]->put->store, &group->commits[i]->put->id);
    qsort(group->locks, group->commit_count, sizeof(group->locks[0]), lock_compare);
    for (unsigned i = 0; i < group->commit_count; i++)
        if (count == 0 || group->locks[i] != group->locks[count - 1])
            group->locks[count++] = group->locks[i];
    group->lock_count = count;
    for (unsigned i = 0; i < count; i++)
        pthread_mutex_lock(group->locks[i]);
}

/* With the locks held: which of them can be written? */
static void group_check(struct commit_group *group, struct chunk_store *store)
{
    struct disk_space space = {0};
    enum status space_status = disk_space(&store->disk, &space);
    uint64_t room = space.full ? 0 : space.usable_bytes, bytes = 0;
    for (unsigned i = 0; i < group->commit_count; i++) {
        struct small_commit *commit = group->commits[i];
        commit->status = disk_failed(&store->disk) ? STATUS_IO : existing_check(commit->put);
        if (!commit->status)
            commit->status = space_status;
        if (!commit->status && bytes + commit->row.value.len > room)
            commit->status = STATUS_NO_SPACE;
        if (commit->status)
            continue;
        group->rows[group->row_count++] = commit->row;
        bytes += commit->row.value.len;
    }
}

static struct small_commit *group_commit(struct chunk_store *store, struct small_commit *first)
{
    struct commit_group group = {0};
    struct small_commit *rest = group_fill(&group, first);
    group_lock(&group);
    group_check(&group, store);
    enum status written = group.row_count ? small_store_put(store->small, group.rows, group.row_count) : STATUS_OK;
    for (unsigned i = 0; i < group.commit_count; i++) {
        struct small_commit *commit = group.commits[i];
        if (!commit->status)
            commit->status = written;
        if (!commit->status)
            appeared(commit->put, &commit->row.entry);
    }
    for (unsigned i = 0; i < group.lock_count; i++)
        pthread_mutex_unlock(group.locks[i]);
    for (unsigned i = 0; i < group.commit_count; i++)
        completion_signal(&group.commits[i]->completion); /* and the commit is gone */
    return rest;
}

static void *committer_main(void *arg)
{
    struct chunk_store *store = arg;
    struct small_committer *committer = &store->committer;
    for (;;) {
        pthread_mutex_lock(&committer->lock);
        while (!committer->first && !committer->stopping)
            pthread_cond_wait(&committer->waiting, &committer->lock);
        struct small_commit *commits = committer->first;
        committer->first = committer->last = NULL;
        pthread_mutex_unlock(&committer->lock);
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
    pthread_mutex_lock(&committer->lock);
    CHECK(!committer->first);
    committer->stopping = true;
    pthread_cond_signal(&committer->waiting);
    pthread_mutex_unlock(&committer->lock);
    pthread_join(committer->thread, NULL);
    pthread_cond_destroy(&committer->waiting);
    pthread_mutex_destroy(&committer->lock);
    committer->started = false;
}

static enum status commit_small(struct chunk_put *put, const struct chunk_head *head, const struct index_entry *entry)
{
    struct small_committer *committer = &put->store->committer;
    uint32_t head_len = chunk_head_len(head->size);
    char *start = put->value + chunk_put_payload_offset(put) - head_len;
    struct small_commit commit = {.put = put, .row = {*entry, bytes_of(start, (size_t)head_len + head->size)}};
    chunk_head_encode(head, (uint8_t *)start);
    completion_init(&commit.completion);
    pthread_mutex_lock(&committer->lock);
    if (committer->last)
        committer->last->next = &commit;
    else
        committer->first = &commit;
    committer->last = &commit;
    pthread_cond_signal(&committer->waiting);
    pthread_mutex_unlock(&committer->lock);
    completion_wait(&commit.completion);
    return commit.status;
}

/* ---- large chunks -------------------------------------------------------------------------------------------- */

/* A file without a row in the way is one that could not be adopted at start: it is set aside. */
static enum status publish_large(struct chunk_put *put, const struct chunk_head *head, const struct index_entry *entry)
{
    struct disk *disk = &put->store->disk;
    enum status status = STATUS_OK;
    if (large_exists(disk, &put->id))
        status = large_quarantine(disk, &put->id);
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
    pthread_mutex_lock(lock);
    enum status status = existing_check(put);
    if (!status)
        status = publish_large(put, head, entry);
    if (!status)
        appeared(put, entry);
    pthread_mutex_unlock(lock);
    return status;
}

enum status chunk_put_commit(struct chunk_put *put)
{
    struct chunk_head head;
    if (disk_failed(&put->store->disk))
        return STATUS_IO;
    if (put->sums.size == 0)
        return STATUS_INVALID;
    head_fill(put, &head);
    struct index_entry entry = {put->id, head.size, head.crc32c, head.stored_ms, put->in_file};
    return put->in_file ? commit_large(put, &head, &entry) : commit_small(put, &head, &entry);
}
