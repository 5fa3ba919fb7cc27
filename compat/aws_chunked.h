/* Incremental decoder for aws-chunked bodies, in their three forms: signed chunks, signed chunks with a
 * signed trailer, unsigned chunks with a trailer.
 *
 * Payload is handed out without a copy and before its chunk's signature could be checked, since a chunk may
 * be of any length: nothing that came from here may become visible before aws_chunked_finished says so.
 * Lengths are bounded: chunk header, trailer, and the payload by x-amz-decoded-content-length. */
#ifndef TERCET_COMPAT_AWS_CHUNKED_H
#define TERCET_COMPAT_AWS_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/status.h"
#include "compat/auth.h"
#include "compat/error.h"

#define AWS_CHUNKED_HEADER_BYTES_MAX  256  /* of a chunk header line */
#define AWS_CHUNKED_TRAILER_BYTES_MAX 8192 /* of the whole trailer */
#define AWS_CHUNKED_TRAILERS_MAX      8
#define AWS_CHUNKED_NAMES_BYTES_MAX   1024 /* of x-amz-trailer */
#define AWS_CHUNKED_LENGTH_UNKNOWN    UINT64_MAX

/* What the chunk signatures chain on: the request's own signature and what it was made with. The spans are
 * copied. */
struct aws_chunked_keys {
    uint8_t signing_key[SHA256_LEN];
    struct bytes seed_signature; /* 64 hex digits */
    struct bytes timestamp;      /* 20261122T195400Z */
    struct bytes scope;
};

enum aws_chunked_reason {
    AWS_CHUNKED_NO_ERROR,
    AWS_CHUNKED_MALFORMED_CHUNK,    /* a chunk header or its line end */
    AWS_CHUNKED_MALFORMED_TRAILER,  /* syntax, size, or one that was not announced, came twice or is missing */
    AWS_CHUNKED_SIGNATURE_MISMATCH, /* of a chunk or of the trailer */
    AWS_CHUNKED_WRONG_LENGTH,       /* other than x-amz-decoded-content-length */
    AWS_CHUNKED_TRUNCATED,          /* the body ended before its last chunk or trailer did */
    AWS_CHUNKED_TRAILING_DATA,      /* bytes after the end of the body */
};

/* The S3 error for a reason other than AWS_CHUNKED_NO_ERROR. */
void aws_chunked_error(enum aws_chunked_reason reason, struct s3_error_details *error);

struct aws_chunked {
    enum payload_kind kind;
    enum aws_chunked_reason reason; /* why the last call failed */
    int state;                      /* of the decoder's machine */
    uint64_t declared, decoded;     /* payload bytes */
    uint64_t chunk_left;
    uint8_t signing_key[SHA256_LEN];
    char timestamp[17], scope[128];
    char previous_signature[65], chunk_signature[65];
    struct digest digest;                    /* of the current chunk; signed forms only */
    struct buffer line;                      /* the chunk header so far, or the whole trailer */
    size_t line_start;                       /* of the trailer's current line */
    bool trailer_signed;                     /* its signature came and is right */
    bool cr_seen;                            /* half of a CRLF that ends no line */
    char names[AWS_CHUNKED_NAMES_BYTES_MAX]; /* announced trailers, as sent */
    size_t names_len;
    struct aws_chunked_trailer {
        struct bytes name, value; /* in `line` */
    } trailers[AWS_CHUNKED_TRAILERS_MAX];
    size_t trailer_count;
};

/* keys: needed for the signed forms, NULL for the unsigned one. trailer_names: the value of x-amz-trailer;
 * absent or empty announces none. STATUS_INVALID for names too long or too many, or a seed signature or scope
 * of the wrong form; releasing is right in any case. */
enum status aws_chunked_init(struct aws_chunked *decoder, enum payload_kind kind, const struct aws_chunked_keys *keys,
                             struct bytes trailer_names, uint64_t decoded_length);
void aws_chunked_release(struct aws_chunked *decoder);

/* Takes bytes from `in`: *consumed of them, and *payload is the span among those that is payload (maybe
 * empty). Call it again with the rest until all is consumed. STATUS_MISMATCH for a wrong
 * signature and STATUS_INVALID for the rest, with `reason` set, when the body is bad; it stays bad. */
enum status aws_chunked_decode(struct aws_chunked *decoder, struct bytes in, size_t *consumed, struct bytes *payload);

/* To be called when the transport's body has ended: STATUS_OK if the aws-chunked body is complete and
 * everything in it verified. STATUS_INVALID with `reason` set otherwise. */
enum status aws_chunked_finish(struct aws_chunked *decoder);

/* True once the last byte of a complete and verified body was decoded. */
bool aws_chunked_finished(const struct aws_chunked *decoder);

/* The value of a trailer (case-insensitive name); data NULL when it did not come. Valid until release. */
struct bytes aws_chunked_trailer(const struct aws_chunked *decoder, const char *name);

#endif
