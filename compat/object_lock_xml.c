/* The documents of object lock: a bucket's configuration, a version's retention and its legal hold; see the header. An
 * unknown element makes a document malformed: what nobody reads must not be taken for a lock. */
#include <string.h>

#include "base/clock.h"
#include "compat/object_lock.h"
#include "compat/xml_reader.h"
#include "compat/xml_writer.h"

#define VALUE_MAX 40 /* of any of the texts: a date with its fraction */

/* A text that is given once. */
struct word {
    char text[VALUE_MAX + 1];
    size_t len;
    bool given;
};

static enum status word_take(struct word *word, struct bytes text)
{
    text = xml_text_trim(text);
    if (word->given || text.len > VALUE_MAX)
        return STATUS_INVALID;
    word->given = true;
    word->len = text.len;
    if (text.len > 0)
        memcpy(word->text, text.data, text.len);
    return STATUS_OK;
}

static struct bytes word_text(const struct word *word)
{
    return bytes_of(word->text, word->len);
}

/* An element that a document may have: where, and what its text goes to (NULL: it has children). */
struct element {
    const char *name, *parent;
    struct word *word;
};
struct lock_reading {
    const struct element *elements;
    size_t count;
    const char *path[XML_DEPTH_MAX]; /* the open ones, the root first */
    bool seen[16];
};

static const struct element *element_find(const struct lock_reading *reading, unsigned depth, const char *name,
                                          size_t *at)
{
    for (size_t i = 0; i < reading->count; i++)
        if (strcmp(reading->elements[i].name, name) == 0 &&
            strcmp(reading->elements[i].parent, reading->path[depth - 1]) == 0) {
            *at = i;
            return &reading->elements[i];
        }
    return NULL;
}

static enum status on_open(void *arg, unsigned depth, const char *name)
{
    struct lock_reading *reading = arg;
    const struct element *element;
    size_t at;

    if (depth == 0) {
        reading->path[0] = ""; /* whatever the root is called */
        return STATUS_OK;
    }
    element = depth < XML_DEPTH_MAX ? element_find(reading, depth, name, &at) : NULL;
    if (!element || reading->seen[at])
        return STATUS_INVALID;
    reading->path[depth] = element->name;
    reading->seen[at] = true;
    return STATUS_OK;
}

static enum status on_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct lock_reading *reading = arg;
    size_t at;

    if (depth == 0)
        return STATUS_OK;
    const struct element *element = element_find(reading, depth, name, &at);
    return element && element->word ? word_take(element->word, text) : STATUS_OK;
}

static enum status read_document(struct bytes document, const char *root, struct lock_reading *reading)
{
    static const struct xml_handler handler = {on_open, on_close};

    return xml_read(document, LOCK_XML_BYTES_MAX, root, &handler, reading);
}

static enum status malformed(struct s3_error_details *error)
{
    s3_error_set(error, S3_MALFORMED_XML);
    return STATUS_INVALID;
}

/* ---- of a bucket ------------------------------------------------------------------------------------------------ */

static bool is_number(struct bytes text)
{
    size_t i = text.len > 0 && text.data[0] == '-';

    if (i == text.len)
        return false;
    for (; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

static enum status parse_period(const char *name, struct bytes text, uint32_t max, uint32_t *value,
                                struct s3_error_details *error)
{
    uint64_t number = 0;

    if (!is_number(text))
        return malformed(error);
    if (text.data[0] != '-' && bytes_parse_u64(text, max, &number))
        return lock_refuse(name, text, "Default retention period too large.", error);
    if (number == 0)
        return lock_refuse(name, text, "Default retention period must be a positive integer value.", error);
    *value = (uint32_t)number;
    return STATUS_OK;
}

static enum status parse_default(const struct word *days, const struct word *years, struct lock_duration *duration,
                                 struct s3_error_details *error)
{
    if (days->given && years->given)
        return malformed(error);
    if (days->given)
        return parse_period("Days", word_text(days), LOCK_DAYS_MAX, &duration->days, error);
    if (years->given)
        return parse_period("Years", word_text(years), LOCK_YEARS_MAX, &duration->years, error);
    return STATUS_OK;
}

enum status lock_configuration_parse(struct bytes document, struct lock_rule *rule, struct s3_error_details *error)
{
    struct word enabled = {0}, mode = {0}, days = {0}, years = {0}, hold_days = {0}, hold_years = {0};
    const struct element elements[] = {
        {"ObjectLockEnabled", "", &enabled},
        {"Rule", "", NULL},
        {"DefaultRetention", "Rule", NULL},
        {"Mode", "DefaultRetention", &mode},
        {"Days", "DefaultRetention", &days},
        {"Years", "DefaultRetention", &years},
        {"DefaultEventHold", "DefaultRetention", NULL},
        {"Days", "DefaultEventHold", &hold_days},
        {"Years", "DefaultEventHold", &hold_years},
    };
    struct lock_reading reading = {.elements = elements, .count = sizeof(elements) / sizeof(elements[0])};
    bool has_rule, has_hold;

    *rule = (struct lock_rule){0};
    if (read_document(document, "ObjectLockConfiguration", &reading) ||
        !bytes_equal_str(word_text(&enabled), "Enabled"))
        return malformed(error);
    has_rule = reading.seen[1];
    has_hold = reading.seen[6];
    if (!has_rule)
        return STATUS_OK;
    if (!lock_mode_parse(word_text(&mode), &rule->mode) || (!days.given && !years.given && !has_hold) ||
        (has_hold && !hold_days.given && !hold_years.given))
        return malformed(error);
    enum status status = parse_default(&days, &years, &rule->retention, error);
    return status ? status : parse_default(&hold_days, &hold_years, &rule->event_hold, error);
}

static void write_duration(struct xml_writer *writer, const struct lock_duration *duration)
{
    if (duration->days > 0)
        xml_writer_element_u64(writer, "Days", duration->days);
    if (duration->years > 0)
        xml_writer_element_u64(writer, "Years", duration->years);
}

enum status lock_configuration_write(struct buffer *out, const struct lock_rule *rule)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "ObjectLockConfiguration");
    xml_writer_element_str(&writer, "ObjectLockEnabled", "Enabled");
    if (rule->mode != LOCK_MODE_NONE) {
        xml_writer_open(&writer, "Rule");
        xml_writer_open(&writer, "DefaultRetention");
        xml_writer_element_str(&writer, "Mode", lock_mode_name(rule->mode));
        write_duration(&writer, &rule->retention);
        if (lock_duration_is_set(&rule->event_hold)) {
            xml_writer_open(&writer, "DefaultEventHold");
            write_duration(&writer, &rule->event_hold);
            xml_writer_close(&writer);
        }
        xml_writer_close(&writer);
        xml_writer_close(&writer);
    }
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}

