/* The queues of chunks to free and to repair: what is due, what open readers hold back, and that nothing is blocked by
 * chunks that cannot be dealt with now. */
#include "base/clock.h"
#include "meta/internal.h"
#include "tests/unit/meta/support.h"

static struct meta_garbage some_of(const struct meta_garbage *garbage, size_t from, size_t to)
{
    struct meta_garbage some = {0};
    for (size_t i = from; i < to; i++)
        meta_garbage_append(&some, &garbage->chunks.refs[i], &garbage->rows[i]);
    return some;
}

static void test_gc_grace_and_done(void **state)
{
    struct support *s = *state;
    struct meta_garbage garbage = {0};

    OK(support_put(s, &s->plain, "k", 5, 1, NULL, NULL));
    OK(support_put(s, &s->plain, "k", 1, 2, NULL, NULL));
    assert_int_equal(meta_gc_backlog(s->meta), 1);
    OK(meta_gc_next(s->meta, META_GC_NEW, 3600 * 1000, 10, &garbage));
    assert_int_equal(garbage.chunks.count, 0);
    for (int reopened = 0; reopened < 2; reopened++) {
        OK(meta_gc_next(s->meta, META_GC_NEW, 0, 3, &garbage));
        assert_int_equal(garbage.chunks.count, 3);
        OK(meta_gc_next(s->meta, META_GC_NEW, 0, 3, &garbage));
        assert_int_equal(garbage.chunks.count, 5);
        for (size_t i = 0; i < 5; i++)
            assert_true(garbage.chunks.refs[i].copies == 3 && garbage.chunks.refs[i].nodes[2] == 3 &&
                        garbage.chunks.refs[i].size == 100);
        OK(meta_gc_next(s->meta, META_GC_NEW, 0, 3, &garbage));
        assert_int_equal(garbage.chunks.count, 5); /* that was all that is new */
        if (!reopened) {
            meta_garbage_release(&garbage);
            support_reopen(s); /* not done: nothing may be lost */
            OK(meta_gc_next(s->meta, META_GC_NEW, 3600 * 1000, 10, &garbage));
            assert_int_equal(garbage.chunks.count, 0); /* neither may grace be */
        }
    }
    struct meta_garbage some = some_of(&garbage, 0, 4), last = some_of(&garbage, 4, 5);
    OK(meta_gc_done(s->meta, &some));
    assert_int_equal(meta_gc_backlog(s->meta), 1);
    OK(meta_gc_done(s->meta, &last));
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    OK(meta_gc_done(s->meta, &last)); /* twice does no harm */
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    meta_garbage_release(&some);
    meta_garbage_release(&last);
    meta_garbage_release(&garbage);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 0);
    meta_garbage_release(&garbage);
}

static void test_gc_spares_readers(void **state)
{
    struct support *s = *state;
    struct meta_object object;
    uint32_t offset, len;
    struct chunk_ref ref;

    OK(support_put(s, &s->plain, "before", 1, 1, NULL, NULL));
    OK(support_delete(s, &s->plain, "before", NULL, NULL));
    OK(support_put(s, &s->plain, "k", 40, 1, NULL, NULL));
    OK(support_get(s, &s->plain, "k", NULL, 0, &object));
    struct meta_cursor *cursor = meta_cursor_open(s->meta, &object, 0, 4000);
    OK(meta_cursor_next(cursor, &ref, &offset, &len));
    OK(support_put(s, &s->plain, "k", 3, 2, NULL, NULL)); /* under the reader */
    OK(support_put(s, &s->plain, "k", 5, 3, NULL, NULL));
    OK(support_put(s, &s->plain, "after", 7, 1, NULL, NULL));
    OK(support_delete(s, &s->plain, "after", NULL, NULL));
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 1 + 3 + 7); /* all but what is read */
    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 0);
    assert_true(meta_gc_backlog(s->meta) == 1 && meta_gc_left(s->meta) == 1);
    meta_garbage_release(&garbage);
    for (int i = 1; i < 40; i++)
        OK(meta_cursor_next(cursor, &ref, &offset, &len));
    assert_int_equal(meta_cursor_next(cursor, &ref, &offset, &len), STATUS_NOT_FOUND);
    meta_cursor_close(cursor);
    meta_object_release(&object);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 40);
    meta_garbage_release(&garbage);
}

