/* Damage of the metadata database, wherever it is met: told from errors of the disk, counted, logged, and never
 * forgotten while the process runs, since no repetition mends it. A process has one such database. Any thread. */
#ifndef TERCET_META_DAMAGE_H
#define TERCET_META_DAMAGE_H

#include <stdint.h>

#include "base/status.h"

/* Counts it (tercet_metadata_corruptions_total) and logs it with the remedy, every 10 s at most. Returns
 * STATUS_DAMAGED. */
enum status damage_found(const char *action, const char *reason);
/* A row that cannot be read though the store gave it (STATUS_CORRUPT) is damage of the database, too. Any other status
 * comes back as it is. */
enum status damage_of_row(enum status status, const char *action);
uint64_t damage_count(void);

#endif
