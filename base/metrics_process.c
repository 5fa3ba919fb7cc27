/* The metrics that every process has: what was built, and what the kernel counts (names as in Prometheus's
 * own client libraries). Read from /proc when they are asked for; a value that cannot be read is NaN. */
#include "base/metrics.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/revision.h"

#define LABELS_MAX 192

static double cpu_seconds(void *arg)
{
    struct rusage usage;

    (void)arg;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return NAN;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Field 0 of statm is the size of the address space in pages, field 1 the resident part. */
static double memory_bytes(unsigned field)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long pages[2];
    int got;

    if (!file)
        return NAN;
    got = fscanf(file, "%ld %ld", &pages[0], &pages[1]);
    fclose(file);
    return got == 2 ? (double)pages[field] * (double)sysconf(_SC_PAGESIZE) : NAN;
}

static double virtual_memory_bytes(void *arg)
{
    (void)arg;
    return memory_bytes(0);
}

static double resident_memory_bytes(void *arg)
{
    (void)arg;
    return memory_bytes(1);
}

static double open_fds(void *arg)
{
    DIR *directory = opendir("/proc/self/fd");
    double count = 0;
    const struct dirent *entry;

    (void)arg;
    if (!directory)
        return NAN;
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* without the directory's own */
}

static double max_fds(void *arg)
{
    struct rlimit limit;

    (void)arg;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : NAN;
}

/* Field 22 of stat counts clock ticks since boot; the second field may hold spaces, but ends at the last ')'.
 */
static double start_time_seconds(void)
{
    FILE *file = fopen("/proc/self/stat", "re");
    char text[1024];
    unsigned long long ticks;
    struct timespec boot;

    if (!file)
        return NAN;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    const char *rest = strrchr(text, ')');
    if (!rest ||
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &ticks) != 1)
        return NAN;
    if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0)
        return NAN;
    double age =
        (double)boot.tv_sec + (double)boot.tv_nsec / 1e9 - (double)ticks / (double)sysconf(_SC_CLK_TCK);
    return (double)clock_wall_ms() / 1000 - age;
}

void metrics_register_process(const char *role)
{
    char labels[LABELS_MAX];
    int len = snprintf(labels, sizeof(labels), "role=\"%s\",version=\"%s\",revision=\"%s\"", role, TERCET_VERSION,
                       build_revision());

    CHECK(len > 0 && len < LABELS_MAX);
    metric_gauge_set(metric_gauge_get("tercet_build_info", "1; the labels say what was built", labels), 1);
    metric_gauge_set(
        metric_gauge_get("process_start_time_seconds", "Start of the process, in seconds since 1970", ""),
        start_time_seconds());
    metric_counter_callback("process_cpu_seconds_total", "User and system CPU time used", "", cpu_seconds,
                            NULL);
    metric_gauge_callback("process_resident_memory_bytes", "Resident memory", "", resident_memory_bytes,
                          NULL);
    metric_gauge_callback("process_virtual_memory_bytes", "Size of the address space", "",
                          virtual_memory_bytes, NULL);
    metric_gauge_callback("process_open_fds", "Open file descriptors", "", open_fds, NULL);
    metric_gauge_callback("process_max_fds", "Limit of open file descriptors", "", max_fds, NULL);
}
