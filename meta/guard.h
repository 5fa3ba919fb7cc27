/* What the layer above has to say of versions that come and go (object lock): it is asked in the committer, where
 * nothing can change between the answer and the commit. Whatever adds or removes a version asks, since the asking is
 * where its row is written: no operation, job or trimming of old versions can forget to (version_write.c). Of a removal
 * it asks once, since the answer may be another at any time.
 *
 * All of this is pure over what is given: it must not block, suspend, or call meta/. */
#ifndef TERCET_META_GUARD_H
#define TERCET_META_GUARD_H

#include "meta/meta.h"

struct meta_guarded { /* a version, as of the commit */
    const struct meta_bucket *bucket;
    const struct meta_settings *settings; /* of the bucket */
    const struct meta_object *object;     /* with its headers and attributes */
};

/* Given in meta_options; outlives the metadata. Any function may be NULL: then nothing is to be said. */
struct meta_guard {
    /* Whether the version may be removed for good; permits: those that meta_object_deletion came with, 0 for all other
     * ways. A failure is what the change returns, which then changes nothing; of a name whose oldest version has to
     * stay, no more are trimmed. Not asked of delete markers. */
    enum status (*removal)(void *arg, const struct meta_guarded *version, uint32_t permits);
    /* What a new version is kept with beside the attributes that it came with: fills *change (*changed is false when it
     * comes), whose document lives until the guard is asked again. Not asked of delete markers. A failure fails the
     * write. */
    enum status (*creation)(void *arg, const struct meta_guarded *version, struct meta_attribute *change,
                            bool *changed);
    /* Whether the bucket's versioning may be suspended. */
    enum status (*suspension)(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings);
    void *arg;
};

#endif
