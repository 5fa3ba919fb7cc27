/* What the S3 handlers share: what a request addresses, answers and errors, and the body with its checks. */
#ifndef TERCET_GATEWAY_S3_H
#define TERCET_GATEWAY_S3_H

#include "compat/checksum_header.h"
#include "compat/conditions.h"
#include "compat/error.h"
#include "compat/headers.h"
#include "compat/response_xml.h"
#include "gateway/gateway.h"
#include "gateway/ingest.h"
#include "gateway/stored_checksum.h"

#define S3_OBJECT_BYTES_MAX (5ull << 30) /* of one PUT, part or copy */
#define S3_LIST_MAX         1000
#define S3_REPLY_BYTES_MAX  (8u << 20) /* of an XML answer: 1000 keys of 1024 bytes, percent-encoded */

/* ---- request.c: what is addressed -------------------------------------------------------------------------------- */
/* Whether the Host names a bucket below the configured domain; then its name. */
struct bytes s3_virtual_host_bucket(const struct gateway *gateway, const struct http_request *http);
/* The level alone, which needs no decoding and so no verified signature; false for a path that addresses nothing. */
bool s3_find_level(struct exchange *exchange);
/* Decodes the path into level, bucket_name and key; InvalidURI and KeyTooLongError are answered here. */
enum status s3_address(struct exchange *exchange);
struct header_list s3_headers(const struct exchange *exchange);
/* An x-amz-* header; or the parameter of that name, since clients that presign move such headers into the query. */
struct bytes s3_header(const struct exchange *exchange, const char *name);
/* The same as a list of those names that came; `storage` is its memory, one for each name. */
struct header_list s3_named_headers(const struct exchange *exchange, const char *const *names, size_t count,
                                    struct http_header *storage);
/* x-amz-checksum-algorithm and -type of what is created; InvalidRequest is answered here. */
enum status s3_checksum_wanted(struct exchange *exchange, enum checksum_algorithm *algorithm, bool *full_object);
/* The addressed bucket; NoSuchBucket is answered here. */
enum status s3_bucket(struct exchange *exchange, struct meta_bucket *bucket);
/* The versionId parameter; absent gives the latest. */
struct meta_version s3_version(const struct exchange *exchange);
/* A write of a whole object names no version and no part: a part whose upload was forgotten must not become the object.
 * InvalidArgument is answered here. */
enum status s3_whole_object(struct exchange *exchange);
/* A parameter that is a number: the default when absent; InvalidArgument is answered here. */
enum status s3_number(struct exchange *exchange, const char *name, uint64_t max, uint64_t default_value,
                      uint64_t *value);
/* encoding-type: only `url`. InvalidArgument is answered here. */
enum status s3_encoding_type(struct exchange *exchange, bool *url_encode);
extern const struct response_owner s3_owner;

/* ---- reply.c: answers -------------------------------------------------------------------------------------------- */
/* All return the status that ends the handler: a failure, also when the answer itself was sent well. */
enum status s3_fail(struct exchange *exchange, enum s3_error code);
enum status s3_fail_details(struct exchange *exchange, struct s3_error_details *details);
/* The answer for a failure below: 503, 507, 500; with `key` or `upload` in mind for NOT_FOUND. */
enum status s3_fail_status(struct exchange *exchange, enum status status);
/* The same as an error of one object among many. */
void s3_error_from_status(enum status status, struct s3_error_details *details);
enum status s3_fail_no_such_bucket(struct exchange *exchange);
/* InvalidArgument with the argument's name and value. */
enum status s3_fail_argument(struct exchange *exchange, const char *name, struct bytes value, const char *message);
/* NoSuchKey, or NoSuchVersion when a version was asked for. */
enum status s3_fail_no_such_key(struct exchange *exchange);
enum status s3_reply_empty(struct exchange *exchange, int http_status);
enum status s3_reply_xml(struct exchange *exchange, const struct buffer *document);
/* A header whose value a client once gave: a standard one as it is unless it holds what a header cannot carry; user
 * metadata always encoded, as AWS does. */