/* From the lookup on, not from the opening of the cursor on, and whatever the grace is. */
static void test_gc_spares_what_was_looked_up(void **state)
{
    struct support *s = *state;
    struct meta_object first, second, empty;

    OK(support_put(s, &s->plain, "k", 4, 1, NULL, NULL));
    OK(support_put(s, &s->plain, "empty", 0, 1, NULL, NULL));
    OK(support_get(s, &s->plain, "k", NULL, 0, &first));
    OK(support_get(s, &s->plain, "k", NULL, 0, &second));
    OK(support_get(s, &s->plain, "empty", NULL, 0, &empty)); /* has nothing to hold */
    OK(support_put(s, &s->plain, "k", 3, 2, NULL, NULL));
    OK(support_put(s, &s->plain, "k", 1, 3, NULL, NULL));
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 3);
    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);

    struct meta_cursor *cursor = meta_cursor_open(s->meta, &first, 0, first.size);
    meta_object_release(&second); /* never read */
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 0);
    meta_cursor_close(cursor);
    meta_object_release(&first);
    meta_object_release(&empty);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 4);
    meta_garbage_release(&garbage);
}

/* While a lookup goes on, nobody knows what it will find: what became garbage since then waits, and it alone. */
static void test_gc_waits_for_lookups(void **state)
{
    struct support *s = *state;
    struct meta_garbage garbage = {0};
    struct lookup before, after;

    OK(support_put(s, &s->plain, "k", 4, 1, NULL, NULL));
    OK(support_put(s, &s->plain, "k", 3, 2, NULL, NULL));
    lookup_begin(&s->meta->readers, &before, meta_sequence(s->meta));
    OK(support_put(s, &s->plain, "k", 2, 3, NULL, NULL));
    lookup_begin(&s->meta->readers, &after, meta_sequence(s->meta));
    OK(meta_gc_next(s->meta, META_GC_NEW, 0, 64, &garbage));
    assert_int_equal(garbage.chunks.count, 4);
    lookup_end(&s->meta->readers, &before);
    OK(meta_gc_next(s->meta, META_GC_NEW, 0, 64, &garbage)); /* it was not passed over */
    assert_int_equal(garbage.chunks.count, 4 + 3);
    lookup_end(&s->meta->readers, &after);
    meta_garbage_release(&garbage);
}

#define MANY_ROWS 5000

/* Rows go with the last of their chunks, however many are done at once, and none is left for later walks. */
static void test_gc_many_rows(void **state)
{
    struct support *s = *state;
    struct meta_garbage garbage = {0}, none = {0};

    for (int i = 0; i < MANY_ROWS; i++)
        OK(support_put(s, &s->plain, "k", 1, i, NULL, NULL));
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    assert_int_equal(meta_gc_backlog(s->meta), MANY_ROWS);
    OK(meta_gc_next(s->meta, META_GC_NEW, 0, 2 * MANY_ROWS, &garbage));
    assert_int_equal(garbage.chunks.count, MANY_ROWS);
    assert_int_equal(meta_gc_left(s->meta), MANY_ROWS);
    struct meta_garbage half = some_of(&garbage, 0, MANY_ROWS / 2);
    OK(meta_gc_done(s->meta, &half));
    assert_int_equal(meta_gc_backlog(s->meta), MANY_ROWS / 2);
    for (size_t i = 0; i < garbage.chunks.count; i++)
        garbage.rows[i].ends = false; /* as when the process ends before the rows are removed */
    OK(meta_gc_done(s->meta, &garbage));
    assert_int_equal(meta_gc_backlog(s->meta), MANY_ROWS / 2);
    OK(meta_gc_next(s->meta, META_GC_AGAIN, 0, 1, &none)); /* one call removes all that are empty */
    assert_int_equal(none.chunks.count, 0);
    assert_true(meta_gc_backlog(s->meta) == 0 && meta_gc_left(s->meta) == 0);
    meta_garbage_release(&half);
    meta_garbage_release(&garbage);
}

