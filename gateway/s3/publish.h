/* The end of every write of an object. */
#ifndef TERCET_GATEWAY_S3_PUBLISH_H
#define TERCET_GATEWAY_S3_PUBLISH_H

#include "compat/conditions.h"
#include "compat/storage_class.h"
#include "gateway/front/exchange.h"
#include "gateway/object/ingest.h"

struct s3_version {
    struct bytes headers;    /* as collected by metadata.h */
    struct bytes attributes; /* packed; empty: none */
    enum storage_class storage_class;
    const struct condition_write *condition_said;
    bool offset_zero; /* it is made by an append at 0: another that is there is in the way of the offset */
    const struct meta_new_annotations *annotations; /* NULL: none */
};
/* What was said as the commit decides it: of no other version than the one that was decided to be readable to who asks
 * (exchange->further), since the outcome tells what it is. */
struct meta_condition s3_condition_of_write(const struct exchange *exchange, const struct condition_write *said);
/* Waits for the chunks and commits them as a new version of the addressed key. Answers errors. */
enum status s3_publish(struct exchange *exchange, struct ingest *ingest, const struct s3_version *version,
                       struct meta_object *object);

#endif
