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

/* False: the end. */
static bool page_read(struct unsettled *walk)
{
    if (walk->from > walk->as_of)
        return false;
    buffer_clear(&walk->page);
    enum status status = meta_changes_read(walk->meta, walk->from, &walk->page);
    if (status == STATUS_NOT_FOUND) {
        status = meta_changes_begin(walk->meta, walk->from, &walk->from);
        if (!status && walk->from <= walk->as_of)
            status = meta_changes_read(walk->meta, walk->from, &walk->page);
    }
    if (status && status != STATUS_NOT_FOUND)
        log_error("the log cannot be read: chunks that changes brought are not handed on with a snapshot",
                  LOG_INT("sequence", walk->from), LOG_STATUS(status));
    walk->rest = buffer_bytes(&walk->page);
    return !status && walk->rest.len > 0;
}

bool unsettled_next(struct unsettled *walk, struct bytes *whole)
{
    struct carried_block block;
    struct change_record record;
    while (walk->rest.len > 0 || page_read(walk)) {
        const char *start = walk->rest.data;
        bool carries = carried_block_next(&walk->rest, &block) == STATUS_OK;
        if (change_record_next(&walk->rest, &record) || record.first > walk->as_of)
            break;
        walk->from = record.first + record.count;
        *whole = bytes_of(start, (size_t)(walk->rest.data - start));
        if (carries)
            return true;
    }
    walk->from = walk->as_of + 1;
    walk->rest = (struct bytes){0};
    return false;
}
