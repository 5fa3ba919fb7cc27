/* Asking another node for chunks, to keep copies of them here. */
#ifndef TERCET_STORAGE_NODE_SOURCE_CALL_H
#define TERCET_STORAGE_NODE_SOURCE_CALL_H

#include "storage/node/api_internal.h"
#include "storage/signed_call.h"

#define SOURCE_ADDRESS_MAX 256 /* bytes of HOST:PORT with NUL */

/* The address of another node as a query names it, with NUL. */
enum status source_parse(struct bytes value, char source[SOURCE_ADDRESS_MAX]);
/* Sends the request and waits for the answer's head; once more with the source's own time when its clock is another.
 * *call is to be freed, whatever is returned. Suspends. */
enum status source_call(const struct node_api *api, const char *source, const char *method, const char *target,
                        struct bytes body, uint64_t deadline_ms, struct http_call **call);

#endif
