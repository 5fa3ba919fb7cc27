/* What a program owes to those who run it: it says when it is ready and that it is alive (systemd's notification
 * protocol, sd_notify(3); silent without systemd), does what signals ask for, and can tell whether another instance of
 * it is well.
 *
 *   SIGHUP   the log file is opened anew, for those who rotate it; and what the program wants beside
 * (service_on_reload) SIGUSR2  the log shows everything from debug up; the next one goes back to -loglevel */
#ifndef TERCET_BASE_SERVICE_H
#define TERCET_BASE_SERVICE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct loop_group;
struct tls_files;

/* Blocks the signals above and those that end the program; before any thread starts, so that only service_wait takes
 * them. SIGPIPE is ignored. */
void service_block_signals(const sigset_t *ending);
/* Raises the soft limit of open files to the hard one, and warns when it is too low for so many clients. */
void service_raise_file_limit(uint64_t connections);
/* What SIGHUP does beside; called by service_wait, in its thread. Before service_wait is. */
void service_on_reload(void (*reload)(void *arg), void *arg);
/* The program serves now. */
void service_ready(void);
/* Waits for one of the ending signals and returns it; 0 when service_wake was called first, or the time is over
 * (monotonic; CLOCK_NEVER). Meanwhile does what the other signals ask for and, where systemd wants it, says that the
 * program is alive as long as every loop turns. */
int service_wait(const sigset_t *ending, struct loop_group *loops, uint64_t until_ms);
/* Something has happened that main has to look at, such as a failed disk: service_wait returns, also one that begins
 * later. Whoever calls this ends nothing: main does, with the exit code that says why. Any thread, also where there is
 * no main that waits. */
void service_wake(void);
/* The program finishes what it has begun; systemd gives it stop_ms. */
void service_stopping(uint64_t stop_ms);

/* Asks the instance that listens there for /health; for container checks. Returns the exit code, 0 when it is well, and
 * says on stderr what is wrong. The certificate is not verified: the instance is one's own. */
int service_probe(const char *address, uint16_t port, const struct tls_files *tls);

#endif
