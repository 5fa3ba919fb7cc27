/* Sealing: text that is stored or handed out so that nobody without the key can read or change it, or take it for
 * another. AES-256-GCM with a random nonce; a byte before it says the form. A key is good for some 2^32 texts, far more
 * than there will ever be keys of users. */
#ifndef TERCET_BASE_SEAL_H
#define TERCET_BASE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define SEAL_KEY_LEN 32
#define SEAL_MORE    29 /* so many bytes longer than the text is what was sealed */

struct seal_key {
    uint8_t bytes[SEAL_KEY_LEN];
};

/* Appends the sealed text. context: what it belongs to; it is not kept, and has to be given again to open it. LIMIT:
 * the buffer may not hold it. */
enum status seal_close(const struct seal_key *key, struct bytes text, struct bytes context, struct buffer *sealed);
/* Appends the text. DENIED: it was not sealed with that key for that context, or was changed since; then nothing was
 * appended. The text is a secret, so the caller wipes it. */
enum status seal_open(const struct seal_key *key, struct bytes sealed, struct bytes context, struct buffer *text);

#endif
