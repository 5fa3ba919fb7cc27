/* AWS Signature Version 2, which several clients still presign with by default: signing, for POST policies
 * too. Requests are verified through auth.h. */
#ifndef TERCET_COMPAT_SIGV2_H
#define TERCET_COMPAT_SIGV2_H

#include "base/bytes.h"

#define SIGV2_SIGNATURE_LEN 28 /* in base64 */
/* The signature, in base64, of any string to sign; POST policies sign their base64 text. */
void sigv2_sign(struct bytes secret, struct bytes string_to_sign, char out[SIGV2_SIGNATURE_LEN + 1]);

#endif
