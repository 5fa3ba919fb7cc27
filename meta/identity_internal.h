/* The identities as meta/ keeps them; identity.h is what the layer above sees. */
#ifndef TERCET_META_IDENTITY_INTERNAL_H
#define TERCET_META_IDENTITY_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "meta/identity.h"

struct identities {
    _Atomic uint64_t generation; /* as of the last group that was written */
    uint64_t staged;             /* the committer's: with the group under way */
};
void identities_init(struct identities *identities);
/* The committer's: the group was written, or it was not. */
void identities_publish(struct identities *identities);
void identities_revert(struct identities *identities);

#endif
