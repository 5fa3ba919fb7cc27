/* x-amz-copy-source: finding, checking and reading the object that CopyObject and UploadPartCopy copy from.
 */
#ifndef TERCET_GATEWAY_S3_COPY_SOURCE_H
#define TERCET_GATEWAY_S3_COPY_SOURCE_H

#include "compat/range.h"
#include "gateway/front/exchange.h"
#include "gateway/object/ingest.h"

struct copy_source {
    struct meta_bucket bucket;
    struct meta_object object;
    bool found; /* object is to be released */
    bool by_version;
    bool with_tags;        /* its tags are copied, too: the right to read them is asked for where it has some */
    bool with_annotations; /* likewise */
    struct buffer text;    /* the decoded header */
    struct bytes bucket_name, key, version_id;
};

/* Resolves the header and checks x-amz-copy-source-if-* and the rights. with_... are given, all else zero. Answers
 * errors. release is right in any case. */
enum status copy_source_open(struct exchange *exchange, struct copy_source *source);
/* Its line in the access log of its bucket, when the request was answered. */
void copy_source_log(struct exchange *exchange, const struct copy_source *source);
void copy_source_release(struct copy_source *source);
/* Reads the range into the ingest and seals it. Answers errors. Suspends. */
enum status copy_source_read(struct exchange *exchange, const struct copy_source *source, const struct range *range,
                             struct ingest *ingest);

#endif
