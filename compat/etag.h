/* ETags: the MD5 of a single-part object, or the MD5 of the parts' binary MD5s and their count (`hex-N`). */
#ifndef TERCET_COMPAT_ETAG_H
#define TERCET_COMPAT_ETAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/status.h"

struct etag {
    uint8_t md5[MD5_LEN];
    uint32_t parts; /* 0: not multipart */
};

#define ETAG_TEXT_MAX 48
/* An ETag that equals no object's: what a client's text becomes when it is not one of ours. */
#define ETAG_NONE ((struct etag){.parts = UINT32_MAX})

void etag_text(const struct etag *etag, char out[ETAG_TEXT_MAX]);          /* "hex" or "hex-N", with quotes */
void etag_text_unquoted(const struct etag *etag, char out[ETAG_TEXT_MAX]); /* NUL-terminated, like the other */
bool etag_equal(const struct etag *a, const struct etag *b);
/* One entity tag, with or without quotes, hex in either case; a weak one (W/) is not ours. STATUS_INVALID when it has
 * another form: then it matches nothing. */
enum status etag_parse(struct bytes text, struct etag *etag);

/* Whether a list of entity tags (the value of If-Match or If-None-Match) is `*` or names this one. Weak tags match
 * only when `weak` (RFC 9110 section 8.8.3.2: If-None-Match compares weakly). */
bool etag_list_matches(struct bytes list, const struct etag *etag, bool weak);

/* The ETag of a multipart object, from its parts' MD5s in order. release is idempotent. */
struct etag_builder {
    struct digest digest;
    uint32_t parts;
};
void etag_builder_init(struct etag_builder *builder);
void etag_builder_add(struct etag_builder *builder, const uint8_t part_md5[MD5_LEN]);
void etag_builder_final(struct etag_builder *builder, struct etag *etag);
void etag_builder_release(struct etag_builder *builder);

#endif
