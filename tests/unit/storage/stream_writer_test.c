/* Streams into chunks: the right bytes on three nodes, whatever one or two nodes do, and nothing left behind. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_nodes.h"
#include "storage/cluster/window.h"

#define MIB ((uint64_t)1 << 20)

struct upload {
    uint64_t held_max; /* 0: it is not held */
    bool carried, carried_live, carried_right;
    unsigned sent_before_finish; /* chunks on nodes */
    uint64_t size;
    bool known;          /* the size is announced */
    uint64_t free_after; /* frees the writer when so many bytes were committed; UINT64_MAX: never */
    uint64_t fault_at;   /* `trigger` runs when so many bytes were committed */
    void (*trigger)(void);
    enum status opened, written, finished;
    uint64_t elapsed_ms, committed;
    struct chunk_list chunks;
};

static struct upload upload_of(uint64_t size, bool known)
{
    return (struct upload){.size = size, .known = known, .free_after = UINT64_MAX};
}

static enum status upload_write(struct upload *upload, struct stream_writer *writer)
{
    enum status status = STATUS_OK;
    while (upload->committed < upload->size && upload->committed < upload->free_after) {
        char *space;
        size_t capacity;
        if (upload->trigger && upload->committed >= upload->fault_at) {
            upload->trigger();
            upload->trigger = NULL;
        }
        status = stream_writer_space(writer, &space, &capacity);
        if (status)
            break;
        size_t take = upload->size - upload->committed < capacity ? upload->size - upload->committed : capacity;
        if (take > 100000)
            take = 100000;
        fake_fill(space, upload->committed, take);
        stream_writer_commit(writer, take);
        upload->committed += take;
    }
    return status;
}

static unsigned chunks_on_nodes(void);

/* What a commit would be given. */
static void upload_carry(struct upload *upload, struct stream_writer *writer)
{
    struct chunk_ref ref;
    const char *bytes;
    char *wanted = mem_alloc(upload->size + 1);
    task_sleep_ms(100); /* whatever is sent has come by then */
    upload->sent_before_finish = chunks_on_nodes();
    upload->carried = stream_writer_carry(writer, &ref, &bytes);
    if (upload->carried) {
        fake_fill(wanted, 0, upload->size);
        upload->carried_live = cluster_chunk_is_live(fake.cluster, &ref.id);
        upload->carried_right = ref.copies == 0 && ref.size == upload->size &&
                                memcmp(bytes, wanted, upload->size) == 0 &&
                                ref.crc32c == crc32c_update(0, wanted, upload->size);
    }
    free(wanted);
}

static void upload_run(void *arg)
{
    struct upload *upload = arg;
    struct stream_writer *writer;
    uint64_t start_ms = clock_monotonic_ms();
    upload->opened = stream_writer_open(fake.cluster, upload->known ? upload->size : UINT64_MAX, &writer);
    if (!upload->opened) {
        if (upload->held_max)
            stream_writer_hold(writer, upload->held_max);
        upload->written = upload_write(upload, writer);
        if (upload->held_max && !upload->written)
            upload_carry(upload, writer);
        if (!upload->written && upload->free_after == UINT64_MAX)
            upload->finished = stream_writer_finish(writer, &upload->chunks);
    }
    upload->elapsed_ms = clock_monotonic_ms() - start_ms;
    stream_writer_free(writer);
}

static struct fake_node *node_by_number(unsigned number)
{
    assert_in_range(number, 1, FAKE_NODES);
    return &fake.nodes[number - 1];
}

