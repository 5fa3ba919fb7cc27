/* Small chunks that ride with commits, against nodes that store, stall, fail or are full: who gets what in which order,
 * who stands in for whom, and when a change is acknowledged. Whatever a test does, the nodes watch the rule: nobody is
 * handed a record whose chunks it does not store before two nodes hold it. */
#include "tests/unit/gateway/carried_nodes.h"

/* ---- the gateway's part ---------------------------------------------------------------------------------------- */

static void sync_start(struct fixture *f)
{
    const struct replication_config config = {.cluster = fake.cluster,
                                              .pool = f->support.pool,
                                              .copies = COPIES,
                                              .node_timeout_ms = 3000,
                                              .stall_ms = STALL_MS,
                                              .check_interval_ms = 100,
                                              .bandwidth = &f->bandwidth};
    f->sync = replication_create(&config);
    const struct meta_options options = {.path = f->support.path,
                                         .cluster_id = support_cluster,
                                         .pool = f->support.pool,
                                         .cache_bytes = 1 << 20,
                                         .replication = replication_hooks(f->sync)};
    OK(meta_open(&options, &f->support.meta));
    replication_start(f->sync, f->support.meta, fake.loops.loops[0]);
}

static void sync_stop(struct fixture *f)
{
    if (!f->sync)
        return;
    replication_stop(f->sync);
    meta_close(f->support.meta);
    replication_free(f->sync);
    f->sync = NULL;
    f->support.meta = NULL;
}

static uint64_t local_sequence(struct fixture *f)
{
    struct meta_position position;
    meta_position(f->support.meta, &position);
    return position.sequence;
}

static void wait_nodes_with(struct fixture *f, unsigned count)
{
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS, sequence = local_sequence(f);
    while (holders(sequence) < count) {
        assert_true(clock_monotonic_ms() < until_ms);
        usleep(2000);
    }
}

static void cluster_begin(void)
{
    struct cluster_config config = fake_config();
    config.stall_ms = STALL_MS;
    fake_start_cluster(&config);
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    *state = running = f;
    blocks_count = 0;
    memset(f->bytes, 'b', sizeof(f->bytes));
    strcpy(f->support.path, "/tmp/tercet-carried-XXXXXX");
    assert_non_null(mkdtemp(f->support.path));
    f->support.pool = pool_create(2, "carried");
    f->bandwidth.bytes_per_s = 1u << 30;
    fake_start_nodes(0);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].meta = handle_meta;
    cluster_begin();
    sync_start(f);
    wait_nodes_with(f, FAKE_NODES);
    support_bucket(&f->support, "bucket", true, &f->bucket);
    wait_nodes_with(f, FAKE_NODES);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unsigned early = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        f->nodes[i].fault = STORES;
        early += f->nodes[i].early;
    }
    sync_stop(f);
    fake_stop();
    return support_teardown(state) || early;
}

/* An object of one small chunk. */
static enum status put(struct fixture *f, const char *key, struct chunk_id *id)
{
    struct meta_object object = {.size = sizeof(f->bytes)};
    struct chunk_list chunks = {.carried = f->bytes};
    struct chunk_ref ref = {.size = sizeof(f->bytes), .crc32c = crc32c_update(0, f->bytes, sizeof(f->bytes))};
    chunk_id_create(&ref.id);
    *id = ref.id;
    chunk_list_append(&chunks, &ref);
    enum status status = meta_object_put(f->support.meta, f->bucket.id, KEY(key), &object, &chunks, NULL);
    chunk_list_release(&chunks);
    return status;
}

static bool has(unsigned node, const struct chunk_id *id)
{
    return fake_find(&fake.nodes[node - 1], id) != NULL;
}

static unsigned stored_on(const struct chunk_id *id)
{
    unsigned count = 0;
    for (unsigned i = 1; i <= FAKE_NODES; i++)
        count += has(i, id);
    return count;
}

