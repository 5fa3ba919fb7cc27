/* The gateway's settings: every bound, what belongs together, and files with secrets. A wrong setting ends the program
 * with exit code 2 and says why, so each case runs in a process of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/settings.h"

#define ARGUMENTS_MAX 128
#define IDENTITY      "-access-key=AKID", "-secret-key=secret-of-root"

/* What the program said, and its exit code. */
struct outcome {
    int code;
    char said[4096];
};

static struct outcome outcome;
static char directory[] = "/tmp/tercet-settings-XXXXXX";

/* A sanitizer's search for leaks at each exit would take longer than all else. */
static void leave(int code, void *arg)
{
    (void)arg;
    _exit(code);
}

/* Runs settings_load with these arguments and a NULL, and `check` on what came of it; 1 when it is not so. */
static void load(const char *const *arguments, bool (*check)(const struct settings *settings))
{
    static struct settings settings;
    char *argv[ARGUMENTS_MAX] = {(char *)"tercet-gateway"};
    int argc = 1, ends[2], status;
    ssize_t len;

    for (; arguments[argc - 1] != NULL; argc++)
        argv[argc] = (char *)arguments[argc - 1];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        signal(SIGSEGV, SIG_DFL); /* else it would go on with the next test */
        signal(SIGABRT, SIG_DFL);
        on_exit(leave, NULL);
        for (int i = 1; i < argc; i++) /* secrets are wiped out of them */
            argv[i] = strdup(argv[i]);
        settings_load(&settings, argc, argv);
        _exit(check == NULL || check(&settings) ? 0 : 1);
    }
    close(ends[1]);
    outcome = (struct outcome){0};
    for (size_t at = 0; (len = read(ends[0], outcome.said + at, sizeof(outcome.said) - 1 - at)) > 0; at += (size_t)len)
        ;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    outcome.code = WEXITSTATUS(status);
}

#define LOAD(check, ...) load((const char *const[]){__VA_ARGS__, NULL}, check)

/* Refused, and every word was said. */
static void assert_refused(const char *words)
{
    char one[64];

    if (outcome.code != 2)
        fail_msg("not refused, but %d: %s", outcome.code, words);
    while (*words != '\0') {
        size_t len = strcspn(words, "|");

        snprintf(one, sizeof(one), "%.*s", (int)len, words);
        if (strstr(outcome.said, one) == NULL)
            fail_msg("it does not say '%s' but: %s", one, outcome.said);
        words += len + (words[len] == '|');
    }
}

static void assert_taken(void)
{
    if (outcome.code != 0)
        fail_msg("refused: %s", outcome.said);
}

