/* Builds the texts that are signed. The first failure sticks, so that a text is composed in a row and asked
 * once whether it became whole. Not for users outside of compat/. */
#ifndef TERCET_COMPAT_AUTH_TEXT_H
#define TERCET_COMPAT_AUTH_TEXT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

/* Names of headers, parameters and trailers: equal but for ASCII case. */
bool auth_same_name(struct bytes a, struct bytes b);

struct auth_text {
    struct buffer *out;
    enum status status; /* STATUS_LIMIT once something did not fit */
};

void auth_text_add(struct auth_text *text, struct bytes bytes);
void auth_text_add_str(struct auth_text *text, const char *string);
void auth_text_add_char(struct auth_text *text, char c);
void auth_text_add_lower(struct auth_text *text, struct bytes bytes); /* ASCII */
/* A header's value without blanks around it and, when asked, with single spaces inside. */
void auth_text_add_value(struct auth_text *text, struct bytes value, bool collapse);
void auth_text_add_encoded(struct auth_text *text, struct bytes bytes, bool keep_slash); /* uri_encode */

#endif
