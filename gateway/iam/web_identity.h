/* Who asks for a role with a token of an OpenID Connect provider. */
#ifndef TERCET_GATEWAY_IAM_WEB_IDENTITY_H
#define TERCET_GATEWAY_IAM_WEB_IDENTITY_H

#include "gateway/front/exchange.h"

/* Verifies the parameter WebIdentityToken: a provider that is registered signed it, for one of its client ids, and it
 * is good now. Then the exchange's principal is who it says, whatever the request was signed with, and call->claims
 * what conditions may ask of it. Answers errors. Suspends, also for the provider's answer. */
enum status iam_web_identity_verify(struct exchange *exchange);

#endif
