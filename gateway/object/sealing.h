/* Bytes on their way from a client to the chunk store, sealed in blocks. A block is sealed when a byte behind it has
 * come, or at the end, since only then it is known whether it is the last; two blocks of plain bytes are kept
 * therefore, and one may be hashed while the other is filled. */
#ifndef TERCET_GATEWAY_SEALING_H
#define TERCET_GATEWAY_SEALING_H

#include "gateway/object/object_key.h"

struct sealing;
struct stream_writer;

/* expected: of the plain bytes; UINT64_MAX when not known. The writer is the caller's, and outlives it. */
struct sealing *sealing_create(struct stream_writer *writer, const struct object_key *key, uint64_t expected);
/* What one keeps at most, beside its writer. */
uint64_t sealing_memory(uint64_t expected);
/* A place for the next block's bytes; or why the writer did not take an earlier block. */
enum status sealing_space(struct sealing *sealing, char **space, size_t *capacity);
/* So many bytes are there: the block before them is sealed and sent. They stay where they are until the next but one
 * call of sealing_space. Suspends; what fails, the next call of sealing_space says. */
void sealing_commit(struct sealing *sealing, size_t len);
/* No more bytes. Suspends; what fails, the writer says when it is finished. */
void sealing_end(struct sealing *sealing);
void sealing_free(struct sealing *sealing); /* NULL is allowed */

#endif
