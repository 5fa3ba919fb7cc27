/* What a decision may cost. Everything whose time grows by what a policy or a request says takes steps, of one count
 * for all policies of the decision; nobody has to know then which pattern is dear with which value. */
#include "compat/policy_internal.h"

/* Looking a key up: the gateway goes through a table of keys and, for some, through all headers of the request. */
#define FIND_STEPS 512

enum policy_presence policy_find(const struct policy_context *context, struct bytes key, struct policy_values *values)
{
    if (!policy_spend(context, FIND_STEPS))
        return POLICY_KEY_UNKNOWN;
    enum policy_presence presence = context->find(context->arg, key, values);
    for (size_t i = 0; presence == POLICY_KEY_PRESENT && i < values->count; i++)
        if (values->values[i].len > POLICY_VALUE_BYTES_MAX)
            presence = POLICY_KEY_UNKNOWN;
    return presence;
}
