/* Credentials in the fields of an upload form. What is signed is the policy, as it was sent; until when it is good
 * stands in it, so no date is compared with the clock here. */
#include <stdio.h>

#include "base/clock.h"
#include "compat/auth_internal.h"
#include "compat/sigv2.h"
#include "compat/sigv4.h"

static enum status refuse_missing(const char *name, struct s3_error_details *error)
{
    s3_error_argument(error, bytes_from_str(name), (struct bytes){0},
                      "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of "
                      "the fields.",
                      name);
    return STATUS_DENIED;
}

/* The fields of one version, of which none may be missing. */
static enum status require(const struct post_fields *fields, const char *const *names, struct s3_error_details *error)
{
    for (; *names; names++)
        if (post_fields_find(fields, *names).len == 0)
            return refuse_missing(*names, error);
    return STATUS_OK;
}

static enum status parse_v4(const struct post_fields *fields, struct auth_credentials *credentials,
                            struct s3_error_details *error)
{
    static const char *const names[] = {"policy",     "X-Amz-Algorithm", "X-Amz-Credential",
                                        "X-Amz-Date", "X-Amz-Signature", NULL};
    struct sigv4_credential parts;
    enum status status = require(fields, names, error);

    if (status)
        return status;
    if (!bytes_equal_str(post_fields_find(fields, "X-Amz-Algorithm"), "AWS4-HMAC-SHA256"))
        return auth_refuse_argument(error, "X-Amz-Algorithm", "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    if (sigv4_credential_parse(post_fields_find(fields, "X-Amz-Credential"), &parts) ||
        !bytes_equal_str(parts.service, "s3"))
        return auth_refuse_argument(error, "X-Amz-Credential",
                                    "The Credential is mal-formed; expecting "
                                    "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    if (clock_parse_basic(post_fields_find(fields, "X-Amz-Date"), &credentials->signed_ms))
        return auth_refuse_argument(error, "X-Amz-Date",
                                    "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    if (sigv4_credential_take(&parts, credentials->signed_ms, credentials))
        return auth_refuse_argument(error, "X-Amz-Credential",
                                    "Invalid credential date. This date is not the same as X-Amz-Date.");
    credentials->type = AUTH_V4_FORM;
    credentials->signature = post_fields_find(fields, "X-Amz-Signature");
    return STATUS_OK;
}

static enum status parse_v2(const struct post_fields *fields, struct auth_credentials *credentials,
                            struct s3_error_details *error)
{
    static const char *const names[] = {"policy", "AWSAccessKeyId", "Signature", NULL};
    enum status status = require(fields, names, error);

    if (status)
        return status;
    if (post_fields_find(fields, "AWSAccessKeyId").len > AUTH_ACCESS_KEY_MAX)
        return auth_refuse_argument(error, "AWSAccessKeyId", "The AWSAccessKeyId is too long.");
    credentials->type = AUTH_V2_FORM;
    credentials->access_key = post_fields_find(fields, "AWSAccessKeyId");
    credentials->signature = post_fields_find(fields, "Signature");
    return STATUS_OK;
}

/* Whether the form has one of them. */
static bool has_any(const struct post_fields *fields, const char *const *names)
{
    for (; *names; names++)
        if (post_fields_find(fields, *names).data)
            return true;
    return false;
}

enum status auth_parse_form(const struct post_fields *fields, struct auth_credentials *credentials,
                            struct s3_error_details *error)
{
    static const char *const of_v4[] = {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature", NULL};
    static const char *const of_v2[] = {"AWSAccessKeyId", "Signature", NULL};
    bool v4 = has_any(fields, of_v4), v2 = has_any(fields, of_v2);

    *credentials = (struct auth_credentials){.payload = PAYLOAD_UNSIGNED};
    *error = (struct s3_error_details){0};
    credentials->policy = post_fields_find(fields, "policy");
    credentials->session_token = post_fields_find(fields, "x-amz-security-token");
    if (v4 && v2)
        return auth_refuse_argument(error, "AWSAccessKeyId",
                                    "Only one auth mechanism allowed; the form has fields of two signature versions.");
    if (v4)
        return parse_v4(fields, credentials, error);
    if (v2 || credentials->policy.data)
        return parse_v2(fields, credentials, error);
    return STATUS_OK; /* AUTH_ANONYMOUS */
}

enum status auth_verify_form(const struct auth_credentials *credentials, struct bytes secret,
                             struct sigv4_key_cache *cache, struct auth_verification *out)
{
    char v4[SIGV4_SIGNATURE_LEN + 1], v2[SIGV2_SIGNATURE_LEN + 1];
    struct bytes expected;

    if (buffer_append_bytes(&out->string_to_sign, credentials->policy))
        return STATUS_LIMIT;
    if (credentials->type == AUTH_V4_FORM) {
        sigv4_signing_key(secret, bytes_from_str(credentials->date), credentials->region, credentials->service, cache,
                          out->signing_key);
        sigv4_sign(out->signing_key, credentials->policy, v4);
        expected = bytes_of(v4, SIGV4_SIGNATURE_LEN);
    } else {
        sigv2_sign(secret, credentials->policy, v2);
        expected = bytes_of(v2, SIGV2_SIGNATURE_LEN);
    }
    return bytes_equal_constant_time(expected, credentials->signature) ? STATUS_OK : STATUS_DENIED;
}
