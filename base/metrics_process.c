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

#define FDS_FEW     256  /* counted each time; */
#define FDS_KEPT_MS 1000 /* more are counted so often at most: ten thousand take ten milliseconds of a loop's time */

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

/* 0: they cannot be counted. */
static uint64_t count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;
    const struct dirent *entry;

    if (!directory)
        return 0;
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* without the directory's own */
}

static double open_fds(void *arg)
{
    static uint64_t kept, kept_ms; /* atomic, each for itself */
    uint64_t count = __atomic_load_n(&kept, __ATOMIC_RELAXED), now_ms = clock_monotonic_ms();

    (void)arg;
    if (count < FDS_FEW || now_ms - __atomic_load_n(&kept_ms, __ATOMIC_RELAXED) >= FDS_KEPT_MS) {
        __atomic_store_n(&kept_ms, now_ms, __ATOMIC_RELAXED); /* before, so that others need not count as well */
        count = count_fds();
        __atomic_store_n(&kept, count, __ATOMIC_RELAXED);
    }
    return count > 0 ? (double)count : NAN;
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
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
        return NAN;
    if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0)
        return NAN;
    double age = (double)boot.tv_sec + (double)boot.tv_nsec / 1e9 - (double)ticks / (double)sysconf(_SC_CLK_TCK);
    return (double)clock_wall_ms() / 1000 - age;
}

void metrics_register_process(const char *role)
{
    char labels[LABELS_MAX];
    int len = snprintf(labels, sizeof(labels), "role=\"%s\",version=\"%s\",revision=\"%s\"", role, TERCET_VERSION,
                       build_revision());

    CHECK(len > 0 && len < LABELS_MAX);
    metric_gauge_set(metric_gauge_get("tercet_build_info",
                                      "Always 1; the labels say which program this is, its version and its source.",
                                      labels),
                     1);
    metric_gauge_set(metric_gauge_get("process_start_time_seconds", "Start of the process, in seconds since 1970.", ""),
                     start_time_seconds());
    metric_counter_callback("process_cpu_seconds_total", "User and system CPU time that the process used.", "",
                            cpu_seconds, NULL);
    metric_gauge_callback("process_resident_memory_bytes", "Resident memory of the process.", "", resident_memory_bytes,
                          NULL);
    metric_gauge_callback("process_virtual_memory_bytes", "Size of the address space of the process.", "",
                          virtual_memory_bytes, NULL);
    metric_gauge_callback("process_open_fds", "Open file descriptors of the process.", "", open_fds, NULL);
    metric_gauge_callback("process_max_fds", "Limit of open file descriptors of the process.", "", max_fds, NULL);
}
