/* Re-wrapping of objects' keys; see the header. */
#include "gateway/object/rewrap.h"

#include <string.h>

#include "base/check.h"

enum status encryption_rewrap(struct key_provider *keys, const struct encryption *from, const struct encryption *to,
                              const struct encryption_place *place, struct buffer *description, bool *opened)
{
    struct encryption after = {.kind = to->kind, .bucket_key = to->bucket_key, .key_name = to->key_name};
    struct object_key key;

    CHECK(from->kind != ENCRYPTION_CUSTOMER && to->kind != ENCRYPTION_CUSTOMER);
    after.context = from->context;
    enum status status = encryption_open(keys, NULL, from, place, &key);
    *opened = !status;
    if (!status)
        status = encryption_write(keys, NULL, &after, place, &key, description);
    explicit_bzero(&key, sizeof(key));
    return status;
}

bool encryption_is_unchanged(struct bytes attributes, const struct encryption *read)
{
    struct encryption now;

    return encryption_read(attributes, &now) == STATUS_OK && bytes_equal(now.front, read->front) &&
           bytes_equal(now.sealed, read->sealed);
}
