/* Listings: MaxItems and Marker of a call, IsTruncated and Marker of its answer. */
#ifndef TERCET_GATEWAY_IAM_PAGE_H
#define TERCET_GATEWAY_IAM_PAGE_H

#include "gateway/iam/change.h"
#include "gateway/iam/reply.h"

struct iam_page {
    size_t max, taken;
    struct bytes marker;
    bool truncated;
    char next[META_IDENTITY_KEY_MAX]; /* the marker of the next page */
};
/* ValidationError is answered. */
enum status iam_page_read(struct exchange *exchange, struct iam_page *page);
/* Is there room for one more? False ends the page; the rows before it are on it. */
bool iam_page_take(struct iam_page *page, const struct xml_writer *xml, struct bytes name);
void iam_page_write(struct xml_writer *xml, const struct iam_page *page); /* IsTruncated, Marker */

/* Of a list that is in memory: which of its rows are on the page. ValidationError is answered. */
struct iam_span {
    struct iam_page page;
    size_t first, end;
};
enum status iam_span_read(struct exchange *exchange, size_t count, struct iam_span *span);

/* Writes the row as a <member>, if it is one that is asked for and iam_page_take() has room. */
typedef enum status iam_write_row(struct exchange *exchange, struct xml_writer *xml, struct iam_page *page,
                                  const struct meta_identity_row *row);
/* A listing of the rows of a table, <element> with members. Answers. Suspends. */
void iam_list(struct exchange *exchange, enum identity_table table, const char *below, const char *element,
              iam_write_row *write);
/* The rows alone, into an answer that has begun. */
enum status iam_list_rows(struct exchange *exchange, enum identity_table table, const char *below,
                          struct xml_writer *xml, struct iam_page *page, iam_write_row *write);

/* Whether PathPrefix, when the call has it, is a right one; ValidationError is answered. */
enum status iam_path_prefix_check(struct exchange *exchange);
/* Whether it is the beginning of this path. */
bool iam_path_wanted(const struct exchange *exchange, const char *path);

#endif
