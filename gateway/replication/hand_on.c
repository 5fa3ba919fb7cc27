/* See the header. */
#include "gateway/replication/hand_on.h"

bool carried_set_has(const struct carried_set *set, uint8_t node)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->nodes[i] == node)
            return true;
    return false;
}

enum hand_on_form hand_on_form(const struct hand_on *rule, const struct carried_set *carried, uint64_t last)
{
    if (!carried || last <= rule->compared)
        return HAND_ON_RECORD;
    if (rule->has_room && carried_set_has(carried, rule->node))
        return HAND_ON_WHOLE;
    if (last <= rule->settled)
        return HAND_ON_RECORD;
    return rule->has_room && rule->stands_in ? HAND_ON_WHOLE : HAND_ON_LATER;
}

enum status hand_on_pick(const struct hand_on *rule, struct bytes records, struct buffer *out,
                         hand_on_withheld_fn withheld, void *arg)
{
    while (records.len > 0) {
        const char *start = records.data;
        struct carried_block block;
        struct change_record record;
        enum status status = carried_block_next(&records, &block);
        if (status && status != STATUS_NOT_FOUND)
            return status;
        bool carries = status == STATUS_OK;
        const char *bare = records.data;
        status = change_record_next(&records, &record);
        if (status)
            return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status; /* a block without its record */
        uint64_t last = record.first + record.count - 1;
        enum hand_on_form form = hand_on_form(rule, carries ? &block.set : NULL, last);
        if (form == HAND_ON_LATER)
            return STATUS_OK;
        if (carries && form == HAND_ON_RECORD && last > rule->compared && withheld &&
            carried_set_has(&block.set, rule->node))
            withheld(arg, &block, record.first);
        const char *from = form == HAND_ON_WHOLE ? start : bare;
        status = buffer_append(out, from, (size_t)(records.data - from));
        if (status)
            return status;
    }
    return STATUS_OK;
}
