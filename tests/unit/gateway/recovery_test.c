/* What may be served, given what the nodes say that they hold: how many must be asked, whose word counts, and which
 * database is refused for which reason. */
#include "tests/unit/gateway/fixture.h"

#include "base/change_record.h"
#include "base/check.h"
#include "base/clock.h"
#include "gateway/replication/survey.h"
#include "meta/history.h"

#define COPIES 2 /* of four nodes: three must answer */

static const uint8_t cluster_id[16] = "recovery's tests";

/* A call that waits for the clock, on a thread of its own. */
struct call {
    enum status (*fn)(struct call *call);
    struct recovery_config config;
    unsigned wanted;
    uint32_t local;
    struct survey survey;
    struct taken_over taken;
    enum status status;
    atomic_bool done;
};

static void *call_thread(void *arg)
{
    struct call *call = arg;

    call->status = call->fn(call);
    call->done = true;
    return NULL;
}

/* Lets time pass until the call has ended; returns how much. */
static uint64_t run(struct fixture *f, struct call *call)
{
    uint64_t start_ms = clock_monotonic_ms();
    pthread_t thread;

    call->done = false;
    assert_int_equal(pthread_create(&thread, NULL, call_thread, call), 0);
    while (!call->done) {
        fixture_pass(f, 1000);
        usleep(200);
    }
    pthread_join(thread, NULL);
    return clock_monotonic_ms() - start_ms;
}

static enum status ask_nodes(struct call *call)
{
    return survey_run(&call->survey, &call->config, call->wanted);
}

static enum status fence_nodes(struct call *call)
{
    return survey_fence(&call->survey, call->local);
}

static enum status check(struct call *call)
{
    buffer_release(&call->taken.record);
    return recovery_check(&call->config, &call->taken);
}

static char local_path[96];

static struct call call_of(struct fixture *f, enum status (*fn)(struct call *call))
{
    snprintf(local_path, sizeof(local_path), "%s/local", f->directory);
    return (struct call){.fn = fn,
                         .wanted = 3,
                         .config = {.cluster = f->gateway.cluster,
                                    .loop = f->gateway.loops.loops[0],
                                    .pool = f->gateway.pool,
                                    .data_dir = f->directory,
                                    .meta_path = local_path,
                                    .cluster_id = cluster_id,
                                    .copies = COPIES}};
}

#define EPOCH(generation) (((uint64_t)(generation) << 32) | 1)

/* What the node holds; epoch 0: nothing. */
static void hold(struct fixture *f, unsigned number, uint64_t epoch, uint64_t sequence)
{
    fake_node(f->gateway.cluster, number)->replica =
        (struct cluster_meta_state){.epoch = epoch, .sequence = sequence, .knows_fences = true};
}

static void all_hold(struct fixture *f, uint64_t epoch, uint64_t sequence)
{
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        hold(f, number, epoch, sequence);
}

static void lose(struct fixture *f, unsigned number)
{
    hold(f, number, 0, 0);
    fake_node(f->gateway.cluster, number)->replica.lost = true;
}

/* ---- how many ---------------------------------------------------------------------------------------------------- */

static void so_many_nodes_must_be_asked(void **state)
{
    static const struct {
        unsigned nodes, copies, any_holder, nearly_all;
    } rows[] = {
        {4, 2, 3, 3}, {4, 1, 4, 4}, {4, 3, 2, 3}, {4, 4, 1, 3}, {4, 5, 4, 4},
        {4, 0, 4, 3}, {1, 1, 1, 1}, {2, 1, 2, 2}, {3, 2, 2, 2}, {8, 2, 7, 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct recovery_config config = {.cluster = fake_cluster_create(rows[i].nodes, FIXTURE_CHUNK_BYTES),
                                               .copies = rows[i].copies};

        assert_int_equal(survey_any_holder(&config), rows[i].any_holder);
        assert_int_equal(survey_nearly_all(&config), rows[i].nearly_all);
        cluster_free(config.cluster);
    }
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static void three_of_four_are_enough(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, EPOCH(1), 10);
    fake_cluster_down(f->gateway.cluster, 2, true);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
    assert_int_equal(call.survey.answered_count, 3);
    assert_int_equal(call.survey.holder_count, 3);
}

/* They may be starting, too; but not for ever. */
static void nodes_that_are_away_are_waited_for(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, EPOCH(1), 10);
    fake_cluster_down(f->gateway.cluster, 1, true);
    fake_cluster_down(f->gateway.cluster, 2, true);
    assert_in_range(run(f, &call), 30000, 100000000);
    assert_int_equal(call.status, STATUS_UNAVAILABLE);
}

