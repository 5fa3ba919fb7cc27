/* Comparing what the nodes hold with the records: what is missing, too many, or nobody's; which node is admitted, and
 * which is given up. */
#include "tests/unit/gateway/jobs.h"

#include "base/clock.h"
#include "gateway/jobs/background_job.h"

/* Everything on the nodes was put there by the test. */
static int setup(void **state)
{
    int result = jobs_setup(state);
    struct fixture *f = *state;

    f->gateway.options.node_dead_after_ms = 100 * HOUR_MS;
    f->gateway.options.orphan_age_ms = 1000 * HOUR_MS;
    return result;
}

static bool awaits_comparison(struct fixture *f, unsigned number)
{
    struct cluster_node_info info;

    cluster_node_info(f->gateway.cluster, number - 1, &info);
    return info.awaits_comparison;
}

/* All nodes that are there were compared since the gateway started. */
static bool all_compared(struct fixture *f)
{
    bool all = true;

    for (unsigned i = 0; i < FIXTURE_NODES; i++)
        all &= __atomic_load_n(&f->gateway.background->nodes[i].compared_ms, __ATOMIC_RELAXED) != 0;
    return all;
}

static struct chunk_ref unknown_chunk(void)
{
    struct chunk_ref ref = {.size = 5, .crc32c = 7, .copies = 1};

    chunk_id_create(&ref.id);
    return ref;
}

static void what_is_missing_is_found_at_the_start(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    fake_copy_lose(f->gateway.cluster, ref.nodes[1], &ref.id);
    jobs_start(f);
    PASS_UNTIL(f, 1000, jobs_copies(f, &ref.id) == 3 && jobs_good(f, &ref.id) == 3);
}

/* Its copies are on their way with the commit that recorded it. */
static void what_is_being_written_is_not_missing(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    unsigned other = 10 - ref.nodes[0] - ref.nodes[1] - ref.nodes[2];

    fake_chunk_live(f->gateway.cluster, &ref.id, true);
    fake_copy_lose(f->gateway.cluster, ref.nodes[1], &ref.id);
    fake_copy_put(f->gateway.cluster, other, &ref, clock_wall_ms()); /* stands in for that node */
    jobs_start(f);
    PASS_UNTIL(f, 1000, all_compared(f));
    assert_int_equal(jobs_good(f, &ref.id), 3);
    assert_true(fake_copy_is_there(f->gateway.cluster, other, &ref.id));
    fake_chunk_live(f->gateway.cluster, &ref.id, false);
    fake_cluster_changed(f->gateway.cluster, ref.nodes[1]);
    PASS_UNTIL(f, 1000, fake_copy_is_there(f->gateway.cluster, ref.nodes[1], &ref.id) && jobs_good(f, &ref.id) == 3);
}

static void what_is_whole_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    jobs_start(f);
    PASS_UNTIL(f, 1000, all_compared(f));
    assert_int_equal(jobs_copies(f, &ref.id), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fake_node(f->gateway.cluster, ref.nodes[i])->calls[FAKE_PULL], 0);
        assert_int_equal(fake_node(f->gateway.cluster, ref.nodes[i])->calls[FAKE_DELETE], 0);
    }
    unsigned lists = fake_node(f->gateway.cluster, 1)->calls[FAKE_LIST];
    unsigned others = fake_node(f->gateway.cluster, 2)->calls[FAKE_LIST];
    fake_cluster_changed(f->gateway.cluster, 2);
    PASS_UNTIL(f, 1000, fake_node(f->gateway.cluster, 2)->calls[FAKE_LIST] > others);
    assert_int_equal(fake_node(f->gateway.cluster, 1)->calls[FAKE_LIST], lists); /* nor is it compared again */
}

/* It may have lost its disk: it takes no chunks before it was compared. */
static void a_node_that_returns_is_compared_and_admitted(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    struct fake_node *node = fake_node(f->gateway.cluster, ref.nodes[0]);

    jobs_start(f);
    PASS_UNTIL(f, 1000, all_compared(f));
    fake_cluster_down(f->gateway.cluster, ref.nodes[0], true);
    fixture_pass(f, 1000);
    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    node->fails[FAKE_LIST] = STATUS_IO;
    fake_cluster_down(f->gateway.cluster, ref.nodes[0], false);
    unsigned before = node->calls[FAKE_LIST];
    PASS_UNTIL(f, 1000, node->calls[FAKE_LIST] > before + 1);
    assert_true(awaits_comparison(f, ref.nodes[0]));
    node->fails[FAKE_LIST] = STATUS_OK;
    PASS_UNTIL(f, 1000, !awaits_comparison(f, ref.nodes[0]));
    PASS_UNTIL(f, 1000, fake_copy_is_there(f->gateway.cluster, ref.nodes[0], &ref.id));
}

