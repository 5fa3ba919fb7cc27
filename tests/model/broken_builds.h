/* Faults in the protocol that the model must find, each by its name. */
#ifndef TERCET_TESTS_MODEL_BROKEN_BUILDS_H
#define TERCET_TESTS_MODEL_BROKEN_BUILDS_H

#include "meta/history.h"

extern bool broken; /* one was chosen */

void broken_choose(const char *name);
void broken_hooks(struct meta_replication *hooks); /* as the committer gets them */

#endif
