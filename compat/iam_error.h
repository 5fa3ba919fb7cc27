/* Errors of the Query API of IAM and STS: the codes that go over the wire, with AWS's HTTP status, in one table. */
#ifndef TERCET_COMPAT_IAM_ERROR_H
#define TERCET_COMPAT_IAM_ERROR_H

#include "base/status.h"

enum iam_error_code {
    IAM_ERROR_NONE,
    IAM_ACCESS_DENIED,
    IAM_CONCURRENT_MODIFICATION,
    IAM_DELETE_CONFLICT,
    IAM_ENTITY_ALREADY_EXISTS,
    IAM_EXPIRED_IDENTITY_TOKEN, /* of AssumeRoleWithWebIdentity */
    IAM_EXPIRED_TOKEN,
    IAM_IDP_COMMUNICATION_ERROR,
    IAM_INCOMPLETE_SIGNATURE,
    IAM_INTERNAL_FAILURE,
    IAM_INVALID_ACTION,
    IAM_INVALID_CLIENT_TOKEN_ID,
    IAM_INVALID_IDENTITY_TOKEN,
    IAM_INVALID_INPUT,
    IAM_INVALID_PARAMETER_VALUE,
    IAM_INVALID_QUERY_PARAMETER,
    IAM_LIMIT_EXCEEDED,
    IAM_MALFORMED_POLICY_DOCUMENT,
    IAM_MALFORMED_QUERY_STRING,
    IAM_MISSING_ACTION,
    IAM_MISSING_AUTHENTICATION_TOKEN,
    IAM_NO_SUCH_ENTITY,
    IAM_PACKED_POLICY_TOO_LARGE,
    IAM_REQUEST_TOO_LARGE,
    IAM_SERVICE_UNAVAILABLE,
    IAM_SIGNATURE_DOES_NOT_MATCH,
    IAM_THROTTLING,
    IAM_UNMODIFIABLE_ENTITY,
    IAM_VALIDATION_ERROR,
    IAM_ERROR_COUNT
};

#define IAM_MESSAGE_MAX 1024 /* what is longer is cut */

struct iam_error {
    enum iam_error_code code;
    char message[IAM_MESSAGE_MAX];
};

/* For `return iam_error_set(...)`: always STATUS_DENIED. Text of clients goes in by "%.*s", of any length. */
enum status iam_error_set(struct iam_error *error, enum iam_error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const char *iam_error_name(enum iam_error_code code); /* NoSuchEntity */
int iam_error_http_status(enum iam_error_code code);

#endif
