/* Fields of the bootstrap file; see the header. */
#include "gateway/bootstrap/entry.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "compat/tags.h"

/* ---- problems ------------------------------------------------------------------------------------------------- */

enum status entry_fail(const struct section_entry *entry, const char *field, const char *format, ...)
{
    char *problem = entry->bootstrap->report->problem;
    int len = snprintf(problem, BOOTSTRAP_PROBLEM_MAX, "%s%s%s: ", entry->place, field && entry->place[0] ? "." : "",
                       field ? field : "");
    va_list arguments;

    va_start(arguments, format);
    if (len >= 0 && len < BOOTSTRAP_PROBLEM_MAX)
        vsnprintf(problem + len, (size_t)(BOOTSTRAP_PROBLEM_MAX - len), format, arguments);
    va_end(arguments);
    return STATUS_INVALID;
}

enum status entry_fail_iam(const struct section_entry *entry, const char *field, const struct iam_error *error)
{
    return entry_fail(entry, field, "%s", error->message);
}

static bool is_known(const char *field, const char *const *known)
{
    while (*known && strcmp(field, *known) != 0)
        known++;
    return *known != NULL;
}

enum status entry_check_fields(const struct section_entry *entry, const char *const *known)
{
    const char *field;
    json_t *value;

    json_object_foreach (entry->object, field, value)
        if (!is_known(field, known))
            return entry_fail(entry, NULL, "the field \"%.64s\" is not known", field);
    return STATUS_OK;
}

enum status entry_open(const struct section_entry *above, const char *field, size_t i, struct section_entry *entry)
{
    *entry = (struct section_entry){.bootstrap = above->bootstrap,
                                    .object = json_array_get(json_object_get(above->object, field), i)};
    snprintf(entry->place, sizeof(entry->place), "%.160s%s%.48s[%zu]", above->place, above->place[0] ? "." : "", field,
             i);
    return json_is_object(entry->object) ? STATUS_OK : entry_fail(entry, NULL, "an object is needed");
}

/* ---- simple fields -------------------------------------------------------------------------------------------- */

enum status entry_text(const struct section_entry *entry, const char *field, bool required, const char **text)
{
    json_t *value = json_object_get(entry->object, field);

    *text = json_string_value(value);
    if (!value)
        return required ? entry_fail(entry, field, "it is missing") : STATUS_OK;
    if (!*text || strlen(*text) != json_string_length(value))
        return entry_fail(entry, field, "a text is needed");
    return STATUS_OK;
}

enum status entry_bool(const struct section_entry *entry, const char *field, bool *value)
{
    json_t *found = json_object_get(entry->object, field);

    if (found && !json_is_boolean(found))
        return entry_fail(entry, field, "true or false is needed");
    if (found)
        *value = json_is_true(found);
    return STATUS_OK;
}

enum status entry_integer(const struct section_entry *entry, const char *field, int64_t min, int64_t max,
                          int64_t *value)
{
    json_t *found = json_object_get(entry->object, field);

    if (found && (!json_is_integer(found) || json_integer_value(found) < min || json_integer_value(found) > max))
        return entry_fail(entry, field, "a number from %lld to %lld is needed", (long long)min, (long long)max);
    if (found)
        *value = json_integer_value(found);
    return STATUS_OK;
}

enum status entry_array(const struct section_entry *entry, const char *field, json_t **array)
{
    *array = json_object_get(entry->object, field);
    return !*array || json_is_array(*array) ? STATUS_OK : entry_fail(entry, field, "a list is needed");
}

enum status entry_names(const struct section_entry *entry, const char *field, struct identity_names *names)
{
    json_t *array, *value;
    size_t i;
    enum status status = entry_array(entry, field, &array);

    if (status)
        return status;
    json_array_foreach(array, i, value)
    {
        if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
            return entry_fail(entry, field, "a list of texts is needed");
        if (!identity_names_add(names, bytes_from_str(json_string_value(value))))
            return entry_fail(entry, field, "\"%.128s\" is in it twice", json_string_value(value));
    }
    return STATUS_OK;
}

/* ---- tags ----------------------------------------------------------------------------------------------------- */

static enum status check_tags(const struct section_entry *entry, const struct identity_texts *tags)
{
    struct tag *list = mem_alloc((tags->count ? tags->count : 1) * sizeof(*list));
    const struct tag_set set = {.tags = list, .count = tags->count};
    struct s3_error_details error = {0};

    for (size_t i = 0; i < tags->count; i++)
        list[i] = (struct tag){bytes_from_str(tags->items[i].name), bytes_from_str(tags->items[i].text)};
    enum status status = tag_set_check_bucket(&set, &error);
    free(list);
    return status ? entry_fail(entry, "tags", "%s", error.message) : STATUS_OK;
}

enum status entry_tags(const struct section_entry *entry, struct identity_texts *tags)
{
    json_t *object = json_object_get(entry->object, "tags"), *value;
    const char *key;

    if (object && !json_is_object(object))
        return entry_fail(entry, "tags", "an object is needed");
    if (json_object_size(object) > TAGS_OF_BUCKET_MAX)
        return entry_fail(entry, "tags", "there are more than %d", TAGS_OF_BUCKET_MAX);
    json_object_foreach (object, key, value) {
        const char *text = json_string_value(value);
        if (!text || strlen(text) != json_string_length(value))
            return entry_fail(entry, "tags", "the value of \"%.128s\" has to be a text", key);
        if (identity_texts_find(tags, bytes_from_str(key)))
            return entry_fail(entry, "tags", "\"%.128s\" is there twice", key);
        identity_texts_set(tags, bytes_from_str(key), bytes_from_str(text));
    }
    return check_tags(entry, tags);
}

/* ---- policies ------------------------------------------------------------------------------------------------- */

static enum status check_policy(const struct section_entry *entry, const char *field, const struct entry_policy *rule,
                                struct bytes text)
{
    struct policy *policy = NULL;
    struct policy_problem problem;
    struct iam_error error;

    if (rule->kind != POLICY_BUCKET && iam_document_check(text, "policyDocument", &error))
        return entry_fail_iam(entry, field, &error);
    if (policy_parse(text, rule->kind, rule->bucket, &policy, &problem))
        return entry_fail(entry, field, "%s", problem.text);
    policy_free(policy);
    if (policy_quota_chars(text) > rule->chars_max)
        return entry_fail(entry, field, "it has more than %zu characters", rule->chars_max);
    return STATUS_OK;
}

enum status entry_policy(const struct section_entry *entry, const char *field, const struct entry_policy *rule,
                         char **document)
{
    json_t *value = json_object_get(entry->object, field);
    enum status status;

    *document = NULL;
    if (!value)
        return rule->required ? entry_fail(entry, field, "it is missing") : STATUS_OK;
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
        *document = mem_strdup(json_string_value(value));
    else if (json_is_object(value))
        *document = json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (!*document)
        return entry_fail(entry, field, "a policy is needed: an object, or a text that is one");
    status = check_policy(entry, field, rule, bytes_from_str(*document));
    if (status) {
        free(*document);
        *document = NULL;
    }
    return status;
}

bool entry_same_json(const char *a, const char *b)
{
    json_t *first, *second;
    bool same;

    if (strcmp(a, b) == 0)
        return true;
    first = json_loads(a, 0, NULL);
    second = json_loads(b, 0, NULL);
    same = first && second && json_equal(first, second);
    json_decref(first);
    json_decref(second);
    return same;
}
