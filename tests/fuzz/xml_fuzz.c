/* Fuzzes the reading of request documents: every parser is given the same bytes. What was accepted must be within its
 * bounds, and must survive being written back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/acl.h"
#include "compat/bucket_access.h"
#include "compat/bucket_encryption.h"
#include "compat/compat.h"
#include "compat/cors.h"
#include "compat/lifecycle.h"
#include "compat/object_encryption.h"
#include "compat/bucket_logging.h"
#include "compat/notification.h"
#include "compat/object_lock.h"
#include "compat/request_xml.h"
#include "compat/response_xml.h"
#include "compat/tags.h"
#include "compat/xml_writer.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    compat_init();
    return 0;
}

/* A key that was read must come back from a document that holds it. */
static void check_round_trip(struct bytes key)
{
    struct delete_request again;
    struct xml_writer writer;
    struct buffer out;

    buffer_init(&out, REQUEST_XML_LARGE_BYTES_MAX);
    xml_writer_init(&writer, &out);
    xml_writer_open(&writer, "Delete");
    xml_writer_open(&writer, "Object");
    xml_writer_element(&writer, "Key", key);
    xml_writer_close(&writer);
    xml_writer_close(&writer);
    if (xml_writer_finish(&writer) == STATUS_OK) {
        CHECK(delete_request_parse(buffer_bytes(&out), &again) == STATUS_OK);
        CHECK(again.count == 1);
        CHECK(bytes_equal(again.objects[0].key, key));
        delete_request_release(&again);
    }
    buffer_release(&out);
}

static void fuzz_delete(struct bytes document)
{
    struct delete_request request;

    if (delete_request_parse(document, &request))
        return;
    CHECK(request.count >= 1 && request.count <= DELETE_OBJECTS_MAX);
    for (size_t i = 0; i < request.count; i++)
        CHECK(request.objects[i].key.len > 0 && request.objects[i].key.len < document.len);
    check_round_trip(request.objects[0].key);
    delete_request_release(&request);
}

static void fuzz_complete(struct bytes document)
{
    struct complete_request request;

    if (complete_request_parse(document, &request))
        return;
    CHECK(request.count >= 1 && request.count <= COMPLETE_PARTS_MAX);
    for (size_t i = 0; i < request.count; i++)
        CHECK(request.parts[i].checksum.len == checksum_length(request.parts[i].checksum.algorithm));
    complete_request_release(&request);
}

/* What passes the rules must fit, and come back as it was. */
static void check_tags(const struct tag_set *set)
{
    struct s3_error_details error = {0};
    struct tag_set again;
    struct buffer out;

    if (tag_set_check_bucket(set, &error)) {
        CHECK(error.code == S3_INVALID_TAG || error.code == S3_BAD_REQUEST);
        return;
    }
    buffer_init(&out, TAG_SET_XML_BYTES_MAX);
    CHECK(response_tagging(&out, set->tags, set->count) == STATUS_OK);
    CHECK(tagging_parse(buffer_bytes(&out), &again) == STATUS_OK);
    CHECK(again.count == set->count);
    for (size_t i = 0; i < again.count; i++) {
        CHECK(bytes_equal(again.tags[i].key, set->tags[i].key));
        CHECK(bytes_equal(again.tags[i].value, set->tags[i].value));
    }
    tag_set_release(&again);
    buffer_release(&out);
}

static void fuzz_tags(struct bytes document)
{
    struct create_bucket_request create;
    struct tag_set set;

    if (tagging_parse(document, &set) == STATUS_OK) {
        check_tags(&set);
        tag_set_release(&set);
    }
    if (create_bucket_request_parse(document, &create) == STATUS_OK) {
        check_tags(&create.tags);
        create_bucket_request_release(&create);
    }
}

/* What passes the rules must come back as it was, and answer requests within its lists. */
static void check_cors(const struct cors_configuration *configuration)
{
    struct s3_error_details error = {0};
    struct cors_configuration again;
    const struct cors_rule *rule;
    struct buffer out;

    if (cors_check(configuration, &error)) {
        CHECK(error.code == S3_INVALID_REQUEST);
        return;
    }
    buffer_init(&out, CORS_KEPT_BYTES_MAX);
    if (response_cors(&out, configuration) == STATUS_OK) {
        CHECK(cors_parse(buffer_bytes(&out), &again) == STATUS_OK);
        CHECK(cors_check(&again, &error) == STATUS_OK);
        CHECK(again.count == configuration->count && again.item_count == configuration->item_count);
        for (size_t i = 0; i < again.count; i++)
            CHECK(bytes_equal(again.rules[i].id, configuration->rules[i].id));
        cors_release(&again);
    }
    buffer_release(&out);
    for (size_t i = 0; i < configuration->item_count; i++) {
        const struct cors_request request = {configuration->items[i].text, BYTES("GET"), BYTES("a, x-amz-b")};
        rule = cors_match(configuration, &request);
        CHECK(!rule || rule->first + rule->count <= configuration->item_count);
    }
}

