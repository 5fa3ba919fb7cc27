/* The node's paths below /meta/, over real connections: what is refused changes nothing, and every answer says how far
 * the replica is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>

#include "base/change_record.h"
#include "node_harness.h"

#define EPOCH       (generation << 32 | 7)
#define OTHER_EPOCH ((generation + 1) << 32 | 8)
#define FAMILY      2

static uint64_t generation = 1;

/* ---- records and requests -------------------------------------------------------------------------------------- */

static void add_rows(struct buffer *out, uint64_t epoch, uint64_t first, const char *const *keys, unsigned count)
{
    size_t start;
    assert_int_equal(change_record_begin(out, &start), STATUS_OK);
    for (unsigned i = 0; i < count; i++) {
        const struct change change = {CHANGE_PUT, FAMILY, bytes_from_str(keys[i]), BYTES("value")};
        assert_int_equal(change_append(out, &change), STATUS_OK);
    }
    assert_int_equal(change_record_seal(out, start, epoch, first, count), STATUS_OK);
}

static void add_row(struct buffer *out, uint64_t epoch, uint64_t first, const char *key)
{
    add_rows(out, epoch, first, &key, 1);
}

/* A signed request; the answer's headers stay in *exchange, its body in exchange->answer. */
static int send_signed(struct exchange *exchange, const struct cluster_identity *identity, const char *method,
                       const char *target, struct bytes body)
{
    char content[48];
    memset(exchange, 0, sizeof(*exchange));
    exchange->method = method;
    exchange->target = target;
    exchange->body = body;
    snprintf(content, sizeof(content), "crc32c:%08" PRIx32 ":%zu", crc32c_update(0, body.data, body.len), body.len);
    protocol_sign(identity, method, bytes_from_str(target), clock_wall_ms(), content, exchange->auth);
    return exchange_run(exchange);
}

static int send_body(const char *method, const char *target, struct bytes body)
{
    struct exchange exchange;
    int status = send_signed(&exchange, &harness.identity, method, target, body);
    buffer_release(&exchange.answer);
    return status;
}

static int send_record(const char *target, uint64_t epoch, uint64_t first, const char *key)
{
    struct buffer record;
    buffer_init(&record, 1 << 20);
    add_row(&record, epoch, first, key);
    int status = send_body("PUT", target, buffer_bytes(&record));
    buffer_release(&record);
    return status;
}

static void assert_state(uint64_t epoch, uint64_t sequence)
{
    struct exchange exchange;
    char text[24];
    assert_int_equal(request(&exchange, 0, "GET", "/meta/state"), 204);
    snprintf(text, sizeof(text), "%016" PRIx64, epoch);
    assert_string_equal(exchange.epoch, text);
    snprintf(text, sizeof(text), "%" PRIu64, sequence);
    assert_string_equal(exchange.sequence, text);
    buffer_release(&exchange.answer);
}

static void target_page(char target[128], uint64_t epoch, uint64_t sequence, unsigned page, bool last)
{
    snprintf(target, 128, "/meta/snapshot?epoch=%016" PRIx64 "&sequence=%" PRIu64 "&page=%u%s", epoch, sequence, page,
             last ? "&last=1" : "");
}

static int send_page(uint64_t epoch, uint64_t sequence, unsigned page, bool last, const char *key)
{
    char target[128];
    target_page(target, epoch, sequence, page, last);
    return send_record(target, epoch, sequence, key);
}

/* The keys of all rows, each followed by a space. */
static void dump_keys(char *out, size_t size)
{
    struct exchange exchange;
    struct change_record record = {.count = 1};
    struct buffer after;
    buffer_init(&after, 1 << 16);
    *out = '\0';
    while (record.count > 0) {
        struct change change = {0};
        assert_int_equal(send_signed(&exchange, &harness.identity, "POST", "/meta/dump",
                                     after.len ? buffer_bytes(&after) : BYTES("")),
                         200);
        struct bytes records = buffer_bytes(&exchange.answer);
        assert_int_equal(change_record_next(&records, &record), STATUS_OK);
        assert_int_equal(records.len, 0);
        for (struct bytes rows = record.payload; change_next(&rows, &change) == STATUS_OK;) {
            size_t used = strlen(out);
            snprintf(out + used, size - used, "%.*s ", (int)change.key.len, change.key.data);
            buffer_clear(&after);
            (void)buffer_append_char(&after, (char)change.family);
            (void)buffer_append_bytes(&after, change.key);
        }
        buffer_release(&exchange.answer);
    }
    buffer_release(&after);
}

static void assert_keys(const char *expected)
{
    char keys[1024];
    dump_keys(keys, sizeof(keys));
    assert_string_equal(keys, expected);
}

