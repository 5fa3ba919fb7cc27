/* The default encryption; see the header. */
#include "gateway/object/default_encryption.h"

#include "base/check.h"
#include "gateway/s3/bucket_settings.h"

enum status bucket_encryption_setting_parse(struct bytes document, void **parsed)
{
    struct bucket_encryption encryption, *made;
    enum status status = bucket_encryption_parse(document, &encryption);

    if (status)
        return status;
    made = mem_alloc(sizeof(*made));
    *made = encryption;
    *parsed = made;
    return STATUS_OK;
}

enum status default_encryption(const struct gateway *gateway, const struct meta_settings *settings,
                               struct bucket_encryption *encryption)
{
    struct meta_setting setting;
    enum status status = meta_setting_find(settings, S3_SETTING_ENCRYPTION, &setting);

    *encryption = (struct bucket_encryption){0};
    if (status && status != STATUS_NOT_FOUND)
        return status;
    if (!status)
        *encryption = *(const struct bucket_encryption *)setting.parsed;
    if (encryption->method == SSE_NONE && gateway->options.encrypt_all)
        encryption->method = SSE_AES256;
    return STATUS_OK;
}

enum encryption_kind encryption_kind_of(enum sse_method method)
{
    static const enum encryption_kind kinds[] = {[SSE_NONE] = ENCRYPTION_NONE,
                                                 [SSE_AES256] = ENCRYPTION_S3,
                                                 [SSE_KMS] = ENCRYPTION_KMS,
                                                 [SSE_DSSE] = ENCRYPTION_DSSE};
    return kinds[method];
}

enum status default_encryption_describe(const struct gateway *gateway, const struct meta_settings *settings,
                                        const struct encryption_place *place, struct object_key *key,
                                        struct buffer *description)
{
    struct bucket_encryption standard;
    char name[KEY_NAME_MAX + 1];

    *key = (struct object_key){0};
    enum status status = default_encryption(gateway, settings, &standard);
    if (status || standard.method == SSE_NONE)
        return status;
    if (!gateway->keys)
        return STATUS_NOT_FOUND;
    status = encryption_key_name(gateway->keys, bytes_from_str(standard.key_id), name);
    if (status) /* a provider that does not answer now may have the key */
        return status == STATUS_UNAVAILABLE ? status : STATUS_NOT_FOUND;
    const struct encryption encryption = {.kind = encryption_kind_of(standard.method),
                                          .bucket_key = standard.method == SSE_KMS && standard.bucket_key,
                                          .key_name = bytes_from_str(name)};
    encryption_key_create(encryption.kind, key);
    return encryption_write(gateway->keys, NULL, &encryption, place, key, description);
}