/* All chunks of the upload lie on `copies` nodes each, with the right bytes. */
static void assert_stored(const struct upload *upload, unsigned copies)
{
    uint64_t position = 0;
    assert_int_equal(upload->opened, STATUS_OK);
    assert_int_equal(upload->written, STATUS_OK);
    assert_int_equal(upload->finished, STATUS_OK);
    assert_int_equal(upload->chunks.count, (upload->size + 8 * MIB - 1) / (8 * MIB));
    for (size_t i = 0; i < upload->chunks.count; i++) {
        const struct chunk_ref *ref = &upload->chunks.refs[i];
        uint64_t rest = upload->size - position;
        char *wanted = mem_alloc(ref->size);
        assert_int_equal(ref->size, rest < 8 * MIB ? rest : 8 * MIB);
        assert_int_equal(ref->copies, copies);
        fake_fill(wanted, position, ref->size);
        assert_int_equal(ref->crc32c, crc32c_update(0, wanted, ref->size));
        for (unsigned j = 0; j < ref->copies; j++) {
            struct fake_chunk *chunk = fake_find(node_by_number(ref->nodes[j]), &ref->id);
            assert_non_null(chunk);
            assert_int_equal(chunk->size, ref->size);
            assert_int_equal(memcmp(chunk->data, wanted, ref->size), 0);
            for (unsigned k = 0; k < j; k++)
                assert_int_not_equal(ref->nodes[k], ref->nodes[j]);
        }
        position += ref->size;
        free(wanted);
    }
    assert_int_equal(position, upload->size);
}

static bool holds(const struct chunk_list *chunks, unsigned number)
{
    for (size_t i = 0; i < chunks->count; i++)
        for (unsigned j = 0; j < chunks->refs[i].copies; j++)
            if (chunks->refs[i].nodes[j] == number)
                return true;
    return false;
}

/* Only the copies that a recorded chunk names may stay on the nodes. */
struct leftovers {
    unsigned wanted, found;
};

static unsigned chunks_on_nodes(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        count += fake_chunk_count(&fake.nodes[i]);
    return count;
}

static void leftovers_wait(void *arg)
{
    struct leftovers *leftovers = arg;
    leftovers->found = FAKE_EVENTUALLY(chunks_on_nodes() == leftovers->wanted) ? leftovers->wanted : chunks_on_nodes();
}

static void assert_left(unsigned wanted)
{
    struct leftovers leftovers = {.wanted = wanted};
    fake_run(leftovers_wait, &leftovers);
    assert_int_equal(leftovers.found, wanted);
}

static struct cluster_node_info info_of(unsigned index)
{
    struct cluster_node_info info;
    cluster_node_info(fake.cluster, index, &info);
    return info;
}

static void test_sizes(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0,      1,           65535,   65536,       65537,   262144,
                                     262145, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB};
    unsigned stored = 0;
    fake_start();
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
        struct upload upload = upload_of(sizes[i / 2], i % 2);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 3);
        stored += 3 * (unsigned)upload.chunks.count;
        chunk_list_release(&upload.chunks);
    }
    assert_left(stored);
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        assert_int_equal(fake.nodes[i].refusals, 0);
        assert_int_equal(fake.nodes[i].pulls, 0);
        assert_int_equal(info_of(i).failures, 0);
        assert_true(fake.nodes[i].puts > 0);
    }
}

/* Uploads with a fault on one node until that node was chosen, and asserts three good copies elsewhere each time. */
static void upload_until_chosen(unsigned index, uint64_t size, bool known)
{
    unsigned before = fake.nodes[index].puts;
    uint64_t until_ms = clock_monotonic_ms() + 10000; /* it may have to pass a check first */
    while (fake.nodes[index].puts == before && clock_monotonic_ms() < until_ms) {
        struct upload upload = upload_of(size, known);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 3);
        if (fake.nodes[index].puts > before)
            assert_false(holds(&upload.chunks, index + 1));
        chunk_list_release(&upload.chunks);
    }
    assert_true(fake.nodes[index].puts > before);
}

/* Nothing is sent of a held stream before its end, and all of it can be carried; or finish sends it as any other. */
static void test_held_stream_is_carried(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 4096, 65535, 65537};
    fake_start();
    for (unsigned i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct upload upload = upload_of(sizes[i / 2], i % 2);
        unsigned before = chunks_on_nodes();
        bool fits = upload.size > 0 && upload.size <= 65536;
        upload.held_max = 65536;
        fake_run(upload_run, &upload);
        assert_true(upload.carried == fits && upload.carried_live == fits && upload.carried_right == fits);
        assert_true(!fits || upload.sent_before_finish == before);
        assert_stored(&upload, 3);
        chunk_list_release(&upload.chunks);
    }
}

