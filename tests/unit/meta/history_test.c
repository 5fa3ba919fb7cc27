/* The history of changes: what is handed on and what the log and a snapshot say are the same database, and one that is
 * rebuilt from them answers like the first. */
#include "tests/unit/meta/support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "meta/history.h"
#include "meta/identity.h"
#include "meta/outbox.h"
#include "meta/record_io.h"
#include "meta/store_rocks.h"
#include "meta/take_over.h"

/* Keeps what is handed on, and answers as it is told. */
struct recorder {
    struct support support; /* must be first: support_* take it */
    struct meta_replication replication;
    struct buffer records;
    uint64_t last;
    bool ready, holds;
    uint8_t nodes[CHUNK_COPIES_MAX]; /* that are to carry; 0 behind the last */
    struct carried_set carried;      /* that the last group had */
    struct meta_short missing;       /* what is said of every group with carried chunks */
    pthread_mutex_t *gate;           /* NULL, or held by the test while no outcome is to be known */
};

static bool recorder_ready(void *arg)
{
    return ((struct recorder *)arg)->ready;
}

static unsigned recorder_place(void *arg, uint8_t nodes[CHUNK_COPIES_MAX])
{
    struct recorder *recorder = arg;
    unsigned count = 0;
    while (count < CHUNK_COPIES_MAX && recorder->nodes[count])
        count++;
    memcpy(nodes, recorder->nodes, count);
    return count;
}

static void recorder_begin(void *arg, struct buffer *take_record, uint64_t first, uint64_t last,
                           const struct carried_set *carried)
{
    struct recorder *recorder = arg;
    recorder->carried = carried ? *carried : (struct carried_set){0};
    CHECK(recorder->last == 0 || first == recorder->last + 1);
    CHECK(last >= first);
    recorder->last = last;
    CHECK(buffer_append_bytes(&recorder->records, buffer_bytes(take_record)) == STATUS_OK);
    buffer_release(take_record);
}

static enum meta_held recorder_wait(void *arg, uint64_t last, uint64_t since_ms, struct meta_short *missing)
{
    struct recorder *recorder = arg;
    CHECK(last <= recorder->last && since_ms <= clock_monotonic_ms());
    if (recorder->gate) {
        pthread_mutex_lock(recorder->gate);
        pthread_mutex_unlock(recorder->gate);
    }
    *missing = recorder->missing;
    recorder->missing = (struct meta_short){0};
    if (!recorder->holds)
        return META_NOT_HELD;
    return missing->count ? META_HELD_SHORT : META_HELD;
}

static uint64_t recorder_held(void *arg)
{
    struct recorder *recorder = arg;
    return recorder->holds ? UINT64_MAX : 0;
}

static void recorder_open(struct recorder *r)
{
    struct meta_options options = {.path = r->support.path,
                                   .store = r->support.memory,
                                   .cluster_id = support_cluster,
                                   .pool = r->support.pool,
                                   .cache_bytes = 1 << 20,
                                   .setting_kinds = support_kinds,
                                   .setting_kind_count = 2,
                                   .replication = &r->replication};
    r->last = 0;
    OK(meta_open(&options, &r->support.meta));
}

static int setup(void **state)
{
    struct recorder *r = mem_zalloc(sizeof(*r));
    *state = r;
    strcpy(r->support.path, "/tmp/tercet-meta-XXXXXX");
    assert_non_null(mkdtemp(r->support.path));
    r->support.memory = support_in_memory() ? store_memory_create() : NULL;
    r->support.pool = pool_create(2, "meta");
    r->replication =
        (struct meta_replication){r, recorder_ready, recorder_place, recorder_begin, recorder_wait, recorder_held};
    buffer_init(&r->records, 64u << 20);
    r->ready = r->holds = true;
    recorder_open(r);
    support_bucket(&r->support, "versioned", true, &r->support.versioned);
    support_bucket(&r->support, "plain", false, &r->support.plain);
    return 0;
}

static int teardown(void **state)
{
    struct recorder *r = *state;
    buffer_release(&r->records);
    return support_teardown(state);
}

/* A bucket that was suspended, with a null version behind another one, and what hangs on that: an attribute, and work
 * in the outbox; and somebody who is known. */
