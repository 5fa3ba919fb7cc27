/* Four storage nodes inside the test, on our own HTTP server, that misbehave on command; and the cluster that uses
 * them. They check what a real node checks: signatures, footers and checksums. One loop runs all of it, so handlers and
 * the test's tasks need no locks; the test's own thread looks at results only when no task runs, and at chunks at any
 * time, since an upload's surplus copies are discarded after its end. */
#ifndef TERCET_TESTS_UNIT_STORAGE_FAKE_NODES_H
#define TERCET_TESTS_UNIT_STORAGE_FAKE_NODES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/task.h"
#include "storage/cluster/cluster.h"

#define FAKE_NODES 4

enum fault {
    FAULT_NONE,
    FAULT_ERROR,       /* 500 */
    FAULT_FULL,        /* 507 */
    FAULT_BUSY,        /* 503 with Retry-After */
    FAULT_MISSING,     /* 404 */
    FAULT_SILENT,      /* takes the head, then does nothing */
    FAULT_STALL_AT,    /* stalls when fault_at bytes of the body were received or sent */
    FAULT_MUTE,        /* stores it, but never answers */
    FAULT_CUT_AT,      /* closes the connection after fault_at bytes of the body were sent */
    FAULT_BAD_BLOCK,   /* flips a bit of the payload at fault_at */
    FAULT_BAD_TABLE,   /* flips a bit of the table of CRCs */
    FAULT_OTHER_BYTES, /* flips a bit at fault_at and sends the table that goes with it */
    FAULT_BAD_SIZE,    /* says that the chunk is longer than it is */
    FAULT_SLOW_ONCE,   /* waits delay_ms before the answer */
};

struct fake_chunk {
    struct fake_chunk *next;
    struct chunk_id id;
    uint32_t size;
    char *data;
};

/* What tests set while handlers run, and what they count, is atomic. */
struct fake_node {
    unsigned number;
    struct http_server *server;
    char address[64];
    _Atomic enum fault put_fault, get_fault, pull_fault, health_fault;
    atomic_size_t fault_at;
    uint64_t delay_ms;
    _Atomic int64_t clock_ms; /* its clock minus the true one */
    const char *cluster_id;   /* said by /health; NULL: the right one */
    unsigned said_number;     /* said by /health; 0: the right one */
    atomic_uint restarts;     /* said by /health */
    atomic_bool full;         /* said by /health */
    atomic_bool read_only;    /* said by /health */
    atomic_bool released;     /* ends all stalls */
    /* Answers what is below /meta/; NULL where no test asks for it. */
    void (*meta)(struct fake_node *node, struct http_request *request, const struct protocol_auth *auth);
    struct bytes inventory; /* the answer to any request for one, whatever was asked */
    bool inventory_cut;     /* the connection is closed before its end */
    struct fake_chunk *chunks;
    atomic_uint puts, gets, pulls, deletes, delete_requests, checks, refusals;
    atomic_bool kept_last, answers_short; /* of a deletion of many */
};

struct fake_cluster {
    struct loop_group loops;
    struct fake_node nodes[FAKE_NODES];
    struct cluster_identity identity;
    struct cluster *cluster;
};

/* Time is held, and passes while a task of the test runs, by leaps: what nobody does anything in is skipped. A test
 * whose other threads wait for the clock defines FAKE_REAL_TIME before it includes this. */
#ifdef FAKE_REAL_TIME
#define fake_hold_time()
#define fake_skip(skip)
#else
#define fake_hold_time() clock_hold()
#define fake_skip(skip)  clock_skip_idle(skip)
#endif

#define FAKE_CLUSTER_ID "00112233445566778899aabbccddeeff"

static struct fake_cluster fake; /* of the running test */

static pthread_mutex_t fake_chunks_lock = PTHREAD_MUTEX_INITIALIZER;

static inline struct fake_chunk **fake_slot(struct fake_node *node, const struct chunk_id *id)
{
    struct fake_chunk **at = &node->chunks;
    while (*at && memcmp(&(*at)->id, id, sizeof(*id)) != 0)
        at = &(*at)->next;
    return at;
}

/* The chunk stays valid until it is removed. */
static inline struct fake_chunk *fake_find(struct fake_node *node, const struct chunk_id *id)
{
    pthread_mutex_lock(&fake_chunks_lock);
    struct fake_chunk *chunk = *fake_slot(node, id);
    pthread_mutex_unlock(&fake_chunks_lock);
    return chunk;
}

