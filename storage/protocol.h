/* clang-format off */
/* What gateway and nodes say to each other: HTTP/1.1, authenticated by the cluster secret.
 *
 *   PUT    /chunks/{id}            store; body = payload, then a footer. 201 stored, 200 was there with the same bytes,
 *                                  409 there with other bytes, 400 bad footer or checksum, 507 at the reserve, 503
 *   GET    /chunks/{id}?first=B&count=N
 *                                  N blocks from block B (both optional). Body = CRC table of the WHOLE chunk (u32
 *                                  big-endian each), then the payload of the blocks asked for. Headers
 *                                  x-tercet-size, x-tercet-crc32c (8 hex). 404 absent or quarantined
 *   HEAD   /chunks/{id}            size and checksum headers only; does not read the payload
 *   DELETE /chunks/{id}            204 gone now, durably; 404 was not there: both acknowledge
 *   POST   /chunks/delete          body = up to PROTOCOL_DELETE_MAX ids, CHUNK_ID_LEN bytes each, signed with its checksum.
 *                                  200 with a byte for each, in order: DELETE_GONE durably gone now or was not there,
 *                                  DELETE_KEPT it could not be deleted. 400 malformed, 413 too many
 *   POST   /chunks/{id}/pull?from=HOST:PORT&size=N&crc32c=HEX8
 *                                  copy from another node, verified: as PUT; 502 when the source failed or has others
 *   POST   /chunks/pull?from=HOST:PORT
 *                                  many small chunks at once: body = up to PROTOCOL_PULL_MAX of PULL_RECORD_LEN bytes (16 id,
 *                                  u32 size, u32 CRC32C; each at most a block, in all PROTOCOL_PULL_BYTES), signed with
 *                                  its checksum. 200 with a byte for each, in order: PULL_STORED fetched, verified and
 *                                  durably here, PULL_HELD was here or in the trash, verified, PULL_FAILED neither. 400, 413
 *   POST   /chunks/read            body as above. 200 with the payload of each that is here as the record says, in order,
 *                                  behind a byte that is 1; a byte that is 0 for each of the others
 *   GET    /chunks?after={id}&limit=N         inventory in id order: records of INVENTORY_RECORD_LEN bytes
 *   POST   /chunks/{id}/trash      into the trash: no longer read or in the inventory, deleted after a grace. 204 it is
 *                                  there, durably; 404 the node does not have it
 *   POST   /chunks/{id}/restore?size=N&crc32c=HEX8
 *                                  back into service. 204 it is, durably and verified; 404 there is no good copy, in the
 *                                  trash or in service; 409 the copy is not what the query says (which may be left out)
 *   GET    /trash?after={id}&limit=N          as the inventory, of the trash; the time is when it was put there
 *   GET    /meta/state             204; this and every answer below has headers x-tercet-epoch (16 hex digits, 0: the
 *                                  node holds no metadata) and x-tercet-sequence: how far its replica is, and
 *                                  x-tercet-fence: the lowest generation whose changes it takes (0: any). With
 *                                  x-tercet-replica-lost: 1 it held metadata, which were damaged, and holds none now
 *   PUT    /meta/batches           body = change records (base/change_record.h), in order, each with or without a carried
 *                                  block before it, up to CHANGE_BATCH_MAX. 204 all records are applied and the chunks of
 *                                  all blocks stored, in one write, durably: chunks also of records that were applied
 *                                  before, and whether or not the block names this node. Else nothing of it is: 409 the
 *                                  records do not continue the replica; 412 they are from before the fence: their gateway
 *                                  was replaced; 400 malformed, or a chunk is here with other bytes; 507 no room, not even
 *                                  in the reserve; 503. With x-tercet-full: 1 nothing but the reserve is left: what is
 *                                  under way is still taken here, but no other chunks are
 *   GET    /meta/last              200 with the record that was applied last, without its block; 204 there is none, as
 *                                  after a snapshot
 *   PUT    /meta/snapshot?epoch=HEX16&sequence=S&page=N[&last=1][&over=HEX16-S]
 *                                  body = one record, page N of a snapshot that takes the replica's place with its
 *                                  last page; before it any carried blocks, whose chunks are stored durably, whatever
 *                                  becomes of the snapshot. 204; 409 another page comes next: begin again at 0; or what is held is
 *                                  of another epoch that is not earlier, unless `over` says just where the replica is,
 *                                  which the gateway knows to be no part of the history; 412 as above
 *   POST   /meta/dump              body = family byte and key (empty: the beginning); 200 with one record of the rows
 *                                  behind it, without changes at the end
 *   POST   /meta/fence?generation=G
 *                                  shuts out whoever makes changes in an epoch of a generation below G. 204 it is so,
 *                                  durably, and the headers say what is held; 409 the fence is at G already, or higher
 *   GET    /health, /metrics       open; /health is JSON (see node/api.c), 503 with "readOnly" after the disk failed: the
 *                                  node ends when a gateway (user-agent PROTOCOL_GATEWAY_AGENT) was told, or after
 *                                  PROTOCOL_FAILURE_TELL_S
 * Payload is cut into blocks of CHUNK_BLOCK_BYTES, the last one shorter; each has its own CRC32C. The CRC32C of the
 * whole payload is the combination of the blocks' CRCs, so a reader that knows the chunk's CRC can prove the table and
 * with it each block, also of a part of the chunk.
 *
 * Authentication: header `x-tercet-auth: v1 TIME CONTENT MAC` with TIME in milliseconds since 1970, CONTENT `-` (no
 * body), `footer` (PUT) or `crc32c:HEX8:LENGTH`, MAC = hex(HMAC-SHA256(secret,
 * "tercet-v1\n" METHOD "\n" TARGET "\n" CLUSTER-ID-HEX "\n" TIME "\n" CONTENT)). A node refuses TIME more than
 * PROTOCOL_SKEW_MS from its own clock (401 with header x-tercet-time: its clock; senders sign anew, once). A wrong cluster id
 * therefore fails as a wrong MAC does: 403. */
