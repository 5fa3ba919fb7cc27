/* The node's HTTP API, over real connections. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>

#include "node_harness.h"

#define LARGE 300001u
#define BLOCK CHUNK_BLOCK_BYTES

static void assert_nothing_left(unsigned node)
{
    assert_int_equal(harness_files(node, "tmp"), 0);
    assert_int_equal(chunk_store_chunks(harness.nodes[node].store), 0);
}

static void delete_chunk(const char *target)
{
    assert_int_equal(request_status(0, "DELETE", target), 204);
}

static void health_is_open(void **state)
{
    struct exchange exchange = {.method = "GET", .target = "/health"};
    (void)state;
    assert_int_equal(exchange_run(&exchange), 200);
    json_t *health = json_loadb(exchange.answer.data, exchange.answer.len, 0, NULL);
    assert_non_null(health);
    assert_string_equal(json_string_value(json_object_get(health, "status")), "OK");
    assert_string_equal(json_string_value(json_object_get(health, "serverID")), "node-1");
    assert_string_equal(json_string_value(json_object_get(health, "role")), "storage-node");
    assert_string_equal(json_string_value(json_object_get(health, "clusterId")), HARNESS_CLUSTER);
    assert_int_equal(json_integer_value(json_object_get(health, "nodeId")), 1);
    assert_true(json_integer_value(json_object_get(health, "totalBytes")) >
                json_integer_value(json_object_get(health, "freeBytes")));
    assert_true(json_integer_value(json_object_get(health, "freeBytes")) > 0);
    assert_true(json_is_false(json_object_get(health, "full")));
    assert_true(json_is_false(json_object_get(health, "readOnly")));
    assert_true(llabs(json_integer_value(json_object_get(health, "timeMs")) - clock_wall_ms()) < 10000);
    assert_string_equal(json_string_value(json_object_get(health, "version")), TERCET_VERSION);
    assert_int_equal(strlen(json_string_value(json_object_get(health, "instance"))), 16);
    json_decref(health);
    buffer_release(&exchange.answer);
}

static void metrics_are_open(void **state)
{
    static const char *const expected[] = {
        "http_requests_total{method=\"GET\",endpoint=\"/chunks/{id}\",status_code=\"404\",server_id=\"node-1\"} 1\n",
        "# TYPE http_errors_total counter\n",
        "endpoint=\"/chunks/{id}\",error_type=\"client_error\",server_id=\"node-1\"} 1\n",
        "data_transfer_bytes_total{operation=\"upload\",server_id=\"node-1\"} 1048\n",
        "storage_operation_duration_seconds_count{operation=\"write\",server_id=\"node-1\"} 1\n",
        "storage_errors_total{operation=\"read\",server_id=\"node-1\"} 0\n",
        "storage_used_bytes{server_id=\"node-1\"} 1000\n",
        "tercet_node_chunks{server_id=\"node-1\"} 1\n",
        "tercet_node_corruptions_total{server_id=\"node-1\"} 0\n",
        "tercet_node_carried_chunks_total{server_id=\"node-1\"} 0\n",
        "active_connections{server_id=\"node-1\"} ",
        "tercet_node_disk_free_bytes{server_id=\"node-1\"} ",
        "tercet_node_database_memory_bytes{server_id=\"node-1\"} ",
        "tercet_node_rocksdb_cache_capacity_bytes{server_id=\"node-1\",database=\"chunks\"} 8388608\n",
        "tercet_node_rocksdb_write_stopped{server_id=\"node-1\",database=\"chunks\"} 0\n",
        "tercet_node_rocksdb_background_errors{server_id=\"node-1\",database=\"chunks\"} 0\n",
    };
    struct exchange exchange = {.method = "GET", .target = "/metrics"};
    char target[64];
    (void)state;
    target_new(target);
    assert_int_equal(request_status(0, "GET", target), 404);
    assert_int_equal(put(0, target, harness.payload, 1000), 201);
    assert_int_equal(exchange_run(&exchange), 200);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        if (!strstr(exchange.answer.data, expected[i]))
            fail_msg("not in the metrics: %s", expected[i]);
    buffer_release(&exchange.answer);
    delete_chunk(target);
}

static void only_the_cluster_gets_in(void **state)
{
    struct cluster_identity other = harness.identity;
    struct exchange exchange = {.method = "GET", .target = "/chunks"};
    int64_t now = clock_wall_ms();
    (void)state;
    assert_int_equal(exchange_run(&exchange), 403);
    exchange.target = "/no/such/path";
    assert_int_equal(exchange_run(&exchange), 403);
    exchange.target = "/chunks";
    strcpy(exchange.auth, "v1 nonsense");
    assert_int_equal(exchange_run(&exchange), 403);
    protocol_sign(&harness.identity, "GET", BYTES("/chunks?limit=1"), now, "-", exchange.auth);
    assert_int_equal(exchange_run(&exchange), 403);
    other.id[3] ^= 1;
    protocol_sign(&other, "GET", BYTES("/chunks"), now, "-", exchange.auth);
    assert_int_equal(exchange_run(&exchange), 403);
    other = harness.identity;
    other.secret[0] ^= 1;
    protocol_sign(&other, "GET", BYTES("/chunks"), now, "-", exchange.auth);
    assert_int_equal(exchange_run(&exchange), 403);
    assert_string_equal(exchange.time, "");
    protocol_sign(&harness.identity, "GET", BYTES("/chunks"), now - PROTOCOL_SKEW_MS - 1000, "-", exchange.auth);
    assert_int_equal(exchange_run(&exchange), 401);
    assert_true(llabs(atoll(exchange.time) - now) < 10000);
    protocol_sign(&harness.identity, "GET", BYTES("/chunks"), atoll(exchange.time), "-", exchange.auth);
    assert_int_equal(exchange_run(&exchange), 200);
    buffer_release(&exchange.answer);
}

static void paths_and_methods(void **state)
{
    struct exchange exchange;
    (void)state;
    assert_int_equal(request_status(0, "GET", "/no/such/path"), 404);
    assert_int_equal(request_status(0, "GET", "/chunks/00"), 400);
    assert_int_equal(request_status(0, "GET", "/chunks/0123456789ABCDEF0123456789abcdef"), 400);
    assert_int_equal(request_status(0, "GET", "/chunks/0123456789abcdef0123456789abcdef/push"), 400);
    assert_int_equal(request(&exchange, 0, "GET", "/chunks/0123456789abcdef0123456789abcdef/pull"), 405);
    assert_string_equal(exchange.allow, "POST");
    buffer_release(&exchange.answer);
    assert_int_equal(request(&exchange, 0, "POST", "/chunks/0123456789abcdef0123456789abcdef"), 405);
    assert_string_equal(exchange.allow, "GET, HEAD, PUT, DELETE");
    buffer_release(&exchange.answer);
    assert_int_equal(request_status(0, "DELETE", "/chunks"), 405);
    assert_int_equal(request_status(0, "DELETE", "/health"), 405);
}

/* S3's XML is for the gateway's clients. */
static void a_bad_head_is_refused_in_json(void **state)
{
    char answer[1024];
    size_t len = 0;
    ssize_t got;
    int fd = harness_connect(0);

    (void)state;
    assert_int_equal(send(fd, "GET /health HTTP/1.1\r\n\r\n", 24, MSG_NOSIGNAL), 24);
    while ((got = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
        len += (size_t)got;
    close(fd);
    answer[len] = '\0';
    assert_memory_equal(answer, "HTTP/1.1 400 ", 13);
    assert_non_null(strcasestr(answer, "\r\ncontent-type: application/json\r\n"));
    assert_null(strstr(answer, "x-amz"));
    assert_string_equal(strstr(answer, "\r\n\r\n") + 4,
                        "{\"error\":\"The request needs exactly one valid Host header.\"}");
}

static void chunks_go_in_and_come_back(void **state)
{
    static const uint32_t sizes[] = {1, 4096, BLOCK, BLOCK + 1, 4 * BLOCK, 4 * BLOCK + 1, LARGE, HARNESS_PAYLOAD_MAX};
    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint32_t size = sizes[i / 2], blocks = chunk_block_count(size);
        struct exchange exchange;
        char target[64], text[16];
        target_new(target);
        assert_int_equal(put_with_footer(0, target, harness.payload, size, i % 2, -1), 201);
        assert_int_equal(put_with_footer(0, target, harness.payload, size, i % 2, -1), 200);
        assert_int_equal(put_with_footer(0, target, harness.payload + 1, size - 1 ? size - 1 : 1, i % 2, -1), 409);
        assert_int_equal(request(&exchange, 0, "GET", target), 200);
        assert_int_equal(exchange.answer.len, 4 * blocks + size);
        assert_memory_equal(exchange.answer.data + 4 * blocks, harness.payload, size);
        for (uint32_t block = 0; block < blocks; block++) {
            uint32_t len = size - block * BLOCK < BLOCK ? size - block * BLOCK : BLOCK;
            assert_int_equal(get_u32(exchange.answer.data + 4 * block),
                             crc32c_update(0, harness.payload + block * BLOCK, len));
        }
        snprintf(text, sizeof(text), "%u", size);
        assert_string_equal(exchange.size, text);
        snprintf(text, sizeof(text), "%08x", crc32c_update(0, harness.payload, size));
        assert_string_equal(exchange.crc32c, text);
        buffer_release(&exchange.answer);
        assert_int_equal(request(&exchange, 0, "HEAD", target), 200);
        assert_string_equal(exchange.crc32c, text);
        assert_int_equal(exchange.answer.len, 0);
        buffer_release(&exchange.answer);
        delete_chunk(target);
    }
    assert_nothing_left(0);
}

static void parts_come_back(void **state)
{
    static const struct {
        const char *query;
        uint32_t offset, len; /* of the payload; len 0: refused */
    } cases[] = {
        {"?first=0&count=1", 0, BLOCK},
        {"?first=3", 3 * BLOCK, LARGE - 3 * BLOCK},
        {"?count=2&first=1", BLOCK, 2 * BLOCK},
        {"?first=4&count=100", 4 * BLOCK, LARGE - 4 * BLOCK},
        {"?count=5", 0, LARGE},
        {"?first=5", 0, 0},
        {"?count=0", 0, 0},
        {"?first=-1", 0, 0},
        {"?first=", 0, 0},
        {"?other=1", 0, 0},
    };
    char target[64], whole[128];
    struct exchange exchange;
    (void)state;
    target_new(target);
    assert_int_equal(put(0, target, harness.payload, LARGE), 201);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(whole, sizeof(whole), "%s%s", target, cases[i].query);
        assert_int_equal(request(&exchange, 0, "GET", whole), cases[i].len ? 200 : 400);
        if (cases[i].len) {
            assert_int_equal(exchange.answer.len, 4 * 5 + cases[i].len);
            assert_memory_equal(exchange.answer.data + 20, harness.payload + cases[i].offset, cases[i].len);
        }
        buffer_release(&exchange.answer);
    }
    delete_chunk(target);
}