static inline void fake_store(struct fake_node *node, const struct chunk_id *id, const char *data, uint32_t size)
{
    pthread_mutex_lock(&fake_chunks_lock);
    struct fake_chunk **at = fake_slot(node, id);
    if (!*at) {
        *at = mem_alloc(sizeof(**at));
        **at = (struct fake_chunk){NULL, *id, size, mem_alloc(size)};
        memcpy((*at)->data, data, size);
    }
    pthread_mutex_unlock(&fake_chunks_lock);
}

static inline bool fake_remove(struct fake_node *node, const struct chunk_id *id)
{
    pthread_mutex_lock(&fake_chunks_lock);
    struct fake_chunk **at = fake_slot(node, id);
    struct fake_chunk *chunk = *at;
    if (chunk)
        *at = chunk->next;
    pthread_mutex_unlock(&fake_chunks_lock);
    if (chunk)
        free(chunk->data);
    free(chunk);
    return chunk != NULL;
}

static inline unsigned fake_chunk_count(const struct fake_node *node)
{
    unsigned count = 0;
    pthread_mutex_lock(&fake_chunks_lock);
    for (const struct fake_chunk *chunk = node->chunks; chunk; chunk = chunk->next)
        count++;
    pthread_mutex_unlock(&fake_chunks_lock);
    return count;
}

static inline void fake_stall(struct fake_node *node, struct http_request *request)
{
    while (!node->released && !http_request_is_closed(request))
        task_sleep_ms(25);
}

static inline void fake_reply(struct http_request *request, int status)
{
    (void)http_reply(request, status, BYTES("{}"));
}

static inline void fake_put(struct fake_node *node, struct http_request *request, const struct chunk_id *id,
                            const struct protocol_auth *auth)
{
    struct buffer body;
    char piece[16384];
    size_t len = 1;
    buffer_init(&body, CHUNK_BYTES_MAX + PROTOCOL_FOOTER_LEN);
    node->puts++;
    if (node->put_fault == FAULT_SILENT)
        fake_stall(node, request);
    if (node->put_fault == FAULT_BUSY) {
        http_reply_header_str(request, "retry-after", "1");
        fake_reply(request, 503);
        goto out;
    }
    if (node->put_fault == FAULT_ERROR || node->put_fault == FAULT_FULL) {
        fake_reply(request, node->put_fault == FAULT_FULL ? 507 : 500);
        goto out;
    }
    while (len > 0) {
        if (node->put_fault == FAULT_STALL_AT && body.len >= node->fault_at)
            fake_stall(node, request);
        if (http_body_read(request, piece, sizeof(piece), &len))
            goto out;
        CHECK(buffer_append(&body, piece, len) == STATUS_OK);
    }
    if (!auth->footer || body.len < PROTOCOL_FOOTER_LEN ||
        protocol_footer_check(&fake.identity, auth, (const uint8_t *)body.data + body.len - PROTOCOL_FOOTER_LEN,
                              body.len - PROTOCOL_FOOTER_LEN,
                              crc32c_update(0, body.data, body.len - PROTOCOL_FOOTER_LEN))) {
        node->refusals++;
        fake_reply(request, 400);
        goto out;
    }
    fake_store(node, id, body.data, (uint32_t)(body.len - PROTOCOL_FOOTER_LEN));
    if (node->put_fault == FAULT_MUTE)
        fake_stall(node, request);
    if (node->put_fault == FAULT_SLOW_ONCE)
        task_sleep_ms(node->delay_ms);
    fake_reply(request, 201);
out:
    buffer_release(&body);
}

static inline void fake_pull(struct fake_node *node, struct http_request *request, const struct chunk_id *id)
{
    struct fake_chunk *found = NULL;
    node->pulls++;
    if (node->pull_fault == FAULT_ERROR) {
        fake_reply(request, 500);
        return;
    }
    if (node->pull_fault == FAULT_SILENT) { /* the whole node from now on, and those that stall already */
        node->put_fault = node->health_fault = FAULT_SILENT;
        for (unsigned i = 0; i < FAKE_NODES; i++)
            if (fake.nodes[i].put_fault == FAULT_STALL_AT)
                fake.nodes[i].health_fault = FAULT_SILENT;
        fake_stall(node, request);
    }
    const char *end = memchr(request->query.data, '&', request->query.len);
    CHECK(end && memcmp(request->query.data, "from=", 5) == 0);
    struct bytes from = bytes_of(request->query.data + 5, (size_t)(end - request->query.data) - 5);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        if (bytes_equal_str(from, fake.nodes[i].address))
            found = fake_find(&fake.nodes[i], id);
    if (found) {
        char expected[64];
        snprintf(expected, sizeof(expected), "&size=%u&crc32c=%08x", (unsigned)found->size,
                 (unsigned)crc32c_update(0, found->data, found->size));
        CHECK(bytes_equal_str(bytes_of(end, request->query.len - (size_t)(end - request->query.data)), expected));
    }
    if (found)
        fake_store(node, id, found->data, found->size);
    fake_reply(request, found ? 201 : 502);
}

