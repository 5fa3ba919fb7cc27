/* The replicated chunk store as the gateway sees it: the nodes, their health, and byte streams cut into chunks.
 * Knows chunk ids, never names. All functions that move bytes run in a task and suspend. */
#ifndef TERCET_STORAGE_CLUSTER_H
#define TERCET_STORAGE_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/chunk.h"
#include "base/status.h"
#include "storage/protocol.h"

struct cluster;
struct loop;
struct pool;

#define CLUSTER_NODES_MAX 64

struct cluster_config {
    const char *nodes; /* "1=host:port,2=host:port/zone" or "host:port,..." (numbered from 1 in order) */
    struct cluster_identity identity;
    uint64_t chunk_bytes;     /* 8 MiB */
    uint64_t window_bytes;    /* bytes of one upload kept in memory: 1 MiB */
    uint64_t stall_ms;        /* a node without progress for so long gets a stand-in: 500; longer when all are slow */
    uint64_t node_timeout_ms; /* and is given up after: 30000 */
    uint64_t health_interval_ms;  /* 30000 */
    uint64_t suspect_interval_ms; /* checks of a node that failed: 1000 */
    uint64_t breaker_failures;    /* failures in a row that open: 5 */
    uint64_t breaker_open_ms;     /* pause before half-open: 5000 */
    uint64_t hedge_percent;       /* of the reads may be asked of a second node when the first is slow; 0: none */
};

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };
const char *breaker_state_name(enum breaker_state state); /* CLOSED, HALF-OPEN, OPEN */

/* Why a breaker opened last. */
enum breaker_cause { BREAKER_NEVER, BREAKER_FAILURES, BREAKER_RATE, BREAKER_SLOW, BREAKER_PROBE };
#define BREAKER_CAUSES (BREAKER_PROBE + 1)
const char *breaker_cause_name(enum breaker_cause cause); /* "failures in a row", ...; "" for NEVER */

#define NODE_TRANSITIONS_MAX 8
#define NODE_REASON_MAX      160 /* bytes with NUL */
#define NODE_ZONE_MAX        64  /* the same */

struct cluster_transition {
    int64_t wall_ms;
    enum breaker_state state; /* after it */
    char reason[NODE_REASON_MAX];
};

/* What is known of a node, for /system/nodes and metrics. */
struct cluster_node_info {
    unsigned number;
    char address[300];        /* host:port */
    char zone[NODE_ZONE_MAX]; /* "" when it has none */
    char server_id[64];       /* as the node calls itself, "" before the first answer */
    bool healthy; /* the last check or request succeeded, the breaker is not open, and it does not await a comparison */
    bool writable; /* healthy, not full, not read-only, not being emptied */
    bool full, read_only, draining;
    enum breaker_state breaker;
    uint64_t total_bytes, free_bytes, chunks;
    int64_t last_seen_ms;         /* wall clock, 0 never */
    int64_t last_transition_ms;   /* of the breaker */
    char reason[NODE_REASON_MAX]; /* why the breaker is not closed, "" when it is */
    int64_t next_probe_ms;        /* wall clock: while it is open, when it lets a probe through; else 0 */
    struct cluster_transition last[NODE_TRANSITIONS_MAX]; /* of the breaker, the newest first */
    unsigned last_count;
    char last_error[128]; /* "" when none since the last success */
    uint64_t requests, failures;
    unsigned transitions;   /* of the breaker */
    uint64_t changes;       /* counts what may have changed its chunks behind our back: absences, restarts, damage */
    uint64_t down_since_ms; /* monotonic, 0 while its checks succeed */
    bool awaits_comparison; /* takes no chunks until cluster_node_admit */
};

/* STATUS_INVALID with *error set when the node list cannot be parsed. */
enum status cluster_create(const struct cluster_config *config, struct cluster **cluster, const char **error);
/* Starts the health checks on the loop and waits (blocking, from a plain thread) until each node was asked once, at
 * most wait_ms. */
void cluster_start(struct cluster *cluster, struct loop *loop, uint64_t wait_ms);
/* It is about to stop: from now on no exchange with a node, but for chunks' bytes, takes more than a second, so that
 * who makes them can be stopped although a node hangs. Any thread. */
void cluster_hurry(struct cluster *cluster);
void cluster_stop(struct cluster *cluster); /* no streams may be open */
void cluster_free(struct cluster *cluster);

