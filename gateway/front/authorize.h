/* Who may do what: the only place that decides, for the operation that was asked for, for the source of a copy, and for
 * each key of a batch. Pure: the answer depends on nothing but the arguments. What no grant names is denied. */
#ifndef TERCET_GATEWAY_AUTHORIZE_H
#define TERCET_GATEWAY_AUTHORIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* What an action is done to. */
enum resource_kind {
    RESOURCE_NONE,   /* the gateway itself, or all buckets */
    RESOURCE_BUCKET, /* a bucket, there or not */
    RESOURCE_OBJECT, /* a key, there or not */
    RESOURCE_LISTED, /* keys of a bucket that the body names: allowed when it could be for one of them, and the handler
                        asks again for each */
};
struct resource {
    enum resource_kind kind;
    struct bytes bucket, key; /* decoded, the very bytes that are looked up */
};

/* One permission. A text that ends in '*' stands for all that begin so. */
struct grant {
    const char *action; /* as in the table of operations: s3:GetObject, tercet:UseFiles */
    bool local_only;    /* only as far as the request comes from this host itself */
    const char *bucket; /* NULL: any, and RESOURCE_NONE too */
    const char *key;    /* NULL: any, and the bucket itself too */
};

/* Who asks. All zero is somebody unknown, who has what everybody has. */
struct principal {
    struct bytes access_key; /* empty: no signature was verified */
    const struct grant *grants;
    size_t grant_count;
};
extern const struct principal principal_unknown, principal_root, principal_files; /* the last: the files token's */

/* What else a decision may depend on. */
struct request_context {
    bool local; /* sent from this host, by no page of another site and through no proxy: identify.c */
};

bool authorize(const struct principal *principal, const char *action, const struct resource *resource,
               const struct request_context *context);

#endif
