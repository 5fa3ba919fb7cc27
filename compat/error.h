/* The S3 errors: the one table of their codes, HTTP statuses and AWS's words, and their XML.
 *
 * Functions of this folder that can refuse a request for more than one reason take a `struct s3_error_details *error`
 * as their last parameter: they fill it when, and only when, they return a failure. Values of extra elements are not
 * copied, unless s3_error_add_copy says so: they live at least until the error is rendered (in the request, or in
 * literals). */
#ifndef TERCET_COMPAT_ERROR_H
#define TERCET_COMPAT_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum s3_error {
    S3_ERROR_NONE = 0,
    S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED,
    S3_ACCESS_DENIED,
    S3_ACCESS_FORBIDDEN,
    S3_ANNOTATION_LIMIT_EXCEEDED,
    S3_ANNOTATION_NAME_TOO_LONG,
    S3_AUTHORIZATION_HEADER_MALFORMED,
    S3_AUTHORIZATION_QUERY_PARAMETERS_ERROR,
    S3_BAD_DIGEST,
    S3_BAD_REQUEST,
    S3_BUCKET_ALREADY_EXISTS,
    S3_BUCKET_ALREADY_OWNED_BY_YOU,
    S3_BUCKET_NOT_EMPTY,
    S3_CONDITIONAL_REQUEST_CONFLICT,
    S3_CROSS_LOCATION_LOGGING_PROHIBITED,
    S3_ENCRYPTION_TYPE_MISMATCH,
    S3_ENTITY_TOO_LARGE,
    S3_ENTITY_TOO_SMALL,
    S3_EXPIRED_TOKEN,
    S3_IDEMPOTENCY_PARAMETER_MISMATCH,
    S3_ILLEGAL_VERSIONING_CONFIGURATION,
    S3_INCOMPLETE_BODY,
    S3_INCORRECT_NUMBER_OF_FILES_IN_POST_REQUEST,
    S3_INSUFFICIENT_STORAGE,
    S3_INTERNAL_ERROR,
    S3_INVALID_ACCESS_KEY_ID,
    S3_INVALID_ANNOTATION_NAME,
    S3_INVALID_ARGUMENT,
    S3_INVALID_BUCKET_ACL_WITH_BLOCK,
    S3_INVALID_BUCKET_ACL_WITH_OWNERSHIP,
    S3_INVALID_BUCKET_NAME,
    S3_INVALID_BUCKET_OWNER_AWS_ACCOUNT_ID,
    S3_INVALID_BUCKET_STATE,
    S3_INVALID_DIGEST,
    S3_INVALID_ENCRYPTION_ALGORITHM,
    S3_INVALID_LOCATION_CONSTRAINT,
    S3_INVALID_PART,
    S3_INVALID_PART_NUMBER,
    S3_INVALID_PART_ORDER,
    S3_INVALID_POLICY_DOCUMENT,
    S3_INVALID_PREFIX,
    S3_INVALID_RANGE,
    S3_INVALID_REDIRECT_LOCATION,
    S3_INVALID_REQUEST,
    S3_INVALID_STORAGE_CLASS,
    S3_INVALID_TAG,
    S3_INVALID_TARGET_BUCKET_FOR_LOGGING,
    S3_INVALID_TOKEN,
    S3_INVALID_URI,
    S3_INVALID_WRITE_OFFSET,
    S3_KEY_TOO_LONG,
    S3_KMS_DISABLED,
    S3_KMS_NOT_FOUND,
    S3_MALFORMED_ACL,
    S3_MALFORMED_POLICY,
    S3_MALFORMED_POST_REQUEST,
    S3_MALFORMED_TRAILER,
    S3_MALFORMED_XML,
    S3_MAX_MESSAGE_LENGTH_EXCEEDED,
    S3_MAX_POST_PRE_DATA_LENGTH_EXCEEDED,
    S3_METADATA_CONFIGURATION_NOT_FOUND,
    S3_METADATA_TOO_LARGE,
    S3_METHOD_NOT_ALLOWED,
    S3_MISSING_CONTENT_LENGTH,
    S3_MISSING_SECURITY_HEADER,
    S3_NO_SUCH_ANNOTATION,
    S3_NO_SUCH_BUCKET,
    S3_NO_SUCH_BUCKET_POLICY,
    S3_NO_SUCH_CONFIGURATION,
    S3_NO_SUCH_CORS_CONFIGURATION,
    S3_NO_SUCH_KEY,
    S3_NO_SUCH_LIFECYCLE_CONFIGURATION,
    S3_NO_SUCH_OBJECT_LOCK_CONFIGURATION,
    S3_NO_SUCH_PUBLIC_ACCESS_BLOCK,
    S3_NO_SUCH_TAG_SET,
    S3_NO_SUCH_UPLOAD,
    S3_NO_SUCH_VERSION,
    S3_NO_SUCH_WEBSITE_CONFIGURATION,
    S3_NOT_IMPLEMENTED,
    S3_NOT_MODIFIED,
    S3_OPERATION_ABORTED,
    S3_OBJECT_LOCK_CONFIGURATION_NOT_FOUND,
    S3_OWNERSHIP_CONTROLS_NOT_FOUND,
    S3_PRECONDITION_FAILED,
    S3_QUOTA_EXCEEDED,
    S3_REPLICATION_CONFIGURATION_NOT_FOUND,
    S3_REQUEST_TIME_TOO_SKEWED,
    S3_REQUEST_TIMEOUT,
    S3_SERVER_SIDE_ENCRYPTION_CONFIGURATION_NOT_FOUND,
    S3_SERVICE_UNAVAILABLE,
    S3_SIGNATURE_DOES_NOT_MATCH,
    S3_SLOW_DOWN,
    S3_TOO_MANY_PARTS,
    S3_X_AMZ_CONTENT_SHA256_MISMATCH,
    S3_UNEXPECTED_CONTENT,
    S3_UNSUPPORTED_MEDIA_TYPE,
    S3_ERROR_COUNT
};