unsigned cluster_node_count(const struct cluster *cluster);
void cluster_node_info(const struct cluster *cluster, unsigned index, struct cluster_node_info *info); /* any thread */
unsigned cluster_writable_count(const struct cluster *cluster);
unsigned cluster_healthy_count(const struct cluster *cluster);
/* Is there a node of that number in the list? */
bool cluster_has_node(const struct cluster *cluster, unsigned number);
/* Can a copy on that node be read now, as far as known? */
bool cluster_node_readable(const struct cluster *cluster, unsigned number);
/* The wall clocks that are the most behind and the most ahead, of the nodes that answer. False: none has told its
 * clock. Any thread. */
bool cluster_clocks(const struct cluster *cluster, int64_t *earliest_ms, int64_t *latest_ms);

/* Called (in a task) for each copy that was found missing or corrupt while reading. */
typedef void (*cluster_damage_fn)(void *arg, const struct chunk_id *id, unsigned node, enum status why);
void cluster_on_damage(struct cluster *cluster, cluster_damage_fn fn, void *arg);

/* Copies that are recorded nowhere, and will not be: deletes them in the background, best effort and not at once
 * (discard.h). What a node does not delete is an orphan, which the comparison of inventories finds. Any thread. */
void cluster_discard(struct cluster *cluster, const struct chunk_list *chunks);
void cluster_discard_copy(struct cluster *cluster, const struct chunk_id *id, unsigned node);
/* Asked (in a task of the cluster's loop; may suspend) before a copy that is to be discarded is deleted: true when the
 * node is not recorded with a copy of the chunk; nobody may record it until `done` was called then. A repair may have
 * taken just that copy for the one that was missing. Without a guard every such copy is deleted. From any thread. */
struct cluster_discard_guard {
    bool (*begin)(void *arg, const struct chunk_id *id, unsigned node);
    void (*done)(void *arg, const struct chunk_id *id);
    void *arg;
};
void cluster_guard_discards(struct cluster *cluster, const struct cluster_discard_guard *guard);

/* ---- writing: a stream of bytes becomes chunks on three nodes each ------------------------------------------- */
struct stream_writer;

/* The most memory that a stream of so many bytes takes; UINT64_MAX: of unknown size. */
uint64_t stream_writer_memory(const struct cluster *cluster, uint64_t size);
/* expected_size UINT64_MAX when unknown. At once when fewer than two nodes are writable: STATUS_NO_SPACE when that is
 * because they are full, else STATUS_UNAVAILABLE. */
enum status stream_writer_open(struct cluster *cluster, uint64_t expected_size, struct stream_writer **writer);
/* A contiguous place to put the next bytes into; suspends until there is room. *capacity >= 1. */
enum status stream_writer_space(struct stream_writer *writer, char **space, size_t *capacity);
/* Says that len bytes were put there. Never suspends. The bytes are sent from now on; they must not be changed. They
 * stay where they are until the next commit, so that their owner may read them meanwhile, or until the writer is freed.
 */
void stream_writer_commit(struct stream_writer *writer, size_t len);
/* space + copy + commit until all is taken. */
enum status stream_writer_write(struct stream_writer *writer, const void *data, size_t len);
/* Waits until every chunk is durable on its nodes; the refs (2 or 3 copies each) go to `chunks` in order. An empty
 * stream has no chunks. After an error: abort. STATUS_NO_SPACE or STATUS_UNAVAILABLE, as above: fewer than two copies
 * could be made. */
enum status stream_writer_finish(struct stream_writer *writer, struct chunk_list *chunks);
/* Before the first byte: of a stream of at most so many bytes nothing is sent before finish, so that it can be taken as
 * one chunk that is carried with a commit. */
void stream_writer_hold(struct stream_writer *writer, uint64_t size_max);
/* After the last byte: that chunk, without copies, and its bytes, which stay until the writer is freed. It is live from
 * now on. False when the stream was not held, is empty or too long, or not as long as was said. Finish may follow, and
 * makes another chunk of the bytes. */
bool stream_writer_carry(struct stream_writer *writer, struct chunk_ref *ref, const char **bytes);
/* Frees the writer; after the record of its chunks was committed, if it is to be. Before a successful finish: cancels
 * the transfers, and deletes (in the background, best effort) what the nodes already hold. */
void stream_writer_free(struct stream_writer *writer);

/* ---- reading ------------------------------------------------------------------------------------------------- */
struct stream_reader;

/* Gives the next chunk and the part of it that is wanted (offset, len within the chunk; len >= 1). STATUS_NOT_FOUND
 * ends the stream. May suspend. */
