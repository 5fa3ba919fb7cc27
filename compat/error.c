/* The one table of S3 errors and how they are rendered. Words are AWS's: clients and their tests compare
 * them. */
#include "compat/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/xml_writer.h"

struct error_row {
    const char *code;
    int http_status;
    const char *message;
};

static const struct error_row error_table[S3_ERROR_COUNT] = {
    [S3_ERROR_NONE] = {"None", 200, ""},
    [S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED] = {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs"},
    [S3_ACCESS_DENIED] = {"AccessDenied", 403, "Access Denied"},
    [S3_ACCESS_FORBIDDEN] = {"AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket."},
    [S3_ANNOTATION_LIMIT_EXCEEDED] = {"AnnotationLimitExceeded", 400,
                                      "The request would exceed the maximum number of annotations allowed per object."},
    [S3_ANNOTATION_NAME_TOO_LONG] = {"AnnotationNameTooLong", 400, "The annotation name exceeds 512 bytes."},
    [S3_AUTHORIZATION_HEADER_MALFORMED] = {"AuthorizationHeaderMalformed", 400,
                                           "The authorization header you provided is invalid."},
    [S3_AUTHORIZATION_QUERY_PARAMETERS_ERROR] = {"AuthorizationQueryParametersError", 400,
                                                 "The authorization query parameters that you provided are not valid."},
    [S3_BAD_DIGEST] = {"BadDigest", 400, "The Content-MD5 you specified did not match what we received."},
    [S3_BAD_REQUEST] = {"BadRequest", 400, "Bad Request"},
    [S3_BUCKET_ALREADY_EXISTS] =
        {"BucketAlreadyExists", 409,
         "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
         "Please select a different name and try again."},
    [S3_BUCKET_ALREADY_OWNED_BY_YOU] =
        {"BucketAlreadyOwnedByYou", 409,
         "Your previous request to create the named bucket succeeded and you already own it."},
    [S3_BUCKET_NOT_EMPTY] = {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"},
    [S3_CONDITIONAL_REQUEST_CONFLICT] =
        {"ConditionalRequestConflict", 409,
         "The conditional request cannot succeed due to a conflicting operation against this resource."},
    [S3_CROSS_LOCATION_LOGGING_PROHIBITED] = {"CrossLocationLoggingProhibitted", 403,
                                              "Cross S3 location logging not allowed. "},
    [S3_ENCRYPTION_TYPE_MISMATCH] =
        {"EncryptionTypeMismatch", 400,
         "The existing object was created with a different encryption type. Subsequent write requests must include the "
         "appropriate encryption parameters in the request or while creating the session."},
    [S3_ENTITY_TOO_LARGE] = {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"},
    [S3_ENTITY_TOO_SMALL] = {"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"},
    [S3_EXPIRED_TOKEN] = {"ExpiredToken", 400, "The provided token has expired."},
    [S3_IDEMPOTENCY_PARAMETER_MISMATCH] =
        {"IdempotencyParameterMismatch", 400,
         "Parameters on this idempotent request are inconsistent with parameters used in previous request(s)."},
    [S3_ILLEGAL_VERSIONING_CONFIGURATION] = {"IllegalVersioningConfigurationException", 400,
                                             "The Versioning element must be specified"},
    [S3_INCOMPLETE_BODY] = {"IncompleteBody", 400,
                            "You did not provide the number of bytes specified by the Content-Length HTTP header"},
    [S3_INCORRECT_NUMBER_OF_FILES_IN_POST_REQUEST] = {"IncorrectNumberOfFilesInPostRequest", 400,
                                                      "POST requires exactly one file upload per request."},
    [S3_INSUFFICIENT_STORAGE] = {"InsufficientStorage", 507,
                                 "There is not enough free space on the disks of the storage nodes or of the gateway."},
    [S3_INTERNAL_ERROR] = {"InternalError", 500, "We encountered an internal error. Please try again."},
    [S3_INVALID_ACCESS_KEY_ID] = {"InvalidAccessKeyId", 403,
                                  "The AWS Access Key Id you provided does not exist in our records."},
    [S3_INVALID_ANNOTATION_NAME] = {"InvalidAnnotationName", 400, "The annotation name you provided is invalid."},
    [S3_INVALID_ARGUMENT] = {"InvalidArgument", 400, "Invalid Argument"},
    [S3_INVALID_BUCKET_ACL_WITH_BLOCK] = {"InvalidBucketAclWithBlockPublicAccessError", 400,
                                          "Bucket cannot have public ACLs set with BlockPublicAccess enabled"},
    [S3_INVALID_BUCKET_ACL_WITH_OWNERSHIP] =
        {"InvalidBucketAclWithObjectOwnership", 400,
         "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"},
    [S3_INVALID_BUCKET_NAME] = {"InvalidBucketName", 400, "The specified bucket is not valid."},
    [S3_INVALID_BUCKET_OWNER_AWS_ACCOUNT_ID] =
        {"InvalidBucketOwnerAWSAccountID", 400,
         "The value of the expected bucket owner parameter must be an AWS Account ID"},
    [S3_INVALID_BUCKET_STATE] = {"InvalidBucketState", 409,
                                 "The request is not valid with the current state of the bucket."},
    [S3_INVALID_DIGEST] = {"InvalidDigest", 400, "The Content-MD5 you specified was invalid."},
    [S3_INVALID_ENCRYPTION_ALGORITHM] = {"InvalidEncryptionAlgorithmError", 400,
                                         "The encryption request you specified is not valid. The valid value is "
                                         "AES256."},
    [S3_INVALID_LOCATION_CONSTRAINT] = {"InvalidLocationConstraint", 400,
                                        "The specified location-constraint is not valid"},
    [S3_INVALID_PART] = {"InvalidPart", 400,
                         "One or more of the specified parts could not be found.  The part may not have been uploaded, "
                         "or the specified entity tag may not match the part's entity tag."},
    [S3_INVALID_PART_NUMBER] = {"InvalidPartNumber", 416, "The requested partnumber is not satisfiable"},
    [S3_INVALID_PART_ORDER] = {"InvalidPartOrder", 400,
                               "The list of parts was not in ascending order. Parts must be ordered by part number."},
    [S3_INVALID_POLICY_DOCUMENT] = {"InvalidPolicyDocument", 400,
                                    "The content of the form does not meet the conditions specified in the policy "
                                    "document."},
    [S3_INVALID_PREFIX] = {"InvalidPrefix", 400, "The annotation prefix you provided is invalid."},
    [S3_INVALID_RANGE] = {"InvalidRange", 416, "The requested range is not satisfiable"},
    [S3_INVALID_REDIRECT_LOCATION] =
        {"InvalidRedirectLocation", 400,
         "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."},
    [S3_INVALID_REQUEST] = {"InvalidRequest", 400, "Invalid Request"},
    [S3_INVALID_STORAGE_CLASS] = {"InvalidStorageClass", 400, "The storage class you specified is not valid"},
    [S3_INVALID_TAG] = {"InvalidTag", 400, "The tag provided was not a valid tag"},
    [S3_INVALID_TARGET_BUCKET_FOR_LOGGING] = {"InvalidTargetBucketForLogging", 400,
                                              "The target bucket for logging does not exist"},
    [S3_INVALID_TOKEN] = {"InvalidToken", 400, "The provided token is malformed or otherwise invalid."},
    [S3_INVALID_URI] = {"InvalidURI", 400, "Couldn't parse the specified URI."},
    [S3_INVALID_WRITE_OFFSET] = {"InvalidWriteOffset", 400,
                                 "The write offset value that you specified does not match the current object size."},
    [S3_KEY_TOO_LONG] = {"KeyTooLongError", 400, "Your key is too long"},
    [S3_KMS_DISABLED] = {"KMS.DisabledException", 400, "The key is disabled."},
    [S3_KMS_NOT_FOUND] = {"KMS.NotFoundException", 400, "The key does not exist."},
    [S3_MALFORMED_ACL] = {"MalformedACLError", 400,
                          "The XML you provided was not well-formed or did not validate against our published schema"},
    [S3_MALFORMED_POLICY] = {"MalformedPolicy", 400, "This policy contains invalid Json"},
    [S3_MALFORMED_POST_REQUEST] = {"MalformedPOSTRequest", 400,
                                   "The body of your POST request is not well-formed multipart/form-data."},
    [S3_MALFORMED_TRAILER] = {"MalformedTrailerError", 400,
                              "The request contained trailing data that was not well-formed or did not conform to our "
                              "published schema."},
    [S3_MALFORMED_XML] = {"MalformedXML", 400,
                          "The XML you provided was not well-formed or did not validate against our published schema"},
    [S3_MAX_MESSAGE_LENGTH_EXCEEDED] = {"MaxMessageLengthExceeded", 400, "Your request was too big."},
    [S3_MAX_POST_PRE_DATA_LENGTH_EXCEEDED] = {"MaxPostPreDataLengthExceededError", 400,
                                              "Your POST request fields preceding the upload file were too large."},
    [S3_METADATA_CONFIGURATION_NOT_FOUND] = {"MetadataConfigurationNotFound", 404,
                                             "The metadata configuration does not exist"},
    [S3_METADATA_TOO_LARGE] = {"MetadataTooLarge", 400,
                               "Your metadata headers exceed the maximum allowed metadata size"},
    [S3_METHOD_NOT_ALLOWED] = {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."},
    [S3_MISSING_SECURITY_HEADER] = {"MissingSecurityHeader", 400, "Your request was missing a required header"},
    [S3_UNEXPECTED_CONTENT] = {"UnexpectedContent", 400, "This request does not support content"},
    [S3_UNSUPPORTED_MEDIA_TYPE] = {"UnsupportedMediaType", 415,
                                   "The annotation payload is not valid UTF-8 encoded text."},
    [S3_MISSING_CONTENT_LENGTH] = {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."},
    [S3_NO_SUCH_ANNOTATION] = {"NoSuchAnnotation", 404, "The specified annotation does not exist on this object."},
    [S3_NO_SUCH_BUCKET] = {"NoSuchBucket", 404, "The specified bucket does not exist"},
    [S3_NO_SUCH_BUCKET_POLICY] = {"NoSuchBucketPolicy", 404, "The bucket policy does not exist"},
    [S3_NO_SUCH_CONFIGURATION] = {"NoSuchConfiguration", 404, "The specified configuration does not exist."},
    [S3_NO_SUCH_CORS_CONFIGURATION] = {"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"},
    [S3_NO_SUCH_KEY] = {"NoSuchKey", 404, "The specified key does not exist."},
    [S3_NO_SUCH_LIFECYCLE_CONFIGURATION] = {"NoSuchLifecycleConfiguration", 404,
                                            "The lifecycle configuration does not exist"},
    [S3_NO_SUCH_OBJECT_LOCK_CONFIGURATION] = {"NoSuchObjectLockConfiguration", 404,
                                              "The specified object does not have a ObjectLock configuration"},
    [S3_NO_SUCH_PUBLIC_ACCESS_BLOCK] = {"NoSuchPublicAccessBlockConfiguration", 404,
                                        "The public access block configuration was not found"},
    [S3_NO_SUCH_TAG_SET] = {"NoSuchTagSet", 404, "The TagSet does not exist"},
    [S3_NO_SUCH_UPLOAD] =
        {"NoSuchUpload", 404,
         "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
         "aborted or completed."},
    [S3_NO_SUCH_VERSION] = {"NoSuchVersion", 404, "The specified version does not exist."},
    [S3_NO_SUCH_WEBSITE_CONFIGURATION] = {"NoSuchWebsiteConfiguration", 404,
                                          "The specified bucket does not have a website configuration"},
    [S3_NOT_IMPLEMENTED] = {"NotImplemented", 501,
                            "A header you provided implies functionality that is not implemented"},
    [S3_NOT_MODIFIED] = {"NotModified", 304, "Not Modified"},
    [S3_OPERATION_ABORTED] =
        {"OperationAborted", 409,
         "A conflicting conditional operation is currently in progress against this resource. Please try again."},
    [S3_OBJECT_LOCK_CONFIGURATION_NOT_FOUND] = {"ObjectLockConfigurationNotFoundError", 404,
                                                "Object Lock configuration does not exist for this bucket"},
    [S3_OWNERSHIP_CONTROLS_NOT_FOUND] = {"OwnershipControlsNotFoundError", 404,
                                         "The bucket ownership controls were not found"},
    [S3_PRECONDITION_FAILED] = {"PreconditionFailed", 412,
                                "At least one of the pre-conditions you specified did not hold"},
    [S3_QUOTA_EXCEEDED] = {"QuotaExceeded", 403, "The quota of the bucket does not allow more."},
    [S3_REPLICATION_CONFIGURATION_NOT_FOUND] = {"ReplicationConfigurationNotFoundError", 404,
                                                "The replication configuration was not found"},
    [S3_REQUEST_TIME_TOO_SKEWED] = {"RequestTimeTooSkewed", 403,
                                    "The difference between the request time and the current time is too large."},
    [S3_REQUEST_TIMEOUT] =
        {"RequestTimeout", 400,
         "Your socket connection to the server was not read from or written to within the timeout period."},
    [S3_SERVER_SIDE_ENCRYPTION_CONFIGURATION_NOT_FOUND] = {"ServerSideEncryptionConfigurationNotFoundError", 404,
                                                           "The server side encryption configuration was not found"},
    [S3_SERVICE_UNAVAILABLE] = {"ServiceUnavailable", 503, "Service is unable to handle request."},
    [S3_SIGNATURE_DOES_NOT_MATCH] =
        {"SignatureDoesNotMatch", 403,
         "The request signature we calculated does not match the signature you provided. Check your key "
         "and signing method."},
    [S3_SLOW_DOWN] = {"SlowDown", 503, "Please reduce your request rate."},
    [S3_TOO_MANY_PARTS] =
        {"TooManyParts", 400,
         "You have attempted to add more parts than the maximum of 10000 that are allowed for this object. You can use "
         "the CopyObject operation to copy this object to another and then add more data to the newly copied object."},
    [S3_X_AMZ_CONTENT_SHA256_MISMATCH] =
        {"XAmzContentSHA256Mismatch", 400,
         "The provided 'x-amz-content-sha256' header does not match what was computed."},
};

static const struct error_row *error_row(enum s3_error error)
{
    CHECK(error < S3_ERROR_COUNT);
    return &error_table[error];
}

const char *s3_error_code(enum s3_error error)
{
    return error_row(error)->code;
}

int s3_error_http_status(enum s3_error error)
{
    return error_row(error)->http_status;
}

const char *s3_error_message(enum s3_error error)
{
    return error_row(error)->message;
}

void s3_error_set(struct s3_error_details *details, enum s3_error code)
{
    details->code = code;
    details->message[0] = '\0';
    details->element_count = 0;
    details->copies_len = 0;
}

static struct s3_error_element *element_new(struct s3_error_details *details, const char *name)
{
    CHECK(details->element_count < S3_ERROR_ELEMENTS_MAX);
    struct s3_error_element *element = &details->elements[details->element_count++];
    *element = (struct s3_error_element){.name = name};
    return element;
}

void s3_error_setf(struct s3_error_details *details, enum s3_error code, const char *format, ...)
{
    va_list arguments;

    s3_error_set(details, code);
    va_start(arguments, format);
    vsnprintf(details->message, sizeof(details->message), format, arguments);
    va_end(arguments);
}

void s3_error_argument(struct s3_error_details *details, struct bytes name, struct bytes value, const char *format, ...)
{
    va_list arguments;

    s3_error_set(details, S3_INVALID_ARGUMENT);
    va_start(arguments, format);
    vsnprintf(details->message, sizeof(details->message), format, arguments);
    va_end(arguments);
    s3_error_add(details, "ArgumentName", name);
    s3_error_add(details, "ArgumentValue", value);
}

void s3_error_add(struct s3_error_details *details, const char *name, struct bytes value)
{
    s3_error_add_front(details, name, value, value.len, S3_ERROR_VALUE_MAX);
}

void s3_error_add_front(struct s3_error_details *details, const char *name, struct bytes front, size_t whole_len,
                        size_t bytes_max)
{
    struct s3_error_element *element = element_new(details, name);

    element->kind = S3_ERROR_TEXT;
    element->value = front.data ? front : BYTES("");
    element->whole_len = whole_len;
    element->bytes_max = bytes_max;
}

void s3_error_add_u64(struct s3_error_details *details, const char *name, uint64_t value)
{
    struct s3_error_element *element = element_new(details, name);

    element->kind = S3_ERROR_NUMBER;
    element->number = value;
}

void s3_error_add_copy(struct s3_error_details *details, const char *name, struct bytes value)
{
    struct s3_error_element *element = element_new(details, name);

    CHECK(value.len < S3_ERROR_COPIES_MAX - details->copies_len);
    element->kind = S3_ERROR_COPY;
    element->copy_at = details->copies_len;
    if (value.len)
        memcpy(details->copies + details->copies_len, value.data, value.len);
    details->copies_len += value.len;
    details->copies[details->copies_len++] = '\0';
}

void s3_error_add_time(struct s3_error_details *details, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_MAX];

    clock_format_iso8601_ms(wall_ms, text);
    s3_error_add_copy(details, name, bytes_from_str(text));
}

static void render_text(struct xml_writer *writer, const char *name, struct bytes text, size_t whole_len,
                        size_t bytes_max)
{
    struct bytes front = xml_writer_front(text, bytes_max);
    char cut[64];

    xml_writer_open(writer, name);
    xml_writer_text(writer, front);
    if (front.len < whole_len) {
        snprintf(cut, sizeof(cut), "... [cut: %zu bytes in all]", whole_len);
        xml_writer_text(writer, bytes_from_str(cut));
    }
    xml_writer_close(writer);
}

static void render_element(struct xml_writer *writer, const struct s3_error_details *details,
                           const struct s3_error_element *element)
{
    switch (element->kind) {
    case S3_ERROR_TEXT:
        render_text(writer, element->name, element->value, element->whole_len, element->bytes_max);
        break;
    case S3_ERROR_COPY:
        xml_writer_element_str(writer, element->name, details->copies + element->copy_at);
        break;
    case S3_ERROR_NUMBER:
        xml_writer_element_u64(writer, element->name, element->number);
        break;
    }
}

static void render_said(struct xml_writer *writer, const struct s3_error_details *details)
{
    xml_writer_open(writer, "Error");
    xml_writer_element_str(writer, "Code", s3_error_code(details->code));
    xml_writer_element_str(writer, "Message", details->message[0] ? details->message : s3_error_message(details->code));
    if (details->resource.data)
        render_text(writer, "Resource", details->resource, details->resource.len, S3_ERROR_VALUE_MAX);
    for (size_t i = 0; i < details->element_count; i++)
        render_element(writer, details, &details->elements[i]);
}

static void render_ids(struct xml_writer *writer, const struct s3_error_details *details)
{
    xml_writer_element(writer, "RequestId", details->request_id);
    xml_writer_element(writer, "HostId", details->host_id);
}

enum status s3_error_render(struct buffer *out, const struct s3_error_details *details)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    render_said(&writer, details);
    render_ids(&writer, details);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}

enum status s3_error_render_wrapped(struct buffer *out, const struct s3_error_details *details)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open(&writer, "ErrorResponse");
    render_said(&writer, details);
    xml_writer_close(&writer);
    render_ids(&writer, details);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}
