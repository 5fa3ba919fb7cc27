/* The lifecycle setting of a bucket, and its headers; see the header. DELETE is that of every setting. */
#include "gateway/s3/lifecycle.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/request_xml.h"
#include "compat/uri.h"
#include "gateway/front/reply.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/object_tags.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

#define MINIMUM_HEADER   "x-amz-transition-default-minimum-object-size"
#define PROGRESS_FORMAT  1
#define PROGRESS_LEN_MIN 14

int64_t lifecycle_day_ms(const struct gateway_options *options)
{
    return options->lifecycle_day_ms ? (int64_t)options->lifecycle_day_ms : LIFECYCLE_DAY_MS;
}

/* ---- what is kept ------------------------------------------------------------------------------------------------ */

enum status lifecycle_setting_parse(struct bytes kept, void **parsed)
{
    struct lifecycle_setting *setting;
    struct s3_error_details error;
    enum lifecycle_minimum minimum;
    const char *end = kept.len > 0 ? memchr(kept.data, '\n', kept.len) : NULL;

    if (!end || lifecycle_minimum_parse(bytes_of(kept.data, (size_t)(end - kept.data)), &minimum))
        return STATUS_INVALID;
    setting = mem_zalloc(sizeof(*setting));
    setting->minimum = minimum;
    setting->document = bytes_of(end + 1, kept.len - (size_t)(end + 1 - kept.data));
    enum status status = lifecycle_parse(setting->document, &setting->configuration, &error);
    if (!status)
        status = lifecycle_check(&setting->configuration, &error);
    if (status)
        lifecycle_setting_free(setting);
    else
        *parsed = setting;
    return status;
}

void lifecycle_setting_free(void *parsed)
{
    struct lifecycle_setting *setting = parsed;

    lifecycle_release(&setting->configuration);
    free(setting);
}

enum status lifecycle_progress_write(struct buffer *out, const struct lifecycle_progress *progress)
{
    uint8_t head[PROGRESS_LEN_MIN] = {PROGRESS_FORMAT, progress->finished};

    put_u64(head + 2, progress->day);
    put_u32(head + 10, progress->crc);
    enum status status = buffer_append(out, head, sizeof(head));
    return status ? status : buffer_append_bytes(out, progress->key);
}

enum status lifecycle_progress_read(struct bytes document, struct lifecycle_progress *progress)
{
    const uint8_t *head = (const uint8_t *)document.data;

    if (document.len < PROGRESS_LEN_MIN || document.len > PROGRESS_LEN_MIN + META_KEY_MAX ||
        head[0] != PROGRESS_FORMAT || head[1] > 1)
        return STATUS_CORRUPT;
    *progress = (struct lifecycle_progress){
        .day = get_u64(head + 2),
        .crc = get_u32(head + 10),
        .finished = head[1],
        .key = bytes_of(document.data + PROGRESS_LEN_MIN, document.len - PROGRESS_LEN_MIN),
    };
    return STATUS_OK;
}

enum status lifecycle_progress_parse(struct bytes document, void **parsed)
{
    struct lifecycle_progress progress;

    *parsed = NULL;
    return lifecycle_progress_read(document, &progress);
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

/* Makes of what a client sent what is kept, or fills the error. */
static enum status read_lifecycle(struct bytes sent, enum lifecycle_minimum minimum, struct buffer *kept,
                                  struct s3_error_details *error)
{
    struct lifecycle_configuration configuration;
    uint8_t seed[12];
    enum status status = lifecycle_parse(sent, &configuration, error);

