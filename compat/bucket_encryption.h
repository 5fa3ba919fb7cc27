/* The encryption of a bucket: what new objects are encrypted with when their requests do not say it, and what requests
 * may not ask for. AWS: PutBucketEncryption, BlockedEncryptionTypes. */
#ifndef TERCET_COMPAT_BUCKET_ENCRYPTION_H
#define TERCET_COMPAT_BUCKET_ENCRYPTION_H

#include "compat/encryption_header.h"

#define BUCKET_ENCRYPTION_KEY_ID_MAX    512
#define BUCKET_ENCRYPTION_XML_BYTES_MAX 8192 /* as it is written: a key id may be all characters that are escaped */

struct bucket_encryption {
    enum sse_method method; /* NONE: no default */
    char key_id[BUCKET_ENCRYPTION_KEY_ID_MAX + 1];
    bool bucket_key;
    bool blocks_customer, names_blocked; /* SSE-C; whether the document says what is blocked */
};
/* INVALID: MalformedXML to the client. */
enum status bucket_encryption_parse(struct bytes document, struct bucket_encryption *encryption);
/* What the members have to do with each other. INVALID with the error filled. */
enum status bucket_encryption_check(const struct bucket_encryption *encryption, struct s3_error_details *error);
enum status bucket_encryption_write(struct buffer *out, const struct bucket_encryption *encryption);

#endif
