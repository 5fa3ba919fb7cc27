/* Appending as clients see it, and the pieces that it leaves: a small one is stored anew with what comes behind it, the
 * others are joined in the background, and the bytes are the same all the while. */
#include "tests/unit/gateway/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/keys/keyring.h"
#include "gateway/object/join_hints.h"
#include "tests/unit/gateway/fake_cluster_internal.h"

enum { PIECE = 40000, PIECES = 7 }; /* two do not fit into one small chunk */

static char text[PIECE * PIECES + 1];

static int append(struct fixture *f, const char *target, size_t offset, size_t size)
{
    char headers[64];
    struct answer *answer = &f->answer;

    snprintf(headers, sizeof(headers), "x-amz-write-offset-bytes: %zu\r\n", offset);
    answer_free(answer);
    ask_bytes(f, ROOT, "PUT", target, headers, bytes_of(text + offset, size), answer);
    return answer->status;
}

static void expect(struct fixture *f, const char *target, size_t size)
{
    assert_int_equal(ask(f, ROOT, "GET", target, "", NULL), 200);
    assert_int_equal(strlen(f->answer.body), size);
    assert_memory_equal(f->answer.body, text, size);
}

static size_t chunks_now(struct fixture *f)
{
    struct meta_chunk chunks[64];

    fixture_settle(f);
    return jobs_chunks(f, chunks, 64);
}

static int setup(void **state)
{
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = (char)('a' + (i * 7 + i / 977) % 26);
    int failed = jobs_setup(state);
    struct fixture *f = *state;
    f->gateway.cluster->chunk_bytes = sizeof(text);
    return failed;
}

static void small_appends_share_a_chunk(void **state)
{
    struct fixture *f = *state;
    size_t size = 100;

    assert_int_equal(append(f, "/bucket/log", 0, 100), 200);
    assert_string_equal(answer_header(&f->answer, "x-amz-object-size"), "100");
    for (int i = 0; i < 20; i++, size += 100)
        assert_int_equal(append(f, "/bucket/log", size, 100), 200);
    assert_string_equal(answer_header(&f->answer, "x-amz-object-size"), "2100");
    expect(f, "/bucket/log", size);
    jobs_start(f);
    PASS_UNTIL(f, 1000, chunks_now(f) == 2); /* what was taken in is freed */
    expect(f, "/bucket/log", size);
    assert_int_equal(append(f, "/bucket/log", 99, 1), 400);
    assert_string_equal(answered_code(f), "InvalidWriteOffset");
}

static void pieces_are_joined_when_it_is_quiet(void **state)
{
    struct fixture *f = *state;

    jobs_start(f);
    for (size_t i = 0; i < PIECES; i++)
        assert_int_equal(append(f, "/bucket/log", i * PIECE, PIECE), 200);
    assert_int_equal(chunks_now(f), PIECES);
    PASS_UNTIL(f, 1000, chunks_now(f) == 3); /* the first, what was joined, and the last, which may take in more */
    expect(f, "/bucket/log", sizeof(text) - 1);
    assert_int_equal(ask(f, ROOT, "DELETE", "/bucket/log", "", NULL), 204);
    PASS_UNTIL(f, 1000, chunks_now(f) == 0);
}

/* What the gateway does not know of any more, since it was started anew, it learns from who reads. */
static void reading_is_a_reason_to_join(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < PIECES; i++)
        assert_int_equal(append(f, "/bucket/log", i * PIECE, PIECE), 200);
    fixture_settle(f);
    join_hints_free(f->gateway.join_hints);
    f->gateway.join_hints = join_hints_create();
    jobs_start(f);
    fixture_pass(f, HOUR_MS);
    usleep(20000);
    assert_int_equal(chunks_now(f), PIECES);
    expect(f, "/bucket/log", sizeof(text) - 1);
    PASS_UNTIL(f, 1000, chunks_now(f) == 3);
    expect(f, "/bucket/log", sizeof(text) - 1);
}

static size_t hints_now(struct fixture *f)
{
    struct join_hint *taken[JOIN_HINTS_MAX];
    size_t count = join_hints_take(f->gateway.join_hints, taken);

    for (size_t i = 0; i < count; i++) {
        join_hints_add(f->gateway.join_hints, bytes_from_str(taken[i]->bucket), taken[i]->key);
        free(taken[i]);
    }
    return count;
}

/* The job has the hints in its hands for a moment in each round. */
static bool no_hint_comes_back(struct fixture *f)
{
    for (int i = 0; i < 50; i++) {
        if (hints_now(f) > 0)
            return false;
        fixture_pass(f, 1000);
        usleep(200);
    }
    return true;
}

/* Nobody tries again and again to join what nobody can open, be it because a reader tried. */
static void what_cannot_be_opened_is_let_go(void **state)
{
    struct fixture *f = *state;
    char path[128];
    const char *error;

    snprintf(path, sizeof(path), "%s/keyring", f->directory);
    assert_int_equal(keyring_file_add(path, "old", &error), STATUS_OK);
    assert_int_equal(keyring_open(path, &f->gateway.keyring), STATUS_OK);
    f->gateway.keys = keyring_provider(f->gateway.keyring);
    assert_int_equal(ask(f, ROOT, "PUT", "/bucket/log", "x-amz-server-side-encryption: AES256\r\n", ""), 200);
    for (size_t i = 0; i < PIECES; i++)
        assert_int_equal(append(f, "/bucket/log", i * PIECE, PIECE), 200);
    assert_int_equal(hints_now(f), 1);
    FILE *file = fopen(path, "w");
    fputs("key new 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\ncurrent new\n", file);
    fclose(file);
    keyring_reload(f->gateway.keyring);
    jobs_start(f);
    fixture_pass(f, HOUR_MS);
    PASS_UNTIL(f, 1000, no_hint_comes_back(f));
    assert_int_equal(ask(f, ROOT, "GET", "/bucket/log", "", NULL), 400);
    assert_int_equal(hints_now(f), 0);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct keyring *keyring = f->gateway.keyring;
    int result = jobs_teardown(state);

    keyring_free(keyring);
    return result;
}

static void refusals(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-write-offset-bytes: x\r\n", "a", 400, "InvalidArgument");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-write-offset-bytes: 1\r\n", "a", 400, "InvalidWriteOffset");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-write-offset-bytes: 0\r\n", "", 400, "InvalidRequest");
    assert_answer(f, ROOT, "PUT", "/files/k", "x-amz-write-offset-bytes: 0\r\n", "a", 409, "InvalidBucketState");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-write-offset-bytes: 0\r\n", "a", 200, "");
    assert_answer(f, ROOT, "PUT", "/bucket/k",
                  "x-amz-write-offset-bytes: 1\r\nContent-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\n", "b", 400, "BadDigest");
    assert_answer(f, ROOT, "PUT", "/bucket/k", "x-amz-write-offset-bytes: 1\r\nx-amz-meta-a: b\r\n", "b", 400,
                  "InvalidRequest");
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "a");
    fixture_settle(f);
    assert_int_equal(fake_copy_total(f->gateway.cluster), 3); /* what failed was taken back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_appends_share_a_chunk, setup, jobs_teardown),
        cmocka_unit_test_setup_teardown(pieces_are_joined_when_it_is_quiet, setup, jobs_teardown),
        cmocka_unit_test_setup_teardown(reading_is_a_reason_to_join, setup, jobs_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_let_go, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, jobs_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
