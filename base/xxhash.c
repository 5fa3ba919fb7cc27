/* xxHash by its author's library; see the header. */
#include "base/xxhash.h"

#include <string.h>
#include <xxhash.h>

#include "base/check.h"

static void check(XXH_errorcode code)
{
    CHECK(code == XXH_OK);
}

void xxhash_init(struct xxhash *hash, enum xxhash_type type)
{
    hash->type = type;
    hash->state = type == XXHASH_64 ? (void *)XXH64_createState() : (void *)XXH3_createState();
    CHECK(hash->state != NULL);
    switch (type) {
    case XXHASH_64:
        check(XXH64_reset(hash->state, 0));
        break;
    case XXHASH_3:
        check(XXH3_64bits_reset(hash->state));
        break;
    case XXHASH_128:
        check(XXH3_128bits_reset(hash->state));
        break;
    }
}

void xxhash_update(struct xxhash *hash, const void *data, size_t len)
{
    switch (hash->type) {
    case XXHASH_64:
        check(XXH64_update(hash->state, data, len));
        break;
    case XXHASH_3:
        check(XXH3_64bits_update(hash->state, data, len));
        break;
    case XXHASH_128:
        check(XXH3_128bits_update(hash->state, data, len));
        break;
    }
}

void xxhash_final(struct xxhash *hash, void *out)
{
    XXH64_canonical_t short_form;
    XXH128_canonical_t long_form;

    if (hash->type == XXHASH_128) {
        XXH128_canonicalFromHash(&long_form, XXH3_128bits_digest(hash->state));
        memcpy(out, long_form.digest, sizeof(long_form.digest));
    } else {
        XXH64_canonicalFromHash(&short_form,
                                hash->type == XXHASH_64 ? XXH64_digest(hash->state) : XXH3_64bits_digest(hash->state));
        memcpy(out, short_form.digest, sizeof(short_form.digest));
    }
    xxhash_release(hash);
}

void xxhash_release(struct xxhash *hash)
{
    if (hash->state && hash->type == XXHASH_64)
        check(XXH64_freeState(hash->state));
    else if (hash->state)
        check(XXH3_freeState(hash->state));
    hash->state = NULL;
}
