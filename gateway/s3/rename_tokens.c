/* A ring of tokens, and chains by their names; see the header. */
#include "gateway/s3/rename_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"

#define CHAINS 16384 /* a power of two */

struct known {
    struct known *next; /* of its chain */
    struct rename_token token;
    uint64_t since_ms; /* monotonic */
    bool used;
};

struct rename_tokens {
    pthread_mutex_t lock; /* never held across a suspension */
    /* under lock: */
    struct known *chains[CHAINS];
    struct known *ring; /* RENAME_TOKENS_MAX of them; NULL before the first token */
    size_t next;        /* of the ring */
};

struct rename_tokens *rename_tokens_create(void)
{
    struct rename_tokens *tokens = mem_zalloc(sizeof(*tokens));

    pthread_mutex_init(&tokens->lock, NULL);
    return tokens;
}

void rename_tokens_free(struct rename_tokens *tokens)
{
    if (!tokens)
        return;
    pthread_mutex_destroy(&tokens->lock);
    free(tokens->ring);
    free(tokens);
}

static struct known **chain_of(struct rename_tokens *tokens, const struct rename_token *token)
{
    return &tokens->chains[get_u32((const char *)token->name) % CHAINS];
}

static struct known *find_locked(struct rename_tokens *tokens, const struct rename_token *token)
{
    for (struct known *known = *chain_of(tokens, token); known; known = known->next)
        if (memcmp(known->token.name, token->name, SHA256_LEN) == 0)
            return clock_monotonic_ms() - known->since_ms < RENAME_TOKEN_MS ? known : NULL;
    return NULL;
}

enum rename_token_use rename_token_find(struct rename_tokens *tokens, const struct rename_token *token)
{
    enum rename_token_use use = RENAME_TOKEN_NEW;

    lock_acquire(&tokens->lock);
    const struct known *known = find_locked(tokens, token);
    if (known)
        use = memcmp(known->token.request, token->request, SHA256_LEN) == 0 ? RENAME_TOKEN_DONE : RENAME_TOKEN_OTHER;
    lock_release(&tokens->lock);
    return use;
}

/* The place of the token that is known for longest. */
static struct known *take_place(struct rename_tokens *tokens)
{
    if (!tokens->ring)
        tokens->ring = mem_zalloc(RENAME_TOKENS_MAX * sizeof(*tokens->ring));
    struct known *place = &tokens->ring[tokens->next++ % RENAME_TOKENS_MAX];
    if (place->used) {
        struct known **at = chain_of(tokens, &place->token);
        while (*at != place)
            at = &(*at)->next;
        *at = place->next;
    }
    return place;
}

void rename_token_done(struct rename_tokens *tokens, const struct rename_token *token)
{
    lock_acquire(&tokens->lock);
    if (!find_locked(tokens, token)) {
        struct known *place = take_place(tokens);
        struct known **chain = chain_of(tokens, token);
        *place = (struct known){.next = *chain, .token = *token, .since_ms = clock_monotonic_ms(), .used = true};
        *chain = place;
    }
    lock_release(&tokens->lock);
}
