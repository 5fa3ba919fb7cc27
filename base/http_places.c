/* Places for connections; see the header. Each listener has two queues of connections that wait for a request, the
 * longest waiting first: in ordinary places and in those of the reserve. */
#include "base/http_places.h"

#include "base/lock.h"

#define LOOKED_AT_MAX 1024 /* of a queue, for one that may go */

static struct http_queue *queue_of(struct http_connection *connection)
{
    struct http_listener *listener = connection->listener;

    return connection->place.reserved ? &listener->waiting_reserved : &listener->waiting;
}

void http_place_work(struct http_connection *connection)
{
    struct http_queue *queue = queue_of(connection);

    if (!connection->waits)
        return;
    *(connection->waits_before != NULL ? &connection->waits_before->waits_after : &queue->first) =
        connection->waits_after;
    *(connection->waits_after != NULL ? &connection->waits_after->waits_before : &queue->last) =
        connection->waits_before;
    connection->waits = false;
}

void http_place_wait(struct http_connection *connection)
{
    struct http_queue *queue = queue_of(connection);

    http_place_work(connection);
    connection->waits_before = queue->last;
    connection->waits_after = NULL;
    *(queue->last != NULL ? &queue->last->waits_after : &queue->first) = connection;
    queue->last = connection;
    connection->waits = true;
}

/* The first in the queue whose peer has at least so many connections; own: of this peer. */
static struct http_connection *find(const struct http_queue *queue, unsigned connections_min,
                                    const struct http_peer *own)
{
    struct http_connection *connection = queue->first;

    for (int i = 0; connection != NULL && i < LOOKED_AT_MAX; i++, connection = connection->waits_after) {
        if (own != NULL ? connection->place.peer == own : connection->place.peer->connections >= connections_min)
            return connection;
    }
    return NULL;
}

bool http_place_take(struct http_listener *listener, const struct sockaddr_storage *address, struct http_place *place)
{
    struct http_server *server = listener->server;
    const struct http_server_config *config = &server->config;
    struct http_connection *leaves = NULL;
    struct http_peer *peer;
    bool room = true;

    lock_acquire(&server->lock);
    peer = http_peers_enter(&server->peers, address);
    *place = (struct http_place){.peer = peer};
    if (peer->connections > config->connections_per_peer_max) {
        leaves = find(&listener->waiting, 0, peer);
        place->reserved = leaves == NULL;
    } else if (server->connections - server->reserved >= config->connections_max) {
        leaves = find(&listener->waiting, server->peers.top, NULL);
        if (leaves == NULL)
            leaves = find(&listener->waiting, peer->connections, NULL);
        place->reserved = leaves == NULL;
    }
    if (place->reserved && server->reserved >= HTTP_PLACES_RESERVED) {
        leaves = listener->waiting_reserved.first;
        room = leaves != NULL;
    }
    if (room) {
        server->connections++;
        server->reserved += place->reserved;
    } else {
        http_peers_leave(&server->peers, peer);
    }
    lock_release(&server->lock);
    if (leaves != NULL)
        http_connection_free(leaves, false);
    return room;
}

void http_place_give_back(struct http_server *server, const struct http_place *place)
{
    lock_acquire(&server->lock); /* the server may go once it has seen the last connection go */
    http_peers_leave(&server->peers, place->peer);
    server->reserved -= place->reserved;
    if (--server->connections == 0)
        pthread_cond_broadcast(&server->closed);
    lock_release(&server->lock);
}
