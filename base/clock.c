/* Clocks and the text forms of wall-clock time. The calendar is computed here (proleptic Gregorian, UTC, no
 * leap seconds), since the C library's takes a lock and reads the environment. Years are limited to
 * 0000-9999, which every text form can hold. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

#define MS_PER_DAY  INT64_C(86400000)
#define WALL_MS_MIN INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define WALL_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

struct civil {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second, millisecond;
    int weekday; /* 0: Sunday; not used when a time is built */
};

static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const long_day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                             "Thursday", "Friday", "Saturday"};
static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const zone_names[] = {"GMT", "UTC", "+0000", "-0000"};

/* What clock_hold and clock_move_ms made of time. The product never sets `used`. */
static struct {
    int used, held, skips; /* atomic */
    uint64_t moved_us;     /* atomic */
    int64_t stopped_us[3]; /* what the system's clocks said when they were held */
} test_clock;

static const clockid_t clock_ids[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME};

static int64_t system_us(clockid_t id)
{
    struct timespec now;
    CHECK(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t test_clock_us(unsigned which)
{
    int64_t us = __atomic_load_n(&test_clock.held, __ATOMIC_ACQUIRE) ? test_clock.stopped_us[which]
                                                                     : system_us(clock_ids[which]);
    return us + (int64_t)__atomic_load_n(&test_clock.moved_us, __ATOMIC_RELAXED);
}

static int64_t clock_now_us(unsigned which)
{
    if (__builtin_expect(__atomic_load_n(&test_clock.used, __ATOMIC_ACQUIRE), 0))
        return test_clock_us(which);
    return system_us(clock_ids[which]);
}

void clock_hold(void)
{
    CHECK(!clock_is_held());
    for (unsigned i = 0; i < 3; i++)
        test_clock.stopped_us[i] = system_us(clock_ids[i]);
    __atomic_store_n(&test_clock.held, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&test_clock.used, 1, __ATOMIC_RELEASE);
}

void clock_move_ms(uint64_t ms)
{
    __atomic_fetch_add(&test_clock.moved_us, ms * 1000, __ATOMIC_RELEASE);
    __atomic_store_n(&test_clock.used, 1, __ATOMIC_RELEASE);
}

void clock_release(void)
{
    __atomic_store_n(&test_clock.held, 0, __ATOMIC_RELEASE);
}

void clock_skip_idle(bool skip)
{
    __atomic_store_n(&test_clock.skips, skip, __ATOMIC_RELEASE);
}

bool clock_skips_idle(void)
{
    return __atomic_load_n(&test_clock.skips, __ATOMIC_ACQUIRE);
}

bool clock_is_held(void)
{
    return __atomic_load_n(&test_clock.held, __ATOMIC_RELAXED);
}

uint64_t clock_monotonic_ms(void)
{
    return (uint64_t)clock_now_us(0) / 1000;
}

uint64_t clock_monotonic_us(void)
{
    return (uint64_t)clock_now_us(0);
}

uint64_t clock_boot_ms(void)
{
    return (uint64_t)clock_now_us(1) / 1000;
}

void clock_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool clock_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ms)
{
    uint64_t system_ms = until_ms;
    struct timespec until;

    if (clock_is_held())
        system_ms = (uint64_t)system_us(CLOCK_MONOTONIC) / 1000 + CLOCK_HELD_LOOK_MS;
    else if (until_ms != CLOCK_NEVER)
        system_ms -= __atomic_load_n(&test_clock.moved_us, __ATOMIC_RELAXED) / 1000;
    until = (struct timespec){.tv_sec = (time_t)(system_ms / 1000), .tv_nsec = (long)(system_ms % 1000) * 1000000};
    pthread_cond_timedwait(condition, lock, &until);
    return clock_monotonic_ms() < until_ms;
}

int64_t clock_wall_ms(void)
{
    return clock_now_us(2) / 1000;
}

void clock_guard_start(struct clock_guard *guard)
{
    *guard = (struct clock_guard){clock_monotonic_ms(), clock_wall_ms()};
}

int64_t clock_guard_now_ms(const struct clock_guard *guard)
{
    int64_t wall_ms = clock_wall_ms();
    int64_t passed_ms = guard->start_wall_ms + (int64_t)(clock_monotonic_ms() - guard->start_ms);
    return wall_ms < passed_ms ? wall_ms : passed_ms;
}

bool clock_age_reached(int64_t now_ms, int64_t since_ms, uint64_t age_ms)
{
    return now_ms >= since_ms && (uint64_t)now_ms - (uint64_t)since_ms >= age_ms;
}

/* Years are counted from March in both directions of the conversion, so that the leap day comes last; 719468
 * is the number of days from 0000-03-01 to 1970-01-01 and 146097 that of 400 years. */
static int64_t civil_days(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct civil civil_from_wall(int64_t wall_ms)
{
    struct civil civil;

    if (wall_ms < WALL_MS_MIN)
        wall_ms = WALL_MS_MIN;
    if (wall_ms > WALL_MS_MAX)
        wall_ms = WALL_MS_MAX;
    int64_t days = (wall_ms >= 0 ? wall_ms : wall_ms - (MS_PER_DAY - 1)) / MS_PER_DAY;
    int64_t rest = wall_ms - days * MS_PER_DAY;
    civil.weekday = (int)(((days + 4) % 7 + 7) % 7);
    civil.hour = (int)(rest / 3600000);
    civil.minute = (int)(rest / 60000 % 60);
    civil.second = (int)(rest / 1000 % 60);
    civil.millisecond = (int)(rest % 1000);

    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (int)((5 * day_of_year + 2) / 153); /* 0: March */
    civil.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    civil.month = month < 10 ? month + 3 : month - 9;
    civil.year = (int)(year_of_era + era * 400 + (civil.month <= 2));
    return civil;
}

static int civil_month_length(int year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : lengths[month - 1];
}

/* A second of 60 is a leap second (RFC 9110 allows it) and counts as the next minute's first. */
static enum status civil_to_wall(const struct civil *civil, int64_t *wall_ms)
{
    if (civil->year < 0 || civil->year > 9999 || civil->month < 1 || civil->month > 12)
        return STATUS_INVALID;
    if (civil->day < 1 || civil->day > civil_month_length(civil->year, civil->month))
        return STATUS_INVALID;
    if (civil->hour > 23 || civil->minute > 59 || civil->second > 60)
        return STATUS_INVALID;
    int64_t seconds = civil->hour * 3600 + civil->minute * 60 + civil->second;
    *wall_ms = civil_days(civil->year, civil->month, civil->day) * MS_PER_DAY + seconds * 1000 + civil->millisecond;
    return STATUS_OK;
}

/* So many digits, and what stands behind them. Returns where to go on. */
static char *put_digits(char *out, unsigned count, int value, char behind)
{
    for (unsigned i = count; i > 0; i--) {
        out[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    out[count] = behind;
    return out + count + 1;
}

/* By hand: a listing has a thousand of them. */
void clock_format_iso8601_ms(int64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
    struct civil c = civil_from_wall(wall_ms);

    out = put_digits(out, 4, c.year, '-');
    out = put_digits(out, 2, c.month, '-');
    out = put_digits(out, 2, c.day, 'T');
    out = put_digits(out, 2, c.hour, ':');
    out = put_digits(out, 2, c.minute, ':');
    out = put_digits(out, 2, c.second, '.');
    out = put_digits(out, 3, c.millisecond, 'Z');
    *out = '\0';
}

void clock_format_rfc1123(int64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
    struct civil c = civil_from_wall(wall_ms);
    snprintf(out, CLOCK_TEXT_MAX, "%s, %02u %s %04u %02u:%02u:%02u GMT", day_names[c.weekday], (unsigned)c.day % 100u,
             month_names[c.month - 1], (unsigned)c.year % 10000u, (unsigned)c.hour % 100u, (unsigned)c.minute % 100u,
             (unsigned)c.second % 100u);
}

void clock_format_basic(int64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
    struct civil c = civil_from_wall(wall_ms);
    snprintf(out, CLOCK_TEXT_MAX, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)c.year % 10000u, (unsigned)c.month % 100u,
             (unsigned)c.day % 100u, (unsigned)c.hour % 100u, (unsigned)c.minute % 100u, (unsigned)c.second % 100u);
}

/* Reads a text from left to right; after the first mistake everything fails. */
struct scan {
    struct bytes rest;
    bool failed;
};

static void scan_char(struct scan *scan, char c)
{
    if (scan->failed || !scan->rest.len || scan->rest.data[0] != c) {
        scan->failed = true;
        return;
    }
    scan->rest = bytes_of(scan->rest.data + 1, scan->rest.len - 1);
}

static int scan_digits(struct scan *scan, unsigned count)
{
    int value = 0;

    if (scan->failed || scan->rest.len < count) {
        scan->failed = true;
        return 0;
    }
    for (unsigned i = 0; i < count; ++i) {
        char c = scan->rest.data[i];
        if (c < '0' || c > '9') {
            scan->failed = true;
            return 0;
        }
        value = value * 10 + (c - '0');
    }
    scan->rest = bytes_of(scan->rest.data + count, scan->rest.len - count);
    return value;
}

static int scan_name(struct scan *scan, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count && !scan->failed; ++i) {
        struct bytes name = bytes_from_str(names[i]);
        if (bytes_starts_with(scan->rest, name)) {
            scan->rest = bytes_of(scan->rest.data + name.len, scan->rest.len - name.len);
            return (int)i;
        }
    }
    scan->failed = true;
    return 0;
}

static void scan_time(struct scan *scan, struct civil *civil)
{
    civil->hour = scan_digits(scan, 2);
    scan_char(scan, ':');
    civil->minute = scan_digits(scan, 2);
    scan_char(scan, ':');
    civil->second = scan_digits(scan, 2);
}

static enum status scan_end(struct scan *scan, const struct civil *civil, int64_t *wall_ms)
{
    if (scan->failed || scan->rest.len)
        return STATUS_INVALID;
    return civil_to_wall(civil, wall_ms);
}

/* Sun, 06 Nov 1994 08:49:37 GMT. Signers of Signature Version 2 also write +0000 or UTC; -0000
 * means the same moment (RFC 5322 section 3.3). */
static enum status parse_imf_fixdate(struct bytes text, int64_t *wall_ms)
{
    struct scan scan = {text, false};
    struct civil civil = {0};

    scan_name(&scan, day_names, 7);
    scan_char(&scan, ',');
    scan_char(&scan, ' ');
    civil.day = scan_digits(&scan, 2);
    scan_char(&scan, ' ');
    civil.month = scan_name(&scan, month_names, 12) + 1;
    scan_char(&scan, ' ');
    civil.year = scan_digits(&scan, 4);
    scan_char(&scan, ' ');
    scan_time(&scan, &civil);
    scan_char(&scan, ' ');
    scan_name(&scan, zone_names, 4);
    return scan_end(&scan, &civil, wall_ms);
}

/* Sunday, 06-Nov-94 08:49:37 GMT. A year that would be more than 50 years ahead is in the past. */
static enum status parse_rfc850(struct bytes text, int64_t *wall_ms)
{
    struct scan scan = {text, false};
    struct civil civil = {0};
    int this_year = civil_from_wall(clock_wall_ms()).year;

    scan_name(&scan, long_day_names, 7);
    scan_char(&scan, ',');
    scan_char(&scan, ' ');
    civil.day = scan_digits(&scan, 2);
    scan_char(&scan, '-');
    civil.month = scan_name(&scan, month_names, 12) + 1;
    scan_char(&scan, '-');
    civil.year = this_year - this_year % 100 + scan_digits(&scan, 2);
    if (civil.year > this_year + 50)
        civil.year -= 100;
    scan_char(&scan, ' ');
    scan_time(&scan, &civil);
    scan_char(&scan, ' ');
    scan_name(&scan, zone_names, 1);
    return scan_end(&scan, &civil, wall_ms);
}

/* Sun Nov  6 08:49:37 1994 */
static enum status parse_asctime(struct bytes text, int64_t *wall_ms)
{
    struct scan scan = {text, false};
    struct civil civil = {0};

    scan_name(&scan, day_names, 7);
    scan_char(&scan, ' ');
    civil.month = scan_name(&scan, month_names, 12) + 1;
    scan_char(&scan, ' ');
    if (scan.rest.len && scan.rest.data[0] == ' ') {
        scan_char(&scan, ' ');
        civil.day = scan_digits(&scan, 1);
    } else {
        civil.day = scan_digits(&scan, 2);
    }
    scan_char(&scan, ' ');
    scan_time(&scan, &civil);
    scan_char(&scan, ' ');
    civil.year = scan_digits(&scan, 4);
    return scan_end(&scan, &civil, wall_ms);
}

enum status clock_parse_http(struct bytes text, int64_t *wall_ms)
{
    if (parse_imf_fixdate(text, wall_ms) == STATUS_OK)
        return STATUS_OK;
    if (parse_rfc850(text, wall_ms) == STATUS_OK)
        return STATUS_OK;
    return parse_asctime(text, wall_ms);
}

enum status clock_parse_basic(struct bytes text, int64_t *wall_ms)
{
    struct scan scan = {text, false};
    struct civil civil = {0};

    civil.year = scan_digits(&scan, 4);
    civil.month = scan_digits(&scan, 2);
    civil.day = scan_digits(&scan, 2);
    scan_char(&scan, 'T');
    civil.hour = scan_digits(&scan, 2);
    civil.minute = scan_digits(&scan, 2);
    civil.second = scan_digits(&scan, 2);
    scan_char(&scan, 'Z');
    return scan_end(&scan, &civil, wall_ms);
}

enum status clock_parse_iso8601(struct bytes text, int64_t *wall_ms)
{
    struct scan scan = {text, false};
    struct civil civil = {0};

    civil.year = scan_digits(&scan, 4);
    scan_char(&scan, '-');
    civil.month = scan_digits(&scan, 2);
    scan_char(&scan, '-');
    civil.day = scan_digits(&scan, 2);
    scan_char(&scan, 'T');
    scan_time(&scan, &civil);
    if (!scan.failed && scan.rest.len && scan.rest.data[0] == '.') {
        int scale = 100;
        scan_char(&scan, '.');
        do { /* digits beyond the third are below a millisecond */
            civil.millisecond += scan_digits(&scan, 1) * scale;
            scale /= 10;
        } while (!scan.failed && scan.rest.len && scan.rest.data[0] != 'Z');
    }
    scan_char(&scan, 'Z');
    return scan_end(&scan, &civil, wall_ms);
}