/* What is recorded: good copies on nodes that have it. */
static void assert_recorded(struct fixture *f, const struct chunk_id *id, unsigned good)
{
    struct meta_chunk chunk;
    OK(meta_chunk_get(f->support.meta, id, &chunk));
    assert_int_equal(chunk.ref.copies - __builtin_popcount(chunk.bad), good);
    for (unsigned i = 0; i < chunk.ref.copies; i++)
        if (!(chunk.bad >> i & 1))
            assert_true(has(chunk.ref.nodes[i], id));
}

/* The one that was not to store it. */
static unsigned other_node(const struct meta_chunk *chunk)
{
    return 10 - chunk->ref.nodes[0] - chunk->ref.nodes[1] - chunk->ref.nodes[2];
}

static bool is_recorded_on(const struct meta_chunk *chunk, unsigned node)
{
    for (unsigned i = 0; i < chunk->ref.copies; i++)
        if (chunk->ref.nodes[i] == node)
            return true;
    return false;
}

/* Whoever has it is in its row, which is corrected in a commit of its own; so many copies count. */
static void wait_recorded(struct fixture *f, const struct chunk_id *id, unsigned good)
{
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    struct meta_chunk chunk;
    for (bool all = false; !all; usleep(2000)) {
        assert_true(clock_monotonic_ms() < until_ms);
        OK(meta_chunk_get(f->support.meta, id, &chunk));
        all = chunk.ref.copies - __builtin_popcount(chunk.bad) == (int)good;
        for (unsigned node = 1; node <= FAKE_NODES; node++)
            all = all && (!has(node, id) || is_recorded_on(&chunk, node));
    }
    assert_recorded(f, id, good);
}

/* A commit is seen before it is counted. */
static void wait_repair_queued(struct fixture *f)
{
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    while (meta_repair_backlog(f->support.meta) == 0) {
        assert_true(clock_monotonic_ms() < until_ms);
        usleep(2000);
    }
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void test_three_store_it_and_all_follow(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    for (unsigned i = 0; i < 12; i++) {
        OK(put(f, "key", &id));
        assert_int_equal(stored_on(&id), 3); /* when it is acknowledged */
        assert_recorded(f, &id, 3);
    }
    wait_nodes_with(f, FAKE_NODES);
    assert_int_equal(stored_on(&id), 3);
}

/* One of them stalls: the fourth stands in, and the row says so. */
static void test_a_silent_node_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    f->nodes[1].fault = SILENT;
    for (unsigned i = 0; i < 6; i++) {
        OK(put(f, "key", &id));
        assert_recorded(f, &id, 3);
        assert_false(has(2, &id));
    }
    f->nodes[1].fault = STORES;
    wait_nodes_with(f, FAKE_NODES);
}

static void test_a_node_that_fails_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    f->nodes[2].fault = FAILS;
    for (unsigned i = 0; i < 6; i++) {
        OK(put(f, "key", &id));
        assert_recorded(f, &id, 3);
    }
    f->nodes[2].fault = STORES;
    wait_nodes_with(f, FAKE_NODES);
}

/* It follows the metadata without the chunks. */
static void test_a_full_node_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    f->nodes[0].fault = ENDED;
    fake.nodes[0].full = true;
    for (unsigned i = 0; i < 6; i++) {
        OK(put(f, "key", &id));
        assert_recorded(f, &id, 3);
        assert_false(has(1, &id));
        wait_nodes_with(f, FAKE_NODES);
    }
}

/* A disk and what it says of itself. The gateway learns it from answers, or by its next check. */
static void nodes_become(struct fixture *f, unsigned from, unsigned to, enum meta_fault fault)
{
    for (unsigned i = from; i <= to; i++) {
        fake.nodes[i - 1].full = fault == FULL || fault == ENDED;
        f->nodes[i - 1].fault = fault;
    }
}

static void wait_full(bool full)
{
    struct cluster_node_info info;
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        for (cluster_node_info(fake.cluster, i, &info); info.full != full; usleep(2000)) {
            assert_true(clock_monotonic_ms() < until_ms);
            cluster_node_info(fake.cluster, i, &info);
        }
}

static void assert_deletes(struct fixture *f, const char *key)
{
    struct meta_deletion result = {0};
    OK(meta_object_delete(f->support.meta, f->bucket.id, KEY(key), NULL, NULL, NULL, &result));
    wait_nodes_with(f, FAKE_NODES);
}

