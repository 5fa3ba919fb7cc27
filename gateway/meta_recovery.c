/* See the header. A change that was acknowledged is on two nodes at least, so all nodes but one answering is enough to
 * be sure to see the last of them. A node that holds nothing, because its disk was replaced, says nothing about that:
 * it may have been one of the two. */
#include "gateway/meta_recovery.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "meta/history.h"
#include "meta/torn_tail.h"
#include "storage/cluster/meta_link.h"

#define SURVEY_WAIT_MS  30000 /* for nodes that start at the same time */
#define SURVEY_PAUSE_MS 100
#define PATH_LEN_MAX    4096

struct survey {
    const struct meta_recovery_config *config;
    unsigned wanted; /* so many nodes must say what they hold; 0: those that can be reached are enough */
    unsigned node_count, answered_count, holder_count, denied;
    bool answered[CLUSTER_NODES_MAX];
    struct cluster_meta_state states[CLUSTER_NODES_MAX];
    struct completion done;
};

static bool is_newer(const struct cluster_meta_state *a, uint64_t epoch, uint64_t sequence)
{
    uint32_t generation = change_generation(a->epoch), other = change_generation(epoch);
    return generation != other ? generation > other : a->sequence > sequence;
}

/* ---- asking all nodes ---------------------------------------------------------------------------------------- */

static unsigned node_number(const struct survey *survey, unsigned index)
{
    struct cluster_node_info info;
    cluster_node_info(survey->config->cluster, index, &info);
    return info.number;
}

static void survey_round(struct survey *survey)
{
    struct cluster *cluster = survey->config->cluster;
    for (unsigned i = 0; i < survey->node_count; i++) {
        if (survey->answered[i] || (!survey->wanted && !cluster_node_readable(cluster, node_number(survey, i))))
            continue;
        enum status status = cluster_meta_state(cluster, i, &survey->states[i]);
        survey->answered[i] = status == STATUS_OK;
        survey->answered_count += status == STATUS_OK;
        survey->holder_count += status == STATUS_OK && survey->states[i].epoch != 0;
        if (status == STATUS_DENIED)
            survey->denied = node_number(survey, i);
    }
}

/* When all have answered there is nothing more to learn; when none of many holds anything, the cluster is new. */
static bool survey_is_enough(const struct survey *survey)
{
    return survey->answered_count == survey->node_count || survey->holder_count >= survey->wanted ||
           (survey->holder_count == 0 && survey->answered_count >= survey->wanted);
}

/* Of copies + (nodes that do not answer) <= nodes, at least one of those that hold a change answers. */
static unsigned any_holder(const struct meta_recovery_config *config)
{
    unsigned count = cluster_node_count(config->cluster);
    return config->copies > 0 && config->copies <= count ? count - config->copies + 1 : count;
}

/* All but one, unless a change may be on that one alone. */
static unsigned nearly_all(const struct meta_recovery_config *config)
{
    unsigned count = cluster_node_count(config->cluster), most = count > 1 ? count - 1 : 1;
    return config->copies > 0 && any_holder(config) > most ? any_holder(config) : most;
}

static void survey_task(void *arg)
{
    struct survey *survey = arg;
    uint64_t until_ms = clock_monotonic_ms() + (survey->wanted ? SURVEY_WAIT_MS : 0);
    survey_round(survey);
    while (!survey->denied && !survey_is_enough(survey) && clock_monotonic_ms() < until_ms) {
        task_sleep_ms(SURVEY_PAUSE_MS);
        survey_round(survey);
    }
    if (!survey->denied && survey->answered_count < survey->node_count)
        survey_round(survey);
    completion_signal(&survey->done);
}

/* UNAVAILABLE (explained) when too few answered. */
static enum status survey_run(struct survey *survey, const struct meta_recovery_config *config, unsigned wanted)
{
    *survey = (struct survey){.config = config, .wanted = wanted};
    survey->node_count = cluster_node_count(config->cluster);
    completion_init(&survey->done);
    task_spawn(config->loop, survey_task, survey);
    completion_wait(&survey->done);
    if (survey->denied) {
        fprintf(stderr, "tercet-gateway: node %u refuses this gateway: wrong cluster-id or cluster secret\n",
                survey->denied);
        return STATUS_DENIED;
    }
    if (!survey_is_enough(survey)) {
        fprintf(stderr,
                "tercet-gateway: only %u of %u nodes say what metadata they hold (%u hold nothing), and the others may "
                "hold changes that these do not: start the nodes; check nodes, cluster-id and cluster-secret-file\n",
                survey->answered_count, survey->node_count, survey->answered_count - survey->holder_count);
        return STATUS_UNAVAILABLE;
    }
    return STATUS_OK;
}