/* ---- bounds ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *below, *least; /* below NULL: there is nothing below */
    const char *most, *above;  /* NULL: there is no bound */
} bounds[] = {
    {"port", NULL, "0", "65535", "65536"},
    {"tls-port", NULL, "0", "65535", "65536"},
    {"threads", NULL, "0", "64", "65"},
    {"pool-threads", "0", "1", "256", "257"},
    {"connections", "0", "1", "1000000", "1000001"},
    {"connections-per-peer", NULL, "0", "1000000", "1000001"},
    {"oidc-refresh", "99ms", "100ms", "1h", "3601s"},
    {"identity-cache", "65535", "64K", NULL, NULL},
    {"head-memory", "1023K", "1M", "1G", "1073741825"},
    {"key-cache", "999ms", "1s", "24h", "86400001ms"},
    {"reads", "0", "1", "100000", "100001"},
    {"writes", "0", "1", "100000", "100001"},
    {"lists", "0", "1", "100000", "100001"},
    {"others", "0", "1", "100000", "100001"},
    {"errors", "0", "1", "100000", "100001"},
    {"upload-memory", "1023K", "1M", NULL, NULL},
    {"idle-timeout", "99ms", "100ms", "24h", "86400001ms"},
    {"head-timeout", "99ms", "100ms", "1h", "3600001ms"},
    {"rate-min", "0", "1", "1G", "1073741825"},
    {"rate-window", "99ms", "100ms", "1h", "3600001ms"},
    {"read-pause", "99ms", "100ms", "12h", "43200001ms"},
    {"chunk-size", "65535", "64K", "32M", "33554433"},
    {"small-max", NULL, "0", "64K", "65537"},
    {"window", "131071", "128K", "64M", "67108865"},
    {"cache", "1023K", "1M", NULL, NULL},
    {"stall", "9ms", "10ms", "1m", "60001ms"},
    {"node-timeout", "99ms", "100ms", "10m", "600001ms"},
    {"health-interval", "99ms", "100ms", "1h", "3600001ms"},
    {"suspect-interval", "49ms", "50ms", "10m", "600001ms"},
    {"breaker-failures", "0", "1", "1000", "1001"},
    {"breaker-open", "9ms", "10ms", "10m", "600001ms"},
    {"hedge-percent", NULL, "0", "100", "101"},
    {"metadata-copies", NULL, "0", "8", "9"},
    {"restore-from", NULL, "0", "255", "256"},
    {"gc-interval", "49ms", "50ms", NULL, NULL},
    {"repair-interval", "49ms", "50ms", NULL, NULL},
    {"repair-bandwidth", "65535", "64K", NULL, NULL},
    {"repair-concurrency", "0", "1", "16", "17"},
    {"node-dead-after", "99ms", "100ms", NULL, NULL},
    {"inventory-interval", "99ms", "100ms", NULL, NULL},
    {"orphan-age", "99ms", "100ms", NULL, NULL},
    {"orphan-percent", NULL, "0", "100", "101"},
    {"upload-expiry", "99ms", "100ms", NULL, NULL},
    {"files-versions-max", NULL, "0", "1000000000", "1000000001"},
    {"files-versions-days", NULL, "0", "36500", "36501"},
    {"lifecycle-rate", "0", "1", "10000000", "10000001"},
    {"lifecycle-change-rate", "0", "1", "10000000", "10000001"},
    {"rekey-rate", "0", "1", "10000000", "10000001"},
    {"lifecycle-day", "99ms", "100ms", "24h", "25h"},
    {"log-delivery-interval", "99ms", "100ms", "24h", "25h"},
    {"log-spool", "1048575", "1M", NULL, NULL},
    {"notify-rows", "0", "1", "800000", "800001"},
    {"notify-age", "999ms", "1s", NULL, NULL},
    {"notify-timeout", "99ms", "100ms", "60s", "61s"},
    {"drain", NULL, "0", "10m", "600001ms"},
};
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

static const char *argument(const char *name, const char *value)
{
    static char text[ARGUMENTS_MAX][64];
    static unsigned next;

    next = (next + 1) % ARGUMENTS_MAX;
    snprintf(text[next], sizeof(text[next]), "-%s=%s", name, value);
    return text[next];
}

static void what_is_beyond_a_bound_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < BOUNDS; i++) {
        if (bounds[i].below != NULL) {
            LOAD(NULL, IDENTITY, argument(bounds[i].name, bounds[i].below));
            assert_refused(bounds[i].name);
        }
        if (bounds[i].above != NULL) {
            LOAD(NULL, IDENTITY, argument(bounds[i].name, bounds[i].above));
            assert_refused(bounds[i].name);
        }
        LOAD(NULL, IDENTITY, argument(bounds[i].name, "-1"));
        assert_refused(bounds[i].name);
        LOAD(NULL, IDENTITY, argument(bounds[i].name, "many"));
        assert_refused(bounds[i].name);
    }
}

