/* Settings: types and limits, the order of sources, and the explanations. Programs that would exit run in a child. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/config.h"

#define OUTPUT_MAX 16384

static struct settings {
    const char *data_dir, *secret_key, *unset;
    bool fsync;
    uint64_t nodes, chunk_size, timeout_ms;
} settings;

static const struct config_option options[] = {
    {"data-dir", CONFIG_STRING(struct settings, data_dir), "/var/lib/data", 0, 0, "where the data is"},
    {"secret-key", CONFIG_SECRET(struct settings, secret_key), "default-secret", 0, 0, "the key"},
    {"unset", CONFIG_STRING(struct settings, unset), NULL, 0, 0, "has no default"},
    {"fsync", CONFIG_BOOL(struct settings, fsync), "false", 0, 0, "sync before the answer"},
    {"nodes", CONFIG_UINT(struct settings, nodes), "4", 1, 100, "number of nodes"},
    {"chunk-size", CONFIG_SIZE(struct settings, chunk_size), "8M", 65536, 0, "bytes per chunk"},
    {"timeout", CONFIG_DURATION(struct settings, timeout_ms), "30s", 0, 3600000, "how long"},
    {0},
};

static void free_settings(void)
{
    free((char *)settings.data_dir);
    free((char *)settings.secret_key);
    free((char *)settings.unset);
    memset(&settings, 0, sizeof(settings));
}

static char *write_file(const char *text)
{
    static char path[64];
    int fd;

    strcpy(path, "/tmp/config_test.XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

/* Loads in a child and returns its exit status; stdout and stderr go into output. */
static int load_in_child(char *output, const char *first, const char *second)
{
    char *argv[] = {"program", first ? strdup(first) : NULL, second ? strdup(second) : NULL, NULL};
    int fds[2], wait_status;
    size_t len = 0;
    ssize_t got;

    fflush(NULL);
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        config_load(options, &settings, "program", 1 + (first != NULL) + (second != NULL), argv);
        _exit(0);
    }
    close(fds[1]);
    while ((got = read(fds[0], output + len, OUTPUT_MAX - 1 - len)) > 0)
        len += (size_t)got;
    output[len] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    assert_true(WIFEXITED(wait_status));
    free(argv[1]);
    free(argv[2]);
    return WEXITSTATUS(wait_status);
}

static enum status parse(enum config_type type, const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    struct config_option option = {"x", type, 0, NULL, min, max, ""};
    const char *error = NULL;
    enum status status = config_parse_value(&option, text, value, &error);

    assert_true((status == STATUS_OK) == (error == NULL));
    return status;
}

static void assert_parses(enum config_type type, const char *text, uint64_t want)
{
    uint64_t value = 0;

    assert_int_equal(parse(type, text, 0, 0, &value), STATUS_OK);
    assert_true(value == want);
}

