/* Who asks: the signature of a signed request, the token of the documented API, or nobody that is known. A later kind
 * of credentials (users, temporary keys, the fields of a form) is found here too, and ends as a struct principal. */
#ifndef TERCET_GATEWAY_IDENTIFY_H
#define TERCET_GATEWAY_IDENTIFY_H

#include "gateway/front/exchange.h"

/* Fills principal, context, credentials and verification. A claim that is wrong is answered here (STATUS_DENIED); a
 * request without one passes as principal_unknown. */
enum status identify(struct exchange *exchange);
/* The same for who signed the fields of an upload form. Anonymous without any field of a signature. */
enum status identify_form(struct exchange *exchange, const struct post_fields *fields);
/* Whose key it is as of this generation of the directory, or a later one, when it was found out as of another: the
 * principal is another one then. Answers a key that is none any more. Suspends. */
enum status identify_again(struct exchange *exchange, uint64_t generation);

#endif
