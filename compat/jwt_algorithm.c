/* The algorithms of signatures; see the header. Source: RFC 7518 section 3. */
#include "compat/jwt_algorithm.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const struct jwt_algorithm algorithms[] = {
    {"RS256", "SHA256", NULL, NULL, 0},
    {"RS384", "SHA384", NULL, NULL, 0},
    {"RS512", "SHA512", NULL, NULL, 0},
    {"ES256", "SHA256", "P-256", "prime256v1", 32},
    {"ES384", "SHA384", "P-384", "secp384r1", 48},
    {"ES512", "SHA512", "P-521", "secp521r1", 66},
};

const struct jwt_algorithm *jwt_algorithm_find(struct bytes name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (bytes_equal_str(name, algorithms[i].name))
            return &algorithms[i];
    return NULL;
}

enum status base64url_decode(struct bytes text, void *out, size_t *len)
{
    size_t padding = (4 - text.len % 4) % 4;
    char *padded = mem_alloc(text.len + padding + 1);
    enum status status = padding == 3 ? STATUS_INVALID : STATUS_OK;

    for (size_t i = 0; i < text.len && !status; i++) {
        char c = text.data[i];
        if (c == '+' || c == '/' || c == '=')
            status = STATUS_INVALID;
        padded[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    memset(padded + text.len, '=', padding);
    if (!status)
        status = base64_decode(bytes_of(padded, text.len + padding), out, len);
    free(padded);
    return status;
}
