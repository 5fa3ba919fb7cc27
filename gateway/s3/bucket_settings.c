/* Settings of buckets, kept as the documents that a GET gives back; see the header. One that was never made is answered
 * as AWS does: by an error, or by a document. */
#include "gateway/s3/bucket_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/cors.h"
#include "compat/notification.h"
#include "compat/request_xml.h"
#include "compat/website.h"
#include "gateway/front/operation.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/acl.h"
#include "gateway/object/default_encryption.h"
#include "gateway/s3/body.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/lifecycle.h"
#include "gateway/s3/logging_setting.h"
#include "gateway/s3/notification.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"
#include "gateway/system/bucket_quota.h"

/* meta_setting_kind.parse. Nobody reads the tags of a bucket but with the whole document. */
static enum status check_tagging(struct bytes document, void **parsed)
{
    struct tag_set set;
    enum status status = tagging_parse(document, &set);

    *parsed = NULL;
    if (!status)
        tag_set_release(&set);
    return status;
}

/* meta_setting_kind.parse: *parsed is a struct cors_configuration. */
static enum status parse_cors(struct bytes document, void **parsed)
{
    struct cors_configuration *configuration = mem_alloc(sizeof(*configuration));
    struct s3_error_details error = {0};
    enum status status = cors_parse(document, configuration);

    if (!status)
        status = cors_check(configuration, &error);
    if (status) {
        cors_release(configuration);
        free(configuration);
        return status;
    }
    *parsed = configuration;
    return STATUS_OK;
}

static void free_cors(void *parsed)
{
    cors_release(parsed);
    free(parsed);
}

/* meta_setting_kind.parse: *parsed is a struct website. */
static enum status parse_website(struct bytes document, void **parsed)
{
    struct website *website = mem_alloc(sizeof(*website));
    struct s3_error_details error = {0};
    enum status status = website_parse(document, website);

    if (!status)
        status = website_check(website, &error);
    if (status) {
        website_release(website);
        free(website);
        return status;
    }
    *parsed = website;
    return STATUS_OK;
}

static void free_website(void *parsed)
{
    website_release(parsed);
    free(parsed);
}

const struct meta_setting_kind s3_setting_kinds[] = {
    {S3_SETTING_TAGGING, "tagging", TAG_SET_XML_BYTES_MAX, check_tagging, NULL},
    {S3_SETTING_CORS, "cors", CORS_KEPT_BYTES_MAX, parse_cors, free_cors},
    {S3_SETTING_POLICY, "policy", POLICY_BUCKET_BYTES_MAX, bucket_policy_parse, bucket_policy_free},
    {S3_SETTING_PUBLIC_ACCESS, "public access block", BUCKET_ACCESS_XML_BYTES_MAX, public_access_setting_parse, free},
    {S3_SETTING_OWNERSHIP, "ownership controls", BUCKET_ACCESS_XML_BYTES_MAX, ownership_setting_parse, free},
    {S3_SETTING_ACL, "ACL", ACL_KEPT_BYTES_MAX, acl_setting_parse, free},
    {S3_SETTING_ENCRYPTION, "encryption", BUCKET_ENCRYPTION_XML_BYTES_MAX, bucket_encryption_setting_parse, free},
    {S3_SETTING_WEBSITE, "website", WEBSITE_KEPT_BYTES_MAX, parse_website, free_website},
    {S3_SETTING_LOGGING, "logging", BUCKET_LOGGING_KEPT_BYTES_MAX, logging_setting_parse, free},
    {S3_SETTING_QUOTA, "quota", BUCKET_QUOTA_BYTES_MAX, bucket_quota_parse, free},
    {S3_SETTING_OWNER, "owner", BUCKET_OWNER_BYTES_MAX, bucket_owner_parse, free},
    {S3_SETTING_LIFECYCLE, "lifecycle", LIFECYCLE_SETTING_BYTES_MAX, lifecycle_setting_parse, lifecycle_setting_free},
    {S3_SETTING_LIFECYCLE_PROGRESS, "lifecycle progress", LIFECYCLE_PROGRESS_BYTES_MAX, lifecycle_progress_parse, NULL},
    {S3_SETTING_NOTIFICATION, "notification", NOTIFICATION_KEPT_BYTES_MAX, notification_setting_parse,
     notification_setting_free},
    {S3_SETTING_OBJECT_LOCK, "object lock", LOCK_KEPT_XML_BYTES_MAX, lock_setting_parse, free},
};
const size_t s3_setting_kind_count = sizeof(s3_setting_kinds) / sizeof(s3_setting_kinds[0]);

