/* Metadata sync against nodes that follow, fail, fall silent, are ahead or come from another history. */
#include "tests/unit/meta/support.h"

#include <inttypes.h>

#include "gateway/replication/replication.h"
#include "gateway/replication/replication_internal.h"
#define FAKE_REAL_TIME
#include "tests/unit/storage/fake_nodes.h"

#define COPIES   2
#define WAIT_MS  20000
#define STALL_MS 1500

enum meta_fault {
    META_FOLLOWS,
    META_ERROR,   /* 500 to every change */
    META_SILENT,  /* takes changes and does not answer */
    META_FORGETS, /* 409 to the next change, as one that lost the record before it, then follows */
};

/* What a fake node holds of the metadata: its position and how it came there. */
struct fake_meta {
    _Atomic enum meta_fault fault;
    _Atomic uint64_t epoch, sequence;
    _Atomic uint64_t before; /* the sequence, before the last record */
    _Atomic uint32_t fence;
    bool knows_no_fences; /* a node of an earlier build */
    struct bytes last;    /* the record that it applied last; the test's */
    _Atomic uint64_t snapshot_started_ms, snapshot_ended_ms;
    atomic_uint batches, pages, page_bytes;
    atomic_uint gaps, wrong_pages; /* what a gateway must never send */
};

struct fixture {
    struct support support; /* must be first: support_* take it */
    struct replication *sync;
    struct bandwidth bandwidth;
    struct fake_meta nodes[FAKE_NODES];
};

static struct fixture *running;

/* ---- the nodes' part ------------------------------------------------------------------------------------------- */

static void reply_with(const struct fake_meta *meta, struct http_request *request, int status, struct bytes body)
{
    char epoch[17];
    snprintf(epoch, sizeof(epoch), "%016" PRIx64, atomic_load(&meta->epoch));
    http_reply_header_str(request, "x-tercet-epoch", epoch);
    http_reply_header_u64(request, "x-tercet-sequence", atomic_load(&meta->sequence));
    if (!meta->knows_no_fences)
        http_reply_header_u64(request, "x-tercet-fence", atomic_load(&meta->fence));
    (void)http_reply(request, status, body);
}

static void reply_position(const struct fake_meta *meta, struct http_request *request, int status)
{
    reply_with(meta, request, status, bytes_of(NULL, 0));
}

static int take_batches(struct fake_meta *meta, struct bytes records)
{
    struct change_record record;
    while (change_record_next(&records, &record) == STATUS_OK) {
        if (change_generation(record.epoch) < meta->fence)
            return 412;
        if (record.first + record.count - 1 <= meta->sequence)
            continue;
        if (record.first != meta->sequence + 1 || change_generation(record.epoch) < change_generation(meta->epoch)) {
            meta->gaps++;
            return 409;
        }
        meta->before = record.first - 1;
        meta->epoch = record.epoch;
        meta->sequence = record.first + record.count - 1;
    }
    meta->batches++;
    return records.len ? 400 : 204;
}

static int take_page(struct fake_meta *meta, struct bytes query, size_t len)
{
    char text[200];
    uint64_t epoch, sequence;
    unsigned page;
    char over[64];
    snprintf(text, sizeof(text), "%.*s", (int)query.len, query.data);
    CHECK(sscanf(text, "epoch=%" SCNx64 "&sequence=%" SCNu64 "&page=%u", &epoch, &sequence, &page) == 3);
    snprintf(over, sizeof(over), "&over=%016" PRIx64 "-%" PRIu64, meta->epoch, meta->sequence);
    if (epoch != meta->epoch && change_generation(epoch) <= change_generation(meta->epoch) && !strstr(text, over))
        return 409;
    if (page == 0) {
        meta->pages = 0;
        meta->page_bytes = 0;
        meta->snapshot_started_ms = clock_monotonic_ms();
    }
    meta->wrong_pages += page != meta->pages;
    meta->pages++;
    meta->page_bytes += (unsigned)len;
    if (strstr(text, "&last=1")) {
        meta->snapshot_ended_ms = clock_monotonic_ms();
        meta->epoch = epoch;
        meta->sequence = sequence;
    }
    return 204;
}

