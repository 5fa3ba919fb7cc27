/* What waits to be freed is missed by nobody: not by repair, and not by the numbers that tell whether data are at risk.
 */
#include "tests/unit/meta/support.h"

#define SIZE 10

static void put_chunks(struct support *s, const char *key, size_t count, unsigned copies, struct chunk_list *list)
{
    struct meta_object object = {.size = SIZE * count};
    *list = support_chunks(count, SIZE, copies);
    OK(meta_object_put(s->meta, s->plain.id, KEY(key), &object, list, NULL));
}

static void check_durability(struct support *s, const uint64_t chunks[CHUNK_COPIES + 1])
{
    struct meta_durability durability;
    meta_durability_get(s->meta, &durability);
    for (unsigned copies = 0; copies <= CHUNK_COPIES; copies++) {
        assert_int_equal(durability.chunks[copies], chunks[copies]);
        assert_int_equal(durability.bytes[copies], SIZE * chunks[copies]);
    }
}

/* Chunks of deleted data whose nodes are not all there: their copies may go, and nobody misses them. */
static void test_gc_waits(void **state)
{
    struct support *s = *state;
    struct meta_chunk chunk;
    struct chunk_list kept, gone, two, queue = {0};

    put_chunks(s, "kept", 2, 3, &kept);
    put_chunks(s, "gone", 3, 3, &gone);
    put_chunks(s, "two", 1, 2, &two);
    OK(support_delete(s, &s->plain, "gone", NULL, NULL));
    OK(support_delete(s, &s->plain, "two", NULL, NULL));
    check_durability(s, (uint64_t[]){0, 0, 1, 5});
    assert_int_equal(meta_repair_backlog(s->meta), 1);
    struct meta_garbage garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 4);
    OK(meta_gc_wait(s->meta, &garbage.chunks));
    check_durability(s, (uint64_t[]){0, 0, 0, 2});
    assert_int_equal(meta_repair_backlog(s->meta), 0);
    uint64_t sequence = meta_sequence(s->meta);
    OK(meta_gc_wait(s->meta, &garbage.chunks)); /* known: nothing is written */
    assert_int_equal(meta_sequence(s->meta), sequence);
    for (int reopened = 0; reopened < 2; reopened++) {
        for (unsigned node = 1; node <= 3; node++)
            OK(meta_repair_add(s->meta, &gone.refs[reopened].id, node));
        check_durability(s, (uint64_t[]){0, 0, 0, 2});
        OK(meta_repair_next(s->meta, 10, &queue));
        assert_int_equal(queue.count, 0);
        OK(meta_chunk_get(s->meta, &gone.refs[reopened].id, &chunk));
        assert_true(chunk.unwanted && chunk.bad == 7);
        OK(meta_chunk_get(s->meta, &kept.refs[0].id, &chunk));
        assert_false(chunk.unwanted);
        support_reopen(s);
    }
    OK(meta_repair_done(s->meta, &gone.refs[2])); /* of a repair that was under way */
    OK(meta_repair_good(s->meta, &gone.refs[1].id, 1));
    check_durability(s, (uint64_t[]){0, 0, 0, 2});
    meta_garbage_release(&garbage);
    garbage = support_garbage(s);
    assert_int_equal(garbage.chunks.count, 4);
    assert_int_equal(garbage.chunks.refs[0].copies, 3); /* bad copies, too, are asked for */
    OK(meta_gc_done(s->meta, &garbage));
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    check_durability(s, (uint64_t[]){0, 0, 0, 2});
    meta_garbage_release(&garbage);
    chunk_list_release(&kept);
    chunk_list_release(&gone);
    chunk_list_release(&two);
}

static void test_done_many(void **state)
{
    struct support *s = *state;
    struct chunk_list two, one;
    struct chunk_ref made[4];
    bool known[4];

    put_chunks(s, "two", 2, 2, &two);
    put_chunks(s, "one", 1, 1, &one);
    made[0] = two.refs[0];
    made[1] = one.refs[0];
    made[2] = support_chunk(SIZE, 2); /* deleted meanwhile */
    made[3] = two.refs[1];
    for (int i = 0; i < 4; i++)
        made[i].nodes[made[i].copies++] = 7;
    check_durability(s, (uint64_t[]){0, 1, 2, 0});
    uint64_t sequence = meta_sequence(s->meta);
    OK(meta_repair_done_many(s->meta, made, 4, known));
    assert_int_equal(meta_sequence(s->meta), sequence + 1);
    assert_true(known[0] && known[1] && !known[2] && known[3]);
    check_durability(s, (uint64_t[]){0, 0, 1, 2});
    assert_int_equal(meta_repair_backlog(s->meta), 1);
    made[0].copies = 0;
    assert_int_equal(meta_repair_done_many(s->meta, made, 1, known), STATUS_INVALID);
    assert_int_equal(meta_repair_done_many(s->meta, made, META_REPAIR_ADD_MAX + 1, known), STATUS_LIMIT);
    chunk_list_release(&two);
    chunk_list_release(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gc_waits, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_done_many, support_setup, support_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