/* What changed while it was compared was not compared. */
static void a_node_that_changes_meanwhile_is_compared_again(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    unsigned number = ref.nodes[0];
    struct fake_node *node = fake_node(f->gateway.cluster, number);

    jobs_start(f);
    PASS_UNTIL(f, 1000, all_compared(f));
    node->latency_ms[FAKE_LIST] = (unsigned)HOUR_MS;
    fake_cluster_changed(f->gateway.cluster, number);
    unsigned before = node->calls[FAKE_LIST];
    PASS_UNTIL(f, 100, node->calls[FAKE_LIST] == before + 1);
    fake_cluster_changed(f->gateway.cluster, number); /* it is being compared */
    PASS_UNTIL(f, 1000, node->calls[FAKE_LIST] == before + 2);
    assert_true(awaits_comparison(f, number));
    PASS_UNTIL(f, 10000, !awaits_comparison(f, number));
}

/* Away for long: its chunks are made anew, not before; when it is back what it holds is too many. */
static void a_node_that_stays_away_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    unsigned gone = ref.nodes[0], other = jobs_other_node(f, &ref.id);
    uint64_t down_ms = clock_monotonic_ms();

    jobs_start(f);
    PASS_UNTIL(f, 1000, all_compared(f));
    fake_cluster_down(f->gateway.cluster, gone, true);
    PASS_UNTIL(f, HOUR_MS / 4, fake_copy_is_there(f->gateway.cluster, other, &ref.id) && jobs_good(f, &ref.id) == 3);
    assert_true(clock_monotonic_ms() - down_ms >= 100 * HOUR_MS);
    assert_int_equal(jobs_copies(f, &ref.id), 4);
    fake_cluster_down(f->gateway.cluster, gone, false);
    PASS_UNTIL(f, 1000, jobs_copies(f, &ref.id) == 3);
    assert_int_equal(jobs_good(f, &ref.id), 3);
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, "");
}

/* A fourth copy that is recorded nowhere goes when there are three; one of three never does. */
static void copies_that_are_too_many_go(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    unsigned other = jobs_other_node(f, &ref.id);

    fake_copy_put(f->gateway.cluster, other, &ref, clock_wall_ms());
    jobs_start(f);
    PASS_UNTIL(f, 1000, !fake_copy_is_there(f->gateway.cluster, other, &ref.id));
    PASS_UNTIL(f, 1000, all_compared(f));
    assert_int_equal(jobs_copies(f, &ref.id), 3);
}

static void a_copy_that_others_may_need_stays(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    unsigned other = jobs_other_node(f, &ref.id);

    /* a copy is missed, and its node cannot take another: the one on the fourth node is needed */
    fake_copy_put(f->gateway.cluster, other, &ref, clock_wall_ms());
    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    assert_int_equal(meta_repair_add(f->gateway.meta, &ref.id, ref.nodes[0]), STATUS_OK);
    fake_node(f->gateway.cluster, ref.nodes[0])->read_only = true;
    fake_node(f->gateway.cluster, other)->fails[FAKE_PULL] = STATUS_IO; /* the comparison comes first */
    jobs_start(f);
    PASS_UNTIL(f, 1000, all_compared(f));
    fake_node(f->gateway.cluster, other)->fails[FAKE_PULL] = STATUS_OK;
    PASS_UNTIL(f, 1000, jobs_good(f, &ref.id) == 3);
    assert_true(fake_copy_is_there(f->gateway.cluster, other, &ref.id));
    assert_int_equal(fake_node(f->gateway.cluster, other)->calls[FAKE_DELETE], 0);
}

/* The row counts copies that are not there, which only their nodes' comparisons find: until then the copy that it does
 * not name is no excess. The first node is compared first. */
static void a_copy_stays_until_the_others_were_compared(void **state)
{
    struct fixture *f = *state;

    fake_node(f->gateway.cluster, 1)->read_only = true;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    fake_node(f->gateway.cluster, 1)->read_only = false;
    assert_int_equal(jobs_other_node(f, &ref.id), 1);
    fake_copy_put(f->gateway.cluster, 1, &ref, clock_wall_ms());
    for (unsigned i = 0; i < 2; i++) {
        fake_copy_lose(f->gateway.cluster, ref.nodes[i], &ref.id);
        fake_node(f->gateway.cluster, ref.nodes[i])->fails[FAKE_PULL] = STATUS_IO;
    }
    fake_node(f->gateway.cluster, 1)->fails[FAKE_PULL] = STATUS_IO;
    jobs_start(f);
    PASS_UNTIL(f, 1000, all_compared(f) && jobs_good(f, &ref.id) == 1);
    assert_true(fake_copy_is_there(f->gateway.cluster, 1, &ref.id));
    assert_int_equal(fake_node(f->gateway.cluster, 1)->calls[FAKE_DELETE], 0);
    for (unsigned i = 0; i < 2; i++)
        fake_node(f->gateway.cluster, ref.nodes[i])->fails[FAKE_PULL] = STATUS_OK;
    PASS_UNTIL(f, 1000, jobs_good(f, &ref.id) == 3);
}