/* The node starts while the call waits for it. */
static void run_with_late(struct fixture *f, struct call *call, unsigned number)
{
    struct fake_node *late = fake_node(f->gateway.cluster, number);
    pthread_t thread;
    unsigned until = late->calls[FAKE_META] + 3;

    call->done = false;
    late->fails[FAKE_META] = STATUS_UNAVAILABLE;
    assert_int_equal(pthread_create(&thread, NULL, call_thread, call), 0);
    while (late->calls[FAKE_META] < until && !call->done) { /* a tenth of a second between two */
        fixture_pass(f, 100);
        usleep(200);
    }
    assert_false(call->done);
    late->fails[FAKE_META] = STATUS_OK;
    while (!call->done) {
        fixture_pass(f, 100);
        usleep(200);
    }
    pthread_join(thread, NULL);
}

static void a_node_that_starts_meanwhile_is_heard(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, EPOCH(1), 10);
    fake_cluster_down(f->gateway.cluster, 2, true);
    run_with_late(f, &call, 1);
    assert_int_equal(call.status, STATUS_OK);
}

/* Those that can be reached are enough: nobody is waited for. */
static void who_only_looks_waits_for_nobody(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    call.wanted = 0;
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_cluster_down(f->gateway.cluster, number, true);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
    assert_int_equal(call.survey.answered_count, 0);
    assert_int_equal(fake_node(f->gateway.cluster, 1)->calls[FAKE_META], 0);
}

static void a_new_cluster_holds_nothing(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, 0, 0);
    fake_cluster_down(f->gateway.cluster, 4, true);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
    assert_int_equal(survey_best(&call.survey), FIXTURE_NODES);
}

/* With three answers of which two hold something, the fourth may hold more. */
static void nodes_that_hold_nothing_prove_nothing(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, EPOCH(1), 10);
    hold(f, 3, 0, 0);
    fake_cluster_down(f->gateway.cluster, 4, true);
    run(f, &call);
    assert_int_equal(call.status, STATUS_UNAVAILABLE);
    fake_cluster_down(f->gateway.cluster, 4, false); /* when all have spoken there is nothing more to learn */
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
}

/* What two lost may have been acknowledged; the operator may say that it is not to be waited for. */
static void what_nodes_lost_may_have_been_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, EPOCH(1), 10);
    lose(f, 1);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK); /* three others hold something */
    lose(f, 2);
    run(f, &call);
    assert_int_equal(call.status, STATUS_UNAVAILABLE);
    call.config.restore_from = 3;
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
}

static void a_node_of_another_cluster_ends_it(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, EPOCH(1), 10);
    fake_node(f->gateway.cluster, 3)->fails[FAKE_META] = STATUS_DENIED;
    run(f, &call);
    assert_int_equal(call.status, STATUS_DENIED);
    assert_int_equal(call.survey.denied, 3);
}

static void the_most_advanced_is_of_the_latest_generation(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    hold(f, 1, EPOCH(1), 99);
    hold(f, 2, EPOCH(2), 10);
    hold(f, 3, EPOCH(2), 11);
    hold(f, 4, EPOCH(2), 9);
    run(f, &call);
    assert_int_equal(survey_best(&call.survey), 2);
    fake_node(f->gateway.cluster, 3)->fails[FAKE_META] = STATUS_IO; /* who did not answer is not chosen */
    run(f, &call);
    assert_int_equal(survey_best(&call.survey), 1);
}

/* ---- the fence --------------------------------------------------------------------------------------------------- */

static void a_fence_is_above_all_that_is_known(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, EPOCH(5), 10);
    fake_node(f->gateway.cluster, 2)->replica.fence = 7;
    fake_cluster_down(f->gateway.cluster, 4, true);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
    call.fn = fence_nodes;
    call.local = 6;
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
    for (unsigned number = 1; number <= 3; number++)
        assert_int_equal(fake_node(f->gateway.cluster, number)->replica.fence, 7 + LINEAGE_RESTORE_GAP);
    assert_int_equal(fake_node(f->gateway.cluster, 4)->replica.fence, 0);
    call.local = 1000000;
    run(f, &call);
    assert_int_equal(call.survey.fence, 1000000 + LINEAGE_RESTORE_GAP);
}