const char *s3_error_code(enum s3_error error);    /* "NoSuchKey" */
int s3_error_http_status(enum s3_error error);     /* 404 */
const char *s3_error_message(enum s3_error error); /* AWS's default text */

#define S3_ERROR_ELEMENTS_MAX 8
#define S3_ERROR_MESSAGE_MAX  256
#define S3_ERROR_COPIES_MAX   512 /* bytes of values that the error keeps itself */
/* What clients sent comes back in errors, and escaped it is up to six times as long: each text is cut to so many bytes,
 * and says so at its end. */
#define S3_ERROR_VALUE_MAX 2048
#define S3_ERROR_BYTES_MAX (20 * 1024) /* of a whole answer: s3_error_render fits in */

struct s3_error_element {
    const char *name; /* a literal: Key, BucketName, UploadId, ... */
    enum { S3_ERROR_TEXT, S3_ERROR_COPY, S3_ERROR_NUMBER } kind;
    struct bytes value; /* TEXT: escaped when rendered; not owned */
    uint64_t number;    /* NUMBER */
    size_t copy_at;     /* COPY: where in the error's copies it begins, terminated */
    size_t whole_len;   /* of the text that the value is the front of */
    size_t bytes_max;   /* escaped, before it is cut */
};

/* Zero-initialise, or s3_error_set. Copying the struct is fine: nothing in it points into it. */
struct s3_error_details {
    enum s3_error code;
    char message[S3_ERROR_MESSAGE_MAX]; /* "": the table's */
    struct bytes resource;              /* data NULL: no element */
    struct bytes request_id, host_id;   /* data NULL: empty elements */
    struct s3_error_element elements[S3_ERROR_ELEMENTS_MAX];
    size_t element_count;
    char copies[S3_ERROR_COPIES_MAX];
    size_t copies_len;
};

/* Starts anew with this code and the table's message; keeps resource, request_id and host_id. */
void s3_error_set(struct s3_error_details *details, enum s3_error code);
/* The same with an own message (cut when too long). */
void s3_error_setf(struct s3_error_details *details, enum s3_error code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* InvalidArgument that names the argument and its value. */
void s3_error_argument(struct s3_error_details *details, struct bytes name, struct bytes value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds an extra element; CHECKs that there is room. An absent value gives an empty element. */
void s3_error_add(struct s3_error_details *details, const char *name, struct bytes value);
/* The same for a long text whose front is given, of whole_len bytes in all, and may take bytes_max when escaped. The
 * caller sees to it that the whole stays below S3_ERROR_BYTES_MAX. */
void s3_error_add_front(struct s3_error_details *details, const char *name, struct bytes front, size_t whole_len,
                        size_t bytes_max);
void s3_error_add_u64(struct s3_error_details *details, const char *name, uint64_t value);
/* The same for a text that does not live so long; CHECKs that the copies of all fit in S3_ERROR_COPIES_MAX. */
void s3_error_add_copy(struct s3_error_details *details, const char *name, struct bytes value);
/* A moment in the form of ISO 8601, with milliseconds. */
void s3_error_add_time(struct s3_error_details *details, const char *name, int64_t wall_ms);

/* Appends the XML body: Code, Message, Resource, extra elements in their order, RequestId, HostId. STATUS_LIMIT beyond
 * the buffer's max. */
enum status s3_error_render(struct buffer *out, const struct s3_error_details *details);
/* The same in the form of S3 Control: ErrorResponse{Error{...}, RequestId, HostId}. */
enum status s3_error_render_wrapped(struct buffer *out, const struct s3_error_details *details);
/* The same as a page, for websites; `reason` goes with the status ("Not Found"). STATUS_LIMIT: as above. */
enum status s3_error_render_html(struct buffer *out, const struct s3_error_details *details, const char *reason);

#endif
