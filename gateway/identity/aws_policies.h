/* The managed policies that AWS itself keeps, as far as they are of use here: arn:aws:iam::aws:policy/NAME. They are in
 * no row and cannot be changed. */
#ifndef TERCET_GATEWAY_IDENTITY_AWS_POLICIES_H
#define TERCET_GATEWAY_IDENTITY_AWS_POLICIES_H

#include <stddef.h>

#include "gateway/identity/managed_policy.h"

#define AWS_POLICIES_ACCOUNT "aws"

size_t aws_policies_count(void);
/* The one at that place, in the order of their names. To be released. */
void aws_policies_get(size_t i, struct identity_managed_policy *policy);
/* Is it one of their names, in whatever case? Then no other policy has it: indices know policies by their names. */
bool aws_policies_own(struct bytes name);
/* NOT_FOUND. */
enum status aws_policies_find(struct bytes name, struct identity_managed_policy *policy);

#endif
