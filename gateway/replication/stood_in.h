/* What becomes of chunks that a node was sent in the place of others. While their group is under way carried_group.h
 * counts them. Otherwise, after a restart of this process or when the group was given up, nobody waits for them: then
 * their rows are corrected here, which would else promise copies that are not there, while the one that is would be
 * taken for one too many. */
#ifndef TERCET_GATEWAY_STOOD_IN_H
#define TERCET_GATEWAY_STOOD_IN_H

#include "gateway/replication/carried_group.h"
#include "gateway/replication/recovery.h"

/* What the node was sent: the chunks of its blocks are stored by it now, or will not be. recruited: for groups for
 * which it was wanted. In the feeder's task. */
void stood_in_tell(struct feeder *feeder, struct bytes sent, enum member_state state, bool recruited);
/* It did not say whether it stored them. In the feeder's task. */
void stood_in_doubt(struct feeder *feeder, struct bytes sent);
/* A group was given up: corrects the rows of its chunks, in a task of its own, one after the other, as soon as changes
 * can be made. What ends before leaves them to the comparison, and so do thousands of them. Any thread, without the
 * lock. */
void stood_in_record(struct replication *replication, const struct carried_block *block,
                     const struct meta_short *missing);
/* The same for each chunk that a record which was taken over may have carried. */
void stood_in_taken_over(struct replication *replication, const struct taken_over *taken);
/* Waits until no such task runs, and lets none begin. Under the lock. */
void stood_in_stop_locked(struct replication *replication);

#endif