/* The least of all together, but for the one that must hold others. */
static void bounds_themselves_are_taken(void **state)
{
    const char *least[BOUNDS + 4] = {IDENTITY}, *most[BOUNDS + 6] = {IDENTITY, "-tls-cert=c", "-tls-key=k"};
    size_t count = 2, most_count = 4;

    (void)state;
    for (size_t i = 0; i < BOUNDS; i++) {
        if (strcmp(bounds[i].name, "upload-memory") != 0)
            least[count++] = argument(bounds[i].name, bounds[i].least);
        if (bounds[i].most != NULL)
            most[most_count++] = argument(bounds[i].name, bounds[i].most);
    }
    load(least, NULL);
    assert_taken();
    load(most, NULL);
    assert_taken();
}

/* ---- what belongs together --------------------------------------------------------------------------------------- */

static void the_root_user_must_have_a_name_and_a_secret(void **state)
{
    (void)state;
    LOAD(NULL, "-port=1");
    assert_refused("access-key|secret-key-file");
    LOAD(NULL, "-access-key=AK", "-secret-key=12345678");
    assert_refused("access-key");
    LOAD(NULL, "-access-key=AKI", "-secret-key=1234567");
    assert_refused("secret");
    assert_null(strstr(outcome.said, "1234567")); /* what is secret is never said */
    LOAD(NULL, "-access-key=AKI", "-secret-key=12345678");
    assert_taken();
    LOAD(NULL, "-restore-metadata=true"); /* which serves nobody */
    assert_taken();
}

static void hosts_of_websites_are_nothing_else(void **state)
{
    (void)state;
    LOAD(NULL, IDENTITY, "-domain=s3.example.com", "-website-domain=S3.example.com");
    assert_refused("website-domain");
    LOAD(NULL, IDENTITY, "-domain=s3.Web.example.com", "-website-domain=web.example.com");
    assert_refused("website-domain|below");
    LOAD(NULL, IDENTITY, "-domain=s3web.example.com", "-website-domain=web.example.com");
    assert_taken();
    LOAD(NULL, IDENTITY, "-domain=s3.example.com", "-website-hosts=a.example,s3.example.com");
    assert_refused("website-hosts");
    LOAD(NULL, IDENTITY, "-website-hosts=A.example");
    assert_refused("website-hosts");
    LOAD(NULL, IDENTITY, "-domain=s3.example.com", "-website-domain=web.example.com",
         "-website-hosts=www.example.org, example.org");
    assert_taken();
}

static void tls_needs_certificate_and_key(void **state)
{
    (void)state;
    LOAD(NULL, IDENTITY, "-tls-cert=cert.pem");
    assert_refused("tls-cert|tls-key");
    LOAD(NULL, IDENTITY, "-tls-key=key.pem");
    assert_refused("tls-cert|tls-key");
    LOAD(NULL, IDENTITY, "-tls-port=8443");
    assert_refused("tls-port");
    LOAD(NULL, IDENTITY, "-tls-cert=cert.pem", "-tls-key=key.pem", "-tls-port=8443");
    assert_taken();
}

static void names_must_be_names(void **state)
{
    static const char *const bad_ids[] = {
        "", ".hidden", "a/b", "a b", "a\nb", "0123456789012345678901234567890123456789012345678901234567890123"};
    static const char *const bad_accounts[] = {"", "1", "12345678901", "1234567890123", "12345678901a"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad_ids) / sizeof(bad_ids[0]); i++) {
        char text[128];

        snprintf(text, sizeof(text), "-server-id=%s", bad_ids[i]);
        LOAD(NULL, IDENTITY, text);
        assert_refused("server-id");
    }
    for (size_t i = 0; i < sizeof(bad_accounts) / sizeof(bad_accounts[0]); i++) {
        LOAD(NULL, IDENTITY, argument("account-id", bad_accounts[i]));
        assert_refused("account-id");
    }
    LOAD(NULL, IDENTITY, "-loglevel=loud");
    assert_refused("loglevel");
    LOAD(NULL, IDENTITY, "-server-id=a.B-c_9", "-account-id=123456789012", "-loglevel=debug");
    assert_taken();
}

static void the_token_of_files_must_be_long(void **state)
{
    (void)state;
    LOAD(NULL, IDENTITY, "-files-token=123456789012345");
    assert_refused("files-token");
    LOAD(NULL, IDENTITY, "-files-token=1234567890123456");
    assert_taken();
}

