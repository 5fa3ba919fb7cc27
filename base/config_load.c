/* Collects settings from the file, the environment and the command line, in this order. Every text is checked
 * where it was found, even if a later source replaces it; values are stored only at the end, each from the
 * last source that had it. A mistake ends the program with an explanation: it must not start with settings
 * that nobody meant. */
#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/revision.h"

#define FILE_BYTES_MAX   ((size_t)1 << 20)
#define HELP_BYTES_MAX   ((size_t)1 << 20)
#define ENVIRONMENT_NAME 128

struct loader {
    const struct config_option *options;
    const char *program;
    unsigned count;
    char **texts; /* by option: the winning text so far, owned; NULL keeps the default */
    char *file_path;
};

_Noreturn static void fail(const struct loader *loader, const char *origin, const char *name, const char *reason)
{
    fprintf(stderr, "%s: %s%s%s: %s (-help lists the settings)\n", loader->program, origin, *name ? " " : "", name,
            reason);
    exit(2);
}

static int find_option(const struct loader *loader, struct bytes name)
{
    for (unsigned i = 0; i < loader->count; i++)
        if (bytes_equal_str(name, loader->options[i].name))
            return (int)i;
    return -1;
}

static void environment_name(const char *name, char out[ENVIRONMENT_NAME])
{
    int len = snprintf(out, ENVIRONMENT_NAME, "TERCET_%s", name);

    CHECK(len < ENVIRONMENT_NAME);
    for (; *out; out++)
        *out = *out == '-' ? '_' : (char)toupper((unsigned char)*out);
}

/* Parses into a copy, so that the program's own value changes only when the last source has spoken. */
static void collect(struct loader *loader, unsigned index, const char *text, const char *origin, const char *name)
{
    const struct config_option *option = &loader->options[index];
    union {
        char *string;
        bool truth;
        uint64_t number;
    } scratch = {0};
    const char *error;
    char reason[1024];

    if (config_parse_value(option, text, &scratch, &error)) {
        if (option->type == CONFIG_TYPE_SECRET)
            snprintf(reason, sizeof(reason), "%s", error);
        else
            snprintf(reason, sizeof(reason), "\"%s\": %s", text, error);
        fail(loader, origin, name, reason);
    }
    if (option->type == CONFIG_TYPE_STRING || option->type == CONFIG_TYPE_SECRET)
        free(scratch.string);
    free(loader->texts[index]);
    loader->texts[index] = mem_strdup(text);
}

static void set_file_path(struct loader *loader, const char *path)
{
    free(loader->file_path);
    loader->file_path = mem_strdup(path);
}

/* Secrets given as flags do not stay visible in the list of processes. */
static void hide(char *text)
{
    memset(text, '*', strlen(text));
}

static bool is_bool_text(const char *text)
{
    const struct config_option option = {.type = CONFIG_TYPE_BOOL};
    const char *error;
    bool truth;

    return config_parse_value(&option, text, &truth, &error) == STATUS_OK;
}

_Noreturn static void print_help(const struct loader *loader)
{
    struct buffer help;

    buffer_init(&help, HELP_BYTES_MAX);
    config_print_help(loader->options, loader->program, &help);
    fwrite(help.data, 1, help.len, stdout);
    buffer_release(&help);
    exit(0);
}

/* Handles argv[at] and returns how many arguments it took. */
static int read_flag(struct loader *loader, int argc, char **argv, int at)
{
    const char *flag = argv[at];
    int taken = 1;

    if (flag[0] != '-' || !flag[1 + (flag[1] == '-')])
        fail(loader, flag, "", "not a flag");
    flag += flag[1] == '-' ? 2 : 1;
    char *equals = strchr(argv[at], '=');
    struct bytes name = bytes_of(flag, equals ? (size_t)(equals - flag) : strlen(flag));
    if (bytes_equal_str(name, "help") || bytes_equal_str(name, "h"))
        print_help(loader);
    if (bytes_equal_str(name, "version")) {
        printf("%s %s", loader->program, TERCET_VERSION);
        if (strcmp(build_revision(), BUILD_REVISION_UNKNOWN) != 0)
            printf(" (%s)", build_revision());
        printf("\n");
        exit(0);
    }
    bool is_file = bytes_equal_str(name, "config");
    int index = find_option(loader, name);
    if (index < 0 && !is_file)
        fail(loader, argv[at], "", "unknown flag");

    char *value = equals ? equals + 1 : NULL;
    if (!value && at + 1 < argc &&
        (is_file || loader->options[index].type != CONFIG_TYPE_BOOL || is_bool_text(argv[at + 1]))) {
        value = argv[at + 1];
        taken = 2;
    }
    if (!value && (is_file || loader->options[index].type != CONFIG_TYPE_BOOL))
        fail(loader, argv[at], "", "a value is missing");
    if (is_file) {
        set_file_path(loader, value);
        return taken;
    }
    collect(loader, (unsigned)index, value ? value : "true", "flag", loader->options[index].name);
    if (loader->options[index].type == CONFIG_TYPE_SECRET && value)
        hide(value);
    return taken;
}

