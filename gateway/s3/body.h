/* The payload of an S3 request, decoded and held against everything that the client said of it. */
#ifndef TERCET_GATEWAY_S3_BODY_H
#define TERCET_GATEWAY_S3_BODY_H

#include "compat/checksum_header.h"
#include "gateway/front/exchange.h"
#include "gateway/object/ingest.h"

#define S3_OBJECT_BYTES_MAX (5ull << 30) /* of one PUT, part or copy */

struct s3_body;

/* Reads what the headers say of the body (length, MD5, checksums, payload hash, aws-chunked). Answers errors. */
enum status s3_body_open(struct exchange *exchange, uint64_t size_max, struct s3_body **body);
/* The same where the checksum headers do not speak of the body (CompleteMultipartUpload). */
enum status s3_body_open_unchecked(struct exchange *exchange, uint64_t size_max, struct s3_body **body);
void s3_body_close(struct s3_body *body);
uint64_t s3_body_size(const struct s3_body *body); /* HTTP_LENGTH_UNKNOWN when not announced */
bool s3_body_wants_sha256(const struct s3_body *body);
/* Whether the client said a Content-MD5 or a checksum, in the head or in the trailer. */
bool s3_body_has_digest(const struct s3_body *body);
enum checksum_algorithm s3_body_algorithm(const struct s3_body *body); /* that the client named, or NONE */
/* From now on what is received is looked at, whether it is UTF-8; once it is received: was it? */
void s3_body_expect_text(struct s3_body *body);
bool s3_body_was_text(const struct s3_body *body);
/* Receives the whole body into the ingest, seals it and compares everything the client said. Answers errors. */
enum status s3_body_to_ingest(struct s3_body *body, struct ingest *ingest);
/* The same for a document, into memory: at most the buffer's max. */
enum status s3_body_to_buffer(struct s3_body *body, struct buffer *out);

/* Content-MD5 against what came; BadDigest is answered here. */
enum status s3_compare_md5(struct exchange *exchange, const uint8_t said[MD5_LEN], const uint8_t md5[MD5_LEN]);

/* The whole of it for a document: opens, receives, closes. needs_digest: one without Content-MD5, checksum and signed
 * SHA-256 is refused, as AWS does where a damaged document would do harm. Answers errors; *document is to be released
 * in any case. */
enum status s3_read_document(struct exchange *exchange, size_t bytes_max, bool needs_digest, struct buffer *document);

#endif
