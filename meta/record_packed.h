/* The lists within records that have no small bound, of chunks, parts and streams: their fields, on both sides. The
 * largest record is one of these and little else. */
#ifndef TERCET_META_RECORD_PACKED_H
#define TERCET_META_RECORD_PACKED_H

#include "meta/record_io.h"
#include "meta/records.h"

void record_put_chunks(struct buffer *out, const struct packed_chunks *chunks);
/* *sum: the bytes of all of them. */
void record_read_chunks(struct record_reader *reader, struct packed_chunks *chunks, uint64_t *sum);
void record_put_parts(struct buffer *out, const struct upload_id *upload, const struct packed_parts *parts);
void record_read_parts(struct record_reader *reader, struct upload_id *upload, struct packed_parts *parts,
                       uint64_t *sum);
void record_put_streams(struct buffer *out, const struct packed_streams *streams);
/* *sum: their plain bytes; *stored_sum: what they are stored as. */
void record_read_streams(struct record_reader *reader, struct packed_streams *streams, uint64_t *sum,
                         uint64_t *stored_sum);

#endif