static inline uint64_t fake_query_number(struct bytes query, const char *name)
{
    const char *at = memmem(query.data, query.len, name, strlen(name));
    CHECK(at);
    return strtoull(at + strlen(name), NULL, 10);
}

/* The body of an answer to GET, as far as the fault lets it. */
static inline void fake_send(struct fake_node *node, struct http_request *request, const char *body, size_t len)
{
    size_t sent = 0;
    bool partial = node->get_fault == FAULT_STALL_AT || node->get_fault == FAULT_CUT_AT;
    size_t stop = partial && node->fault_at < len ? node->fault_at : len;
    (void)http_reply_start(request, 200, len);
    while (sent < stop) {
        size_t piece = stop - sent < 50000 ? stop - sent : 50000;
        if (http_reply_write(request, body + sent, piece))
            return;
        sent += piece;
    }
    if (partial && node->get_fault == FAULT_STALL_AT)
        fake_stall(node, request);
    if (sent < len)
        http_reply_abort(request);
    else
        (void)http_reply_finish(request);
}

static inline void fake_get(struct fake_node *node, struct http_request *request, const struct chunk_id *id)
{
    struct fake_chunk *chunk = fake_find(node, id);
    node->gets++;
    if (node->get_fault == FAULT_SILENT)
        fake_stall(node, request);
    if (node->get_fault == FAULT_SLOW_ONCE)
        task_sleep_ms(node->delay_ms);
    if (!chunk || node->get_fault == FAULT_MISSING || node->get_fault == FAULT_ERROR) {
        fake_reply(request, node->get_fault == FAULT_ERROR ? 500 : 404);
        return;
    }
    uint64_t first = fake_query_number(request->query, "first=");
    uint64_t count = fake_query_number(request->query, "count=");
    size_t blocks = chunk_block_count(chunk->size);
    CHECK(count > 0 && first + count <= blocks);
    size_t begin = first * CHUNK_BLOCK_BYTES;
    size_t len = count * CHUNK_BLOCK_BYTES < chunk->size - begin ? count * CHUNK_BLOCK_BYTES : chunk->size - begin;
    char *body = mem_alloc(4 * blocks + len);
    char *lie = node->get_fault == FAULT_OTHER_BYTES ? chunk->data + node->fault_at : NULL;
    char crc_text[9];
    if (lie)
        *lie ^= 1;
    for (size_t i = 0; i < blocks; i++) {
        size_t rest = chunk->size - i * CHUNK_BLOCK_BYTES;
        put_u32(body + 4 * i, crc32c_update(0, chunk->data + i * CHUNK_BLOCK_BYTES,
                                            rest < CHUNK_BLOCK_BYTES ? rest : CHUNK_BLOCK_BYTES));
    }
    memcpy(body + 4 * blocks, chunk->data + begin, len);
    if (lie)
        *lie ^= 1;
    if (node->get_fault == FAULT_BAD_TABLE)
        body[4 * blocks - 1] ^= 1;
    if (node->get_fault == FAULT_BAD_BLOCK && node->fault_at >= begin && node->fault_at < begin + len)
        body[4 * blocks + node->fault_at - begin] ^= 1;
    snprintf(crc_text, sizeof(crc_text), "%08x", (unsigned)crc32c_update(0, chunk->data, chunk->size));
    http_reply_header_u64(request, "x-tercet-size", chunk->size + (node->get_fault == FAULT_BAD_SIZE));
    http_reply_header_str(request, "x-tercet-crc32c", crc_text);
    fake_send(node, request, body, 4 * blocks + len);
    free(body);
}

