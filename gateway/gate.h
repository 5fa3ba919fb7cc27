/* The authorization gate: nothing is dispatched that did not pass here. Default deny. */
#ifndef TERCET_GATEWAY_GATE_H
#define TERCET_GATEWAY_GATE_H

#include "gateway/operation.h"

/* Who the request claims to be, and the proof. Parses the credentials and verifies the signature of a signed
 * request; answers it itself when it must be refused (STATUS_DENIED). An unsigned request passes as
 * anonymous. */
enum status gate_authenticate(struct exchange *exchange);

/* May this peer do this? Answers with an error itself when not (STATUS_DENIED). */
enum status gate_authorize(struct exchange *exchange, const struct operation *operation);

#endif
