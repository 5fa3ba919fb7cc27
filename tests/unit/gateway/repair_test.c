/* Making missing copies anew: from where, to where, and what is left alone. */
#include "tests/unit/gateway/jobs.h"

#include "base/clock.h"

static unsigned calls(struct fixture *f, enum fake_call call)
{
    unsigned count = 0;

    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        count += fake_node(f->gateway.cluster, number)->calls[call];
    return count;
}

/* Three good copies are recorded, and are there. */
static bool is_whole(struct fixture *f, const struct chunk_id *id)
{
    struct meta_chunk chunk = jobs_chunk(f, id);
    unsigned there = 0;

    for (unsigned i = 0; i < chunk.ref.copies; i++)
        there += !(chunk.bad & 1u << i) && fake_copy_is_there(f->gateway.cluster, chunk.ref.nodes[i], id);
    return there >= CHUNK_COPIES && meta_repair_backlog(f->gateway.meta) == 0;
}

static void a_copy_that_is_missed_is_made_anew(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    jobs_start(f);
    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, ""); /* which misses it */
    PASS_UNTIL(f, 1000, is_whole(f, &ref.id));
    assert_int_equal(jobs_copies(f, &ref.id), 3);
    assert_true(fake_copy_is_there(f->gateway.cluster, ref.nodes[0], &ref.id)); /* it gets again what was its */
}

static void a_damaged_copy_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    jobs_start(f);
    fake_copy_damage(f->gateway.cluster, ref.nodes[0], &ref.id);
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, "");
    PASS_UNTIL(f, 1000, is_whole(f, &ref.id));
    fake_copy_lose(f->gateway.cluster, ref.nodes[1], &ref.id);
    fake_copy_lose(f->gateway.cluster, ref.nodes[2], &ref.id);
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, ""); /* the new one is good */
    assert_string_equal(f->answer.body, "bytes");
}

/* With two writable nodes a write succeeds, with two copies; the third is made when a node is there for it. */
static void a_third_copy_is_made_when_there_is_a_node_for_it(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref;

    fake_cluster_down(f->gateway.cluster, 1, true);
    fake_cluster_down(f->gateway.cluster, 3, true);
    jobs_start(f);
    ref = jobs_put(f, "/bucket/key");
    assert_int_equal(ref.copies, 2);
    assert_int_equal(meta_repair_backlog(f->gateway.meta), 1);
    fixture_pass(f, 60000);
    assert_int_equal(jobs_good(f, &ref.id), 2);
    fake_cluster_down(f->gateway.cluster, 3, false);
    PASS_UNTIL(f, 1000, is_whole(f, &ref.id));
    assert_true(fake_copy_is_there(f->gateway.cluster, 3, &ref.id));
}

static void a_last_copy_is_enough(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    jobs_start(f);
    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    fake_copy_damage(f->gateway.cluster, ref.nodes[1], &ref.id);
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, "");
    PASS_UNTIL(f, 1000, is_whole(f, &ref.id));
}

/* A source that fails is no reason to give up while there is another. */
static void another_source_is_asked_when_one_fails(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    assert_int_equal(meta_repair_add(f->gateway.meta, &ref.id, ref.nodes[0]), STATUS_OK);
    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    for (unsigned i = 1; i < 3; i++) { /* the first asked is chosen at random: each is the failing one once */
        fake_node(f->gateway.cluster, ref.nodes[i])->fails[FAKE_READ] = STATUS_IO;
        if (i == 1)
            jobs_start(f);
        PASS_UNTIL(f, 1000, is_whole(f, &ref.id));
        fake_node(f->gateway.cluster, ref.nodes[i])->fails[FAKE_READ] = STATUS_OK;
        fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
        assert_int_equal(meta_repair_add(f->gateway.meta, &ref.id, ref.nodes[0]), STATUS_OK);
    }
}

/* Without a good copy anywhere nothing can be done, and the chunk stays in the queue: one may come back. */
static void what_has_no_copy_waits(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref lost = jobs_put(f, "/bucket/lost"), other;

    fixture_pass(f, 10);
    other = jobs_put(f, "/bucket/other");
    for (unsigned i = 0; i < 3; i++) {
        fake_copy_lose(f->gateway.cluster, lost.nodes[i], &lost.id);
        assert_int_equal(meta_repair_add(f->gateway.meta, &lost.id, lost.nodes[i]), STATUS_OK);
    }
    fake_copy_lose(f->gateway.cluster, other.nodes[0], &other.id);
    assert_int_equal(meta_repair_add(f->gateway.meta, &other.id, other.nodes[0]), STATUS_OK);
    jobs_start(f);
    PASS_UNTIL(f, 1000, jobs_good(f, &other.id) == 3);
    assert_int_equal(meta_repair_backlog(f->gateway.meta), 1);
    fake_copy_put(f->gateway.cluster, lost.nodes[2], &lost, clock_wall_ms());
    PASS_UNTIL(f, 1000, is_whole(f, &lost.id));
}

/* What lies in the node's trash, or is there after all, need not be copied. */
static void a_copy_in_the_trash_is_taken_back(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    fake_copy_put_trash(f->gateway.cluster, ref.nodes[0], &ref, clock_wall_ms());
    assert_int_equal(meta_repair_add(f->gateway.meta, &ref.id, ref.nodes[0]), STATUS_OK);
    jobs_start(f);
    PASS_UNTIL(f, 1000, is_whole(f, &ref.id));
    assert_int_equal(calls(f, FAKE_PULL), 0);
    assert_false(fake_copy_is_in_trash(f->gateway.cluster, ref.nodes[0], &ref.id));
}

