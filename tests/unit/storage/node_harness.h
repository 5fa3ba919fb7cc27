/* Storage nodes in this process, with real servers on free ports, and a client that talks to them as a gateway does.
 * Exchanges run in a task; assertions stay in the test's own thread. */
#ifndef TERCET_TESTS_NODE_HARNESS_H
#define TERCET_TESTS_NODE_HARNESS_H

#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/task.h"
#include "storage/node/api.h"
#include "storage/node/meta_replica.h"

#define HARNESS_CLUSTER      "000102030405060708090a0b0c0d0e0f"
#define HARNESS_SECRET       "correct horse battery"
#define HARNESS_REQUESTS_MAX 4
#define HARNESS_PAYLOAD_MAX  (1u << 20)
#define HARNESS_WAIT_MS      20000

struct harness_node {
    char directory[64];
    char server_id[16];
    struct chunk_store *store;
    struct meta_replica *replica; /* the first node's only */
    struct node_api *api;
    struct http_server *server;
};

static struct {
    struct cluster_identity identity;
    struct loop_group loops;
    struct pool *pool;
    struct harness_node nodes[2]; /* numbers 1 and 2 */
    uint8_t payload[HARNESS_PAYLOAD_MAX];
} harness;

static inline void harness_node_start(unsigned index)
{
    struct harness_node *node = &harness.nodes[index];
    char error[DISK_ERROR_MAX];
    struct chunk_store_config store = {
        .disk = {.path = node->directory, .node_number = index + 1, .reserve_bytes = 1 << 20},
        .small_bytes_max = 65536,
    };
    memcpy(store.disk.cluster, harness.identity.id, CLUSTER_ID_LEN);
    strcpy(node->directory, "/tmp/tercet-node-XXXXXX");
    assert_non_null(mkdtemp(node->directory));
    assert_int_equal(chunk_store_open(&store, &node->store, error), STATUS_OK);
    if (index == 0)
        assert_int_equal(meta_replica_open(node->store, &node->replica, error), STATUS_OK);
    snprintf(node->server_id, sizeof(node->server_id), "node-%u", index + 1);
    struct node_api_config api = {
        .store = node->store,
        .replica = node->replica,
        .pool = harness.pool,
        .identity = &harness.identity,
        .server_id = node->server_id,
        .node_number = index + 1,
        .requests_max = HARNESS_REQUESTS_MAX,
    };
    node->api = node_api_create(&api);
    struct http_server_config server = {
        .address = "127.0.0.1", .handler = node_api_handle, .handler_arg = node->api, .refuse = node_api_refuse};
    assert_int_equal(http_server_start(&harness.loops, &server, &node->server), STATUS_OK);
    node_api_set_server(node->api, node->server);
}

static inline int harness_remove(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static inline int harness_start(void **state)
{
    const char *error = NULL;
    (void)state;
    log_init("node-test", "test", LOG_ERROR);
    assert_int_equal(cluster_identity_parse(&harness.identity, HARNESS_CLUSTER, HARNESS_SECRET, &error), STATUS_OK);
    for (unsigned i = 0; i < HARNESS_PAYLOAD_MAX; i++)
        harness.payload[i] = (uint8_t)(i * 2654435761u >> 13);
    harness.pool = pool_create(4, "pool");
    loop_group_start(&harness.loops, 2);
    for (unsigned i = 0; i < 2; i++)
        harness_node_start(i);
    return 0;
}

static inline int harness_stop(void **state)
{
    int result = 0;
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        http_server_stop(harness.nodes[i].server, 1000);
        http_server_free(harness.nodes[i].server);
    }
    loop_group_stop(&harness.loops);
    pool_free(harness.pool);
    for (unsigned i = 0; i < 2; i++) {
        node_api_free(harness.nodes[i].api);
        meta_replica_close(harness.nodes[i].replica);
        chunk_store_close(harness.nodes[i].store);
        result |= nftw(harness.nodes[i].directory, harness_remove, 16, FTW_DEPTH | FTW_PHYS);
    }
    return result;
}