static void fill_later(struct recorder *r)
{
    const struct meta_outbox_entry entry = {1, BYTES("work")};
    const struct meta_attribute change = {3, BYTES("tags")};
    const struct meta_object_update update = {.changes = &change, .count = 1, .outbox = &entry};
    const struct meta_version null = {.id = BYTES("null")};
    struct meta_bucket later;
    const struct meta_identity_change user = {KEY("user/a"), BYTES("somebody")};
    struct meta_object object;

    OK(meta_identity_update(r->support.meta, meta_identity_generation(r->support.meta), &user, 1));
    if (meta_bucket_get(r->support.meta, KEY("later"), &later) == STATUS_NOT_FOUND)
        support_bucket(&r->support, "later", false, &later);
    OK(support_put(&r->support, &later, "k", 1, 1, NULL, NULL));
    OK(meta_bucket_set_versioning(r->support.meta, later.id, false, NULL));
    OK(support_put(&r->support, &later, "k", 1, 2, NULL, NULL));
    OK(meta_bucket_set_versioning(r->support.meta, later.id, true, NULL));
    OK(meta_object_update(r->support.meta, later.id, KEY("k"), &null, &update, &object));
}

static void check_later(struct recorder *r)
{
    struct meta_outbox_page page;
    struct meta_object object;
    struct meta_bucket later;
    struct bytes document;
    struct buffer user;

    buffer_init(&user, 64);
    OK(meta_identity_get(r->support.meta, KEY("user/a"), &user));
    assert_true(bytes_equal_str(buffer_bytes(&user), "somebody"));
    buffer_release(&user);
    OK(meta_bucket_get(r->support.meta, KEY("later"), &later));
    assert_true(later.suspended && later.versions == 2);
    OK(support_get(&r->support, &later, "k", "null", 0, &object));
    assert_true(object.etag_md5[0] == 1 && !object.latest);
    OK(meta_attribute_find(object.attributes, 3, &document));
    assert_true(bytes_equal_str(document, "tags"));
    meta_object_release(&object);
    OK(meta_outbox_next(r->support.meta, NULL, 10, &page));
    assert_true(page.count == 1 && bytes_equal_str(page.rows[0].payload, "work"));
    assert_int_equal(meta_outbox_backlog(r->support.meta), 1);
    meta_outbox_page_release(&page);
}

static void fill(struct recorder *r)
{
    char key[16];
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "key-%d", i % 25);
        OK(support_put(&r->support, &r->support.versioned, key, 3, i, NULL, NULL));
        OK(support_put(&r->support, &r->support.plain, key, 1, i, NULL, NULL));
    }
    OK(support_delete(&r->support, &r->support.plain, "key-7", NULL, NULL));
    OK(support_delete(&r->support, &r->support.versioned, "key-8", NULL, NULL));
    OK(support_set(&r->support, &r->support.plain, SETTING_WORDS, "kept"));
    OK(support_set(&r->support, &r->support.plain, SETTING_RULES, "removed"));
    OK(support_set(&r->support, &r->support.plain, SETTING_RULES, NULL));
    fill_later(r);
}

/* All records from `from` on, by the log. */
static void log_read_all(struct meta *meta, uint64_t from, struct buffer *out)
{
    struct meta_position now;
    struct change_record record;
    meta_position(meta, &now);
    while (from <= now.sequence) {
        size_t begin = out->len;
        OK(meta_changes_read(meta, from, out));
        struct bytes rest = bytes_of(out->data + begin, out->len - begin);
        while (rest.len) {
            OK(change_record_next(&rest, &record));
            assert_int_equal(record.first, from);
            assert_int_equal(record.epoch, now.epoch);
            from += record.count;
        }
    }
    assert_int_equal(from, now.sequence + 1);
}

static void test_log_says_what_was_handed_on(void **state)
{
    struct recorder *r = *state;
    struct buffer log;
    struct change_record first;
    struct meta_position now;
    fill(r);
    struct bytes handed = buffer_bytes(&r->records);
    OK(change_record_next(&handed, &first));
    handed = buffer_bytes(&r->records);
    meta_position(r->support.meta, &now);
    assert_int_equal(r->last, now.sequence);
    for (int reopened = 0; reopened < 2; reopened++) { /* the log outlives the process */
        buffer_init(&log, 64u << 20);
        log_read_all(r->support.meta, first.first, &log);
        assert_int_equal(log.len, handed.len);
        assert_memory_equal(log.data, handed.data, handed.len);
        buffer_clear(&log);
        log_read_all(r->support.meta, 1, &log); /* also what was written before anybody listened */
        assert_true(log.len > handed.len);
        buffer_release(&log);
        meta_close(r->support.meta);
        recorder_open(r);
    }
}

