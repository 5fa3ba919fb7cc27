/* A line of a bucket's server access log, in AWS's format: one request, 27 fields with spaces between. Whatever bytes a
 * client sent, a line is printable ASCII without a line feed, and a field that is quoted has no quotation mark: nobody
 * can make two lines of one, or move a field. */
#ifndef TERCET_COMPAT_ACCESS_LINE_H
#define TERCET_COMPAT_ACCESS_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* Of the fields that clients give, so many bytes are shown, encoded; what is longer is cut. */
#define ACCESS_LINE_KEY_MAX    3072 /* the longest key there is */
#define ACCESS_LINE_TARGET_MAX 4096
#define ACCESS_LINE_TEXT_MAX   1024 /* referrer and user agent */
#define ACCESS_LINE_FIELD_MAX  256
#define ACCESS_LINE_MAX        16384

/* An empty text and a negative number stand for "there is none", which is a `-`. */
struct access_line {
    struct bytes owner, bucket;
    int64_t received_ms; /* wall clock */
    struct bytes remote, requester, request_id, operation;
    struct bytes key;            /* decoded */
    struct bytes method, target; /* as they were on the wire; the target's signatures and tokens are left out */
    int status;
    struct bytes error_code;
    int64_t bytes_sent; /* none and 0 are the same */
    int64_t object_size, total_ms, turn_around_ms;
    struct bytes referrer, user_agent, version_id, host_id, signature_version, cipher, auth_type, host, tls_version;
    bool acl_required;
};

/* Appends it, without a line feed. LIMIT: the buffer has no room for ACCESS_LINE_MAX bytes. */
enum status access_line_write(struct buffer *out, const struct access_line *line);

#endif
