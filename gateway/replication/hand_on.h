/* What a node is handed of the records, and when: the rule that makes a restore from any replica safe. The nodes of a
 * group are sent its record with the chunks that it carries, and store both in one step. Any other node is handed the
 * record, without the chunks, only when enough nodes hold them. So whoever holds a record either has what it carried,
 * or others durably have; no new version hides an old one while its bytes are on no node.
 *
 * A record is settled when two nodes hold it: either one of them is no node of its group, which then was handed it by
 * this rule, or both have stored its chunks. */
#ifndef TERCET_GATEWAY_HAND_ON_H
#define TERCET_GATEWAY_HAND_ON_H

#include "base/change_record.h"

/* One node, now. */
struct hand_on {
    uint8_t node;     /* its number */
    bool has_room;    /* else it refused chunks, and is handed its own groups like those of others */
    bool stands_in;   /* it stores what is not settled of others, too: too few of their own nodes are there */
    uint64_t settled; /* up to this sequence */
    /* Up to this sequence, which is settled, it stores no chunks: it was away, and is compared with what is recorded
     * now. What it lacks comes from other nodes; what was freed meanwhile must not come back. */
    uint64_t compared;
};

enum hand_on_form { HAND_ON_WHOLE, HAND_ON_RECORD, HAND_ON_LATER };

/* How the record that ends at that sequence is handed on; carried: NULL when it carries nothing. */
enum hand_on_form hand_on_form(const struct hand_on *rule, const struct carried_set *carried, uint64_t last);
bool carried_set_has(const struct carried_set *set, uint8_t node);

/* Appends what the node is handed of the records, up to the first that it is handed later. CORRUPT when they are
 * malformed. withheld, unless NULL, is told of each block of its own that the node is not sent. */
typedef void (*hand_on_withheld_fn)(void *arg, const struct carried_block *block, uint64_t first);
enum status hand_on_pick(const struct hand_on *rule, struct bytes records, struct buffer *out,
                         hand_on_withheld_fn withheld, void *arg);

#endif