static void test_refused_connection(void **state)
{
    (void)state;
    fake_start();
    fake_kill(1);
    for (unsigned i = 0; i < 8; i++) {
        struct upload upload = upload_of(i % 2 ? 1000 : 3 * MIB, true);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 3);
        assert_false(holds(&upload.chunks, 2));
        assert_true(upload.elapsed_ms < 2000);
        chunk_list_release(&upload.chunks);
    }
    assert_false(info_of(1).healthy);
    assert_string_equal(info_of(1).last_error, "cannot connect");
}

static void test_server_error(void **state)
{
    (void)state;
    fake_start();
    fake.nodes[2].put_fault = FAULT_ERROR;
    upload_until_chosen(2, 500, true);
    upload_until_chosen(2, 9 * MIB, false);
    assert_true(info_of(2).failures >= 2);
}

static void test_busy_node_is_no_failure(void **state)
{
    (void)state;
    fake_start();
    fake.nodes[2].put_fault = FAULT_BUSY;
    upload_until_chosen(2, 500, true);
    upload_until_chosen(2, 9 * MIB, false);
    assert_int_equal(info_of(2).failures, 0);
    assert_true(info_of(2).healthy && info_of(2).writable);
}

/* It may have room, but not for that chunk: it is left alone until its next check, which is not hurried. */
static void test_full_node_is_no_failure(void **state)
{
    (void)state;
    fake_start();
    fake.nodes[0].put_fault = FAULT_FULL;
    upload_until_chosen(0, 500, true);
    assert_int_equal(info_of(0).failures, 0);
    assert_true(info_of(0).full && info_of(0).healthy && !info_of(0).writable);
    assert_int_equal(cluster_writable_count(fake.cluster), 3);
    unsigned before = fake.nodes[0].puts;
    for (unsigned i = 0; i < 20; i++) {
        struct upload upload = upload_of(500, true);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 3);
        chunk_list_release(&upload.chunks);
    }
    assert_int_equal(fake.nodes[0].puts, before);
}

/* Both what finds it out in the middle of a write and what comes later are told why. */
static void test_full_nodes_are_the_reason(void **state)
{
    (void)state;
    fake_start();
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        fake.nodes[i].put_fault = FAULT_FULL;
        fake.nodes[i].full = true;
    }
    struct upload found = upload_of(500, true), later = upload_of(500, true);
    fake_run(upload_run, &found);
    assert_int_equal(found.opened, STATUS_OK);
    assert_int_equal(found.finished, STATUS_NO_SPACE);
    assert_true(cluster_writable_count(fake.cluster) <= 1); /* the last one's answer did not matter any more */
    fake_run(upload_run, &later);
    assert_int_equal(later.opened, STATUS_NO_SPACE);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        assert_true(info_of(i).healthy);
}

/* With one node full and the others gone, room would not help. */
static void test_full_node_is_not_the_reason(void **state)
{
    (void)state;
    fake_start();
    fake.nodes[0].put_fault = FAULT_FULL;
    fake.nodes[0].full = true;
    upload_until_chosen(0, 500, true);
    for (unsigned i = 1; i < FAKE_NODES; i++)
        fake_kill(i);
    struct upload upload = upload_of(500, true);
    fake_run(upload_run, &upload);
    assert_int_equal(upload.opened ? upload.opened : upload.finished, STATUS_UNAVAILABLE);
}

static void test_stalls_get_a_stand_in(void **state)
{
    (void)state;
    static const enum fault faults[] = {FAULT_SILENT, FAULT_MUTE, FAULT_STALL_AT};
    fake_start();
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        fake.nodes[3].put_fault = faults[i];
        fake.nodes[3].fault_at = 20000;
        upload_until_chosen(3, 100000, i % 2);
        fake.nodes[3].put_fault = FAULT_NONE;
    }
    assert_string_equal(info_of(3).address, fake.nodes[3].address);
}

/* Uploads until the last node, which takes chunks and does not answer, has got so many. Returns how many copies are
 * recorded. */
