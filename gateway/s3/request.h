/* What the headers and parameters of an S3 request say, as far as several operations read it. */
#ifndef TERCET_GATEWAY_S3_REQUEST_H
#define TERCET_GATEWAY_S3_REQUEST_H

#include "compat/checksum_header.h"
#include "compat/storage_class.h"
#include "gateway/front/exchange.h"

#define S3_LIST_MAX 1000 /* rows of a page */

/* An x-amz-* header; or the parameter of that name, since clients that presign move such headers into the query. One
 * without a value counts as absent. */
struct bytes s3_header(const struct exchange *exchange, const char *name);
/* Whether the request is a copy; also when the source is empty, which makes it a wrong one and no upload. */
bool s3_names_copy_source(const struct exchange *exchange);
/* The same as a list of those names that came; `storage` is its memory, one for each name. */
struct header_list s3_named_headers(const struct exchange *exchange, const char *const *names, size_t count,
                                    struct http_header *storage);
/* x-amz-checksum-algorithm and -type of what is created; InvalidRequest is answered here. */
enum status s3_checksum_wanted(struct exchange *exchange, enum checksum_algorithm *algorithm, bool *full_object);
/* x-amz-storage-class of what is created; InvalidStorageClass is answered here. */
enum status s3_storage_class(struct exchange *exchange, enum storage_class *storage_class);
/* partNumber; InvalidArgument is answered here. */
enum status s3_part_number(struct exchange *exchange, unsigned *number);
/* A parameter that is a number: the default when absent; InvalidArgument is answered here. */
enum status s3_number(struct exchange *exchange, const char *name, uint64_t max, uint64_t default_value,
                      uint64_t *value);
/* encoding-type: only `url`. InvalidArgument is answered here. */
enum status s3_encoding_type(struct exchange *exchange, bool *url_encode);

/* Whether who asks may learn which keys there are: to others one that is not there is AccessDenied. */
bool s3_may_list(const struct exchange *exchange);
/* The addressed object or version, to be released; a delete marker too. NoSuchKey,
 * NoSuchVersion and InvalidArgument are answered here. */
enum status s3_find_object(struct exchange *exchange, struct meta_object *object);
/* The same to read it as a whole: a delete marker is answered here, too, as if nothing were there unless it was named.
 */
enum status s3_find_readable(struct exchange *exchange, struct meta_object *object);
/* That it is there and no delete marker, where a key is addressed; of a bucket that is known. Errors likewise. */
enum status s3_require_resource(struct exchange *exchange);

#endif
