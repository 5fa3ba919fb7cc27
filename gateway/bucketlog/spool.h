/* Lines of buckets' access logs on their way: from requests, which never wait, by a bounded queue in memory to files in
 * the data directory, and from there to the job that delivers them (jobs/bucketlog.c). The files are bounded, too; what
 * finds no room is dropped and counted.
 *
 * What may be lost: with the process, what is in the queue, which is written as fast as the disk takes it; with the
 * machine, what the system had not written yet, since nothing is synced here. What is in a file is delivered after a
 * restart. What is delivered again, since the process ended between a delivery and the removal of its file, has the
 * same key, where it is found. */
#ifndef TERCET_GATEWAY_BUCKETLOG_SPOOL_H
#define TERCET_GATEWAY_BUCKETLOG_SPOOL_H

#include <stdbool.h>

#include "base/bytes.h"

#define BUCKETLOG_SEGMENT_BYTES (8u << 20) /* a file is closed when it is so long; one more entry may be in it */
#define BUCKETLOG_QUEUE_BYTES   (4u << 20)

struct bucketlog_spool;

/* Makes the folder when it is not there, and takes over what an earlier process left there. IO. Blocks. */
enum status bucketlog_spool_open(const char *folder, uint64_t bytes_max, struct bucketlog_spool **spool);
/* Writes what is queued. NULL is nothing. Blocks. */
void bucketlog_spool_close(struct bucketlog_spool *spool);

/* One entry, a line with its line feed; from any thread, never waits for the disk. */
void bucketlog_spool_add(struct bucketlog_spool *spool, struct bytes entry);

/* A file that nothing is added to any more. */
struct bucketlog_segment {
    uint64_t number;
    int64_t time_ms; /* wall clock: when it was closed; the same after a restart */
    struct buffer text;
};
/* Closes the file that is being written, with all that was added before this call. Blocks. */
void bucketlog_spool_cut(struct bucketlog_spool *spool);
/* The oldest closed file, read; to be released with bucketlog_segment_release. NOT_FOUND: there is none. IO. Blocks. */
enum status bucketlog_spool_next(struct bucketlog_spool *spool, struct bucketlog_segment *segment);
void bucketlog_segment_release(struct bucketlog_segment *segment);
/* Removes it. Blocks. */
void bucketlog_spool_drop(struct bucketlog_spool *spool, const struct bucketlog_segment *segment);

/* Counts lines that came to an end without a file. */
enum bucketlog_loss {
    BUCKETLOG_LOST_IN_MEMORY,
    BUCKETLOG_LOST_ON_DISK,
    BUCKETLOG_LOST_AT_TARGET,
    BUCKETLOG_LOST_DAMAGED,
    BUCKETLOG_LOSS_COUNT
};
void bucketlog_spool_count_lost(enum bucketlog_loss why, uint64_t lines);
/* Makes the counters known. */
void bucketlog_spool_register_metrics(void);
uint64_t bucketlog_spool_bytes(const struct bucketlog_spool *spool); /* of its files; NULL: 0 */

#endif
