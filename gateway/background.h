/* What goes on without a request: freeing the chunks of deleted and replaced data, and making missing copies
 * anew. */
#ifndef TERCET_GATEWAY_BACKGROUND_H
#define TERCET_GATEWAY_BACKGROUND_H

#include "gateway/gateway.h"

struct background;

/* Starts the jobs on the gateway's first loop. From a plain thread. */
struct background *background_start(struct gateway *gateway);
/* Ends them and waits: a job finishes the chunk it is at. From a plain thread. */
void background_stop(struct background *background);

#endif
