/* Who gets one of the server's places for connections when there are few left.
 *
 * A peer may hold a part of the places only. When it has all of those, or all are taken, a new connection gets the
 * place of one that waits for a request: the longest waiting one of a peer that holds the most, else of one that holds
 * as many as the newcomer's. Where nobody waits it gets a place of the reserve, in which only some paths are served, so
 * that supervisors are answered; the longest waiting one of these makes room for the next.
 *
 * Connections are looked for on the listener's own loop: the system spreads them evenly. */
#ifndef TERCET_BASE_HTTP_PLACES_H
#define TERCET_BASE_HTTP_PLACES_H

#include "base/http_connection.h"

#define HTTP_PLACES_RESERVED 256

/* Takes a place for a connection of this peer, and may free another connection of the listener for it. False when there
 * is none, not even in the reserve. */
bool http_place_take(struct http_listener *listener, const struct sockaddr_storage *address, struct http_place *place);
void http_place_give_back(struct http_server *server, const struct http_place *place);

/* The connection waits for a request from now on; it does not any more. */
void http_place_wait(struct http_connection *connection);
void http_place_work(struct http_connection *connection);

#endif
