/* A group of users: its row, from and to the directory. Who is in it says each user, and the index MEMBERS. */
#ifndef TERCET_GATEWAY_IDENTITY_GROUP_H
#define TERCET_GATEWAY_IDENTITY_GROUP_H

#include <stdint.h>

#include "gateway/identity/directory.h"
#include "gateway/identity/lists.h"

struct identity_group {
    char *name, *path;
    char *id; /* AGPA... */
    int64_t created_ms;
    struct identity_names attached; /* ARNs of managed policies */
    struct identity_texts policies; /* inline */
};
/* A new one, with an id of its own, made now. */
void identity_group_create(struct identity_group *group, struct bytes name, struct bytes path);
/* NOT_FOUND; CORRUPT for a document that cannot be read. After any failure there is nothing to release. Suspends. */
enum status identity_group_load(struct meta *meta, struct bytes name, struct identity_group *group);
/* The same from a document that was listed. Does not suspend. */
enum status identity_group_read(struct bytes document, struct identity_group *group);
void identity_group_release(struct identity_group *group); /* idempotent */

/* Its row is to be that, or to go; the indices are changed beside it. */
void identity_group_put(struct identity_changes *changes, const struct identity_group *group);
void identity_group_remove(struct identity_changes *changes, const char *name);

#endif
