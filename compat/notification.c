/* Reading, checking and writing notification documents; see the header. Decoded text is never longer than its source,
 * so all texts share one allocation of the document's size and never move. */
#include "compat/notification.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/notification_internal.h"
#include "compat/xml_reader.h"
#include "compat/xml_writer.h"

#define DEPTH_MAX 6

enum notification_place { ROOT, RULE, ID, ARN, EVENT, FILTER, KEY, FILTER_RULE, NAME, VALUE, BRIDGE };

static const struct {
    const char *element, *arn, *service, *argument;
} kinds[] = {
    [NOTIFICATION_TOPIC] = {"TopicConfiguration", "Topic", "sns", "TopicArn"},
    [NOTIFICATION_QUEUE] = {"QueueConfiguration", "Queue", "sqs", "QueueArn"},
    [NOTIFICATION_FUNCTION] = {"CloudFunctionConfiguration", "CloudFunction", "lambda", "LambdaFunctionArn"},
};

/* What may stand in what, beside the configurations and their ARNs. */
static const struct {
    enum notification_place parent;
    const char *name;
    enum notification_place place;
    bool repeated;
} elements[] = {
    {ROOT, "EventBridgeConfiguration", BRIDGE, false},
    {RULE, "Id", ID, false},
    {RULE, "Event", EVENT, true},
    {RULE, "Filter", FILTER, false},
    {FILTER, "S3Key", KEY, false},
    {KEY, "FilterRule", FILTER_RULE, true},
    {FILTER_RULE, "Name", NAME, false},
    {FILTER_RULE, "Value", VALUE, false},
};

struct notification_parsing {
    struct notification_configuration *configuration;
    struct s3_error_details *error;
    size_t storage_len;
    enum notification_place places[DEPTH_MAX];
    uint32_t seen[DEPTH_MAX + 1]; /* of the children of what is open there */
    struct bytes name, value;     /* of the filter's rule that is open */
};

const char *notification_arn_argument(enum notification_kind kind)
{
    return kinds[kind].argument;
}

void notification_release(struct notification_configuration *configuration)
{
    free(configuration->rules);
    free(configuration->storage);
    *configuration = (struct notification_configuration){0};
}

/* ---- reading ------------------------------------------------------------------------------------------------------
 */

static struct notification_rule *rule_of(struct notification_parsing *parsing)
{
    return &parsing->configuration->rules[parsing->configuration->count - 1];
}

static struct bytes keep(struct notification_parsing *parsing, struct bytes text)
{
    char *place = parsing->configuration->storage + parsing->storage_len;

    if (text.len > 0)
        memcpy(place, text.data, text.len);
    parsing->storage_len += text.len;
    return bytes_of(place, text.len);
}

static enum status begin_rule(struct notification_parsing *parsing, enum notification_kind kind)
{
    struct notification_configuration *configuration = parsing->configuration;

    if (configuration->count == NOTIFICATION_RULES_MAX) {
        s3_error_setf(parsing->error, S3_INVALID_ARGUMENT, "A bucket has at most %d notification configurations.",
                      NOTIFICATION_RULES_MAX);
        return STATUS_INVALID;
    }
    if (!configuration->rules)
        configuration->rules = mem_alloc(NOTIFICATION_RULES_MAX * sizeof(*configuration->rules));
    configuration->rules[configuration->count++] = (struct notification_rule){.kind = kind};
    return STATUS_OK;
}

/* The place of an element of that name; ROOT: it may not be there. */
static enum notification_place find_place(struct notification_parsing *parsing, enum notification_place parent,
                                          const char *name, bool *repeated)
{
    *repeated = false;
    if (parent == RULE && strcmp(name, kinds[rule_of(parsing)->kind].arn) == 0)
        return ARN;
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
        if (elements[i].parent == parent && strcmp(name, elements[i].name) == 0) {
            *repeated = elements[i].repeated;
            return elements[i].place;
        }
    return ROOT;
}

static enum status on_open(void *arg, unsigned depth, const char *name)
{
    struct notification_parsing *parsing = arg;
    bool repeated;

    if (depth >= DEPTH_MAX)
        return STATUS_INVALID;
    parsing->seen[depth + 1] = 0;
    parsing->places[depth] = ROOT;
    if (depth == 0)
        return STATUS_OK;
    for (size_t i = 0; depth == 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(name, kinds[i].element) == 0) {
            parsing->places[depth] = RULE;
            return begin_rule(parsing, (enum notification_kind)i);
        }
    enum notification_place place = find_place(parsing, parsing->places[depth - 1], name, &repeated);
    uint32_t bit = UINT32_C(1) << place;
    if (place == ROOT || (!repeated && (parsing->seen[depth] & bit)))
        return STATUS_INVALID;
    parsing->seen[depth] |= bit;
    parsing->places[depth] = place;
    if (place == FILTER_RULE)
        parsing->name = parsing->value = (struct bytes){0};
    parsing->configuration->event_bridge |= place == BRIDGE;
    return STATUS_OK;
}

static enum status read_event(struct notification_parsing *parsing, struct bytes name)
{
    enum notification_event event = notification_event_find(name);

    if (event != NOTIFICATION_NONE) {
        rule_of(parsing)->events |= UINT64_C(1) << event;
        return STATUS_OK;
    }
    s3_error_argument(parsing->error, BYTES("Event"), keep(parsing, name),
                      "A specified event is not supported for notifications.");
    return STATUS_INVALID;
}

