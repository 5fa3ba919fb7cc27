/* Many small chunks copied from node to node with one request: each is checked, and each has its own outcome. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "node_harness.h"

#define CHUNKS PROTOCOL_PULL_MAX

static uint8_t records[(CHUNKS + 1) * PULL_RECORD_LEN];
static char targets[CHUNKS + 1][64];
static uint32_t sizes[CHUNKS + 1];

static void record_set(unsigned i, uint32_t size, uint32_t crc32c)
{
    struct chunk_id id;
    uint8_t *at = records + (size_t)i * PULL_RECORD_LEN;
    assert_int_equal(chunk_id_parse(bytes_of(targets[i] + 8, CHUNK_ID_TEXT_LEN), &id), STATUS_OK);
    memcpy(at, id.bytes, CHUNK_ID_LEN);
    put_u32(at + CHUNK_ID_LEN, size);
    put_u32(at + CHUNK_ID_LEN + 4, crc32c);
}

/* Chunk i holds the payload from byte i on, on the first node. */
static void chunks_make(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        target_new(targets[i]);
        sizes[i] = i % 16 == 0 ? CHUNK_BLOCK_BYTES : 1 + 7 * i;
        assert_int_equal(put(0, targets[i], harness.payload + i, sizes[i]), 201);
        record_set(i, sizes[i], crc32c_update(0, harness.payload + i, sizes[i]));
    }
}

/* POST /chunks/pull to the second node, of the first `count` records. */
static int pull(size_t len, const char *query, const char *content, struct buffer *answer)
{
    char target[128], signed_content[64];
    struct exchange exchange = {.node = 1, .method = "POST", .target = target, .body = bytes_of(records, len)};
    snprintf(target, sizeof(target), "/chunks/pull?from=127.0.0.1:%u", http_server_port(harness.nodes[0].server));
    if (query)
        snprintf(target, sizeof(target), "/chunks/pull%s", query);
    snprintf(signed_content, sizeof(signed_content), "crc32c:%08x:%zu", crc32c_update(0, records, len), len);
    protocol_sign(&harness.identity, "POST", bytes_from_str(target), clock_wall_ms(),
                  content ? content : signed_content, exchange.auth);
    exchange_run(&exchange);
    *answer = exchange.answer;
    return exchange.status;
}

static void expect_copied(unsigned i)
{
    struct exchange exchange;
    assert_int_equal(request(&exchange, 1, "GET", targets[i]), 200);
    assert_int_equal(exchange.answer.len, 4 + sizes[i]);
    assert_memory_equal(exchange.answer.data + 4, harness.payload + i, sizes[i]);
    buffer_release(&exchange.answer);
}

static void test_all_are_copied(void **state)
{
    struct buffer answer;
    (void)state;
    chunks_make(CHUNKS);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(pull(CHUNKS * PULL_RECORD_LEN, NULL, NULL, &answer), 200);
        assert_int_equal(answer.len, CHUNKS);
        for (unsigned i = 0; i < CHUNKS; i++)
            assert_int_equal(answer.data[i], again ? PULL_HELD : PULL_STORED);
        buffer_release(&answer);
    }
    for (unsigned i = 0; i < CHUNKS; i += 15)
        expect_copied(i);
}

/* One that the source lacks, one that it has otherwise than recorded, one that lies in this node's trash, and one of
 * which there are other bytes here. */
static void test_each_has_its_outcome(void **state)
{
    static const uint8_t expected[] = {PULL_STORED, PULL_FAILED, PULL_FAILED, PULL_HELD, PULL_FAILED, PULL_STORED};
    struct buffer answer;
    char trash[80];
    (void)state;
    chunks_make(6);
    assert_int_equal(request_status(0, "DELETE", targets[1]), 204);
    record_set(2, sizes[2], 1);
    assert_int_equal(put(1, targets[3], harness.payload + 3, sizes[3]), 201);
    snprintf(trash, sizeof(trash), "%s/trash", targets[3]);
    assert_int_equal(request_status(1, "POST", trash), 204);
    assert_int_equal(request_status(0, "DELETE", targets[3]), 204);
    assert_int_equal(put(1, targets[4], harness.payload + 40, sizes[4]), 201);
    assert_int_equal(pull(6 * PULL_RECORD_LEN, NULL, NULL, &answer), 200);
    assert_int_equal(answer.len, 6);
    assert_memory_equal(answer.data, expected, sizeof(expected));
    buffer_release(&answer);
    expect_copied(0);
    expect_copied(3);
    expect_copied(5);
    assert_int_equal(request_status(1, "HEAD", targets[1]), 404);
    assert_int_equal(request_status(1, "HEAD", targets[2]), 404);
}

static void test_a_source_that_is_none(void **state)
{
    struct buffer answer;
    (void)state;
    chunks_make(2);
    assert_int_equal(pull(2 * PULL_RECORD_LEN, "?from=127.0.0.1:1", NULL, &answer), 200);
    assert_int_equal(answer.len, 2);
    assert_true(answer.data[0] == PULL_FAILED && answer.data[1] == PULL_FAILED);
    buffer_release(&answer);
}

static void test_refused(void **state)
{
    static const struct {
        size_t len;
        const char *query, *content;
        int status;
    } refused[] = {
        {sizeof(records), NULL, NULL, 413},
        {0, NULL, NULL, 400},
        {PULL_RECORD_LEN - 1, NULL, NULL, 400},
        {PULL_RECORD_LEN, NULL, "-", 400},
        {PULL_RECORD_LEN, NULL, "crc32c:00000000:24", 400},
        {PULL_RECORD_LEN, "", NULL, 400},
        {PULL_RECORD_LEN, "?from=a", NULL, 400},
        {PULL_RECORD_LEN, "?from=user@a:1", NULL, 400},
        {PULL_RECORD_LEN, "?to=a:1", NULL, 400},
    };
    struct buffer answer;
    (void)state;
    chunks_make(CHUNKS);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(pull(refused[i].len, refused[i].query, refused[i].content, &answer), refused[i].status);
        buffer_release(&answer);
    }
    for (unsigned i = 0; i < CHUNKS; i++) /* too much in all, and one that is too large or empty */
        record_set(i, CHUNK_BLOCK_BYTES, 0);
    assert_int_equal(pull(CHUNKS * PULL_RECORD_LEN, NULL, NULL, &answer), 413);
    buffer_release(&answer);
    for (int i = 0; i < 2; i++) {
        record_set(0, i ? 0 : CHUNK_BLOCK_BYTES + 1, 0);
        assert_int_equal(pull(PULL_RECORD_LEN, NULL, NULL, &answer), 400);
        buffer_release(&answer);
    }
    assert_int_equal(request_status(1, "GET", "/chunks/pull"), 405);
    assert_int_equal(request_status(1, "GET", "/chunks/read"), 405);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_copied),
        cmocka_unit_test(test_each_has_its_outcome),
        cmocka_unit_test(test_a_source_that_is_none),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, harness_start, harness_stop);
}
