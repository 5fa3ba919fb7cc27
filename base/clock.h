/* Time. Deadlines use the monotonic clock; only what people and protocols see uses the wall clock, and nothing is
 * ever ordered by it. */
#ifndef TERCET_BASE_CLOCK_H
#define TERCET_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "base/bytes.h"

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
int64_t clock_wall_ms(void); /* milliseconds since 1970, UTC */

#define CLOCK_NEVER UINT64_MAX /* a deadline that does not come */

/* A condition whose timed waits use the monotonic clock, and a deadline of that clock, in milliseconds, for them. */
void clock_cond_init(pthread_cond_t *condition);
struct timespec clock_deadline(uint64_t monotonic_ms);

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
