/* Reading a lifecycle document. Decoded text is never longer than its source, so all texts share one allocation of the
 * document's size and never move. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "compat/lifecycle.h"
#include "compat/xml_reader.h"

enum lifecycle_place {
    ROOT,
    RULE,
    ID,
    STATUS,
    PREFIX,
    FILTER,
    AND,
    TAG,
    KEY,
    VALUE,
    GREATER,
    LESS,
    EXPIRATION,
    TRANSITION,
    NONCURRENT_EXPIRATION,
    NONCURRENT_TRANSITION,
    ABORT,
    DAYS,
    DATE,
    MARKER,
    CLASS,
    NONCURRENT_DAYS,
    NEWER,
    ABORT_DAYS,
};
#define BIT(place) (UINT32_C(1) << (place))
#define DEPTH_MAX  6

/* What may stand in what; all but the repeated once. */
static const struct element {
    enum lifecycle_place parent;
    const char *name;
    enum lifecycle_place place;
    bool repeated;
} elements[] = {
    {ROOT, "Rule", RULE, true},
    {RULE, "ID", ID, false},
    {RULE, "Status", STATUS, false},
    {RULE, "Prefix", PREFIX, false},
    {RULE, "Filter", FILTER, false},
    {RULE, "Expiration", EXPIRATION, false},
    {RULE, "Transition", TRANSITION, true},
    {RULE, "NoncurrentVersionExpiration", NONCURRENT_EXPIRATION, false},
    {RULE, "NoncurrentVersionTransition", NONCURRENT_TRANSITION, true},
    {RULE, "AbortIncompleteMultipartUpload", ABORT, false},
    {FILTER, "Prefix", PREFIX, false},
    {FILTER, "Tag", TAG, false},
    {FILTER, "ObjectSizeGreaterThan", GREATER, false},
    {FILTER, "ObjectSizeLessThan", LESS, false},
    {FILTER, "And", AND, false},
    {AND, "Prefix", PREFIX, false},
    {AND, "Tag", TAG, true},
    {AND, "ObjectSizeGreaterThan", GREATER, false},
    {AND, "ObjectSizeLessThan", LESS, false},
    {TAG, "Key", KEY, false},
    {TAG, "Value", VALUE, false},
    {EXPIRATION, "Days", DAYS, false},
    {EXPIRATION, "Date", DATE, false},
    {EXPIRATION, "ExpiredObjectDeleteMarker", MARKER, false},
    {TRANSITION, "Days", DAYS, false},
    {TRANSITION, "Date", DATE, false},
    {TRANSITION, "StorageClass", CLASS, false},
    {NONCURRENT_EXPIRATION, "NoncurrentDays", NONCURRENT_DAYS, false},
    {NONCURRENT_EXPIRATION, "NewerNoncurrentVersions", NEWER, false},
    {NONCURRENT_TRANSITION, "NoncurrentDays", NONCURRENT_DAYS, false},
    {NONCURRENT_TRANSITION, "NewerNoncurrentVersions", NEWER, false},
    {NONCURRENT_TRANSITION, "StorageClass", CLASS, false},
    {ABORT, "DaysAfterInitiation", ABORT_DAYS, false},
};

struct parsing {
    struct lifecycle_configuration *configuration;
    struct s3_error_details *error;
    size_t storage_len;
    enum lifecycle_place places[DEPTH_MAX];
    uint32_t seen[DEPTH_MAX + 1]; /* of the children of what is open there */
};

void lifecycle_release(struct lifecycle_configuration *configuration)
{
    free(configuration->rules);
    free(configuration->tags);
    free(configuration->transitions);
    free(configuration->storage);
    *configuration = (struct lifecycle_configuration){0};
}

static struct lifecycle_rule *rule_of(struct parsing *parsing)
{
    return &parsing->configuration->rules[parsing->configuration->count - 1];
}

/* One more of them; their number doubles. */
static void *grow(void *list, size_t count, size_t size)
{
    return (count & (count - 1)) == 0 ? mem_realloc(list, (count ? count * 2 : 1) * size) : list;
}

static void begin_rule(struct lifecycle_configuration *configuration)
{
    configuration->rules = grow(configuration->rules, configuration->count, sizeof(*configuration->rules));
    configuration->rules[configuration->count++] = (struct lifecycle_rule){
        .tags_first = configuration->tag_count, .transitions_first = configuration->transition_count};
}

static void begin_tag(struct parsing *parsing)
{
    struct lifecycle_configuration *configuration = parsing->configuration;

    configuration->tags = grow(configuration->tags, configuration->tag_count, sizeof(*configuration->tags));
    configuration->tags[configuration->tag_count++] = (struct tag){0};
    rule_of(parsing)->tags_count++;
}