static int put_signed(const char *target, const char *content, uint32_t size)
{
    struct exchange exchange = {.method = "PUT", .target = target, .body = bytes_of(harness.payload, size)};
    protocol_sign(&harness.identity, "PUT", bytes_from_str(target), clock_wall_ms(), content, exchange.auth);
    exchange_run(&exchange);
    buffer_release(&exchange.answer);
    return exchange.status;
}

static void bodies_signed_ahead(void **state)
{
    char target[64], content[64];
    uint32_t crc32c = crc32c_update(0, harness.payload, LARGE);
    (void)state;
    target_new(target);
    snprintf(content, sizeof(content), "crc32c:%08x:%u", crc32c ^ 1, LARGE);
    assert_int_equal(put_signed(target, content, LARGE), 400);
    snprintf(content, sizeof(content), "crc32c:%08x:%u", crc32c, LARGE + 1);
    assert_int_equal(put_signed(target, content, LARGE), 400);
    assert_int_equal(put_signed(target, "-", LARGE), 400);
    assert_nothing_left(0);
    snprintf(content, sizeof(content), "crc32c:%08x:%u", crc32c, LARGE);
    assert_int_equal(put_signed(target, content, LARGE), 201);
    delete_chunk(target);
}

static void wrong_bodies_leave_nothing(void **state)
{
    static const uint32_t sizes[] = {4096, LARGE};
    char target[64];
    (void)state;
    target_new(target);
    for (int i = 0; i < 2; i++)
        for (int chunked = 0; chunked < 2; chunked++)
            for (int damage = 0; damage < PROTOCOL_FOOTER_LEN; damage += 9)
                assert_int_equal(put_with_footer(0, target, harness.payload, sizes[i], chunked, damage), 400);
    for (int chunked = 0; chunked < 2; chunked++)
        assert_int_equal(put_with_footer(0, target, harness.payload, 0, chunked, -1), 400);
    assert_int_equal(put_signed(target, "footer", 10), 400);
    assert_int_equal(request_status(0, "GET", target), 404);
    assert_nothing_left(0);
}

