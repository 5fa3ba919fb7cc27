/* Settings of a bucket that are there only as what every bucket has: reading whether a PUT asks for that. Who asks for
 * it is answered as on AWS, since nothing is promised; who asks for more is refused by name. */
#ifndef TERCET_COMPAT_DEFAULT_SETTING_H
#define TERCET_COMPAT_DEFAULT_SETTING_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

struct default_setting {
    const char *root;
    const char *element;      /* below the root; NULL: by default the root is empty */
    const char *value, *more; /* the element's by default, and the one that is not there */
};

/* INVALID: it is no such document. LIMIT: too long. */
enum status default_setting_read(const struct default_setting *setting, struct bytes document, bool *is_default);

#endif
