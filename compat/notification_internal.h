/* Between the files of notification.h. */
#ifndef TERCET_COMPAT_NOTIFICATION_INTERNAL_H
#define TERCET_COMPAT_NOTIFICATION_INTERNAL_H

#include "compat/notification.h"

/* Fills in rule->target of its ARN; it stays absent when the ARN is none of that service. */
void notification_target_find(struct notification_rule *rule, const char *service);
/* Whether there is an event of a key that belongs to both. */
bool notification_rules_overlap(const struct notification_rule *a, const struct notification_rule *b);

#endif