/* The first commit of a process begins an epoch; what was made before keeps its own. */
static void test_epochs(void **state)
{
    struct recorder *r = *state;
    struct meta_position first, reopened, second;
    struct change_record record;
    struct buffer log;
    fill(r);
    meta_position(r->support.meta, &first);
    meta_close(r->support.meta);
    recorder_open(r);
    meta_position(r->support.meta, &reopened);
    assert_int_equal(reopened.epoch, first.epoch); /* nothing was changed yet */
    assert_int_equal(reopened.sequence, first.sequence);
    const struct meta_position lost = {first.epoch, first.sequence + 1};
    assert_int_equal(meta_judge(r->support.meta, &lost), STANDING_AHEAD);
    buffer_clear(&r->records);
    OK(support_put(&r->support, &r->support.plain, "key", 1, 1, NULL, NULL));
    OK(support_put(&r->support, &r->support.plain, "key", 1, 2, NULL, NULL));
    meta_position(r->support.meta, &second);
    assert_int_equal(change_generation(second.epoch), change_generation(first.epoch) + 1);
    struct bytes handed = buffer_bytes(&r->records);
    OK(change_record_next(&handed, &record));
    assert_int_equal(record.epoch, second.epoch);
    assert_int_equal(record.first, first.sequence + 1);
    assert_int_equal(meta_judge(r->support.meta, &lost), STANDING_FORKED);
    assert_int_equal(meta_judge(r->support.meta, &first), STANDING_PREFIX);
    assert_int_equal(meta_judge(r->support.meta, &second), STANDING_PREFIX);

    buffer_init(&log, 64u << 20);
    for (uint64_t from = 1; from <= second.sequence;) {
        buffer_clear(&log);
        OK(meta_changes_read(r->support.meta, from, &log));
        for (struct bytes rest = buffer_bytes(&log); change_record_next(&rest, &record) == STATUS_OK;) {
            assert_int_equal(record.first, from);
            assert_int_equal(record.epoch, from <= first.sequence ? first.epoch : second.epoch);
            from += record.count;
        }
    }
    buffer_release(&log);
}

static void test_not_ready(void **state)
{
    struct recorder *r = *state;
    struct meta_object object;
    struct meta_position before, after;
    meta_position(r->support.meta, &before);
    r->ready = false;
    assert_int_equal(support_put(&r->support, &r->support.plain, "key", 1, 1, NULL, NULL), STATUS_UNAVAILABLE);
    meta_position(r->support.meta, &after);
    assert_int_equal(before.sequence, after.sequence);
    assert_int_equal(support_get(&r->support, &r->support.plain, "key", NULL, 0, &object), STATUS_NOT_FOUND);
}

/* ---- carried chunks -----------------------------------------------------------------------------------------------
 */

/* A chunk whose bytes are the mark, repeated. */
static struct chunk_list carried_chunk(char mark, uint32_t size, char *bytes)
{
    struct chunk_list list = support_chunks(1, size, 0);
    memset(bytes, mark, size);
    list.refs[0].crc32c = crc32c_update(0, bytes, size);
    list.carried = bytes;
    return list;
}

static enum status put_carried(struct recorder *r, const char *key, const struct chunk_list *chunks)
{
    struct meta_object object = {.size = chunks->refs[0].size};
    return meta_object_put(r->support.meta, r->support.plain.id, KEY(key), &object, chunks, NULL);
}

static void check_copies(struct recorder *r, const struct chunk_id *id, const char *nodes, uint8_t bad)
{
    struct meta_chunk chunk;
    OK(meta_chunk_get(r->support.meta, id, &chunk));
    assert_int_equal(chunk.ref.copies, strlen(nodes));
    for (size_t i = 0; i < strlen(nodes); i++)
        assert_int_equal(chunk.ref.nodes[i], nodes[i] - '0');
    assert_int_equal(chunk.bad, bad);
}

