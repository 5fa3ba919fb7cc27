/* The types of settings: their text forms, limits and the help that describes them. Where texts come from is
 * config_load.c's. */
#include "base/config.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/check.h"

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},  {"K", UINT64_C(1) << 10}, {"M", UINT64_C(1) << 20}, {"G", UINT64_C(1) << 30}, {"T", UINT64_C(1) << 40},
    {NULL, 0}};
static const struct unit duration_units[] = {{"", 1000},     {"ms", 1},       {"s", 1000}, {"m", 60000},
                                             {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *config_units(enum config_type type)
{
    if (type == CONFIG_TYPE_SIZE)
        return size_units;
    return type == CONFIG_TYPE_DURATION ? duration_units : no_units;
}

static enum status parse_number(const struct config_option *option, struct bytes text, uint64_t *number,
                                const char **error)
{
    size_t digits = 0;
    const struct unit *unit = config_units(option->type);
    uint64_t value;

    while (digits < text.len && isdigit((unsigned char)text.data[digits]))
        digits++;
    *error = "not a number";
    if (digits == 0)
        return STATUS_INVALID;
    while (unit->suffix && !bytes_equal_nocase(bytes_of(text.data + digits, text.len - digits), unit->suffix))
        unit++;
    if (!unit->suffix) {
        *error = option->type == CONFIG_TYPE_SIZE       ? "the unit must be K, M, G or T"
                 : option->type == CONFIG_TYPE_DURATION ? "the unit must be ms, s, m, h or d"
                                                        : "not a whole number";
        return STATUS_INVALID;
    }
    *error = "too large";
    if (bytes_parse_u64(bytes_of(text.data, digits), UINT64_MAX / unit->factor, &value))
        return STATUS_INVALID;
    value *= unit->factor;
    if (option->max && value > option->max)
        return STATUS_INVALID;
    *error = "too small";
    if (value < option->min)
        return STATUS_INVALID;
    *error = NULL;
    *number = value;
    return STATUS_OK;
}

static enum status parse_bool(struct bytes text, bool *truth, const char **error)
{
    static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};

    for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
        for (unsigned value = 0; value < 2; value++) {
            if (bytes_equal_nocase(text, words[i][value])) {
                *truth = value == 1;
                *error = NULL;
                return STATUS_OK;
            }
        }
    }
    *error = "must be true or false";
    return STATUS_INVALID;
}

enum status config_parse_value(const struct config_option *option, const char *text, void *value, const char **error)
{
    struct bytes trimmed = bytes_trim(bytes_from_str(text));

    switch (option->type) {
    case CONFIG_TYPE_STRING:
    case CONFIG_TYPE_SECRET:
        *(char **)value = mem_strdup(text);
        *error = NULL;
        return STATUS_OK;
    case CONFIG_TYPE_BOOL:
        return parse_bool(trimmed, value, error);
    case CONFIG_TYPE_UINT:
    case CONFIG_TYPE_SIZE:
    case CONFIG_TYPE_DURATION:
        return parse_number(option, trimmed, value, error);
    }
    *error = "unknown type of setting";
    return STATUS_INTERNAL;
}

/* Help. A number is printed in the largest unit that divides it. */
static void print_number(struct buffer *out, enum config_type type, uint64_t value)
{
    const struct unit *best = type == CONFIG_TYPE_DURATION ? &duration_units[1] : config_units(type);

    for (const struct unit *unit = config_units(type); unit->suffix; unit++)
        if (value && value % unit->factor == 0 && unit->factor >= best->factor)
            best = unit;
    STATUS_IGNORE(buffer_printf(out, "%" PRIu64 "%s", value / best->factor, best->suffix),
                  "a help that is too long is cut");
}

static void print_option(struct buffer *out, const struct config_option *option)
{
    static const char *const types[] = {
        [CONFIG_TYPE_STRING] = "TEXT", [CONFIG_TYPE_SECRET] = "TEXT", [CONFIG_TYPE_BOOL] = "BOOL",
        [CONFIG_TYPE_UINT] = "NUMBER", [CONFIG_TYPE_SIZE] = "SIZE",   [CONFIG_TYPE_DURATION] = "DURATION"};

    STATUS_IGNORE(
        buffer_printf(out, "\n  -%s %s\n        %s\n        TERCET_", option->name, types[option->type], option->help),
        "a help that is too long is cut");
    for (const char *at = option->name; *at; at++)
        STATUS_IGNORE(buffer_append_char(out, *at == '-' ? '_' : (char)toupper((unsigned char)*at)),
                      "a help that is too long is cut");
    if (option->type == CONFIG_TYPE_SECRET)
        STATUS_IGNORE(buffer_append_str(out, "; secret"), "a help that is too long is cut");
    else if (option->default_value && *option->default_value)
        STATUS_IGNORE(buffer_printf(out, "; default %s", option->default_value), "a help that is too long is cut");
    if (option->min) {
        STATUS_IGNORE(buffer_append_str(out, "; at least "), "a help that is too long is cut");
        print_number(out, option->type, option->min);
    }
    if (option->max) {
        STATUS_IGNORE(buffer_append_str(out, "; at most "), "a help that is too long is cut");
        print_number(out, option->type, option->max);
    }
    STATUS_IGNORE(buffer_append_char(out, '\n'), "a help that is too long is cut");
}

void config_print_help(const struct config_option *options, const char *program, struct buffer *out)
{
    STATUS_IGNORE(
        buffer_printf(out,
                      "Usage: %s [-NAME VALUE | -NAME=VALUE]...\n\n"
                      "Each setting is taken from, later ones win: its default, the file given by -config (lines\n"
                      "\"NAME = VALUE\", # begins a comment line), the environment (an empty variable counts as not\n"
                      "set), a flag. A SIZE may end in K, M, G or T (of 1024), a DURATION in ms, s, m, h or d; a\n"
                      "duration without a unit is in seconds. A BOOL flag may stand alone.\n"
                      "\n  -help\n        prints this and exits\n"
                      "\n  -version\n        prints the version and exits\n"
                      "\n  -config FILE\n        file to read settings from\n        TERCET_CONFIG\n",
                      program),
        "a help that is too long is cut");
    for (; options->name; options++)
        print_option(out, options);
}