static void too_large_bodies_are_refused(void **state)
{
    uint32_t size = CHUNK_BYTES_MAX + 1;
    uint8_t *data = mem_zalloc(size);
    char target[64];
    (void)state;
    target_new(target);
    assert_int_equal(put_with_footer(0, target, data, size, false, -1), 413);
    assert_int_equal(put_with_footer(0, target, data, size, true, -1), 413);
    assert_nothing_left(0);
    assert_int_equal(put_with_footer(0, target, data, CHUNK_BYTES_MAX, true, -1), 201);
    delete_chunk(target);
    free(data);
}

static void truncated_bodies_leave_nothing(void **state)
{
    static const size_t sent[] = {0, 100, 70000, 299999};
    char target[64];
    (void)state;
    target_new(target);
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        int fd = harness_begin_put(0, target, sent[i]);
        harness_wait_requests(0, 1);
        close(fd);
        harness_wait_requests(0, 0);
        assert_int_equal(request_status(0, "GET", target), 404);
        assert_nothing_left(0);
    }
}

static void too_many_requests_are_turned_away(void **state)
{
    char target[64];
    struct exchange exchange;
    int fds[HARNESS_REQUESTS_MAX];
    (void)state;
    target_new(target);
    for (int i = 0; i < HARNESS_REQUESTS_MAX; i++)
        fds[i] = harness_begin_put(0, target, 1000);
    harness_wait_requests(0, HARNESS_REQUESTS_MAX);
    assert_int_equal(request(&exchange, 0, "GET", target), 503);
    assert_string_equal(exchange.retry_after, "1");
    buffer_release(&exchange.answer);
    assert_int_equal(request_status(0, "GET", "/health"), 200);
    for (int i = 0; i < HARNESS_REQUESTS_MAX; i++)
        close(fds[i]);
    harness_wait_requests(0, 0);
    assert_int_equal(request_status(0, "GET", target), 404);
}

