/* An OpenID Connect provider, whose tokens roles may trust: its row, from and to the directory. */
#ifndef TERCET_GATEWAY_IDENTITY_OIDC_H
#define TERCET_GATEWAY_IDENTITY_OIDC_H

#include <stdint.h>

#include "gateway/identity/directory.h"
#include "gateway/identity/lists.h"

struct identity_provider {
    char *url; /* host and path, without scheme: what its ARN ends with */
    int64_t created_ms;
    struct identity_names clients, thumbprints;
    struct identity_texts tags;
};
/* A new one, made now. */
void identity_provider_create(struct identity_provider *provider, struct bytes url);
/* NOT_FOUND; CORRUPT for a document that cannot be read. After any failure there is nothing to release. Suspends. */
enum status identity_provider_load(struct meta *meta, struct bytes url, struct identity_provider *provider);
/* The same from a document that was listed. Does not suspend. */
enum status identity_provider_read(struct bytes document, struct identity_provider *provider);
void identity_provider_release(struct identity_provider *provider); /* idempotent */

void identity_provider_put(struct identity_changes *changes, const struct identity_provider *provider);
void identity_provider_remove(struct identity_changes *changes, const char *url);

#endif
