/* Reading a range of an object: metadata's cursor and the cluster's stream reader as one thing. The first
 * bytes are there (and verified) when open returns, so that an object that cannot be read is an error and not
 * a cut response. */
#ifndef TERCET_GATEWAY_OBJECT_READER_H
#define TERCET_GATEWAY_OBJECT_READER_H

#include "gateway/gateway.h"
#include "gateway/object/object_key.h"

struct object_reader {
    struct meta_cursor *cursor;
    struct stream_reader *stream;
    struct sealed_reader *sealed; /* NULL: the bytes are stored as they are */
    struct bytes pending;         /* verified, not yet handed out */
    uint64_t left;                /* bytes of the range not yet handed out */
};

/* The object must outlive the reader; key: what its bytes are sealed with, NULL when they are not. An empty range reads
 * nothing. Suspends; release is right in any case. STATUS_UNAVAILABLE or STATUS_CORRUPT when no copy can be read now.
 */
enum status object_reader_open(struct object_reader *reader, struct gateway *gateway, const struct meta_object *object,
                               const struct object_key *key, uint64_t offset, uint64_t len);
/* The next bytes, valid until the next call; len 0 at the end. Suspends. */
enum status object_reader_next(struct object_reader *reader, struct bytes *out);
void object_reader_release(struct object_reader *reader);

#endif