/* The block before the record of the last commit, as it was handed on and as the log has it. */
static void check_carried(struct bytes records, const struct chunk_list *chunks)
{
    struct carried_block block;
    struct carried_chunk chunk;
    struct change_record record;
    OK(carried_block_next(&records, &block));
    assert_int_equal(block.set.count, 3);
    assert_memory_equal(block.set.nodes, "\4\1\3", 3);
    OK(carried_chunk_next(&block.payload, &chunk));
    assert_memory_equal(&chunk.id, &chunks->refs[0].id, sizeof(chunk.id));
    OK(carried_chunk_verify(&chunk));
    assert_memory_equal(chunk.bytes, chunks->carried, chunks->refs[0].size);
    assert_int_equal(carried_chunk_next(&block.payload, &chunk), STATUS_NOT_FOUND);
    OK(change_record_next(&records, &record));
    assert_int_equal(records.len, 0);
}

static void test_carried(void **state)
{
    struct recorder *r = *state;
    struct meta_position before;
    struct buffer log;
    char bytes[5000];
    struct chunk_list chunks = carried_chunk('c', sizeof(bytes), bytes);

    memcpy(r->nodes, "\4\1\3", 3);
    OK(support_put(&r->support, &r->support.plain, "other", 1, 1, NULL, NULL));
    assert_int_equal(r->carried.count, 0);
    meta_position(r->support.meta, &before);
    buffer_clear(&r->records);
    OK(put_carried(r, "key", &chunks));
    assert_int_equal(r->carried.count, 3);
    check_copies(r, &chunks.refs[0].id, "413", 0);
    assert_int_equal(meta_repair_backlog(r->support.meta), 0);
    check_carried(buffer_bytes(&r->records), &chunks);
    buffer_init(&log, 1 << 20);
    OK(meta_changes_read(r->support.meta, before.sequence + 1, &log));
    check_carried(buffer_bytes(&log), &chunks);
    buffer_release(&log);
    chunk_list_release(&chunks);
}

/* An operation that fails carries nothing, and one for which there are no nodes is not done. */
static void test_not_carried(void **state)
{
    struct recorder *r = *state;
    struct meta_object object = {.size = 10};
    struct meta_part part = {.number = 1, .size = 10};
    struct meta_upload none = {
        .bucket = r->support.plain.id, .key = KEY("large"), .id = "00000000000000000000000000000001"};
    char bytes[10];
    struct chunk_list chunks = carried_chunk('c', sizeof(bytes), bytes);

    assert_int_equal(put_carried(r, "key", &chunks), STATUS_UNAVAILABLE);
    assert_int_equal(support_get(&r->support, &r->support.plain, "key", NULL, 0, &object), STATUS_NOT_FOUND);
    memcpy(r->nodes, "\4\1\3", 3);
    assert_int_equal(meta_part_put(r->support.meta, &none, &part, &chunks), STATUS_NOT_FOUND);
    OK(support_put(&r->support, &r->support.plain, "other", 1, 1, NULL, NULL));
    assert_int_equal(r->carried.count, 0);
    chunks.refs[0].copies = 3; /* they are somewhere, or they are carried */
    assert_int_equal(put_carried(r, "key", &chunks), STATUS_INVALID);
    chunks.refs[0].copies = 0;
    chunks.carried = NULL;
    assert_int_equal(put_carried(r, "key", &chunks), STATUS_INVALID);
    chunk_list_release(&chunks);
}

/* What is recorded is true when the operation ends: two nodes, or another one in the place of one that failed. */
static void test_carried_elsewhere(void **state)
{
    struct recorder *r = *state;
    char bytes[10];
    struct chunk_list two = carried_chunk('2', sizeof(bytes), bytes), other = carried_chunk('o', sizeof(bytes), bytes);
    struct chunk_list lost = carried_chunk('l', sizeof(bytes), bytes);
    struct meta_durability set;

    memcpy(r->nodes, "\4\1", 2);
    OK(put_carried(r, "two", &two));
    check_copies(r, &two.refs[0].id, "41", 0);
    assert_int_equal(meta_repair_backlog(r->support.meta), 1);
    r->nodes[2] = 3;
    r->missing = (struct meta_short){1, {{1, 2}}};
    OK(put_carried(r, "other", &other));
    check_copies(r, &other.refs[0].id, "4132", 1 << 1);
    assert_int_equal(meta_repair_backlog(r->support.meta), 1);
    r->missing = (struct meta_short){1, {{4, 0}}};
    OK(put_carried(r, "lost", &lost));
    check_copies(r, &lost.refs[0].id, "413", 1 << 0);
    assert_int_equal(meta_repair_backlog(r->support.meta), 2);
    meta_durability_get(r->support.meta, &set);
    assert_true(set.chunks[2] == 2 && set.chunks[3] == 1);
    chunk_list_release(&two);
    chunk_list_release(&other);
    chunk_list_release(&lost);
}

