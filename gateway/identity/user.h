/* A user: its row, from and to the directory. */
#ifndef TERCET_GATEWAY_IDENTITY_USER_H
#define TERCET_GATEWAY_IDENTITY_USER_H

#include <stdint.h>

#include "gateway/identity/directory.h"
#include "gateway/identity/lists.h"

/* All strings and lists are its own; to change one is to free it and put another in its place. */
struct identity_user {
    char *name, *path;
    char *id;           /* AIDA..., never given to another user */
    char *canonical_id; /* 64 hexadecimal digits, as ACLs name it */
    char *boundary;     /* ARN of a managed policy; NULL: none */
    int64_t created_ms;
    struct identity_names groups, attached, keys; /* names, ARNs of managed policies, ids of access keys */
    struct identity_texts tags, policies;         /* policies: inline */
};
/* A new one, with ids of its own, made now. */
void identity_user_create(struct identity_user *user, struct bytes name, struct bytes path);
/* NOT_FOUND; CORRUPT for a document that cannot be read. After any failure there is nothing to release. Suspends. */
enum status identity_user_load(struct meta *meta, struct bytes name, struct identity_user *user);
/* The same from a document that was listed. Does not suspend. */
enum status identity_user_read(struct bytes document, struct identity_user *user);
void identity_user_release(struct identity_user *user); /* idempotent */

/* Its row is to be that, or to go. Its keys and the indices (member, attached) are changed beside it. */
void identity_user_put(struct identity_changes *changes, const struct identity_user *user);
void identity_user_remove(struct identity_changes *changes, const char *name);

#endif