/* What is behind is what could have been freed: not what is too young, nor what was tried and waits for a node. */
static void test_gc_overdue(void **state)
{
    struct support *s = *state;
    struct meta_garbage garbage = {0};

    for (int i = 0; i < 11; i++)
        OK(support_put(s, &s->plain, "k", 1, i, NULL, NULL));
    OK(meta_gc_next(s->meta, META_GC_NEW, 3600 * 1000, 4, &garbage));
    assert_true(garbage.chunks.count == 0 && meta_gc_overdue(s->meta) == 0);
    OK(meta_gc_next(s->meta, META_GC_NEW, 0, 4, &garbage));
    assert_true(garbage.chunks.count == 4 && meta_gc_overdue(s->meta) == 6);
    OK(meta_gc_done(s->meta, &garbage));
    OK(meta_gc_next(s->meta, META_GC_NEW, 0, 4, &garbage));
    assert_true(garbage.chunks.count == 8 && meta_gc_overdue(s->meta) == 2);
    OK(meta_gc_next(s->meta, META_GC_NEW, 0, 4, &garbage));
    assert_true(garbage.chunks.count == 10 && meta_gc_overdue(s->meta) == 0);
    assert_true(meta_gc_left(s->meta) == 6 && meta_gc_backlog(s->meta) == 6);
    meta_garbage_release(&garbage);
}

/* Chunks that are handed out and never done must not hold up those behind them. */
static void test_gc_rotates(void **state)
{
    struct support *s = *state;
    size_t freed = 0;
    struct meta_garbage stuck = {0};

    for (int i = 0; i < 10; i++) {
        OK(support_put(s, &s->plain, "k", 4, i, NULL, NULL));
        OK(support_delete(s, &s->plain, "k", NULL, NULL));
    }
    OK(meta_gc_next(s->meta, META_GC_NEW, 0, 6, &stuck));
    for (int i = 0; i < 60; i++) {
        struct meta_garbage garbage = {0}, free_now = {0};
        OK(meta_gc_next(s->meta, i % 2 ? META_GC_NEW : META_GC_AGAIN, 0, 3, &garbage));
        for (size_t j = 0; j < garbage.chunks.count; j++)
            if (!support_list_has(&stuck.chunks, &garbage.chunks.refs[j].id))
                meta_garbage_append(&free_now, &garbage.chunks.refs[j], &garbage.rows[j]);
        OK(meta_gc_done(s->meta, &free_now));
        freed += free_now.chunks.count;
        meta_garbage_release(&garbage);
        meta_garbage_release(&free_now);
    }
    assert_int_equal(freed, 34);
    assert_int_equal(meta_gc_backlog(s->meta), 2);
    for (size_t i = 0; i < stuck.chunks.count; i++)
        stuck.rows[i].ends = true;
    OK(meta_gc_done(s->meta, &stuck));
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 0);
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    meta_garbage_release(&garbage);
    meta_garbage_release(&stuck);
}

static void put_with_copies(struct support *s, const char *key, size_t count, unsigned copies, struct chunk_list *list)
{
    struct chunk_list chunks = support_chunks(count, 10, copies);
    struct meta_object object = {.size = 10 * count};
    OK(meta_object_put(s->meta, s->plain.id, KEY(key), &object, &chunks, NULL));
    *list = chunks;
}

static void check_durability(struct support *s, const uint64_t chunks[CHUNK_COPIES + 1])
{
    struct meta_durability durability;
    meta_durability_get(s->meta, &durability);
    for (unsigned copies = 0; copies <= CHUNK_COPIES; copies++) {
        assert_int_equal(durability.chunks[copies], chunks[copies]);
        assert_int_equal(durability.bytes[copies], 10 * chunks[copies]);
    }
}

