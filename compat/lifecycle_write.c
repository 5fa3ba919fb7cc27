/* Writing a lifecycle document: what a GET gives back. */
#include <stdio.h>

#include "base/clock.h"
#include "compat/lifecycle.h"
#include "compat/xml_writer.h"

static const char *const minimum_names[] = {
    [LIFECYCLE_ALL_CLASSES_128K] = "all_storage_classes_128K", [LIFECYCLE_VARIES_BY_CLASS] = "varies_by_storage_class"};

const char *lifecycle_minimum_name(enum lifecycle_minimum minimum)
{
    return minimum_names[minimum];
}

enum status lifecycle_minimum_parse(struct bytes text, enum lifecycle_minimum *minimum)
{
    *minimum = LIFECYCLE_ALL_CLASSES_128K;
    if (!text.data || bytes_equal_str(text, minimum_names[LIFECYCLE_ALL_CLASSES_128K]))
        return STATUS_OK;
    *minimum = LIFECYCLE_VARIES_BY_CLASS;
    return bytes_equal_str(text, minimum_names[LIFECYCLE_VARIES_BY_CLASS]) ? STATUS_OK : STATUS_INVALID;
}

void lifecycle_name_rules(struct lifecycle_configuration *configuration, const uint8_t seed[12])
{
    uint8_t name[LIFECYCLE_GENERATED_ID_LEN / 2];

    for (size_t i = 0; i < configuration->count; i++) {
        struct lifecycle_rule *rule = &configuration->rules[i];
        if (rule->id.len > 0)
            continue;
        for (size_t j = 0; j < 12; j++)
            name[j] = seed[j];
        put_u32(name + 12, (uint32_t)i);
        hex_encode(name, sizeof(name), rule->generated_id);
        rule->generated_id[LIFECYCLE_GENERATED_ID_LEN] = '\0';
        rule->id = bytes_of(rule->generated_id, LIFECYCLE_GENERATED_ID_LEN);
    }
}

static void write_predicates(struct xml_writer *writer, const struct lifecycle_configuration *configuration,
                             const struct lifecycle_rule *rule)
{
    if (rule->has_prefix)
        xml_writer_element(writer, "Prefix", rule->prefix);
    for (size_t i = 0; i < rule->tags_count; i++) {
        const struct tag *tag = &configuration->tags[rule->tags_first + i];
        xml_writer_open(writer, "Tag");
        xml_writer_element(writer, "Key", tag->key);
        xml_writer_element(writer, "Value", tag->value);
        xml_writer_close(writer);
    }
    if (rule->has_greater)
        xml_writer_element_u64(writer, "ObjectSizeGreaterThan", rule->greater);
    if (rule->has_less)
        xml_writer_element_u64(writer, "ObjectSizeLessThan", rule->less);
}

static void write_filter(struct xml_writer *writer, const struct lifecycle_configuration *configuration,
                         const struct lifecycle_rule *rule)
{
    if (rule->old_prefix) {
        xml_writer_element(writer, "Prefix", rule->prefix);
        return;
    }
    xml_writer_open(writer, "Filter");
    if (rule->has_and)
        xml_writer_open(writer, "And");
    write_predicates(writer, configuration, rule);
    if (rule->has_and)
        xml_writer_close(writer);
    xml_writer_close(writer);
}

/* Numbers that passed the check are not negative; of one that did not, nothing is written. */
static void write_number(struct xml_writer *writer, const char *name, int64_t number)
{
    xml_writer_element_u64(writer, name, number > 0 ? (uint64_t)number : 0);
}

static void write_time(struct xml_writer *writer, const struct lifecycle_time *time, const char *days)
{
    if (time->by_date)
        xml_writer_element_time(writer, "Date", time->date_ms);
    else
        write_number(writer, days, time->days);
}

static void write_transitions(struct xml_writer *writer, const struct lifecycle_configuration *configuration,
                              const struct lifecycle_rule *rule)
{
    for (size_t i = 0; i < rule->transitions_count; i++) {
        const struct lifecycle_transition *transition = &configuration->transitions[rule->transitions_first + i];
        xml_writer_open(writer, transition->noncurrent ? "NoncurrentVersionTransition" : "Transition");
        write_time(writer, &transition->time, transition->noncurrent ? "NoncurrentDays" : "Days");
        if (transition->has_newer)
            write_number(writer, "NewerNoncurrentVersions", transition->newer);
        xml_writer_element_str(writer, "StorageClass", storage_class_name(transition->storage_class));
        xml_writer_close(writer);
    }
}

static void write_expiration(struct xml_writer *writer, const struct lifecycle_rule *rule)
{
    xml_writer_open(writer, "Expiration");
    if (rule->has_marker)
        xml_writer_element_bool(writer, "ExpiredObjectDeleteMarker", rule->expired_marker);
    else
        write_time(writer, &rule->expiration, "Days");
    xml_writer_close(writer);
}

static void write_rule(struct xml_writer *writer, const struct lifecycle_configuration *configuration,
                       const struct lifecycle_rule *rule)
{
    xml_writer_open(writer, "Rule");
    xml_writer_element(writer, "ID", rule->id);
    write_filter(writer, configuration, rule);
    xml_writer_element_str(writer, "Status", rule->enabled ? "Enabled" : "Disabled");
    write_transitions(writer, configuration, rule);
    if (rule->has_expiration)
        write_expiration(writer, rule);
    if (rule->has_noncurrent) {
        xml_writer_open(writer, "NoncurrentVersionExpiration");
        write_number(writer, "NoncurrentDays", rule->noncurrent_days);
        if (rule->has_newer)
            write_number(writer, "NewerNoncurrentVersions", rule->newer);
        xml_writer_close(writer);
    }
    if (rule->has_abort) {
        xml_writer_open(writer, "AbortIncompleteMultipartUpload");
        write_number(writer, "DaysAfterInitiation", rule->abort_days);
        xml_writer_close(writer);
    }
    xml_writer_close(writer);
}

enum status lifecycle_write(struct buffer *out, const struct lifecycle_configuration *configuration)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "LifecycleConfiguration");
    for (size_t i = 0; i < configuration->count; i++)
        write_rule(&writer, configuration, &configuration->rules[i]);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}
