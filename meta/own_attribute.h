/* META_ATTRIBUTE_OWN: what meta keeps of a version among its attributes, because it is of no use to listings and few
 * versions have it. It is not there when it would say nothing. */
#ifndef TERCET_META_OWN_ATTRIBUTE_H
#define TERCET_META_OWN_ATTRIBUTE_H

#include <stdint.h>

#include "meta/annotations.h"
#include "meta/keys.h"

struct own_attribute {
    /* Of an upload: its id is that of the version which it becomes, and says where that is in the order. Of such a
     * version likewise; committed is then the sequence of the commit that made it, which is not its own. */
    bool has_id;
    uint64_t committed;
    struct annotation_set set;      /* where the annotations are; meaningless without any */
    struct meta_annotation_sum sum; /* `changed` stays when the last one goes */
};
/* All zero when there is none. CORRUPT. */
enum status own_attribute_read(struct bytes attributes, struct own_attribute *own);
/* The same attributes with this one, appended to `out`. LIMIT. */
enum status own_attribute_write(struct bytes attributes, const struct own_attribute *own, struct buffer *out);

#endif