static void test_values(void **state)
{
    static const char *const bad_numbers[] = {"", "x", "-1", "1.5", "1 2", "0x10", "18446744073709551616", "1K"};
    static const char *const bad_sizes[] = {"K", "1P", "1KB", "18014398509481984K", "-1M", "1ms"};
    static const char *const bad_durations[] = {"s", "1w", "1hour", "18446744073709551615", "1K"};
    uint64_t value = 7;

    (void)state;
    assert_parses(CONFIG_TYPE_UINT, "18446744073709551615", UINT64_MAX);
    assert_parses(CONFIG_TYPE_UINT, " 12 ", 12);
    assert_parses(CONFIG_TYPE_SIZE, "12", 12);
    assert_parses(CONFIG_TYPE_SIZE, "8K", 8192);
    assert_parses(CONFIG_TYPE_SIZE, "3m", UINT64_C(3) << 20);
    assert_parses(CONFIG_TYPE_SIZE, "2G", UINT64_C(2) << 30);
    assert_parses(CONFIG_TYPE_SIZE, "1T", UINT64_C(1) << 40);
    assert_parses(CONFIG_TYPE_DURATION, "5", 5000);
    assert_parses(CONFIG_TYPE_DURATION, "5ms", 5);
    assert_parses(CONFIG_TYPE_DURATION, "2s", 2000);
    assert_parses(CONFIG_TYPE_DURATION, "2m", 120000);
    assert_parses(CONFIG_TYPE_DURATION, "1h", 3600000);
    assert_parses(CONFIG_TYPE_DURATION, "14d", UINT64_C(14) * 86400000);
    for (size_t i = 0; i < sizeof(bad_numbers) / sizeof(*bad_numbers); i++)
        assert_int_equal(parse(CONFIG_TYPE_UINT, bad_numbers[i], 0, 0, &value), STATUS_INVALID);
    for (size_t i = 0; i < sizeof(bad_sizes) / sizeof(*bad_sizes); i++)
        assert_int_equal(parse(CONFIG_TYPE_SIZE, bad_sizes[i], 0, 0, &value), STATUS_INVALID);
    for (size_t i = 0; i < sizeof(bad_durations) / sizeof(*bad_durations); i++)
        assert_int_equal(parse(CONFIG_TYPE_DURATION, bad_durations[i], 0, 0, &value), STATUS_INVALID);
    assert_int_equal(parse(CONFIG_TYPE_UINT, "11", 2, 10, &value), STATUS_INVALID);
    assert_int_equal(parse(CONFIG_TYPE_UINT, "1", 2, 10, &value), STATUS_INVALID);
    assert_int_equal(value, 7);
    assert_int_equal(parse(CONFIG_TYPE_UINT, "10", 2, 10, &value), STATUS_OK);
    assert_int_equal(parse(CONFIG_TYPE_UINT, "2", 2, 10, &value), STATUS_OK);
    assert_int_equal(value, 2);
}

static void test_bools(void **state)
{
    bool truth = false;
    const struct config_option option = {"x", CONFIG_TYPE_BOOL, 0, NULL, 0, 0, ""};
    const char *error;

    (void)state;
    assert_int_equal(config_parse_value(&option, "Yes", &truth, &error), STATUS_OK);
    assert_true(truth);
    assert_int_equal(config_parse_value(&option, "off", &truth, &error), STATUS_OK);
    assert_false(truth);
    assert_int_equal(config_parse_value(&option, "maybe", &truth, &error), STATUS_INVALID);
    assert_string_equal(error, "must be true or false");
}

static void test_defaults(void **state)
{
    char *argv[] = {"program", NULL};

    (void)state;
    config_load(options, &settings, "program", 1, argv);
    assert_string_equal(settings.data_dir, "/var/lib/data");
    assert_null(settings.unset);
    assert_false(settings.fsync);
    assert_int_equal(settings.nodes, 4);
    assert_int_equal(settings.chunk_size, 8 << 20);
    assert_int_equal(settings.timeout_ms, 30000);
    free_settings();
}

static void test_order_of_sources(void **state)
{
    char *path = write_file("# comment\r\n\n  nodes = 5\r\ntimeout=1m\nchunk-size = 1M # not a comment");
    char *path_again = path;
    char output[OUTPUT_MAX];

    (void)state;
    assert_int_equal(load_in_child(output, "-config", path_again), 2);
    assert_non_null(strstr(output, ":5: chunk-size: \"1M # not a comment\""));
    unlink(path);

    path = write_file("nodes = 5\ntimeout=1m\nchunk-size = 1M\ndata-dir = /a = b\nfsync = true\n");
    char secret[] = "hunter2";
    char *argv[] = {"program", "-chunk-size=3M", "--config", path,       "-fsync", "-secret-key", secret, "--unset",
                    "-x",      "-nodes",         "8",        "-nodes=9", NULL};
    setenv("TERCET_CHUNK_SIZE", "2M", 1);
    setenv("TERCET_TIMEOUT", "2m", 1);
    setenv("TERCET_NODES", "", 1);
    setenv("TERCET_NOT_A_SETTING", "x", 1);
    config_load(options, &settings, "program", 12, argv);
    unsetenv("TERCET_CHUNK_SIZE");
    unsetenv("TERCET_TIMEOUT");
    unsetenv("TERCET_NODES");
    unsetenv("TERCET_NOT_A_SETTING");
    unlink(path);
    assert_int_equal(settings.chunk_size, 3 << 20);
    assert_int_equal(settings.timeout_ms, 120000);
    assert_int_equal(settings.nodes, 9);
    assert_string_equal(settings.data_dir, "/a = b");
    assert_true(settings.fsync);
    assert_string_equal(settings.unset, "-x");
    assert_string_equal(settings.secret_key, "hunter2");
    assert_string_equal(secret, "*******");
    free_settings();
}

