/* The hashes of what is taken in, of every kind and for sizes around where the way of hashing changes, of many uploads
 * at a time; and that an upload which is given up in the middle leaves its bytes to whoever still hashes them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "base/task.h"
#include "gateway/object/ingest.h"
#include "tests/unit/gateway/fixture.h"

#define DATA_BYTES 400000
#define AT_ONCE    24

static char data[DATA_BYTES];

struct upload {
    struct gateway *gateway;
    size_t len, piece;
    struct ingest_plan plan;
    bool given_up;
    struct completion done;
};

static void assert_hashes(const struct upload *upload, const struct ingest *ingest)
{
    uint8_t md5[MD5_LEN], sha256[SHA256_LEN];
    struct checksum_value value;
    struct checksum_state state;

    md5_of(data, upload->len, md5);
    assert_memory_equal(ingest->md5_value, md5, MD5_LEN);
    sha256_of(data, upload->len, sha256);
    if (upload->plan.sha256)
        assert_memory_equal(ingest->sha256_value, sha256, SHA256_LEN);
    checksum_state_init(&state, upload->plan.algorithm);
    checksum_state_update(&state, data, upload->len);
    checksum_state_final(&state, &value);
    if (upload->plan.algorithm != CHECKSUM_NONE)
        assert_true(checksum_equal(&value, &ingest->checksum_value));
    checksum_state_release(&state);
}

static void take_in(void *arg)
{
    struct upload *upload = arg;
    struct ingest ingest;

    CHECK(ingest_open(&ingest, upload->gateway, &upload->plan) == STATUS_OK);
    for (size_t at = 0; at < upload->len; at += upload->piece) {
        size_t rest = upload->len - at;
        assert_int_equal(ingest_write(&ingest, bytes_of(data + at, rest < upload->piece ? rest : upload->piece)),
                         STATUS_OK);
    }
    if (!upload->given_up) {
        ingest_seal(&ingest);
        assert_hashes(upload, &ingest);
    }
    ingest_release(&ingest);
    completion_signal(&upload->done);
}

static struct upload upload_of(struct fixture *fixture, size_t len, size_t piece)
{
    return (struct upload){.gateway = &fixture->gateway, .len = len, .piece = piece, .plan = {.expected_size = len}};
}

/* All at the same time, on both loops. */
static void run_all(struct upload *uploads, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        completion_init(&uploads[i].done);
        task_spawn(uploads[i].gateway->loops.loops[i % 2], take_in, &uploads[i]);
    }
    for (unsigned i = 0; i < count; i++)
        completion_wait(&uploads[i].done);
}

static void every_kind_of_every_size(void **state)
{
    static const size_t sizes[] = {0, 1, 64, 16384, 16385, 65536, 65537, 131073, DATA_BYTES};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct upload uploads[2 * CHECKSUM_ALGORITHM_COUNT];
        for (unsigned j = 0; j < 2 * CHECKSUM_ALGORITHM_COUNT; j++) {
            uploads[j] = upload_of(*state, sizes[i], 50000 + 7 * j);
            uploads[j].plan.algorithm = (enum checksum_algorithm)(j / 2);
            uploads[j].plan.sha256 = j % 2;
        }
        run_all(uploads, 2 * CHECKSUM_ALGORITHM_COUNT);
    }
}

static void many_at_once(void **state)
{
    struct upload uploads[AT_ONCE];

    for (unsigned i = 0; i < AT_ONCE; i++) {
        uploads[i] = upload_of(*state, DATA_BYTES - 9973 * i, 100000);
        uploads[i].plan.algorithm = i % 2 ? CHECKSUM_CRC64NVME : CHECKSUM_CRC32C;
    }
    run_all(uploads, AT_ONCE);
}

/* The last piece is with the hashers when it is released. */
static void given_up_while_it_is_hashed(void **state)
{
    struct upload uploads[AT_ONCE];

    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < AT_ONCE; i++) {
            uploads[i] = upload_of(*state, 65536 * (1 + i % 4), 65536);
            uploads[i].given_up = true;
            uploads[i].plan.sha256 = i % 3 == 0;
        }
        run_all(uploads, AT_ONCE);
    }
}

/* No node takes what is written: the upload hears of it while it is still sending, sealed or not. */
static void fails_with_its_writer(void *arg)
{
    struct upload *upload = arg;
    struct ingest ingest;
    enum status status = STATUS_OK;
    size_t at = 0;

    CHECK(ingest_open(&ingest, upload->gateway, &upload->plan) == STATUS_OK);
    for (; at < upload->len && !status; at += upload->piece)
        status = ingest_write(&ingest, bytes_of(data + at, upload->piece));
    assert_int_not_equal(status, STATUS_OK);
    assert_int_equal(ingest_write(&ingest, bytes_of(data, upload->piece)), status);
    ingest_release(&ingest);
    completion_signal(&upload->done);
}

static void a_sealed_upload_notices_that_its_writer_failed(void **state)
{
    struct fixture *f = *state;
    struct object_key key = {.sealed = true};
    struct upload upload = upload_of(f, 6 * BLOCK_SEAL_BYTES, BLOCK_SEAL_BYTES);

    random_bytes(key.key.bytes, SEAL_KEY_LEN);
    block_seal_id_create(&key.id);
    upload.plan.key = &key;
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_node(f->gateway.cluster, number)->fails[FAKE_WRITE] = STATUS_IO;
    completion_init(&upload.done);
    task_spawn(f->gateway.loops.loops[0], fails_with_its_writer, &upload);
    completion_wait(&upload.done);
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_node(f->gateway.cluster, number)->fails[FAKE_WRITE] = STATUS_OK;
}

static int fill_and_setup(void **state)
{
    uint32_t seed = 7;

    for (size_t i = 0; i < DATA_BYTES; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (char)(seed >> 24);
    }
    return fixture_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_every_size),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(given_up_while_it_is_hashed),
        cmocka_unit_test(a_sealed_upload_notices_that_its_writer_failed),
    };
    return cmocka_run_group_tests(tests, fill_and_setup, fixture_teardown);
}