static enum status read_tagging(struct bytes sent, struct buffer *kept, struct s3_error_details *error)
{
    struct tag_set set;
    enum status status = tagging_parse(sent, &set);

    if (status) {
        s3_error_set(error, S3_MALFORMED_XML);
        return status;
    }
    status = tag_set_check_bucket(&set, error);
    if (!status && set.count > 0)
        status = response_tagging(kept, set.tags, set.count);
    tag_set_release(&set);
    return status;
}

static enum status read_cors(struct bytes sent, struct buffer *kept, struct s3_error_details *error)
{
    struct cors_configuration configuration;
    enum status status = cors_parse(sent, &configuration);

    if (status) {
        s3_error_set(error, S3_MALFORMED_XML);
        return status;
    }
    status = cors_check(&configuration, error);
    if (!status && response_cors(kept, &configuration)) {
        s3_error_set(error, S3_ENTITY_TOO_LARGE); /* escaped, it is too long to be kept */
        status = STATUS_LIMIT;
    }
    cors_release(&configuration);
    return status;
}

static enum status read_website(struct bytes sent, struct buffer *kept, struct s3_error_details *error)
{
    struct website website;
    enum status status = website_parse(sent, &website);

    if (status) {
        s3_error_set(error, S3_MALFORMED_XML);
        return status;
    }
    status = website_check(&website, error);
    if (!status && website_write(kept, &website)) {
        s3_error_set(error, S3_ENTITY_TOO_LARGE); /* escaped, it is too long to be kept */
        status = STATUS_LIMIT;
    }
    website_release(&website);
    return status;
}

static enum status read_public_access(struct bytes sent, struct buffer *kept, struct s3_error_details *error)
{
    struct public_access_block block;
    unsigned given;
    enum status status = public_access_block_parse(sent, &block, &given);

    if (status) {
        s3_error_set(error, S3_MALFORMED_XML);
        return status;
    }
    if (given == 0) {
        s3_error_setf(error, S3_INVALID_REQUEST, "Must specify at least one configuration.");
        return STATUS_INVALID;
    }
    return public_access_block_write(kept, &block);
}

static enum status read_ownership(struct bytes sent, struct buffer *kept, struct s3_error_details *error)
{
    enum object_ownership ownership;
    enum status status = ownership_controls_parse(sent, &ownership);

    if (status) {
        s3_error_set(error, S3_MALFORMED_XML);
        return status;
    }
    return ownership_controls_write(kept, ownership);
}

static enum status read_encryption(struct bytes sent, struct buffer *kept, struct s3_error_details *error)
{
    struct bucket_encryption encryption;
    enum status status = bucket_encryption_parse(sent, &encryption);

    if (status) {
        s3_error_set(error, S3_MALFORMED_XML);
        return status;
    }
    status = bucket_encryption_check(&encryption, error);
    return status ? status : bucket_encryption_write(kept, &encryption);
}