static void begin_transition(struct parsing *parsing, bool noncurrent)
{
    struct lifecycle_configuration *configuration = parsing->configuration;

    configuration->transitions =
        grow(configuration->transitions, configuration->transition_count, sizeof(*configuration->transitions));
    configuration->transitions[configuration->transition_count++] =
        (struct lifecycle_transition){.noncurrent = noncurrent};
    rule_of(parsing)->transitions_count++;
}

static enum status begin(struct parsing *parsing, enum lifecycle_place place)
{
    if (place == RULE && parsing->configuration->count > LIFECYCLE_RULES_MAX)
        return STATUS_INVALID; /* the check names the first that is too many */
    if (place == RULE)
        begin_rule(parsing->configuration);
    else if (place == TAG)
        begin_tag(parsing);
    else if (place == TRANSITION || place == NONCURRENT_TRANSITION)
        begin_transition(parsing, place == NONCURRENT_TRANSITION);
    return STATUS_OK;
}

static enum status on_open(void *arg, unsigned depth, const char *name)
{
    struct parsing *parsing = arg;

    if (depth >= DEPTH_MAX)
        return STATUS_INVALID;
    parsing->seen[depth + 1] = 0;
    parsing->places[depth] = ROOT;
    if (depth == 0)
        return STATUS_OK;
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        const struct element *element = &elements[i];
        if (element->parent != parsing->places[depth - 1] || strcmp(name, element->name) != 0)
            continue;
        if (!element->repeated && (parsing->seen[depth] & BIT(element->place)))
            return STATUS_INVALID;
        parsing->seen[depth] |= BIT(element->place);
        parsing->places[depth] = element->place;
        return begin(parsing, element->place);
    }
    return STATUS_INVALID;
}

static struct bytes keep(struct parsing *parsing, struct bytes text)
{
    char *copy = parsing->configuration->storage + parsing->storage_len;

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    parsing->storage_len += text.len;
    return bytes_of(copy, text.len);
}

/* A number may be negative: AWS says what it must be, which is the check's. */
static enum status read_number(struct bytes text, int64_t *number)
{
    uint64_t value;
    bool negative;

    text = xml_text_trim(text);
    negative = text.len > 0 && text.data[0] == '-';
    if (negative)
        text = bytes_of(text.data + 1, text.len - 1);
    if (bytes_parse_u64(text, INT32_MAX, &value))
        return STATUS_INVALID;
    *number = negative ? -(int64_t)value : (int64_t)value;
    return STATUS_OK;
}

/* 2026-12-01T00:00:00Z, or the day alone. */
static enum status read_date(struct bytes text, int64_t *date_ms)
{
    char whole[CLOCK_TEXT_MAX];

    text = xml_text_trim(text);
    if (text.len != strlen("2026-12-01"))
        return clock_parse_iso8601(text, date_ms);
    memcpy(whole, text.data, text.len);
    memcpy(whole + text.len, "T00:00:00Z", sizeof("T00:00:00Z"));
    return clock_parse_iso8601(bytes_from_str(whole), date_ms);
}

static enum status read_bool(struct bytes text, bool *value)
{
    text = xml_text_trim(text);
    *value = bytes_equal_nocase(text, "true");
    return *value || bytes_equal_nocase(text, "false") ? STATUS_OK : STATUS_INVALID;
}

static enum status read_class(struct parsing *parsing, struct bytes text, enum storage_class *storage_class)
{
    struct s3_error_details why = {0};

    text = xml_text_trim(text);
    if (text.len == 0)
        return STATUS_INVALID;
    if (storage_class_parse(text, storage_class, &why)) {
        if (why.message[0]) /* AWS has it; one that is none is MalformedXML. The text itself does not last */
            s3_error_setf(parsing->error, S3_INVALID_STORAGE_CLASS, "%s", why.message);
        return STATUS_INVALID;
    }
    /* nothing goes back to these */
    return *storage_class == STORAGE_STANDARD || *storage_class == STORAGE_REDUCED_REDUNDANCY ? STATUS_INVALID
                                                                                              : STATUS_OK;
}

static struct lifecycle_transition *transition_of(struct parsing *parsing)
{
    return &parsing->configuration->transitions[parsing->configuration->transition_count - 1];
}

static enum status read_filter(struct parsing *parsing, enum lifecycle_place place, struct bytes text)
{
    struct lifecycle_configuration *configuration = parsing->configuration;
    struct lifecycle_rule *rule = rule_of(parsing);

    switch (place) {
    case PREFIX:
        rule->has_prefix = true;
        rule->prefix = keep(parsing, text);
        return STATUS_OK;
    case GREATER:
        rule->has_greater = true;
        return bytes_parse_u64(xml_text_trim(text), INT64_MAX, &rule->greater);
    case LESS:
        rule->has_less = true;
        return bytes_parse_u64(xml_text_trim(text), INT64_MAX, &rule->less);
    case KEY:
        configuration->tags[configuration->tag_count - 1].key = keep(parsing, text);
        return STATUS_OK;
    default: /* VALUE */
        configuration->tags[configuration->tag_count - 1].value = keep(parsing, text);
        return STATUS_OK;
    }
}