static void test_repair_order(void **state)
{
    struct support *s = *state;
    struct chunk_list two, one, three, queue = {0};

    put_with_copies(s, "two", 3, 2, &two);
    put_with_copies(s, "three", 3, 3, &three);
    put_with_copies(s, "one", 2, 1, &one);
    assert_int_equal(meta_repair_backlog(s->meta), 5);
    check_durability(s, (uint64_t[]){0, 2, 3, 3});
    OK(meta_repair_next(s->meta, 4, &queue));
    assert_int_equal(queue.count, 4);
    assert_true(queue.refs[0].copies == 1 && queue.refs[1].copies == 1 && queue.refs[2].copies == 2);
    assert_true(support_list_has(&one, &queue.refs[0].id) && support_list_has(&two, &queue.refs[3].id));
    OK(meta_repair_next(s->meta, 4, &queue));
    assert_int_equal(queue.count, 5);
    OK(meta_repair_next(s->meta, 4, &queue));
    assert_int_equal(queue.count, 5); /* through */

    for (size_t i = 0; i < queue.count; i++) {
        struct chunk_ref done = queue.refs[i];
        while (done.copies < (i == 0 ? 2 : 3)) {
            done.nodes[done.copies] = (uint8_t)(7 + done.copies);
            done.copies++;
            OK(meta_repair_done(s->meta, &done));
        }
    }
    assert_int_equal(meta_repair_backlog(s->meta), 1);
    chunk_list_release(&queue);
    OK(meta_repair_next(s->meta, 4, &queue));
    assert_int_equal(queue.count, 1);
    assert_int_equal(queue.refs[0].copies, 2);
    support_reopen(s);
    assert_int_equal(meta_repair_backlog(s->meta), 1);
    check_durability(s, (uint64_t[]){0, 0, 1, 7});
    struct chunk_ref unknown = support_chunk(10, 3);
    assert_int_equal(meta_repair_done(s->meta, &unknown), STATUS_NOT_FOUND);
    chunk_list_release(&queue);
    chunk_list_release(&one);
    chunk_list_release(&two);
    chunk_list_release(&three);
}

static void test_repair_add(void **state)
{
    struct support *s = *state;
    struct chunk_list chunks, queue = {0};
    struct chunk_id unknown;
    struct meta_object object;
    struct chunk_ref ref;
    uint32_t offset, len;

    put_with_copies(s, "k", 2, 3, &chunks);
    chunk_id_create(&unknown);
    OK(meta_repair_add(s->meta, &unknown, 1));
    OK(meta_repair_add(s->meta, &chunks.refs[0].id, 200)); /* holds no recorded copy */
    assert_int_equal(meta_repair_backlog(s->meta), 0);
    OK(meta_repair_add(s->meta, &chunks.refs[1].id, 2));
    OK(meta_repair_add(s->meta, &chunks.refs[1].id, 2));
    assert_int_equal(meta_repair_backlog(s->meta), 1);
    OK(meta_repair_next(s->meta, 10, &queue));
    assert_int_equal(queue.count, 1);
    assert_memory_equal(&queue.refs[0].id, &chunks.refs[1].id, CHUNK_ID_LEN);
    assert_true(queue.refs[0].copies == 2 && queue.refs[0].nodes[0] == 1 && queue.refs[0].nodes[1] == 3);

    OK(meta_repair_add(s->meta, &chunks.refs[0].id, 1)); /* behind the walk's position */
    OK(meta_repair_next(s->meta, 10, &queue));
    assert_true(queue.count == 3 || queue.count == 2);
    assert_true(support_list_has(&queue, &chunks.refs[0].id));
    OK(meta_repair_add(s->meta, &chunks.refs[1].id, 1));
    OK(meta_repair_add(s->meta, &chunks.refs[1].id, 3));
    OK(support_get(s, &s->plain, "k", NULL, 0, &object));
    struct meta_cursor *cursor = meta_cursor_open(s->meta, &object, 0, 20);
    OK(meta_cursor_next(cursor, &ref, &offset, &len));
    assert_true(ref.copies == 2 && ref.nodes[0] == 2 && ref.nodes[1] == 3);
    OK(meta_cursor_next(cursor, &ref, &offset, &len));
    assert_int_equal(ref.copies, 3); /* all are bad: a last resort */
    check_durability(s, (uint64_t[]){1, 0, 1, 0});
    meta_cursor_close(cursor);
    meta_object_release(&object);
    ref.copies = 4; /* one of the bad copies could be read after all: only the new one is good */
    ref.nodes[3] = 9;
    OK(meta_repair_done(s->meta, &ref));
    chunk_list_release(&queue);
    OK(meta_repair_next(s->meta, 1, &queue));
    assert_true(queue.count == 1 && queue.refs[0].copies == 1 && queue.refs[0].nodes[0] == 9);
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    struct meta_garbage garbage = support_garbage(s);
    assert_true(garbage.chunks.count == 2 && garbage.chunks.refs[0].copies == 3); /* bad copies are freed too */
    assert_int_equal(garbage.chunks.refs[1].copies, 4);
    OK(meta_gc_done(s->meta, &garbage));
    assert_int_equal(meta_repair_backlog(s->meta), 0);
    check_durability(s, (uint64_t[]){0, 0, 0, 0});
    meta_garbage_release(&garbage);
    chunk_list_release(&queue);
    chunk_list_release(&chunks);
}