/* The index of the most advanced replica; node_count when no node holds anything. */
static unsigned survey_best(const struct survey *survey)
{
    unsigned best = survey->node_count;
    for (unsigned i = 0; i < survey->node_count; i++) {
        const struct cluster_meta_state *state = &survey->states[i];
        if (!survey->answered[i] || state->epoch == 0)
            continue;
        if (best == survey->node_count || is_newer(state, survey->states[best].epoch, survey->states[best].sequence))
            best = i;
    }
    return best;
}

/* ---- checking ------------------------------------------------------------------------------------------------ */

static const char *standing_text(enum standing standing)
{
    return standing == STANDING_AHEAD ? "are behind those of" : "have another history than those of";
}

/* Is what each node that answered holds a part of the database with that lineage, which is at `last`? *other: the index
 * of one of which it is not. */
static enum standing survey_judge(const struct survey *survey, const struct lineage *lineage, uint64_t last,
                                  unsigned *other)
{
    for (unsigned i = 0; i < survey->node_count; i++) {
        const struct meta_position replica = {survey->states[i].epoch, survey->states[i].sequence};
        enum standing standing = survey->answered[i] ? lineage_judge(lineage, last, &replica) : STANDING_PREFIX;
        *other = i;
        if (standing == STANDING_AHEAD || standing == STANDING_FORKED)
            return standing;
    }
    return STANDING_PREFIX;
}

static enum status check_local(const struct survey *survey, const struct meta_position *local,
                               const struct lineage *lineage)
{
    unsigned node;
    enum standing standing = survey_judge(survey, lineage, local->sequence, &node);
    if (standing == STANDING_PREFIX)
        return STATUS_OK;
    fprintf(stderr,
            "tercet-gateway: the local metadata (sequence %" PRIu64 ") %s node %u (sequence %" PRIu64
            "): to go on with what the nodes hold, run tercet-gateway -restore-metadata\n",
            local->sequence, standing_text(standing), node_number(survey, node), survey->states[node].sequence);
    return STATUS_CONFLICT;
}

/* The database cannot be opened. CORRUPT: because of something else than a torn last record. */
static enum status drop_torn_tail(const struct meta_recovery_config *config)
{
    struct survey survey;
    struct torn_tail tail;
    if (torn_tail_find(config->meta_path, config->cluster_id, &tail))
        return STATUS_CORRUPT;
    enum status status = survey_run(&survey, config, any_holder(config));
    if (!status)
        status = check_local(&survey, &tail.left, &tail.lineage);
    return status ? status : torn_tail_drop(&tail);
}

enum status meta_recovery_check(const struct meta_recovery_config *config)
{
    struct survey survey;
    struct meta_position local;
    struct lineage lineage;
    enum status peeked = meta_position_peek(config->meta_path, config->cluster_id, &local, &lineage);
    if (peeked == STATUS_CORRUPT) {
        peeked = drop_torn_tail(config);
        if (!peeked)
            peeked = meta_position_peek(config->meta_path, config->cluster_id, &local, &lineage);
    }
    if (peeked && peeked != STATUS_NOT_FOUND) {
        fprintf(stderr, "tercet-gateway: the metadata in %s cannot be used: %s\n", config->meta_path,
                peeked == STATUS_DENIED ? "they belong to another cluster" : status_name(peeked));
        return peeked;
    }
    enum status status = survey_run(&survey, config, peeked == STATUS_NOT_FOUND ? nearly_all(config) : 0);
    if (status)
        return status;
    if (peeked == STATUS_OK)
        return check_local(&survey, &local, &lineage);
    unsigned best = survey_best(&survey);
    if (best == survey.node_count)
        return STATUS_OK;
    fprintf(stderr,
            "tercet-gateway: there are no metadata in %s, but the nodes hold metadata up to sequence %" PRIu64
            ": run tercet-gateway -restore-metadata\n",
            config->meta_path, survey.states[best].sequence);
    return STATUS_CONFLICT;
}

/* ---- restoring ----------------------------------------------------------------------------------------------- */