static void a_fence_that_too_few_have_is_none(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, EPOCH(5), 10);
    run(f, &call);
    fake_node(f->gateway.cluster, 1)->fails[FAKE_META] = STATUS_IO;
    fake_node(f->gateway.cluster, 2)->fails[FAKE_META] = STATUS_IO;
    call.fn = fence_nodes;
    run(f, &call);
    assert_int_equal(call.status, STATUS_UNAVAILABLE);
}

/* Nobody is fenced when one cannot be. */
static void a_node_of_an_earlier_build_is_upgraded_first(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, ask_nodes);

    all_hold(f, EPOCH(5), 10);
    fake_node(f->gateway.cluster, 4)->replica.knows_fences = false;
    run(f, &call);
    call.fn = fence_nodes;
    run(f, &call);
    assert_int_equal(call.status, STATUS_CONFLICT);
    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        assert_int_equal(fake_node(f->gateway.cluster, number)->replica.fence, 0);
}

/* ---- what may be served ------------------------------------------------------------------------------------------ */

/* Makes a local database with a bucket in it; returns where it is. */
static struct meta_position make_local(struct fixture *f, const struct call *call)
{
    const struct meta_options options = {
        .path = call->config.meta_path, .cluster_id = cluster_id, .pool = f->gateway.pool};
    struct meta_position position;
    struct meta *meta;

    assert_int_equal(meta_open(&options, &meta), STATUS_OK);
    assert_int_equal(meta_bucket_create(meta, BYTES("bucket"), false, (struct bytes){0}, NULL), STATUS_OK);
    meta_position(meta, &position);
    meta_close(meta);
    return position;
}

static void an_empty_cluster_may_be_served(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);

    all_hold(f, 0, 0);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
}

static void without_a_database_what_the_nodes_hold_is_restored_first(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);

    all_hold(f, 0, 0);
    hold(f, 2, EPOCH(1), 1);
    run(f, &call);
    assert_int_equal(call.status, STATUS_CONFLICT);
}

/* Two of four say that they hold nothing: the other two may hold everything. */
static void without_a_database_nearly_all_must_answer(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);

    all_hold(f, 0, 0);
    fake_cluster_down(f->gateway.cluster, 1, true);
    fake_cluster_down(f->gateway.cluster, 2, true);
    run(f, &call);
    assert_int_equal(call.status, STATUS_UNAVAILABLE);
}

static void a_database_that_holds_all_may_be_served(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct meta_position position = make_local(f, &call);

    all_hold(f, position.epoch, position.sequence);
    hold(f, 1, position.epoch, position.sequence - 1);
    hold(f, 2, 0, 0);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
    for (unsigned number = 1; number <= FIXTURE_NODES; number++) /* they are checked when they return */
        fake_cluster_down(f->gateway.cluster, number, true);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
}

static void a_database_that_is_behind_is_refused(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct meta_position position = make_local(f, &call);

    all_hold(f, position.epoch, position.sequence);
    hold(f, 3, position.epoch, position.sequence + 1);
    run(f, &call);
    assert_int_equal(call.status, STATUS_CONFLICT);
}

/* ---- ahead by one record, and beside ------------------------------------------------------------------------------
 */

/* What another process made of a copy of the local database: two records, and where they lead to. */
struct ahead {
    struct meta_position local, positions[2];
    struct buffer records[2]; /* the first begins an epoch, the second goes on in it */
};

static void make_ahead(struct fixture *f, const struct call *call, struct ahead *ahead)
{
    char path[128], command[320];
    struct meta *meta;

    ahead->local = make_local(f, call);
    snprintf(path, sizeof(path), "%s.copy", call->config.meta_path);
    snprintf(command, sizeof(command), "cp -r %s %s", call->config.meta_path, path);
    assert_int_equal(system(command), 0);
    const struct meta_options options = {.path = path, .cluster_id = cluster_id, .pool = f->gateway.pool};
    assert_int_equal(meta_open(&options, &meta), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        const struct meta_position *before = i ? &ahead->positions[0] : &ahead->local;
        assert_int_equal(meta_bucket_create(meta, i ? BYTES("second") : BYTES("first"), false, BYTES(""), NULL),
                         STATUS_OK);
        meta_position(meta, &ahead->positions[i]);
        buffer_init(&ahead->records[i], CHANGE_RECORD_MAX);
        assert_int_equal(meta_changes_read(meta, before->sequence + 1, &ahead->records[i]), STATUS_OK);
    }
    meta_close(meta);
    assert_true(ahead->positions[0].epoch != ahead->local.epoch);
    assert_true(ahead->positions[1].epoch == ahead->positions[0].epoch);
}

static void ahead_release(struct ahead *ahead)
{
    buffer_release(&ahead->records[0]);
    buffer_release(&ahead->records[1]);
}

