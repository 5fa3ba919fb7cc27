/* Listings; see the header. A marker is the name that the page before ended with, or of a list in memory how far it
 * came: whatever was changed between two pages, none begins anew. */
#include "gateway/iam/page.h"

#include <stdio.h>
#include <string.h>

#include "compat/iam_names.h"
#include "gateway/iam/holder.h"

#define MARKER_MAX     320
#define ITEMS_DEFAULT  100
#define ITEMS_MAX      1000
#define PAGE_BYTES_MAX (4u << 20) /* a page that is larger ends; what is written must fit into the answer */

enum status iam_page_read(struct exchange *exchange, struct iam_page *page)
{
    struct bytes items = iam_value(exchange, "MaxItems");
    uint64_t max = ITEMS_DEFAULT;

    *page = (struct iam_page){.marker = iam_value(exchange, "Marker")};
    if (items.data && (bytes_parse_u64(items, ITEMS_MAX, &max) || max == 0))
        return iam_fail(exchange, IAM_VALIDATION_ERROR,
                        "1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must "
                        "have value between 1 and %d",
                        ITEMS_MAX);
    if (page->marker.data && (page->marker.len == 0 || page->marker.len > MARKER_MAX))
        return iam_fail(exchange, IAM_VALIDATION_ERROR,
                        "1 validation error detected: Value at 'marker' failed to satisfy constraint: Member must "
                        "have length between 1 and %d",
                        MARKER_MAX);
    page->max = max;
    return STATUS_OK;
}

bool iam_page_take(struct iam_page *page, const struct xml_writer *xml, struct bytes name)
{
    if (page->taken == page->max || (page->taken > 0 && xml->out->len > PAGE_BYTES_MAX)) {
        page->truncated = true;
        return false;
    }
    page->taken++;
    snprintf(page->next, sizeof(page->next), "%.*s", (int)name.len, name.data);
    return true;
}

void iam_page_write(struct xml_writer *xml, const struct iam_page *page)
{
    xml_writer_element_bool(xml, "IsTruncated", page->truncated);
    if (page->truncated)
        xml_writer_element_str(xml, "Marker", page->next);
}

enum status iam_span_read(struct exchange *exchange, size_t count, struct iam_span *span)
{
    uint64_t first = 0;
    enum status status = iam_page_read(exchange, &span->page);

    if (status)
        return status;
    if (span->page.marker.data && bytes_parse_u64(span->page.marker, UINT32_MAX, &first))
        return iam_fail(exchange, IAM_VALIDATION_ERROR, "The Marker is of no earlier answer.");
    span->first = first < count ? first : count;
    span->end = count - span->first > span->page.max ? span->first + span->page.max : count;
    span->page.truncated = span->end < count;
    snprintf(span->page.next, sizeof(span->page.next), "%zu", span->end);
    return STATUS_OK;
}

enum status iam_list_rows(struct exchange *exchange, enum identity_table table, const char *below,
                          struct xml_writer *xml, struct iam_page *page, iam_write_row *write)
{
    const struct meta_identity_row *row;
    struct iam_rows rows;
    enum status status;

    iam_rows_begin(&rows, table, below, page->marker);
    while (!(status = iam_rows_next(exchange, &rows, &row)) && row && !page->truncated) {
        status = write(exchange, xml, page, row);
        if (status)
            break;
    }
    iam_rows_release(&rows);
    return status;
}

void iam_list(struct exchange *exchange, enum identity_table table, const char *below, const char *element,
              iam_write_row *write)
{
    struct iam_answer answer;
    struct iam_page page;

    if (iam_page_read(exchange, &page) || iam_path_prefix_check(exchange))
        return;
    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, element);
    enum status status = iam_list_rows(exchange, table, below, answer.xml, &page, write);
    xml_writer_close(answer.xml);
    iam_page_write(answer.xml, &page);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
}

enum status iam_path_prefix_check(struct exchange *exchange)
{
    struct bytes prefix = iam_value(exchange, "PathPrefix");
    struct iam_error error = {0};

    if (!prefix.data || iam_prefix_check(prefix, &error) == STATUS_OK)
        return STATUS_OK;
    return iam_fail_error(exchange, &error);
}

bool iam_path_wanted(const struct exchange *exchange, const char *path)
{
    return bytes_starts_with(bytes_from_str(path), iam_value(exchange, "PathPrefix"));
}