static inline void fake_health(struct fake_node *node, struct http_request *request)
{
    struct buffer body;
    node->checks++;
    if (node->health_fault == FAULT_SILENT)
        fake_stall(node, request);
    if (node->health_fault == FAULT_ERROR) {
        fake_reply(request, 500);
        return;
    }
    buffer_init(&body, 4096);
    (void)buffer_printf(&body,
                        "{\"status\":\"OK\",\"serverID\":\"fake-%u\",\"role\":\"storage-node\",\"nodeId\":%u,"
                        "\"clusterId\":\"%s\",\"timeMs\":%lld,\"totalBytes\":1000000000,\"freeBytes\":500000000,"
                        "\"chunks\":%u,\"full\":%s,\"readOnly\":%s,\"instance\":\"%u\"}",
                        node->number, node->said_number ? node->said_number : node->number,
                        node->cluster_id ? node->cluster_id : FAKE_CLUSTER_ID,
                        (long long)(clock_wall_ms() + node->clock_ms), fake_chunk_count(node),
                        node->full ? "true" : "false", node->read_only ? "true" : "false", node->restarts);
    (void)http_reply(request, node->read_only ? 503 : 200, buffer_bytes(&body));
    buffer_release(&body);
}

static inline void fake_inventory(const struct fake_node *node, struct http_request *request)
{
    if (http_reply_start(request, 200, node->inventory.len + node->inventory_cut) ||
        http_reply_write(request, node->inventory.data, node->inventory.len))
        return;
    if (node->inventory_cut)
        http_reply_abort(request);
    else
        (void)http_reply_finish(request);
}

/* Deletes all that are named, but says of the last one that it could not when kept_last is set. */
static inline void fake_delete_many(struct fake_node *node, struct http_request *request,
                                    const struct protocol_auth *auth)
{
    struct buffer body;
    char answer[PROTOCOL_DELETE_MAX];
    buffer_init(&body, PROTOCOL_DELETE_MAX * CHUNK_ID_LEN);
    node->delete_requests++;
    CHECK(http_body_read_all(request, &body) == STATUS_OK);
    CHECK(auth->has_checksum && auth->length == body.len && body.len > 0 && body.len % CHUNK_ID_LEN == 0);
    CHECK(auth->crc32c == crc32c_update(0, body.data, body.len));
    size_t count = body.len / CHUNK_ID_LEN;
    for (size_t i = 0; i < count; i++) {
        bool kept = node->kept_last && i == count - 1;
        node->deletes++;
        if (!kept)
            fake_remove(node, (const struct chunk_id *)(body.data + i * CHUNK_ID_LEN));
        answer[i] = kept ? DELETE_KEPT : DELETE_GONE;
    }
    (void)http_reply(request, 200, bytes_of(answer, count - node->answers_short));
    buffer_release(&body);
}

static inline void fake_handle(struct http_request *request, void *arg)
{
    struct fake_node *node = arg;
    struct protocol_auth auth;
    struct chunk_id id;
    if (bytes_equal_str(request->path, "/health")) {
        fake_health(node, request);
        return;
    }
    if (protocol_verify(&fake.identity, request->method, request->target, http_request_header(request, "x-tercet-auth"),
                        clock_wall_ms() + node->clock_ms, &auth)) {
        node->refusals++;
        http_reply_header_u64(request, "x-tercet-time", (uint64_t)(clock_wall_ms() + node->clock_ms));
        fake_reply(request, 401);
        return;
    }
    if (bytes_starts_with(request->path, BYTES("/meta/"))) {
        CHECK(node->meta);
        node->meta(node, request, &auth);
        return;
    }
    if (bytes_equal_str(request->path, "/chunks") || bytes_equal_str(request->path, "/trash")) {
        fake_inventory(node, request);
        return;
    }
    if (bytes_equal_str(request->path, "/chunks/delete")) {
        fake_delete_many(node, request, &auth);
        return;
    }
    CHECK(request->path.len >= 8 + CHUNK_ID_TEXT_LEN);
    CHECK(chunk_id_parse(bytes_of(request->path.data + 8, CHUNK_ID_TEXT_LEN), &id) == STATUS_OK);
    if (bytes_equal_str(request->method, "PUT")) {
        fake_put(node, request, &id, &auth);
    } else if (bytes_equal_str(request->method, "GET")) {
        fake_get(node, request, &id);
    } else if (bytes_equal_str(request->method, "POST")) {
        fake_pull(node, request, &id);
    } else {
        CHECK(bytes_equal_str(request->method, "DELETE"));
        node->deletes++;
        (void)http_reply(request, fake_remove(node, &id) ? 204 : 404, bytes_of(NULL, 0));
    }
}