static unsigned upload_until_given_up(unsigned puts)
{
    unsigned recorded = 0;
    fake.nodes[3].put_fault = FAULT_MUTE;
    while (fake.nodes[3].puts < puts) {
        struct upload upload = upload_of(4000, true);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 3);
        recorded += 3;
        chunk_list_release(&upload.chunks);
    }
    return recorded;
}

static void test_unwanted_copy_is_deleted(void **state)
{
    (void)state;
    fake_start();
    unsigned stored = upload_until_given_up(1);
    fake.nodes[3].put_fault = FAULT_NONE;
    fake.nodes[3].released = true;
    assert_left(stored);
    assert_true(fake.nodes[3].deletes > 0);
}

/* What was stored whole, and is not to be recorded: the commit was refused. */
static void test_discarded_chunks_are_deleted(void **state)
{
    (void)state;
    fake_start();
    struct upload upload = upload_of(9 * MIB, true);
    fake_run(upload_run, &upload);
    assert_stored(&upload, 3);
    cluster_discard(fake.cluster, &upload.chunks);
    assert_left(0);
    chunk_list_release(&upload.chunks);
}

struct guard {
    unsigned asked, done;
};

static bool guard_begin(void *arg, const struct chunk_id *id, unsigned node)
{
    (void)id;
    assert_int_equal(node, 4);
    return ++((struct guard *)arg)->asked > 1;
}

static void guard_done(void *arg, const struct chunk_id *id)
{
    (void)id;
    ((struct guard *)arg)->done++;
}

static void guard_wait(void *arg)
{
    struct guard *guard = arg;
    assert_true(FAKE_EVENTUALLY(guard->asked >= 2 && guard->done >= 1));
}

/* A copy that was given up may be recorded by the time at which it would be deleted: then it stays. */
static void test_wanted_copy_is_kept(void **state)
{
    (void)state;
    struct guard guard = {0};
    fake_start();
    cluster_guard_discards(fake.cluster, &(struct cluster_discard_guard){guard_begin, guard_done, &guard});
    unsigned stored = upload_until_given_up(2);
    fake.nodes[3].released = true;
    fake_run(guard_wait, &guard);
    assert_int_equal(guard.asked, 2);
    assert_int_equal(guard.done, 1);
    assert_left(stored + 1);
    assert_int_equal(fake.nodes[3].deletes, 1);
}

/* The node takes part of a chunk that is longer than the window and then nothing more: the window must move on, and
 * the stand-in fetches the chunk from a node that has it. */
static void test_late_stall_is_pulled(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    config.node_timeout_ms = 60000;
    fake_start_nodes(0);
    fake_start_cluster(&config);
    fake.nodes[1].put_fault = FAULT_STALL_AT;
    fake.nodes[1].fault_at = 2 * MIB;
    unsigned pulls = 0;
    for (unsigned i = 0; i < 20 && pulls == 0; i++) {
        struct upload upload = upload_of(30 * MIB, true);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 3);
        assert_true(upload.elapsed_ms < 20000);
        pulls = fake.nodes[0].pulls + fake.nodes[2].pulls + fake.nodes[3].pulls;
        chunk_list_release(&upload.chunks);
    }
    assert_true(pulls > 0);
}

/* And the stand-in falls silent, too: nobody waits for it as long as for a node that is there. */
static void test_silent_puller_is_left(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    unsigned pulls = 0;
    config.node_timeout_ms = 60000;
    fake_start_nodes(0);
    fake_start_cluster(&config);
    fake.nodes[1].put_fault = FAULT_STALL_AT;
    fake.nodes[1].fault_at = 2 * MIB;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].pull_fault = FAULT_SILENT;
    for (unsigned i = 0; i < 20 && pulls == 0; i++) {
        struct upload upload = upload_of(8 * MIB, true);
        fake_run(upload_run, &upload);
        for (unsigned j = 0; j < FAKE_NODES; j++)
            pulls += fake.nodes[j].pulls;
        assert_stored(&upload, pulls ? 2 : 3);
        assert_true(upload.elapsed_ms < 20000);
        chunk_list_release(&upload.chunks);
    }
    assert_int_equal(pulls, 1);
}