static void deletes_are_acknowledged_once(void **state)
{
    char small[64], large[64];
    (void)state;
    target_new(small);
    target_new(large);
    assert_int_equal(put(0, small, harness.payload, 100), 201);
    assert_int_equal(put(0, large, harness.payload, LARGE), 201);
    delete_chunk(small);
    delete_chunk(large);
    assert_int_equal(request_status(0, "DELETE", small), 404);
    assert_int_equal(request_status(0, "DELETE", large), 404);
    assert_int_equal(request_status(0, "HEAD", large), 404);
}

static int post_deletion(struct bytes ids, const char *content, struct buffer *answer)
{
    struct exchange exchange = {.method = "POST", .target = "/chunks/delete", .body = ids};
    char signed_content[64];
    snprintf(signed_content, sizeof(signed_content), "crc32c:%08x:%zu", crc32c_update(0, ids.data, ids.len), ids.len);
    protocol_sign(&harness.identity, "POST", bytes_from_str(exchange.target), clock_wall_ms(),
                  content ? content : signed_content, exchange.auth);
    exchange_run(&exchange);
    *answer = exchange.answer;
    return exchange.status;
}

static void many_are_deleted_with_one_request(void **state)
{
    char targets[3][64];
    struct chunk_id ids[PROTOCOL_DELETE_MAX + 1];
    struct buffer answer;
    (void)state;
    for (int i = 0; i <= PROTOCOL_DELETE_MAX; i++)
        chunk_id_create(&ids[i]);
    for (int i = 0; i < 3; i++) {
        target_new(targets[i]);
        assert_int_equal(put(0, targets[i], harness.payload, i == 1 ? LARGE : 100), 201);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(chunk_id_parse(bytes_of(targets[i] + 8, CHUNK_ID_TEXT_LEN), &ids[3 + i]), STATUS_OK);
    static const struct {
        size_t len;
        const char *content;
        int status;
    } refused[] = {
        {sizeof(ids), NULL, 413}, {0, NULL, 400}, {17, NULL, 400}, {160, "-", 400}, {160, "crc32c:00000000:160", 400}};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(post_deletion(bytes_of(ids, refused[i].len), refused[i].content, &answer), refused[i].status);
        buffer_release(&answer);
    }
    assert_int_equal(request_status(0, "HEAD", targets[0]), 200);
    assert_int_equal(request_status(0, "GET", "/chunks/delete"), 405);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(post_deletion(bytes_of(ids, PROTOCOL_DELETE_MAX * CHUNK_ID_LEN), NULL, &answer), 200);
        assert_int_equal(answer.len, PROTOCOL_DELETE_MAX);
        for (size_t i = 0; i < answer.len; i++)
            assert_int_equal(answer.data[i], DELETE_GONE);
        buffer_release(&answer);
        assert_int_equal(request_status(0, "HEAD", targets[0]), 404);
        assert_int_equal(request_status(0, "HEAD", targets[1]), 404);
        assert_int_equal(request_status(0, "HEAD", targets[2]), 200);
    }
    delete_chunk(targets[2]);
}

