/* How many connections each peer holds, so that none takes the places of all others. A peer is an IPv4 address, or the
 * /64 of an IPv6 address, which is what one customer gets. Everything is guarded by the server's lock. */
#ifndef TERCET_BASE_HTTP_PEERS_H
#define TERCET_BASE_HTTP_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define HTTP_PEER_SLOTS 4096

struct http_peer {
    struct http_peer *next; /* in its slot */
    uint64_t address[2];
    unsigned connections;
};

struct http_peers {
    struct http_peer *slots[HTTP_PEER_SLOTS];
    uint64_t key;    /* random: nobody chooses addresses that share a slot */
    unsigned *peers; /* with so many connections, by that number */
    unsigned count;  /* numbers that there is room for */
    unsigned top;    /* the most connections of one peer */
};

/* For at most so many connections in all. */
void http_peers_init(struct http_peers *peers, unsigned connections_max);
void http_peers_release(struct http_peers *peers);
/* What one peer's addresses have in common. */
void http_peer_identify(const struct sockaddr_storage *address, uint64_t out[2]);
/* One connection more, or less; a peer is freed with its last one. */
struct http_peer *http_peers_enter(struct http_peers *peers, const struct sockaddr_storage *address);
void http_peers_leave(struct http_peers *peers, struct http_peer *peer);

#endif