static void kill_by_fault(void)
{
    fake.nodes[0].put_fault = FAULT_ERROR;
    fake.nodes[2].put_fault = FAULT_ERROR;
}

static void test_two_copies_when_no_more_can_be_made(void **state)
{
    (void)state;
    fake_start();
    fake_kill(0);
    fake_kill(2);
    for (unsigned i = 0; i < 4; i++) {
        struct upload upload = upload_of(i % 2 ? 10 * MIB : 700, i / 2);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 2);
        assert_true(upload.elapsed_ms < 2500);
        chunk_list_release(&upload.chunks);
    }
}

static void test_errors_in_the_middle(void **state)
{
    (void)state;
    fake_start();
    struct upload upload = upload_of(30 * MIB, true);
    upload.fault_at = 9 * MIB;
    upload.trigger = kill_by_fault;
    fake_run(upload_run, &upload);
    assert_int_equal(upload.finished, STATUS_OK);
    assert_int_equal(upload.chunks.count, 4);
    assert_int_equal(upload.chunks.refs[0].copies, 3);
    assert_int_equal(upload.chunks.refs[3].copies, 2);
    chunk_list_release(&upload.chunks);
}

/* Nodes that hang as a whole are found down by a check, long before the timeout. */
static void test_hung_nodes_are_given_up_early(void **state)
{
    (void)state;
    fake_start();
    for (unsigned i = 0; i < 2; i++) {
        fake.nodes[i].put_fault = FAULT_SILENT;
        fake.nodes[i].health_fault = FAULT_SILENT;
    }
    struct upload upload = upload_of(700, true);
    fake_run(upload_run, &upload);
    assert_stored(&upload, 2);
    assert_true(upload.elapsed_ms < 2500);
    chunk_list_release(&upload.chunks);
}

/* Once checks have confirmed what the uploads met, none is even begun. */
static void refusal_wait(void *arg)
{
    bool *refused = arg;
    struct stream_writer *writer = NULL;
    *refused = FAKE_EVENTUALLY(({
        stream_writer_free(writer);
        stream_writer_open(fake.cluster, 20 * MIB, &writer) == STATUS_UNAVAILABLE;
    }));
}

static void test_one_node_is_not_enough(void **state)
{
    (void)state;
    fake_start();
    for (unsigned i = 0; i < 3; i++)
        fake_kill(i);
    struct upload upload = upload_of(700, true);
    fake_run(upload_run, &upload);
    assert_int_equal(upload.finished ? upload.finished : upload.opened, STATUS_UNAVAILABLE);
    assert_true(upload.elapsed_ms < 1000);
    assert_left(0);
    bool refused = false;
    fake_run(refusal_wait, &refused);
    assert_true(refused);
    assert_int_equal(cluster_writable_count(fake.cluster), 1);
}

static void test_freed_early_leaves_nothing(void **state)
{
    (void)state;
    static const uint64_t points[] = {0, 1, 70000, 300000, 5 * MIB, 8 * MIB, 9 * MIB, 17 * MIB};
    fake_start();
    for (size_t i = 0; i < 2 * sizeof(points) / sizeof(*points); i++) {
        struct upload upload = upload_of(20 * MIB, i % 2);
        upload.free_after = points[i / 2];
        fake_run(upload_run, &upload);
        assert_int_equal(upload.written, STATUS_OK);
        assert_left(0);
    }
}

static void test_freed_with_stalled_nodes(void **state)
{
    (void)state;
    fake_start();
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].put_fault = i % 2 ? FAULT_MUTE : FAULT_SILENT;
    struct upload upload = upload_of(20 * MIB, false);
    upload.free_after = MIB;
    fake_run(upload_run, &upload);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].released = true;
    assert_left(0);
}

static void sized_run(void *arg)
{
    struct upload *upload = arg;
    struct stream_writer *writer;
    char data[200] = {0};
    upload->opened = stream_writer_open(fake.cluster, 100, &writer);
    CHECK(upload->opened == STATUS_OK);
    upload->written = stream_writer_write(writer, data, upload->size);
    upload->finished = stream_writer_finish(writer, &upload->chunks);
    stream_writer_free(writer);
}

