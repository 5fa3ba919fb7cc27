/* What the tokens of RenameObject stood for: a token that comes again with other parameters is refused, and one that
 * comes again with the same is answered without doing anything. Bounded, and in memory only: a token is known for
 * RENAME_TOKEN_MS at most, less when RENAME_TOKENS_MAX others came after it or the gateway was started anew. That a
 * request was done already is found in the record of its target, too (meta_rename.token), which lasts. Any thread. */
#ifndef TERCET_GATEWAY_RENAME_TOKENS_H
#define TERCET_GATEWAY_RENAME_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/checksum.h"

#define RENAME_TOKENS_MAX 16384
#define RENAME_TOKEN_MS   (24ull * 60 * 60 * 1000)

struct rename_tokens;

struct rename_tokens *rename_tokens_create(void);
void rename_tokens_free(struct rename_tokens *tokens); /* NULL is allowed */

/* name: of a token in its bucket; request: of everything that was asked for with it; both SHA-256. */
struct rename_token {
    uint8_t name[SHA256_LEN], request[SHA256_LEN];
};
enum rename_token_use {
    RENAME_TOKEN_NEW,   /* nothing is known of it */
    RENAME_TOKEN_DONE,  /* this very request succeeded */
    RENAME_TOKEN_OTHER, /* another one did */
};
enum rename_token_use rename_token_find(struct rename_tokens *tokens, const struct rename_token *token);
void rename_token_done(struct rename_tokens *tokens, const struct rename_token *token); /* the request succeeded */

#endif
