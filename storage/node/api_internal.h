/* What the files of the node's API share; nobody else includes it. Every handler runs in a task and suspends; it
 * answers the request and reports how the operation went. */
#ifndef TERCET_STORAGE_NODE_API_INTERNAL_H
#define TERCET_STORAGE_NODE_API_INTERNAL_H

#include <jansson.h>

#include "storage/node/api.h"
#include "storage/node/node_metrics.h"

/* Pieces in which payload goes between network and disk. */
#define API_PIECE_BYTES (256u << 10)

struct node_api {
    struct node_api_config config;
    const struct http_server *server; /* atomic */
    struct node_metrics metrics;
    unsigned in_flight; /* atomic */
    uint64_t start_ms;
    char instance[17]; /* random: tells this process from those before */
};

/* A request on its way through the API. */
struct api_request {
    struct node_api *api;
    struct http_request *http;
    struct protocol_auth auth;
    struct chunk_id id; /* of routes below /chunks/ */
};

enum status api_put(struct api_request *request);
enum status api_get(struct api_request *request);
enum status api_head(struct api_request *request);
enum status api_delete(struct api_request *request);
enum status api_delete_many(struct api_request *request);
enum status api_pull(struct api_request *request);
enum status api_pull_many(struct api_request *request);
enum status api_read_many(struct api_request *request);
enum status api_inventory(struct api_request *request);
enum status api_trash_list(struct api_request *request);
enum status api_trash(struct api_request *request);
enum status api_restore(struct api_request *request);
void api_meta(struct api_request *request, enum node_method method); /* every path below /meta/ */
void api_health(struct api_request *request);
void api_metrics(struct api_request *request);

/* The whole body, which the request's signature must vouch for. INVALID: it does not; LIMIT: longer than the buffer may
 * get; MISMATCH: other bytes than were signed. Suspends. */
enum status api_body_read(struct api_request *request, struct buffer *body);

/* Answers. All suspend. */
void api_reply_json(struct http_request *http, int http_status, json_t *take_body);
void api_reply_error(struct http_request *http, int http_status, const char *error);
/* The answer that an operation's failure stands for; none when the peer is gone. */
void api_reply_status(struct http_request *http, enum status status);
/* The answer to a PUT or pull: what is stored now, in the headers. status: OK or EXISTS. */
void api_reply_stored(struct http_request *http, enum status status, uint32_t size, uint32_t crc32c);
/* x-tercet-size and x-tercet-crc32c. */
void api_reply_chunk_headers(struct http_request *http, uint32_t size, uint32_t crc32c);

/* Takes the next "name=value" off a query. False at its end. */
bool api_query_next(struct bytes *query, struct bytes *name, struct bytes *value);

/* What the gateway's record says of a chunk, as size=N and crc32c=HEX8 in a query. */
struct api_expected {
    bool has_size, has_crc;
    struct chunk_expected chunk;
};
/* Takes one parameter. False when it is another one, or malformed. */
bool api_expected_take(struct api_expected *expected, struct bytes name, struct bytes value);

/* Appends to a put in the pool while the task reads on. */
struct api_append;
struct api_append *api_append_create(struct node_api *api, struct chunk_put *put);
/* Waits for the piece before, then hands this one to the pool; data must stay until the next call. */
enum status api_append_piece(struct api_append *append, const void *data, size_t len);
/* Waits for the last piece. */
enum status api_append_wait(struct api_append *append);
void api_append_free(struct api_append *append); /* after the wait; NULL is fine */

#endif