static void test_size_must_be_as_announced(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 99, 101, 200};
    fake_start();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct upload upload = upload_of(sizes[i], true);
        fake_run(sized_run, &upload);
        assert_int_equal(upload.finished, STATUS_MISMATCH);
        assert_int_equal(upload.chunks.count, 0);
        assert_left(0);
    }
}

static void test_other_clock(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    fake_start_nodes(0);
    fake.nodes[0].clock_ms = 3600000;
    fake.nodes[2].clock_ms = -3600000;
    fake_start_cluster(&config);
    for (unsigned i = 0; i < 6; i++) {
        struct upload upload = upload_of(i % 2 ? 3000 : 9 * MIB, true);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 3);
        chunk_list_release(&upload.chunks);
    }
    for (unsigned i = 0; i < FAKE_NODES; i++)
        assert_int_equal(fake.nodes[i].refusals, 0);
}

/* All clocks but ours step after the last health check: each node refuses once what is sent to it, and no copy is lost
 * as long as the bytes are still here. */
static void test_clocks_step(void **state)
{
    (void)state;
    fake_start();
    for (unsigned i = 0; i < 6; i++) {
        unsigned refusals = 0;
        for (unsigned j = 0; j < FAKE_NODES; j++) {
            fake.nodes[j].clock_ms = i % 2 ? 0 : 86400000;
            fake.nodes[j].refusals = 0;
        }
        struct upload upload = upload_of(i < 4 ? 3000 : 200000, i != 2);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 3);
        for (unsigned j = 0; j < FAKE_NODES; j++)
            refusals += fake.nodes[j].refusals;
        assert_in_range(refusals, 2, FAKE_NODES); /* a node that the step before did not meet knows the time already */
        chunk_list_release(&upload.chunks);
    }
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        assert_int_equal(fake.nodes[i].pulls, 0);
        assert_int_equal(info_of(i).failures, 0);
    }
}

/* One node's clock steps: what the window has passed when it refuses is fetched from another node. */
static void test_clock_of_one_node_steps(void **state)
{
    (void)state;
    fake_start();
    for (unsigned i = 0; i < 8; i++) {
        fake.nodes[3].clock_ms = i % 4 < 2 ? 86400000 : 0;
        struct upload upload = upload_of(9 * MIB, i % 2);
        fake_run(upload_run, &upload);
        assert_stored(&upload, 3);
        chunk_list_release(&upload.chunks);
    }
    assert_true(fake.nodes[3].refusals > 0);
}

static void clock_upload(void *arg)
{
    struct upload *upload = arg;
    upload_run(upload);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].clock_ms = -86400000;
    CHECK(upload->chunks.count == 1);
    const struct chunk_ref *ref = &upload->chunks.refs[0];
    bool gone;
    for (unsigned i = 0; i < ref->copies && !upload->finished; i++)
        upload->finished = cluster_chunks_delete(fake.cluster, ref->nodes[i], &ref->id, 1, &gone);
}

static void test_clock_steps_before_a_delete(void **state)
{
    (void)state;
    fake_start();
    struct upload upload = upload_of(1000, true);
    fake_run(clock_upload, &upload);
    assert_int_equal(upload.finished, STATUS_OK);
    assert_left(0);
    chunk_list_release(&upload.chunks);
}

/* Connections that the nodes close between uploads must not cost a copy. */
static void idle_uploads(void *arg)
{
    struct upload *upload = arg;
    for (unsigned i = 0; i < 6; i++) {
        upload->committed = 0;
        chunk_list_release(&upload->chunks);
        upload_run(upload);
        if (upload->finished)
            break;
        clock_move_ms(60);
        task_sleep_ms(1); /* the nodes see it */
    }
}

static void test_stale_connections(void **state)
{
    (void)state;
    struct cluster_config config = fake_config();
    fake_start_nodes(50);
    fake_start_cluster(&config);
    struct upload small = upload_of(3000, true), large = upload_of(9 * MIB, false);
    fake_run(idle_uploads, &small);
    assert_stored(&small, 3);
    fake_run(idle_uploads, &large);
    assert_stored(&large, 3);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        assert_int_equal(info_of(i).failures, 0);
    chunk_list_release(&small.chunks);
    chunk_list_release(&large.chunks);
}

