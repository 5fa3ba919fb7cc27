/* Annotations of objects: what their handlers and copies share. */
#ifndef TERCET_GATEWAY_S3_ANNOTATIONS_H
#define TERCET_GATEWAY_S3_ANNOTATIONS_H

#include "gateway/front/exchange.h"
#include "gateway/s3/copy_source.h"
#include "meta/annotations.h"

/* An object that only its client has the key of takes no annotations. InvalidRequest is answered here. */
enum status s3_annotations_may_be(struct exchange *exchange, struct bytes attributes);

/* Those that a copy gets from its source, stored anew. */
struct annotation_copies {
    struct cluster *cluster;
    struct meta_annotation_page page; /* names, and what they are */
    struct meta_new_annotation *entries;
    struct meta_new_annotations made;
    bool handed_on; /* who commits them takes them back */
};
/* Of a source that is opened with_annotations, for a copy with these attributes and that key. Errors are answered here;
 * a source whose annotations change meanwhile is OperationAborted. release is right in any case, of one that was zero.
 * Suspends. */
enum status annotation_copies_make(struct exchange *exchange, const struct copy_source *source, struct bytes attributes,
                                   const struct object_key *key, struct annotation_copies *copies);
void annotation_copies_release(struct annotation_copies *copies);

#endif
