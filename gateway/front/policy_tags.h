/* The condition keys about tags of objects: s3:ExistingObjectTag/ of what there is, s3:RequestObjectTag/ and
 * s3:RequestObjectTagKeys of what a request wants to be there. Nothing is read before a policy asks. */
#ifndef TERCET_GATEWAY_POLICY_TAGS_H
#define TERCET_GATEWAY_POLICY_TAGS_H

#include "gateway/front/policy_context.h"

/* Whether the key is one of these. Then *presence and, when it is PRESENT, *values are filled in. Suspends where the
 * object has to be read. */
bool policy_tags_find(const struct policy_question *question, struct bytes key, enum policy_presence *presence,
                      struct policy_values *values);

#endif