static void handle_meta(struct fake_node *node, struct http_request *request, const struct protocol_auth *auth)
{
    struct fake_meta *meta = &running->nodes[node->number - 1];
    struct buffer body;
    int status = 204;
    if (bytes_equal_str(request->path, "/meta/state")) {
        reply_position(meta, request, 204);
        return;
    }
    if (bytes_equal_str(request->path, "/meta/last")) {
        reply_with(meta, request, 200, meta->last);
        return;
    }
    if (bytes_equal_str(request->path, "/meta/fence")) {
        unsigned generation = 0;
        CHECK(sscanf(request->query.data, "generation=%u", &generation) == 1);
        meta->fence = generation;
        reply_position(meta, request, 204);
        return;
    }
    buffer_init(&body, CHANGE_RECORD_MAX);
    CHECK(http_body_read_all(request, &body) == STATUS_OK);
    CHECK(auth->has_checksum && auth->crc32c == crc32c_update(0, body.data, body.len));
    while (meta->fault == META_SILENT && !node->released && !http_request_is_closed(request))
        task_sleep_ms(5);
    if (meta->fault == META_ERROR) {
        status = 500;
    } else if (meta->fault == META_FORGETS) {
        meta->fault = META_FOLLOWS;
        meta->sequence = atomic_load(&meta->before);
        status = 409;
    } else {
        status = bytes_equal_str(request->path, "/meta/batches") ? take_batches(meta, buffer_bytes(&body))
                                                                 : take_page(meta, request->query, body.len);
    }
    buffer_release(&body);
    reply_position(meta, request, status);
}

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

/* Nodes and cluster, and a database that was never replicated. */
static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    struct cluster_config config = fake_config();
    config.stall_ms = STALL_MS;
    *state = running = f;
    strcpy(f->support.path, "/tmp/tercet-sync-XXXXXX");
    assert_non_null(mkdtemp(f->support.path));
    f->support.pool = pool_create(2, "sync");
    f->bandwidth.bytes_per_s = 1u << 30;
    fake_start_nodes(0);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].meta = handle_meta;
    fake_start_cluster(&config);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < FAKE_NODES; i++) /* what a gateway must never send, in any test */
        if (f->nodes[i].gaps || f->nodes[i].wrong_pages)
            return -1;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        f->nodes[i].fault = META_FOLLOWS;
    sync_stop(f);
    fake_stop();
    return support_teardown(state);
}

static uint64_t local_sequence(struct fixture *f)
{
    struct meta_position position;
    meta_position(f->support.meta, &position);
    return position.sequence;
}

static unsigned nodes_with(struct fixture *f, uint64_t sequence)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        count += f->nodes[i].sequence >= sequence;
    return count;
}

static void wait_nodes_with(struct fixture *f, unsigned count)
{
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS, sequence = local_sequence(f);
    while (nodes_with(f, sequence) < count) {
        assert_true(clock_monotonic_ms() < until_ms);
        usleep(2000);
    }
}

static enum status create_bucket(struct fixture *f, const char *name)
{
    return meta_bucket_create(f->support.meta, KEY(name), true, BYTES(""), NULL);
}

static bool bucket_exists(struct fixture *f, const char *name)
{
    struct meta_bucket bucket;
    return meta_bucket_get(f->support.meta, KEY(name), &bucket) == STATUS_OK;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void test_all_follow(void **state)
{
    struct fixture *f = *state;
    char name[16];
    sync_start(f);
    assert_true(replication_wait(f->sync, WAIT_MS));
    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "bucket-%u", i);
        OK(create_bucket(f, name));
        assert_true(nodes_with(f, local_sequence(f)) >= COPIES); /* when it is acknowledged */
    }
    wait_nodes_with(f, FAKE_NODES);
    struct meta_position position;
    meta_position(f->support.meta, &position);
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        assert_int_equal(f->nodes[i].epoch, position.epoch);
        assert_int_equal(f->nodes[i].sequence, position.sequence);
        assert_int_equal(f->nodes[i].pages, 0); /* the log was enough */
    }
}

static void test_silent_minority(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    assert_true(replication_wait(f->sync, WAIT_MS));
    f->nodes[0].fault = META_SILENT;
    f->nodes[1].fault = META_ERROR;
    for (unsigned i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "bucket-%u", i);
        OK(create_bucket(f, name));
    }
    assert_true(f->nodes[1].sequence < local_sequence(f));
    f->nodes[0].fault = f->nodes[1].fault = META_FOLLOWS;
    wait_nodes_with(f, FAKE_NODES);
}

/* In the middle of a commit too few are left: it is done but not acknowledged, and handed on later. The next change is
 * refused before it is made. */
