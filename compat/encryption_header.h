/* What a request says of encryption at rest, in headers or in a form's fields: SSE-S3 and SSE-KMS, and the client's own
 * key (SSE-C). AWS: "Specifying server-side encryption with AWS KMS", "Using server-side encryption with
 * customer-provided keys"; the texts of errors are AWS's where they are known. */
#ifndef TERCET_COMPAT_ENCRYPTION_HEADER_H
#define TERCET_COMPAT_ENCRYPTION_HEADER_H

#include <stdbool.h>

#include "base/seal.h"
#include "compat/error.h"
#include "compat/headers.h"

#define SSE_PREFIX "x-amz-server-side-encryption"
/* Names of headers, as lists have them. */
#define SSE_CUSTOMER_NAMES                                                                                             \
    "x-amz-server-side-encryption-customer-algorithm", "x-amz-server-side-encryption-customer-key",                    \
        "x-amz-server-side-encryption-customer-key-MD5"
#define SSE_COPY_SOURCE_NAMES                                                                                          \
    "x-amz-copy-source-server-side-encryption-customer-algorithm",                                                     \
        "x-amz-copy-source-server-side-encryption-customer-key",                                                       \
        "x-amz-copy-source-server-side-encryption-customer-key-MD5"
#define SSE_NAMES                                                                                                      \
    "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",                                     \
        "x-amz-server-side-encryption-context", "x-amz-server-side-encryption-bucket-key-enabled"
#define SSE_CONTEXT_BYTES_MAX 8192 /* decoded */

enum sse_method { SSE_NONE, SSE_AES256, SSE_KMS, SSE_DSSE };
const char *sse_method_name(enum sse_method method); /* AES256, aws:kms, aws:kms:dsse */
/* INVALID: none that there is. */
enum status sse_method_parse(struct bytes text, enum sse_method *method);

struct sse_request {
    enum sse_method method;
    struct bytes key_id;  /* as the client has it; empty: none was named */
    struct bytes context; /* in Base64, checked; empty: none */
    bool has_bucket_key, bucket_key;
};
/* What is to be encrypted how. INVALID with the error filled; so are the others. */
enum status sse_request_parse(struct header_list headers, struct sse_request *request, struct s3_error_details *error);

struct sse_customer {
    bool given;
    struct seal_key key; /* wiped by who asked */
    struct bytes md5;    /* of it, in Base64, as the client sent it */
};
enum sse_customer_use { SSE_WRITES, SSE_READS, SSE_READS_SOURCE };
/* The client's key, whole and right, or nothing of it. On errors nothing is to be wiped. */
enum status sse_customer_parse(struct header_list headers, enum sse_customer_use use, struct sse_customer *customer,
                               struct s3_error_details *error);

/* Which key an id, an ARN or an alias names: the last component of each, AWS's grammar of "KeyId". Data NULL: it is
 * none; with an ARN of another service or in a wrong form *arn tells so. */
struct bytes sse_key_name(struct bytes key_id, bool *malformed_arn);

#endif