static void test_file_by_environment(void **state)
{
    char *path = write_file("nodes = 6\n");
    char *argv[] = {"program", "-fsync", "false", NULL};

    (void)state;
    setenv("TERCET_CONFIG", path, 1);
    config_load(options, &settings, "program", 3, argv);
    unsetenv("TERCET_CONFIG");
    unlink(path);
    assert_int_equal(settings.nodes, 6);
    assert_false(settings.fsync);
    free_settings();
}

static void assert_refused(const char *first, const char *second, const char *explanation)
{
    char output[OUTPUT_MAX];

    assert_int_equal(load_in_child(output, first, second), 2);
    if (!strstr(output, explanation))
        fail_msg("no \"%s\" in: %s", explanation, output);
}

static void test_explanations(void **state)
{
    (void)state;
    assert_refused("-nodse", "4", "-nodse: unknown flag");
    assert_refused("-nodes", NULL, "-nodes: a value is missing");
    assert_refused("-nodes=", NULL, "flag nodes: \"\": not a number");
    assert_refused("-nodes", "101", "flag nodes: \"101\": too large");
    assert_refused("-chunk-size", "1K", "flag chunk-size: \"1K\": too small");
    assert_refused("-timeout", "5x", "the unit must be ms, s, m, h or d");
    assert_refused("4", NULL, "4: not a flag");
    assert_refused("--", NULL, "--: not a flag");
    assert_refused("-", NULL, "-: not a flag");
    assert_refused("-config", "/nonexistent/file", "/nonexistent/file: No such file or directory");
    setenv("TERCET_NODES", "many", 1);
    assert_refused("-nodes", "3", "environment variable TERCET_NODES: \"many\": not a number");
    unsetenv("TERCET_NODES");
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *text, *explanation;
    } cases[] = {{"nodes = 3\nnodse = 4\n", ":2:: unknown setting"},
                 {"nodes 3\n", ":1:: a line must read NAME = VALUE"},
                 {"nodes = 3\n\nnodes = 4\n", ":3: nodes: set twice"},
                 {"config = x\n", "unknown setting"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *path = write_file(cases[i].text);
        assert_refused("-config", path, cases[i].explanation);
        unlink(path);
    }
}

static void test_help_and_version(void **state)
{
    char output[OUTPUT_MAX];

    (void)state;
    assert_int_equal(load_in_child(output, "-help", NULL), 0);
    assert_non_null(strstr(output, "Usage: program"));
    assert_non_null(strstr(output, "\n  -data-dir TEXT\n        where the data is\n"
                                   "        TERCET_DATA_DIR; default /var/lib/data\n"));
    assert_non_null(strstr(output, "TERCET_NODES; default 4; at least 1; at most 100\n"));
    assert_non_null(strstr(output, "TERCET_CHUNK_SIZE; default 8M; at least 64K\n"));
    assert_non_null(strstr(output, "TERCET_TIMEOUT; default 30s; at most 1h\n"));
    assert_non_null(strstr(output, "TERCET_SECRET_KEY; secret\n"));
    assert_null(strstr(output, "default-secret"));
    assert_int_equal(load_in_child(output, "--version", NULL), 0);
    assert_string_equal(output, "program " TERCET_VERSION "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_bools),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_order_of_sources),
        cmocka_unit_test(test_file_by_environment),
        cmocka_unit_test(test_explanations),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_help_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
