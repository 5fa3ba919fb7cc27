/* OpenID Connect providers, as calls name them. */
#ifndef TERCET_GATEWAY_IAM_PROVIDER_H
#define TERCET_GATEWAY_IAM_PROVIDER_H

#include "gateway/front/exchange.h"
#include "gateway/identity/oidc.h"

/* The one of the parameter OpenIDConnectProviderArn; NoSuchEntity and failures are answered, and then there is nothing
 * to release. Suspends. */
enum status iam_provider_load(struct exchange *exchange, struct identity_provider *provider);

#endif
