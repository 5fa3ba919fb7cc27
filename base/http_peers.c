/* A hash table of peers and, for the greediest, how many peers there are with each number of connections; see the
 * header. */
#include "base/http_peers.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

void http_peers_init(struct http_peers *peers, unsigned connections_max)
{
    memset(peers, 0, sizeof(*peers));
    random_bytes(&peers->key, sizeof(peers->key));
    peers->count = connections_max + 1;
    peers->peers = mem_zalloc(peers->count * sizeof(*peers->peers));
}

void http_peers_release(struct http_peers *peers)
{
    free(peers->peers);
    peers->peers = NULL;
}

void http_peer_identify(const struct sockaddr_storage *address, uint64_t out[2])
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    uint32_t in4;

    out[0] = 0;
    if (address->ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        memcpy(&out[0], &in6->sin6_addr, sizeof(out[0]));
        out[1] = AF_INET6;
        return;
    }
    if (address->ss_family == AF_INET6)
        memcpy(&in4, &in6->sin6_addr.s6_addr[12], sizeof(in4));
    else
        in4 = ((const struct sockaddr_in *)address)->sin_addr.s_addr;
    out[0] = in4;
    out[1] = AF_INET;
}

static struct http_peer **slot_of(struct http_peers *peers, const uint64_t address[2])
{
    uint64_t hash = (address[0] ^ peers->key) * 0x9e3779b97f4a7c15;

    hash = (hash ^ hash >> 29 ^ address[1]) * 0xbf58476d1ce4e5b9;
    return &peers->slots[(hash ^ hash >> 32) % HTTP_PEER_SLOTS];
}

static void move(struct http_peers *peers, struct http_peer *peer, unsigned connections)
{
    if (peer->connections > 0)
        peers->peers[peer->connections]--;
    peer->connections = connections;
    if (connections == 0)
        return;
    CHECK(connections < peers->count);
    peers->peers[connections]++;
}

struct http_peer *http_peers_enter(struct http_peers *peers, const struct sockaddr_storage *address)
{
    uint64_t id[2];
    struct http_peer **slot, *peer;

    http_peer_identify(address, id);
    slot = slot_of(peers, id);
    for (peer = *slot; peer != NULL && memcmp(peer->address, id, sizeof(id)) != 0; peer = peer->next)
        ;
    if (peer == NULL) {
        peer = mem_zalloc(sizeof(*peer));
        memcpy(peer->address, id, sizeof(id));
        peer->next = *slot;
        *slot = peer;
    }
    move(peers, peer, peer->connections + 1);
    if (peers->top < peer->connections)
        peers->top = peer->connections;
    return peer;
}

void http_peers_leave(struct http_peers *peers, struct http_peer *peer)
{
    struct http_peer **link;

    move(peers, peer, peer->connections - 1);
    if (peers->top > 0 && peers->peers[peers->top] == 0)
        peers->top--; /* it was the only one there, and is right below now */
    if (peer->connections > 0)
        return;
    for (link = slot_of(peers, peer->address); *link != peer; link = &(*link)->next)
        ;
    *link = peer->next;
    free(peer);
}
