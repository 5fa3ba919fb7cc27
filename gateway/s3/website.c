/* A host that is a website: pages to anybody, by the bucket's website configuration. Nobody is asked who they are, and
 * each object that is looked at is asked about as for an anonymous GetObject, so that a website shows nothing that S3
 * would not. That a page is not there is told only to who may list the bucket: to others it is 403, as on S3. */
#include "compat/website.h"

#include <string.h>

#include "gateway/front/operation.h"
#include "gateway/front/reply.h"
#include "gateway/object/encryption.h"
#include "gateway/object/object_read.h"
#include "gateway/object/stored_headers.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/metadata.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"
#include "compat/names.h"

/* NOT_FOUND: *error says whether it is denied or not there. */
static enum status find_page(struct exchange *exchange, struct bytes key, struct meta_object *object,
                             struct s3_error_details *error)
{
    const struct resource resource = {.kind = RESOURCE_OBJECT, .bucket = exchange->bucket_name, .key = key};
    const struct meta_version latest = {0};
    struct s3_error_details too_long = {0};

    s3_error_set(error, S3_ACCESS_DENIED);
    if (key_check(key, &too_long))
        return STATUS_NOT_FOUND;
    const struct decision decision = exchange_decide(exchange, "s3:GetObject", &resource);
    if (!decision.allowed)
        return STATUS_NOT_FOUND;
    enum status status = meta_object_get(exchange->gateway->meta, exchange->bucket.id, key, &latest, object);
    if (!status && !decision_is_about(&decision, object->sequence)) {
        meta_object_release(object); /* it took the place of the one that was asked about */
        return STATUS_NOT_FOUND;
    }
    if (!status && object->delete_marker) {
        meta_object_release(object);
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_NOT_FOUND && s3_may_list(exchange)) {
        s3_error_set(error, S3_NO_SUCH_KEY);
        s3_error_add(error, "Key", exchange->key);
    } else if (status && status != STATUS_NOT_FOUND) {
        s3_error_from_status(status, error);
    }
    return status;
}

static void redirect(struct exchange *exchange, int http_status, enum status written, const struct buffer *location)
{
    if (written) {
        HTTP_LAST_REPLY(s3_fail(exchange, S3_INVALID_URI));
        return;
    }
    http_reply_header(exchange->http, "Location", buffer_bytes(location));
    HTTP_LAST_REPLY(s3_reply_empty(exchange, http_status));
}

static struct website_request request_of(const struct exchange *exchange)
{
    return (struct website_request){exchange->website_host, exchange->http->tls, exchange->key, exchange->http->query};
}

static void redirect_all(struct exchange *exchange, const struct website *website)
{
    const struct website_request request = request_of(exchange);
    struct buffer location;

    buffer_init(&location, WEBSITE_LOCATION_BYTES_MAX);
    redirect(exchange, 301, website_all_location(website, &request, &location), &location);
    buffer_release(&location);
}

static void redirect_by(struct exchange *exchange, const struct website_rule *rule)
{
    const struct website_request request = request_of(exchange);
    struct buffer location;

    buffer_init(&location, WEBSITE_LOCATION_BYTES_MAX);
    redirect(exchange, website_rule_status(rule), website_rule_location(rule, &request, &location), &location);
    buffer_release(&location);
}

/* object_give_headers */
static void give_headers(struct exchange *exchange, const struct meta_object *object, const void *arg)
{
    const struct s3_error_details *error = arg;

    s3_give_headers(exchange, object);
    if (error)
        s3_give_error_headers(exchange, error);
}

static enum status open_page(struct exchange *exchange, struct bytes page, const struct meta_object *object,
                             bool is_error, struct object_key *key)
{
    const struct encryption_place place = {exchange->bucket_name, page};
    enum status status = encryption_open_kept(exchange->gateway->keys, object->attributes, &place, key);

    if (!status || is_error)
        return status;
    return s3_fail(exchange, status == STATUS_DENIED        ? S3_ACCESS_DENIED
                             : status == STATUS_UNAVAILABLE ? S3_SERVICE_UNAVAILABLE
                                                            : S3_INTERNAL_ERROR);
}

/* error: of an error document, which is sent whole and with the error's status; NULL: the page that was asked for. */
static enum status send_page(struct exchange *exchange, struct bytes page, const struct meta_object *object,
                             const struct s3_error_details *error)
{
    struct object_key key;
    struct object_range wanted = object_range_whole(object);
    struct s3_error_details details = {0};

    if (error) {
        wanted.http_status = s3_error_http_status(error->code);
    } else if (object_check_conditions(exchange, object, &details)) {
        return s3_fail_details(exchange, &details);
    } else if (object_select_range(exchange, object, &wanted)) {
        range_unsatisfiable(http_request_header(exchange->http, "Range"), object->size, &details);
        return s3_fail_details(exchange, &details);
    }
    enum status status = open_page(exchange, page, object, error != NULL, &key);
    if (!status)
        status = object_send(exchange, object, &key, &wanted, give_headers, error);
    explicit_bzero(&key, sizeof(key));
    return status;
}

