/* Signals and systemd; see the header. The watchdog is fed by the thread that waits for signals, but only after every
 * loop has run a task since the last time: a loop that hangs gets the program restarted. */
#include "base/service.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/task.h"

#define FILES_BESIDE_CONNECTIONS 2304 /* databases, connections between gateway and nodes */

static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;

    if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* an abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, size) < 0)
        log_warn("the service manager cannot be notified", LOG_STR("state", state));
    close(fd);
}

static int wake_fd = -1; /* an eventfd: what service_wake writes; set before any thread starts */

static void signals_served(sigset_t *set, const sigset_t *ending)
{
    *set = *ending;
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR2);
}

void service_block_signals(const sigset_t *ending)
{
    sigset_t set;

    signals_served(&set, ending);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (wake_fd < 0)
        wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(wake_fd >= 0);
}

void service_wake(void)
{
    if (wake_fd >= 0 && eventfd_write(wake_fd, 1) != 0)
        log_error("the main thread cannot be woken");
}

void service_raise_file_limit(uint64_t connections)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < connections + FILES_BESIDE_CONNECTIONS)
        log_warn("the limit of open files is low for -connections", LOG_INT("limit", limit.rlim_max),
                 LOG_INT("connections", connections));
}

void service_ready(void)
{
    notify("READY=1");
}

void service_stopping(uint64_t stop_ms)
{
    char state[64];

    snprintf(state, sizeof(state), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu", (unsigned long long)stop_ms * 1000);
    notify(state);
}

/* ---- watchdog ------------------------------------------------------------------------------------------------- */

/* Tasks given to the loops to see whether they turn. They may outlive service_wait. */
static struct {
    unsigned asked;
    unsigned answered; /* atomic */
} beats;

/* systemd names the process that it watches, and wants a word from it within the time. 0: nobody watches. */
static uint64_t watchdog_interval_ms(void)
{
    const char *pid = getenv("WATCHDOG_PID"), *usec = getenv("WATCHDOG_USEC");
    uint64_t timeout_us, number;

    if (!usec || bytes_parse_u64(bytes_from_str(usec), UINT64_MAX, &timeout_us))
        return 0;
    if (pid && (bytes_parse_u64(bytes_from_str(pid), INT32_MAX, &number) || (pid_t)number != getpid()))
        return 0;
    return timeout_us / 2000;
}

static void watchdog_answer(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&beats.answered, 1, __ATOMIC_RELAXED);
}

static void watchdog_feed(struct loop_group *loops)
{
    if (__atomic_load_n(&beats.answered, __ATOMIC_RELAXED) != beats.asked)
        return;
    notify("WATCHDOG=1");
    for (unsigned i = 0; i < loops->count; i++)
        task_spawn(loops->loops[i], watchdog_answer, NULL);
    beats.asked += loops->count;
}

/* ---- signals -------------------------------------------------------------------------------------------------- */

/* Milliseconds for poll. */
static int wait_ms(uint64_t interval_ms, uint64_t until_ms)
{
    uint64_t now_ms = clock_monotonic_ms(), wait = until_ms > now_ms ? until_ms - now_ms : 0;

    if (interval_ms && interval_ms < wait)
        wait = interval_ms;
    return wait > INT32_MAX ? -1 : (int)wait;
}

/* The next signal; 0 when the time has passed first, or *woken. */
static int next_signal(int signals, int timeout_ms, bool *woken)
{
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
    struct signalfd_siginfo info;
    eventfd_t times;

    poll(fds, 2, timeout_ms);
    if (read(signals, &info, sizeof(info)) == sizeof(info))
        return (int)info.ssi_signo;
    *woken = wake_fd >= 0 && eventfd_read(wake_fd, &times) == 0;
    return 0;
}

static struct {
    void (*run)(void *arg);
    void *arg;
} on_reload;

void service_on_reload(void (*reload)(void *arg), void *arg)
{
    on_reload.run = reload;
    on_reload.arg = arg;
}

static void reload(void)
{
    char state[96];

    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_monotonic_us());
    notify(state);
    if (log_reopen())
        log_error("the log file cannot be opened anew, writing on to the old one");
    if (on_reload.run)
        on_reload.run(on_reload.arg);
    notify("READY=1");
}

int service_wait(const sigset_t *ending, struct loop_group *loops, uint64_t until_ms)
{
    uint64_t interval_ms = watchdog_interval_ms();
    bool woken = false;
    sigset_t set;
    int number = 0;

    signals_served(&set, ending);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    CHECK(signals >= 0);
    beats.asked = __atomic_load_n(&beats.answered, __ATOMIC_RELAXED); /* of loops that are gone nothing will come */
    while (number == 0 && !woken && clock_monotonic_ms() < until_ms) {
        if (interval_ms)
            watchdog_feed(loops);
        number = next_signal(signals, wait_ms(interval_ms, until_ms), &woken);
        if (number == SIGHUP)
            reload();
        else if (number == SIGUSR2)
            log_toggle_debug();
        if (number > 0 && !sigismember(ending, number))
            number = 0;
    }
    close(signals);
    return number;
}
