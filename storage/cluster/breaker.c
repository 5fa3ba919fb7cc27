/* The state machine of the header. */
#include "storage/cluster/breaker.h"

#include "base/check.h"

const char *breaker_state_name(enum breaker_state state)
{
    switch (state) {
    case BREAKER_CLOSED:
        return "CLOSED";
    case BREAKER_HALF_OPEN:
        return "HALF-OPEN";
    case BREAKER_OPEN:
        return "OPEN";
    }
    return "UNKNOWN";
}

const char *breaker_cause_name(enum breaker_cause cause)
{
    switch (cause) {
    case BREAKER_NEVER:
        break;
    case BREAKER_FAILURES:
        return "failures in a row";
    case BREAKER_RATE:
        return "failure rate";
    case BREAKER_SLOW:
        return "slow writes";
    case BREAKER_PROBE:
        return "probe failed";
    }
    return "";
}

void breaker_init(struct breaker *breaker, uint64_t failures_max, uint64_t open_ms, uint64_t seed)
{
    CHECK(failures_max > 0);
    *breaker = (struct breaker){.failures_max = failures_max, .open_ms = open_ms, .seed = seed | 1};
}

static void breaker_enter(struct breaker *breaker, enum breaker_state state)
{
    breaker->state = state;
    breaker->transitions++;
    breaker->probes_passed = 0;
    breaker->probe_ms = 0;
    breaker->failures = 0;
    breaker->history = 0;
    breaker->history_len = 0;
    breaker->slow = 0;
}

/* Up to a tenth more, so that gateways and nodes do not move in step. */
static uint64_t breaker_jitter(struct breaker *breaker, uint64_t pause_ms)
{
    breaker->seed ^= breaker->seed << 13;
    breaker->seed ^= breaker->seed >> 7;
    breaker->seed ^= breaker->seed << 17;
    return pause_ms + breaker->seed % (pause_ms / 10 + 1);
}

static void breaker_open(struct breaker *breaker, enum breaker_cause cause, uint64_t now_ms)
{
    breaker->cause = cause;
    breaker->pause_ms = cause == BREAKER_PROBE ? 2 * breaker->pause_ms : breaker->open_ms;
    if (breaker->pause_ms > BREAKER_OPEN_MS_MAX)
        breaker->pause_ms = BREAKER_OPEN_MS_MAX;
    breaker->open_until_ms = now_ms + breaker_jitter(breaker, breaker->pause_ms);
    breaker_enter(breaker, BREAKER_OPEN);
}

bool breaker_allow(struct breaker *breaker, uint64_t now_ms)
{
    if (breaker->state == BREAKER_CLOSED)
        return true;
    if (breaker->state == BREAKER_OPEN) {
        if (now_ms < breaker->open_until_ms)
            return false;
        breaker_enter(breaker, BREAKER_HALF_OPEN);
    }
    if (breaker->probe_ms && now_ms - breaker->probe_ms < BREAKER_PROBE_MS_MAX)
        return false;
    breaker->probe_ms = now_ms ? now_ms : 1;
    return true;
}

#define HISTORY_MASK ((1u << BREAKER_HISTORY) - 1)

/* Half of them all, whether or not there were so many yet. */
static bool half_set(uint32_t history)
{
    return 2 * (unsigned)__builtin_popcount(history) >= BREAKER_HISTORY;
}

static void breaker_remember(struct breaker *breaker, bool failed)
{
    breaker->history = (breaker->history << 1 | failed) & HISTORY_MASK;
    if (breaker->history_len < BREAKER_HISTORY)
        breaker->history_len++;
}

bool breaker_success(struct breaker *breaker, uint64_t now_ms)
{
    (void)now_ms;
    bool closes = false;
    switch (breaker->state) {
    case BREAKER_CLOSED:
        breaker->failures = 0;
        breaker_remember(breaker, false);
        break;
    case BREAKER_HALF_OPEN:
        breaker->probe_ms = 0;
        closes = ++breaker->probes_passed >= BREAKER_PROBES;
        if (closes)
            breaker_enter(breaker, BREAKER_CLOSED);
        break;
    case BREAKER_OPEN:
        break;
    }
    return closes;
}

bool breaker_failure(struct breaker *breaker, uint64_t now_ms)
{
    enum breaker_cause cause = BREAKER_PROBE;
    if (breaker->state == BREAKER_OPEN)
        return false;
    if (breaker->state == BREAKER_CLOSED) {
        if (now_ms - breaker->failed_ms > BREAKER_FORGET_MS)
            breaker->failures = 0;
        breaker->failed_ms = now_ms;
        breaker->failures++;
        breaker_remember(breaker, true);
        if (breaker->failures >= breaker->failures_max)
            cause = BREAKER_FAILURES;
        else if (breaker->history_len == BREAKER_HISTORY && half_set(breaker->history))
            cause = BREAKER_RATE;
        else
            return false;
    }
    breaker_open(breaker, cause, now_ms);
    return true;
}

void breaker_retry(struct breaker *breaker)
{
    if (breaker->state == BREAKER_OPEN)
        breaker->open_until_ms = 0;
}

bool breaker_pace(struct breaker *breaker, bool slow, uint64_t now_ms)
{
    if (breaker->state != BREAKER_CLOSED)
        return false;
    breaker->slow = (breaker->slow << 1 | slow) & HISTORY_MASK;
    if (!slow || !half_set(breaker->slow))
        return false;
    breaker_open(breaker, BREAKER_SLOW, now_ms);
    return true;
}