/* What is under way when the nodes become full is stored all the same. Their answers say so, no check: nothing is
 * placed there from then on, and deletions go on. */
static void test_all_nodes_become_full(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id, other;
    nodes_become(f, 1, FAKE_NODES, FULL);
    OK(put(f, "key", &id));
    assert_recorded(f, &id, 3);
    assert_int_equal(put(f, "key", &other), STATUS_UNAVAILABLE); /* and then the ordinary way, which is told 507 */
    assert_int_equal(stored_on(&other), 0);
    assert_deletes(f, "key");
    nodes_become(f, 1, FAKE_NODES, STORES);
    wait_full(false);
    OK(put(f, "key", &id));
    assert_recorded(f, &id, 3);
}

/* The other two store what comes. */
static void test_two_nodes_become_full(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    nodes_become(f, 1, 2, FULL);
    for (unsigned i = 0; i < 6; i++) {
        OK(put(f, "key", &id));
        assert_recorded(f, &id, i == 0 ? 3 : 2);
        wait_nodes_with(f, FAKE_NODES);
    }
    assert_false(has(1, &id) || has(2, &id));
    assert_deletes(f, "key");
}

/* A group that is in the log only, when the process starts and finds all nodes full. */
static void test_full_nodes_store_what_is_in_the_log(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    nodes_become(f, 1, FAKE_NODES, FAILS);
    assert_int_equal(put(f, "key", &id), STATUS_UNCERTAIN);
    assert_int_equal(stored_on(&id), 0);
    sync_stop(f);
    cluster_stop(fake.cluster);
    cluster_free(fake.cluster);
    nodes_become(f, 1, FAKE_NODES, FULL);
    cluster_begin();
    wait_full(true);
    sync_start(f);
    wait_nodes_with(f, FAKE_NODES);
    assert_int_equal(stored_on(&id), 3);
    assert_recorded(f, &id, 3);
    assert_deletes(f, "key");
}

/* The same when its nodes but one stay away: a full one stands in. */
static void test_a_full_node_stands_in(void **state)
{
    struct fixture *f = *state;
    struct meta_chunk chunk;
    struct chunk_id id;
    nodes_become(f, 1, FAKE_NODES, FAILS);
    assert_int_equal(put(f, "key", &id), STATUS_UNCERTAIN);
    OK(meta_chunk_get(f->support.meta, &id, &chunk));
    for (unsigned i = 1; i <= FAKE_NODES; i++)
        if (i != chunk.ref.nodes[0] && i != chunk.ref.nodes[1])
            nodes_become(f, i, i, FULL);
    wait_nodes_with(f, 2);
    assert_int_equal(stored_on(&id), 2);
}

/* With no room in the reserves either nothing is acknowledged, and nothing handed on without its bytes; that goes on
 * when there is room. */
static void test_nodes_at_their_end(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    nodes_become(f, 1, FAKE_NODES, ENDED);
    assert_int_equal(put(f, "key", &id), STATUS_UNCERTAIN);
    assert_int_equal(stored_on(&id), 0);
    nodes_become(f, 1, FAKE_NODES, FULL); /* a little room */
    wait_nodes_with(f, FAKE_NODES);
    assert_true(stored_on(&id) >= 2);
    assert_deletes(f, "key");
}

/* Two of four are lost in the middle: two copies, which queues the repair. */
static void test_two_nodes_are_lost(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    f->nodes[0].fault = f->nodes[1].fault = FAILS;
    OK(put(f, "key", &id));
    assert_recorded(f, &id, 2);
    assert_true(meta_repair_backlog(f->support.meta) > 0);
    f->nodes[0].fault = f->nodes[1].fault = STORES;
    wait_nodes_with(f, FAKE_NODES);
}

/* With one node only it is not acknowledged, and nothing is handed on that has no bytes elsewhere; when the nodes are
 * back they get both. */
