/* What may be served: see the header. */
#include "gateway/replication/recovery.h"

#include <inttypes.h>
#include <stdio.h>

#include "gateway/replication/survey.h"
#include "meta/history.h"
#include "meta/take_over.h"

static const char *standing_text(enum standing standing)
{
    return standing == STANDING_AHEAD ? "are behind those of" : "have another history than those of";
}

/* PRECONDITION (explained): the nodes take nothing from this database any more. */
static enum status check_fence(const struct survey *survey, const struct meta_position *local)
{
    if (survey_highest_fence(survey) <= change_generation(local->epoch))
        return STATUS_OK;
    fprintf(stderr, "tercet-gateway: " REPLACED_TEXT "\n");
    return STATUS_PRECONDITION;
}

/* Does that node hold one record behind the local metadata, and no more? Then it is appended to *record. */
static bool is_ahead_by_one(struct survey *survey, unsigned node, const struct survey_local *local,
                            struct buffer *record)
{
    const struct meta_position replica = {survey->states[node].epoch, survey->states[node].sequence};
    struct meta_position base;
    return survey_last_record(survey, node, record) == STATUS_OK &&
           take_over_base(buffer_bytes(record), &replica, &base) == STATUS_OK && base.epoch == local->position.epoch &&
           base.sequence == local->position.sequence;
}

/* How those that answered stand to the local metadata: PREFIX also when all that is beside them can be passed over, or,
 * with *ahead less than the number of nodes, when one of them has the record behind them. Else `node` is another one.
 */
static enum standing judge_local(struct survey *survey, const struct survey_local *local, struct buffer *record,
                                 unsigned *ahead, unsigned *node)
{
    uint64_t last = local->position.sequence;
    *ahead = survey_ahead(survey, &local->lineage, last);
    if (*ahead < survey->node_count && is_ahead_by_one(survey, *ahead, local, record))
        return STANDING_PREFIX;
    *ahead = survey->node_count;
    survey_find_strays(survey, &local->lineage, last);
    return survey_judge(survey, &local->lineage, last, node);
}

/* OK: all that the nodes hold is in the local metadata; or, with *ahead less than the number of nodes, one of them has
 * the record behind it, which is to be taken over before anything is served. What a node holds beside them may be
 * passed over when enough others do not have it: those that start just now are waited for before it counts as a loss.
 */
static enum status check_local(struct survey *survey, const struct survey_local *local, struct buffer *record,
                               unsigned *ahead)
{
    unsigned node;
    uint64_t last = local->position.sequence;
    if (check_fence(survey, &local->position))
        return STATUS_PRECONDITION;
    enum standing standing = judge_local(survey, local, record, ahead, &node);
    if (standing != STANDING_PREFIX && survey->answered_count < survey->node_count) {
        survey_ask_others(survey, survey->node_count);
        if (check_fence(survey, &local->position))
            return STATUS_PRECONDITION;
        buffer_clear(record);
        standing = judge_local(survey, local, record, ahead, &node);
    }
    if (standing == STANDING_PREFIX)
        return STATUS_OK;
    if (survey_check_silence(survey))
        return STATUS_UNAVAILABLE;
    fprintf(stderr,
            "tercet-gateway: the local metadata (sequence %" PRIu64 ") %s node %u (sequence %" PRIu64
            "): to go on with what the nodes hold, run tercet-gateway -restore-metadata\n",
            last, standing_text(standing), survey_node_number(survey, node), survey->states[node].sequence);
    return STATUS_CONFLICT;
}

static enum status local_peek(const struct recovery_config *config, struct survey_local *local)
{
    *local = (struct survey_local){0};
    return meta_position_peek(config->meta_path, config->cluster_id, &local->position, &local->lineage);
}

static void holders_note(const struct survey *survey, const struct meta_position *at, struct taken_over *taken)
{
    for (unsigned i = 0; i < survey->node_count; i++)
        if (survey->answered[i] && survey->states[i].epoch == at->epoch && survey->states[i].sequence == at->sequence)
            taken->holders[taken->holder_count++] = (uint8_t)survey_node_number(survey, i);
}

