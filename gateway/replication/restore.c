/* Restoring: see recovery.h. In this order: what can be refused is refused; the nodes shut the old gateway out,
 * and say what they hold then; the most advanced replica is read; the new database takes its place. A restore that dies
 * on the way is begun anew, with a higher fence. */
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/task.h"
#include "gateway/replication/lease.h"
#include "gateway/replication/survey.h"
#include "meta/history.h"

#define PATH_LEN_MAX 4096

struct fetch {
    const struct recovery_config *config;
    struct meta_restore *restore;
    struct cluster_meta_state from;
    unsigned index;
    struct buffer page, after;
    uint64_t rows;
    bool end;
    enum status status;
    struct completion done;
};

/* In the pool: takes the page's rows in, and notes where the next page begins. */
static void page_apply(void *arg)
{
    struct fetch *fetch = arg;
    struct bytes bytes = buffer_bytes(&fetch->page), payload;
    struct change_record record;
    struct change change = {0};
    char family;

    fetch->status = change_record_next(&bytes, &record);
    if (fetch->status || bytes.len || record.epoch != fetch->from.epoch || record.first != fetch->from.sequence) {
        fetch->status = STATUS_CORRUPT;
        return;
    }
    fetch->end = record.count == 0;
    fetch->rows += record.count;
    if (fetch->end)
        return;
    payload = record.payload;
    while (change_next(&payload, &change) == STATUS_OK)
        continue;
    family = (char)change.family;
    buffer_clear(&fetch->after);
    fetch->status = buffer_append_char(&fetch->after, family);
    if (!fetch->status)
        fetch->status = buffer_append_bytes(&fetch->after, change.key);
    if (!fetch->status)
        fetch->status = meta_restore_add(fetch->restore, &record);
}

static void fetch_task(void *arg)
{
    struct fetch *fetch = arg;
    struct cluster_meta_state now = {0};
    buffer_init(&fetch->page, CHANGE_RECORD_MAX);
    buffer_init(&fetch->after, UINT16_MAX + 1);
    while (!fetch->status && !fetch->end) {
        buffer_clear(&fetch->page);
        fetch->status =
            cluster_meta_dump(fetch->config->cluster, fetch->index, buffer_bytes(&fetch->after), &fetch->page, &now);
        if (!fetch->status && now.fence > fetch->from.fence) {
            fprintf(stderr, "tercet-gateway: another restore was begun meanwhile\n");
            fetch->status = STATUS_CONFLICT;
        }
        if (!fetch->status)
            pool_run(fetch->config->pool, page_apply, fetch);
    }
    buffer_release(&fetch->page);
    buffer_release(&fetch->after);
    completion_signal(&fetch->done);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

/* Sets what is there aside and gives the new database its name. */
static enum status database_swap(const struct recovery_config *config, const char *restored)
{
    char aside[PATH_LEN_MAX];
    int directory = -1;
    enum status status = STATUS_IO;
    snprintf(aside, sizeof(aside), "%s.replaced-%" PRId64, config->meta_path, clock_wall_ms());
    if (access(config->meta_path, F_OK) == 0) {
        if (rename(config->meta_path, aside) != 0)
            goto out;
        fprintf(stderr, "tercet-gateway: the database that was there is now %s\n", aside);
    }
    directory = open(config->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0 && rename(restored, config->meta_path) == 0 && fsync(directory) == 0)
        status = STATUS_OK;
out:
    if (directory >= 0)
        close(directory);
    return status;
}

/* Nodes that hold what the one to restore from does not are not passed over in silence. */
static enum status check_nodes_agree(struct survey *survey, unsigned from, const struct lineage *lineage)
{
    unsigned other;
    const struct cluster_meta_state *best = &survey->states[from];
    survey_find_strays(survey, lineage, best->sequence);
    if (survey_judge(survey, lineage, best->sequence, &other) == STANDING_PREFIX)
        return STATUS_OK;
    if (survey_check_silence(survey))
        return STATUS_UNAVAILABLE;
    fprintf(stderr,
            "tercet-gateway: nodes %u (sequence %" PRIu64 ") and %u (sequence %" PRIu64
            ") hold changes that the other does not: a database that had lost some was written to. Choose: "
            "-restore-from %u or -restore-from %u keeps the changes of that node and gives up the other's\n",
            survey_node_number(survey, from), best->sequence, survey_node_number(survey, other),
            survey->states[other].sequence, survey_node_number(survey, from), survey_node_number(survey, other));
    return STATUS_CONFLICT;
}

static enum status fetch_rows(struct fetch *fetch, const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* of a restore that was broken off */
    enum status status = meta_restore_open(path, &fetch->restore);
    if (status)
        return status;
    completion_init(&fetch->done);
    task_spawn(fetch->config->loop, fetch_task, fetch);
    completion_wait(&fetch->done);
    return fetch->status;
}

/* A damaged replica is no reason to give up. */
static void suggest_others(const struct survey *survey, unsigned from)
{
    for (unsigned i = 0; i < survey->node_count; i++)
        if (i != from && survey->answered[i] && survey->states[i].epoch)
            fprintf(stderr, "tercet-gateway: -restore-from %u restores from that node, up to sequence %" PRIu64 "%s\n",
                    survey_node_number(survey, i), survey->states[i].sequence,
                    survey_is_newer(&survey->states[from], &survey->states[i]) ? ", which is less" : "");
}

/* What the nodes said to the old gateway before the fence counts for a while there (lease.h): until then this database
 * is not to be served. */
static void wait_lease(uint64_t fenced_ms)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    while (clock_boot_ms() < fenced_ms + LEASE_MS + LEASE_CLOCK_MS)
        nanosleep(&pause, NULL);
}

