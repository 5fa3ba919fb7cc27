/* One table of settings per program. Later sources win: default, file (-config or TERCET_CONFIG), environment
 * (TERCET_NAME; an empty variable counts as not set), flag (-name value, -name=value, with one or two dashes). The
 * file's lines read `name = value`, # begins a comment line; a name that the table does not have is an error there and
 * among the flags, but not in the environment. The table drives -help and the reference in the docs. */
#ifndef TERCET_BASE_CONFIG_H
#define TERCET_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum config_type {
    CONFIG_TYPE_STRING,
    CONFIG_TYPE_SECRET,
    CONFIG_TYPE_BOOL,
    CONFIG_TYPE_UINT,
    CONFIG_TYPE_SIZE,
    CONFIG_TYPE_DURATION,
};

/* A row of the table: {"window", CONFIG_SIZE(struct settings, window_bytes), "1M", 131072, 64u << 20, "bytes of ..."}
 */
struct config_option {
    const char *name; /* "data-dir": flag -data-dir, environment TERCET_DATA_DIR, file key data-dir */
    enum config_type type;
    size_t offset; /* of the field in the program's struct */
    const char *default_value;
    uint64_t min, max; /* for numbers; max 0: no upper limit */
    const char *help;
};

/* The type of a setting and the field of `structure` that gets it; a field of another type does not compile. Texts are
 * allocated and never freed. */
#define CONFIG_STRING(structure, field) CONFIG_TYPE_STRING, CONFIG_FIELD(const char *, structure, field)
#define CONFIG_SECRET(structure, field)                                                                                \
    CONFIG_TYPE_SECRET, CONFIG_FIELD(const char *, structure, field) /* not printed */
#define CONFIG_BOOL(structure, field)                                                                                  \
    CONFIG_TYPE_BOOL, CONFIG_FIELD(bool, structure, field) /* a flag may stand alone */
#define CONFIG_UINT(structure, field) CONFIG_TYPE_UINT, CONFIG_FIELD(uint64_t, structure, field)
/* With K, M, G, T suffixes of 1024. */
#define CONFIG_SIZE(structure, field) CONFIG_TYPE_SIZE, CONFIG_FIELD(uint64_t, structure, field)
/* Milliseconds, with ms, s, m, h, d suffixes; a bare number is seconds. */
#define CONFIG_DURATION(structure, field) CONFIG_TYPE_DURATION, CONFIG_FIELD(uint64_t, structure, field)

#define CONFIG_FIELD(field_type, structure, field)                                                                     \
    (offsetof(structure, field) +                                                                                      \
     0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((structure *)0)->field), field_type) ? 1 : -1]))

/* Reads defaults, the file, the environment and argv into the fields of *settings. Prints -help or -version to stdout
 * and exits 0; a bad setting is explained on stderr and the program exits 2. The table ends with a NULL name. -config
 * is built in. */
void config_load(const struct config_option *options, void *settings, const char *program, int argc, char **argv);

/* The pieces, for config_load and tests. *value has the type of the option's field. *error is a static text that
 * explains. */
enum status config_parse_value(const struct config_option *option, const char *text, void *value, const char **error);
void config_print_help(const struct config_option *options, const char *program, struct buffer *out);

#endif