static void the_inventory_comes_in_pages(void **state)
{
    char targets[7][64], target[128] = "/chunks?limit=3", last[CHUNK_ID_TEXT_LEN + 1] = "";
    struct exchange exchange;
    unsigned total = 0, pages = 0;
    size_t len;
    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        target_new(targets[i]);
        assert_int_equal(put(0, targets[i], harness.payload, i % 2 ? LARGE : 1000 + i), 201);
    }
    do {
        assert_int_equal(request(&exchange, 0, "GET", target), 200);
        len = exchange.answer.len;
        assert_int_equal(len % INVENTORY_RECORD_LEN, 0);
        for (size_t at = 0; at < len; at += INVENTORY_RECORD_LEN, total++) {
            const char *record = exchange.answer.data + at;
            char id[CHUNK_ID_TEXT_LEN + 1];
            hex_encode(record, CHUNK_ID_LEN, id);
            assert_true(strcmp(last, id) < 0);
            strcpy(last, id);
            assert_int_equal(get_u32(record + 20), crc32c_update(0, harness.payload, get_u32(record + 16)));
            assert_true(llabs((long long)get_u64(record + 24) - clock_wall_ms()) < 60000);
        }
        snprintf(target, sizeof(target), "/chunks?after=%s&limit=3", last);
        buffer_release(&exchange.answer);
        pages++;
    } while (len);
    assert_int_equal(total, 7);
    assert_int_equal(pages, 4);
    assert_int_equal(request_status(0, "GET", "/chunks?limit=0"), 400);
    assert_int_equal(request_status(0, "GET", "/chunks?limit=10001"), 400);
    assert_int_equal(request_status(0, "GET", "/chunks?after=xyz"), 400);
    for (unsigned i = 0; i < 7; i++)
        delete_chunk(targets[i]);
}

