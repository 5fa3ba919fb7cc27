/* When access keys were used last, as of this process: in memory only, since every request would be a commit. Within a
 * bound; beyond it those that were used longest ago are forgotten. Any thread. */
#ifndef TERCET_GATEWAY_IDENTITY_KEY_USES_H
#define TERCET_GATEWAY_IDENTITY_KEY_USES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct key_uses;
struct key_use {
    int64_t time_ms;
    char service[8]; /* s3, iam, sts */
    char region[32];
};

struct key_uses *key_uses_create(void);
void key_uses_free(struct key_uses *uses); /* NULL is nothing */
/* A request was verified that is signed with this key. */
void key_uses_note(struct key_uses *uses, struct bytes access_key, const char *service, struct bytes region,
                   int64_t now_ms);
bool key_uses_find(struct key_uses *uses, struct bytes access_key, struct key_use *use); /* false: not known */

#endif