static inline struct cluster_config fake_config(void)
{
    return (struct cluster_config){.chunk_bytes = 8u << 20,
                                   .window_bytes = 1u << 20,
                                   .stall_ms = 300,
                                   .node_timeout_ms = 3000,
                                   .health_interval_ms = 30000,
                                   .suspect_interval_ms = 100,
                                   .breaker_failures = 5,
                                   .breaker_open_ms = 300};
}

/* Starts the nodes; the test may set faults before fake_start_cluster. */
static inline void fake_start_nodes(uint32_t idle_timeout_ms)
{
    const char *error;
    memset(&fake, 0, sizeof(fake));
    fake_hold_time();
    CHECK(cluster_identity_parse(&fake.identity, FAKE_CLUSTER_ID, "a secret of the test", &error) == STATUS_OK);
    loop_group_start(&fake.loops, 1);
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        struct fake_node *node = &fake.nodes[i];
        struct http_server_config config = {
            .address = "127.0.0.1", .handler = fake_handle, .handler_arg = node, .idle_timeout_ms = idle_timeout_ms};
        node->number = i + 1;
        CHECK(http_server_start(&fake.loops, &config, &node->server) == STATUS_OK);
        snprintf(node->address, sizeof(node->address), "127.0.0.1:%u", http_server_port(node->server));
    }
}

static inline void fake_start_cluster(const struct cluster_config *config)
{
    struct cluster_config copy = *config;
    char list[512];
    const char *error = NULL;
    snprintf(list, sizeof(list), "%s,%s,%s,%s", fake.nodes[0].address, fake.nodes[1].address, fake.nodes[2].address,
             fake.nodes[3].address);
    copy.nodes = list;
    copy.identity = fake.identity;
    fake_skip(true);
    CHECK(cluster_create(&copy, &fake.cluster, &error) == STATUS_OK);
    cluster_start(fake.cluster, fake.loops.loops[0], 10000);
    fake_skip(false);
}

static inline void fake_start(void)
{
    struct cluster_config config = fake_config();
    fake_start_nodes(0);
    fake_start_cluster(&config);
}

/* Nobody listens on the node's port from now on. */
static inline void fake_kill(unsigned index)
{
    struct fake_node *node = &fake.nodes[index];
    http_server_stop(node->server, 0);
    http_server_free(node->server);
    node->server = NULL;
}

static inline void fake_stop(void)
{
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].released = true;
    clock_release();
    if (fake.cluster)
        cluster_stop(fake.cluster);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        if (fake.nodes[i].server)
            fake_kill(i);
    cluster_free(fake.cluster);
    loop_group_stop(&fake.loops);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        while (fake.nodes[i].chunks)
            fake_remove(&fake.nodes[i], &fake.nodes[i].chunks->id);
}

static inline int fake_teardown(void **state)
{
    (void)state;
    fake_stop();
    return 0;
}

/* Runs fn(arg) as a task of the loop and waits for its end. Assertions belong after it, in the test's thread. */
struct fake_job {
    void (*fn)(void *arg);
    void *arg;
    struct completion over;
};

static inline void fake_job_run(void *arg)
{
    struct fake_job *job = arg;
    fake_skip(true);
    clock_move_ms(50); /* no job takes no time: those that are repeated until something is due end */
    job->fn(job->arg);
    fake_skip(false);
    completion_signal(&job->over);
}

static inline void fake_run(void (*fn)(void *arg), void *arg)
{
    struct fake_job job = {.fn = fn, .arg = arg};
    completion_init(&job.over);
    task_spawn(fake.loops.loops[0], fake_job_run, &job);
    completion_wait(&job.over);
}

/* Bytes that differ at each position and from chunk to chunk. */
static inline char fake_byte(uint64_t position)
{
    return (char)((position * 2654435761u >> 11) ^ (position >> 20));
}

static inline void fake_fill(char *out, uint64_t position, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = fake_byte(position + i);
}

/* Polls in a task until the condition holds; false after five seconds. */
#define FAKE_EVENTUALLY(condition)                                                                                     \
    ({                                                                                                                 \
        uint64_t give_up_ms = clock_monotonic_ms() + 5000;                                                             \
        while (!(condition) && clock_monotonic_ms() < give_up_ms)                                                      \
            task_sleep_ms(5);                                                                                          \
        (condition);                                                                                                   \
    })

#endif
