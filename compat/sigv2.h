/* AWS Signature Version 2, which several clients still presign with by default: signing, for POST policies
 * too. Requests are verified through auth.h. */
#ifndef TERCET_COMPAT_SIGV2_H
#define TERCET_COMPAT_SIGV2_H

#include "base/bytes.h"

#define SIGV2_SIGNATURE_LEN 28 /* in base64 */

#endif
