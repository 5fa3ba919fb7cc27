/* The body of an upload form (POST Object): its fields into bounded memory, then its file as a stream. What stands
 * behind the file is ignored. Nothing that was received may become visible unless s3_form_to_ingest() returned
 * STATUS_OK. */
#ifndef TERCET_GATEWAY_S3_POST_FORM_H
#define TERCET_GATEWAY_S3_POST_FORM_H

#include "compat/post_policy.h"
#include "gateway/front/exchange.h"
#include "gateway/object/ingest.h"

struct s3_form;

/* Reads up to where the file's bytes begin: exchange->form, and the key that results. Errors are answered here. */
enum status s3_form_read(struct exchange *exchange);
const struct post_fields *s3_form_fields(const struct s3_form *form);
/* The fields as if they were headers. */
struct header_list s3_form_as_headers(const struct exchange *exchange, struct http_header storage[POST_FIELDS_MAX]);
/* Whether the policy, whose signature was verified, allows this upload; a form without one is nobody's, and has to be
 * allowed to anybody. Errors are answered here. */
enum status s3_form_check_policy(struct exchange *exchange);
/* Receives the file and the rest of the body, and seals the ingest: the form is whole then, and the file's size is one
 * that is allowed. Errors are answered here. */
enum status s3_form_to_ingest(struct exchange *exchange, struct ingest *ingest);
void s3_form_free(struct s3_form *form); /* NULL is none */

#endif