/* A copy that turned out to be good counts again, also when no other one does. */
static void test_repair_good(void **state)
{
    struct support *s = *state;
    struct chunk_list chunks, queue = {0};
    struct meta_chunk chunk;
    struct chunk_id unknown;

    put_with_copies(s, "k", 1, 3, &chunks);
    const struct chunk_id *id = &chunks.refs[0].id;
    chunk_id_create(&unknown);
    assert_int_equal(meta_repair_good(s->meta, &unknown, 1), STATUS_NOT_FOUND);
    for (unsigned node = 1; node <= 3; node++)
        OK(meta_repair_add(s->meta, id, node));
    check_durability(s, (uint64_t[]){1, 0, 0, 0});
    OK(meta_repair_good(s->meta, id, 200)); /* holds no recorded copy */
    check_durability(s, (uint64_t[]){1, 0, 0, 0});
    OK(meta_repair_good(s->meta, id, 2));
    check_durability(s, (uint64_t[]){0, 1, 0, 0});
    OK(meta_chunk_get(s->meta, id, &chunk));
    assert_int_equal(chunk.bad, 1 | 4);
    OK(meta_repair_next(s->meta, 10, &queue));
    assert_true(queue.count == 1 && queue.refs[0].copies == 1 && queue.refs[0].nodes[0] == 2);
    OK(meta_repair_good(s->meta, id, 1));
    OK(meta_repair_good(s->meta, id, 3));
    assert_int_equal(meta_repair_backlog(s->meta), 0);
    check_durability(s, (uint64_t[]){0, 0, 0, 1});
    chunk_list_release(&queue);
    chunk_list_release(&chunks);
}

/* A copy that repair adds between gc_next and gc_done must not be forgotten. */
static void test_repair_meets_gc(void **state)
{
    struct support *s = *state;
    struct chunk_list chunks;

    put_with_copies(s, "k", 1, 2, &chunks);
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 1);
    struct chunk_ref repaired = chunks.refs[0];
    repaired.copies = 3;
    repaired.nodes[2] = 7;
    OK(meta_repair_done(s->meta, &repaired));
    OK(meta_gc_done(s->meta, &garbage));
    assert_int_equal(meta_gc_backlog(s->meta), 1);
    meta_garbage_release(&garbage);
    garbage = support_garbage(s);
    assert_true(garbage.chunks.count == 1 && garbage.chunks.refs[0].copies == 3 &&
                garbage.chunks.refs[0].nodes[2] == 7);
    OK(meta_gc_done(s->meta, &garbage));
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    assert_int_equal(meta_repair_done(s->meta, &repaired), STATUS_NOT_FOUND);
    meta_garbage_release(&garbage);
    chunk_list_release(&chunks);
}

