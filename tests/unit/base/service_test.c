/* Signals and systemd's notifications, with a socket of ours in systemd's place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/service.h"
#include "base/task.h"

#define WAIT_MS 20000

struct fixture {
    char directory[64], log[160], rotated[160];
    int socket;
    struct loop_group loops;
    sigset_t ending;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *state = f;
    strcpy(f->directory, "/tmp/tercet-service-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", f->directory);
    snprintf(f->log, sizeof(f->log), "%s/logs/program/name.log", f->directory);
    snprintf(f->rotated, sizeof(f->rotated), "%s/rotated", f->directory);
    f->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->socket, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    sigemptyset(&f->ending);
    sigaddset(&f->ending, SIGTERM);
    service_block_signals(&f->ending);
    loop_group_start(&f->loops, 2);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    loop_group_stop(&f->loops);
    close(f->socket);
    snprintf(command, sizeof(command), "rm -rf %s", f->directory);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* The next notification that begins so; others are passed over. False after wait_ms. */
static bool notified(const struct fixture *f, const char *start, int wait_ms)
{
    char text[256];
    struct pollfd poll_fd = {.fd = f->socket, .events = POLLIN};

    while (poll(&poll_fd, 1, wait_ms) == 1) {
        ssize_t len = recv(f->socket, text, sizeof(text) - 1, 0);
        assert_true(len > 0);
        text[len] = '\0';
        if (strncmp(text, start, strlen(start)) == 0)
            return true;
    }
    return false;
}

static off_t size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? info.st_size : -1;
}

static void *supervisor(void *arg)
{
    struct fixture *f = arg;
    bool well =
        notified(f, "READY=1", WAIT_MS) && notified(f, "WATCHDOG=1", WAIT_MS) && notified(f, "WATCHDOG=1", WAIT_MS);

    well = well && rename(f->log, f->rotated) == 0;
    kill(getpid(), SIGHUP);
    well = well && notified(f, "RELOADING=1\nMONOTONIC_USEC=", WAIT_MS) && notified(f, "READY=1", WAIT_MS);
    well = well && size_of(f->log) == 0;
    kill(getpid(), SIGUSR2);
    for (int i = 0; i < WAIT_MS && !log_enabled(LOG_DEBUG); i++)
        usleep(1000);
    well = well && log_enabled(LOG_DEBUG);
    kill(getpid(), SIGUSR2);
    for (int i = 0; i < WAIT_MS && log_enabled(LOG_DEBUG); i++)
        usleep(1000);
    well = well && !log_enabled(LOG_WARN) && log_enabled(LOG_ERROR);
    kill(getpid(), SIGTERM);
    return well ? f : NULL;
}

static void test_life(void **state)
{
    struct fixture *f = *state;
    char logs[96];
    pthread_t thread;
    void *well;

    snprintf(logs, sizeof(logs), "%s/logs", f->directory);
    log_init("program", "name", LOG_ERROR);
    assert_int_equal(log_open(logs), STATUS_OK);
    log_error("before");
    setenv("WATCHDOG_USEC", "40000", 1);
    assert_int_equal(pthread_create(&thread, NULL, supervisor, f), 0);
    service_ready();
    assert_int_equal(service_wait(&f->ending, &f->loops, CLOCK_NEVER), SIGTERM);
    pthread_join(thread, &well);
    assert_non_null(well);
    service_stopping(3000);
    assert_true(notified(f, "STOPPING=1\nEXTEND_TIMEOUT_USEC=3000000", WAIT_MS));
    off_t rotated = size_of(f->rotated);
    assert_true(rotated > 0);
    log_error("after");
    assert_int_equal(size_of(f->rotated), rotated);
    assert_true(size_of(f->log) > 0);
}

static void hang(void *arg)
{
    while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
        usleep(1000);
}

struct hanging {
    struct fixture *f;
    int released; /* atomic */
    bool starved, fed_again;
};

static void *hanging_supervisor(void *arg)
{
    struct hanging *hanging = arg;

    notified(hanging->f, "WATCHDOG=1", WAIT_MS); /* what was asked before the loop hung */
    notified(hanging->f, "WATCHDOG=1", 300);
    hanging->starved = !notified(hanging->f, "WATCHDOG=1", 500);
    __atomic_store_n(&hanging->released, 1, __ATOMIC_RELEASE);
    hanging->fed_again = notified(hanging->f, "WATCHDOG=1", WAIT_MS);
    kill(getpid(), SIGTERM);
    return NULL;
}

static void test_hanging_loop(void **state)
{
    struct hanging hanging = {.f = *state};
    pthread_t thread;

    setenv("WATCHDOG_USEC", "40000", 1);
    task_spawn(hanging.f->loops.loops[1], hang, &hanging.released);
    assert_int_equal(pthread_create(&thread, NULL, hanging_supervisor, &hanging), 0);
    assert_int_equal(service_wait(&hanging.f->ending, &hanging.f->loops, CLOCK_NEVER), SIGTERM);
    pthread_join(thread, NULL);
    assert_true(hanging.starved);
    assert_true(hanging.fed_again);
}

static void test_other_process(void **state)
{
    struct fixture *f = *state;

    setenv("WATCHDOG_USEC", "40000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    kill(getpid(), SIGTERM);
    assert_int_equal(service_wait(&f->ending, &f->loops, CLOCK_NEVER), SIGTERM);
    unsetenv("WATCHDOG_PID");
    assert_false(notified(f, "WATCHDOG=1", 0));
    assert_int_equal(service_probe("0.0.0.0", 1, NULL), 1); /* nobody listens there */
}

static void *waker(void *arg)
{
    (void)arg;
    service_wake();
    service_wake();
    return NULL;
}

static void test_woken(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;

    unsetenv("WATCHDOG_USEC");
    assert_int_equal(pthread_create(&thread, NULL, waker, NULL), 0);
    assert_int_equal(service_wait(&f->ending, &f->loops, CLOCK_NEVER), 0);
    pthread_join(thread, NULL);
    service_wait(&f->ending, &f->loops, clock_monotonic_ms() + 1); /* the second word, if it came later */
    service_wake();                                                /* before anybody waits */
    assert_int_equal(service_wait(&f->ending, &f->loops, CLOCK_NEVER), 0);
    uint64_t until_ms = clock_monotonic_ms() + 20;
    assert_int_equal(service_wait(&f->ending, &f->loops, until_ms), 0);
    assert_true(clock_monotonic_ms() >= until_ms);
    service_wake();
    kill(getpid(), SIGTERM); /* a signal counts for more */
    assert_int_equal(service_wait(&f->ending, &f->loops, CLOCK_NEVER), SIGTERM);
    assert_int_equal(service_wait(&f->ending, &f->loops, CLOCK_NEVER), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_life, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_woken, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_hanging_loop, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_other_process, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