/* ---- exchanges ----------------------------------------------------------------------------------------------- */

struct exchange {
    unsigned node; /* index */
    const char *method;
    const char *target;
    char auth[PROTOCOL_AUTH_MAX]; /* "" sends none */
    struct bytes body;
    bool chunked; /* sends the body without its length */
    /* the answer */
    int status;
    enum status outcome;
    char size[16], crc32c[16], time[24], allow[64], retry_after[8], epoch[24], sequence[24],
        fence[24]; /* headers; "" when absent */
    struct buffer answer;
    /* private */
    size_t sent;
    struct completion done;
};

static inline size_t exchange_read(void *arg, char *out, size_t capacity)
{
    struct exchange *exchange = arg;
    size_t rest = exchange->body.len - exchange->sent;
    size_t len = rest < capacity ? rest : capacity;
    if (len)
        memcpy(out, exchange->body.data + exchange->sent, len);
    exchange->sent += len;
    return len;
}

static inline bool exchange_rewind(void *arg)
{
    ((struct exchange *)arg)->sent = 0;
    return true;
}

static inline void exchange_header(const struct http_call *call, const char *name, char *out, size_t size)
{
    struct bytes value = http_call_header(call, name);
    size_t len = value.len < size - 1 ? value.len : size - 1;
    if (len)
        memcpy(out, value.data, len);
    out[len] = '\0';
}

static inline void exchange_collect(struct exchange *exchange, struct http_call *call)
{
    uint64_t deadline_ms = clock_monotonic_ms() + HARNESS_WAIT_MS;
    struct bytes part;
    exchange->outcome = http_call_wait_head(call, deadline_ms);
    while (!exchange->outcome) {
        exchange->outcome = http_call_receive(call, deadline_ms, &part);
        if (exchange->outcome || part.len == 0)
            break;
        exchange->outcome = buffer_append_bytes(&exchange->answer, part);
        http_call_consume(call, part.len);
    }
    exchange->status = http_call_status(call);
    exchange_header(call, "x-tercet-size", exchange->size, sizeof(exchange->size));
    exchange_header(call, "x-tercet-crc32c", exchange->crc32c, sizeof(exchange->crc32c));
    exchange_header(call, "x-tercet-time", exchange->time, sizeof(exchange->time));
    exchange_header(call, "allow", exchange->allow, sizeof(exchange->allow));
    exchange_header(call, "retry-after", exchange->retry_after, sizeof(exchange->retry_after));
    exchange_header(call, "x-tercet-epoch", exchange->epoch, sizeof(exchange->epoch));
    exchange_header(call, "x-tercet-sequence", exchange->sequence, sizeof(exchange->sequence));
    exchange_header(call, "x-tercet-fence", exchange->fence, sizeof(exchange->fence));
}

static inline void exchange_task(void *arg)
{
    struct exchange *exchange = arg;
    char url[512], header[PROTOCOL_AUTH_MAX + 20];
    const char *headers[] = {exchange->auth[0] ? header : NULL, NULL};
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", http_server_port(harness.nodes[exchange->node].server),
             exchange->target);
    snprintf(header, sizeof(header), "x-tercet-auth: %s", exchange->auth);
    struct http_call_options options = {.method = exchange->method, .url = url, .headers = headers};
    if (exchange->chunked) {
        options.read = exchange_read;
        options.rewind = exchange_rewind;
        options.read_arg = exchange;
        options.body_length = UINT64_MAX;
    } else {
        options.body = exchange->body;
    }
    struct http_call *call = http_call_start(&options);
    exchange_collect(exchange, call);
    http_call_free(call);
    completion_signal(&exchange->done);
}