static void test_chunks_by_node(void **state)
{
    struct support *s = *state;
    struct meta_chunk chunks[8], one;
    struct chunk_id ids[META_REPAIR_ADD_MAX + 1];
    size_t count, more;

    OK(support_put(s, &s->plain, "k", 7, 1, NULL, NULL));
    OK(meta_chunk_walk(s->meta, NULL, 5, chunks, &count));
    assert_int_equal(count, 5);
    OK(meta_chunk_walk(s->meta, &chunks[4].ref.id, 5, chunks + 5, &more));
    assert_int_equal(more, 2);
    for (size_t i = 0; i < 7; i++) {
        assert_true(i == 0 || memcmp(&chunks[i - 1].ref.id, &chunks[i].ref.id, CHUNK_ID_LEN) < 0);
        assert_true(chunks[i].ref.copies == 3 && chunks[i].bad == 0 && chunks[i].ref.size == 100);
        ids[i] = chunks[i].ref.id;
    }
    memset(&ids[7], 0, sizeof(ids[7])); /* unknown: no harm */
    OK(meta_repair_add_many(s->meta, ids, 8, 2));
    OK(meta_repair_add_many(s->meta, ids, 0, 2));
    assert_int_equal(meta_repair_add_many(s->meta, ids, META_REPAIR_ADD_MAX + 1, 2), STATUS_LIMIT);
    assert_int_equal(meta_repair_backlog(s->meta), 7);
    OK(meta_chunk_get(s->meta, &ids[3], &one));
    assert_int_equal(one.ref.copies, 3);
    assert_int_equal(one.ref.nodes[1], 2);
    assert_int_equal(one.bad, 2);
    assert_int_equal(meta_chunk_get(s->meta, &ids[7], &one), STATUS_NOT_FOUND);
}

/* A source that was found bad while the copy was made must not count as good for that. */
static void test_damage_during_repair(void **state)
{
    struct support *s = *state;
    struct meta_chunk chunk;
    size_t count;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    OK(meta_chunk_walk(s->meta, NULL, 1, &chunk, &count));
    assert_int_equal(chunk.ref.copies, 3);
    unsigned lost = chunk.ref.nodes[0], source = chunk.ref.nodes[1];
    OK(meta_repair_add(s->meta, &chunk.ref.id, lost));
    struct chunk_ref ref = chunk.ref;
    memcpy(ref.nodes, (uint8_t[]){chunk.ref.nodes[1], chunk.ref.nodes[2], (uint8_t)lost}, 3);
    OK(meta_repair_add(s->meta, &ref.id, source));
    OK(meta_repair_done(s->meta, &ref));
    OK(meta_chunk_get(s->meta, &ref.id, &chunk));
    assert_int_equal(chunk.ref.copies, 3);
    assert_int_equal(chunk.ref.nodes[0], source);
    assert_int_equal(chunk.bad, 1);
    assert_int_equal(meta_repair_backlog(s->meta), 1);
}

/* A node that was given up must still be asked to free its copy. */
static void test_repair_keeps_bad_nodes_recorded(void **state)
{
    struct support *s = *state;
    struct meta_chunk chunk;
    size_t count;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    OK(meta_chunk_walk(s->meta, NULL, 1, &chunk, &count));
    OK(meta_repair_add(s->meta, &chunk.ref.id, 2));
    struct chunk_ref ref = chunk.ref;
    memcpy(ref.nodes, (uint8_t[]){1, 3, 4}, 3);
    OK(meta_repair_done(s->meta, &ref));
    assert_int_equal(meta_repair_backlog(s->meta), 0);
    OK(meta_chunk_get(s->meta, &ref.id, &chunk));
    assert_int_equal(chunk.ref.copies, 4);
    assert_int_equal(chunk.ref.nodes[3], 2);
    assert_int_equal(chunk.bad, 8);
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 1);
    assert_int_equal(garbage.chunks.refs[0].copies, 4);
    meta_garbage_release(&garbage);
}

/* A copy that turned out never to have been there, and is not recorded any more since others took all room, does not
 * come back with a repair that began before. */
