/* What Tercet does not have: AWS's operations that it knows by name, and sub-resources that it does not. */
#include <stdio.h>

#include "gateway/front/operation.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"

#define WORD_SHOWN_MAX 64

/* A word of the query, fit for a message. */
static void show_word(struct bytes word, char out[WORD_SHOWN_MAX + 1])
{
    size_t len = word.len < WORD_SHOWN_MAX ? word.len : WORD_SHOWN_MAX;

    for (size_t i = 0; i < len; i++)
        out[i] = word.data[i] > ' ' && word.data[i] <= '~' ? word.data[i] : '?';
    out[len] = '\0';
}

void s3_unknown(struct exchange *exchange)
{
    const struct operation_words *words = &exchange->unknown;
    static const char *const levels[] = {
        [S3_SERVICE] = "the service", [S3_BUCKET] = "a bucket", [S3_OBJECT] = "an object"};
    struct bytes method = exchange->http->method;
    int method_len = (int)(method.len < WORD_SHOWN_MAX ? method.len : WORD_SHOWN_MAX);
    const char *level = levels[exchange->level];
    char first[WORD_SHOWN_MAX + 1], second[WORD_SHOWN_MAX + 1];
    struct s3_error_details details = {0};

    if (words->count == 0) {
        s3_error_setf(&details, S3_NOT_IMPLEMENTED, "%.*s of %s is not implemented.", method_len, method.data, level);
    } else if (words->count == 1) {
        show_word(words->name[0], first);
        s3_error_setf(&details, S3_NOT_IMPLEMENTED, "%.*s of the sub-resource '%s' of %s is not implemented.",
                      method_len, method.data, first, level);
    } else {
        show_word(words->name[0], first);
        show_word(words->name[1], second);
        s3_error_setf(&details, S3_NOT_IMPLEMENTED,
                      "A request for two sub-resources at once, '%s' and '%s', is not implemented.", first, second);
    }
    if (words->count > 0)
        s3_error_add(&details, "SubResource", bytes_from_str(first));
    s3_error_add(&details, "Method", bytes_of(method.data, (size_t)method_len));
    HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
}

void s3_not_offered(struct exchange *exchange)
{
    const struct operation *operation = exchange->operation;
    struct s3_error_details details = {0};

    if (operation->selector)
        s3_error_setf(&details, S3_NOT_IMPLEMENTED, "%s is not implemented: the sub-resource '%s' with %s.",
                      operation->action, operation->selector, operation->method);
    else
        s3_error_setf(&details, S3_NOT_IMPLEMENTED, "%s is not implemented.", operation->action);
    if (operation->selector)
        s3_error_add(&details, "SubResource", bytes_from_str(operation->selector));
    s3_error_add(&details, "Method", exchange->http->method);
    HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
}
