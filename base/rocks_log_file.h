/* RocksDB's log as a file, in its own format (db/log_format.h): blocks of 32 KiB, in them fragments of a record: 4
 * bytes of masked CRC32C over type and payload, 2 of length, 1 of type, little-endian; a record never goes on in a
 * block's last 6 bytes. For logs that RocksDB itself does not read to the end. */
#ifndef TERCET_BASE_ROCKS_LOG_FILE_H
#define TERCET_BASE_ROCKS_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum log_fragment_type {
    LOG_FRAGMENT_FULL = 1,
    LOG_FRAGMENT_FIRST = 2,
    LOG_FRAGMENT_MIDDLE = 3,
    LOG_FRAGMENT_LAST = 4,
};

struct log_fragment {
    enum log_fragment_type type;
    struct bytes payload;
    size_t len; /* with its header */
};

/* False when no whole fragment is there. */
bool log_fragment_read(struct bytes log, size_t offset, struct log_fragment *fragment);
/* How many bytes in front of the offset's next fragment belong to none. */
size_t log_block_padding(size_t offset);

/* Leaves whole records only in the logs of a closed database that was given up: RocksDB passes over most damage, but
 * refuses a log in which some fragments of a record are wrong ("Write batch content corrupted", 7.8), and of a block it
 * takes nothing behind the first damage. A log that is changed is kept as NAME.log.damaged. Blocks. */
enum status rocks_logs_mend(const char *path);

#endif
