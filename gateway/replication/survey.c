/* See the header. A node that holds nothing, because its disk was replaced, says nothing about what was acknowledged:
 * it may have been one of those that held it. */
#include "gateway/replication/survey.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/change_record.h"
#include "base/clock.h"
#include "meta/take_over.h"

#define SURVEY_WAIT_MS  30000 /* for nodes that start at the same time */
#define SURVEY_PAUSE_MS 100
#define OTHERS_WAIT_MS  3000 /* for nodes without which it can be begun as well */
#define LAST_TRIES      5

unsigned survey_node_number(const struct survey *survey, unsigned index)
{
    struct cluster_node_info info;
    cluster_node_info(survey->config->cluster, index, &info);
    return info.number;
}

unsigned survey_any_holder(const struct recovery_config *config)
{
    unsigned count = cluster_node_count(config->cluster);
    return config->copies > 0 && config->copies <= count ? count - config->copies + 1 : count;
}

unsigned survey_nearly_all(const struct recovery_config *config)
{
    unsigned count = cluster_node_count(config->cluster), most = count > 1 ? count - 1 : 1;
    return config->copies > 0 && survey_any_holder(config) > most ? survey_any_holder(config) : most;
}

/* ---- asking all nodes ---------------------------------------------------------------------------------------- */

/* A node that lost what it held may have been one of those that held what was acknowledged, unless the operator has
 * chosen whose changes are kept. */
static void survey_count(struct survey *survey, unsigned i, enum status status)
{
    survey->answered[i] = status == STATUS_OK;
    if (status)
        return;
    survey->answered_count++;
    survey->holder_count += survey->states[i].epoch != 0;
    survey->lost_count += survey->states[i].lost && !survey->config->restore_from;
}

static void survey_round(struct survey *survey)
{
    struct cluster *cluster = survey->config->cluster;
    for (unsigned i = 0; i < survey->node_count; i++) {
        if (survey->answered[i] || (!survey->wanted && !cluster_node_readable(cluster, survey_node_number(survey, i))))
            continue;
        enum status status = cluster_meta_state(cluster, i, &survey->states[i]);
        survey_count(survey, i, status);
        if (status == STATUS_DENIED)
            survey->denied = survey_node_number(survey, i);
    }
}

/* When all have answered there is nothing more to learn; when none of many holds anything, the cluster is new. Neither
 * is so when a node lost what it held. */
static bool survey_is_enough(const struct survey *survey)
{
    bool all = survey->answered_count == survey->node_count;
    bool new = survey->holder_count == 0 && survey->answered_count >= survey->wanted;
    return survey->holder_count >= survey->wanted || (survey->lost_count == 0 && (all || new));
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

enum status survey_run(struct survey *survey, const struct recovery_config *config, unsigned wanted)
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
                survey->answered_count - survey->lost_count, survey->node_count,
                survey->answered_count - survey->lost_count - survey->holder_count);
        if (survey->lost_count > 0)
            fprintf(stderr,
                    "tercet-gateway: %u nodes set a damaged replica of the metadata aside and may have held more: "
                    "-restore-metadata with -restore-from NUMBER restores from another one all the same\n",
                    survey->lost_count);
        return STATUS_UNAVAILABLE;
    }
    return STATUS_OK;
}

static void others_task(void *arg)
{
    struct survey *survey = arg;
    uint64_t until_ms = clock_monotonic_ms() + OTHERS_WAIT_MS;
    while (survey->answered_count < survey->others_wanted && !survey->denied && clock_monotonic_ms() < until_ms) {
        task_sleep_ms(SURVEY_PAUSE_MS);
        survey_round(survey);
    }
    completion_signal(&survey->done);
}

void survey_ask_others(struct survey *survey, unsigned wanted)
{
    survey->others_wanted = wanted;
    completion_init(&survey->done);
    task_spawn(survey->config->loop, others_task, survey);
    completion_wait(&survey->done);
}

/* ---- what they said ------------------------------------------------------------------------------------------ */

bool survey_is_newer(const struct cluster_meta_state *a, const struct cluster_meta_state *b)
{
    uint32_t generation = change_generation(a->epoch), other = change_generation(b->epoch);
    return generation != other ? generation > other : a->sequence > b->sequence;
}

unsigned survey_best(const struct survey *survey)
{
    unsigned best = survey->node_count;
    for (unsigned i = 0; i < survey->node_count; i++) {
        if (!survey->answered[i] || survey->states[i].epoch == 0)
            continue;
        if (best == survey->node_count || survey_is_newer(&survey->states[i], &survey->states[best]))
            best = i;
    }
    return best;
}

uint32_t survey_highest_fence(const struct survey *survey)
{
    uint32_t fence = 0;
    for (unsigned i = 0; i < survey->node_count; i++)
        if (survey->states[i].fence > fence)
            fence = survey->states[i].fence;
    return fence;
}

struct last_call {
    const struct survey *survey;
    unsigned index;
    struct buffer *record;
    enum status status;
    struct completion done;
};

static void last_task(void *arg)
{
    struct last_call *call = arg;
    struct cluster_meta_state now = {0};
    for (unsigned tries = 0; tries < LAST_TRIES; tries++) {
        if (tries > 0)
            task_sleep_ms(SURVEY_PAUSE_MS);
        buffer_clear(call->record);
        call->status = cluster_meta_last(call->survey->config->cluster, call->index, call->record, &now);
        if (call->status == STATUS_OK || call->status == STATUS_NOT_FOUND)
            break;
    }
    completion_signal(&call->done);
}

