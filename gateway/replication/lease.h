/* Whether this gateway is still the one: asked of the nodes, so that one that was paused and replaced meanwhile serves
 * no reader what was overwritten by then.
 *
 * A restore has the nodes shut the old gateway out (restore.c) before the new one serves. So an answer to a
 * request is right when so many nodes say, asked after the request came, that they have no fence against us, that every
 * restore would have met one of them. As they would be asked for each request, what they said counts for LEASE_MS, by a
 * clock that goes on while the machine sleeps; a restore waits as long before its database gets its name. A request
 * whose operation began before a pause may be answered with what was true then: it ran side by side with what came
 * meanwhile.
 *
 * Reads survive nodes, so when fewer nodes can be reached, those count that answer: one at least. Then only a gateway
 * that was cut off from all nodes that know of its successor, but not from a last one, can serve old data. Nothing is
 * asked while nobody asks us. Tasks of any loop may wait here. */
#ifndef TERCET_GATEWAY_LEASE_H
#define TERCET_GATEWAY_LEASE_H

#include "base/loop.h"
#include "storage/cluster/cluster.h"

#define LEASE_MS       1000
#define LEASE_CLOCK_MS 200 /* a restore waits so much longer: clocks of two machines */

struct lease;

struct lease_config {
    struct cluster *cluster;
    struct loop *loop;   /* where the nodes are asked */
    unsigned copies;     /* nodes that must hold a change before it is acknowledged, at least 1 */
    uint32_t generation; /* of the database when it was opened: a fence above it is meant for us */
    /* Told once when a node has such a fence; in a task of the loop. */
    void (*replaced)(void *arg, unsigned node, uint32_t fence);
    void *arg;
};

struct lease *lease_start(const struct lease_config *config);
/* In a task. True at once, at the cost of a clock's reading, while what the nodes said is young; else suspends until
 * they were asked again. False: the gateway was replaced, no node answers, or lease_stop was called; then nothing must
 * be told, and nothing deleted. */
bool lease_holds(struct lease *lease);         /* NULL: always, there is none */
bool lease_is_lost(const struct lease *lease); /* it is known that the gateway was replaced; any thread */
void lease_stop(struct lease *lease);          /* who waits is told false; NULL is fine */
void lease_free(struct lease *lease);          /* when nobody asks any more */

#endif