/* Checks the local metadata, and takes over what a node is ahead by. What it is ahead by then was no single record. */
static enum status settle_local(struct survey *survey, struct survey_local *local, struct taken_over *taken)
{
    const struct recovery_config *config = survey->config;
    struct buffer record;
    unsigned ahead;
    buffer_init(&record, CHANGE_RECORD_MAX);
    enum status status = check_local(survey, local, &record, &ahead);
    if (!status && ahead < survey->node_count) {
        const struct meta_position replica = {survey->states[ahead].epoch, survey->states[ahead].sequence};
        fprintf(stderr,
                "tercet-gateway: node %u holds the last change of the metadata (sequence %" PRIu64
                "), which had not become durable here: it is taken over\n",
                survey_node_number(survey, ahead), replica.sequence);
        status = take_over_write_at(config->meta_path, config->cluster_id, buffer_bytes(&record), &replica);
        if (!status)
            status = local_peek(config, local);
        if (!status)
            status = buffer_append_bytes(&taken->record, buffer_bytes(&record));
        holders_note(survey, &replica, taken);
        buffer_clear(&record);
        if (status)
            fprintf(stderr, "tercet-gateway: it cannot be taken over: %s\n", status_name(status));
        else
            status = check_local(survey, local, &record, &ahead);
        if (!status && ahead < survey->node_count)
            status = STATUS_CONFLICT;
    }
    buffer_release(&record);
    return status;
}

/* The database cannot be opened. DAMAGED: because of something else than a torn last record. That one is dropped also
 * when a node has it, from which it is taken over then. */
static enum status drop_torn_tail(const struct recovery_config *config)
{
    struct survey survey;
    struct meta_torn torn;
    struct buffer record;
    unsigned ahead;
    if (meta_torn_find(config->meta_path, config->cluster_id, &torn))
        return STATUS_DAMAGED;
    const struct survey_local left = {torn.left, torn.lineage};
    buffer_init(&record, CHANGE_RECORD_MAX);
    enum status status = survey_run(&survey, config, survey_any_holder(config));
    if (!status)
        status = check_local(&survey, &left, &record, &ahead);
    buffer_release(&record);
    return status ? status : meta_torn_drop(&torn);
}

enum status recovery_check(const struct recovery_config *config, struct taken_over *taken)
{
    struct survey survey;
    struct survey_local local;
    *taken = (struct taken_over){0};
    buffer_init(&taken->record, CHANGE_RECORD_MAX);
    enum status peeked = local_peek(config, &local);
    if (peeked == STATUS_DAMAGED) {
        peeked = drop_torn_tail(config);
        if (!peeked)
            peeked = local_peek(config, &local);
    }
    if (peeked && peeked != STATUS_NOT_FOUND) {
        fprintf(stderr, "tercet-gateway: the metadata in %s cannot be used: %s\n", config->meta_path,
                peeked == STATUS_DENIED        ? "they belong to another cluster"
                : peeked == STATUS_UNAVAILABLE ? "a gateway has them open"
                : peeked == STATUS_DAMAGED ? "the database is damaged (corrupt); -restore-metadata makes it anew from "
                                             "the nodes"
                                           : status_name(peeked));
        return peeked;
    }
    enum status status = survey_run(&survey, config, peeked == STATUS_NOT_FOUND ? survey_nearly_all(config) : 0);
    if (status)
        return status;
    if (peeked == STATUS_OK) {
        /* a record that two nodes are ahead by is to be taken over now: later nobody could tell whether it was
         * acknowledged */
        survey_ask_others(&survey, survey_any_holder(config));
        return settle_local(&survey, &local, taken);
    }
    unsigned best = survey_best(&survey);
    if (best == survey.node_count)
        return STATUS_OK;
    fprintf(stderr,
            "tercet-gateway: there are no metadata in %s, but the nodes hold metadata up to sequence %" PRIu64
            ": run tercet-gateway -restore-metadata\n",
            config->meta_path, survey.states[best].sequence);
    return STATUS_CONFLICT;
}