static enum status fetch_run(const struct recovery_config *config, struct survey *survey, unsigned from)
{
    char path[PATH_LEN_MAX];
    struct fetch fetch = {.config = config, .index = from, .from = survey->states[from]};
    const struct meta_position replica = {fetch.from.epoch, fetch.from.sequence};
    struct lineage lineage;

    snprintf(path, sizeof(path), "%s.restoring", config->meta_path);
    enum status status = fetch_rows(&fetch, path);
    if (!status)
        status = meta_restore_lineage(fetch.restore, config->cluster_id, &lineage);
    enum status agree = status || config->restore_from ? STATUS_OK : check_nodes_agree(survey, from, &lineage);
    if (agree) {
        meta_restore_free(fetch.restore);
        return agree;
    }
    if (!status)
        status = meta_restore_finish(fetch.restore, &replica, survey->fence);
    meta_restore_free(fetch.restore);
    wait_lease(survey->fenced_ms);
    if (!status)
        status = database_swap(config, path);
    if (status) {
        fprintf(stderr, "tercet-gateway: the metadata could not be restored from node %u: %s\n",
                survey_node_number(survey, from), status_name(status));
        suggest_others(survey, from);
    } else {
        fprintf(stderr, "tercet-gateway: %" PRIu64 " rows restored from node %u, up to sequence %" PRIu64 "\n",
                fetch.rows, survey_node_number(survey, from), fetch.from.sequence);
    }
    return status;
}

/* The index of the node that the operator chose. NOT_FOUND (explained) when it holds nothing or does not answer. */
static enum status chosen_node(const struct survey *survey, unsigned *from)
{
    unsigned number = survey->config->restore_from;
    for (*from = 0; *from < survey->node_count; ++*from)
        if (survey_node_number(survey, *from) == number && survey->answered[*from] && survey->states[*from].epoch)
            return STATUS_OK;
    fprintf(stderr, "tercet-gateway: restore-from: node %u does not answer, or holds no metadata of this cluster\n",
            number);
    return STATUS_NOT_FOUND;
}

/* Somebody's, or in use: explained. */
static enum status local_read(const struct recovery_config *config, struct survey_local *local)
{
    *local = (struct survey_local){0};
    enum status status = meta_position_peek(config->meta_path, config->cluster_id, &local->position, &local->lineage);
    if (status == STATUS_DENIED)
        fprintf(stderr, "tercet-gateway: the metadata in %s belong to another cluster\n", config->meta_path);
    else if (status == STATUS_UNAVAILABLE)
        fprintf(stderr, "tercet-gateway: a gateway has the metadata in %s open: stop it first. Nothing was changed\n",
                config->meta_path);
    else
        return STATUS_OK;
    return status;
}

/* The index of the most advanced node. CONFLICT, NOT_FOUND (explained): there is nothing to restore. A database that
 * the nodes take nothing from any more is of no use, whatever it holds. */
static enum status best_node(const struct survey *survey, const struct survey_local *local, unsigned *from)
{
    unsigned other;

    *from = survey_best(survey);
    if (*from == survey->node_count) {
        fprintf(stderr, "tercet-gateway: no node holds metadata of this cluster\n");
        return STATUS_NOT_FOUND;
    }
    if (local->position.epoch == 0 || survey->config->restore_damaged ||
        survey_highest_fence(survey) > change_generation(local->position.epoch) ||
        survey_judge(survey, &local->lineage, local->position.sequence, &other) != STANDING_PREFIX)
        return STATUS_OK;
    fprintf(stderr,
            "tercet-gateway: the metadata in %s (sequence %" PRIu64 ") are not behind those of the nodes (sequence "
            "%" PRIu64 "): nothing to restore. When they are damaged, -restore-damaged replaces them all the same\n",
            survey->config->meta_path, local->position.sequence, survey->states[*from].sequence);
    return STATUS_CONFLICT;
}

/* The node to restore from, as things are now. */
static enum status choose_node(const struct survey *survey, const struct survey_local *local, unsigned *from)
{
    return survey->config->restore_from ? chosen_node(survey, from) : best_node(survey, local, from);
}

enum status recovery_restore(const struct recovery_config *config)
{
    struct survey survey;
    struct survey_local local;
    unsigned from;
    enum status status = local_read(config, &local);
    if (!status)
        status = survey_run(&survey, config, survey_nearly_all(config));
    if (!status)
        status = choose_node(&survey, &local, &from);
    if (!status)
        status = survey_fence(&survey, change_generation(local.position.epoch));
    if (status)
        return status;
    fprintf(stderr, "tercet-gateway: %u of %u nodes take nothing more from a gateway that was in use before\n",
            survey.answered_count, survey.node_count);
    status = choose_node(&survey, &local, &from);
    if (!status)
        status = fetch_run(config, &survey, from);
    if (status)
        fprintf(stderr, "tercet-gateway: nothing was restored, and a gateway that was in use before is refused by the "
                        "nodes: repeat the restore, here or where that one was\n");
    return status;
}
