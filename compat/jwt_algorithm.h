/* What tokens and their keys have in common: the algorithms that are taken, and base64 as both are written in. */
#ifndef TERCET_COMPAT_JWT_ALGORITHM_H
#define TERCET_COMPAT_JWT_ALGORITHM_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

struct jwt_algorithm {
    const char *name;      /* RS256 */
    const char *hash;      /* OpenSSL's name */
    const char *curve;     /* of ECDSA, as in a key; NULL: RSASSA-PKCS1-v1_5 */
    const char *group;     /* the same in OpenSSL */
    size_t coordinate_len; /* in bytes; a signature has two */
};
const struct jwt_algorithm *jwt_algorithm_find(struct bytes name); /* NULL: it is not taken */

/* RFC 7515 section 2: without padding. Otherwise as base64_decode(). */
enum status base64url_decode(struct bytes text, void *out, size_t *len);

#endif
