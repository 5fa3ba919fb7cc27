/* Answers of S3: XML documents, headers that several operations give, and errors. All that answer return the status
 * that ends the handler: a failure, also when the answer itself was sent well. */
#ifndef TERCET_GATEWAY_S3_REPLY_H
#define TERCET_GATEWAY_S3_REPLY_H

#include "compat/checksum_header.h"
#include "compat/error.h"
#include "compat/response_xml.h"
#include "gateway/front/exchange.h"

#define S3_REPLY_BYTES_MAX       (8u << 20) /* of an XML answer: 1000 keys of 1024 bytes, percent-encoded */
#define S3_REPLY_SMALL_BYTES_MAX 4096       /* of one that holds no names */

enum status s3_fail(struct exchange *exchange, enum s3_error code);
enum status s3_fail_details(struct exchange *exchange, struct s3_error_details *details);
/* The answer for a failure below: 503, 507, 500; with `key` or `upload` in mind for NOT_FOUND. */
enum status s3_fail_status(struct exchange *exchange, enum status status);
/* The same as an error of one object among many. */
void s3_error_from_status(enum status status, struct s3_error_details *details);
enum status s3_fail_no_such_bucket(struct exchange *exchange);
void s3_error_no_such_bucket(const struct exchange *exchange, struct s3_error_details *details);
/* InvalidArgument with the argument's name and value. */
enum status s3_fail_argument(struct exchange *exchange, const char *name, struct bytes value, const char *message);
/* NoSuchKey, or NoSuchVersion when a version was asked for. */
enum status s3_fail_no_such_key(struct exchange *exchange);
/* What a delete marker answers that cannot be what was asked for. as_absent: it hides the object, which nobody named by
 * a version; otherwise MethodNotAllowed. */
enum status s3_fail_delete_marker(struct exchange *exchange, const struct meta_object *marker, bool as_absent);

/* x-amz-error-code and -message, which websites add. */
void s3_give_error_headers(struct exchange *exchange, const struct s3_error_details *details);

enum status s3_reply_empty(struct exchange *exchange, int http_status);
enum status s3_reply_xml(struct exchange *exchange, struct bytes document);
enum status s3_reply_json(struct exchange *exchange, struct bytes document);
/* The document, or InternalError when writing it failed with that status; releases it. */
enum status s3_reply_document(struct exchange *exchange, enum status written, struct buffer *take_document);

void s3_reply_checksum(struct exchange *exchange, const struct checksum_value *value, uint32_t composite_parts);
/* The same where the object, of which the value may be a part's, has that type. */
void s3_reply_checksum_typed(struct exchange *exchange, const struct checksum_value *value, uint32_t composite_parts,
                             bool full_object);
/* Where the addressed key is, as the client reached it; to be released. */
void s3_location(const struct exchange *exchange, struct buffer *location);
/* x-amz-storage-class, which AWS leaves out for STANDARD. */
void s3_reply_storage_class(struct exchange *exchange, const struct meta_object *object);
/* x-amz-version-id, in a bucket that has versions. */
void s3_reply_version(struct exchange *exchange, const char *version_id);
/* The same of a version that was just written: AWS does not name it when it is a null version. */
void s3_reply_new_version(struct exchange *exchange, const char *version_id);

/* The owner of every bucket and object. */
extern const struct response_owner s3_owner;
/* Where the bucket says it is: as asked for when it was created, or the gateway's region. */
const char *s3_bucket_region(const struct exchange *exchange, const struct meta_bucket *bucket);

#endif
