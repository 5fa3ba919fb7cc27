/* The switches against public access of the whole account: kept as a row beside the users (meta/identity.h), and in
 * memory, since every decision asks for them. There is one account, so they are the process's. */
#ifndef TERCET_GATEWAY_S3_ACCOUNT_ACCESS_H
#define TERCET_GATEWAY_S3_ACCOUNT_ACCESS_H

#include "compat/bucket_access.h"
#include "meta/meta.h"

/* Reads them, at the start, before anybody asks. One that cannot be read has all four on, which is logged. Suspends. */
enum status account_access_open(struct meta *meta);
/* False: none were ever made, or they were removed; *block is all off then. Any thread. */
bool account_access_get(struct public_access_block *block);
/* NULL removes them. In memory, too, when it returns. Suspends. */
enum status account_access_change(struct meta *meta, const struct public_access_block *block);

#endif
