/* The table of errors of the Query API; see the header. */
#include "compat/iam_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"

static const struct {
    const char *name;
    int http_status;
} iam_errors[IAM_ERROR_COUNT] = {
    [IAM_ERROR_NONE] = {"None", 200},
    [IAM_ACCESS_DENIED] = {"AccessDenied", 403},
    [IAM_CONCURRENT_MODIFICATION] = {"ConcurrentModification", 409},
    [IAM_DELETE_CONFLICT] = {"DeleteConflict", 409},
    [IAM_ENTITY_ALREADY_EXISTS] = {"EntityAlreadyExists", 409},
    [IAM_EXPIRED_IDENTITY_TOKEN] = {"ExpiredTokenException", 400},
    [IAM_EXPIRED_TOKEN] = {"ExpiredToken", 403},
    [IAM_IDP_COMMUNICATION_ERROR] = {"IDPCommunicationError", 400},
    [IAM_INCOMPLETE_SIGNATURE] = {"IncompleteSignature", 400},
    [IAM_INTERNAL_FAILURE] = {"InternalFailure", 500},
    [IAM_INVALID_ACTION] = {"InvalidAction", 400},
    [IAM_INVALID_CLIENT_TOKEN_ID] = {"InvalidClientTokenId", 403},
    [IAM_INVALID_IDENTITY_TOKEN] = {"InvalidIdentityToken", 400},
    [IAM_INVALID_INPUT] = {"InvalidInput", 400},
    [IAM_INVALID_PARAMETER_VALUE] = {"InvalidParameterValue", 400},
    [IAM_INVALID_QUERY_PARAMETER] = {"InvalidQueryParameter", 400},
    [IAM_LIMIT_EXCEEDED] = {"LimitExceeded", 409},
    [IAM_MALFORMED_POLICY_DOCUMENT] = {"MalformedPolicyDocument", 400},
    [IAM_MALFORMED_QUERY_STRING] = {"MalformedQueryString", 404},
    [IAM_MISSING_ACTION] = {"MissingAction", 400},
    [IAM_MISSING_AUTHENTICATION_TOKEN] = {"MissingAuthenticationToken", 403},
    [IAM_NO_SUCH_ENTITY] = {"NoSuchEntity", 404},
    [IAM_PACKED_POLICY_TOO_LARGE] = {"PackedPolicyTooLarge", 400},
    [IAM_REQUEST_TOO_LARGE] = {"RequestEntityTooLarge", 413},
    [IAM_SERVICE_UNAVAILABLE] = {"ServiceUnavailable", 503},
    [IAM_SIGNATURE_DOES_NOT_MATCH] = {"SignatureDoesNotMatch", 403},
    [IAM_THROTTLING] = {"Throttling", 400},
    [IAM_UNMODIFIABLE_ENTITY] = {"UnmodifiableEntity", 400},
    [IAM_VALIDATION_ERROR] = {"ValidationError", 400},
};

enum status iam_error_set(struct iam_error *error, enum iam_error_code code, const char *format, ...)
{
    va_list arguments;

    error->code = code;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return STATUS_DENIED;
}

const char *iam_error_name(enum iam_error_code code)
{
    CHECK(code < IAM_ERROR_COUNT);
    return iam_errors[code].name;
}

int iam_error_http_status(enum iam_error_code code)
{
    CHECK(code < IAM_ERROR_COUNT);
    return iam_errors[code].http_status;
}
