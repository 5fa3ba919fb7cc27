/* How deep a text of JSON is nested, found without recursion: jansson recurses, and requests run on small stacks. */
#ifndef TERCET_COMPAT_JSON_NESTING_H
#define TERCET_COMPAT_JSON_NESTING_H

#include <stddef.h>

#include "base/bytes.h"

/* How deep objects and arrays lie within each other; of what is no JSON anything. */
size_t json_nesting(struct bytes text);

#endif