static void test_one_node_is_not_enough(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    f->nodes[0].fault = f->nodes[1].fault = f->nodes[2].fault = FAILS;
    assert_int_not_equal(put(f, "key", &id), STATUS_OK);
    f->nodes[0].fault = f->nodes[1].fault = f->nodes[2].fault = STORES;
    wait_nodes_with(f, FAKE_NODES);
    assert_true(replication_wait(f->sync, WAIT_MS));
    assert_true(stored_on(&id) >= 3 || meta_repair_backlog(f->support.meta) > 0);
}

/* What was not handed on when the process ended is in the log, with the bytes. */
static void test_the_log_has_the_bytes(void **state)
{
    struct fixture *f = *state;
    struct chunk_id id;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        f->nodes[i].fault = FAILS;
    assert_int_equal(put(f, "key", &id), STATUS_UNCERTAIN);
    assert_int_equal(stored_on(&id), 0);
    sync_stop(f);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        f->nodes[i].fault = STORES;
    sync_start(f);
    wait_nodes_with(f, FAKE_NODES);
    assert_int_equal(stored_on(&id), 3);
    assert_recorded(f, &id, 3);
}

/* The same when two of its nodes stay away: one of the others stores it in their place, or nothing could go on. */
static void test_a_node_stands_in_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct meta_chunk chunk;
    struct chunk_id id;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        f->nodes[i].fault = FAILS;
    assert_int_equal(put(f, "key", &id), STATUS_UNCERTAIN);
    OK(meta_chunk_get(f->support.meta, &id, &chunk));
    sync_stop(f);
    for (unsigned i = 1; i <= FAKE_NODES; i++)
        if (i != chunk.ref.nodes[0] && i != chunk.ref.nodes[1])
            f->nodes[i - 1].fault = STORES;
    sync_start(f);
    wait_nodes_with(f, 2);
    assert_int_equal(stored_on(&id), 2);
    wait_recorded(f, &id, 2);
    wait_repair_queued(f);
    f->nodes[chunk.ref.nodes[0] - 1].fault = f->nodes[chunk.ref.nodes[1] - 1].fault = STORES;
    wait_nodes_with(f, FAKE_NODES);
    wait_recorded(f, &id, 2); /* they store what is theirs, and a repair finds it */
}

/* Its answer is lost, and it is not asked again: the row promises at least no copies that are not there. */
static void test_a_node_stands_in_and_does_not_say_so(void **state)
{
    struct fixture *f = *state;
    struct meta_chunk chunk;
    struct chunk_id id;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        f->nodes[i].fault = FAILS;
    assert_int_equal(put(f, "key", &id), STATUS_UNCERTAIN);
    OK(meta_chunk_get(f->support.meta, &id, &chunk));
    const unsigned other = other_node(&chunk);
    sync_stop(f);
    f->nodes[chunk.ref.nodes[2] - 1].fault = STORES;
    f->nodes[other - 1].fault = SILENT;
    sync_start(f);
    wait_nodes_with(f, 2);
    f->nodes[other - 1].fault = STORES;
    assert_true(has(other, &id));
    wait_repair_queued(f);
    assert_recorded(f, &id, 1);
}

struct put_call {
    struct fixture *f;
    struct chunk_id id;
    enum status status;
};

static void *put_alone(void *arg)
{
    struct put_call *call = arg;
    call->status = put(call->f, "key", &call->id);
    return NULL;
}

/* The only chunk that is recorded. False: there is none yet. */
static bool only_chunk(struct fixture *f, struct meta_chunk *chunk)
{
    size_t count = 0;
    OK(meta_chunk_walk(f->support.meta, NULL, 1, chunk, &count));
    return count == 1;
}

/* Begins a PUT that no node answers; the nodes of its group by their numbers, and the other one. */
static void put_begin(struct fixture *f, struct put_call *call, pthread_t *thread, unsigned nodes[4])
{
    struct meta_chunk chunk;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        f->nodes[i].fault = SILENT;
    *call = (struct put_call){.f = f};
    assert_int_equal(pthread_create(thread, NULL, put_alone, call), 0);
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    while (!only_chunk(f, &chunk)) {
        assert_true(clock_monotonic_ms() < until_ms);
        usleep(1000);
    }
    for (unsigned i = 0; i < 3; i++)
        nodes[i] = chunk.ref.nodes[i];
    nodes[3] = other_node(&chunk);
}

