/* What the sections of the bootstrap file have: for each one a function that reads an entry, compares it with what is
 * there, and says what is to change. */
#ifndef TERCET_GATEWAY_BOOTSTRAP_SECTIONS_H
#define TERCET_GATEWAY_BOOTSTRAP_SECTIONS_H

#include "gateway/bootstrap/entry.h"

/* What becomes of an entry; UNCHANGED when nothing is in the changes. */
enum outcome { OUTCOME_UNCHANGED, OUTCOME_MADE, OUTCOME_CHANGED, OUTCOME_REMOVED };

/* Adds to the changes what is to become of one entry, and says what it is: called again, with none, when somebody else
 * changed something meanwhile. */
enum status bootstrap_policy(const struct section_entry *entry, struct identity_changes *changes,
                             enum outcome *outcome);
enum status bootstrap_group(const struct section_entry *entry, struct identity_changes *changes, enum outcome *outcome);
enum status bootstrap_role(const struct section_entry *entry, struct identity_changes *changes, enum outcome *outcome);
enum status bootstrap_user(const struct section_entry *entry, struct identity_changes *changes, enum outcome *outcome);
/* Buckets are no rows of the directory: what is to change is changed. */
enum status bootstrap_bucket(const struct section_entry *entry, enum outcome *outcome);

/* ---- what users, groups and roles have in common (entity.c) ---------------------------------------------------- */

/* Its lists: what they are now, and what the entry says is brought in. exact: what it does not name goes. */
struct entity {
    const struct section_entry *entry;
    struct identity_changes *changes;
    enum identity_table table; /* for the index of attached policies */
    const char *name;
    bool exact;
};
/* What each entry has: no other fields than these, "name", which becomes the entity's, "absent" and "exact". */
enum status entity_open(struct entity *entity, const char *const *fields, bool *absent);
/* Of the field "attached", names or ARNs of managed policies, which have to be there; in order. */
enum status entity_attach(const struct entity *entity, struct identity_names *attached);
/* Of the field "policies", an object of names and policies; all together of at most chars_max. */
enum status entity_policies(const struct entity *entity, size_t chars_max, struct identity_texts *policies);
enum status entity_tags(const struct entity *entity, struct identity_texts *tags);
/* Of the field "boundary": a managed policy, by name or ARN. */
enum status entity_boundary(const struct entity *entity, char **boundary);
/* Of one that goes: whose boundary it had (NULL: none) says so no more. */
void entity_unbound(const struct entity *entity, const char *boundary);
/* Sets *path to the field "path", "/" when it has to be made; checked. */
enum status entity_path(const struct section_entry *entry, bool of_policy, const char **path);
/* Detaches all: of one that goes. */
void entity_detach(const struct entity *entity, const struct identity_names *attached);
/* A text that may change, NULL when the field is not there. */
void entity_set_text(char **text, const char *value);

#endif
