/* One entry of a section of the bootstrap file, and reading its fields: each that is there has to be known, of its
 * type, and within its bounds. The first problem ends it all, and is said with its place: users[2].keys[0].id. */
#ifndef TERCET_GATEWAY_BOOTSTRAP_ENTRY_H
#define TERCET_GATEWAY_BOOTSTRAP_ENTRY_H

#include <jansson.h>

#include "compat/iam_error.h"
#include "compat/policy.h"
#include "gateway/bootstrap/bootstrap.h"
#include "gateway/identity/directory.h"
#include "gateway/identity/lists.h"

#define ENTRY_PLACE_MAX 256

struct bootstrap {
    struct gateway *gateway;
    struct bootstrap_report *report;
};

struct section_entry {
    struct bootstrap *bootstrap;
    json_t *object;              /* the file's */
    char place[ENTRY_PLACE_MAX]; /* users[2] */
};

/* Always INVALID, and the problem: place, field (NULL: none), text. */
enum status entry_fail(const struct section_entry *entry, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum status entry_fail_iam(const struct section_entry *entry, const char *field, const struct iam_error *error);
/* known ends with NULL. */
enum status entry_check_fields(const struct section_entry *entry, const char *const *known);
/* The entry that is the i-th of the array in that field. INVALID: it is no object. */
enum status entry_open(const struct section_entry *above, const char *field, size_t i, struct section_entry *entry);

/* *text is the file's, NULL when the field is not there, which is a problem if it is required. */
enum status entry_text(const struct section_entry *entry, const char *field, bool required, const char **text);
/* *value stays as it was when the field is not there. */
enum status entry_bool(const struct section_entry *entry, const char *field, bool *value);
enum status entry_integer(const struct section_entry *entry, const char *field, int64_t min, int64_t max,
                          int64_t *value);
/* *array: NULL when the field is not there. Of objects; of texts for entry_names, which adds them. */
enum status entry_array(const struct section_entry *entry, const char *field, json_t **array);
enum status entry_names(const struct section_entry *entry, const char *field, struct identity_names *names);
/* An object of names and texts: of tags. */
enum status entry_tags(const struct section_entry *entry, struct identity_texts *tags);

/* A policy, written as an object or as a text; *document is to be freed. NULL when the field is not there, which is a
 * problem if it is required. It is one of that kind, of at most so many characters (policy_quota_chars). bucket: of
 * POLICY_BUCKET. */
struct entry_policy {
    enum policy_kind kind;
    struct bytes bucket;
    size_t chars_max;
    bool required;
};
enum status entry_policy(const struct section_entry *entry, const char *field, const struct entry_policy *rule,
                         char **document);
/* Do both texts say the same as JSON? */
bool entry_same_json(const char *a, const char *b);

#endif