    if (status) {
        if (error->code == S3_ERROR_NONE)
            s3_error_set(error, S3_MALFORMED_XML);
        return status;
    }
    status = lifecycle_check(&configuration, error);
    if (!status) {
        random_bytes(seed, sizeof(seed));
        lifecycle_name_rules(&configuration, seed);
        if (buffer_printf(kept, "%s\n", lifecycle_minimum_name(minimum)) || lifecycle_write(kept, &configuration)) {
            s3_error_set(error, S3_ENTITY_TOO_LARGE); /* escaped, it is too long to be kept */
            status = STATUS_LIMIT;
        }
    }
    lifecycle_release(&configuration);
    return status;
}

static void store(struct exchange *exchange, struct bytes kept, enum lifecycle_minimum minimum)
{
    const struct meta_setting_change change = {S3_SETTING_LIFECYCLE, kept};
    const struct meta_settings_update update = {.changes = &change, .count = 1};

    if (s3_update_settings(exchange, &update))
        return;
    http_reply_header_str(exchange->http, MINIMUM_HEADER, lifecycle_minimum_name(minimum));
    HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
}

void s3_put_bucket_lifecycle(struct exchange *exchange)
{
    struct bytes said = s3_header(exchange, MINIMUM_HEADER);
    struct s3_error_details details = {0};
    enum lifecycle_minimum minimum;
    struct buffer sent, kept;

    if (lifecycle_minimum_parse(said, &minimum)) {
        HTTP_LAST_REPLY(s3_fail_argument(exchange, MINIMUM_HEADER, said,
                                         "It is all_storage_classes_128K or varies_by_storage_class."));
        return;
    }
    buffer_init(&kept, LIFECYCLE_SETTING_BYTES_MAX);
    if (s3_read_document(exchange, LIFECYCLE_KEPT_BYTES_MAX, true, &sent) == STATUS_OK) {
        if (read_lifecycle(buffer_bytes(&sent), minimum, &kept, &details))
            HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        else
            store(exchange, buffer_bytes(&kept), minimum);
    }
    buffer_release(&sent);
    buffer_release(&kept);
}

void s3_get_bucket_lifecycle(struct exchange *exchange)
{
    struct meta_setting kept;

    if (meta_setting_find(exchange->settings, S3_SETTING_LIFECYCLE, &kept)) {
        s3_get_setting(exchange); /* says why */
        return;
    }
    const struct lifecycle_setting *setting = kept.parsed;
    http_reply_header_str(exchange->http, MINIMUM_HEADER, lifecycle_minimum_name(setting->minimum));
    HTTP_LAST_REPLY(s3_reply_xml(exchange, setting->document));
}

/* ---- headers of objects and uploads -------------------------------------------------------------------------------
 */

static const struct lifecycle_configuration *configuration_of(const struct exchange *exchange)
{
    struct meta_setting kept;

    if (meta_setting_find(exchange->settings, S3_SETTING_LIFECYCLE, &kept))
        return NULL;
    return &((const struct lifecycle_setting *)kept.parsed)->configuration;
}

void s3_reply_expiration(struct exchange *exchange, const struct meta_object *object, struct bytes attributes)
{
    const struct lifecycle_configuration *configuration = configuration_of(exchange);
    int64_t day_ms = lifecycle_day_ms(&exchange->gateway->options);
    struct lifecycle_verdict verdict;
    char date[CLOCK_TEXT_MAX];
    struct buffer text;

    if (!configuration)
        return;
    const struct meta_object tagged = {.attributes = attributes};
    struct tag_set tags = {0};
    if (configuration->tag_count > 0 && object_tags_of(&tagged, &tags))
        return; /* damaged: nobody knows which rules are for it */
    const struct lifecycle_version version = {.key = exchange->key,
                                              .size = object->size,
                                              .modified_ms = object->modified_ms,
                                              .storage_class = object->storage_class,
                                              .delete_marker = object->delete_marker,
                                              .current = object->latest,
                                              .tags = &tags};
    bool expires = lifecycle_expiration(configuration, &version, day_ms, &verdict);
    tag_set_release(&tags);
    if (!expires)
        return;
    clock_format_rfc1123(verdict.due_ms, date);
    buffer_init(&text, 64 + CLOCK_TEXT_MAX + 12 * LIFECYCLE_ID_CHARS_MAX); /* each byte of a character as %XX */
    CHECK(buffer_printf(&text, "expiry-date=\"%s\", rule-id=\"", date) == STATUS_OK);
    CHECK(uri_encode(verdict.rule->id, false, &text) == STATUS_OK);
    CHECK(buffer_append_char(&text, '"') == STATUS_OK);
    reply_text(exchange, "x-amz-expiration", buffer_bytes(&text));
    buffer_release(&text);
}

void s3_reply_abort_date(struct exchange *exchange, const struct meta_upload *upload)
{
    const struct lifecycle_configuration *configuration = configuration_of(exchange);
    int64_t day_ms = lifecycle_day_ms(&exchange->gateway->options);
    struct lifecycle_verdict verdict;
    char date[CLOCK_TEXT_MAX];

    if (!configuration || !lifecycle_abortion(configuration, exchange->key, upload->created_ms, day_ms, &verdict))
        return;
    clock_format_rfc1123(verdict.due_ms, date);
    http_reply_header_str(exchange->http, "x-amz-abort-date", date);
    reply_encoded(exchange, "x-amz-abort-rule-id", verdict.rule->id);
}
