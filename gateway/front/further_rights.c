/* Further rights, as AWS's list of actions has them for PutObject and what writes objects otherwise; see the header. */
#include "gateway/front/further_rights.h"

#include <string.h>

#include "gateway/s3/acl_wish.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/request.h"

static const struct further {
    const char *header; /* or the field of a form, when it has another name */
    const char *field;
    const char *right;
} of_writes[] = {
    {"x-amz-acl", "acl", "s3:PutObjectAcl"},
    {"x-amz-grant-full-control", NULL, "s3:PutObjectAcl"},
    {"x-amz-grant-read", NULL, "s3:PutObjectAcl"},
    {"x-amz-grant-read-acp", NULL, "s3:PutObjectAcl"},
    {"x-amz-grant-write-acp", NULL, "s3:PutObjectAcl"},
    {"x-amz-tagging", "tagging", "s3:PutObjectTagging"},
    {"x-amz-object-lock-mode", NULL, "s3:PutObjectRetention"},
    {"x-amz-object-lock-retain-until-date", NULL, "s3:PutObjectRetention"},
    {"x-amz-object-lock-event-hold", NULL, "s3:PutObjectRetention"},
    {"x-amz-object-lock-event-hold-duration-days", NULL, "s3:PutObjectRetention"},
    {"x-amz-object-lock-event-hold-duration-years", NULL, "s3:PutObjectRetention"},
    {"x-amz-object-lock-legal-hold", NULL, "s3:PutObjectLegalHold"},
    {"If-Match", NULL, "s3:GetObject"}, /* the answer says what is there */
};

/* Conditions stand in the head of a form, too. */
static bool is_wanted(const struct exchange *exchange, const struct further *further)
{
    if (!exchange->form || strcmp(further->header, "If-Match") == 0)
        return s3_header(exchange, further->header).len > 0;
    const char *name = further->field ? further->field : further->header;
    return post_fields_find(s3_form_fields(exchange->form), name).len > 0;
}

/* Who may write by the bucket's ACL alone, and says that the bucket's owner is to have it all, opens nothing. */
static bool opens_nothing(const struct exchange *exchange, const struct further *further)
{
    return exchange->decision.by == DECIDED_BY_ACL && strcmp(further->header, "x-amz-acl") == 0 &&
           acl_wish_is_private(exchange);
}

/* Whether a deletion's outcome tells what the object is: `*` asks only whether there is one. */
static bool tells_object(const struct exchange *exchange)
{
    struct bytes etag = http_request_header(exchange->http, "If-Match");

    return (etag.len > 0 && !bytes_equal_str(etag, "*")) || s3_header(exchange, "x-amz-if-match-size").len > 0 ||
           s3_header(exchange, "x-amz-if-match-last-modified-time").len > 0;
}

static bool may_read(struct exchange *exchange, const char *right, const struct resource *resource)
{
    exchange->further = exchange_decide(exchange, right, resource);
    return exchange->further.allowed;
}

static bool may(struct exchange *exchange, const struct further *further, const struct resource *resource)
{
    return strcmp(further->right, "s3:GetObject") == 0 ? may_read(exchange, further->right, resource)
                                                       : exchange_may(exchange, further->right, resource);
}

bool further_rights_check(struct exchange *exchange, const char *right, const struct resource *resource)
{
    if (strncmp(right, "s3:DeleteObject", 15) == 0 && resource->kind == RESOURCE_OBJECT)
        return !tells_object(exchange) ||
               may_read(exchange, resource->version_id.data ? "s3:GetObjectVersion" : "s3:GetObject", resource);
    if (strcmp(right, "s3:GetObjectAttributes") == 0)
        return may_read(exchange, "s3:GetObject", resource);
    if (strcmp(right, "s3:GetObjectVersionAttributes") == 0)
        return may_read(exchange, "s3:GetObjectVersion", resource);
    if (strcmp(right, "s3:PutObject") != 0)
        return true;
    for (size_t i = 0; i < sizeof(of_writes) / sizeof(of_writes[0]); i++)
        if (is_wanted(exchange, &of_writes[i]) && !opens_nothing(exchange, &of_writes[i]) &&
            !may(exchange, &of_writes[i], resource))
            return false;
    return true;
}