typedef enum status (*stream_next_fn)(void *arg, struct chunk_ref *ref, uint32_t *offset, uint32_t *len);

struct stream_reader *stream_reader_open(struct cluster *cluster, stream_next_fn next, void *arg);
/* The next verified bytes, valid until the next call; len 0 at the end. Suspends. Another replica takes over unseen
 * when one fails, stalls or sends wrong bytes; STATUS_UNAVAILABLE or STATUS_CORRUPT when none is left. */
enum status stream_reader_next(struct stream_reader *reader, struct bytes *out);
void stream_reader_close(struct stream_reader *reader);

/* ---- single chunks, for background jobs ---------------------------------------------------------------------- */
/* Deletes many copies on one node with as few requests and syncs as can be. gone[i]: the node has acknowledged that it
 * has no copy of ids[i]; nothing is said of the others, also when the status, of the last request, is OK. */
enum status cluster_chunks_delete(struct cluster *cluster, unsigned node, const struct chunk_id *ids, size_t count,
                                  bool *gone);
/* Is the chunk one of a stream whose writer is not freed yet? When it is not, and is not recorded afterwards, it never
 * will be. */
bool cluster_chunk_is_live(struct cluster *cluster, const struct chunk_id *id); /* any thread */
/* Puts the copy into the node's trash; OK also when the node did not have it. */
enum status cluster_copy_trash(struct cluster *cluster, const struct chunk_id *id, unsigned node);
/* Takes it back into service, or verifies it there. STATUS_NOT_FOUND: the node has no good copy, in its trash or not;
 * STATUS_CONFLICT: the copy has other bytes than the ref says. */
enum status cluster_copy_restore(struct cluster *cluster, const struct chunk_ref *ref, unsigned node);
/* Lets node `to` copy the chunk from node `from`. */
enum status cluster_chunk_pull(struct cluster *cluster, const struct chunk_ref *ref, unsigned from, unsigned to);
/* The same for up to PROTOCOL_PULL_MAX small chunks with one request: each at most a block, together at most
 * PROTOCOL_PULL_BYTES. outcomes: what became of each, PULL_FAILED when the request itself failed. */
enum status cluster_chunks_pull(struct cluster *cluster, const struct chunk_ref *refs, size_t count, unsigned from,
                                unsigned to, uint8_t *outcomes);
/* A writable node without a copy, best placed first, if it can be in a zone without one that is to stay; 0 when there
 * is none. */
unsigned cluster_pick_target(struct cluster *cluster, const struct chunk_ref *ref);
bool cluster_node_writable(const struct cluster *cluster, unsigned number);
/* A node that is being emptied takes no chunks; what it has is read, and deleted, as before. A number that is not in
 * the list is passed over. Any thread. */
void cluster_set_draining(struct cluster *cluster, unsigned number, bool draining);
/* Which zone a node is in: a number below CLUSTER_NODES_MAX, the same for all nodes of a zone; of one that is not in
 * the list, that of a zone of its own. */
unsigned cluster_zone(const struct cluster *cluster, unsigned number);
/* How often a node was chosen in a zone that had a copy already, although there are enough zones; 1 at the start, since
 * earlier processes may have done so. Any thread. */
uint64_t cluster_placed_beside(const struct cluster *cluster);
bool cluster_node_is_draining(const struct cluster *cluster, unsigned number);

/* From now on a node that was away or restarted is readable, but takes no chunks before it is admitted. */
void cluster_compare_returning(struct cluster *cluster);
/* Its chunks were compared with the records, `changes` being what cluster_node_info said before: admits it unless there
 * was another change since. */
void cluster_node_admit(struct cluster *cluster, unsigned number, uint64_t changes);

/* A copy that a node says it holds. */
struct cluster_copy {
    struct chunk_id id;
    uint32_t size, crc32c;
    int64_t stored_ms; /* by the node's clock */
};
/* Up to `capacity` (<= INVENTORY_RECORDS_MAX) of the node's copies behind `after` (NULL: from the first) in the order
 * of their ids; fewer only at the end. */
enum status cluster_inventory(struct cluster *cluster, unsigned number, const struct chunk_id *after, size_t capacity,
                              struct cluster_copy *copies, size_t *count);
/* The same for its trash; stored_ms is when the copy was put there. */
enum status cluster_trash(struct cluster *cluster, unsigned number, const struct chunk_id *after, size_t capacity,
                          struct cluster_copy *copies, size_t *count);

#endif