/* All nodes of the group fail, and one that stands in is not enough: the copy that it has is recorded later. */
static void test_a_group_is_given_up_with_a_stand_in(void **state)
{
    struct fixture *f = *state;
    struct put_call call;
    unsigned nodes[4];
    pthread_t thread;
    put_begin(f, &call, &thread, nodes);
    for (unsigned i = 0; i < 3; i++)
        f->nodes[nodes[i] - 1].fault = FAILS;
    f->nodes[nodes[3] - 1].fault = STORES;
    pthread_join(thread, NULL);
    assert_int_equal(call.status, STATUS_UNCERTAIN);
    assert_int_equal(stored_on(&call.id), 1);
    assert_true(has(nodes[3], &call.id));
    for (unsigned i = 0; i < FAKE_NODES; i++)
        f->nodes[i].fault = STORES;
    wait_nodes_with(f, FAKE_NODES);
    wait_recorded(f, &call.id, 1);
    assert_int_equal(stored_on(&call.id), 4);
    wait_repair_queued(f);
}

/* A node of a group that is under way gets a snapshot, which brings no chunks, and the answer to its last page is lost:
 * it does not count as one that stored them. */
static void check_lost_answer(struct fixture *f, enum meta_fault fault)
{
    struct put_call call;
    unsigned nodes[4];
    pthread_t thread;
    put_begin(f, &call, &thread, nodes);
    struct fake_meta *overruled = &f->nodes[nodes[0] - 1];
    overruled->epoch = 5; /* of a history that was given up */
    overruled->sequence = 1000000;
    overruled->fault = fault;
    f->nodes[nodes[1] - 1].fault = f->nodes[nodes[2] - 1].fault = STORES; /* the one that stands in is silent */
    pthread_join(thread, NULL);
    OK(call.status);
    assert_true(overruled->pages > 0);
    assert_false(has(nodes[0], &call.id));
    assert_recorded(f, &call.id, 2);
    f->nodes[nodes[3] - 1].fault = STORES;
    wait_nodes_with(f, FAKE_NODES);
}

static void test_a_snapshot_whose_answer_is_lost_is_one(void **state)
{
    check_lost_answer(*state, LOSES);
}

/* So much that a snapshot has more than one page. */
static void fill_a_page(struct fixture *f)
{
    static char headers[META_HEADERS_MAX];
    char key[16];
    for (unsigned i = 0; i <= CHANGE_PAGE_BYTES / META_HEADERS_MAX; i++) {
        struct meta_object object = {.headers = {headers, sizeof(headers)}};
        struct chunk_list none = {0};
        snprintf(key, sizeof(key), "large-%u", i);
        OK(meta_object_put(f->support.meta, f->bucket.id, KEY(key), &object, &none, NULL));
    }
    wait_nodes_with(f, FAKE_NODES);
}

/* The node is asked where it is before it has loaded the last page; then the next snapshot comes too late. */
static void test_a_snapshot_that_is_loaded_late_is_one(void **state)
{
    fill_a_page(*state);
    check_lost_answer(*state, LATE);
}

/* The recovery took a record over, and knows only of one node that has what it carried. */
static void test_what_was_taken_over_is_repaired(void **state)
{
    struct fixture *f = *state;
    struct taken_over taken = {.holder_count = 1};
    struct chunk_id first, second;
    struct carried_block block;
    struct meta_chunk chunk;
    OK(put(f, "first", &first));
    uint64_t before = local_sequence(f);
    OK(put(f, "second", &second));
    OK(meta_chunk_get(f->support.meta, &second, &chunk));
    taken.holders[0] = chunk.ref.nodes[1];
    buffer_init(&taken.record, CARRIED_BLOCK_MAX + CHANGE_RECORD_MAX);
    OK(meta_changes_read(f->support.meta, before + 1, &taken.record));
    struct bytes record = buffer_bytes(&taken.record);
    OK(carried_block_next(&record, &block));
    memmove(taken.record.data, record.data, record.len);
    taken.record.len = record.len;
    replication_took_over(f->sync, &taken);
    wait_recorded(f, &second, 1);
    OK(meta_chunk_get(f->support.meta, &second, &chunk));
    assert_int_equal(chunk.bad, 1 << 0 | 1 << 2);
    wait_repair_queued(f);
    assert_recorded(f, &first, 3);
    buffer_release(&taken.record);
}