static void the_trash_takes_and_gives_back(void **state)
{
    char targets[2][64], trash[160], restore[160], expecting[320], metric[80];
    struct exchange exchange;
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        target_new(targets[i]);
        snprintf(trash, sizeof(trash), "%s/trash", targets[i]);
        snprintf(restore, sizeof(restore), "%s/restore", targets[i]);
        assert_int_equal(request_status(0, "POST", trash), 404);
        assert_int_equal(request_status(0, "POST", restore), 404);
        assert_int_equal(put(0, targets[i], harness.payload, i ? LARGE : 1000), 201);
        assert_int_equal(request_status(0, "GET", trash), 405);
        assert_int_equal(request_status(0, "DELETE", restore), 405);
        assert_int_equal(request_status(0, "POST", trash), 204);
        assert_int_equal(request_status(0, "POST", trash), 204);
        assert_int_equal(request_status(0, "GET", targets[i]), 404);
        assert_int_equal(request_status(0, "HEAD", targets[i]), 404);
        assert_int_equal(request(&exchange, 0, "GET", "/chunks"), 200);
        assert_int_equal(exchange.answer.len, 0);
        buffer_release(&exchange.answer);
        assert_int_equal(request(&exchange, 0, "GET", "/trash?limit=5"), 200);
        assert_int_equal(exchange.answer.len, INVENTORY_RECORD_LEN);
        assert_int_equal(get_u32(exchange.answer.data + 16), i ? LARGE : 1000);
        assert_true(llabs((long long)get_u64(exchange.answer.data + 24) - clock_wall_ms()) < 60000);
        buffer_release(&exchange.answer);
        assert_int_equal(request(&exchange, 0, "GET", "/metrics"), 200);
        snprintf(metric, sizeof(metric), "tercet_node_trash_bytes{server_id=\"node-1\"} %u\n", i ? LARGE : 1000);
        assert_non_null(strstr(exchange.answer.data, metric));
        assert_non_null(strstr(exchange.answer.data, "tercet_node_trash_chunks{server_id=\"node-1\"} 1\n"));
        buffer_release(&exchange.answer);
        uint32_t size = i ? LARGE : 1000, crc32c = crc32c_update(0, harness.payload, size);
        snprintf(expecting, sizeof(expecting), "%s?size=%u&crc32c=%08x", restore, size, crc32c ^ 1);
        assert_int_equal(request_status(0, "POST", expecting), 409);
        snprintf(expecting, sizeof(expecting), "%s?size=%u", restore, size);
        assert_int_equal(request_status(0, "POST", expecting), 400);
        snprintf(expecting, sizeof(expecting), "%s?size=%u&crc32c=%08x&more=1", restore, size, crc32c);
        assert_int_equal(request_status(0, "POST", expecting), 400);
        snprintf(expecting, sizeof(expecting), "%s?size=%u&crc32c=%08x", restore, size, crc32c);
        assert_int_equal(request_status(0, "POST", expecting), 204);
        assert_int_equal(request_status(0, "POST", restore), 204);
        assert_int_equal(request_status(0, "GET", targets[i]), 200);
        delete_chunk(targets[i]);
        assert_int_equal(request_status(0, "POST", restore), 404);
    }
    assert_int_equal(request_status(0, "POST", "/trash"), 405);
    assert_int_equal(request_status(0, "GET", "/trash?limit=10001"), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_open), /* first: it looks at counters */
        cmocka_unit_test(health_is_open),
        cmocka_unit_test(only_the_cluster_gets_in),
        cmocka_unit_test(paths_and_methods),
        cmocka_unit_test(a_bad_head_is_refused_in_json),
        cmocka_unit_test(chunks_go_in_and_come_back),
        cmocka_unit_test(parts_come_back),
        cmocka_unit_test(bodies_signed_ahead),
        cmocka_unit_test(wrong_bodies_leave_nothing),
        cmocka_unit_test(too_large_bodies_are_refused),
        cmocka_unit_test(truncated_bodies_leave_nothing),
        cmocka_unit_test(too_many_requests_are_turned_away),
        cmocka_unit_test(deletes_are_acknowledged_once),
        cmocka_unit_test(many_are_deleted_with_one_request),
        cmocka_unit_test(the_inventory_comes_in_pages),
        cmocka_unit_test(the_trash_takes_and_gives_back),
    };
    return cmocka_run_group_tests(tests, harness_start, harness_stop);
}