/* Nodes that take nothing hold the stream back: what it accepts is the window and what the kernel buffers. */
static void test_back_pressure(void **state)
{
    (void)state;
    fake_start();
    for (unsigned i = 0; i < FAKE_NODES; i++)
        fake.nodes[i].put_fault = FAULT_SILENT;
    struct upload upload = upload_of(64 * MIB, true);
    fake_run(upload_run, &upload);
    assert_int_equal(upload.written, STATUS_UNAVAILABLE);
    assert_true(upload.committed < 12 * MIB);
    assert_true(upload.elapsed_ms < 10000);
}

static void test_window_bound(void **state)
{
    (void)state;
    struct window window;
    char *space;
    size_t capacity;
    window_init(&window, 1 * MIB, UINT64_MAX);
    while (window_space(&window, 0, &space, &capacity)) {
        assert_true(capacity > 0);
        fake_fill(space, window.end, capacity);
        window_commit(&window, capacity);
        assert_true(window.held_bytes <= 1 * MIB);
    }
    assert_true(window.end > 3 * MIB / 4);
    assert_int_equal(window.begin, 0);
    assert_false(window_space(&window, window_first_segment_end(&window) - 1, &space, &capacity));
    assert_int_equal(window.begin, 0);
    uint64_t first_end = window_first_segment_end(&window);
    assert_true(window_space(&window, first_end, &space, &capacity));
    assert_int_equal(window.begin, first_end);
    assert_true(window.held_bytes <= 1 * MIB);
    for (uint64_t at = window.begin; at < window.end;) {
        struct bytes piece = window_at(&window, at, window.end);
        assert_true(piece.len > 0);
        for (size_t i = 0; i < piece.len; i++)
            assert_int_equal(piece.data[i], fake_byte(at + i));
        at += piece.len;
    }
    window_release(&window);

    window_init(&window, 1 * MIB, 10);
    assert_true(window_space(&window, 0, &space, &capacity));
    assert_int_equal(capacity, 10);
    assert_int_equal(window.held_bytes, 10);
    window_release(&window);
}

int main(void)
{
#define WITH_NODES(test) cmocka_unit_test_teardown(test, fake_teardown)
    const struct CMUnitTest tests[] = {
        WITH_NODES(test_sizes),
        WITH_NODES(test_held_stream_is_carried),
        WITH_NODES(test_refused_connection),
        WITH_NODES(test_server_error),
        WITH_NODES(test_busy_node_is_no_failure),
        WITH_NODES(test_full_node_is_no_failure),
        WITH_NODES(test_full_nodes_are_the_reason),
        WITH_NODES(test_full_node_is_not_the_reason),
        WITH_NODES(test_stalls_get_a_stand_in),
        WITH_NODES(test_unwanted_copy_is_deleted),
        WITH_NODES(test_discarded_chunks_are_deleted),
        WITH_NODES(test_wanted_copy_is_kept),
        WITH_NODES(test_late_stall_is_pulled),
        WITH_NODES(test_silent_puller_is_left),
        WITH_NODES(test_two_copies_when_no_more_can_be_made),
        WITH_NODES(test_errors_in_the_middle),
        WITH_NODES(test_hung_nodes_are_given_up_early),
        WITH_NODES(test_one_node_is_not_enough),
        WITH_NODES(test_freed_early_leaves_nothing),
        WITH_NODES(test_freed_with_stalled_nodes),
        WITH_NODES(test_size_must_be_as_announced),
        WITH_NODES(test_other_clock),
        WITH_NODES(test_clocks_step),
        WITH_NODES(test_clock_of_one_node_steps),
        WITH_NODES(test_clock_steps_before_a_delete),
        WITH_NODES(test_stale_connections),
        WITH_NODES(test_back_pressure),
        cmocka_unit_test(test_window_bound),
    };
    log_init("test", "test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
