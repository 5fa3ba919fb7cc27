/* What new objects of a bucket are encrypted with when their requests do not say it. */
#ifndef TERCET_GATEWAY_DEFAULT_ENCRYPTION_H
#define TERCET_GATEWAY_DEFAULT_ENCRYPTION_H

#include "compat/bucket_encryption.h"
#include "gateway/gateway.h"
#include "gateway/object/encryption.h"
#include "meta/bucket_settings.h"

/* meta_setting_kind.parse: *parsed is a struct bucket_encryption. */
enum status bucket_encryption_setting_parse(struct bytes document, void **parsed);
/* The bucket's setting, with -encrypt-all where it says nothing. INTERNAL: it is set and cannot be read, so that
 * nothing may be written. */
enum status default_encryption(const struct gateway *gateway, const struct meta_settings *settings,
                               struct bucket_encryption *encryption);
enum encryption_kind encryption_kind_of(enum sse_method method);
/* The key of an object that nobody asks to be encrypted in any way, and its description (META_ATTRIBUTE_SEALED), which
 * stays empty where the bucket has no encryption; the caller wipes the key. NOT_FOUND: there is no such key, or it is
 * retired; UNAVAILABLE, INTERNAL as above. Suspends. */
enum status default_encryption_describe(const struct gateway *gateway, const struct meta_settings *settings,
                                        const struct encryption_place *place, struct object_key *key,
                                        struct buffer *description);

#endif
