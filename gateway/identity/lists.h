/* Lists in the documents of identities: of names, and of names with a text. All strings are the list's own. Names are
 * compared ignoring case (ASCII), as IAM does it, and kept as they were given. */
#ifndef TERCET_GATEWAY_IDENTITY_LISTS_H
#define TERCET_GATEWAY_IDENTITY_LISTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct identity_names {
    char **names;
    size_t count;
};
bool identity_names_have(const struct identity_names *list, struct bytes name);
bool identity_names_add(struct identity_names *list, struct bytes name);    /* false: it is there */
bool identity_names_remove(struct identity_names *list, struct bytes name); /* false: it is not there */
void identity_names_release(struct identity_names *list);

/* Tags (key, value), and inline policies (name, document), in the order in which they were added. */
struct identity_texts {
    struct identity_text {
        char *name, *text;
    } * items;
    size_t count;
};
const char *identity_texts_find(const struct identity_texts *list, struct bytes name); /* NULL: none */
/* Adds or replaces, the name too. */
void identity_texts_set(struct identity_texts *list, struct bytes name, struct bytes text);
bool identity_texts_remove(struct identity_texts *list, struct bytes name); /* false: it is not there */
void identity_texts_release(struct identity_texts *list);

#endif