static void answer_object(struct exchange *exchange, struct bytes page, const struct meta_object *object)
{
    struct bytes elsewhere = stored_headers_find(object->headers, S3_REDIRECT_HEADER);

    if (elsewhere.len > 0) {
        reply_text(exchange, "Location", elsewhere);
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 301));
        return;
    }
    enum status status = send_page(exchange, page, object, NULL);
    if (status && status != STATUS_DENIED)
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
}

static void answer_error(struct exchange *exchange, const struct website *website, struct s3_error_details *error)
{
    int http_status = s3_error_http_status(error->code);
    const struct website_rule *rule = website_find_rule(website, exchange->key, http_status);
    struct s3_error_details of_document = {0};
    struct meta_object object;
    bool sent = false;

    if (rule) {
        redirect_by(exchange, rule);
        return;
    }
    if (website->has_error && http_status < 500 &&
        find_page(exchange, website->error_key, &object, &of_document) == STATUS_OK) {
        exchange->error_code = s3_error_code(error->code);
        sent = send_page(exchange, website->error_key, &object, error) == STATUS_OK;
        meta_object_release(&object);
    }
    if (!sent)
        HTTP_LAST_REPLY(s3_fail_details(exchange, error));
}

/* Whether there is a page of that folder, for who asks. */
static bool is_folder(struct exchange *exchange, struct bytes index)
{
    struct s3_error_details unused = {0};
    struct meta_object object;

    if (find_page(exchange, index, &object, &unused))
        return false;
    meta_object_release(&object);
    return true;
}

static void redirect_to_folder(struct exchange *exchange)
{
    struct buffer location;

    buffer_init(&location, WEBSITE_LOCATION_BYTES_MAX);
    redirect(exchange, 302, website_folder_location(exchange->key, &location), &location);
    buffer_release(&location);
}

static void answer_page(struct exchange *exchange, const struct website *website)
{
    struct bytes key = exchange->key;
    bool folder = key.len == 0 || key.data[key.len - 1] == '/';
    struct s3_error_details error = {0};
    struct meta_object object;
    struct buffer index;

    buffer_init(&index, key.len + website->index_suffix.len + 2);
    enum status status = buffer_append_bytes(&index, key);
    if (!status && !folder)
        status = buffer_append_char(&index, '/');
    if (!status)
        status = buffer_append_bytes(&index, website->index_suffix);
    if (status)
        s3_error_from_status(status, &error);
    else
        status = find_page(exchange, folder ? buffer_bytes(&index) : key, &object, &error);
    if (!status) {
        answer_object(exchange, folder ? buffer_bytes(&index) : key, &object);
        meta_object_release(&object);
    } else if (status == STATUS_NOT_FOUND && !folder && is_folder(exchange, buffer_bytes(&index))) {
        redirect_to_folder(exchange);
    } else {
        answer_error(exchange, website, &error);
    }
    buffer_release(&index);
}

static void answer(struct exchange *exchange)
{
    struct meta_setting setting;

    if (s3_require_setting(exchange, S3_SETTING_WEBSITE, &setting))
        return;
    const struct website *website = setting.parsed;
    const struct website_rule *rule = website_find_rule(website, exchange->key, 0);
    if (website->has_all)
        redirect_all(exchange, website);
    else if (rule)
        redirect_by(exchange, rule);
    else
        answer_page(exchange, website);
}

static void refuse_method(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_METHOD_NOT_ALLOWED);
    s3_error_add(&details, "Method", exchange->http->method);
    http_reply_header_str(exchange->http, "Allow", "GET, HEAD");
    HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
}

#define ROW(action_, method_, handle_, ...)                                                                            \
    {                                                                                                                  \
        .action = action_, .method = method_, .level = S3_OBJECT, .right = "tercet:UseWebsite",                        \
        .resource = RESOURCE_NONE, .unsigned_always = true, .handle = handle_, ##__VA_ARGS__                           \
    }
static const struct operation operations[] = {
    ROW("WebsiteGet", "GET", answer, .class = CLASS_READ),
    ROW("WebsiteHead", "HEAD", answer, .class = CLASS_READ),
    ROW("WebsiteOther", "", refuse_method, .class = CLASS_OTHER, .bucket_may_be_absent = true),
};

const struct operation *s3_website_operation(struct bytes method)
{
    size_t last = sizeof(operations) / sizeof(operations[0]) - 1, i = 0;

    while (i < last && !bytes_equal_str(method, operations[i].method))
        i++;
    return &operations[i];
}
