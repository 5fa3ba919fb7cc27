/* One table of settings per program. Later sources win: default, file (-config or TERCET_CONFIG), environment
 * (TERCET_NAME; an empty variable counts as not set), flag (-name value, -name=value, with one or two dashes). The
 * file's lines read `name = value`, # begins a comment line; a name that the table does not have is an error there and
 * among the flags, but not in the environment. The table drives -help and the reference in the docs. */
#ifndef TERCET_BASE_CONFIG_H
#define TERCET_BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum config_type {
    CONFIG_STRING,   /* const char * */
    CONFIG_BOOL,     /* bool; as a flag the value may be left out */
    CONFIG_UINT,     /* uint64_t */
    CONFIG_SIZE,     /* uint64_t, with K, M, G, T suffixes of 1024 */
    CONFIG_DURATION, /* uint64_t milliseconds, with ms, s, m, h, d suffixes; a bare number is seconds */
};

struct config_option {
    const char *name; /* "data-dir": flag -data-dir, environment TERCET_DATA_DIR, file key data-dir */
    enum config_type type;
    void *value; /* where it goes; strings are allocated and never freed */
    const char *default_value;
    uint64_t min, max; /* for numbers; max 0: no upper limit */
    const char *help;
    bool secret; /* never printed, hidden in process titles */
};

/* Reads defaults, the file, the environment and argv. Prints -help or -version to stdout and exits 0; a bad setting
 * is explained on stderr and the program exits 2. The option table ends with a NULL name. -config is built in. */
void config_load(const struct config_option *options, const char *program, int argc, char **argv);

/* The pieces, for tests. *error is a static text that explains. */
enum status config_parse_value(const struct config_option *option, const char *text, const char **error);
void config_print_help(const struct config_option *options, const char *program, struct buffer *out);

#endif
