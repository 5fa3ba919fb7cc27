/* One line of the log for each request: who asked for what, and how it ended. No secret, and nothing that could be used
 * in its place, is in it. */
#ifndef TERCET_GATEWAY_ACCESS_LOG_H
#define TERCET_GATEWAY_ACCESS_LOG_H

#include "gateway/front/exchange.h"

/* After the answer (or the client's going). */
void access_log_write(const struct exchange *exchange);

#endif