static void test_majority_fails(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    assert_true(replication_wait(f->sync, WAIT_MS));
    const struct meta_replication *replication = replication_hooks(f->sync);
    OK(create_bucket(f, "before"));
    assert_true(replication->held(replication->arg) == local_sequence(f));
    wait_nodes_with(f, FAKE_NODES);
    for (unsigned i = 0; i < FAKE_NODES - 1; i++)
        f->nodes[i].fault = META_ERROR;
    assert_int_equal(create_bucket(f, "uncertain"), STATUS_UNCERTAIN);
    assert_true(bucket_exists(f, "uncertain"));
    assert_true(replication->held(replication->arg) < local_sequence(f));
    assert_int_equal(create_bucket(f, "refused"), STATUS_UNAVAILABLE);
    assert_false(bucket_exists(f, "refused"));
    assert_false(replication_wait(f->sync, 0));
    for (unsigned i = 0; i < FAKE_NODES - 1; i++)
        f->nodes[i].fault = META_FOLLOWS;
    wait_nodes_with(f, FAKE_NODES);
    assert_true(replication_wait(f->sync, WAIT_MS));
    OK(create_bucket(f, "after"));
    assert_false(replication_refusal(f->sync));
}

static void test_silence_of_majority(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    assert_true(replication_wait(f->sync, WAIT_MS));
    for (unsigned i = 0; i < FAKE_NODES - 1; i++)
        f->nodes[i].fault = META_SILENT;
    assert_int_equal(create_bucket(f, "uncertain"), STATUS_UNCERTAIN);
    for (unsigned i = 0; i < FAKE_NODES - 1; i++)
        f->nodes[i].fault = META_FOLLOWS;
    wait_nodes_with(f, FAKE_NODES);
}

/* A node that lost the last changes says so with its 409 and gets them again. */
static void test_node_forgets(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    assert_true(replication_wait(f->sync, WAIT_MS));
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    f->nodes[2].fault = META_FORGETS;
    OK(create_bucket(f, "two"));
    wait_nodes_with(f, FAKE_NODES);
    assert_int_equal(f->nodes[2].fault, META_FOLLOWS);
    assert_int_equal(f->nodes[2].pages, 0);
}

/* Its disk was replaced while it was idle: it is asked from time to time. */
static void test_node_is_emptied(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    f->nodes[3].sequence = 0;
    f->nodes[3].epoch = 0;
    wait_nodes_with(f, FAKE_NODES);
    assert_false(replication_refusal(f->sync));
}

static void wait_refused(struct fixture *f)
{
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    while (!replication_refusal(f->sync)) {
        assert_true(clock_monotonic_ms() < until_ms);
        usleep(2000);
    }
}

static void test_node_ahead(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    f->nodes[1].sequence += 1000;
    wait_refused(f);
    assert_false(replication_wait(f->sync, 0));
    assert_int_equal(create_bucket(f, "two"), STATUS_UNAVAILABLE);
    f->nodes[1].sequence -= 1000; /* it stays refused */
    assert_int_equal(create_bucket(f, "two"), STATUS_UNAVAILABLE);
    assert_false(bucket_exists(f, "two"));
}

/* What a process that died made of the database as it is, which is closed: a change that was sent to one node and did
 * not become durable here. */
static struct meta_position make_stray(struct fixture *f, struct buffer *record)
{
    struct meta_position before, after;
    char path[96], command[256];
    snprintf(path, sizeof(path), "%s.copy", f->support.path);
    snprintf(command, sizeof(command), "cp -r %s %s", f->support.path, path);
    assert_int_equal(system(command), 0);
    struct meta_options options = {
        .path = path, .cluster_id = support_cluster, .pool = f->support.pool, .cache_bytes = 1 << 20};
    OK(meta_open(&options, &f->support.meta));
    meta_position(f->support.meta, &before);
    OK(create_bucket(f, "stray"));
    meta_position(f->support.meta, &after);
    buffer_init(record, CHANGE_RECORD_MAX);
    OK(meta_changes_read(f->support.meta, before.sequence + 1, record));
    meta_close(f->support.meta);
    f->support.meta = NULL;
    nftw(path, support_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return after;
}

static void hold_stray(struct fixture *f, const struct meta_position *stray, const struct buffer *record)
{
    f->nodes[0].last = buffer_bytes(record);
    f->nodes[0].sequence = stray->sequence;
    f->nodes[0].epoch = stray->epoch;
}

static void wait_overruled(struct fixture *f, const struct meta_position *stray)
{
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    while (f->nodes[0].epoch == stray->epoch) {
        assert_true(clock_monotonic_ms() < until_ms);
        usleep(2000);
    }
    assert_true(f->nodes[0].pages > 0);
    assert_false(replication_refusal(f->sync));
}

/* A change that only one node has and that nobody was told of is given up, before and after the database goes on. */
static void test_stray_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct meta_position stray;
    struct buffer record;
    sync_start(f);
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    sync_stop(f);
    stray = make_stray(f, &record);
    hold_stray(f, &stray, &record);
    sync_start(f);
    wait_overruled(f, &stray);
    OK(create_bucket(f, "two"));
    wait_nodes_with(f, FAKE_NODES);
    f->nodes[0].pages = 0;
    hold_stray(f, &stray, &record);
    wait_overruled(f, &stray);
    OK(create_bucket(f, "three"));
    wait_nodes_with(f, FAKE_NODES);
    assert_false(bucket_exists(f, "stray"));
    buffer_release(&record);
}

