/* The switches of the account, on disk and in memory; see the header.
 *
 * What is in memory is packed with the generation that it was read after, and is only ever replaced by what was read
 * after the same one or a later: whoever changed the row reads it after its own commit, so when it answers, memory has
 * its change or one that came later. */
#include "gateway/s3/account_access.h"

#include <stdatomic.h>

#include "base/log.h"
#include "meta/identity.h"

#define ROW          BYTES("account/public-access-block")
#define ATTEMPTS_MAX 32

enum { IS_SET = 1, BLOCK_ACLS = 2, IGNORE_ACLS = 4, BLOCK_POLICY = 8, RESTRICT = 16, ALL = 31, BITS = 8 };

static _Atomic uint64_t known; /* generation, and these bits */

static unsigned bits_of(const struct public_access_block *block)
{
    return IS_SET | (block->block_acls ? BLOCK_ACLS : 0) | (block->ignore_acls ? IGNORE_ACLS : 0) |
           (block->block_policy ? BLOCK_POLICY : 0) | (block->restrict_buckets ? RESTRICT : 0);
}

static void remember(uint64_t generation, unsigned bits)
{
    uint64_t now = generation << BITS | bits, before = atomic_load(&known);

    while (before >> BITS <= generation && !atomic_compare_exchange_weak(&known, &before, now))
        ;
}

static enum status read_again(struct meta *meta)
{
    uint64_t generation = meta_identity_generation(meta);
    struct public_access_block block;
    struct buffer document;
    unsigned given;

    buffer_init(&document, BUCKET_ACCESS_XML_BYTES_MAX);
    enum status status = meta_identity_get(meta, ROW, &document);
    if (status == STATUS_OK && public_access_block_parse(buffer_bytes(&document), &block, &given) == STATUS_OK) {
        remember(generation, bits_of(&block));
    } else if (status == STATUS_NOT_FOUND) {
        remember(generation, 0);
        status = STATUS_OK;
    } else if (status == STATUS_OK || status == STATUS_LIMIT || status == STATUS_CORRUPT) {
        log_error("the account's public access block cannot be read: all of it is on until it is made anew",
                  LOG_STATUS(status));
        remember(generation, ALL);
        status = STATUS_OK;
    }
    buffer_release(&document);
    return status;
}

enum status account_access_open(struct meta *meta)
{
    atomic_store(&known, 0); /* the generations of a database are its own */
    return read_again(meta);
}

bool account_access_get(struct public_access_block *block)
{
    uint64_t bits = atomic_load(&known);

    *block = (struct public_access_block){(bits & BLOCK_ACLS) != 0, (bits & IGNORE_ACLS) != 0,
                                          (bits & BLOCK_POLICY) != 0, (bits & RESTRICT) != 0};
    return (bits & IS_SET) != 0;
}

/* It depends on nothing that is there, so a change of another row is no reason to give up. */
enum status account_access_change(struct meta *meta, const struct public_access_block *block)
{
    enum status status = STATUS_OK;
    struct buffer document;

    buffer_init(&document, BUCKET_ACCESS_XML_BYTES_MAX);
    if (block)
        status = public_access_block_write(&document, block);
    const struct meta_identity_change change = {ROW, block ? buffer_bytes(&document) : (struct bytes){0}};
    for (unsigned i = 0; i < ATTEMPTS_MAX && !status; i++) {
        status = meta_identity_update(meta, meta_identity_generation(meta), &change, 1);
        if (status != STATUS_CONFLICT)
            break;
        status = i + 1 < ATTEMPTS_MAX ? STATUS_OK : STATUS_CONFLICT;
    }
    buffer_release(&document);
    return status ? status : read_again(meta);
}
