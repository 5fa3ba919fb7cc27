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
