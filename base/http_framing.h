/* HTTP/1.1 request framing without I/O: what a request head says and where its body ends (RFC 9112). Whatever
 * two servers could read differently is refused. Pure functions over bytes. */
#ifndef TERCET_BASE_HTTP_FRAMING_H
#define TERCET_BASE_HTTP_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/http_server.h"

#define HTTP_HEADERS_MAX 512 /* their bytes are bounded first: this bounds what looking through them costs */

/* A complete head. The spans point into the parsed bytes, but for a target "/" that the sender left out. */
struct http_head {
    struct bytes method, target, path, query; /* as in struct http_request */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    uint64_t content_length; /* HTTP_LENGTH_UNKNOWN when chunked */
    bool version_1_0, chunked, expect_continue, keep_alive;
    size_t len; /* bytes up to and with the empty line */
};

enum http_head_result { HTTP_HEAD_COMPLETE, HTTP_HEAD_INCOMPLETE, HTTP_HEAD_REFUSED };

/* Reads the head at the front of data. seen: data.len of the call before on the same head, 0 at first. A head
 * beyond bytes_max is refused. */
enum http_head_result http_head_parse(struct bytes data, size_t seen, size_t bytes_max, struct http_head *head,
                                      const struct http_refusal **refusal);

/* The same as the parser's refusals for what only the server knows: 503 when it has too many connections, or no memory
 * for one more large head. */
extern const struct http_refusal http_refusal_busy, http_refusal_heads;
/* All of them in turn, for what is said of each before it happens; NULL beyond the last. */
const struct http_refusal *http_refusal_at(size_t index);

/* Decodes a chunked body piece by piece, in place. Zero-initialise. Trailers are read and dropped; lines end
 * with CRLF only; extensions and trailers are bounded. */
struct http_chunked {
    int state;
    uint64_t chunk_left;  /* of the chunk, or the size read so far */
    uint32_t digits;      /* of the size line */
    uint32_t line_bytes;  /* of the trailer line */
    uint64_t decoded;     /* in all */
    uint64_t extra_bytes; /* of extensions and trailers in all */
    bool ended;
};

/* Decodes data[0..len): afterwards data[0..*decoded) is body, and with chunked->ended data[*consumed..len)
 * follows the body. *consumed is len otherwise. STATUS_INVALID on bad framing. */
enum status http_chunked_decode(struct http_chunked *chunked, char *data, size_t len, size_t *decoded,
                                size_t *consumed);

#endif
