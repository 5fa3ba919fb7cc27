/* Changes of the directory by calls: read, decided, committed, and all of it again when somebody else was faster. */
#ifndef TERCET_GATEWAY_IAM_CHANGE_H
#define TERCET_GATEWAY_IAM_CHANGE_H

#include "gateway/front/exchange.h"
#include "gateway/identity/directory.h"

/* Reads what the change depends on, and puts what is to be; it may be called many times, each time with no changes and
 * the same arg. It answers what it refuses, and then returns a failure. */
typedef enum status iam_decide(struct exchange *exchange, struct identity_changes *changes, void *arg);

/* STATUS_OK when it is committed; else the answer was sent. The call is authorized again when anything was changed
 * since it was: the commit is of the generation that the rights, and the paths and tags that they are about, were read
 * at. Suspends. */
enum status iam_change(struct exchange *exchange, iam_decide *decide, void *arg);

/* The rows of a table, one after the other; zero-initialise, and say which. */
struct iam_rows {
    enum identity_table table;
    const char *below;
    /* its own */
    struct meta_identity_page page;
    size_t at;
    char after[META_IDENTITY_KEY_MAX];
    size_t after_len;
    bool begun;
};
/* Begins behind this name. */
void iam_rows_begin(struct iam_rows *rows, enum identity_table table, const char *below, struct bytes after);
/* *row: the next one, until the next call; NULL at the end. Suspends. */
enum status iam_rows_next(struct exchange *exchange, struct iam_rows *rows, const struct meta_identity_row **row);
void iam_rows_release(struct iam_rows *rows);
/* How many there are. Suspends. */
enum status iam_rows_count(struct exchange *exchange, enum identity_table table, const char *below, size_t *count);

#endif