void s3_reply_text(struct exchange *exchange, const char *name, struct bytes value);
void s3_reply_encoded(struct exchange *exchange, const char *name, struct bytes value);
void s3_reply_etag(struct exchange *exchange, const struct etag *etag);
void s3_reply_checksum(struct exchange *exchange, const struct checksum_value *value, uint32_t composite_parts);
void s3_reply_version(struct exchange *exchange, const struct meta_bucket *bucket, const char *version_id);

/* ---- body.c: the payload of a request, decoded and checked ------------------------------------------------------- */
struct s3_body;

/* Reads what the headers say of the body (length, MD5, checksums, payload hash, aws-chunked). Answers errors.
 */
enum status s3_body_open(struct exchange *exchange, uint64_t size_max, struct s3_body **body);
/* The same where the checksum headers do not speak of the body (CompleteMultipartUpload). */
enum status s3_body_open_unchecked(struct exchange *exchange, uint64_t size_max, struct s3_body **body);
void s3_body_close(struct s3_body *body);
uint64_t s3_body_size(const struct s3_body *body); /* HTTP_LENGTH_UNKNOWN when not announced */
bool s3_body_wants_sha256(const struct s3_body *body);
enum checksum_algorithm s3_body_algorithm(const struct s3_body *body); /* that the client named, or NONE */
bool s3_body_has_digest(const struct s3_body *body);                   /* an MD5 or a checksum came with it */
/* Receives the whole body into the ingest, seals it and compares everything the client said. Answers errors.
 */
enum status s3_body_to_ingest(struct s3_body *body, struct ingest *ingest);
/* The same for a document, into memory: at most the buffer's max. */
enum status s3_body_to_buffer(struct s3_body *body, struct buffer *out);

/* ---- metadata.c: the headers kept with an object ----------------------------------------------------------------- */
/* Refuses headers, and parameters that count as such, that ask for what Tercet does not have (encryption,
 * ACLs, tags, locks). Answers errors. */
enum status s3_refuse_features(struct exchange *exchange);
/* The same, then collects the standard headers and user metadata into `stored`. Answers errors. */
enum status s3_collect_headers(struct exchange *exchange, struct buffer *stored);
/* Gives them back, with response-* overrides of a GET or HEAD. */
void s3_give_headers(struct exchange *exchange, const struct meta_object *object);
struct etag s3_object_etag(const struct meta_object *object);
struct meta_condition s3_condition(const struct condition_write *condition);

/* ---- publish.c: what a write ends with -------------------------------------------------------------------------- */
/* Waits for the chunks and commits them as a new version of the addressed key. Answers errors. */
enum status s3_publish(struct exchange *exchange, struct ingest *ingest, uint32_t bucket, struct bytes headers,
                       const struct condition_write *condition_said, struct meta_object *object);

/* ---- handlers, one file per group -------------------------------------------------------------------------------- */
void s3_list_buckets(struct exchange *exchange);
void s3_create_bucket(struct exchange *exchange);
void s3_head_bucket(struct exchange *exchange);
void s3_delete_bucket(struct exchange *exchange);
void s3_get_bucket_location(struct exchange *exchange);
void s3_get_bucket_versioning(struct exchange *exchange);
void s3_get_acl(struct exchange *exchange);
void s3_get_unset(struct exchange *exchange); /* the answer for a sub-resource that was never set */

void s3_list_objects(struct exchange *exchange); /* V1 and V2 */
void s3_list_object_versions(struct exchange *exchange);

void s3_put_object(struct exchange *exchange);
void s3_get_object(struct exchange *exchange); /* and HEAD */
void s3_delete_object(struct exchange *exchange);
void s3_delete_objects(struct exchange *exchange);
void s3_copy_object(struct exchange *exchange);

void s3_create_multipart_upload(struct exchange *exchange);
void s3_upload_part(struct exchange *exchange);
void s3_upload_part_copy(struct exchange *exchange);
void s3_complete_multipart_upload(struct exchange *exchange);
void s3_abort_multipart_upload(struct exchange *exchange);
void s3_list_parts(struct exchange *exchange);
void s3_list_multipart_uploads(struct exchange *exchange);

#endif
