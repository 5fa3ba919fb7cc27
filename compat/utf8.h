/* UTF-8 (RFC 3629), strict: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef TERCET_COMPAT_UTF8_H
#define TERCET_COMPAT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Decodes the first character. Returns its length in bytes, 0 when the text is empty or does not begin with a
 * character. */
size_t utf8_decode(struct bytes text, uint32_t *code_point);
/* Writes the character, which must be one, and returns its length. */
size_t utf8_encode(uint32_t code_point, char out[4]);
bool utf8_is_valid(struct bytes text);
/* The same of a text that comes in pieces. Zero-initialise. */
struct utf8_check {
    char begun[4]; /* a character whose end has not come */
    size_t begun_len;
    bool bad;
};
void utf8_check_add(struct utf8_check *check, struct bytes piece);
bool utf8_check_end(const struct utf8_check *check); /* whether all of it was UTF-8 */
size_t utf8_count(struct bytes text);                /* how many characters; SIZE_MAX when it is not UTF-8 */

#endif