/* One upload must fit. */
static void upload_memory_holds_a_window(void **state)
{
    (void)state;
    LOAD(NULL, IDENTITY, "-window=1M", "-upload-memory=1966079");
    assert_refused("upload-memory|window");
    LOAD(NULL, IDENTITY, "-window=1M", "-upload-memory=1920K");
    assert_taken();
}

static bool peers_have_all_but_a_sixteenth(const struct settings *settings)
{
    return settings->connections_per_peer_max == 1500;
}

static bool peers_have_what_was_said(const struct settings *settings)
{
    return settings->connections_per_peer_max == 7;
}

static void a_peer_has_all_but_a_sixteenth_of_the_connections(void **state)
{
    (void)state;
    LOAD(peers_have_all_but_a_sixteenth, IDENTITY, "-connections=1600");
    assert_taken();
    LOAD(peers_have_what_was_said, IDENTITY, "-connections=1600", "-connections-per-peer=7");
    assert_taken();
}

static void a_second_root_key_is_whole_and_another(void **state)
{
    (void)state;
    LOAD(NULL, IDENTITY, "-access-key-2=AKID2");
    assert_refused("access-key-2, secret-key-2-file");
    LOAD(NULL, IDENTITY, "-secret-key-2=12345678");
    assert_refused("access-key-2, secret-key-2-file");
    LOAD(NULL, IDENTITY, "-access-key-2=AKID", "-secret-key-2=12345678");
    assert_refused("access-key-2");
    LOAD(NULL, IDENTITY, "-access-key-2=AKID2", "-secret-key-2=12345678");
    assert_taken();
}

static void what_is_unknown_is_refused(void **state)
{
    (void)state;
    LOAD(NULL, IDENTITY, "-never-heard-of=1");
    assert_refused("never-heard-of");
    LOAD(NULL, IDENTITY, "-open-files-api=perhaps");
    assert_refused("open-files-api");
    LOAD(NULL, IDENTITY, "word");
    assert_refused("word");
}

/* ---- what becomes of them ---------------------------------------------------------------------------------------- */

static bool reach_where_they_belong(const struct settings *settings)
{
    const struct gateway_options options = settings->gateway;
    const struct admission admission = settings->admission;

    return options.gc_grace_ms == 3600000 && options.gc_interval_ms == 11000 && options.repair_interval_ms == 12000 &&
           options.repair_concurrency == 3 && options.node_dead_after_ms == 13000 &&
           options.inventory_interval_ms == 14000 && options.orphan_age_ms == 15000 && options.orphan_percent == 16 &&
           options.upload_expiry_ms == 17000 && options.files_versions_max == 18 && options.files_versions_days == 19 &&
           options.lifecycle_rate == 31 && options.lifecycle_change_rate == 32 && options.lifecycle_day_ms == 33000 &&
           options.log_delivery_ms == 34000 && options.log_spool_bytes == 35 << 20 &&
           admission.limits[CLASS_READ] == 21 && admission.limits[CLASS_WRITE] == 22 &&
           admission.limits[CLASS_LIST] == 23 && admission.limits[CLASS_OTHER] == 24 &&
           admission.limits[CLASS_ERROR] == 25 && admission.limits[CLASS_SYSTEM] == 25 &&
           admission.upload_bytes_max == 64 << 20 && strcmp(options.region, "eu-1") == 0 &&
           strcmp(options.domain, "s3.example.com") == 0 && strcmp(options.access_key, "AKID") == 0 &&
           strcmp(options.secret_key, "secret-of-root") == 0 && strcmp(options.server_id, "one") == 0 &&
           strcmp(options.account_id, "123456789012") == 0 && strcmp(options.access_key_2, "AKID2") == 0 &&
           strcmp(options.secret_key_2, "secret-of-two") == 0 && strcmp(options.files_token, "1234567890123456") == 0 &&
           options.open_files_api && options.access_log;
}