static void fuzz_cors(struct bytes document)
{
    struct cors_configuration configuration;

    if (cors_parse(document, &configuration))
        return;
    check_cors(&configuration);
    cors_release(&configuration);
}

static void fuzz_acl(struct bytes document)
{
    struct s3_error_details error = {0};
    struct acl acl, again;
    struct buffer out;

    buffer_init(&out, ACL_KEPT_BYTES_MAX);
    if (acl_parse_document(document, &acl, &error) == STATUS_OK && acl.owner[0]) {
        CHECK(acl_write(&out, &acl) == STATUS_OK);
        CHECK(acl_read(buffer_bytes(&out), &again) == STATUS_OK);
        CHECK(acl.count == again.count && acl_is_public(&acl) == acl_is_public(&again));
    }
    STATUS_IGNORE(acl_read(document, &again), "it must only not crash");
    buffer_release(&out);
}

static void fuzz_access(struct bytes document)
{
    enum object_ownership ownership, ownership_again;
    struct public_access_block block, again;
    unsigned given;
    struct buffer out;

    buffer_init(&out, BUCKET_ACCESS_XML_BYTES_MAX);
    if (public_access_block_parse(document, &block, &given) == STATUS_OK) {
        CHECK(public_access_block_write(&out, &block) == STATUS_OK);
        CHECK(public_access_block_parse(buffer_bytes(&out), &again, &given) == STATUS_OK && given == 4);
        CHECK(block.block_acls == again.block_acls && block.restrict_buckets == again.restrict_buckets);
    }
    buffer_clear(&out);
    if (ownership_controls_parse(document, &ownership) == STATUS_OK) {
        CHECK(ownership_controls_write(&out, ownership) == STATUS_OK);
        CHECK(ownership_controls_parse(buffer_bytes(&out), &ownership_again) == STATUS_OK);
        CHECK(ownership == ownership_again);
    }
    buffer_release(&out);
}

/* What passes the rules must come back as it was, and say something of any version. */
static void check_lifecycle(struct lifecycle_configuration *configuration)
{
    static const uint8_t seed[12] = {0};
    const struct lifecycle_version version = {.key = BYTES("a"), .size = 1 << 20, .current = true};
    struct lifecycle_configuration again;
    struct s3_error_details error;
    struct buffer out;

    if (lifecycle_check(configuration, &error))
        return;
    lifecycle_name_rules(configuration, seed);
    buffer_init(&out, LIFECYCLE_KEPT_BYTES_MAX);
    if (lifecycle_write(&out, configuration) == STATUS_OK) {
        CHECK(lifecycle_parse(buffer_bytes(&out), &again, &error) == STATUS_OK);
        CHECK(again.count == configuration->count && again.tag_count == configuration->tag_count);
        CHECK(again.transition_count == configuration->transition_count);
        const struct lifecycle_verdict first = lifecycle_judge(configuration, &version, INT64_MAX, LIFECYCLE_DAY_MS);
        const struct lifecycle_verdict second = lifecycle_judge(&again, &version, INT64_MAX, LIFECYCLE_DAY_MS);
        CHECK(first.action == second.action && first.due_ms == second.due_ms);
        CHECK((first.action == LIFECYCLE_NOTHING) == !first.rule);
        lifecycle_release(&again);
    }
    buffer_release(&out);
}

static void fuzz_lifecycle(struct bytes document)
{
    struct lifecycle_configuration configuration;
    struct s3_error_details error;

    if (lifecycle_parse(document, &configuration, &error))
        return;
    check_lifecycle(&configuration);
    lifecycle_release(&configuration);
}

/* What was read is within its bounds, and what is kept of it says the same. */
static void fuzz_bucket_logging(struct bytes document)
{
    struct bucket_logging *first = mem_alloc(sizeof(*first)), *second = mem_alloc(sizeof(*second));
    struct s3_error_details error = {0};
    struct buffer out;

    buffer_init(&out, BUCKET_LOGGING_KEPT_BYTES_MAX);
    if (bucket_logging_parse(document, first, &error) == STATUS_OK) {
        CHECK(strlen(first->target) <= BUCKET_LOGGING_TARGET_MAX && strlen(first->prefix) <= BUCKET_LOGGING_PREFIX_MAX);
        CHECK(bucket_logging_write(&out, first) == STATUS_OK);
        CHECK(bucket_logging_parse(buffer_bytes(&out), second, &error) == STATUS_OK);
        CHECK(first->enabled == second->enabled && strcmp(first->prefix, second->prefix) == 0);
        CHECK(first->grants.count == second->grants.count && first->format == second->format);
    } else {
        CHECK(error.code != S3_ERROR_NONE);
    }
    buffer_release(&out);
    free(first);
    free(second);
}

