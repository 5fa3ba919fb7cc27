/* S3 Control: the public access block of the account; see the header. All else of that API is refused by its path. */
#include "gateway/s3/control.h"

#include "gateway/front/operation.h"
#include "gateway/s3/account_access.h"
#include "gateway/s3/body.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

#define ROOT           "/v20180820/"
#define ACCOUNT_HEADER "x-amz-account-id"
#define SENT_BYTES_MAX 65536

bool s3_control_is_addressed(const struct http_request *http)
{
    return bytes_starts_with(http->path, BYTES(ROOT)) && http_request_header(http, ACCOUNT_HEADER).data;
}

/* Every call names whose account it is about. */
static enum status check_account(struct exchange *exchange)
{
    struct bytes account = s3_header(exchange, ACCOUNT_HEADER);

    return bytes_equal_str(account, exchange->gateway->options.account_id) ? STATUS_OK
                                                                           : s3_fail(exchange, S3_ACCESS_DENIED);
}

static void get_block(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    struct public_access_block block;
    struct buffer body;

    if (check_account(exchange))
        return;
    if (!account_access_get(&block)) {
        s3_error_set(&details, S3_NO_SUCH_PUBLIC_ACCESS_BLOCK);
        s3_error_add(&details, "AccountId", bytes_from_str(exchange->gateway->options.account_id));
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        return;
    }
    buffer_init(&body, BUCKET_ACCESS_XML_BYTES_MAX);
    HTTP_LAST_REPLY(s3_reply_document(exchange, public_access_block_write(&body, &block), &body));
}

static void change(struct exchange *exchange, const struct public_access_block *block, int http_status)
{
    enum status status = account_access_change(exchange->gateway->meta, block);

    if (status)
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
    else
        HTTP_LAST_REPLY(s3_reply_empty(exchange, http_status));
}

static void put_block(struct exchange *exchange)
{
    struct public_access_block block;
    struct buffer sent;
    unsigned given;

    if (check_account(exchange))
        return;
    if (s3_read_document(exchange, SENT_BYTES_MAX, false, &sent) == STATUS_OK) {
        if (public_access_block_parse(buffer_bytes(&sent), &block, &given))
            HTTP_LAST_REPLY(s3_fail(exchange, S3_MALFORMED_XML));
        else
            change(exchange, &block, 201);
    }
    buffer_release(&sent);
}

static void delete_block(struct exchange *exchange)
{
    if (check_account(exchange) == STATUS_OK)
        change(exchange, NULL, 204);
}

static void refuse_path(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_NOT_IMPLEMENTED, "Of S3 Control only the account's publicAccessBlock is implemented.");
    s3_error_add(&details, "Method", exchange->http->method);
    HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
}

static const char *const headers[] = {ACCOUNT_HEADER, "x-amz-checksum-", "x-amz-sdk-checksum-algorithm", NULL};
static const struct operation operations[] = {
    {.action = "GetAccountPublicAccessBlock",
     .method = "GET",
     .right = "s3:GetAccountPublicAccessBlock",
     .headers = headers,
     .handle = get_block,
     .class = CLASS_OTHER},
    {.action = "PutAccountPublicAccessBlock",
     .method = "PUT",
     .right = "s3:PutAccountPublicAccessBlock",
     .headers = headers,
     .handle = put_block,
     .class = CLASS_OTHER},
    {.action = "DeleteAccountPublicAccessBlock",
     .method = "DELETE",
     .right = "s3:PutAccountPublicAccessBlock",
     .headers = headers,
     .handle = delete_block,
     .class = CLASS_OTHER},
};
static const struct operation unknown = {
    .action = "ControlUnknown",
    .method = "",
    .right = "s3:Unknown",
    .resource = RESOURCE_NONE,
    .refused = true,
    .handle = refuse_path,
    .class = CLASS_OTHER,
};

const struct operation *s3_control_operation(const struct http_request *http)
{
    bool known = bytes_equal_str(http->path, ROOT "configuration/publicAccessBlock");

    for (size_t i = 0; known && i < sizeof(operations) / sizeof(operations[0]); i++)
        if (bytes_equal_str(http->method, operations[i].method))
            return &operations[i];
    return &unknown;
}