/* The same of a row that was written after they were compared, when nothing changed since. */
static void a_copy_stays_while_younger_rows_count_others(void **state)
{
    struct fixture *f = *state;

    jobs_start(f);
    PASS_UNTIL(f, 1000, all_compared(f));
    fake_node(f->gateway.cluster, 1)->read_only = true;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");
    fake_node(f->gateway.cluster, 1)->read_only = false;
    assert_int_equal(jobs_other_node(f, &ref.id), 1);
    fake_copy_put(f->gateway.cluster, 1, &ref, clock_wall_ms());
    for (unsigned i = 0; i < 3; i++)
        fake_copy_lose(f->gateway.cluster, ref.nodes[i], &ref.id);
    int64_t compared_ms = f->gateway.background->nodes[0].compared_ms;
    fake_cluster_changed(f->gateway.cluster, 1);
    PASS_UNTIL(f, 1000, __atomic_load_n(&f->gateway.background->nodes[0].compared_ms, __ATOMIC_RELAXED) > compared_ms);
    assert_true(fake_copy_is_there(f->gateway.cluster, 1, &ref.id));
    assert_int_equal(fake_node(f->gateway.cluster, 1)->calls[FAKE_DELETE], 0);
}

static void what_is_missing_is_taken_back_from_the_trash(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = jobs_put(f, "/bucket/key");

    fake_copy_lose(f->gateway.cluster, ref.nodes[0], &ref.id);
    fake_copy_put_trash(f->gateway.cluster, ref.nodes[0], &ref, clock_wall_ms());
    jobs_start(f);
    PASS_UNTIL(f, 1000, fake_copy_is_there(f->gateway.cluster, ref.nodes[0], &ref.id));
    PASS_UNTIL(f, 1000, all_compared(f));
    assert_int_equal(__atomic_load_n(&f->gateway.background->nodes[ref.nodes[0] - 1].restored, __ATOMIC_RELAXED), 1);
    assert_int_equal(fake_node(f->gateway.cluster, ref.nodes[0])->calls[FAKE_PULL], 0);
}

/* ---- orphans ----------------------------------------------------------------------------------------------------- */

/* Recorded nowhere: into the trash when it is old enough, by its own time and by when it was stored. */
static void old_orphans_go_to_the_trash_and_young_ones_stay(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref old = unknown_chunk(), stored_late = unknown_chunk(), young;

    fake_copy_put(f->gateway.cluster, 1, &old, clock_wall_ms());
    for (unsigned i = 0; i < 4; i++) { /* one after the other on each node: when these are gone node 1 is through */
        struct chunk_ref ref = unknown_chunk();
        fake_copy_put(f->gateway.cluster, 2, &ref, clock_wall_ms());
    }
    fixture_pass(f, 2000 * HOUR_MS);
    fake_copy_put(f->gateway.cluster, 1, &stored_late, clock_wall_ms());
    young = unknown_chunk();
    fake_copy_put(f->gateway.cluster, 1, &young, 0);
    for (unsigned i = 0; i < 4; i++) { /* so that orphans are few among many */
        fixture_pass(f, 10);
        jobs_put(f, i == 0 ? "/bucket/a" : i == 1 ? "/bucket/b" : i == 2 ? "/bucket/c" : "/bucket/d");
    }
    jobs_start(f);
    PASS_UNTIL(f, HOUR_MS / 4, fake_node(f->gateway.cluster, 2)->calls[FAKE_TRASH] == 4);
    assert_true(fake_copy_is_in_trash(f->gateway.cluster, 1, &old.id));
    assert_true(fake_copy_is_there(f->gateway.cluster, 1, &stored_late.id));
    assert_true(fake_copy_is_there(f->gateway.cluster, 1, &young.id));
    assert_int_equal(fake_node(f->gateway.cluster, 1)->calls[FAKE_DELETE], 0); /* never deleted */
}