/* A change that no node has, and of whose nodes only the first is back after a restart; the fourth node needs a
 * snapshot, since it holds a history that was given up. */
static struct fake_meta *snapshot_before_settled(struct fixture *f, struct chunk_id *id, struct meta_chunk *chunk,
                                                 enum meta_fault fault)
{
    for (unsigned i = 0; i < FAKE_NODES; i++)
        f->nodes[i].fault = FAILS;
    assert_int_equal(put(f, "key", id), STATUS_UNCERTAIN);
    OK(meta_chunk_get(f->support.meta, id, chunk));
    struct fake_meta *overruled = &f->nodes[other_node(chunk) - 1];
    sync_stop(f);
    overruled->epoch = 5;
    overruled->sequence = 1000000;
    overruled->fault = fault;
    f->nodes[chunk->ref.nodes[0] - 1].fault = STORES;
    sync_start(f);
    return overruled;
}

static void wait_loaded(struct fixture *f, const struct fake_meta *overruled)
{
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    while (overruled->sequence != local_sequence(f)) {
        assert_true(clock_monotonic_ms() < until_ms);
        usleep(2000);
    }
    assert_true(overruled->pages > 0);
}

/* It stores what is not settled with the snapshot, and stands in so for those who are away. */
static void test_a_snapshot_brings_what_is_not_settled(void **state)
{
    struct fixture *f = *state;
    struct meta_chunk chunk;
    struct chunk_id id;
    struct fake_meta *overruled = snapshot_before_settled(f, &id, &chunk, FULL); /* its reserve has room */
    assert_true(replication_wait(f->sync, WAIT_MS));
    wait_loaded(f, overruled);
    assert_int_equal(overruled->brought, 1);
    assert_int_equal(stored_on(&id), 2);
    wait_recorded(f, &id, 2);
    wait_repair_queued(f);
}

/* One that has no room left cannot: its snapshot waits until what it holds is stored elsewhere. */
static void test_a_snapshot_waits(void **state)
{
    struct fixture *f = *state;
    struct meta_chunk chunk;
    struct chunk_id id;
    struct fake_meta *overruled = snapshot_before_settled(f, &id, &chunk, ENDED);
    assert_false(replication_wait(f->sync, 4 * STALL_MS));
    assert_true(has(chunk.ref.nodes[0], &id));
    assert_int_equal(overruled->pages, 0);
    f->nodes[chunk.ref.nodes[1] - 1].fault = STORES;
    assert_true(replication_wait(f->sync, WAIT_MS));
    wait_loaded(f, overruled);
    assert_int_equal(overruled->brought, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_three_store_it_and_all_follow),
        TEST(test_a_silent_node_is_replaced),
        TEST(test_a_node_that_fails_is_replaced),
        TEST(test_a_full_node_is_passed_over),
        TEST(test_all_nodes_become_full),
        TEST(test_two_nodes_become_full),
        TEST(test_full_nodes_store_what_is_in_the_log),
        TEST(test_a_full_node_stands_in),
        TEST(test_nodes_at_their_end),
        TEST(test_two_nodes_are_lost),
        TEST(test_one_node_is_not_enough),
        TEST(test_a_snapshot_brings_what_is_not_settled),
        TEST(test_a_snapshot_waits),
        TEST(test_what_was_taken_over_is_repaired),
        TEST(test_a_snapshot_whose_answer_is_lost_is_one),
        TEST(test_a_snapshot_that_is_loaded_late_is_one),
        TEST(test_the_log_has_the_bytes),
        TEST(test_a_node_stands_in_after_a_restart),
        TEST(test_a_node_stands_in_and_does_not_say_so),
        TEST(test_a_group_is_given_up_with_a_stand_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
