/* Taking bytes in: every byte that becomes part of an object passes through here, is hashed and goes to the
 * chunk store. A stream of at most -small-max bytes is kept instead, and carried to the nodes by the commit. Nothing is
 * visible before the chunks are committed to meta; release before that takes them back. */
#ifndef TERCET_GATEWAY_INGEST_H
#define TERCET_GATEWAY_INGEST_H

#include "base/checksum.h"
#include "base/md5_queue.h"
#include "compat/checksum_header.h"
#include "gateway/gateway.h"
#include "gateway/object/object_key.h"

struct ingest {
    struct gateway *gateway;
    struct stream_writer *writer;
    struct md5 md5;
    struct digest sha256;
    bool wants_sha256;
    bool md5_is_checksum; /* it is computed anyway */
    struct checksum_state checksum;
    struct checksum_state also; /* another one of the same bytes */
    bool hashing;               /* the last piece, while it is sent and the next one is received */
    struct md5_piece piece;
    struct bytes digest_data; /* of the piece, for the digests beside MD5 */
    struct completion digested;
    char *space; /* the writer's, filled as far as `filled` */
    size_t capacity, filled;
    size_t unhashed;         /* at the beginning of `space`: ingest_begin_with */
    uint64_t size;           /* of the bytes as they came in */
    struct sealing *sealing; /* sealing.h; NULL: they are stored as they are */
    struct block_seal_id seal;
    bool hides_md5;
    /* set by ingest_seal */
    uint8_t md5_value[MD5_LEN], sha256_value[SHA256_LEN];
    struct checksum_value checksum_value, also_value;
};

/* What is known of the bytes ahead and what is to be computed of them beside the MD5. */
struct ingest_plan {
    uint64_t expected_size; /* HTTP_LENGTH_UNKNOWN when not known */
    bool sha256;
    enum checksum_algorithm algorithm; /* CHECKSUM_NONE: none */
    enum checksum_algorithm also;      /* one more, which is no digest; CHECKSUM_NONE: none */
    const struct object_key *key;      /* the bytes are sealed with it; NULL, or one that is not sealed: not at all */
    bool never_carried;                /* the chunks are durable before the commit, however small */
};

/* STATUS_UNAVAILABLE when fewer than two nodes can take writes. On failure there is nothing to release. */
enum status ingest_open(struct ingest *ingest, struct gateway *gateway, const struct ingest_plan *plan);
/* Before the first byte: what is stored before the bytes that come, and is neither hashed nor counted in `size`; it
 * counts in expected_size. Suspends. */
enum status ingest_begin_with(struct ingest *ingest, struct bytes data);
/* A place for the next bytes; suspends. Then how many were put there. They are sent and hashed when the place is full,
 * since the trip to the pool and the nodes' wake-ups cost the same for few bytes as for many; commit suspends then
 * until the piece before is hashed. */
enum status ingest_space(struct ingest *ingest, char **space, size_t *capacity);
void ingest_commit(struct ingest *ingest, size_t len);
enum status ingest_write(struct ingest *ingest, struct bytes data); /* the same with a copy */
/* No more bytes: finishes the hashes, so that the caller can compare them before anything is kept. Suspends. */
void ingest_seal(struct ingest *ingest);
/* After seal: waits until every chunk is durable, but for what is carried, and then commits; takes the chunks back when
 * the commit fails, unless it is uncertain. A commit that cannot carry (UNAVAILABLE) is tried a second time, with
 * chunks that are durable. Suspends; statuses as those of the two. */
typedef enum status (*ingest_commit_fn)(void *arg, const struct chunk_list *chunks);
enum status ingest_store(struct ingest *ingest, ingest_commit_fn commit, void *arg);
/* Where the bytes become visible. */
struct ingest_version {
    uint32_t bucket;
    struct bytes key, headers;
    struct bytes attributes; /* packed; empty: none */
    uint8_t storage_class;
    const struct meta_condition *condition;         /* NULL: none */
    const struct meta_new_annotations *annotations; /* that come with it; NULL: none. Taken back as the rest is */
    const struct meta_outbox_entry *outbox;         /* NULL: nothing is to be done */
};
/* After seal: ingest_store as a new version. The object gets what the commit gave. */
enum status ingest_publish(struct ingest *ingest, const struct ingest_version *version, struct meta_object *object);
/* What is shown as the MD5 of what came in: it, or a random value where its owner's key hides it. */
void ingest_etag(const struct ingest *ingest, uint8_t etag[MD5_LEN]);
/* Idempotent. What was stored and not committed is taken back. */
void ingest_release(struct ingest *ingest);

#endif