static const struct setting {
    const char *selector;
    enum s3_error unset;                /* when it was never made; NONE: a document with that root */
    const char *root, *element, *value; /* the element that it has, or NULL */
    uint8_t number;                     /* of s3_setting_kinds; NONE: it cannot be made yet */
    /* Makes of what a client sent what is kept, or fills the error. An empty document removes the setting. */
    enum status (*read)(struct bytes sent, struct buffer *kept, struct s3_error_details *error);
    size_t sent_bytes_max; /* 0: REQUEST_XML_BYTES_MAX */
    int put_status;        /* 0: 204 */
    /* Whether it goes with the bucket's other settings; else the error is answered here. NULL: always. */
    enum status (*agrees)(struct exchange *exchange, struct bytes kept);
    bool json; /* the document: else XML */
} settings[] = {
    {"tagging", .unset = S3_NO_SUCH_TAG_SET, .number = S3_SETTING_TAGGING, .read = read_tagging},
    {"policy", .unset = S3_NO_SUCH_BUCKET_POLICY, .number = S3_SETTING_POLICY, .json = true},
    {"lifecycle", .unset = S3_NO_SUCH_LIFECYCLE_CONFIGURATION, .number = S3_SETTING_LIFECYCLE},
    {"cors", .unset = S3_NO_SUCH_CORS_CONFIGURATION, .number = S3_SETTING_CORS, .read = read_cors,
     .sent_bytes_max = CORS_XML_BYTES_MAX, .put_status = 200},
    {"object-lock", .unset = S3_OBJECT_LOCK_CONFIGURATION_NOT_FOUND, .number = S3_SETTING_OBJECT_LOCK},
    {"encryption", .unset = S3_SERVER_SIDE_ENCRYPTION_CONFIGURATION_NOT_FOUND, .number = S3_SETTING_ENCRYPTION,
     .read = read_encryption, .put_status = 200, .agrees = s3_encryption_agrees},
    {"website", .unset = S3_NO_SUCH_WEBSITE_CONFIGURATION, .number = S3_SETTING_WEBSITE, .read = read_website,
     .sent_bytes_max = WEBSITE_XML_BYTES_MAX, .put_status = 200},
    {"replication", .unset = S3_REPLICATION_CONFIGURATION_NOT_FOUND},
    {"publicAccessBlock", .unset = S3_NO_SUCH_PUBLIC_ACCESS_BLOCK, .number = S3_SETTING_PUBLIC_ACCESS,
     .read = read_public_access, .put_status = 200},
    {"ownershipControls", .unset = S3_OWNERSHIP_CONTROLS_NOT_FOUND, .number = S3_SETTING_OWNERSHIP,
     .read = read_ownership, .put_status = 200, .agrees = acl_check_ownership},
    {"logging", .root = "BucketLoggingStatus", .number = S3_SETTING_LOGGING},
    {"notification", .root = "NotificationConfiguration", .number = S3_SETTING_NOTIFICATION},
    {"accelerate", .root = "AccelerateConfiguration"},
    {"abac", .root = "AbacStatus", .element = "Status", .value = "Disabled"},
    {"metadataConfiguration", .unset = S3_METADATA_CONFIGURATION_NOT_FOUND},
    {"metadataTable", .unset = S3_METADATA_CONFIGURATION_NOT_FOUND},
    {"requestPayment", .root = "RequestPaymentConfiguration", .element = "Payer", .value = "BucketOwner"},
};

const void *s3_row_of_selector(const struct exchange *exchange, const void *rows, size_t row_bytes, size_t count)
{
    struct bytes selector = bytes_from_str(exchange->operation->selector);

    for (size_t i = 0; i < count; i++) {
        const char *row = (const char *)rows + i * row_bytes;
        const char *of_row;
        memcpy(&of_row, row, sizeof(of_row));
        if (bytes_equal_str(selector, of_row))
            return row;
    }
    CHECK(!"an operation on a setting without a row");
    return NULL;
}

static const struct setting *setting_of(const struct exchange *exchange)
{
    return s3_row_of_selector(exchange, settings, sizeof(settings[0]), sizeof(settings) / sizeof(settings[0]));
}

static enum status fail_unset(struct exchange *exchange, enum s3_error code)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, code);
    if (exchange->level == S3_OBJECT)
        s3_error_add(&details, "Key", exchange->key);
    else
        s3_error_add(&details, "BucketName", exchange->bucket_name);
    return s3_fail_details(exchange, &details);
}

