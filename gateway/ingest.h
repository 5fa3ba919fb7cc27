/* Taking bytes in: every byte that becomes part of an object passes through here, is hashed and goes to the
 * chunk store. Nothing is visible until its caller commits the chunks to meta; release before that takes them
 * back. */
#ifndef TERCET_GATEWAY_INGEST_H
#define TERCET_GATEWAY_INGEST_H

#include "base/checksum.h"
#include "compat/checksum_header.h"
#include "gateway/gateway.h"

struct ingest {
    struct gateway *gateway;
    struct stream_writer *writer;
    struct digest md5, sha256;
    bool wants_sha256;
    struct checksum_state checksum;
    char *space; /* the writer's, filled as far as `filled` */
    size_t capacity, filled;
    uint64_t size;
    /* set by ingest_seal */
    uint8_t md5_value[MD5_LEN], sha256_value[SHA256_LEN];
    struct checksum_value checksum_value;
};

/* What is known of the bytes ahead and what is to be computed of them beside the MD5. */
struct ingest_plan {
    uint64_t expected_size; /* HTTP_LENGTH_UNKNOWN when not known */
    bool sha256;
    enum checksum_algorithm algorithm; /* CHECKSUM_NONE: none */
};

/* STATUS_UNAVAILABLE when fewer than two nodes can take writes. On failure there is nothing to release. */
enum status ingest_open(struct ingest *ingest, struct gateway *gateway, const struct ingest_plan *plan);
/* A place for the next bytes; suspends. Then how many were put there. They are hashed and sent when the place is full,
 * since the trip to the pool and the nodes' wake-ups cost the same for few bytes as for many; commit suspends then. */
enum status ingest_space(struct ingest *ingest, char **space, size_t *capacity);
void ingest_commit(struct ingest *ingest, size_t len);
enum status ingest_write(struct ingest *ingest, struct bytes data); /* the same with a copy */
/* No more bytes: finishes the hashes, so that the caller can compare them before anything is kept. Suspends. */
void ingest_seal(struct ingest *ingest);
/* After seal: waits until every chunk is durable. Suspends. */
enum status ingest_finish(struct ingest *ingest, struct chunk_list *chunks);
/* Where the bytes become visible. */
struct ingest_version {
    uint32_t bucket;
    struct bytes key, headers;
    const struct meta_condition *condition; /* NULL: none */
};
/* After seal: finish, then the commit as a new version; takes the chunks back when that fails. The object gets what the
 * commit gave. Suspends; statuses as those of the two. */
enum status ingest_publish(struct ingest *ingest, const struct ingest_version *version, struct meta_object *object);
/* Idempotent. Before a successful finish everything that was stored is taken back. */
void ingest_release(struct ingest *ingest);

/* Deletes chunks that are durable but will not be referred to, because their commit ended with that status; those of an
 * uncertain commit are kept. In a background task, best effort: what a node does not delete now is an orphan that the
 * nodes' inventories show. */
void ingest_discard(struct gateway *gateway, enum status commit, const struct chunk_list *chunks);

#endif