/* ---- one round ----------------------------------------------------------------------------------------------------
 */

/* What was sent but not synced when the process died is taken over from a node, once. */
static void test_crash_before_the_sync(void **state)
{
    struct recorder *r = *state;
    struct meta_position before, after, now;
    struct change_record record;
    struct meta_object object;

    if (!r->support.memory)
        skip();
    OK(support_put(&r->support, &r->support.plain, "before", 1, 1, NULL, NULL));
    meta_position(r->support.meta, &before);
    buffer_clear(&r->records);
    store_memory_fail_syncs(r->support.memory, STATUS_IO);
    assert_int_equal(support_put(&r->support, &r->support.plain, "key", 1, 7, NULL, NULL), STATUS_UNCERTAIN);
    assert_true(meta_has_failed(r->support.meta));
    assert_true(r->records.len > 0); /* it was sent first */
    assert_int_equal(support_put(&r->support, &r->support.plain, "later", 1, 7, NULL, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(support_get(&r->support, &r->support.plain, "key", NULL, 0, &object), STATUS_UNCERTAIN);
    assert_null(meta_snapshot_open(r->support.meta, &after));
    meta_close(r->support.meta);
    store_memory_fail_syncs(r->support.memory, STATUS_OK);
    store_memory_crash(r->support.memory);

    struct bytes records = buffer_bytes(&r->records);
    OK(change_record_next(&records, &record));
    const struct meta_position replica = {record.epoch, record.first + record.count - 1};
    OK(take_over_write(r->support.memory, support_cluster, buffer_bytes(&r->records), &replica));
    assert_int_equal(take_over_write(r->support.memory, support_cluster, buffer_bytes(&r->records), &replica),
                     STATUS_CONFLICT);
    store_memory_crash(r->support.memory);
    recorder_open(r);
    meta_position(r->support.meta, &now);
    assert_true(now.epoch == replica.epoch && now.sequence == replica.sequence);
    OK(support_get(&r->support, &r->support.plain, "key", NULL, 0, &object));
    assert_int_equal(object.etag_md5[0], 7);
    meta_object_release(&object);
    OK(support_put(&r->support, &r->support.plain, "after", 1, 1, NULL, NULL));
    assert_int_equal(meta_judge(r->support.meta, &replica), STANDING_PREFIX);
}

struct reader {
    struct recorder *recorder;
    const char *key;
    enum status status;
    atomic_bool done;
};

static void *reader_main(void *arg)
{
    struct reader *reader = arg;
    struct meta_object object;
    reader->status =
        support_get(&reader->recorder->support, &reader->recorder->support.plain, reader->key, NULL, 0, &object);
    meta_object_release(&object);
    reader->done = true;
    return NULL;
}

static void *writer_main(void *arg)
{
    struct reader *writer = arg;
    struct recorder *r = writer->recorder;
    writer->status = support_put(&r->support, &r->support.plain, writer->key, 1, 1, NULL, NULL);
    return NULL;
}

/* Who reads a version waits until the outcome of its commit is known; nobody else does. */
static void test_readers_wait(void **state)
{
    struct recorder *r = *state;
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct reader writer = {.recorder = r, .key = "new"}, early = {.recorder = r, .key = "new"};
    struct meta_object object;
    pthread_t threads[2];

    OK(support_put(&r->support, &r->support.plain, "old", 1, 1, NULL, NULL));
    uint64_t before = meta_sequence(r->support.meta);
    pthread_mutex_lock(&gate);
    r->gate = &gate;
    assert_int_equal(pthread_create(&threads[0], NULL, writer_main, &writer), 0);
    while (meta_sequence(r->support.meta) == before) /* it is durable here then */
        usleep(200);
    assert_int_equal(pthread_create(&threads[1], NULL, reader_main, &early), 0);
    for (int i = 0; i < 50; i++) {
        OK(support_get(&r->support, &r->support.plain, "old", NULL, 0, &object));
        meta_object_release(&object);
        assert_int_equal(support_get(&r->support, &r->support.plain, "none", NULL, 0, &object), STATUS_NOT_FOUND);
        usleep(200);
    }
    assert_false(early.done);
    pthread_mutex_unlock(&gate);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    r->gate = NULL;
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(early.status, STATUS_OK);
}

/* It is done, stays, and is known to the next operation, but it is not acknowledged. */
static void test_uncertain(void **state)
{
    struct recorder *r = *state;
    struct meta_object object;
    r->holds = false;
    assert_int_equal(support_put(&r->support, &r->support.plain, "key", 1, 9, NULL, NULL), STATUS_UNCERTAIN);
    OK(support_get(&r->support, &r->support.plain, "key", NULL, 0, &object));
    assert_int_equal(object.etag_md5[0], 9);
    meta_object_release(&object);
    assert_int_equal(meta_bucket_delete(r->support.meta, KEY("plain")), STATUS_NOT_EMPTY);
}

static enum status accept_parts(void *arg, const struct meta_part *const *parts, size_t count,
                                struct meta_object *object)
{
    (void)arg, (void)parts, (void)count, (void)object;
    return STATUS_OK;
}

/* Completes the upload whose id is the key, or reads the version of that id. */
static void *late_main(void *arg)
{
    struct reader *late = arg;
    struct support *s = &late->recorder->support;
    struct meta_upload upload = {.bucket = s->versioned.id, .key = KEY("late")};
    struct meta_object object;
    unsigned number = 1;

    memcpy(upload.id, late->key, META_UPLOAD_ID_LEN);
    if (late->done)
        late->status = meta_upload_complete(s->meta, &upload, &number, 1, NULL, accept_parts, NULL, &object);
    else
        late->status = support_get(s, &s->versioned, "late", late->key, 0, &object);
    meta_object_release(&object);
    late->done = true;
    return NULL;
}

/* A version whose place is that of an upload begun before waits for the commit that made it, too. */
static void test_readers_wait_for_the_complete(void **state)
{
    struct recorder *r = *state;
    struct meta *meta = r->support.meta;
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct meta_upload upload = {.bucket = r->support.versioned.id, .key = KEY("late")};
    struct chunk_list chunks = support_chunks(1, 10, 3);
    pthread_t threads[2];

    OK(meta_upload_create(meta, &upload));
    OK(meta_part_put(meta, &upload, &(struct meta_part){.number = 1, .size = 10}, &chunks));
    chunk_list_release(&chunks);
    struct reader completer = {r, upload.id, STATUS_OK, true}, early = {r, upload.id, STATUS_OK, false};
    uint64_t before = meta_sequence(meta);
    pthread_mutex_lock(&gate);
    r->gate = &gate;
    assert_int_equal(pthread_create(&threads[0], NULL, late_main, &completer), 0);
    while (meta_sequence(meta) == before)
        usleep(200);
    assert_int_equal(pthread_create(&threads[1], NULL, late_main, &early), 0);
    usleep(20000);
    assert_false(early.done);
    pthread_mutex_unlock(&gate);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    r->gate = NULL;
    assert_true(completer.status == STATUS_OK && early.status == STATUS_OK);
}

/* Who repeats what ended uncertain finds it done; that may be lost no less than the first time. */
static void test_repeated_after_uncertain(void **state)
{
    struct recorder *r = *state;
    struct meta *meta = r->support.meta;
    struct meta_upload upload = {.bucket = r->support.plain.id, .key = KEY("large")};
    struct meta_part part = {.number = 1, .size = 10};
    struct chunk_list chunks = support_chunks(1, 10, 3);
    const unsigned number = 1;
    struct meta_object object;
    uint64_t count;

    OK(support_put(&r->support, &r->support.plain, "key", 1, 1, NULL, NULL));
    OK(support_put(&r->support, &r->support.versioned, "file", 1, 1, NULL, NULL));
    OK(meta_upload_create(meta, &upload));
    OK(meta_part_put(meta, &upload, &part, &chunks));
    for (int i = 0; i < 3; i++) {
        enum status wanted = i < 2 ? STATUS_UNCERTAIN : STATUS_OK;
        r->holds = i == 2;
        assert_int_equal(meta_upload_complete(meta, &upload, &number, 1, NULL, accept_parts, NULL, &object), wanted);
        meta_object_release(&object);
        assert_int_equal(support_delete(&r->support, &r->support.plain, "key", NULL, NULL), wanted);
        assert_int_equal(meta_object_delete_all(meta, r->support.versioned.id, KEY("file"), NULL, &count), wanted);
        assert_int_equal(meta_bucket_create(meta, KEY("another"), false, BYTES(""), NULL),
                         wanted ? wanted : STATUS_EXISTS);
    }
    chunk_list_release(&chunks);
}

/* What an uncertain deletion queued is kept until the nodes have the deletion. */
static void test_garbage_of_uncertain_commit(void **state)
{
    struct recorder *r = *state;
    struct meta_garbage due = {0};
    OK(support_put(&r->support, &r->support.plain, "key", 2, 1, NULL, NULL));
    r->holds = false;
    assert_int_equal(support_delete(&r->support, &r->support.plain, "key", NULL, NULL), STATUS_UNCERTAIN);
    for (int i = 0; i < 3; i++) {
        OK(meta_gc_next(r->support.meta, META_GC_NEW, 0, 100, &due));
        assert_int_equal(due.chunks.count, 0);
    }
    assert_int_equal(meta_gc_backlog(r->support.meta), 1);
    r->holds = true;
    OK(meta_gc_next(r->support.meta, META_GC_NEW, 0, 100, &due));
    assert_int_equal(due.chunks.count, 2);
    meta_garbage_release(&due);
}

/* Rebuilds a database from a snapshot. */
static void snapshot_restore(struct recorder *r, const char *path, struct meta_position *as_of)
{
    struct meta_restore *restore;
    struct buffer page;
    struct change_record record;
    struct lineage lineage;
    bool end = false;
    buffer_init(&page, CHANGE_RECORD_MAX);
    OK(meta_restore_open(path, &restore));
    struct meta_snapshot *snapshot = meta_snapshot_open(r->support.meta, as_of);
    OK(support_put(&r->support, &r->support.plain, "behind the snapshot", 1, 1, NULL, NULL));
    while (!end) {
        buffer_clear(&page);
        OK(meta_snapshot_next(snapshot, &page, &end));
        struct bytes rest = buffer_bytes(&page);
        OK(change_record_next(&rest, &record));
        OK(meta_restore_add(restore, &record));
    }
    meta_snapshot_close(snapshot);
    OK(meta_restore_lineage(restore, support_cluster, &lineage));
    assert_int_equal(lineage.epoch, as_of->epoch);
    OK(meta_restore_finish(restore, as_of, 0));
    meta_restore_free(restore);
    buffer_release(&page);
}

static void test_snapshot_and_restore(void **state)
{
    struct recorder *r = *state;
    struct meta_position as_of, first, restored;
    struct lineage lineage;
    struct meta_object object;
    char path[96];
    int64_t start_ms = clock_wall_ms();
    fill(r);
    meta_position(r->support.meta, &first);
    snprintf(path, sizeof(path), "%s/restored", r->support.path);
    snapshot_restore(r, path, &as_of);
    assert_int_equal(as_of.sequence, first.sequence);
    assert_int_equal(as_of.epoch, first.epoch);
    OK(meta_position_peek(path, support_cluster, &restored, &lineage));
    assert_true(restored.sequence >= as_of.sequence);
    assert_int_equal(change_generation(restored.epoch), change_generation(as_of.epoch) + LINEAGE_RESTORE_GAP);
    assert_int_equal(meta_restored_ms(r->support.meta), 0);

    meta_close(r->support.meta);
    struct meta_options options = {.path = path,
                                   .cluster_id = support_cluster,
                                   .pool = r->support.pool,
                                   .setting_kinds = support_kinds,
                                   .setting_kind_count = 2};
    OK(meta_open(&options, &r->support.meta));
    assert_true(meta_restored_ms(r->support.meta) >= start_ms && meta_restored_ms(r->support.meta) <= clock_wall_ms());
    support_check_setting(&r->support, "plain", SETTING_WORDS, "kept");
    support_check_setting(&r->support, "plain", SETTING_RULES, NULL);
    check_later(r);
    OK(support_get(&r->support, &r->support.plain, "key-3", NULL, 0, &object));
    assert_int_equal(object.etag_md5[0], 28);
    meta_object_release(&object);
    assert_int_equal(support_get(&r->support, &r->support.plain, "key-7", NULL, 0, &object), STATUS_NOT_FOUND);
    assert_int_equal(support_get(&r->support, &r->support.plain, "behind the snapshot", NULL, 0, &object),
                     STATUS_NOT_FOUND);
    assert_int_equal(meta_judge(r->support.meta, &as_of), STANDING_PREFIX);
    const struct meta_position given_up = {as_of.epoch, as_of.sequence + 1};
    assert_int_equal(meta_judge(r->support.meta, &given_up), STANDING_OVERRULED);
    OK(support_put(&r->support, &r->support.versioned, "key-9", 1, 77, NULL, &object));
    assert_int_equal(object.number, 3); /* the counters came along */
    struct buffer changes;              /* the log of the restore itself is not one of changes */
    buffer_init(&changes, 64u << 20);
    assert_int_equal(meta_changes_read(r->support.meta, as_of.sequence, &changes), STATUS_NOT_FOUND);
    OK(meta_changes_read(r->support.meta, as_of.sequence + 1, &changes));
    buffer_release(&changes);
}

static void test_peek(void **state)
{
    struct recorder *r = *state;
    struct meta_position open, closed;
    struct lineage lineage;
    uint8_t other[16] = "another cluster";
    SUPPORT_WANTS_DISK();
    meta_position(r->support.meta, &open);
    meta_close(r->support.meta);
    r->support.meta = NULL;
    OK(meta_position_peek(r->support.path, support_cluster, &closed, &lineage));
    assert_int_equal(open.epoch, closed.epoch);
    assert_int_equal(open.sequence, closed.sequence);
    assert_int_equal(change_generation(open.epoch), 1);
    assert_int_equal(meta_position_peek(r->support.path, other, &closed, &lineage), STATUS_DENIED);
    assert_int_equal(meta_position_peek("/tmp/tercet-no-such-directory", support_cluster, &closed, &lineage),
                     STATUS_NOT_FOUND);
}

/* Makes the database one of a build whose store did not keep the sequence: the history's row in its second format, with
 * a base, and no row of the sequence. */
static void forget_sequence(struct recorder *r, uint64_t base)
{
    const struct rocks_view view = {0};
    struct store_value row;
    struct meta_store *db;
    struct buffer old;
    OK(store_open(r->support.path, 0, &db));
    struct rocks *rocks = store_rocks_database(db);
    OK(rocks_get(rocks, &view, STORE_DEFAULT, BYTES("history"), &row.data, &row.len));
    assert_int_equal(row.data[0], 3);
    buffer_init(&old, 8192);
    record_put_u8(&old, 2);
    record_put(&old, row.data + 1, 8); /* the epoch */
    record_put_u64(&old, base);
    record_put(&old, row.data + 9, row.len - 9);
    OK(rocks_put(rocks, STORE_DEFAULT, BYTES("history"), buffer_bytes(&old), true));
    OK(rocks_delete(rocks, STORE_DEFAULT, BYTES("sequence"), true));
    store_value_release(&row);
    buffer_release(&old);
    store_close(db);
}

static void test_taken_over(void **state)
{
    struct recorder *r = *state;
    struct meta_position before, after, closed;
    struct lineage lineage;
    struct buffer changes;
    SUPPORT_WANTS_DISK();
    fill(r);
    meta_position(r->support.meta, &before);
    meta_close(r->support.meta);
    r->support.meta = NULL;
    forget_sequence(r, 5000);
    OK(meta_position_peek(r->support.path, support_cluster, &closed, &lineage));
    assert_int_equal(closed.sequence, before.sequence + 5000 + 2); /* the two rows that were made into old ones */
    assert_int_equal(closed.epoch, before.epoch);
    for (int i = 0; i < 2; i++) {
        recorder_open(r);
        meta_position(r->support.meta, &after);
        assert_int_equal(after.sequence, closed.sequence);
        assert_int_equal(meta_judge(r->support.meta, &closed), STANDING_PREFIX);
        if (i == 0) {
            meta_close(r->support.meta); /* without a change it is still one of that build */
            continue;
        }
        OK(support_put(&r->support, &r->support.plain, "new", 1, 1, NULL, NULL));
    }
    meta_position(r->support.meta, &after);
    assert_true(after.sequence > closed.sequence && after.epoch != closed.epoch);
    meta_close(r->support.meta);
    recorder_open(r);
    meta_position(r->support.meta, &closed);
    assert_int_equal(closed.sequence, after.sequence);
    buffer_init(&changes, CHANGE_RECORD_MAX);
    OK(meta_changes_read(r->support.meta, before.sequence + 5000 + 3, &changes));
    buffer_release(&changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log_says_what_was_handed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_epochs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uncertain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_carried, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_carried, setup, teardown),
        cmocka_unit_test_setup_teardown(test_carried_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crash_before_the_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(test_readers_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_readers_wait_for_the_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated_after_uncertain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage_of_uncertain_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot_and_restore, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peek, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