/* ---- of a version ----------------------------------------------------------------------------------------------- */

static enum status parse_hold_duration(const struct word *days, const struct word *years,
                                       struct lock_duration *duration, struct s3_error_details *error)
{
    if (days->given == years->given)
        return malformed(error);
    if (days->given)
        return lock_duration_parse("Days", word_text(days), LOCK_DAYS_MAX, &duration->days, error);
    return lock_duration_parse("Years", word_text(years), LOCK_YEARS_MAX, &duration->years, error);
}

enum status lock_retention_parse(struct bytes document, int64_t now_ms, struct lock_retention *retention,
                                 struct s3_error_details *error)
{
    struct word mode = {0}, until = {0}, hold = {0}, days = {0}, years = {0};
    const struct element elements[] = {
        {"Mode", "", &mode},
        {"RetainUntilDate", "", &until},
        {"EventHold", "", &hold},
        {"EventHoldDuration", "", NULL},
        {"Days", "EventHoldDuration", &days},
        {"Years", "EventHoldDuration", &years},
    };
    struct lock_reading reading = {.elements = elements, .count = sizeof(elements) / sizeof(elements[0])};
    enum status status = STATUS_OK;

    *retention = (struct lock_retention){0};
    if (read_document(document, "Retention", &reading))
        return malformed(error);
    bool has_duration = reading.seen[3];
    if (!mode.given && !until.given && !hold.given && !has_duration)
        return STATUS_OK;
    if (!lock_mode_parse(word_text(&mode), &retention->mode) || (!until.given && !hold.given) ||
        (hold.given && !lock_hold_parse(word_text(&hold), &retention->event_hold)) || (has_duration && !hold.given) ||
        (until.given && clock_parse_iso8601(word_text(&until), &retention->until_ms)))
        return malformed(error);
    if (has_duration)
        status = parse_hold_duration(&days, &years, &retention->duration, error);
    if (!status && until.given)
        status = lock_check_future("RetainUntilDate", word_text(&until), retention->until_ms, now_ms, error);
    return status;
}

enum status lock_retention_write(struct buffer *out, const struct lock_retention *retention, int64_t now_ms)
{
    struct xml_writer writer;
    char end[CLOCK_TEXT_MAX];

    clock_format_iso8601_ms(lock_retention_end(retention, now_ms), end);
    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "Retention");
    xml_writer_element_str(&writer, "Mode", lock_mode_name(retention->mode));
    xml_writer_element_str(&writer, "RetainUntilDate", end);
    if (retention->event_hold != LOCK_HOLD_NONE)
        xml_writer_element_str(&writer, "EventHold", lock_hold_name(retention->event_hold));
    if (retention->event_hold == LOCK_HOLD_ON) {
        xml_writer_open(&writer, "EventHoldDuration");
        write_duration(&writer, &retention->duration);
        xml_writer_close(&writer);
    }
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}

enum status lock_legal_hold_parse(struct bytes document, enum lock_hold *hold, struct s3_error_details *error)
{
    struct word word = {0};
    const struct element elements[] = {{"Status", "", &word}};
    struct lock_reading reading = {.elements = elements, .count = 1};

    *hold = LOCK_HOLD_NONE;
    if (read_document(document, "LegalHold", &reading) || !lock_hold_parse(word_text(&word), hold))
        return malformed(error);
    return STATUS_OK;
}

enum status lock_legal_hold_write(struct buffer *out, enum lock_hold hold)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "LegalHold");
    xml_writer_element_str(&writer, "Status", lock_hold_name(hold));
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}
