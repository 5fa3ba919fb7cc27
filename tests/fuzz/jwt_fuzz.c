/* Fuzzes jwt and jwks: a token, a line, and a key set. No token of any bytes is believed: the signatures of the
 * committed corpus are of no key that is there. What is read is within its bounds. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "compat/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct bytes text)
{
    CHECK(text.len > 0 && text.len <= JWT_TEXT_MAX);
    for (size_t i = 0; i < text.len; i++)
        CHECK((unsigned char)text.data[i] >= ' ');
}

static void check_token(const struct jwt *jwt)
{
    CHECK(jwt->algorithm && jwt->signature_len <= sizeof(jwt->signature));
    check_text(jwt->issuer);
    check_text(jwt->subject);
    CHECK(jwt->audience.count > 0 && jwt->audience.count <= JWT_VALUES_MAX && jwt->methods.count <= JWT_VALUES_MAX);
    for (size_t i = 0; i < jwt->audience.count; i++)
        check_text(jwt->audience.values[i]);
    CHECK(jwt->expires_s > 0 && jwt->issued_s > 0 && jwt->not_before_s >= 0);
    CHECK(jwt_check_time(jwt, INT64_MAX / 2) == JWT_EXPIRED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of((const char *)data, size);
    const char *newline = size ? memchr(data, '\n', size) : NULL, *why;
    size_t len = newline ? (size_t)(newline - text.data) : size;
    struct jwks *set = NULL;
    struct jwt jwt;

    enum status parsed = jwt_parse(bytes_of(text.data, len), &jwt, &why);
    CHECK((parsed == STATUS_OK) == !why);
    if (parsed == STATUS_OK)
        check_token(&jwt);
    if (newline && jwks_parse(bytes_of(newline + 1, size - len - 1), &set) == STATUS_OK && parsed == STATUS_OK)
        STATUS_IGNORE(jwks_verify(set, &jwt), "a key of the input may have signed it");
    jwks_free(set);
    jwt_release(&jwt);
    return 0;
}
