/* The one stage that every answer passes before its head is sent, errors too: what each answer has, whatever the
 * operation, is added in reply.c. No other file of the gateway starts an answer, but for refusal.c: to what reached no
 * handler, or was left without an answer by one. */
#ifndef TERCET_GATEWAY_REPLY_H
#define TERCET_GATEWAY_REPLY_H

#include "compat/etag.h"
#include "gateway/front/exchange.h"

/* A whole answer; see http_reply. Suspends. */
enum status reply_send(struct exchange *exchange, int http_status, struct bytes body);
/* The head of an answer whose body follows by http_reply_write; see http_reply_start. */
enum status reply_start(struct exchange *exchange, int http_status, uint64_t length);
/* An error. One that was not admitted, and so has no place among those that are served, takes one of the places for
 * errors; when there is none, the answer does not wait for its client to read. */
enum status reply_error(struct exchange *exchange, int http_status, struct bytes body);

/* A header whose value a client once gave: as it is, unless it holds what a header cannot carry. */
void reply_text(struct exchange *exchange, const char *name, struct bytes value);
/* Always encoded, as AWS does with user metadata. */
void reply_encoded(struct exchange *exchange, const char *name, struct bytes value);
void reply_etag(struct exchange *exchange, const struct etag *etag);

#endif
