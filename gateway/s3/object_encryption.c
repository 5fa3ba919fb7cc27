/* UpdateObjectEncryption: a version's own key is sealed by another key of the keyring, in one commit. Its bytes, ETag,
 * checksums, times and ids stay. What is written was made of a description that was read before; the committer takes
 * it only if the version still has that one, and is not locked. */
#include "compat/object_encryption.h"
#include "gateway/object/rewrap.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/body.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/lock_guard.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

#define TRIES_MAX 4 /* against others who change the same version's attributes meanwhile */

struct key_change {
    const struct trusted_clock *clock;
    struct encryption before;
    bool locked;
};

static enum status fail(struct exchange *exchange, enum s3_error code, const char *text)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, code, "%s", text);
    return s3_fail_details(exchange, &details);
}

static enum status check_signature(struct exchange *exchange)
{
    const enum auth_type type = exchange->credentials.type;

    if (type != AUTH_V2_HEADER && type != AUTH_V2_QUERY)
        return STATUS_OK;
    return fail(exchange, S3_INVALID_REQUEST,
                "Requests that modify an object encryption configuration require Amazon Web Services Signature Version "
                "4. Modify the request to use Amazon Web Services Signature Version 4, and then try again.");
}

static enum status read_request(struct exchange *exchange, struct object_encryption *asked)
{
    struct s3_error_details details = {0};
    struct buffer document;
    enum status status = s3_read_document(exchange, OBJECT_ENCRYPTION_XML_BYTES_MAX, true, &document);

    if (!status &&
        object_encryption_parse(buffer_bytes(&document), exchange->gateway->options.account_id, asked, &details))
        status = s3_fail_details(exchange, &details);
    buffer_release(&document);
    return status;
}

/* What the version is encrypted by, which has to be a key of the keyring. */
static enum status check_source(struct exchange *exchange, const struct meta_object *object,
                                struct encryption *encryption)
{
    enum status status = encryption_read(object->attributes, encryption);

    if (status == STATUS_NOT_FOUND)
        return fail(exchange, S3_INVALID_REQUEST,
                    "The UpdateObjectEncryption operation doesn't support unencrypted source objects. Only source "
                    "objects encrypted with SSE-S3 or SSE-KMS are supported.");
    if (status)
        return s3_fail_status(exchange, status);
    if (encryption->kind == ENCRYPTION_S3 || encryption->kind == ENCRYPTION_KMS)
        return STATUS_OK;
    return fail(exchange, S3_INVALID_REQUEST,
                "The UpdateObjectEncryption operation doesn't support source objects with the encryption type DSSE-KMS "
                "or SSE-C. Only source objects encrypted with SSE-S3 or SSE-KMS are supported.");
}

/* meta_object_update.check */
static enum status check_version(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings,
                                 const struct meta_object *object)
{
    struct key_change *change = arg;
    const struct lock_time time = lock_time_now(change->clock);
    struct lock_retention retention;
    enum lock_hold legal_hold;

    (void)bucket, (void)settings;
    if (s3_lock_of_version(object, &retention, &legal_hold))
        return STATUS_CORRUPT;
    change->locked = lock_check_removal(&retention, legal_hold, &time, false) != STATUS_OK;
    if (change->locked)
        return STATUS_DENIED;
    return encryption_is_unchanged(object->attributes, &change->before) ? STATUS_OK : STATUS_PRECONDITION;
}

static enum status store(struct exchange *exchange, const struct meta_object *object, struct key_change *change,
                         struct bytes description)
{
    const struct meta_version version = {.id = uri_query_value(&exchange->query, "versionId")};
    const struct meta_attribute attribute = {S3_ATTRIBUTE_ENCRYPTION, description};
    const struct meta_object_update update = {
        .changes = &attribute, .count = 1, .sequence = object->sequence, .check = check_version, .arg = change};
    struct meta_object updated;

    return meta_object_update(exchange->gateway->meta, exchange->bucket.id, exchange->key, &version, &update, &updated);
}

/* Of what the committer said. *again: another version or description is there by now, and nothing was answered. */
static enum status settle(struct exchange *exchange, enum status status, const struct key_change *change, bool *again)
{
    *again =
        !change->locked && (status == STATUS_PRECONDITION || status == STATUS_NOT_FOUND || status == STATUS_CONFLICT);
    if (!status || *again)
        return status;
    if (change->locked)
        return fail(exchange, S3_ACCESS_DENIED,
                    "The encryption type for the specified object can't be updated because that object is protected by "
                    "S3 Object Lock.");
    return status == STATUS_LIMIT ? s3_fail(exchange, S3_METADATA_TOO_LARGE) : s3_fail_status(exchange, status);
}

static enum status update(struct exchange *exchange, const struct encryption *to, bool *again)
{
    const struct encryption_place place = {exchange->bucket_name, exchange->key};
    struct key_change change = {.clock = &exchange->gateway->clock};
    struct meta_object object;
    struct buffer description;
    enum status status = s3_find_object(exchange, &object);

    *again = false;
    if (status)
        return status;
    buffer_init(&description, ENCRYPTION_DESCRIPTION_BYTES_MAX);
    status = object.delete_marker ? s3_fail_delete_marker(exchange, &object, false)
                                  : check_source(exchange, &object, &change.before);
    if (!status)
        status = s3_key_rewrap(exchange, &change.before, to, &place, &description);
    if (!status) {
        status = store(exchange, &object, &change, buffer_bytes(&description));
        status = settle(exchange, status, &change, again);
    }
    buffer_release(&description);
    meta_object_release(&object);
    return status;
}

void s3_update_object_encryption(struct exchange *exchange)
{
    struct encryption to = {.kind = ENCRYPTION_KMS};
    char name[KEY_NAME_MAX + 1];
    struct object_encryption asked;
    enum status status = check_signature(exchange);
    bool again = true;

    if (!status)
        status = read_request(exchange, &asked);
    if (!status)
        status = s3_key_of_id(exchange, bytes_from_str(asked.key_arn), name);
    if (status)
        return;
    to.bucket_key = asked.bucket_key;
    to.key_name = bytes_from_str(name);
    for (unsigned i = 0; again && i < TRIES_MAX; i++)
        status = update(exchange, &to, &again);
    if (!status)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    else if (again)
        HTTP_LAST_REPLY(s3_fail(exchange, S3_CONDITIONAL_REQUEST_CONFLICT));
}