/* When so much looks like nobody's, the records are wrong. */
static void too_many_orphans_are_not_believed(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref few = unknown_chunk();

    jobs_put(f, "/bucket/key");
    fake_copy_put(f->gateway.cluster, 2, &few, clock_wall_ms());
    for (unsigned i = 0; i < ORPHANS_UNDOUBTED + 50; i++) {
        struct chunk_ref ref = unknown_chunk();
        fake_copy_put(f->gateway.cluster, 1, &ref, clock_wall_ms());
    }
    fixture_pass(f, 2000 * HOUR_MS);
    jobs_start(f);
    PASS_UNTIL(f, HOUR_MS / 4, fake_copy_is_in_trash(f->gateway.cluster, 2, &few.id));
    PASS_UNTIL(f, HOUR_MS / 4, all_compared(f));
    assert_true(__atomic_load_n(&f->gateway.background->nodes[0].orphans_doubted, __ATOMIC_RELAXED));
    assert_false(__atomic_load_n(&f->gateway.background->nodes[1].orphans_doubted, __ATOMIC_RELAXED));
    assert_int_equal(fake_node(f->gateway.cluster, 1)->calls[FAKE_TRASH], 0);
}

/* ---- nodes that are not in the list ------------------------------------------------------------------------------ */

static void a_node_that_is_not_listed_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct chunk_ref ref = unknown_chunk();
    struct chunk_list chunks = {0};
    struct meta_object object = {.size = ref.size};
    struct meta_bucket bucket;
    uint64_t start_ms;

    ref.copies = 3;
    memcpy(ref.nodes, (const uint8_t[]){1, 2, 9}, 3);
    fake_copy_put(f->gateway.cluster, 1, &ref, clock_wall_ms());
    fake_copy_put(f->gateway.cluster, 2, &ref, clock_wall_ms());
    chunk_list_append(&chunks, &ref);
    assert_int_equal(meta_bucket_get(f->gateway.meta, BYTES("bucket"), &bucket), STATUS_OK);
    assert_int_equal(meta_object_put(f->gateway.meta, bucket.id, BYTES("key"), &object, &chunks, NULL), STATUS_OK);
    chunk_list_release(&chunks);
    start_ms = clock_monotonic_ms();
    jobs_start(f);
    PASS_UNTIL(f, 1000, background_unlisted_copies(f->gateway.background, 9) == 1);
    PASS_UNTIL(f, HOUR_MS / 4, jobs_good(f, &ref.id) == 3 && jobs_copies(f, &ref.id) == 3);
    assert_true(clock_monotonic_ms() - start_ms >= 100 * HOUR_MS);
    assert_int_equal(background_unlisted_copies(f->gateway.background, 9), 0);
    ask(f, ROOT, "DELETE", "/bucket/key", "", NULL); /* which waits for nobody who is not there */
    PASS_UNTIL(f, 1000, fake_copy_total(f->gateway.cluster) == 0 && meta_gc_backlog(f->gateway.meta) == 0);
}

/* ---- uploads that nobody completes ------------------------------------------------------------------------------- */

static unsigned count_uploads(struct fixture *f)
{
    unsigned count = 0;

    assert_int_equal(ask(f, ROOT, "GET", "/bucket?uploads", "", NULL), 200);
    for (const char *at = f->answer.body; (at = strstr(at, "<Upload>")) != NULL; at++)
        count++;
    return count;
}

static void old_uploads_are_aborted(void **state)
{
    struct fixture *f = *state;
    uint64_t start_ms = clock_monotonic_ms();

    f->gateway.options.upload_expiry_ms = 2000 * HOUR_MS;
    assert_answer(f, ROOT, "POST", "/bucket/old?uploads", "", "", 200, "");
    jobs_start(f);
    fixture_pass(f, 1000 * HOUR_MS);
    assert_answer(f, ROOT, "POST", "/bucket/young?uploads", "", "", 200, "");
    assert_int_equal(count_uploads(f), 2);
    PASS_UNTIL(f, 10 * HOUR_MS, count_uploads(f) == 1);
    assert_true(clock_monotonic_ms() - start_ms >= 2000 * HOUR_MS);
    assert_non_null(strstr(f->answer.body, "<Key>young</Key>"));
    PASS_UNTIL(f, 10 * HOUR_MS, count_uploads(f) == 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, jobs_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_missing_is_found_at_the_start),
        CASE(what_is_being_written_is_not_missing),
        CASE(what_is_whole_is_left_alone),
        CASE(a_node_that_returns_is_compared_and_admitted),
        CASE(a_node_that_changes_meanwhile_is_compared_again),
        CASE(a_node_that_stays_away_is_given_up),
        CASE(copies_that_are_too_many_go),
        CASE(a_copy_that_others_may_need_stays),
        CASE(a_copy_stays_until_the_others_were_compared),
        CASE(a_copy_stays_while_younger_rows_count_others),
        CASE(what_is_missing_is_taken_back_from_the_trash),
        CASE(old_orphans_go_to_the_trash_and_young_ones_stay),
        CASE(too_many_orphans_are_not_believed),
        CASE(a_node_that_is_not_listed_is_given_up),
        CASE(old_uploads_are_aborted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
