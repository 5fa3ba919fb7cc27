/* The plain bytes of a sealed object, block by block: nothing of a block is handed out before its tag was verified. */
#ifndef TERCET_GATEWAY_SEALED_READER_H
#define TERCET_GATEWAY_SEALED_READER_H

#include "gateway/gateway.h"
#include "gateway/object/object_key.h"

struct sealed_reader;
struct stream_reader;

/* Which of the object's stored bytes hold the blocks of that range of its plain ones, len >= 1. CORRUPT when the object
 * has no such bytes. */
enum status sealed_reader_range(const struct meta_object *object, uint64_t offset, uint64_t len,
                                uint64_t *stored_offset, uint64_t *stored_len);
/* `stream` gives these stored bytes; it is the caller's, as is the object, and both outlive the reader. */
struct sealed_reader *sealed_reader_create(struct meta *meta, const struct meta_object *object,
                                           const struct object_key *key, uint64_t offset, uint64_t len,
                                           struct stream_reader *stream);
/* The next bytes, valid until the next call; never more than the range has. Suspends. CORRUPT: a block is not the one
 * that was sealed. */
enum status sealed_reader_next(struct sealed_reader *reader, struct bytes *out);
void sealed_reader_free(struct sealed_reader *reader); /* NULL is allowed */

#endif
