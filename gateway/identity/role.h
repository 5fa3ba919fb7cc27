/* A role: its row, from and to the directory. */
#ifndef TERCET_GATEWAY_IDENTITY_ROLE_H
#define TERCET_GATEWAY_IDENTITY_ROLE_H

#include <stdint.h>

#include "gateway/identity/directory.h"
#include "gateway/identity/lists.h"

struct identity_role {
    char *name, *path;
    char *id;          /* AROA..., never given to another role: sessions name it */
    char *description; /* NULL: none */
    char *trust;       /* the policy that says who may assume it */
    char *boundary;    /* ARN of a managed policy; NULL: none */
    int64_t created_ms;
    int64_t session_seconds_max;
    int64_t revoked_before_ms;            /* sessions that began before are void; 0: none are */
    struct identity_names attached;       /* ARNs of managed policies */
    struct identity_texts tags, policies; /* policies: inline */
};
/* A new one, with an id of its own, made now, for sessions of an hour. */
void identity_role_create(struct identity_role *role, struct bytes name, struct bytes path, struct bytes trust);
/* NOT_FOUND; CORRUPT for a document that cannot be read. After any failure there is nothing to release. Suspends. */
enum status identity_role_load(struct meta *meta, struct bytes name, struct identity_role *role);
/* The same from a document that was listed. Does not suspend. */
enum status identity_role_read(struct bytes document, struct identity_role *role);
void identity_role_release(struct identity_role *role); /* idempotent */

/* Its row is to be that, or to go; the index ATTACHED is changed beside it. */
void identity_role_put(struct identity_changes *changes, const struct identity_role *role);
void identity_role_remove(struct identity_changes *changes, const char *name);

#endif
