/* What the gateway stands on: its disk, the nodes, the metadata and what is read from them at the start. main.c opens
 * it before the servers, and closes it after them. */
#ifndef TERCET_GATEWAY_STORES_H
#define TERCET_GATEWAY_STORES_H

#include "gateway/gateway.h"
#include "gateway/settings.h"

/* Fills the gateway's. Whatever it returns, stores_close() is called later. With settings->restore_metadata the
 * metadata is restored from the nodes, and nothing is opened. Blocks. */
enum status stores_open(struct gateway *gateway, const struct settings *settings);
/* Nothing else of the gateway runs any more, its loops neither. */
void stores_close(struct gateway *gateway);

#endif
