/* The condition keys about object lock: what a request wants an object to be locked with. */
#ifndef TERCET_GATEWAY_POLICY_LOCK_H
#define TERCET_GATEWAY_POLICY_LOCK_H

#include "gateway/front/policy_context.h"

/* For the table of keys in policy_context.c; data NULL: absent. */
struct bytes policy_lock_mode(const struct policy_question *question);
struct bytes policy_lock_until(const struct policy_question *question);
struct bytes policy_lock_remaining_days(const struct policy_question *question);
struct bytes policy_lock_legal_hold(const struct policy_question *question);
struct bytes policy_lock_event_hold(const struct policy_question *question);
struct bytes policy_lock_event_hold_days(const struct policy_question *question);

#endif