static void read_flags(struct loader *loader, int argc, char **argv)
{
    for (int at = 1; at < argc;)
        at += read_flag(loader, argc, argv, at);
}

static void read_environment(struct loader *loader)
{
    char name[ENVIRONMENT_NAME];

    for (unsigned i = 0; i < loader->count; i++) {
        environment_name(loader->options[i].name, name);
        const char *text = getenv(name);
        if (text && *text)
            collect(loader, i, text, "environment variable", name);
    }
}

static void read_line(struct loader *loader, struct bytes line, const char *origin)
{
    const char *equals = memchr(line.data, '=', line.len);

    if (!equals)
        fail(loader, origin, "", "a line must read NAME = VALUE");
    struct bytes name = bytes_trim(bytes_of(line.data, (size_t)(equals - line.data)));
    struct bytes value = bytes_trim(bytes_of(equals + 1, (size_t)(line.data + line.len - equals - 1)));
    int index = find_option(loader, name);
    if (index < 0)
        fail(loader, origin, "", "unknown setting");
    if (loader->texts[index])
        fail(loader, origin, loader->options[index].name, "set twice");
    char *text = mem_strndup(value.data, value.len);
    collect(loader, (unsigned)index, text, origin, loader->options[index].name);
    free(text);
}

static void read_text(struct loader *loader, struct bytes text)
{
    char origin[512];

    for (unsigned number = 1; text.len; number++) {
        const char *newline = memchr(text.data, '\n', text.len);
        size_t len = newline ? (size_t)(newline - text.data) : text.len;
        struct bytes line = bytes_of(text.data, len);
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        line = bytes_trim(line);
        snprintf(origin, sizeof(origin), "%s:%u:", loader->file_path, number);
        if (line.len && line.data[0] != '#')
            read_line(loader, line, origin);
        len += newline != NULL;
        text = bytes_of(text.data + len, text.len - len);
    }
}

static void read_file(struct loader *loader)
{
    FILE *file = fopen(loader->file_path, "re");
    struct buffer text;
    char piece[4096];
    size_t got;

    if (!file)
        fail(loader, loader->file_path, "", strerror(errno));
    buffer_init(&text, FILE_BYTES_MAX);
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        if (buffer_append(&text, piece, got))
            fail(loader, loader->file_path, "", "larger than 1 MiB");
    if (ferror(file))
        fail(loader, loader->file_path, "", "cannot be read");
    fclose(file);
    read_text(loader, buffer_bytes(&text));
    buffer_release(&text);
}

static void store(const struct loader *loader, void *settings)
{
    for (unsigned i = 0; i < loader->count; i++) {
        const struct config_option *option = &loader->options[i];
        const char *text = loader->texts[i] ? loader->texts[i] : option->default_value;
        const char *error;
        if (text)
            CHECK(config_parse_value(option, text, (char *)settings + option->offset, &error) == STATUS_OK);
        free(loader->texts[i]);
    }
}

void config_load(const struct config_option *options, void *settings, const char *program, int argc, char **argv)
{
    struct loader loader = {.options = options, .program = program};
    struct loader flags;

    while (options[loader.count].name)
        loader.count++;
    /* Flags are read first, since they name the file, and win at the end. */
    flags = loader;
    flags.texts = mem_zalloc(loader.count * sizeof(*flags.texts));
    loader.texts = mem_zalloc(loader.count * sizeof(*loader.texts));
    if (getenv("TERCET_CONFIG") && *getenv("TERCET_CONFIG"))
        set_file_path(&flags, getenv("TERCET_CONFIG"));
    read_flags(&flags, argc, argv);
    loader.file_path = flags.file_path;
    if (loader.file_path)
        read_file(&loader);
    read_environment(&loader);
    for (unsigned i = 0; i < loader.count; i++) {
        if (flags.texts[i]) {
            free(loader.texts[i]);
            loader.texts[i] = flags.texts[i];
        }
    }
    store(&loader, settings);
    free(flags.texts);
    free(loader.texts);
    free(loader.file_path);
}
