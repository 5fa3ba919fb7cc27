/* What the files of a node's bookkeeping share. All of it is called with the node's lock held. */
#ifndef TERCET_STORAGE_CLUSTER_NODE_INTERNAL_H
#define TERCET_STORAGE_CLUSTER_NODE_INTERNAL_H

#include "storage/cluster/node.h"

enum node_standing node_standing_locked(const struct node *node);
bool node_is_up_locked(const struct node *node);
bool node_is_writable_locked(const struct node *node);

/* After any change: the metrics follow. */
void node_publish_locked(struct node *node);
/* After the breaker changed its state: notes and logs it. */
void node_breaker_moved_locked(struct node *node);
/* It failed a request or a check. */
void node_failure_locked(struct node *node, const char *reason);
/* It gave a sign of life. */
void node_success_locked(struct node *node);
/* node_availability knows the node by that name from now on. */
void node_name_availability(struct node *node, const char *server_id);

/* Copies a text as far as it fits. */
void node_text_copy(char *out, size_t size, const char *text);

#endif
