/* One process at a time works in the data directory: a gateway, or a restore of its metadata. The lock is the
 * process's, and goes with it however it ends; the file stays. */
#ifndef TERCET_GATEWAY_DATA_LOCK_H
#define TERCET_GATEWAY_DATA_LOCK_H

#include "base/status.h"

/* For as long as the process lives. `purpose` is what others are told who come meanwhile. UNAVAILABLE, IO: explained on
 * stderr. */
enum status data_lock_take(const char *data_dir, const char *purpose);

#endif
