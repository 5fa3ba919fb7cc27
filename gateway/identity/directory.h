/* The directory: who there is beside root, as rows of meta/identity.h. Here are the tables and their keys, the changes
 * that are committed together, ids and ARNs; a document has a file of its own (user.h, access_key.h, group.h,
 * managed_policy.h, role.h, oidc.h).
 *
 *     user/NAME  key/AKIA...  group/NAME  role/NAME  policy/NAME  oidc/HOST/PATH
 *     member/GROUP/USER  attached/POLICY/user|group|role/NAME  bounded/POLICY/user|role/NAME      indices, whose
 * documents say nothing
 *
 * A change is made so:  do { generation = meta_identity_generation(meta); load what it depends on; decide; put what
 * changes into a struct identity_changes; status = identity_changes_commit(meta, generation, &changes); } while (status
 * == STATUS_CONFLICT), a bounded number of times. An index is changed with the document that it follows. */
#ifndef TERCET_GATEWAY_IDENTITY_DIRECTORY_H
#define TERCET_GATEWAY_IDENTITY_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"
#include "meta/identity.h"

enum identity_table {
    IDENTITY_USERS,
    IDENTITY_KEYS,
    IDENTITY_GROUPS,
    IDENTITY_MEMBERS, /* below a group */
    IDENTITY_ROLES,
    IDENTITY_POLICIES,
    IDENTITY_ATTACHED, /* below a policy: to whom */
    IDENTITY_PROVIDERS,
    IDENTITY_BOUNDED, /* below a policy: whose permissions boundary it is */
};

/* Changes to be committed together. Zero-initialise; release frees. */
struct identity_changes {
    struct meta_identity_change *changes;
    size_t count;
    bool bad; /* one of them cannot be written: a text that is no UTF-8, a name without end */
};
/* A row of an index is to be there, or not. who: IDENTITY_USERS, IDENTITY_GROUPS or IDENTITY_ROLES. */
void identity_member_change(struct identity_changes *changes, const char *group, const char *user, bool there);
void identity_attached_change(struct identity_changes *changes, const char *policy, enum identity_table who,
                              const char *name, bool there);
void identity_bounded_change(struct identity_changes *changes, const char *policy, enum identity_table who,
                             const char *name, bool there); /* a user or a role */
/* As meta_identity_update, and INVALID for what cannot be written. The changes are as before. */
enum status identity_changes_commit(struct meta *meta, uint64_t generation, const struct identity_changes *changes);
void identity_changes_release(struct identity_changes *changes);

/* One that cannot be made was asked for: none of them will be. */
void identity_changes_spoil(struct identity_changes *changes);
/* What a document's file is made of: the row of that name is to be that document, which is taken over; NULL: it goes.
 * below: of an index, else "". */
void identity_changes_add(struct identity_changes *changes, enum identity_table table, const char *below,
                          const char *name, char *take_document);
/* Appends the row's document. NOT_FOUND. Suspends. */
enum status identity_row_load(struct meta *meta, enum identity_table table, struct bytes name, struct buffer *document);

/* The same as of the view's moment. Does not suspend. */
enum status identity_row_view(const struct meta_identity_view *view, enum identity_table table, struct bytes name,
                              struct buffer *document);

/* The rows of a table behind the name `after` (empty: from the first), at most max, by their names in lower case.
 * below: of MEMBERS the group, of ATTACHED policy and kind as in `readers/user`; else "". Release the page. Suspends.
 */
enum status identity_rows_list(struct meta *meta, enum identity_table table, const char *below, struct bytes after,
                               size_t max, struct meta_identity_page *page);
/* The name in the row's key, which is in lower case: what is behind the last '/', of a provider behind the first. */
struct bytes identity_row_name(const struct meta_identity_row *row);

#define IDENTITY_ID_LEN        21 /* AIDA and 17 of A-Z2-7; keys have 20 */
#define IDENTITY_CANONICAL_LEN 64
/* A new id that begins so: AIDA of a user, AGPA of a group, AROA of a role, ANPA of a policy. */
void identity_id_create(const char *prefix, char id[IDENTITY_ID_LEN + 1]);
void identity_canonical_id_create(char id[IDENTITY_CANONICAL_LEN + 1]); /* in hex */

/* arn:aws:iam::ACCOUNT:KIND/path/name; kind: user, group, role, policy. To be freed. */
char *identity_arn(const char *account, const char *kind, const char *path, const char *name);
/* The way back. INVALID when it is not of that account and kind. path has its slashes at both ends. */
enum status identity_arn_parse(struct bytes arn, const char *account, const char *kind, struct bytes *path,
                               struct bytes *name);

#endif