/* A snapshot of that one row, of a new EPOCH, takes the place of whatever is held. */
static void start_with(uint64_t sequence, const char *key)
{
    generation += 10;
    assert_int_equal(send_page(EPOCH, sequence, 0, true, key), 204);
    assert_state(EPOCH, sequence);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void test_batches_in_order(void **state)
{
    static const char *const two[] = {"b", "c"};
    struct buffer records;
    (void)state;
    start_with(10, "a");
    buffer_init(&records, 1 << 20);
    add_rows(&records, EPOCH, 11, two, 2);
    add_row(&records, EPOCH, 13, "d");
    assert_int_equal(send_body("PUT", "/meta/batches", buffer_bytes(&records)), 204);
    assert_state(EPOCH, 13);
    assert_int_equal(send_body("PUT", "/meta/batches", buffer_bytes(&records)), 204); /* repeated */
    assert_state(EPOCH, 13);
    assert_keys("a b c d ");
    buffer_release(&records);
}

static void test_gaps_are_refused(void **state)
{
    struct buffer records;
    (void)state;
    start_with(10, "a");
    assert_int_equal(send_record("/meta/batches", EPOCH, 12, "gap"), 409);
    assert_int_equal(send_record("/meta/batches", EPOCH + 1, 11, "other history"), 409);
    buffer_init(&records, 1 << 20);
    add_row(&records, EPOCH, 11, "good");
    add_row(&records, EPOCH, 13, "gap");
    assert_int_equal(send_body("PUT", "/meta/batches", buffer_bytes(&records)), 409);
    buffer_release(&records);
    assert_state(EPOCH, 10); /* nothing of the request was applied */
    assert_keys("a ");
}

static void test_bad_bodies(void **state)
{
    struct buffer record, long_key;
    (void)state;
    start_with(10, "a");
    buffer_init(&record, 1 << 20);
    add_row(&record, EPOCH, 11, "b");
    for (size_t len = 1; len < record.len; len++) /* cut anywhere */
        assert_int_equal(send_body("PUT", "/meta/batches", bytes_of(record.data, len)), 400);
    for (size_t i = 0; i < record.len; i++) { /* a flipped bit, signed by the sender */
        record.data[i] ^= 4;
        assert_int_equal(send_body("PUT", "/meta/batches", buffer_bytes(&record)), 400);
        record.data[i] ^= 4;
    }
    (void)buffer_append(&record, "x", 1); /* something behind it */
    assert_int_equal(send_body("PUT", "/meta/batches", buffer_bytes(&record)), 400);
    buffer_init(&long_key, 1 << 20);
    for (unsigned i = 0; i < 70000; i++)
        (void)buffer_append_char(&long_key, 'k');
    assert_int_equal(send_body("POST", "/meta/dump", buffer_bytes(&long_key)), 413);
    buffer_release(&long_key);
    buffer_release(&record);
    assert_state(EPOCH, 10);
    assert_keys("a ");
}

/* ---- carried blocks and the last record ------------------------------------------------------------------------ */

static void add_block(struct buffer *out, const struct chunk_id *id, struct bytes content)
{
    const struct carried_set set = {2, {7, 8}};
    const struct carried_chunk chunk = {*id, (uint32_t)content.len, crc32c_update(0, content.data, content.len),
                                        content.data};
    size_t start;
    assert_int_equal(carried_block_begin(out, &start), STATUS_OK);
    assert_int_equal(carried_append(out, start, &chunk), STATUS_OK);
    carried_block_seal(out, start, &set);
}

static void assert_last(struct bytes record)
{
    struct exchange exchange;
    assert_int_equal(request(&exchange, 0, "GET", "/meta/last"), record.len ? 200 : 204);
    assert_true(bytes_equal(buffer_bytes(&exchange.answer), record));
    assert_true(*exchange.epoch && *exchange.sequence);
    buffer_release(&exchange.answer);
}

/* Also by a node that the block does not name. */
static void test_chunks_are_carried(void **state)
{
    struct buffer records;
    struct chunk_id id;
    struct exchange exchange;
    char target[64] = "/chunks/";
    (void)state;
    start_with(10, "a");
    assert_last(BYTES(""));
    chunk_id_create(&id);
    chunk_id_format(&id, target + strlen(target));
    buffer_init(&records, 1 << 20);
    add_block(&records, &id, BYTES("content"));
    size_t block = records.len;
    add_row(&records, EPOCH, 11, "b");
    records.data[block - 1] ^= 1; /* the sender signed it so */
    assert_int_equal(send_body("PUT", "/meta/batches", buffer_bytes(&records)), 400);
    assert_int_equal(request_status(0, "HEAD", target), 404);
    assert_state(EPOCH, 10);
    records.data[block - 1] ^= 1;
    assert_int_equal(send_body("PUT", "/meta/batches", bytes_of(records.data, block)), 400); /* without its record */
    for (int times = 0; times < 2; times++)
        assert_int_equal(send_body("PUT", "/meta/batches", buffer_bytes(&records)), 204);
    assert_state(EPOCH, 11);
    assert_int_equal(request(&exchange, 0, "GET", target), 200);
    assert_int_equal(exchange.answer.len, 4 + strlen("content"));
    assert_memory_equal(exchange.answer.data + 4, "content", strlen("content"));
    buffer_release(&exchange.answer);
    assert_last(bytes_of(records.data + block, records.len - block));
    assert_int_equal(request(&exchange, 0, "GET", "/metrics"), 200);
    assert_non_null(strstr(exchange.answer.data, "tercet_node_carried_chunks_total{server_id=\"node-1\"} 1\n"));
    buffer_release(&exchange.answer);
    buffer_release(&records);
    assert_int_equal(request_status(0, "DELETE", target), 204);
}

static int send_with_content(const char *content, struct bytes body)
{
    struct exchange exchange = {.method = "PUT", .target = "/meta/batches", .body = body};
    protocol_sign(&harness.identity, "PUT", BYTES("/meta/batches"), clock_wall_ms(), content, exchange.auth);
    exchange_run(&exchange);
    buffer_release(&exchange.answer);
    return exchange.status;
}

/* The signature must vouch for the body. */
static void test_unsigned_bodies(void **state)
{
    struct buffer record;
    char content[64];
    (void)state;
    start_with(10, "a");
    buffer_init(&record, 1 << 20);
    add_row(&record, EPOCH, 11, "b");
    const struct bytes body = buffer_bytes(&record);
    const uint32_t crc = crc32c_update(0, body.data, body.len);
    assert_int_equal(send_with_content("-", body), 400);
    assert_int_equal(send_with_content("footer", body), 400);
    snprintf(content, sizeof(content), "crc32c:%08" PRIx32 ":%zu", crc ^ 1, body.len);
    assert_int_equal(send_with_content(content, body), 400);
    snprintf(content, sizeof(content), "crc32c:%08" PRIx32 ":%zu", crc, body.len - 1);
    assert_int_equal(send_with_content(content, body), 400);
    snprintf(content, sizeof(content), "crc32c:%08" PRIx32 ":%zu", crc, (size_t)CHANGE_BATCH_MAX + 1);
    assert_int_equal(send_with_content(content, body), 413);
    buffer_release(&record);
    assert_state(EPOCH, 10);
}

static void test_other_cluster(void **state)
{
    struct cluster_identity other;
    struct exchange exchange;
    const char *error;
    struct buffer record;
    (void)state;
    start_with(10, "a");
    buffer_init(&record, 1 << 20);
    add_row(&record, EPOCH, 11, "b");
    assert_int_equal(cluster_identity_parse(&other, "ff0102030405060708090a0b0c0d0e0f", HARNESS_SECRET, &error),
                     STATUS_OK);
    assert_int_equal(send_signed(&exchange, &other, "PUT", "/meta/batches", buffer_bytes(&record)), 403);
    assert_string_equal(exchange.sequence, ""); /* it is not told anything */
    buffer_release(&exchange.answer);
    assert_int_equal(send_signed(&exchange, &other, "POST", "/meta/dump", BYTES("")), 403);
    buffer_release(&exchange.answer);
    memset(&exchange, 0, sizeof(exchange));
    exchange.method = "GET";
    exchange.target = "/meta/state";
    assert_int_equal(exchange_run(&exchange), 403);
    assert_string_equal(exchange.epoch, "");
    buffer_release(&exchange.answer);
    buffer_release(&record);
    assert_state(EPOCH, 10);
}

static void test_snapshot_in_order(void **state)
{
    char target[128];
    (void)state;
    start_with(10, "a");
    assert_int_equal(send_page(OTHER_EPOCH, 50, 1, false, "x"), 409); /* not the first */
    assert_int_equal(send_page(OTHER_EPOCH, 50, 0, false, "p"), 204);
    assert_state(EPOCH, 10); /* the old one counts until the last page */
    assert_keys("a ");
    assert_int_equal(send_page(OTHER_EPOCH, 50, 2, true, "x"), 409); /* one is left out */
    assert_int_equal(send_page(OTHER_EPOCH, 51, 1, true, "x"), 409); /* of another snapshot */
    target_page(target, OTHER_EPOCH, 50, 1, true);
    assert_int_equal(send_body("PUT", target, BYTES("")), 400); /* a page without a record */
    assert_state(EPOCH, 10);
    assert_int_equal(send_page(OTHER_EPOCH, 50, 0, false, "q"), 204); /* begun again: the pages before are dropped */
    assert_int_equal(send_page(OTHER_EPOCH, 50, 1, false, "r"), 204);
    assert_int_equal(send_page(OTHER_EPOCH, 50, 2, true, "s"), 204);
    assert_state(OTHER_EPOCH, 50);
    assert_keys("q r s ");
    assert_int_equal(send_record("/meta/batches", EPOCH, 11, "old"), 409);
    assert_int_equal(send_record("/meta/batches", OTHER_EPOCH, 51, "t"), 204);
    assert_keys("q r s t ");
}

static void test_truncated_snapshot(void **state)
{
    struct buffer record;
    char target[128];
    (void)state;
    start_with(10, "a");
    assert_int_equal(send_page(OTHER_EPOCH, 50, 0, false, "p"), 204);
    buffer_init(&record, 1 << 20);
    add_row(&record, OTHER_EPOCH, 50, "q");
    target_page(target, OTHER_EPOCH, 50, 1, true);
    assert_int_equal(send_body("PUT", target, bytes_of(record.data, record.len - 1)), 400);
    assert_state(EPOCH, 10);
    assert_keys("a ");
    buffer_release(&record);
    assert_int_equal(send_record("/meta/batches", EPOCH, 11, "b"), 204); /* the old history goes on */
    assert_keys("a b ");
}

static void test_malformed_requests(void **state)
{
    static const char *const targets[] = {
        "/meta/snapshot",
        "/meta/snapshot?epoch=1&sequence=1&page=0",
        "/meta/snapshot?epoch=0000000000000000&sequence=1&page=0",
        "/meta/snapshot?epoch=0000000100000007&sequence=x&page=0",
        "/meta/snapshot?epoch=0000000100000007&sequence=1&page=4294967295",
        "/meta/snapshot?epoch=0000000100000007&sequence=18446744073709551616&page=0",
        "/meta/snapshot?epoch=0000000100000007&sequence=1&page=0&over=0000000100000007",
        "/meta/snapshot?epoch=0000000100000007&sequence=1&page=0&over=0000000100000007-",
        "/meta/snapshot?epoch=0000000100000007&sequence=1&page=0&over=000000010000000g-1",
        "/meta/snapshot?epoch=0000000100000007&sequence=1&page=0&over=0000000100000007-x",
        "/meta/snapshot?epoch=0000000100000007&sequence=1&page=0&last=2",
        "/meta/snapshot?epoch=000000010000000g&sequence=1&page=0",
    };
    (void)state;
    start_with(10, "a");
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        assert_int_equal(send_record(targets[i], EPOCH, 11, "b"), 400);
    assert_int_equal(send_record("/meta/other", EPOCH, 11, "b"), 404);
    assert_int_equal(send_body("POST", "/meta/batches", BYTES("x")), 404);
    assert_int_equal(request_status(0, "DELETE", "/meta/state"), 404);
    assert_state(EPOCH, 10);
}

static void assert_fence(uint64_t fence)
{
    struct exchange exchange;
    char text[24];
    assert_int_equal(request(&exchange, 0, "GET", "/meta/state"), 204);
    snprintf(text, sizeof(text), "%" PRIu64, fence);
    assert_string_equal(exchange.fence, text);
    buffer_release(&exchange.answer);
}

static void test_fence(void **state)
{
    static const char *const malformed[] = {"/meta/fence", "/meta/fence?generation=0", "/meta/fence?generation=-1",
                                            "/meta/fence?generation=4294967296", "/meta/fence?other=5"};
    char target[64];
    (void)state;
    start_with(10, "a");
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(request_status(0, "POST", malformed[i]), 400);
    assert_fence(0);
    snprintf(target, sizeof(target), "/meta/fence?generation=%" PRIu64, generation + 1);
    assert_int_equal(request_status(0, "POST", target), 204);
    assert_fence(generation + 1);
    assert_int_equal(request_status(0, "POST", target), 409); /* it was raised by somebody already */
    assert_int_equal(send_record("/meta/batches", EPOCH, 11, "b"), 412);
    assert_int_equal(send_page(EPOCH, 50, 0, true, "p"), 412);
    assert_state(EPOCH, 10);
    assert_int_equal(send_record("/meta/batches", OTHER_EPOCH, 11, "c"), 204);
    assert_keys("a c ");
    assert_fence(generation + 1);
}

static void test_node_without_replica(void **state)
{
    (void)state;
    assert_int_equal(request_status(1, "GET", "/meta/state"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_in_order),     cmocka_unit_test(test_gaps_are_refused),
        cmocka_unit_test(test_bad_bodies),           cmocka_unit_test(test_chunks_are_carried),
        cmocka_unit_test(test_unsigned_bodies),      cmocka_unit_test(test_other_cluster),
        cmocka_unit_test(test_snapshot_in_order),    cmocka_unit_test(test_truncated_snapshot),
        cmocka_unit_test(test_malformed_requests),   cmocka_unit_test(test_fence),
        cmocka_unit_test(test_node_without_replica),
    };
    return cmocka_run_group_tests(tests, harness_start, harness_stop);
}
