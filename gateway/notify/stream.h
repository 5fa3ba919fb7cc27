/* One connection to a broker, plain or TLS, whose calls end at their deadline. For protocols whose library in Debian
 * brings a parser but no TLS. */
#ifndef TERCET_GATEWAY_NOTIFY_STREAM_H
#define TERCET_GATEWAY_NOTIFY_STREAM_H

#include "gateway/notify/target.h"

struct notify_stream;

/* Connects to an address in numbers. *stream is set when it succeeds. */
enum status notify_stream_open(const struct notify_url *url, const char *address, uint16_t port, uint64_t deadline_ms,
                               struct notify_stream **stream, struct buffer *error);
/* All of the bytes, or TIMEOUT, CLOSED or IO. */
enum status notify_stream_write(struct notify_stream *stream, struct bytes bytes, uint64_t deadline_ms,
                                struct buffer *error);
/* What is there, at least one byte; *len: in capacity, out length. TIMEOUT, CLOSED or IO. */
enum status notify_stream_read(struct notify_stream *stream, char *out, size_t *len, uint64_t deadline_ms,
                               struct buffer *error);
void notify_stream_close(struct notify_stream *stream); /* NULL is fine */

#endif
