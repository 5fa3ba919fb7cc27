/* Copies between nodes, damage on the disk and disks that fail, seen from outside. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "node_harness.h"

#define LARGE 700001u

/* POST .../pull on node `to` from node `from` of so many bytes of the payload. */
static int pull(unsigned to, unsigned from, const char *target, uint32_t size, struct exchange *exchange)
{
    char whole[256];
    snprintf(whole, sizeof(whole), "%s/pull?from=127.0.0.1:%u&size=%u&crc32c=%08x", target,
             http_server_port(harness.nodes[from].server), size, crc32c_update(0, harness.payload, size));
    request(exchange, to, "POST", whole);
    buffer_release(&exchange->answer);
    return exchange->status;
}

static void flip(unsigned node, const char *target, off_t offset)
{
    const char *id = target + strlen("/chunks/");
    char path[256];
    uint8_t byte;
    snprintf(path, sizeof(path), "%s/chunks/%s/%s", harness.nodes[node].directory, id + CHUNK_ID_TEXT_LEN - 2, id);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 0x80;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

static void chunks_are_copied(void **state)
{
    static const uint32_t sizes[] = {1, 65536, LARGE};
    (void)state;
    for (int i = 0; i < 3; i++) {
        char target[64], text[16];
        struct exchange exchange;
        target_new(target);
        assert_int_equal(put(0, target, harness.payload, sizes[i]), 201);
        assert_int_equal(pull(1, 0, target, sizes[i], &exchange), 201);
        snprintf(text, sizeof(text), "%u", sizes[i]);
        assert_string_equal(exchange.size, text);
        snprintf(text, sizeof(text), "%08x", crc32c_update(0, harness.payload, sizes[i]));
        assert_string_equal(exchange.crc32c, text);
        assert_int_equal(pull(1, 0, target, sizes[i], &exchange), 200);
        assert_int_equal(request(&exchange, 1, "GET", target), 200);
        size_t table = 4 * chunk_block_count(sizes[i]);
        assert_int_equal(exchange.answer.len, table + sizes[i]);
        assert_memory_equal(exchange.answer.data + table, harness.payload, sizes[i]);
        buffer_release(&exchange.answer);
    }
}

static void bad_sources(void **state)
{
#define EXPECTED "&size=1&crc32c=00000000"
    static const char *const queries[] = {"",
                                          "?from=" EXPECTED,
                                          "?from=host" EXPECTED,
                                          "?to=a:1" EXPECTED,
                                          "?from=a:1&from=b" EXPECTED,
                                          "?from=user@host:1" EXPECTED,
                                          "?from=a:1/" EXPECTED,
                                          "?from=a:1%23" EXPECTED,
                                          "?from=a:1\\" EXPECTED,
                                          "?from=a:1",
                                          "?from=a:1&size=1",
                                          "?from=a:1&crc32c=00000000",
                                          "?from=a:1&size=0&crc32c=00000000",
                                          "?from=a:1&size=1&crc32c=0",
                                          "?from=a:1&size=-1&crc32c=00000000"};
    char target[64], other[64], whole[256];
    struct exchange exchange;
    (void)state;
    target_new(target);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        snprintf(whole, sizeof(whole), "%s/pull%s", target, queries[i]);
        assert_int_equal(request_status(1, "POST", whole), 400);
    }
    assert_int_equal(pull(1, 0, target, LARGE, &exchange), 502);
    /* nobody listens there: a port that was just free */
    int fd = harness_connect(0);
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(whole, sizeof(whole), "%s/pull?from=127.0.0.1:%u" EXPECTED, target, ntohs(address.sin_port));
    close(fd);
    assert_int_equal(request_status(1, "POST", whole), 502);
    /* other bytes are here already */
    target_new(other);
    assert_int_equal(put(0, other, harness.payload, LARGE), 201);
    assert_int_equal(put(1, other, harness.payload + 1, LARGE), 201);
    assert_int_equal(pull(1, 0, other, LARGE, &exchange), 409);
    /* the source has other bytes than the gateway recorded */
    target_new(other);
    assert_int_equal(put(0, other, harness.payload, LARGE), 201);
    assert_int_equal(pull(1, 0, other, LARGE - 1, &exchange), 502);
    target_new(other);
    assert_int_equal(put(0, other, harness.payload + 1, LARGE), 201);
    assert_int_equal(pull(1, 0, other, LARGE, &exchange), 502);
    assert_int_equal(request_status(1, "GET", other), 404);
}

