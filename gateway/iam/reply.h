/* Answers of the Query API. All that answer return the status that ends the handler: a failure, also when the answer
 * itself was sent well. */
#ifndef TERCET_GATEWAY_IAM_REPLY_H
#define TERCET_GATEWAY_IAM_REPLY_H

#include "compat/error.h"
#include "gateway/iam/call.h"

enum status iam_fail(struct exchange *exchange, enum iam_error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum status iam_fail_error(struct exchange *exchange, const struct iam_error *error);
/* The answer for a failure below. */
enum status iam_fail_status(struct exchange *exchange, enum status status);
/* An error of the steps that calls share with S3, by the Query API's code for it. */
enum status iam_fail_s3(struct exchange *exchange, const struct s3_error_details *details);

/* AccessDenied: who may not do what to this ARN. */
enum status iam_fail_denied(struct exchange *exchange, const char *right, const char *arn);

/* A successful answer: begun, written into, sent. */
struct iam_answer {
    struct buffer document;
    struct iam_response response;
    struct xml_writer *xml; /* of the response */
    bool secret;            /* is to be wiped when it was sent */
};
void iam_answer_begin(struct exchange *exchange, struct iam_answer *answer);
/* Releases it. written: whether what it says could be read; else the failure is answered. */
enum status iam_answer_send(struct exchange *exchange, struct iam_answer *answer, enum status written);
/* The answer of an operation that has no result. */
enum status iam_answer_empty(struct exchange *exchange);

#endif
