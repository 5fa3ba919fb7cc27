/* See the header. */
#include "meta/lineage.h"

#include <stddef.h>
#include <string.h>

#include "base/change_record.h"

static const struct meta_position *past_find(const struct lineage *lineage, uint64_t epoch)
{
    for (unsigned i = lineage->count; i-- > 0;)
        if (lineage->past[i].epoch == epoch)
            return &lineage->past[i];
    return NULL;
}

enum standing lineage_judge(const struct lineage *lineage, uint64_t last, const struct meta_position *replica)
{
    const struct meta_position *past = past_find(lineage, replica->epoch);
    uint32_t generation = change_generation(replica->epoch), now = change_generation(lineage->epoch);
    uint32_t oldest = lineage->count ? change_generation(lineage->past[0].epoch) : now;

    if (replica->epoch == 0 || (past && replica->sequence <= past->sequence))
        return STANDING_PREFIX;
    if (replica->epoch == lineage->epoch)
        return replica->sequence <= last ? STANDING_PREFIX : STANDING_AHEAD;
    if (generation < lineage->restored_generation || generation < oldest)
        return STANDING_OVERRULED;
    return generation > now ? STANDING_AHEAD : STANDING_FORKED;
}

bool lineage_ended_at(const struct lineage *lineage, uint64_t last, const struct meta_position *position)
{
    const struct meta_position *past = past_find(lineage, position->epoch);

    if (position->epoch == lineage->epoch)
        return position->sequence == last;
    return past && past->sequence == position->sequence;
}

static void past_append(struct lineage *lineage, uint64_t epoch, uint64_t end)
{
    if (lineage->count == LINEAGE_PAST_MAX)
        memmove(lineage->past, lineage->past + 1, --lineage->count * sizeof(*lineage->past));
    lineage->past[lineage->count++] = (struct meta_position){epoch, end};
}

void lineage_advance(struct lineage *lineage, uint64_t end)
{
    past_append(lineage, lineage->epoch, end);
    lineage->epoch = change_epoch_create(change_generation(lineage->epoch) + 1);
}

void lineage_restore(struct lineage *lineage, const struct meta_position *replica, uint32_t generation)
{
    uint32_t newest = change_generation(lineage->epoch);

    for (unsigned i = 0; i < lineage->count; i++)
        if (lineage->past[i].sequence > replica->sequence)
            lineage->past[i].sequence = replica->sequence;
    past_append(lineage, lineage->epoch, replica->sequence);
    if (replica->epoch != lineage->epoch && !past_find(lineage, replica->epoch))
        past_append(lineage, replica->epoch, replica->sequence);
    if (change_generation(replica->epoch) > newest)
        newest = change_generation(replica->epoch);
    newest += LINEAGE_RESTORE_GAP;
    if (generation > newest)
        newest = generation;
    lineage->epoch = change_epoch_create(newest);
    lineage->restored_generation = newest;
}

uint64_t lineage_epoch_at(const struct lineage *lineage, uint64_t sequence, uint64_t *end)
{
    for (unsigned i = 0; i < lineage->count; i++) {
        if (sequence <= lineage->past[i].sequence) {
            *end = lineage->past[i].sequence;
            return lineage->past[i].epoch;
        }
    }
    *end = UINT64_MAX;
    return lineage->epoch;
}
