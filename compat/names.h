/* What may be a bucket's name, a key, and user metadata. */
#ifndef TERCET_COMPAT_NAMES_H
#define TERCET_COMPAT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/error.h"
#include "compat/header_index.h"

#define OBJECT_KEY_BYTES_MAX 1024
#define METADATA_BYTES_MAX   2048
#define ACCOUNT_ID_LEN       12
#define METADATA_PREFIX      "x-amz-meta-"

/* AWS's rules for general purpose buckets: 3 to 63 of a-z 0-9 . -, letter or digit at both ends, no `..`, not like an
 * IPv4 address, none of the reserved prefixes and suffixes. */
bool bucket_name_is_valid(struct bytes name);
/* First path segments that the gateway itself serves; a bucket of that name could not be reached. */
bool bucket_name_is_reserved(struct bytes name);
/* Neither invalid nor reserved; else InvalidBucketName(+BucketName). For CreateBucket. */
enum status bucket_name_check(struct bytes name, struct s3_error_details *error);

/* A decoded key: 1 to 1024 bytes of UTF-8 without NUL; anything else goes, `..`, `//` and control characters too.
 * KeyTooLongError(+Size, MaxSizeAllowed) or InvalidURI. */
enum status key_check(struct bytes key, struct s3_error_details *error);

/* Of an AWS account: twelve digits. */
bool account_id_is_valid(struct bytes id);

/* The part of a header's name after x-amz-meta-, which may be empty; data NULL for another header. */
struct bytes metadata_name(struct bytes header_name);
/* Names (without the prefix) and values together, several lines of one name as the one that they make:
 * MetadataTooLarge(+Size, MaxSizeAllowed) beyond 2 KiB. */
enum status metadata_check(const struct header_index *headers, struct s3_error_details *error);
/* Appends a metadata value as a response header may carry it: printable ASCII as it is, anything else as RFC 2047
 * =?UTF-8?Q?...?= (bytes that are not UTF-8 are taken for ISO-8859-1). At most 6 times as long and 12 bytes. */
enum status metadata_encode(struct bytes value, struct buffer *out);

#endif