static void test_repair_beside_a_node_that_lacks_it(void **state)
{
    struct support *s = *state;
    struct meta_short missing = {.count = 2, .nodes = {{.lost = 3, .stand_in = 4}, {.lost = 2, .stand_in = 5}}};
    struct chunk_list chunks = {0};
    struct meta_chunk chunk;
    size_t count;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    OK(meta_chunk_walk(s->meta, NULL, 1, &chunk, &count));
    const struct chunk_ref made = {
        .id = chunk.ref.id, .size = chunk.ref.size, .crc32c = chunk.ref.crc32c, .copies = 3, .nodes = {1, 2, 6}};
    chunk_list_append(&chunks, &chunk.ref);
    OK(repair_replace(s->meta, &chunks, &missing));
    OK(meta_repair_done(s->meta, &made));
    OK(meta_chunk_get(s->meta, &chunk.ref.id, &chunk));
    assert_memory_equal(chunk.ref.nodes, ((const uint8_t[]){1, 2, 6, 5}), 4);
    assert_int_equal(chunk.bad, 1 << 1);
    chunk_list_release(&chunks);
}

/* A node that stood in while the chunk was written is recorded while a repair makes another copy, and after it; and
 * what a repair did meanwhile is not undone by that. */
static void test_repair_beside_a_stand_in(void **state)
{
    struct support *s = *state;
    struct meta_short missing = {.count = 1, .nodes[0] = {.lost = 2, .stand_in = 4}};
    struct chunk_list chunks = {0};
    struct meta_chunk chunk;
    size_t count;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    OK(meta_chunk_walk(s->meta, NULL, 1, &chunk, &count));
    OK(meta_repair_add(s->meta, &chunk.ref.id, 2));
    const struct chunk_ref made = {
        .id = chunk.ref.id, .size = chunk.ref.size, .crc32c = chunk.ref.crc32c, .copies = 3, .nodes = {1, 3, 2}};
    chunk_list_append(&chunks, &chunk.ref);
    OK(repair_replace(s->meta, &chunks, &missing));
    OK(meta_repair_done(s->meta, &made));
    OK(meta_chunk_get(s->meta, &chunk.ref.id, &chunk));
    assert_int_equal(chunk.ref.copies, 4);
    assert_int_equal(chunk.ref.nodes[3], 4);
    assert_int_equal(chunk.bad, 0);
    OK(meta_repair_add(s->meta, &chunk.ref.id, 4));
    OK(repair_replace(s->meta, &chunks, &missing)); /* it is named already, and is no other copy */
    OK(meta_chunk_get(s->meta, &chunk.ref.id, &chunk));
    assert_int_equal(chunk.ref.copies, 4);
    assert_int_equal(chunk.bad, 1 << 2);
    chunk_list_release(&chunks);
}

static void test_repair_backlog_age(void **state)
{
    struct support *s = *state;
    struct meta_chunk chunk;
    size_t count;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, NULL));
    assert_int_equal(meta_repair_backlog_ms(s->meta), 0);
    OK(meta_chunk_walk(s->meta, NULL, 1, &chunk, &count));
    OK(meta_repair_add(s->meta, &chunk.ref.id, chunk.ref.nodes[0]));
    clock_move_ms(20000);
    uint64_t age_ms = meta_repair_backlog_ms(s->meta);
    assert_in_range(age_ms, 20000, 80000);
    OK(meta_repair_add(s->meta, &chunk.ref.id, chunk.ref.nodes[1]));
    assert_true(meta_repair_backlog_ms(s->meta) >= age_ms); /* a second reason does not make it young */
    OK(meta_repair_good(s->meta, &chunk.ref.id, chunk.ref.nodes[0]));
    OK(meta_repair_good(s->meta, &chunk.ref.id, chunk.ref.nodes[1]));
    assert_int_equal(meta_repair_backlog(s->meta), 0);
    assert_int_equal(meta_repair_backlog_ms(s->meta), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_gc_grace_and_done),
        TEST(test_gc_spares_readers),
        TEST(test_gc_spares_what_was_looked_up),
        TEST(test_gc_waits_for_lookups),
        TEST(test_gc_rotates),
        TEST(test_gc_many_rows),
        TEST(test_gc_overdue),
        TEST(test_repair_order),
        TEST(test_repair_add),
        TEST(test_repair_good),
        TEST(test_repair_meets_gc),
        TEST(test_chunks_by_node),
        TEST(test_repair_keeps_bad_nodes_recorded),
        TEST(test_repair_beside_a_node_that_lacks_it),
        TEST(test_repair_beside_a_stand_in),
        TEST(test_damage_during_repair),
        TEST(test_repair_backlog_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