/* It may have been acknowledged: a node that lost its replica may have had it, too. */
static void test_stray_of_unknown_fate(void **state)
{
    struct fixture *f = *state;
    struct meta_position stray;
    struct buffer record;
    sync_start(f);
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    sync_stop(f);
    stray = make_stray(f, &record);
    f->nodes[1].sequence = f->nodes[1].epoch = 0;
    hold_stray(f, &stray, &record);
    sync_start(f);
    wait_refused(f);
    assert_int_equal(f->nodes[0].epoch, stray.epoch);
    buffer_release(&record);
}

/* A restore elsewhere raised the fence: the next change is not acknowledged, by whatever it is found out, and no other
 * is made. */
static void test_fenced_off(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    for (unsigned i = 0; i < FAKE_NODES - 1; i++)
        f->nodes[i].fence = change_generation(f->nodes[i].epoch) + 1000;
    uint64_t begun_ms = clock_monotonic_ms();
    assert_int_not_equal(create_bucket(f, "two"), STATUS_OK);
    assert_true(clock_monotonic_ms() - begun_ms < 3000); /* it does not wait for nodes that will never take it */
    assert_int_equal(replication_refusal(f->sync), STATUS_PRECONDITION);
    assert_int_equal(create_bucket(f, "three"), STATUS_UNAVAILABLE);
    assert_false(bucket_exists(f, "three"));
}

/* An idle gateway learns of it when it looks at its nodes. */
static void test_fenced_off_while_idle(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    f->nodes[2].fence = change_generation(f->nodes[2].epoch) + 1000;
    wait_refused(f);
    assert_int_equal(replication_refusal(f->sync), STATUS_PRECONDITION);
    replication_refuse(f->sync, STATUS_CONFLICT); /* another node is found ahead by then: it does not matter */
    assert_int_equal(replication_refusal(f->sync), STATUS_PRECONDITION);
}

/* A fence that is not above the database is none of its business; a database that was never restored raises none. */
static void test_fence_of_our_own(void **state)
{
    struct fixture *f = *state;
    f->nodes[0].fence = 1;
    f->nodes[1].knows_no_fences = true;
    sync_start(f);
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    assert_int_equal(replication_refusal(f->sync), STATUS_OK);
    assert_int_equal(f->nodes[0].fence, 1);
    assert_int_equal(f->nodes[2].fence, 0);
}

