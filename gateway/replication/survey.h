/* What all nodes say of the metadata that they hold, asked before the local database is opened, and the fence: the word
 * to them to take nothing more from a gateway that is about to be replaced.
 *
 * A change that was acknowledged is on `copies` nodes at least, so with all nodes but copies - 1 answering one of those
 * is among them. The same number of nodes with a fence is enough to be sure that an older gateway acknowledges nothing
 * any more: of every `copies` nodes that it could ask, one refuses. From a plain thread. */
#ifndef TERCET_GATEWAY_SURVEY_H
#define TERCET_GATEWAY_SURVEY_H

#include "base/task.h"
#include "gateway/replication/recovery.h"
#include "meta/lineage.h"
#include "storage/cluster/meta_link.h"

struct survey {
    const struct recovery_config *config;
    unsigned wanted; /* so many nodes must say what they hold; 0: those that can be reached are enough */
    unsigned node_count, answered_count, holder_count, denied;
    unsigned lost_count;    /* of those that answered: they held what is damaged now */
    unsigned others_wanted; /* survey_ask_others */
    bool answered[CLUSTER_NODES_MAX];
    bool stray[CLUSTER_NODES_MAX]; /* survey_find_strays */
    bool silent;                   /* a node that was asked for its last record did not say */
    struct cluster_meta_state states[CLUSTER_NODES_MAX];
    uint32_t fence;     /* what survey_fence asks for */
    uint64_t fenced_ms; /* boot clock: when it was there */
    struct completion done;
};

/* The local database, which the nodes are compared with; epoch 0: there is none that can be read. */
struct survey_local {
    struct meta_position position;
    struct lineage lineage;
};

/* So many nodes that one that holds what was acknowledged is among them. */
unsigned survey_any_holder(const struct recovery_config *config);
/* All but one, or more when a change may be on that one alone. */
unsigned survey_nearly_all(const struct recovery_config *config);

/* Asks all nodes, and waits until `wanted` have answered. UNAVAILABLE, DENIED: explained. */
enum status survey_run(struct survey *survey, const struct recovery_config *config, unsigned wanted);
/* Waits some seconds until so many have answered. */
void survey_ask_others(struct survey *survey, unsigned wanted);
/* Raises the fence at the nodes that answered, to a generation that is far above all that they, or `local`, know of.
 * Afterwards only those count as having answered that have it, each with what it holds then. UNAVAILABLE (explained)
 * when they are less than `wanted`; CONFLICT (explained): nothing was asked, since a node cannot do that. */
enum status survey_fence(struct survey *survey, uint32_t local);

unsigned survey_node_number(const struct survey *survey, unsigned index);
/* The index of the most advanced replica; node_count when no node holds anything. */
unsigned survey_best(const struct survey *survey);
/* The highest fence that a node told of. */
uint32_t survey_highest_fence(const struct survey *survey);
/* The record that the node applied last; NOT_FOUND when it has none to give. One that does not answer is asked again a
 * few times; then nothing must be concluded from what it holds (survey->silent). */
enum status survey_last_record(struct survey *survey, unsigned index, struct buffer *record);
/* The index of the most advanced node that is ahead of that database; node_count when none is. */
unsigned survey_ahead(const struct survey *survey, const struct lineage *lineage, uint64_t last);
/* Finds the nodes whose last record is a stray (meta/take_over.h) to that database and was never acknowledged, since so
 * many nodes without it answered that one of them would have it. */
void survey_find_strays(struct survey *survey, const struct lineage *lineage, uint64_t last);
/* Is what each node that answered, without those with a stray, holds a part of the database with that lineage, which is
 * at `last`? *other: the index of one of which it is not. */
enum standing survey_judge(const struct survey *survey, const struct lineage *lineage, uint64_t last, unsigned *other);
/* A node is not a part of that database, and one did not say what its last record is: UNAVAILABLE, explained. Else OK.
 */
enum status survey_check_silence(const struct survey *survey);
bool survey_is_newer(const struct cluster_meta_state *a, const struct cluster_meta_state *b);

#endif