/* Sends what the exchange says and waits for the answer; returns its status. */
static inline int exchange_run(struct exchange *exchange)
{
    buffer_release(&exchange->answer);
    buffer_init(&exchange->answer, 8u << 20);
    completion_init(&exchange->done);
    task_spawn(harness.loops.loops[0], exchange_task, exchange);
    completion_wait(&exchange->done);
    return exchange->status;
}

/* An exchange without a body, rightly signed. Release exchange->answer. */
static inline int request(struct exchange *exchange, unsigned node, const char *method, const char *target)
{
    memset(exchange, 0, sizeof(*exchange));
    exchange->node = node;
    exchange->method = method;
    exchange->target = target;
    protocol_sign(&harness.identity, method, bytes_from_str(target), clock_wall_ms(), "-", exchange->auth);
    return exchange_run(exchange);
}

/* The same, for callers who only want the HTTP status. */
static inline int request_status(unsigned node, const char *method, const char *target)
{
    struct exchange exchange;
    request(&exchange, node, method, target);
    buffer_release(&exchange.answer);
    return exchange.status;
}

/* "/chunks/ID" for a new id. */
static inline void target_new(char out[64])
{
    struct chunk_id id;
    char text[CHUNK_ID_TEXT_LEN + 1];
    chunk_id_create(&id);
    chunk_id_format(&id, text);
    snprintf(out, 64, "/chunks/%s", text);
}

/* PUT with a footer, which `damage` (0-47, or -1) flips a bit of. Returns the HTTP status. */
static inline int put_with_footer(unsigned node, const char *target, const uint8_t *data, uint32_t size, bool chunked,
                                  int damage)
{
    struct exchange exchange = {.node = node, .method = "PUT", .target = target, .chunked = chunked};
    uint8_t *body = mem_alloc(size + PROTOCOL_FOOTER_LEN);
    protocol_sign(&harness.identity, "PUT", bytes_from_str(target), clock_wall_ms(), "footer", exchange.auth);
    memcpy(body, data, size);
    protocol_footer_make(&harness.identity, bytes_from_str(exchange.auth), size, crc32c_update(0, data, size),
                         body + size);
    if (damage >= 0)
        body[size + (uint32_t)damage] ^= 1;
    exchange.body = bytes_of(body, size + PROTOCOL_FOOTER_LEN);
    exchange_run(&exchange);
    buffer_release(&exchange.answer);
    free(body);
    return exchange.status;
}

static inline int put(unsigned node, const char *target, const uint8_t *data, uint32_t size)
{
    return put_with_footer(node, target, data, size, false, -1);
}

/* ---- looking at a node --------------------------------------------------------------------------------------- */

static inline unsigned harness_files(unsigned node, const char *name)
{
    char path[256];
    unsigned count = 0;
    snprintf(path, sizeof(path), "%s/%s", harness.nodes[node].directory, name);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* A connection of our own, for what a decent client would not do. */
static inline int harness_connect(unsigned node)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(harness.nodes[node].server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Begins a PUT of 300000 bytes and sends `sent` of them. */
static inline int harness_begin_put(unsigned node, const char *target, size_t sent)
{
    char head[512], auth[PROTOCOL_AUTH_MAX];
    int fd = harness_connect(node);
    protocol_sign(&harness.identity, "PUT", bytes_from_str(target), clock_wall_ms(), "footer", auth);
    int len =
        snprintf(head, sizeof(head),
                 "PUT %s HTTP/1.1\r\nHost: x\r\nx-tercet-auth: %s\r\nContent-Length: 300048\r\n\r\n", target, auth);
    assert_int_equal(send(fd, head, (size_t)len, MSG_NOSIGNAL), len);
    assert_int_equal(send(fd, harness.payload, sent, MSG_NOSIGNAL), sent);
    return fd;
}

/* Polls until the node runs that many requests. */
static inline void harness_wait_requests(unsigned node, unsigned requests)
{
    uint64_t deadline_ms = clock_monotonic_ms() + HARNESS_WAIT_MS;
    while (http_server_requests(harness.nodes[node].server) != requests) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        usleep(1000);
    }
}

#endif
