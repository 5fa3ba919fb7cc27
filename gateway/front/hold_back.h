/* Holding back writes when freeing what they replace does not keep up: garbage has a bound, too. Counted is what could
 * have been freed; what waits for its grace, for a node that is away or for a reader is not. Beyond the bound each
 * write waits a moment before its body is read, longer the more there is; far beyond, it is answered 503 SlowDown.
 * Deletions, reads and background work are never held back, so that the garbage always gets less. */
#ifndef TERCET_GATEWAY_HOLD_BACK_H
#define TERCET_GATEWAY_HOLD_BACK_H

#include <stdbool.h>
#include <stdint.h>

#define HOLD_BACK_MS_MAX 1000 /* of one write */
#define HOLD_BACK_REFUSE 4    /* times the bound: then writes are refused */

struct hold_back {
    uint64_t rows_max; /* overdue; 0: nothing is held back */
    uint64_t delay_ms; /* atomic */
    bool refuse;       /* atomic */
    bool told;         /* the collector's: the log was told of it */
};

/* How long a write has to wait at so many overdue rows. */
uint64_t hold_back_delay_ms(const struct hold_back *hold_back, uint64_t overdue);
/* What is overdue now. From the collector's task. */
void hold_back_update(struct hold_back *hold_back, uint64_t overdue);
/* Called for each write: waits if need be. False: it is to be refused. Suspends. */
bool hold_back_wait(struct hold_back *hold_back);
void hold_back_register_metrics(void);

#endif
