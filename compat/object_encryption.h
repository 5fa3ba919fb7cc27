/* The document of UpdateObjectEncryption: the key of SSE-KMS that an object's own key is to be sealed with from now on.
 */
#ifndef TERCET_COMPAT_OBJECT_ENCRYPTION_H
#define TERCET_COMPAT_OBJECT_ENCRYPTION_H

#include <stdbool.h>

#include "base/bytes.h"
#include "compat/error.h"

#define OBJECT_ENCRYPTION_ARN_MAX       512
#define OBJECT_ENCRYPTION_XML_BYTES_MAX 8192

struct object_encryption {
    char key_arn[OBJECT_ENCRYPTION_ARN_MAX + 1]; /* whole, of a key of KMS */
    bool bucket_key;
};
/* INVALID with the error filled: MalformedXML, or what AWS says is missing; DENIED with the error filled: the key is
 * another account's. */
enum status object_encryption_parse(struct bytes document, const char *account_id, struct object_encryption *encryption,
                                    struct s3_error_details *error);

#endif
