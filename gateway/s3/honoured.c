/* What a request asks for beside its operation, in x-amz-* headers and in parameters that count as such. Asking for
 * something and getting an answer without it would be a lie: a header that the operation's row does not list is refused
 * here, before the handler runs; by AWS's error where the header belongs elsewhere, else by 501 with its name. A header
 * without a value counts as absent. */
#include <string.h>
#include <strings.h>

#include "compat/header_index.h"
#include "compat/names.h"
#include "gateway/front/operation.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/honoured.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

#define OWNER_SHOWN_MAX 64 /* of a wrong one, in the answer */

static bool has_prefix(struct bytes name, const char *prefix)
{
    size_t len = strlen(prefix);
    return name.len >= len && strncasecmp(name.data, prefix, len) == 0;
}

static bool same_name(struct bytes a, struct bytes b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

/* `entry` is a name, or the beginning of names when it ends in '-'. */
static bool is_covered(struct bytes name, const char *entry)
{
    return entry[strlen(entry) - 1] == '-' ? has_prefix(name, entry) : bytes_equal_nocase(name, entry);
}

/* These say who asks, how the request is signed, how its body travels, and which tool sent it. */
static bool asks_for_nothing(struct bytes name)
{
    static const char *const common[] = {
        "x-amz-algorithm", /* of presigned URLs */
        "x-amz-api-version",
        "x-amz-cf-id", /* a CDN in front */
        "x-amz-content-sha256",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-decoded-content-length",
        "x-amz-expected-bucket-owner", /* checked for every operation: check_owner() */
        "x-amz-expires",
        "x-amz-id-2",
        "x-amz-request-id",
        "x-amz-request-payer", /* agrees to pay: nobody is charged */
        "x-amz-sdk-",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
        "x-amz-te", /* would also take a trailer with the MD5 */
        "x-amz-trailer",
        "x-amz-user-agent",
    };

    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        if (is_covered(name, common[i]))
            return true;
    return false;
}

static bool is_honoured(const struct operation *operation, struct bytes name)
{
    for (const char *const *entry = operation->headers; entry && *entry; entry++)
        if (is_covered(name, *entry))
            return true;
    return false;
}

/* Headers that are honoured for values that mean what Tercet does anyway. `known`: what else AWS takes. */
static const struct value_rule {
    const char *name;
    const char *const *taken, *const *known;
} value_rules[] = {
#define VALUES(...)                                                                                                    \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
    {"x-amz-acl",
     VALUES("private", "bucket-owner-full-control", "bucket-owner-read", "public-read", "public-read-write",
            "authenticated-read", "aws-exec-read", "log-delivery-write"),
     NULL},
    {"x-amz-bucket-namespace", VALUES("global"), VALUES("account-regional")},
    {"x-amz-object-annotation-directive", VALUES("COPY", "EXCLUDE"), NULL},
    {"x-amz-optional-object-attributes", VALUES("RestoreStatus"), NULL}, /* of archived objects: there are none */
    {"x-amz-tagging-directive", VALUES("COPY", "REPLACE"), NULL},
#undef VALUES
};

static bool is_one_of(struct bytes value, const char *const *values)
{
    for (; values && *values; values++)
        if (bytes_equal_str(value, *values))
            return true;
    return false;
}

static enum status not_implemented(struct bytes name, struct s3_error_details *error)
{
    s3_error_set(error, S3_NOT_IMPLEMENTED);
    s3_error_add(error, "Header", name);
    return STATUS_DENIED;
}

static enum status invalid(struct bytes name, struct bytes value, const char *message, struct s3_error_details *error)
{
    s3_error_argument(error, name, value, "%s", message);
    return STATUS_DENIED;
}

static enum status check_value(struct bytes name, struct bytes value, struct s3_error_details *error)
{
    for (size_t i = 0; i < sizeof(value_rules) / sizeof(value_rules[0]); i++) {
        const struct value_rule *rule = &value_rules[i];
        if (!bytes_equal_nocase(name, rule->name) || is_one_of(value, rule->taken))
            continue;
        return is_one_of(value, rule->known)
                   ? not_implemented(name, error)
                   : invalid(name, value, "The value of this header is none that it can have.", error);
    }
    return STATUS_OK;
}

static bool reads_object(const struct operation *operation)
{
    return operation->handle == s3_get_object;
}

static bool writes_part(const struct operation *operation)
{
    return operation->handle == s3_upload_part || operation->handle == s3_upload_part_copy;
}

static bool copies_nothing(const struct operation *operation)
{
    return !operation->copies;
}

static bool any_operation(const struct operation *operation)
{
    (void)operation;
    return true;
}

/* AWS's own errors for headers that belong to another operation, or to a bucket with other settings. */
static const struct misplaced {
    const char *name; /* as in a row's list */
    bool (*where)(const struct operation *operation);
    enum s3_error code;
    const char *message;
} misplaced[] = {
    {"x-amz-meta-", any_operation, S3_INVALID_ARGUMENT, "Metadata cannot be specified in this context."},
    {"x-amz-copy-source", copies_nothing, S3_INVALID_ARGUMENT,
     "You can only specify a copy source header for copy requests."},
    {"x-amz-copy-source-", copies_nothing, S3_INVALID_ARGUMENT,
     "You can only specify a copy source header for copy requests."},
    {"x-amz-server-side-encryption", reads_object, S3_INVALID_REQUEST,
     "The encryption parameters are not applicable to this object."},
    {"x-amz-server-side-encryption-", reads_object, S3_INVALID_REQUEST,
     "The encryption parameters are not applicable to this object."},
    {"x-amz-server-side-encryption", writes_part, S3_INVALID_ARGUMENT,
     "x-amz-server-side-encryption header is not supported for this operation."},
    {"x-amz-bypass-governance-retention", any_operation, S3_INVALID_ARGUMENT,
     "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets."},
};

static enum status refuse(const struct operation *operation, struct bytes name, struct bytes value,
                          struct s3_error_details *error)
{
    for (size_t i = 0; i < sizeof(misplaced) / sizeof(misplaced[0]); i++) {
        if (!is_covered(name, misplaced[i].name) || !misplaced[i].where(operation))
            continue;
        if (misplaced[i].code == S3_INVALID_ARGUMENT)
            return invalid(name, value, misplaced[i].message, error);
        s3_error_setf(error, misplaced[i].code, "%s", misplaced[i].message);
        return STATUS_DENIED;
    }
    return not_implemented(name, error);
}

/* Switches that are off. */
static bool declines(struct bytes name, struct bytes value)
{
    return bytes_equal_nocase(value, "false") && (bytes_equal_nocase(name, "x-amz-bucket-object-lock-enabled") ||
                                                  bytes_equal_nocase(name, "x-amz-bypass-governance-retention"));
}

/* What a request asks for, while it is looked through. */
struct wishes {
    const struct exchange *exchange;
    struct header_index headers; /* made when it is first needed: most requests have no wish */
    bool has_headers;
};

/* How often a wish of that name is in the head: as a header, and as a parameter that counts as one. */
static size_t count_header(struct wishes *wishes, struct bytes name)
{
    const struct http_request *http = wishes->exchange->http;
    size_t first;

    if (!wishes->has_headers)
        header_index_make(&wishes->headers, http->headers, http->header_count);
    wishes->has_headers = true;
    return header_index_find(&wishes->headers, name, &first);
}

static size_t count_parameter(const struct uri_query *query, struct bytes name)
{
    size_t count = 0;

    for (size_t i = 0; i < query->count; i++)
        count += same_name(query->parameters[i].name, name);
    return count;
}

/* Whose lines are taken together, as they were signed. */
static bool is_list(struct bytes name)
{
    return has_prefix(name, METADATA_PREFIX) || bytes_equal_nocase(name, "x-amz-object-attributes");
}

/* A wish that is said twice would be read once. And the lines `a` and `b` have the signature of one line `a,b`: by it,
 * nobody must reach the copy source `a`. Parameters are never taken together. */
static enum status check_repeated(struct wishes *wishes, struct bytes name, struct bytes value,
                                  struct s3_error_details *error)
{
    size_t parameters;

    if (!has_prefix(name, "x-amz-") || value.len == 0 ||
        (asks_for_nothing(name) && !bytes_equal_nocase(name, "x-amz-expected-bucket-owner")))
        return STATUS_OK;
    parameters = count_parameter(&wishes->exchange->query, name);
    if (parameters == 0 && is_list(name))
        return STATUS_OK;
    if (parameters + count_header(wishes, name) == 1)
        return STATUS_OK;
    return invalid(name, value, "This header must not be sent more than once.", error);
}

static enum status check_header(const struct operation *operation, struct bytes name, struct bytes value,
                                struct s3_error_details *error)
{
    if (!has_prefix(name, "x-amz-") || value.len == 0 || asks_for_nothing(name) || declines(name, value))
        return STATUS_OK;
    if (operation->form || !is_honoured(operation, name)) /* those are its fields */
        return refuse(operation, name, value, error);
    return check_value(name, value, error);
}

static enum status check_parameters(struct wishes *wishes, struct s3_error_details *error)
{
    const struct exchange *exchange = wishes->exchange;
    bool unsigned_query = exchange->credentials.type == AUTH_V2_HEADER; /* see s3_header */
    enum status status = STATUS_OK;

    for (size_t i = 0; !status && i < exchange->query.count; i++) {
        struct bytes name = exchange->query.parameters[i].name;
        struct bytes value = bytes_trim(exchange->query.parameters[i].value);
        if (unsigned_query && has_prefix(name, "x-amz-") && value.len > 0)
            status = not_implemented(name, error);
        else
            status = check_header(exchange->operation, name, value, error);
        if (!status)
            status = check_repeated(wishes, name, value, error);
    }
    return status;
}

/* Which version or part is meant: an operation on the whole object must not be done for a request about one of them. */
static enum status check_identity(const struct exchange *exchange, struct s3_error_details *error)
{
    const struct uri_parameter *version = uri_query_find(&exchange->query, "versionId");
    const struct uri_parameter *part = uri_query_find(&exchange->query, "partNumber");
    const struct operation *operation = exchange->operation;
    bool changes = operation_changes(bytes_from_str(operation->method));

    if (version && version->value.len == 0)
        return invalid(BYTES("versionId"), version->value, "Version id cannot be the empty string", error);
    if (version && changes && !operation_reads_parameter(operation, BYTES("versionId")))
        return invalid(BYTES("versionId"), version->value, "This operation does not accept a version-id.", error);
    if (part && changes && !operation_reads_parameter(operation, BYTES("partNumber")))
        return invalid(BYTES("partNumber"), part->value, "A part needs the uploadId of its upload.", error);
    return STATUS_OK;
}

enum status s3_check_asked(const struct exchange *exchange, struct s3_error_details *error)
{
    struct wishes wishes;
    enum status status = check_identity(exchange, error);

    wishes.exchange = exchange; /* the index is large, and seldom needed */
    wishes.has_headers = false;
    for (size_t i = 0; !status && i < exchange->http->header_count; i++) {
        struct bytes name = exchange->http->headers[i].name;
        struct bytes value = bytes_trim(exchange->http->headers[i].value);
        status = check_header(exchange->operation, name, value, error);
        if (!status)
            status = check_repeated(&wishes, name, value, error);
    }
    return status ? status : check_parameters(&wishes, error);
}

static enum status check_field(const struct operation *operation, const struct post_field *field,
                               struct s3_error_details *error)
{
    struct bytes name = field->name, value = bytes_trim(field->value);

    if (bytes_equal_nocase(name, "acl"))
        return value.len > 0 ? check_value(BYTES("x-amz-acl"), value, error) : STATUS_OK;
    if (!has_prefix(name, "x-amz-") || value.len == 0)
        return STATUS_OK;
    if (bytes_equal_nocase(name, "x-amz-expected-bucket-owner") ||
        bytes_equal_nocase(name, "x-amz-trailer")) /* headers */
        return not_implemented(name, error);
    if (asks_for_nothing(name))
        return STATUS_OK;
    return is_honoured(operation, name) ? check_value(name, value, error) : refuse(operation, name, value, error);
}

static enum status check_fields(const struct exchange *exchange, struct s3_error_details *error)
{
    const struct post_fields *fields = exchange->form ? s3_form_fields(exchange->form) : NULL;
    enum status status = STATUS_OK;

    for (size_t i = 0; !status && fields && i < fields->count; i++)
        status = check_field(exchange->operation, &fields->fields[i], error);
    return status;
}

/* Every bucket is the root user's. */
static enum status check_owner(const struct exchange *exchange, const char *header, struct s3_error_details *error)
{
    struct bytes owner = s3_header(exchange, header);

    if (owner.len == 0 || bytes_equal_str(owner, exchange->gateway->options.account_id))
        return STATUS_OK;
    if (account_id_is_valid(owner)) {
        s3_error_set(error, S3_ACCESS_DENIED);
        return STATUS_DENIED;
    }
    s3_error_setf(error, S3_INVALID_BUCKET_OWNER_AWS_ACCOUNT_ID, "%s... [%.*s]",
                  s3_error_message(S3_INVALID_BUCKET_OWNER_AWS_ACCOUNT_ID),
                  (int)(owner.len < OWNER_SHOWN_MAX ? owner.len : OWNER_SHOWN_MAX), owner.data);
    return STATUS_DENIED;
}

enum status s3_refuse_unhonoured(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    enum status status;

    if (exchange->call || exchange->operation->path || exchange->operation->refused ||
        exchange->operation->unsigned_always)
        return STATUS_OK; /* not S3's, refused as a whole, or without a wish */
    status = s3_check_asked(exchange, &details);
    if (!status)
        status = check_fields(exchange, &details);
    if (!status)
        status = check_owner(exchange, "x-amz-expected-bucket-owner", &details);
    if (!status)
        status = check_owner(exchange, "x-amz-source-expected-bucket-owner", &details);
    return status ? s3_fail_details(exchange, &details) : STATUS_OK;
}
