/* AWS Signature Version 2: the header form and the query form, which several clients still presign with by default.
 * Users outside of compat/ go through auth.h, but for sigv2_sign. */
#ifndef TERCET_COMPAT_SIGV2_H
#define TERCET_COMPAT_SIGV2_H

#include "compat/auth.h"

/* The signature, in base64, of any string to sign; POST policies sign their base64 text. */
#define SIGV2_SIGNATURE_LEN 28
void sigv2_sign(struct bytes secret, struct bytes string_to_sign, char out[SIGV2_SIGNATURE_LEN + 1]);

/* The halves of auth_parse and auth_verify for this version; same contracts. */
enum status sigv2_parse_header(const struct auth_request *request, struct bytes authorization, int64_t now_wall_ms,
                               struct auth_credentials *credentials, struct auth_error *error);
enum status sigv2_parse_query(const struct auth_request *request, int64_t now_wall_ms,
                              struct auth_credentials *credentials, struct auth_error *error);
enum status sigv2_verify(const struct auth_request *request, const struct auth_credentials *credentials,
                         struct bytes secret, struct auth_verification *out);

#endif