/* clang-format on */
#ifndef TERCET_STORAGE_PROTOCOL_H
#define TERCET_STORAGE_PROTOCOL_H

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/chunk.h"
#include <stdbool.h>

#define CHUNK_BLOCK_BYTES     65536u
#define CHUNK_BLOCKS_MAX      (CHUNK_BYTES_MAX / CHUNK_BLOCK_BYTES)
#define CLUSTER_ID_LEN        16
#define PROTOCOL_SKEW_MS      300000
#define PROTOCOL_AUTH_MAX     160 /* bytes of the header's value with NUL */
#define PROTOCOL_FOOTER_LEN   48  /* u64 payload length, u32 CRC32C, u32 zero, 32 bytes MAC */
#define INVENTORY_RECORD_LEN  32  /* 16 id, u32 size, u32 CRC32C, u64 stored at (wall ms) */
#define INVENTORY_RECORDS_MAX 10000
#define PROTOCOL_PULL_MAX     256
#define PROTOCOL_PULL_BYTES   (2u << 20)
#define PULL_RECORD_LEN       24
enum { PULL_FAILED, PULL_STORED, PULL_HELD };
#define PROTOCOL_DELETE_MAX 1024

#define PROTOCOL_HEADER_AUTH       "x-tercet-auth"
#define PROTOCOL_HEADER_TIME       "x-tercet-time"
#define PROTOCOL_HEADER_REQUEST_ID "x-tercet-request-id"
#define PROTOCOL_HEADER_EPOCH      "x-tercet-epoch"
#define PROTOCOL_HEADER_SEQUENCE   "x-tercet-sequence"
#define PROTOCOL_HEADER_FENCE      "x-tercet-fence"
#define PROTOCOL_HEADER_LOST       "x-tercet-replica-lost"
#define PROTOCOL_HEADER_FULL       "x-tercet-full"
#define PROTOCOL_GATEWAY_AGENT     "tercet-gateway"
/* A gateway checks a node every 30 s by default, and at once after a failed request. One that is told to check more
 * seldom may not learn of a failure that no request met. */
#define PROTOCOL_FAILURE_TELL_S 40

enum protocol_deleted { DELETE_GONE = 0, DELETE_KEPT = 1 };

struct tls_identity;

struct cluster_identity {
    uint8_t id[CLUSTER_ID_LEN];
    char secret[256]; /* at least 16 characters */
    /* With it members speak TLS to each other, and each shows a certificate; NULL: they do not. What is signed is
     * signed in either case. Not owned. */
    struct tls_identity *tls;
};

static inline uint32_t chunk_block_count(uint32_t size)
{
    return (size + CHUNK_BLOCK_BYTES - 1) / CHUNK_BLOCK_BYTES;
}

/* Cluster id from 32 hex digits; secret from text (trailing white space removed). STATUS_INVALID with *error set. */
enum status cluster_identity_parse(struct cluster_identity *identity, const char *id_hex, const char *secret,
                                   const char **error);
/* The secret from a file, whose mode must not let others read it. */
enum status cluster_identity_load(struct cluster_identity *identity, const char *id_hex, const char *secret_path,
                                  const char **error);

/* content: "-", "footer" or "crc32c:HEX8:LENGTH". */
void protocol_sign(const struct cluster_identity *identity, const char *method, struct bytes target, int64_t time_ms,
                   const char *content, char out[PROTOCOL_AUTH_MAX]);

struct protocol_auth {
    int64_t time_ms;
    bool footer;       /* the body ends with a footer */
    bool has_checksum; /* the whole body's CRC32C and length are signed */
    uint32_t crc32c;
    uint64_t length;
    uint8_t mac[SHA256_LEN]; /* the footer's MAC is bound to it */
};
/* STATUS_OK; STATUS_TIMEOUT for a MAC that is right but too old or new; STATUS_DENIED for everything else. */
enum status protocol_verify(const struct cluster_identity *identity, struct bytes method, struct bytes target,
                            struct bytes header, int64_t now_ms, struct protocol_auth *auth);

/* The footer that ends a PUT body; auth_header is the value made by protocol_sign for the same request. */
void protocol_footer_make(const struct cluster_identity *identity, struct bytes auth_header, uint64_t payload_len,
                          uint32_t crc32c, uint8_t out[PROTOCOL_FOOTER_LEN]);
/* STATUS_DENIED for a wrong MAC, STATUS_INVALID when the length or the CRC does not fit what was received. */
enum status protocol_footer_check(const struct cluster_identity *identity, const struct protocol_auth *auth,
                                  const uint8_t footer[PROTOCOL_FOOTER_LEN], uint64_t payload_len, uint32_t crc32c);

#endif
