/* The one table of S3 errors and how they are rendered. Words are AWS's: clients and their tests compare
 * them. */
#include "compat/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "compat/xml_writer.h"

struct error_row {
    const char *code;
    int http_status;
    const char *message;
};

static const struct error_row error_table[S3_ERROR_COUNT] = {
    [S3_ERROR_NONE] = {"None", 200, ""},
    [S3_ACCESS_DENIED] = {"AccessDenied", 403, "Access Denied"},
    [S3_ACCESS_FORBIDDEN] = {"AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket."},
    [S3_AUTHORIZATION_HEADER_MALFORMED] = {"AuthorizationHeaderMalformed", 400,
                                           "The authorization header you provided is invalid."},
    [S3_AUTHORIZATION_QUERY_PARAMETERS_ERROR] =
        {"AuthorizationQueryParametersError", 400,
         "The authorization query parameters that you provided are not valid."},
    [S3_BAD_DIGEST] = {"BadDigest", 400, "The Content-MD5 you specified did not match what we received."},
    [S3_BAD_REQUEST] = {"BadRequest", 400, "Bad Request"},
    [S3_BUCKET_ALREADY_EXISTS] =
        {"BucketAlreadyExists", 409,
         "The requested bucket name is not available. The bucket namespace is shared by all users of the "
         "system. Please select a different name and try again."},
    [S3_BUCKET_ALREADY_OWNED_BY_YOU] =
        {"BucketAlreadyOwnedByYou", 409,
         "Your previous request to create the named bucket succeeded and you already own it."},
    [S3_BUCKET_NOT_EMPTY] = {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"},
    [S3_CONDITIONAL_REQUEST_CONFLICT] =
        {"ConditionalRequestConflict", 409,
         "The conditional request cannot succeed due to a conflicting operation against this resource."},
    [S3_CREDENTIALS_NOT_SUPPORTED] = {"CredentialsNotSupported", 400,
                                      "This request does not support credentials."},
    [S3_ENTITY_TOO_LARGE] = {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"},
    [S3_ENTITY_TOO_SMALL] = {"EntityTooSmall", 400,
                             "Your proposed upload is smaller than the minimum allowed size"},
    [S3_EXPIRED_TOKEN] = {"ExpiredToken", 400, "The provided token has expired."},
    [S3_ILLEGAL_LOCATION_CONSTRAINT] =
        {"IllegalLocationConstraintException", 400,
         "The unspecified location constraint is incompatible for the region specific endpoint this "
         "request was sent to."},
    [S3_ILLEGAL_VERSIONING_CONFIGURATION] = {"IllegalVersioningConfigurationException", 400,
                                             "The Versioning element must be specified"},
    [S3_INCOMPLETE_BODY] =
        {"IncompleteBody", 400,
         "You did not provide the number of bytes specified by the Content-Length HTTP header"},
    [S3_INCORRECT_NUMBER_OF_FILES_IN_POST_REQUEST] = {"IncorrectNumberOfFilesInPostRequest", 400,
                                                      "POST requires exactly one file upload per request."},
    [S3_INSUFFICIENT_STORAGE] = {"InsufficientStorage", 507,
                                 "There is not enough free space on the disks of the storage nodes or of the gateway."},
    [S3_INTERNAL_ERROR] = {"InternalError", 500, "We encountered an internal error. Please try again."},
    [S3_INVALID_ACCESS_KEY_ID] = {"InvalidAccessKeyId", 403,
                                  "The AWS Access Key Id you provided does not exist in our records."},
    [S3_INVALID_ARGUMENT] = {"InvalidArgument", 400, "Invalid Argument"},
    [S3_INVALID_BUCKET_NAME] = {"InvalidBucketName", 400, "The specified bucket is not valid."},
    [S3_INVALID_BUCKET_STATE] = {"InvalidBucketState", 409,
                                 "The request is not valid with the current state of the bucket."},
    [S3_INVALID_CHUNK_SIZE] = {"InvalidChunkSizeError", 403,
                               "Only the last chunk is allowed to have a size less than 8192 bytes"},
    [S3_INVALID_DIGEST] = {"InvalidDigest", 400, "The Content-MD5 you specified was invalid."},
    [S3_INVALID_ENCRYPTION_ALGORITHM] =
        {"InvalidEncryptionAlgorithmError", 400,
         "The Encryption request you specified is not valid. Supported value: AES256."},
    [S3_INVALID_LOCATION_CONSTRAINT] = {"InvalidLocationConstraint", 400,
                                        "The specified location-constraint is not valid"},
    [S3_INVALID_OBJECT_STATE] = {"InvalidObjectState", 403,
                                 "The operation is not valid for the object's storage class"},
    [S3_INVALID_PART] =
        {"InvalidPart", 400,
         "One or more of the specified parts could not be found.  The part may not have been uploaded, "
         "or the specified entity tag may not match the part's entity tag."},
    [S3_INVALID_PART_NUMBER] = {"InvalidPartNumber", 416, "The requested partnumber is not satisfiable"},
    [S3_INVALID_PART_ORDER] =
        {"InvalidPartOrder", 400,
         "The list of parts was not in ascending order. Parts must be ordered by part number."},
    [S3_INVALID_POLICY_DOCUMENT] =
        {"InvalidPolicyDocument", 400,
         "The content of the form does not meet the conditions specified in the policy document."},
    [S3_INVALID_RANGE] = {"InvalidRange", 416, "The requested range is not satisfiable"},
    [S3_INVALID_REQUEST] = {"InvalidRequest", 400, "Invalid Request"},
    [S3_INVALID_SECURITY] = {"InvalidSecurity", 403, "The provided security credentials are not valid."},
    [S3_INVALID_STORAGE_CLASS] = {"InvalidStorageClass", 400, "The storage class you specified is not valid"},
    [S3_INVALID_TAG] = {"InvalidTag", 400, "The tag provided was not a valid tag."},
    [S3_INVALID_TOKEN] = {"InvalidToken", 400, "The provided token is malformed or otherwise invalid."},
    [S3_INVALID_URI] = {"InvalidURI", 400, "Couldn't parse the specified URI."},
    [S3_KEY_TOO_LONG] = {"KeyTooLongError", 400, "Your key is too long"},
    [S3_MALFORMED_ACL] =
        {"MalformedACLError", 400,
         "The XML you provided was not well-formed or did not validate against our published schema"},
    [S3_MALFORMED_POLICY] = {"MalformedPolicy", 400,
                             "Policies must be valid JSON and the first byte must be '{'"},
    [S3_MALFORMED_POST_REQUEST] = {"MalformedPOSTRequest", 400,
                                   "The body of your POST request is not well-formed multipart/form-data."},
    [S3_MALFORMED_TRAILER] =
        {"MalformedTrailerError", 400,
         "The request contained trailing data that was not well-formed or did not conform to our "
         "published schema."},
    [S3_MALFORMED_XML] =
        {"MalformedXML", 400,
         "The XML you provided was not well-formed or did not validate against our published schema"},
    [S3_MAX_MESSAGE_LENGTH_EXCEEDED] = {"MaxMessageLengthExceeded", 400, "Your request was too big."},
    [S3_MAX_POST_PRE_DATA_LENGTH_EXCEEDED] =
        {"MaxPostPreDataLengthExceededError", 400,
         "Your POST request fields preceding the upload file were too large."},
    [S3_METADATA_TOO_LARGE] = {"MetadataTooLarge", 400,
                               "Your metadata headers exceed the maximum allowed metadata size"},
    [S3_METHOD_NOT_ALLOWED] = {"MethodNotAllowed", 405,
                               "The specified method is not allowed against this resource."},
    [S3_MISSING_CONTENT_LENGTH] = {"MissingContentLength", 411,
                                   "You must provide the Content-Length HTTP header."},
    [S3_MISSING_REQUEST_BODY] = {"MissingRequestBodyError", 400, "Request body is empty."},
    [S3_MISSING_SECURITY_HEADER] = {"MissingSecurityHeader", 400,
                                    "Your request was missing a required header"},
    [S3_NO_SUCH_BUCKET] = {"NoSuchBucket", 404, "The specified bucket does not exist"},
    [S3_NO_SUCH_BUCKET_POLICY] = {"NoSuchBucketPolicy", 404, "The bucket policy does not exist"},
    [S3_NO_SUCH_CONFIGURATION] = {"NoSuchConfiguration", 404, "The specified configuration does not exist."},
    [S3_NO_SUCH_CORS_CONFIGURATION] = {"NoSuchCORSConfiguration", 404,
                                       "The CORS configuration does not exist"},
    [S3_NO_SUCH_KEY] = {"NoSuchKey", 404, "The specified key does not exist."},
    [S3_NO_SUCH_LIFECYCLE_CONFIGURATION] = {"NoSuchLifecycleConfiguration", 404,
                                            "The lifecycle configuration does not exist"},
    [S3_NO_SUCH_OBJECT_LOCK_CONFIGURATION] =
        {"NoSuchObjectLockConfiguration", 404,
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
    [S3_OBJECT_LOCK_CONFIGURATION_NOT_FOUND] = {"ObjectLockConfigurationNotFoundError", 404,
                                                "Object Lock configuration does not exist for this bucket"},
    [S3_OPERATION_ABORTED] =
        {"OperationAborted", 409,
         "A conflicting conditional operation is currently in progress against this resource. Please try "
         "again."},
    [S3_OWNERSHIP_CONTROLS_NOT_FOUND] = {"OwnershipControlsNotFoundError", 404,
                                         "The bucket ownership controls were not found"},
    [S3_PERMANENT_REDIRECT] =
        {"PermanentRedirect", 301,
         "The bucket you are attempting to access must be addressed using the specified endpoint. Please "
         "send all future requests to this endpoint."},
    [S3_PRECONDITION_FAILED] = {"PreconditionFailed", 412,
                                "At least one of the pre-conditions you specified did not hold"},
    [S3_REPLICATION_CONFIGURATION_NOT_FOUND] = {"ReplicationConfigurationNotFoundError", 404,
                                                "The replication configuration was not found"},
    [S3_REQUEST_IS_NOT_MULTIPART_CONTENT] =
        {"RequestIsNotMultiPartContent", 400,
         "Bucket POST must be of the enclosure-type multipart/form-data."},
    [S3_REQUEST_TIME_TOO_SKEWED] =
        {"RequestTimeTooSkewed", 403,
         "The difference between the request time and the current time is too large."},
    [S3_REQUEST_TIMEOUT] =
        {"RequestTimeout", 400,
         "Your socket connection to the server was not read from or written to within the timeout period."},
    [S3_SERVER_SIDE_ENCRYPTION_CONFIGURATION_NOT_FOUND] =
        {"ServerSideEncryptionConfigurationNotFoundError", 404,
         "The server side encryption configuration was not found"},
    [S3_SERVICE_UNAVAILABLE] = {"ServiceUnavailable", 503, "Service is unable to handle request."},
    [S3_SIGNATURE_DOES_NOT_MATCH] =
        {"SignatureDoesNotMatch", 403,
         "The request signature we calculated does not match the signature you provided. Check your key "
         "and signing method."},
    [S3_SLOW_DOWN] = {"SlowDown", 503, "Please reduce your request rate."},
    [S3_TEMPORARY_REDIRECT] = {"TemporaryRedirect", 307,
                               "You are being redirected to the bucket while DNS updates."},
    [S3_TOO_MANY_BUCKETS] = {"TooManyBuckets", 400, "You have attempted to create more buckets than allowed"},
    [S3_UNEXPECTED_CONTENT] = {"UnexpectedContent", 400, "This request does not support content"},
    [S3_USER_KEY_MUST_BE_SPECIFIED] =
        {"UserKeyMustBeSpecified", 400,
         "The bucket POST must contain the specified field name. If it is specified, check the order of "
         "the fields."},
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

enum s3_error s3_error_from_code(const char *code)
{
    for (enum s3_error error = S3_ERROR_NONE + 1; error < S3_ERROR_COUNT; error++) {
        if (strcmp(error_table[error].code, code) == 0)
            return error;
    }
    return S3_INTERNAL_ERROR;
}

void s3_error_set(struct s3_error_details *details, enum s3_error code)
{
    details->code = code;
    details->message[0] = '\0';
    details->element_count = 0;
}

void s3_error_setf(struct s3_error_details *details, enum s3_error code, const char *format, ...)
{
    va_list arguments;

    s3_error_set(details, code);
    va_start(arguments, format);
    vsnprintf(details->message, sizeof(details->message), format, arguments);
    va_end(arguments);
}

void s3_error_add(struct s3_error_details *details, const char *name, struct bytes value)
{
    CHECK(details->element_count < S3_ERROR_ELEMENTS_MAX);
    details->elements[details->element_count++] =
        (struct s3_error_element){.name = name, .value = value.data ? value : BYTES("")};
}

void s3_error_add_u64(struct s3_error_details *details, const char *name, uint64_t value)
{
    CHECK(details->element_count < S3_ERROR_ELEMENTS_MAX);
    details->elements[details->element_count++] = (struct s3_error_element){.name = name, .number = value};
}

enum status s3_error_render(struct buffer *out, const struct s3_error_details *details)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open(&writer, "Error");
    xml_writer_element_str(&writer, "Code", s3_error_code(details->code));
    xml_writer_element_str(&writer, "Message",
                           details->message[0] ? details->message : s3_error_message(details->code));
    if (details->resource.data)
        xml_writer_element(&writer, "Resource", details->resource);
    for (size_t i = 0; i < details->element_count; i++) {
        const struct s3_error_element *element = &details->elements[i];

        if (element->value.data)
            xml_writer_element(&writer, element->name, element->value);
        else
            xml_writer_element_u64(&writer, element->name, element->number);
    }
    xml_writer_element(&writer, "RequestId", details->request_id);
    xml_writer_element(&writer, "HostId", details->host_id);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}
