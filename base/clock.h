/* Time. Deadlines use the monotonic clock; only what people and protocols see uses the wall clock, and nothing is
 * ever ordered by it. */
#ifndef TERCET_BASE_CLOCK_H
#define TERCET_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/bytes.h"

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
uint64_t clock_boot_ms(void); /* as the monotonic one, but it goes on while the machine sleeps */
int64_t clock_wall_ms(void);  /* milliseconds since 1970, UTC */

#define CLOCK_NEVER UINT64_MAX /* a deadline that does not come */

/* For ages on which the life of data depends: the wall clock of the start, and what has passed since by the monotonic
 * one; less when the wall clock was set back. One that is set forward makes nothing old. */
struct clock_guard {
    uint64_t start_ms;
    int64_t start_wall_ms;
};
void clock_guard_start(struct clock_guard *guard);
int64_t clock_guard_now_ms(const struct clock_guard *guard);
/* Has so much passed since then? Not since a time in the future. */
bool clock_age_reached(int64_t now_ms, int64_t since_ms, uint64_t age_ms);

/* A condition whose timed waits use the monotonic clock. A wait ends when the condition is signalled, at that time, or
 * for no reason; false: the time has come. */
void clock_cond_init(pthread_cond_t *condition);
bool clock_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ms);

/* For tests: clocks that stand still and move, all by the same, only when they are told to. What waits for a time by
 * this header, or in a loop, then looks every CLOCK_HELD_LOOK_MS whether it has come; a loop that sleeps already when
 * the clocks are held may take a second to begin with that. Clocks that are not held may be moved, too: in place of
 * sleeping. Timeouts within libcurl and the system go on by themselves. Released clocks never go back. */
#define CLOCK_HELD_LOOK_MS 1
void clock_hold(void);
void clock_move_ms(uint64_t ms);
void clock_release(void);
bool clock_is_held(void);
/* Held clocks that skip what nothing happens in: a loop that has nothing to do moves them to its next timer. For tests
 * all of whose work is on one loop. */
void clock_skip_idle(bool skip);
bool clock_skips_idle(void);

/* Text forms, NUL-terminated. All UTC. */
#define CLOCK_TEXT_MAX 40
void clock_format_iso8601_ms(int64_t wall_ms, char out[CLOCK_TEXT_MAX]); /* 2026-11-22T19:54:00.123Z */
void clock_format_rfc1123(int64_t wall_ms, char out[CLOCK_TEXT_MAX]);    /* Sun, 22 Nov 2026 19:54:00 GMT */
void clock_format_basic(int64_t wall_ms, char out[CLOCK_TEXT_MAX]);      /* 20261122T195400Z */
/* Parsers check every field's range. RFC 9110 section 5.6.7: the IMF-fixdate, RFC 850 and asctime forms. */
enum status clock_parse_http(struct bytes text, int64_t *wall_ms);
enum status clock_parse_basic(struct bytes text, int64_t *wall_ms);   /* 20261122T195400Z */
enum status clock_parse_iso8601(struct bytes text, int64_t *wall_ms); /* with or without fraction, Z */

#endif