static void fuzz_lock_configuration(struct bytes document)
{
    struct s3_error_details error = {0};
    struct lock_rule rule, again;
    struct buffer out;

    if (lock_configuration_parse(document, &rule, &error)) {
        CHECK(error.code != S3_ERROR_NONE);
        return;
    }
    CHECK(rule.mode == LOCK_MODE_NONE
              ? !lock_duration_is_set(&rule.retention) && !lock_duration_is_set(&rule.event_hold)
              : lock_duration_is_set(&rule.retention) || lock_duration_is_set(&rule.event_hold));
    CHECK(rule.retention.days <= LOCK_DAYS_MAX && rule.retention.years <= LOCK_YEARS_MAX);
    buffer_init(&out, LOCK_KEPT_XML_BYTES_MAX);
    CHECK(lock_configuration_write(&out, &rule) == STATUS_OK);
    CHECK(lock_configuration_parse(buffer_bytes(&out), &again, &error) == STATUS_OK);
    CHECK(memcmp(&rule, &again, sizeof(rule)) == 0);
    buffer_release(&out);
}

static void fuzz_lock(struct bytes document)
{
    struct lock_retention retention, stored;
    struct s3_error_details error = {0};
    enum lock_hold hold;
    struct buffer out;

    fuzz_lock_configuration(document);
    fuzz_bucket_logging(document);
    if (lock_legal_hold_parse(document, &hold, &error) == STATUS_OK)
        CHECK(hold == LOCK_HOLD_ON || hold == LOCK_HOLD_OFF);
    if (lock_retention_parse(document, 0, &retention, &error) || retention.mode == LOCK_MODE_NONE)
        return;
    CHECK(retention.until_ms > 0 || retention.event_hold != LOCK_HOLD_NONE);
    buffer_init(&out, LOCK_KEPT_XML_BYTES_MAX);
    CHECK(lock_retention_pack(&out, &retention) == STATUS_OK);
    CHECK(lock_retention_unpack(buffer_bytes(&out), &stored) == STATUS_OK);
    CHECK(stored.mode == retention.mode && stored.until_ms == retention.until_ms &&
          stored.event_hold == retention.event_hold && stored.duration.days == retention.duration.days);
    buffer_clear(&out);
    CHECK(lock_retention_write(&out, &stored, 0) == STATUS_OK);
    buffer_release(&out);
}

/* What a bucket's encryption is kept as has to be read as the same again. */
static void fuzz_encryption(struct bytes document)
{
    struct bucket_encryption bucket, again;
    struct s3_error_details error = {0};
    struct object_encryption object;
    struct buffer out;

    if (object_encryption_parse(document, "000000000000", &object, &error) == STATUS_OK)
        CHECK(strncmp(object.key_arn, "arn:aws", 7) == 0 && strstr(object.key_arn, ":000000000000:key/"));
    if (bucket_encryption_parse(document, &bucket))
        return;
    buffer_init(&out, BUCKET_ENCRYPTION_XML_BYTES_MAX);
    CHECK(bucket_encryption_write(&out, &bucket) == STATUS_OK);
    CHECK(bucket_encryption_parse(buffer_bytes(&out), &again) == STATUS_OK);
    CHECK(again.method == bucket.method && again.bucket_key == bucket.bucket_key);
    CHECK(again.blocks_customer == bucket.blocks_customer && strcmp(again.key_id, bucket.key_id) == 0);
    buffer_release(&out);
}

/* What passes the rules must come back as it was, and no event of a key belongs to two configurations. */
static void check_notification(struct notification_configuration *configuration)
{
    struct notification_configuration again;
    struct s3_error_details error;
    const uint8_t seed[12] = {0};
    struct buffer out;

    for (size_t i = 0; i < configuration->count; i++) {
        struct bytes key = configuration->rules[i].prefix;
        for (int event = 1; event < NOTIFICATION_EVENT_COUNT; event++) {
            const struct notification_rule *rule =
                notification_match(configuration, (enum notification_event)event, key);
            CHECK(!rule || bytes_starts_with(key, rule->prefix));
        }
    }
    notification_name_rules(configuration, seed);
    buffer_init(&out, NOTIFICATION_KEPT_BYTES_MAX);
    if (notification_write(&out, configuration) == STATUS_OK) {
        CHECK(notification_parse(buffer_bytes(&out), &again, &error) == STATUS_OK);
        CHECK(again.count == configuration->count && again.events == configuration->events);
        notification_release(&again);
    }
    buffer_release(&out);
}

static void fuzz_notification(struct bytes document)
{
    struct notification_configuration configuration;
    struct s3_error_details error;

    if (notification_parse(document, &configuration, &error) || notification_check(&configuration, &error))
        CHECK(error.code != S3_ERROR_NONE);
    else
        check_notification(&configuration);
    notification_release(&configuration);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes document = bytes_of(data, size);
    struct versioning_configuration versioning;

    fuzz_delete(document);
    fuzz_complete(document);
    fuzz_tags(document);
    fuzz_cors(document);
    fuzz_lifecycle(document);
    fuzz_acl(document);
    fuzz_access(document);
    fuzz_lock(document);
    fuzz_encryption(document);
    fuzz_notification(document);
    (void)versioning_configuration_parse(document, &versioning);
    return 0;
}