enum status survey_last_record(struct survey *survey, unsigned index, struct buffer *record)
{
    struct last_call call = {.survey = survey, .index = index, .record = record};
    completion_init(&call.done);
    task_spawn(survey->config->loop, last_task, &call);
    completion_wait(&call.done);
    survey->silent = survey->silent || (call.status != STATUS_OK && call.status != STATUS_NOT_FOUND);
    return !call.status && record->len == 0 ? STATUS_NOT_FOUND : call.status;
}

static struct meta_position position_of(const struct survey *survey, unsigned index)
{
    return (struct meta_position){survey->states[index].epoch, survey->states[index].sequence};
}

unsigned survey_ahead(const struct survey *survey, const struct lineage *lineage, uint64_t last)
{
    unsigned best = survey->node_count;
    for (unsigned i = 0; i < survey->node_count; i++) {
        const struct meta_position replica = position_of(survey, i);
        if (survey->answered[i] && lineage_judge(lineage, last, &replica) == STANDING_AHEAD &&
            (best == survey->node_count || survey_is_newer(&survey->states[i], &survey->states[best])))
            best = i;
    }
    return best;
}

static bool is_stray(struct survey *survey, unsigned index, const struct lineage *lineage, uint64_t last)
{
    const struct meta_position replica = position_of(survey, index);
    struct meta_position base;
    struct buffer record;
    buffer_init(&record, CHANGE_RECORD_MAX);
    bool stray = survey_last_record(survey, index, &record) == STATUS_OK &&
                 take_over_base(buffer_bytes(&record), &replica, &base) == STATUS_OK &&
                 lineage_ended_at(lineage, last, &base);
    buffer_release(&record);
    return stray;
}

void survey_find_strays(struct survey *survey, const struct lineage *lineage, uint64_t last)
{
    enum standing standings[CLUSTER_NODES_MAX] = {0};
    unsigned without = 0;
    for (unsigned i = 0; i < survey->node_count; i++) {
        const struct meta_position replica = position_of(survey, i);
        standings[i] = survey->answered[i] ? lineage_judge(lineage, last, &replica) : STANDING_PREFIX;
        without += survey->answered[i] && replica.epoch && standings[i] == STANDING_PREFIX;
    }
    for (unsigned i = 0; i < survey->node_count; i++) {
        bool other = standings[i] == STANDING_AHEAD || standings[i] == STANDING_FORKED;
        survey->stray[i] = other && without >= survey_any_holder(survey->config) && is_stray(survey, i, lineage, last);
    }
}

enum standing survey_judge(const struct survey *survey, const struct lineage *lineage, uint64_t last, unsigned *other)
{
    for (unsigned i = 0; i < survey->node_count; i++) {
        const struct meta_position replica = position_of(survey, i);
        enum standing standing =
            survey->answered[i] && !survey->stray[i] ? lineage_judge(lineage, last, &replica) : STANDING_PREFIX;
        *other = i;
        if (standing == STANDING_AHEAD || standing == STANDING_FORKED)
            return standing;
    }
    return STANDING_PREFIX;
}

enum status survey_check_silence(const struct survey *survey)
{
    if (!survey->silent)
        return STATUS_OK;
    fprintf(stderr, "tercet-gateway: a node that holds more than others went away before it said what its last change "
                    "is: start it, and try again\n");
    return STATUS_UNAVAILABLE;
}

/* ---- the fence ----------------------------------------------------------------------------------------------- */

static void fence_task(void *arg)
{
    struct survey *survey = arg;
    survey->answered_count = survey->holder_count = survey->lost_count = 0;
    for (unsigned i = 0; i < survey->node_count; i++) {
        if (!survey->answered[i])
            continue;
        enum status status = cluster_meta_fence(survey->config->cluster, i, survey->fence, &survey->states[i]);
        survey_count(survey, i, status);
        if (status == STATUS_CONFLICT)
            fprintf(stderr, "tercet-gateway: node %u was fenced by another restore meanwhile\n",
                    survey_node_number(survey, i));
    }
    completion_signal(&survey->done);
}

static uint32_t survey_generation(const struct survey *survey, uint32_t local)
{
    uint32_t generation = survey_highest_fence(survey);
    if (local > generation)
        generation = local;
    for (unsigned i = 0; i < survey->node_count; i++)
        if (survey->answered[i] && change_generation(survey->states[i].epoch) > generation)
            generation = change_generation(survey->states[i].epoch);
    return generation;
}

enum status survey_fence(struct survey *survey, uint32_t local)
{
    for (unsigned i = 0; i < survey->node_count; i++) {
        if (!survey->answered[i] || survey->states[i].knows_fences)
            continue;
        fprintf(stderr,
                "tercet-gateway: node %u is of an earlier build, which cannot shut out the gateway that is replaced: "
                "upgrade and start it first. Nothing was changed\n",
                survey_node_number(survey, i));
        return STATUS_CONFLICT;
    }
    survey->fence = survey_generation(survey, local) + LINEAGE_RESTORE_GAP;
    completion_init(&survey->done);
    task_spawn(survey->config->loop, fence_task, survey);
    completion_wait(&survey->done);
    survey->fenced_ms = clock_boot_ms();
    if (survey->answered_count >= survey->wanted && survey_is_enough(survey))
        return STATUS_OK;
    fprintf(stderr,
            "tercet-gateway: only %u of %u nodes shut out the gateway that is replaced, %u are needed: nothing was "
            "restored. That gateway may be refused by now: repeat the restore\n",
            survey->answered_count, survey->node_count, survey->wanted);
    return STATUS_UNAVAILABLE;
}
