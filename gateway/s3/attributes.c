/* The attributes of a new object: each kind reads its own from the request. See the header. */
#include "gateway/s3/attributes.h"

#include "gateway/s3/acl.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/object_tags.h"
#include "gateway/s3/reply.h"

static const struct kind {
    uint8_t number;
    size_t bytes_max;
    /* Appends the document; none leaves it empty. Errors are answered there. */
    enum status (*read)(struct exchange *exchange, const struct meta_object *copied, struct buffer *document);
} kinds[] = {
    {S3_ATTRIBUTE_ACL, ACL_KEPT_BYTES_MAX, acl_of_new_object},
    {S3_ATTRIBUTE_TAGGING, OBJECT_TAGS_KEPT_BYTES_MAX, tags_of_new_object},
    {S3_ATTRIBUTE_RETENTION, LOCK_RETENTION_BYTES_MAX, lock_retention_of_new_object},
    {S3_ATTRIBUTE_LEGAL_HOLD, LOCK_RETENTION_BYTES_MAX, lock_legal_hold_of_new_object},
    {S3_ATTRIBUTE_ENCRYPTION, ENCRYPTION_DESCRIPTION_BYTES_MAX, s3_encryption_of_new_object},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

enum status s3_attributes_of_new_object(struct exchange *exchange, const struct meta_object *copied,
                                        struct buffer *packed)
{
    struct buffer documents[KIND_COUNT];
    struct meta_attribute changes[KIND_COUNT];
    size_t count = 0;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < KIND_COUNT; i++)
        buffer_init(&documents[i], kinds[i].bytes_max);
    for (size_t i = 0; i < KIND_COUNT && !status; i++) {
        status = kinds[i].read(exchange, copied, &documents[i]);
        if (!status && documents[i].len > 0)
            changes[count++] = (struct meta_attribute){kinds[i].number, buffer_bytes(&documents[i])};
    }
    if (!status && count > 0 && meta_attributes_pack((struct bytes){0}, changes, count, packed))
        status = s3_fail(exchange, S3_METADATA_TOO_LARGE);
    for (size_t i = 0; i < KIND_COUNT; i++)
        buffer_release(&documents[i]);
    return status;
}