static void damage_at_the_start_is_an_absent_chunk(void **state)
{
    char target[64];
    struct exchange exchange;
    uint64_t corruptions = chunk_store_corruptions(harness.nodes[0].store);
    (void)state;
    target_new(target);
    assert_int_equal(put(0, target, harness.payload, LARGE), 201);
    flip(0, target, 4096 + 1000);
    assert_int_equal(request_status(0, "HEAD", target), 200);
    assert_int_equal(pull(1, 0, target, LARGE, &exchange), 502);
    assert_int_equal(request_status(0, "HEAD", target), 404);
    assert_int_equal(request_status(0, "GET", target), 404);
    assert_int_equal(chunk_store_corruptions(harness.nodes[0].store), corruptions + 1);
    assert_int_equal(put(0, target, harness.payload, LARGE), 201);
    assert_int_equal(request_status(0, "GET", target), 200);
}

/* The answer has begun: it must not end as if it were whole, and a copy of it must not be made. */
static void damage_further_on_cuts_the_connection(void **state)
{
    char target[64];
    struct exchange exchange;
    (void)state;
    target_new(target);
    assert_int_equal(put(0, target, harness.payload, LARGE), 201);
    flip(0, target, 4096 + 600000);
    assert_int_equal(request(&exchange, 0, "GET", target), 200);
    assert_int_not_equal(exchange.outcome, STATUS_OK);
    assert_true(exchange.answer.len < LARGE);
    buffer_release(&exchange.answer);
    assert_int_equal(request_status(0, "GET", target), 404);
    assert_int_equal(put(0, target, harness.payload, LARGE), 201);
    flip(0, target, 4096 + 600000);
    assert_int_equal(pull(1, 0, target, LARGE, &exchange), 502);
    assert_int_equal(request_status(1, "GET", target), 404);
    assert_int_equal(harness_files(1, "tmp"), 0);
}

static int sync_fails(int fd)
{
    (void)fd;
    errno = EIO;
    return -1;
}

/* The last test: the second node is of no use afterwards. */
static void a_failed_disk_is_read_only(void **state)
{
    char kept[64], target[64];
    struct exchange exchange;
    struct disk *disk = chunk_store_disk(harness.nodes[1].store);
    (void)state;
    target_new(kept);
    target_new(target);
    assert_int_equal(put(1, kept, harness.payload, LARGE), 201);
    disk->sync_file = sync_fails;
    assert_int_equal(put(1, target, harness.payload, LARGE), 503);
    disk->sync_file = fdatasync;
    assert_int_equal(put(1, target, harness.payload, LARGE), 503);
    assert_int_equal(put(1, target, harness.payload, 100), 503);
    assert_int_equal(pull(1, 0, target, LARGE, &exchange), 503);
    assert_int_equal(request_status(1, "DELETE", kept), 503);
    assert_int_equal(request_status(1, "GET", kept), 200);
    assert_int_equal(request_status(1, "GET", target), 404);
    assert_int_equal(request(&exchange, 1, "GET", "/health"), 503);
    assert_non_null(strstr(exchange.answer.data, "\"status\":\"READ-ONLY\""));
    assert_non_null(strstr(exchange.answer.data, "\"readOnly\":true"));
    buffer_release(&exchange.answer);
    assert_int_equal(request_status(0, "GET", "/health"), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_copied),
        cmocka_unit_test(bad_sources),
        cmocka_unit_test(damage_at_the_start_is_an_absent_chunk),
        cmocka_unit_test(damage_further_on_cuts_the_connection),
        cmocka_unit_test(a_failed_disk_is_read_only),
    };
    return cmocka_run_group_tests(tests, harness_start, harness_stop);
}
