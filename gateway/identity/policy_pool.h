/* Parsed policies, each text once: many users have a group's or a managed policy, and after a change of the directory
 * the policies of most of them are what they were. A policy is there as long as somebody holds it. Any thread. */
#ifndef TERCET_GATEWAY_IDENTITY_POLICY_POOL_H
#define TERCET_GATEWAY_IDENTITY_POLICY_POOL_H

#include <stdint.h>

#include "compat/policy.h"

struct policy_pool;
struct pooled_policy;

struct policy_pool *policy_pool_create(void);
void policy_pool_free(struct policy_pool *pool); /* nobody holds any */
/* As policy_parse, of a kind without a bucket; to be released. */
enum status policy_pool_take(struct policy_pool *pool, struct bytes document, enum policy_kind kind,
                             struct pooled_policy **policy, struct policy_problem *problem);
const struct policy *pooled_policy_get(const struct pooled_policy *policy);
void pooled_policy_release(struct pooled_policy *policy); /* NULL is nothing */
uint64_t policy_pool_bytes(struct policy_pool *pool);     /* about what all of them take in memory */

#endif