static void hold_last(struct fixture *f, unsigned number, const struct meta_position *position,
                      const struct buffer *record)
{
    hold(f, number, position->epoch, position->sequence);
    fake_node(f->gateway.cluster, number)->last_record = buffer_bytes(record);
}

static void check_local_is_at(const struct call *call, const struct meta_position *position)
{
    struct meta_position local;
    struct lineage lineage;

    assert_int_equal(meta_position_peek(call->config.meta_path, cluster_id, &local, &lineage), STATUS_OK);
    assert_true(local.epoch == position->epoch && local.sequence == position->sequence);
}

static void a_record_that_was_not_durable_here_is_taken_over(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct ahead ahead;

    make_ahead(f, &call, &ahead);
    all_hold(f, ahead.local.epoch, ahead.local.sequence);
    for (int i = 0; i < 2; i++) {
        hold_last(f, 3, &ahead.positions[i], &ahead.records[i]);
        run(f, &call);
        assert_int_equal(call.status, STATUS_OK);
        check_local_is_at(&call, &ahead.positions[i]);
        assert_true(bytes_equal(buffer_bytes(&call.taken.record), buffer_bytes(&ahead.records[i])));
        assert_int_equal(call.taken.holder_count, 1); /* who else has what it carried is not known */
        assert_int_equal(call.taken.holders[0], 3);
    }
    run(f, &call); /* once is enough */
    assert_int_equal(call.status, STATUS_OK);
    check_local_is_at(&call, &ahead.positions[1]);
    assert_int_equal(call.taken.record.len, 0);
    assert_int_equal(call.taken.holder_count, 0);
    ahead_release(&ahead);
}

/* All machines start at once: one of the two that have the record is heard before anything is begun without it. */
static void those_that_start_too_are_waited_for(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct ahead ahead;

    make_ahead(f, &call, &ahead);
    all_hold(f, ahead.local.epoch, ahead.local.sequence);
    hold_last(f, 3, &ahead.positions[0], &ahead.records[0]);
    hold_last(f, 4, &ahead.positions[0], &ahead.records[0]);
    fake_cluster_down(f->gateway.cluster, 4, true);
    run_with_late(f, &call, 3);
    assert_int_equal(call.status, STATUS_OK);
    check_local_is_at(&call, &ahead.positions[0]);
    fake_cluster_down(f->gateway.cluster, 3, true); /* but not for ever */
    assert_in_range(run(f, &call), 3000, 100000000);
    assert_int_equal(call.status, STATUS_OK);
    ahead_release(&ahead);
}

/* A node that goes away between two questions proves no loss, and nobody is told to restore. */
static void a_node_that_falls_silent_proves_nothing(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct ahead ahead;

    make_ahead(f, &call, &ahead);
    all_hold(f, ahead.local.epoch, ahead.local.sequence);
    hold_last(f, 3, &ahead.positions[0], &ahead.records[0]);
    fake_node(f->gateway.cluster, 3)->last_unanswered = 1000;
    run(f, &call);
    assert_int_equal(call.status, STATUS_UNAVAILABLE);
    check_local_is_at(&call, &ahead.local);
    fake_node(f->gateway.cluster, 3)->last_unanswered = 2; /* it is asked again */
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
    check_local_is_at(&call, &ahead.positions[0]);
    buffer_release(&call.taken.record);
    ahead_release(&ahead);
}

/* Whatever a node has more than one record is a loss, and so is what nobody has any more. */
static void more_than_one_record_is_a_loss(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct ahead ahead;

    make_ahead(f, &call, &ahead);
    all_hold(f, ahead.local.epoch, ahead.local.sequence);
    hold_last(f, 3, &ahead.positions[1], &ahead.records[1]);
    run(f, &call);
    assert_int_equal(call.status, STATUS_CONFLICT);
    hold_last(f, 2, &ahead.positions[0],
              &ahead.records[0]); /* another has the one between: it is behind all the same */
    run(f, &call);
    assert_int_equal(call.status, STATUS_CONFLICT);
    hold_last(f, 3, &ahead.positions[1], &ahead.records[0]); /* not what brought it there */
    hold(f, 2, ahead.local.epoch, ahead.local.sequence);
    run(f, &call);
    assert_int_equal(call.status, STATUS_CONFLICT);
    check_local_is_at(&call, &ahead.local);
    ahead_release(&ahead);
}