/* The database of the fixture becomes one that was restored, in an epoch of that generation. */
static void restore(struct fixture *f, uint32_t generation)
{
    struct meta_options options = {
        .path = f->support.path, .cluster_id = support_cluster, .pool = f->support.pool, .cache_bytes = 1 << 20};
    struct meta_position as_of;
    struct change_record record;
    struct meta_restore *restore;
    struct buffer page;
    char path[128];
    bool end = false;
    OK(meta_open(&options, &f->support.meta));
    snprintf(path, sizeof(path), "%s.restored", f->support.path);
    OK(meta_restore_open(path, &restore));
    buffer_init(&page, CHANGE_RECORD_MAX);
    struct meta_snapshot *snapshot = meta_snapshot_open(f->support.meta, &as_of);
    while (!end) {
        buffer_clear(&page);
        OK(meta_snapshot_next(snapshot, &page, &end));
        struct bytes rest = buffer_bytes(&page);
        OK(change_record_next(&rest, &record));
        OK(meta_restore_add(restore, &record));
    }
    meta_snapshot_close(snapshot);
    buffer_release(&page);
    OK(meta_restore_finish(restore, &as_of, generation));
    meta_restore_free(restore);
    meta_close(f->support.meta);
    nftw(f->support.path, support_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(rename(path, f->support.path), 0);
}

/* A node that was away at the restore is told before it gets anything; one of an earlier build cannot be. */
static void test_restored_raises_the_fence(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    sync_stop(f);
    restore(f, 5000);
    f->nodes[0].fence = 5000;
    f->nodes[1].knows_no_fences = true;
    sync_start(f);
    OK(create_bucket(f, "two"));
    wait_nodes_with(f, FAKE_NODES);
    assert_int_equal(f->nodes[0].fence, 5000);
    assert_int_equal(f->nodes[1].fence, 0);
    assert_int_equal(f->nodes[2].fence, 5000);
    assert_int_equal(f->nodes[3].fence, 5000);
    assert_int_equal(replication_refusal(f->sync), STATUS_OK);
}

/* Another history of the same or a later generation. */
static void test_node_of_other_history(void **state)
{
    struct fixture *f = *state;
    sync_start(f);
    OK(create_bucket(f, "one"));
    wait_nodes_with(f, FAKE_NODES);
    f->nodes[0].epoch ^= 1;
    wait_refused(f);
}

/* 3 MiB of rows: three or four pages. */
static void fill(struct fixture *f)
{
    struct meta_options options = {
        .path = f->support.path, .cluster_id = support_cluster, .pool = f->support.pool, .cache_bytes = 1 << 20};
    static char headers[META_HEADERS_MAX];
    struct meta_bucket bucket;
    char key[16];
    memset(headers, 'h', sizeof(headers));
    OK(meta_open(&options, &f->support.meta));
    support_bucket(&f->support, "filled", true, &bucket);
    for (unsigned i = 0; i < 200; i++) {
        struct chunk_list none = {0};
        struct meta_object object = {.headers = bytes_of(headers, sizeof(headers))};
        snprintf(key, sizeof(key), "key-%u", i);
        OK(meta_object_put(f->support.meta, bucket.id, KEY(key), &object, &none, NULL));
    }
    meta_close(f->support.meta);
}

static void assert_snapshot(struct fixture *f, unsigned node)
{
    assert_true(f->nodes[node].pages >= 3);
    assert_true(f->nodes[node].page_bytes > 200 * META_HEADERS_MAX);
    assert_int_equal(f->nodes[node].sequence, local_sequence(f));
}

/* What a node holds of a history before a restore is replaced. */
static void test_older_generation(void **state)
{
    struct fixture *f = *state;
    fill(f);
    f->nodes[2].epoch = 5; /* generation 0 */
    f->nodes[2].sequence = 1000000;
    sync_start(f);
    wait_nodes_with(f, FAKE_NODES);
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    while (f->nodes[2].sequence == 1000000) {
        assert_true(clock_monotonic_ms() < until_ms);
        usleep(2000);
    }
    assert_snapshot(f, 2);
    assert_int_equal(f->nodes[1].pages, 0);
    assert_false(replication_refusal(f->sync));
    OK(create_bucket(f, "after"));
    wait_nodes_with(f, FAKE_NODES);
}

/* With a bandwidth of 2 MiB/s, 3 MiB take more than a second; of less than that nobody else's share is taken. */
static void test_snapshot_is_throttled(void **state)
{
    struct fixture *f = *state;
    fill(f);
    f->bandwidth.bytes_per_s = 2u << 20;
    f->nodes[2].epoch = 5;
    f->nodes[2].fault = META_ERROR; /* until the others follow */
    sync_start(f);
    assert_true(replication_wait(f->sync, WAIT_MS));
    wait_nodes_with(f, FAKE_NODES - 1);
    f->nodes[2].fault = META_FOLLOWS;
    wait_nodes_with(f, FAKE_NODES);
    assert_snapshot(f, 2);
    uint64_t took_ms = f->nodes[2].snapshot_ended_ms - f->nodes[2].snapshot_started_ms;
    assert_true(took_ms >= 1000);
}

/* While changes are refused for want of nodes, nothing is held back: at this rate it would take an hour. */
static void test_urgent_snapshot(void **state)
{
    struct fixture *f = *state;
    fill(f);
    f->bandwidth.bytes_per_s = 1000;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        f->nodes[i].epoch = 5;
    sync_start(f);
    assert_true(replication_wait(f->sync, WAIT_MS));
    OK(create_bucket(f, "after"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_all_follow),
        TEST(test_silent_minority),
        TEST(test_majority_fails),
        TEST(test_silence_of_majority),
        TEST(test_node_forgets),
        TEST(test_node_is_emptied),
        TEST(test_node_ahead),
        TEST(test_node_of_other_history),
        TEST(test_fenced_off),
        TEST(test_fenced_off_while_idle),
        TEST(test_fence_of_our_own),
        TEST(test_restored_raises_the_fence),
        TEST(test_older_generation),
        TEST(test_snapshot_is_throttled),
        TEST(test_urgent_snapshot),
        TEST(test_stray_is_given_up),
        TEST(test_stray_of_unknown_fate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
