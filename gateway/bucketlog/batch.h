/* A file of lines that wait (bucketlog/spool.h), sorted into the objects that are to be delivered. Pure. */
#ifndef TERCET_GATEWAY_BUCKETLOG_BATCH_H
#define TERCET_GATEWAY_BUCKETLOG_BATCH_H

#include "base/bytes.h"
#include "compat/access_line.h"
#include "compat/bucket_logging.h"

#define BUCKETLOG_ENTRY_BYTES_MAX (ACCESS_LINE_MAX + 4096)

/* What a line waits with: where it goes, as the bucket had it when the request ended. */
struct bucketlog_entry {
    uint32_t bucket;
    int64_t received_ms;
    const char *target, *prefix;
    enum bucketlog_key_format format;
    struct bytes line; /* the first two fields are the owner and the name of the bucket */
};
/* Appends it with its line feed. LIMIT. */
enum status bucketlog_entry_write(struct buffer *out, const struct bucketlog_entry *entry);

struct bucketlog_batch_line {
    struct bytes address; /* the text of bucket, target, format and prefix: the same goes into the same object */
    int64_t day;          /* of the requests, where the key has it; else 0 */
    struct bytes line;
    size_t place; /* in the file */
};
struct bucketlog_batch {
    struct bucketlog_batch_line *lines; /* by address and day, then as they came */
    size_t count, damaged;              /* damaged: entries that are none */
};
/* The lines point into the text. */
void bucketlog_batch_make(struct bytes text, struct bucketlog_batch *batch);
void bucketlog_batch_release(struct bucketlog_batch *batch);
/* How many lines from the first one on go into one object, and what is known of it: prefix is decoded into the buffer.
 * unique: made of the bytes of the lines, so that the same lines have the same key. */
struct bucketlog_address {
    uint32_t bucket;
    struct bytes source, target, prefix;
    enum bucketlog_key_format format;
    int64_t day_ms;
    uint64_t bytes, unique;
};
size_t bucketlog_batch_object(const struct bucketlog_batch *batch, size_t first, struct buffer *prefix,
                              struct bucketlog_address *address);

#endif