static enum status refuse_filter(struct notification_parsing *parsing, const char *name, struct bytes value,
                                 const char *text)
{
    s3_error_argument(parsing->error, bytes_from_str(name), value, "%s", text);
    return STATUS_INVALID;
}

static enum status end_filter_rule(struct notification_parsing *parsing)
{
    struct notification_rule *rule = rule_of(parsing);
    bool is_prefix = bytes_equal_nocase(parsing->name, "prefix");
    bool *has = is_prefix ? &rule->has_prefix : &rule->has_suffix;

    if (!is_prefix && !bytes_equal_nocase(parsing->name, "suffix"))
        return refuse_filter(parsing, "FilterRule.Name", parsing->name,
                             "filter rule name must be either prefix or suffix");
    if (*has)
        return refuse_filter(parsing, "FilterRule.Name", parsing->name,
                             is_prefix ? "Cannot specify more than one prefix rule in a filter."
                                       : "Cannot specify more than one suffix rule in a filter.");
    if (parsing->value.len > NOTIFICATION_VALUE_MAX)
        return refuse_filter(parsing, "FilterRule.Value", xml_writer_front(parsing->value, 128),
                             "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation");
    *has = true;
    *(is_prefix ? &rule->prefix : &rule->suffix) = parsing->value;
    return STATUS_OK;
}

static enum status end_rule(struct notification_parsing *parsing, uint32_t seen)
{
    struct notification_rule *rule = rule_of(parsing);

    rule->has_filter = (seen & UINT32_C(1) << FILTER) != 0;
    return (seen & UINT32_C(1) << ARN) && rule->events != 0 ? STATUS_OK : STATUS_INVALID;
}

static enum status on_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct notification_parsing *parsing = arg;

    (void)name;
    switch (parsing->places[depth]) {
    case RULE:
        return end_rule(parsing, parsing->seen[depth + 1]);
    case ID:
        rule_of(parsing)->id = keep(parsing, text);
        return STATUS_OK;
    case ARN:
        rule_of(parsing)->arn = keep(parsing, xml_text_trim(text));
        return STATUS_OK;
    case EVENT:
        return read_event(parsing, xml_text_trim(text));
    case NAME:
        parsing->name = keep(parsing, xml_text_trim(text));
        return STATUS_OK;
    case VALUE:
        parsing->value = keep(parsing, text);
        return STATUS_OK;
    case FILTER_RULE:
        return end_filter_rule(parsing);
    default:
        return STATUS_OK;
    }
}

enum status notification_parse(struct bytes document, struct notification_configuration *configuration,
                               struct s3_error_details *error)
{
    static const struct xml_handler handler = {on_open, on_close};
    struct notification_parsing parsing = {.configuration = configuration, .error = error};
    enum status status;

    *configuration = (struct notification_configuration){0};
    *error = (struct s3_error_details){0};
    if (document.len > NOTIFICATION_KEPT_BYTES_MAX)
        return STATUS_LIMIT;
    configuration->storage = mem_alloc(document.len + 1);
    status = xml_read(document, NOTIFICATION_KEPT_BYTES_MAX, "NotificationConfiguration", &handler, &parsing);
    for (size_t i = 0; !status && i < configuration->count; i++) {
        notification_target_find(&configuration->rules[i], kinds[configuration->rules[i].kind].service);
        configuration->events |= configuration->rules[i].events;
    }
    if (status && error->code == S3_ERROR_NONE)
        s3_error_set(error, S3_MALFORMED_XML);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

void notification_name_rules(struct notification_configuration *configuration, const uint8_t seed[12])
{
    uint8_t name[NOTIFICATION_ID_LEN / 2];

    for (size_t i = 0; i < configuration->count; i++) {
        struct notification_rule *rule = &configuration->rules[i];
        if (rule->id.len > 0)
            continue;
        memcpy(name, seed, 12);
        put_u32(name + 12, (uint32_t)i);
        hex_encode(name, sizeof(name), rule->made_id);
        rule->id = bytes_of(rule->made_id, NOTIFICATION_ID_LEN);
    }
}

static void write_filter_rule(struct xml_writer *writer, const char *name, struct bytes value)
{
    xml_writer_open(writer, "FilterRule");
    xml_writer_element_str(writer, "Name", name);
    xml_writer_element(writer, "Value", value);
    xml_writer_close(writer);
}

static void write_rule(struct xml_writer *writer, const struct notification_rule *rule)
{
    xml_writer_open(writer, kinds[rule->kind].element);
    xml_writer_element(writer, "Id", rule->id);
    xml_writer_element(writer, kinds[rule->kind].arn, rule->arn);
    for (int i = 1; i < NOTIFICATION_EVENT_COUNT; i++)
        if (rule->events & UINT64_C(1) << i)
            xml_writer_element_str(writer, "Event", notification_event_name((enum notification_event)i));
    if (rule->has_filter) {
        xml_writer_open(writer, "Filter");
        xml_writer_open(writer, "S3Key");
        if (rule->has_prefix)
            write_filter_rule(writer, "Prefix", rule->prefix);
        if (rule->has_suffix)
            write_filter_rule(writer, "Suffix", rule->suffix);
        xml_writer_close(writer);
        xml_writer_close(writer);
    }
    xml_writer_close(writer);
}

enum status notification_write(struct buffer *out, const struct notification_configuration *configuration)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "NotificationConfiguration");
    for (size_t i = 0; i < configuration->count; i++)
        write_rule(&writer, &configuration->rules[i]);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}
