/* Appending to an object: PutObject with x-amz-write-offset-bytes. */
#ifndef TERCET_GATEWAY_S3_OBJECT_APPEND_H
#define TERCET_GATEWAY_S3_OBJECT_APPEND_H

#include "gateway/front/exchange.h"

#define S3_WRITE_OFFSET "x-amz-write-offset-bytes"

/* Whether the request appends, and where. A wrong offset and a bucket that keeps versions are answered here. */
enum status s3_append_wanted(struct exchange *exchange, bool *wanted, uint64_t *offset);
/* An append, and what makes an object by one, has a body; InvalidRequest is answered here. */
enum status s3_append_check_body(struct exchange *exchange, uint64_t size);
/* x-amz-object-size. */
void s3_append_reply_size(struct exchange *exchange, const struct meta_object *object);
/* Appends and answers. False, and nothing is answered: the offset is 0 and there is no object, which the request makes
 * then. Suspends. */
bool s3_append_object(struct exchange *exchange, uint64_t offset);

#endif