enum status s3_require_setting(struct exchange *exchange, enum s3_setting_number number, struct meta_setting *kept)
{
    enum status status = meta_setting_find(exchange->settings, (uint8_t)number, kept);

    for (size_t i = 0; status == STATUS_NOT_FOUND && i < sizeof(settings) / sizeof(settings[0]); i++)
        if (settings[i].number == number)
            return fail_unset(exchange, settings[i].unset);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

static void reply_unset(struct exchange *exchange, const struct setting *setting)
{
    struct xml_writer writer;
    struct buffer body;

    if (setting->unset != S3_ERROR_NONE) {
        HTTP_LAST_REPLY(fail_unset(exchange, setting->unset));
        return;
    }
    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX);
    xml_writer_init(&writer, &body);
    xml_writer_open_root(&writer, setting->root);
    if (setting->element)
        xml_writer_element_str(&writer, setting->element, setting->value);
    xml_writer_close(&writer);
    HTTP_LAST_REPLY(s3_reply_document(exchange, xml_writer_finish(&writer), &body));
}

void s3_get_setting(struct exchange *exchange)
{
    const struct setting *setting = setting_of(exchange);
    enum status status = STATUS_NOT_FOUND;
    struct meta_setting kept;

    if (s3_require_resource(exchange))
        return;
    if (exchange->level == S3_BUCKET && setting->number != S3_SETTING_NONE)
        status = meta_setting_find(exchange->settings, setting->number, &kept);
    if (status == STATUS_NOT_FOUND)
        reply_unset(exchange, setting);
    else if (status)
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
    else if (setting->json)
        HTTP_LAST_REPLY(s3_reply_json(exchange, kept.document));
    else
        HTTP_LAST_REPLY(s3_reply_xml(exchange, kept.document));
}

enum status s3_update_settings(struct exchange *exchange, const struct meta_settings_update *update)
{
    enum status status = meta_bucket_settings_update(exchange->gateway->meta, exchange->bucket.id, update);

    if (status == STATUS_NOT_FOUND)
        return s3_fail_no_such_bucket(exchange);
    if (status == STATUS_LIMIT) /* the document is too long for its kind, which no repetition mends */
        return s3_fail(exchange, S3_ENTITY_TOO_LARGE);
    if (status == STATUS_DENIED)
        return s3_fail(exchange, S3_ACCESS_DENIED);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

/* document: empty removes the setting; that it was not there is no error. */
static void change(struct exchange *exchange, const struct setting *setting, struct bytes document)
{
    const struct meta_setting_change change = {setting->number, document.len > 0 ? document : (struct bytes){0}};
    const struct meta_settings_update update = {.changes = &change, .count = 1};

    if (s3_update_settings(exchange, &update) == STATUS_OK)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, document.len > 0 && setting->put_status ? setting->put_status : 204));
}

void s3_put_setting(struct exchange *exchange)
{
    const struct setting *setting = setting_of(exchange);
    struct s3_error_details details = {0};
    struct buffer sent, kept;

    CHECK(setting->read);
    size_t sent_max = setting->sent_bytes_max ? setting->sent_bytes_max : REQUEST_XML_BYTES_MAX;
    buffer_init(&kept, META_SETTING_BYTES_MAX);
    if (s3_read_document(exchange, sent_max, true, &sent) == STATUS_OK) {
        if (setting->read(buffer_bytes(&sent), &kept, &details))
            HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        else if (!setting->agrees || setting->agrees(exchange, buffer_bytes(&kept)) == STATUS_OK)
            change(exchange, setting, buffer_bytes(&kept));
    }
    buffer_release(&sent);
    buffer_release(&kept);
}

void s3_delete_setting(struct exchange *exchange)
{
    const struct setting *setting = setting_of(exchange);

    if (s3_require_resource(exchange))
        return;
    if (exchange->level == S3_BUCKET && setting->number != S3_SETTING_NONE)
        change(exchange, setting, (struct bytes){0});
    else
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 204)); /* what was never made is gone */
}