/* The database went on without the record. It was never acknowledged when so many others do not have it. */
static void a_record_that_was_not_acknowledged_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct ahead ahead;
    struct meta_position now;
    struct meta *meta;
    const struct meta_options options = {
        .path = call.config.meta_path, .cluster_id = cluster_id, .pool = f->gateway.pool};

    make_ahead(f, &call, &ahead);
    assert_int_equal(meta_open(&options, &meta), STATUS_OK);
    assert_int_equal(meta_bucket_create(meta, BYTES("own"), false, BYTES(""), NULL), STATUS_OK);
    meta_position(meta, &now);
    meta_close(meta);
    all_hold(f, now.epoch, now.sequence);
    hold_last(f, 3, &ahead.positions[0], &ahead.records[0]);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK);
    check_local_is_at(&call, &now);
    fake_cluster_down(f->gateway.cluster, 1, true); /* it may be the other one that has it */
    assert_in_range(run(f, &call), 3000, 100000000);
    assert_int_equal(call.status, STATUS_CONFLICT);
    fake_cluster_down(f->gateway.cluster, 1, false);
    run_with_late(f, &call, 1); /* it starts just now */
    assert_int_equal(call.status, STATUS_OK);
    hold_last(f, 3, &ahead.positions[1], &ahead.records[1]); /* two records */
    run(f, &call);
    assert_int_equal(call.status, STATUS_CONFLICT);
    ahead_release(&ahead);
}

static void a_database_with_another_history_is_refused(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct meta_position position = make_local(f, &call);

    all_hold(f, position.epoch, position.sequence);
    hold(f, 4, position.epoch - 1, position.sequence);
    run(f, &call);
    assert_int_equal(call.status, STATUS_CONFLICT);
}

static void a_database_that_was_replaced_is_refused(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct meta_position position = make_local(f, &call);

    all_hold(f, position.epoch, position.sequence);
    fake_node(f->gateway.cluster, 4)->replica.fence = change_generation(position.epoch);
    run(f, &call);
    assert_int_equal(call.status, STATUS_OK); /* its own */
    fake_node(f->gateway.cluster, 4)->replica.fence++;
    run(f, &call);
    assert_int_equal(call.status, STATUS_PRECONDITION);
}

static void a_database_of_another_cluster_is_refused(void **state)
{
    static const uint8_t another[16] = "another cluster";
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    struct meta_position position = make_local(f, &call);

    all_hold(f, position.epoch, position.sequence);
    call.config.cluster_id = another;
    run(f, &call);
    assert_int_equal(call.status, STATUS_DENIED);
}

static void a_database_in_use_is_refused(void **state)
{
    struct fixture *f = *state;
    struct call call = call_of(f, check);
    const struct meta_options options = {
        .path = call.config.meta_path, .cluster_id = cluster_id, .pool = f->gateway.pool};
    struct meta *meta;

    assert_int_equal(meta_open(&options, &meta), STATUS_OK);
    run(f, &call);
    meta_close(meta);
    assert_int_equal(call.status, STATUS_UNAVAILABLE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_nodes_must_be_asked),
        CASE(three_of_four_are_enough),
        CASE(nodes_that_are_away_are_waited_for),
        CASE(a_node_that_starts_meanwhile_is_heard),
        CASE(who_only_looks_waits_for_nobody),
        CASE(a_new_cluster_holds_nothing),
        CASE(nodes_that_hold_nothing_prove_nothing),
        CASE(what_nodes_lost_may_have_been_acknowledged),
        CASE(a_node_of_another_cluster_ends_it),
        CASE(the_most_advanced_is_of_the_latest_generation),
        CASE(a_fence_is_above_all_that_is_known),
        CASE(a_fence_that_too_few_have_is_none),
        CASE(a_node_of_an_earlier_build_is_upgraded_first),
        CASE(an_empty_cluster_may_be_served),
        CASE(without_a_database_what_the_nodes_hold_is_restored_first),
        CASE(without_a_database_nearly_all_must_answer),
        CASE(a_database_that_holds_all_may_be_served),
        CASE(a_database_that_is_behind_is_refused),
        CASE(a_record_that_was_not_durable_here_is_taken_over),
        CASE(those_that_start_too_are_waited_for),
        CASE(a_node_that_falls_silent_proves_nothing),
        CASE(more_than_one_record_is_a_loss),
        CASE(a_record_that_was_not_acknowledged_is_passed_over),
        CASE(a_database_with_another_history_is_refused),
        CASE(a_database_that_was_replaced_is_refused),
        CASE(a_database_of_another_cluster_is_refused),
        CASE(a_database_in_use_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
