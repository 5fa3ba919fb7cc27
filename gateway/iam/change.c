/* Changes of the directory; see the header. */
#include "gateway/iam/change.h"

#include <string.h>

#include "gateway/iam/call.h"
#include "gateway/iam/reply.h"

#define ATTEMPTS_MAX 32

enum status iam_change(struct exchange *exchange, iam_decide *decide, void *arg)
{
    struct meta *meta = exchange->gateway->meta;
    enum status status = STATUS_CONFLICT;

    for (unsigned attempt = 0; attempt < ATTEMPTS_MAX && status == STATUS_CONFLICT; attempt++) {
        struct identity_changes changes = {0};
        if (meta_identity_generation(meta) != exchange->call->generation) {
            enum status authorized = iam_call_authorize(exchange);
            if (authorized)
                return authorized;
        }
        enum status decided = decide(exchange, &changes, arg);
        status = decided || changes.count == 0 ? STATUS_OK
                                               : identity_changes_commit(meta, exchange->call->generation, &changes);
        identity_changes_release(&changes);
        if (decided)
            return decided;
    }
    return status ? iam_fail_status(exchange, status) : STATUS_OK;
}

void iam_rows_begin(struct iam_rows *rows, enum identity_table table, const char *below, struct bytes after)
{
    *rows = (struct iam_rows){.table = table, .below = below};
    if (after.len < sizeof(rows->after)) {
        memcpy(rows->after, after.len ? after.data : "", after.len);
        rows->after_len = after.len;
    }
}

enum status iam_rows_next(struct exchange *exchange, struct iam_rows *rows, const struct meta_identity_row **row)
{
    *row = NULL;
    if (rows->at == rows->page.count) {
        if (rows->begun && !rows->page.more)
            return STATUS_OK;
        meta_identity_page_release(&rows->page);
        rows->begun = true;
        rows->at = 0;
        enum status status =
            identity_rows_list(exchange->gateway->meta, rows->table, rows->below,
                               bytes_of(rows->after, rows->after_len), META_IDENTITY_PAGE_MAX, &rows->page);
        if (status)
            return status;
        if (rows->page.count == 0)
            return STATUS_OK;
    }
    *row = &rows->page.rows[rows->at++];
    struct bytes name = identity_row_name(*row);
    if (name.len >= sizeof(rows->after))
        return STATUS_CORRUPT;
    memcpy(rows->after, name.data, name.len);
    rows->after_len = name.len;
    return STATUS_OK;
}

void iam_rows_release(struct iam_rows *rows)
{
    meta_identity_page_release(&rows->page);
}

enum status iam_rows_count(struct exchange *exchange, enum identity_table table, const char *below, size_t *count)
{
    const struct meta_identity_row *row;
    struct iam_rows rows;
    enum status status;

    *count = 0;
    iam_rows_begin(&rows, table, below, (struct bytes){0});
    while (!(status = iam_rows_next(exchange, &rows, &row)) && row)
        ++*count;
    iam_rows_release(&rows);
    return status;
}