static void settings_reach_where_they_belong(void **state)
{
    (void)state;
    LOAD(reach_where_they_belong, IDENTITY, "-gc-grace=1h", "-gc-interval=11s", "-repair-interval=12s",
         "-repair-concurrency=3", "-node-dead-after=13s", "-inventory-interval=14s", "-orphan-age=15s",
         "-orphan-percent=16", "-upload-expiry=17s", "-files-versions-max=18", "-files-versions-days=19",
         "-lifecycle-rate=31", "-lifecycle-change-rate=32", "-lifecycle-day=33s", "-log-delivery-interval=34s",
         "-log-spool=35M", "-reads=21", "-writes=22", "-lists=23", "-others=24", "-errors=25", "-upload-memory=64M",
         "-region=eu-1", "-domain=s3.example.com", "-server-id=one", "-account-id=123456789012",
         "-files-token=1234567890123456", "-open-files-api=true", "-accesslog=true", "-access-key-2=AKID2",
         "-secret-key-2=secret-of-two");
    assert_taken();
}

/* ---- files with secrets ------------------------------------------------------------------------------------------ */

static const char *secret_file(const char *text, mode_t mode)
{
    static char path[64];
    int fd;

    snprintf(path, sizeof(path), "%s/secret", directory);
    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static bool has_the_secret_of_the_file(const struct settings *settings)
{
    return strcmp(settings->gateway.secret_key, "secret of the file") == 0;
}

static bool has_the_token_of_the_file(const struct settings *settings)
{
    return strcmp(settings->gateway.files_token, "token of the file") == 0;
}

/* Its first line, whatever is given directly. */
static void a_secret_may_be_in_a_file(void **state)
{
    (void)state;
    LOAD(has_the_secret_of_the_file, IDENTITY,
         argument("secret-key-file", secret_file("secret of the file\r\nmore\n", 0600)));
    assert_taken();
    LOAD(has_the_token_of_the_file, IDENTITY, "-files-token=1234567890123456",
         argument("files-token-file", secret_file("token of the file", 0400)));
    assert_taken();
    LOAD(NULL, IDENTITY, argument("files-token-file", secret_file("short\n", 0600)));
    assert_refused("files-token");
    LOAD(NULL, IDENTITY, argument("secret-key-file", secret_file("\n", 0600)));
    assert_refused("secret");
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    static const mode_t modes[] = {0660, 0604, 0620, 0601};

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        LOAD(NULL, IDENTITY, argument("secret-key-file", secret_file("secret of the file\n", modes[i])));
        assert_refused("secret|600");
        assert_null(strstr(outcome.said, "secret of the file"));
    }
}

static void a_file_that_is_not_there_is_refused(void **state)
{
    (void)state;
    LOAD(NULL, IDENTITY, "-secret-key-file=/nonexistent");
    assert_refused("/nonexistent");
    LOAD(NULL, IDENTITY, argument("secret-key-file", directory));
    assert_refused(directory);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(secret_file("", 0600));
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_beyond_a_bound_is_refused),
        cmocka_unit_test(bounds_themselves_are_taken),
        cmocka_unit_test(the_root_user_must_have_a_name_and_a_secret),
        cmocka_unit_test(hosts_of_websites_are_nothing_else),
        cmocka_unit_test(tls_needs_certificate_and_key),
        cmocka_unit_test(names_must_be_names),
        cmocka_unit_test(the_token_of_files_must_be_long),
        cmocka_unit_test(upload_memory_holds_a_window),
        cmocka_unit_test(a_peer_has_all_but_a_sixteenth_of_the_connections),
        cmocka_unit_test(a_second_root_key_is_whole_and_another),
        cmocka_unit_test(what_is_unknown_is_refused),
        cmocka_unit_test(settings_reach_where_they_belong),
        cmocka_unit_test(a_secret_may_be_in_a_file),
        cmocka_unit_test(a_file_that_others_may_read_is_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