/* A copy that another chunk's bytes took the place of is none. */
static void other_bytes_are_not_taken_back(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key"), wrong = ref;

    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    wrong.crc32c++;
    fake_copy_put(f->gateway.cluster, ref.nodes[0], &wrong, clock_wall_ms());
    fake_copy_damage(f->gateway.cluster, ref.nodes[0], &ref.id);
    assert_int_equal(meta_repair_add(f->gateway.meta, &ref.id, ref.nodes[0]), STATUS_OK);
    jobs_start(f);
    PASS_UNTIL(f, 1000, is_whole(f, &ref.id));
    assert_true(calls(f, FAKE_PULL) > 0);
}

/* The object is deleted while a copy of it is being made: nothing of it stays. */
static void what_is_deleted_meanwhile_is_not_kept(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    struct fake_node *target = fake_node(f->gateway.cluster, ref.nodes[0]);

    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    assert_int_equal(meta_repair_add(f->gateway.meta, &ref.id, ref.nodes[0]), STATUS_OK);
    target->fails[FAKE_RESTORE] = STATUS_NOT_FOUND;
    target->latency_ms[FAKE_PULL] = (unsigned)(1000 * HOUR_MS); /* the bytes are on their way */
    jobs_start(f);
    PASS_UNTIL(f, 1000, target->calls[FAKE_PULL] == 1);
    ask(f, ROOT, "DELETE", "/bucket/key", "", NULL);
    PASS_UNTIL(f, 1000, fake_copy_total(f->gateway.cluster) == 0 && meta_gc_backlog(f->gateway.meta) == 0);
    unsigned deletions = target->calls[FAKE_DELETE];
    fixture_pass(f, 1000 * HOUR_MS);
    PASS_UNTIL(f, 1000, target->calls[FAKE_DELETE] > deletions);
    assert_int_equal(fake_copy_total(f->gateway.cluster), 0);
}

/* When all copies count as bad one may be readable after all, on a node that takes nothing. */
static void a_copy_that_counts_as_bad_may_be_read(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(meta_repair_add(f->gateway.meta, &ref.id, ref.nodes[i]), STATUS_OK);
    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    fake_copy_lose(f->gateway.cluster, ref.nodes[1], &ref.id);
    fake_node(f->gateway.cluster, ref.nodes[2])->read_only = true;
    jobs_start(f);
    PASS_UNTIL(f, 1000, jobs_good(f, &ref.id) >= 2 && jobs_copies(f, &ref.id) >= 3);
}

#define MANY 40

/* Small chunks go many at a time. */
static void many_small_chunks_go_together(void **state)
{
    struct fixture *f = *state;
    struct meta_chunk chunks[MANY + 1];
    char target[32];

    for (unsigned i = 0; i < MANY; i++) {
        snprintf(target, sizeof(target), "/bucket/%u", i);
        assert_int_equal(ask(f, ROOT, "PUT", target, "", "bytes"), 200);
    }
    assert_int_equal(jobs_chunks(f, chunks, MANY + 1), MANY);
    for (unsigned i = 0; i < MANY; i++) { /* all nodes but one have the same first three copies */
        fake_copy_lose(f->gateway.cluster, 1, &chunks[i].ref.id);
        assert_int_equal(meta_repair_add(f->gateway.meta, &chunks[i].ref.id, 1), STATUS_OK);
    }
    jobs_start(f);
    PASS_UNTIL(f, 1000, meta_repair_backlog(f->gateway.meta) == 0);
    assert_int_equal(fake_copy_count(f->gateway.cluster, 1), MANY);
    /* one request for each way, and in each the fake asks itself once for each chunk */
    assert_in_range(calls(f, FAKE_PULL), MANY + 1, MANY + 8);
}

/* What was copied has to have its time before more is. */
static void repair_keeps_to_its_bandwidth(void **state)
{
    static char body[FIXTURE_CHUNK_BYTES]; /* more than all other waiting is in milliseconds */
    struct fixture *f = *state;
    struct meta_chunk chunk;
    struct answer answer;
    uint64_t start_ms;

    ask_bytes(f, ROOT, "PUT", "/bucket/key", "", bytes_of(body, sizeof(body)), &answer);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    assert_int_equal(jobs_chunks(f, &chunk, 1), 1);
    f->gateway.bandwidth.bytes_per_s = 1;
    start_ms = clock_monotonic_ms();
    jobs_start(f);
    for (unsigned i = 0; i < 3; i++) {
        fake_copy_lose(f->gateway.cluster, chunk.ref.nodes[0], &chunk.ref.id);
        assert_int_equal(meta_repair_add(f->gateway.meta, &chunk.ref.id, chunk.ref.nodes[0]), STATUS_OK);
        PASS_UNTIL(f, 60000, is_whole(f, &chunk.ref.id));
    }
    assert_true(clock_monotonic_ms() - start_ms >= UINT64_C(2000) * sizeof(body));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_copy_that_is_missed_is_made_anew),
        CASE(a_damaged_copy_is_replaced),
        CASE(a_third_copy_is_made_when_there_is_a_node_for_it),
        CASE(a_last_copy_is_enough),
        CASE(another_source_is_asked_when_one_fails),
        CASE(what_has_no_copy_waits),
        CASE(a_copy_in_the_trash_is_taken_back),
        CASE(other_bytes_are_not_taken_back),
        CASE(what_is_deleted_meanwhile_is_not_kept),
        CASE(a_copy_that_counts_as_bad_may_be_read),
        CASE(many_small_chunks_go_together),
        CASE(repair_keeps_to_its_bandwidth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
