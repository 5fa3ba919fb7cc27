/* The circuit breaker of one node: keeps requests away from a node that fails, and lets it prove itself afterwards.
 *
 *   - CLOSED: normal. `failures_max` failures in a row, half of the last BREAKER_HISTORY requests failed, or half of
 *     so many writes slow, open it.
 *   - OPEN: for open_ms, doubled each time a probe fails, up to BREAKER_OPEN_MS_MAX; and up to a tenth longer. Or until
 *     a node that did not answer at all answers again.
 *   - HALF-OPEN: one probe at a time; BREAKER_PROBES successes in a row close it, one failure opens it again.
 *
 * Slow writes have a row of their own: reads that are quick as ever must not hide a disk that is slow to sync.
 * No I/O, no clock and no lock in here: the caller passes the monotonic time and guards the breaker. */
#ifndef TERCET_STORAGE_CLUSTER_BREAKER_H
#define TERCET_STORAGE_CLUSTER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/cluster/cluster.h"

#define BREAKER_HISTORY      20
#define BREAKER_PROBES       3
#define BREAKER_OPEN_MS_MAX  60000
#define BREAKER_FORGET_MS    60000 /* failures in a row further apart than this are not one row */
#define BREAKER_PROBE_MS_MAX 15000 /* a probe that was never reported is forgotten after this */

struct breaker {
    uint64_t failures_max, open_ms; /* configuration */
    enum breaker_state state;
    enum breaker_cause cause; /* of the last opening */
    unsigned transitions;     /* counted since init */
    unsigned failures;        /* in a row */
    uint32_t history;         /* the last requests, newest in bit 0, 1 is a failure */
    unsigned history_len;
    uint32_t slow; /* the last writes, newest in bit 0, 1 was slow */
    unsigned probes_passed;
    uint64_t pause_ms; /* of the current or the last OPEN */
    uint64_t open_until_ms;
    uint64_t failed_ms; /* last failure */
    uint64_t probe_ms;  /* start of the running probe, 0 when none runs */
    uint64_t seed;      /* of the jitter */
};

void breaker_init(struct breaker *breaker, uint64_t failures_max, uint64_t open_ms, uint64_t seed);
/* May a request go there? Always when CLOSED. When the pause of OPEN is over: turns HALF-OPEN and grants a probe, whose
 * result the caller reports by breaker_success or breaker_failure. */
bool breaker_allow(struct breaker *breaker, uint64_t now_ms);
/* Results. Both return true when the state changed. While OPEN they change nothing: whoever asks the node all the
 * same, because it holds the last replica, proves little about it. */
bool breaker_success(struct breaker *breaker, uint64_t now_ms);
bool breaker_failure(struct breaker *breaker, uint64_t now_ms);
/* Ends the pause of OPEN: the node was away and is there again. */
void breaker_retry(struct breaker *breaker);
/* A write was answered at the usual pace, or far too slowly: beside its result, and only while CLOSED. True when it
 * opened. */
bool breaker_pace(struct breaker *breaker, bool slow, uint64_t now_ms);

#endif
