/* See the header. What two nodes do not hold is at the end: a change is made only while nodes follow. So what the log
 * does not reach any more was settled once, when none of them says so because their disks were replaced since. */
#include "gateway/replication/unsettled.h"

#include "base/change_record.h"
#include "base/log.h"
#include "meta/history.h"

void unsettled_open(struct unsettled *walk, struct meta *meta, uint64_t settled, uint64_t as_of)
{
    *walk = (struct unsettled){.meta = meta, .from = settled + 1, .as_of = as_of};
    buffer_init(&walk->page, CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX + CHANGE_PAGE_BYTES);
}

void unsettled_close(struct unsettled *walk)
{
    buffer_release(&walk->page);
}

/* NOT_FOUND: the end. */
static enum status page_read(struct unsettled *walk)
{
    if (walk->from > walk->as_of)
        return STATUS_NOT_FOUND;
    buffer_clear(&walk->page);
    enum status status = meta_changes_read(walk->meta, walk->from, &walk->page);
    if (status == STATUS_NOT_FOUND) {
        status = meta_changes_begin(walk->meta, walk->from, &walk->from);
        if (!status && walk->from > walk->as_of)
            status = STATUS_NOT_FOUND;
        if (!status)
            status = meta_changes_read(walk->meta, walk->from, &walk->page);
    }
    if (status && status != STATUS_NOT_FOUND)
        log_error("the log cannot be read: which chunks are to be handed on with a snapshot is not known",
                  LOG_INT("sequence", walk->from), LOG_STATUS(status));
    walk->rest = buffer_bytes(&walk->page);
    return !status && walk->rest.len == 0 ? STATUS_NOT_FOUND : status;
}

enum status unsettled_next(struct unsettled *walk, struct bytes *whole)
{
    struct carried_block block;
    struct change_record record;
    enum status status = STATUS_OK;
    for (;;) {
        if (walk->rest.len == 0)
            status = page_read(walk);
        if (status)
            break;
        const char *start = walk->rest.data;
        status = carried_block_next(&walk->rest, &block);
        bool carries = status == STATUS_OK;
        if (carries || status == STATUS_NOT_FOUND)
            status = change_record_next(&walk->rest, &record);
        if (!status && record.first > walk->as_of)
            status = STATUS_NOT_FOUND;
        if (status)
            break;
        walk->from = record.first + record.count;
        *whole = bytes_of(start, (size_t)(walk->rest.data - start));
        if (carries)
            return STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND)
        walk->from = walk->as_of + 1;
    walk->rest = (struct bytes){0};
    return status;
}