static enum status read_action(struct parsing *parsing, enum lifecycle_place parent, enum lifecycle_place place,
                               struct bytes text)
{
    struct lifecycle_rule *rule = rule_of(parsing);
    bool moves = parent == TRANSITION || parent == NONCURRENT_TRANSITION;
    struct lifecycle_transition *transition = moves ? transition_of(parsing) : NULL;
    struct lifecycle_time *time = transition ? &transition->time : &rule->expiration;

    switch (place) {
    case DAYS:
        time->by_days = true;
        return read_number(text, &time->days);
    case DATE:
        time->by_date = true;
        return read_date(text, &time->date_ms);
    case MARKER:
        rule->has_marker = true;
        return read_bool(text, &rule->expired_marker);
    case CLASS:
        return read_class(parsing, text, &transition->storage_class);
    case NONCURRENT_DAYS:
        time->by_days |= moves;
        return read_number(text, moves ? &time->days : &rule->noncurrent_days);
    case NEWER:
        *(moves ? &transition->has_newer : &rule->has_newer) = true;
        return read_number(text, moves ? &transition->newer : &rule->newer);
    default: /* ABORT_DAYS */
        return read_number(text, &rule->abort_days);
    }
}

static enum status read_text(struct parsing *parsing, enum lifecycle_place parent, enum lifecycle_place place,
                             struct bytes text)
{
    struct lifecycle_rule *rule = rule_of(parsing);

    switch (place) {
    case ID:
        rule->id = keep(parsing, text);
        return STATUS_OK;
    case STATUS:
        text = xml_text_trim(text);
        rule->enabled = bytes_equal_str(text, "Enabled");
        return rule->enabled || bytes_equal_str(text, "Disabled") ? STATUS_OK : STATUS_INVALID;
    case PREFIX:
    case GREATER:
    case LESS:
    case KEY:
    case VALUE:
        return read_filter(parsing, place, text);
    default:
        return read_action(parsing, parent, place, text);
    }
}

static bool is_one(uint32_t seen)
{
    return seen != 0 && (seen & (seen - 1)) == 0;
}

/* The schema of what has children, when all of these are known. */
static enum status end(struct parsing *parsing, enum lifecycle_place place, uint32_t seen)
{
    struct lifecycle_rule *rule = place == ROOT ? NULL : rule_of(parsing);
    bool fits = true;

    switch (place) {
    case ROOT:
        fits = parsing->configuration->count > 0;
        break;
    case RULE:
        fits = (seen & BIT(STATUS)) && is_one(seen & (BIT(PREFIX) | BIT(FILTER)));
        rule->old_prefix = (seen & BIT(PREFIX)) != 0;
        break;
    case FILTER:
        fits = seen == 0 || is_one(seen);
        break;
    case AND:
        fits = seen != 0;
        rule->has_and = true;
        break;
    case TAG:
        fits = seen == (BIT(KEY) | BIT(VALUE));
        break;
    case EXPIRATION:
        rule->has_expiration = true;
        fits = is_one(seen);
        break;
    case TRANSITION:
        fits = (seen & BIT(CLASS)) && is_one(seen & (BIT(DAYS) | BIT(DATE)));
        break;
    case NONCURRENT_EXPIRATION:
        rule->has_noncurrent = true;
        fits = (seen & BIT(NONCURRENT_DAYS)) != 0;
        break;
    case NONCURRENT_TRANSITION:
        fits = (seen & BIT(CLASS)) && (seen & BIT(NONCURRENT_DAYS));
        break;
    default: /* ABORT */
        rule->has_abort = true;
        fits = seen != 0;
        break;
    }
    return fits ? STATUS_OK : STATUS_INVALID;
}

static bool has_children(enum lifecycle_place place)
{
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
        if (elements[i].parent == place)
            return true;
    return false;
}

static enum status on_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct parsing *parsing = arg;
    enum lifecycle_place place = parsing->places[depth];

    (void)name;
    if (has_children(place))
        return end(parsing, place, parsing->seen[depth + 1]);
    return read_text(parsing, parsing->places[depth - 1], place, text);
}

enum status lifecycle_parse(struct bytes document, struct lifecycle_configuration *configuration,
                            struct s3_error_details *error)
{
    static const struct xml_handler handler = {on_open, on_close};
    struct parsing parsing = {.configuration = configuration, .error = error};
    enum status status;

    *configuration = (struct lifecycle_configuration){0};
    *error = (struct s3_error_details){0};
    if (document.len > LIFECYCLE_KEPT_BYTES_MAX)
        return STATUS_LIMIT;
    configuration->storage = mem_alloc(document.len + 1);
    status = xml_read(document, LIFECYCLE_KEPT_BYTES_MAX, "LifecycleConfiguration", &handler, &parsing);
    if (status)
        lifecycle_release(configuration);
    return status;
}