struct fetch {
    const struct meta_recovery_config *config;
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
    struct cluster_meta_state now;
    buffer_init(&fetch->page, CHANGE_RECORD_MAX);
    buffer_init(&fetch->after, UINT16_MAX + 1);
    while (!fetch->status && !fetch->end) {
        buffer_clear(&fetch->page);
        fetch->status =
            cluster_meta_dump(fetch->config->cluster, fetch->index, buffer_bytes(&fetch->after), &fetch->page, &now);
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
static enum status database_swap(const struct meta_recovery_config *config, const char *restored)
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
static enum status check_nodes_agree(const struct survey *survey, unsigned from, const struct lineage *lineage)
{
    unsigned other;
    const struct cluster_meta_state *best = &survey->states[from];
    if (survey_judge(survey, lineage, best->sequence, &other) == STANDING_PREFIX)
        return STATUS_OK;
    fprintf(stderr,
            "tercet-gateway: nodes %u (sequence %" PRIu64 ") and %u (sequence %" PRIu64
            ") hold changes that the other does not: a database that had lost some was written to. Choose: "
            "-restore-from %u or -restore-from %u keeps the changes of that node and gives up the other's\n",
            node_number(survey, from), best->sequence, node_number(survey, other), survey->states[other].sequence,
            node_number(survey, from), node_number(survey, other));
    return STATUS_CONFLICT;
}

/* The highest of all nodes that answered. */
static uint32_t survey_generation(const struct survey *survey)
{
    uint32_t generation = 0;
    for (unsigned i = 0; i < survey->node_count; i++)
        if (survey->answered[i] && change_generation(survey->states[i].epoch) > generation)
            generation = change_generation(survey->states[i].epoch);
    return generation;
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
                    node_number(survey, i), survey->states[i].sequence,
                    is_newer(&survey->states[from], survey->states[i].epoch, survey->states[i].sequence)
                        ? ", which is less"
                        : "");
}

static enum status fetch_run(const struct meta_recovery_config *config, const struct survey *survey, unsigned from)
{
    char path[PATH_LEN_MAX];
    struct fetch fetch = {.config = config, .index = from, .from = survey->states[from]};
    const struct meta_position replica = {fetch.from.epoch, fetch.from.sequence};
    struct lineage lineage;

    snprintf(path, sizeof(path), "%s.restoring", config->meta_path);
    enum status status = fetch_rows(&fetch, path);
    if (!status)
        status = meta_restore_lineage(fetch.restore, config->cluster_id, &lineage);
    if (!status && !config->restore_from && check_nodes_agree(survey, from, &lineage)) {
        meta_restore_free(fetch.restore);
        return STATUS_CONFLICT;
    }
    if (!status)
        status = meta_restore_finish(fetch.restore, &replica, survey_generation(survey));
    meta_restore_free(fetch.restore);
    if (!status)
        status = database_swap(config, path);
    if (status) {
        fprintf(stderr, "tercet-gateway: the metadata could not be restored from node %u: %s\n",
                node_number(survey, from), status_name(status));
        suggest_others(survey, from);
    } else {
        fprintf(stderr, "tercet-gateway: %" PRIu64 " rows restored from node %u, up to sequence %" PRIu64 "\n",
                fetch.rows, node_number(survey, from), fetch.from.sequence);
    }
    return status;
}

/* The index of the node that the operator chose. NOT_FOUND (explained) when it holds nothing or does not answer. */
static enum status chosen_node(const struct survey *survey, unsigned *from)
{
    unsigned number = survey->config->restore_from;
    for (*from = 0; *from < survey->node_count; ++*from)
        if (node_number(survey, *from) == number && survey->answered[*from] && survey->states[*from].epoch)
            return STATUS_OK;
    fprintf(stderr, "tercet-gateway: restore-from: node %u does not answer, or holds no metadata of this cluster\n",
            number);
    return STATUS_NOT_FOUND;
}

/* The index of the most advanced node. CONFLICT, NOT_FOUND (explained): there is nothing to restore. */
static enum status best_node(const struct survey *survey, unsigned *from)
{
    const struct meta_recovery_config *config = survey->config;
    struct meta_position local;
    struct lineage lineage;
    unsigned other;

    *from = survey_best(survey);
    if (*from == survey->node_count) {
        fprintf(stderr, "tercet-gateway: no node holds metadata of this cluster\n");
        return STATUS_NOT_FOUND;
    }
    if (meta_position_peek(config->meta_path, config->cluster_id, &local, &lineage) ||
        survey_judge(survey, &lineage, local.sequence, &other) != STANDING_PREFIX)
        return STATUS_OK;
    fprintf(stderr,
            "tercet-gateway: the metadata in %s (sequence %" PRIu64 ") are not behind those of the nodes (sequence "
            "%" PRIu64 "): nothing to restore. To replace them all the same, move them away first\n",
            config->meta_path, local.sequence, survey->states[*from].sequence);
    return STATUS_CONFLICT;
}

enum status meta_recovery_restore(const struct meta_recovery_config *config)
{
    struct survey survey;
    struct meta_position local;
    struct lineage lineage;
    unsigned from;
    if (meta_position_peek(config->meta_path, config->cluster_id, &local, &lineage) == STATUS_DENIED) {
        fprintf(stderr, "tercet-gateway: the metadata in %s belong to another cluster\n", config->meta_path);
        return STATUS_DENIED;
    }
    enum status status = survey_run(&survey, config, nearly_all(config));
    if (!status)
        status = config->restore_from ? chosen_node(&survey, &from) : best_node(&survey, &from);
    return status ? status : fetch_run(config, &survey, from);
}
