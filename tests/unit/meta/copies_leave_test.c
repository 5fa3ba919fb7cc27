/* A copy leaves a record only while enough good ones are left without it, and takes nothing else with it. */
#include "tests/unit/meta/support.h"

#define SIZE 10

static struct chunk_ref put_chunk(struct support *s, const char *key, unsigned copies)
{
    struct meta_object object = {.size = SIZE};
    struct chunk_list list = support_chunks(1, SIZE, copies);
    struct chunk_ref ref = list.refs[0];
    OK(meta_object_put(s->meta, s->plain.id, KEY(key), &object, &list, NULL));
    chunk_list_release(&list);
    return ref;
}

static void add_copy(struct support *s, struct chunk_ref ref, uint8_t node)
{
    ref.nodes[ref.copies++] = node;
    OK(meta_repair_done(s->meta, &ref));
}

static void assert_recorded(struct support *s, const struct chunk_ref *ref, const char *nodes, uint8_t bad)
{
    struct meta_chunk chunk;
    OK(meta_chunk_get(s->meta, &ref->id, &chunk));
    assert_int_equal(chunk.ref.copies, strlen(nodes));
    for (unsigned i = 0; i < chunk.ref.copies; i++)
        assert_int_equal(chunk.ref.nodes[i], nodes[i] - '0');
    assert_int_equal(chunk.bad, bad);
}

static bool leaves(struct support *s, const struct chunk_ref *ref, unsigned node)
{
    bool left = true;
    OK(meta_copies_leave(s->meta, &ref->id, 1, node, &left));
    return left;
}

/* The nodes of support_chunks are 1, 2, 3. */
static void test_three_are_left(void **state)
{
    struct support *s = *state;
    struct chunk_ref ref = put_chunk(s, "a", 3);

    assert_false(leaves(s, &ref, 2));
    assert_recorded(s, &ref, "123", 0);
    add_copy(s, ref, 7);
    assert_false(leaves(s, &ref, 4));
    assert_true(leaves(s, &ref, 2));
    support_reopen(s);
    assert_recorded(s, &ref, "137", 0);
    assert_int_equal(meta_repair_backlog(s->meta), 0);
    assert_false(leaves(s, &ref, 2));
    assert_false(leaves(s, &ref, 1));
}

/* A bad copy is none, and stays the bad one whatever leaves before it. */
static void test_bad_copies_do_not_count(void **state)
{
    struct support *s = *state;
    struct chunk_ref ref = put_chunk(s, "a", 3);

    add_copy(s, ref, 7);
    OK(meta_repair_add(s->meta, &ref.id, 3));
    assert_recorded(s, &ref, "1237", 4);
    assert_false(leaves(s, &ref, 1));
    assert_true(leaves(s, &ref, 3));
    assert_recorded(s, &ref, "127", 0);

    ref = put_chunk(s, "b", 3);
    add_copy(s, ref, 7);
    OK(meta_repair_good(s->meta, &ref.id, 1));
    OK(meta_repair_add(s->meta, &ref.id, 7));
    assert_recorded(s, &ref, "1237", 8);
    assert_true(leaves(s, &ref, 7));
    assert_recorded(s, &ref, "123", 0);
}

static void test_many_at_once(void **state)
{
    struct support *s = *state;
    struct chunk_ref four = put_chunk(s, "four", 3), three = put_chunk(s, "three", 3), gone = put_chunk(s, "gone", 3);
    struct chunk_ref unknown = support_chunk(SIZE, 3);
    bool left[4];

    add_copy(s, four, 7);
    add_copy(s, gone, 7);
    OK(support_delete(s, &s->plain, "gone", NULL, NULL));
    struct meta_garbage garbage = support_garbage(s);
    OK(meta_gc_wait(s->meta, &garbage.chunks));
    const struct chunk_id ids[] = {three.id, unknown.id, four.id, gone.id};
    uint64_t sequence = meta_sequence(s->meta);
    OK(meta_copies_leave(s->meta, ids, 4, 1, left));
    assert_int_equal(meta_sequence(s->meta), sequence + 1);
    assert_true(!left[0] && !left[1] && left[2]);
    assert_false(left[3]); /* it is freed from all of its nodes */
    assert_recorded(s, &four, "237", 0);
    assert_int_equal(meta_copies_leave(s->meta, ids, META_REPAIR_ADD_MAX + 1, 1, left), STATUS_LIMIT);
    meta_garbage_release(&garbage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_three_are_left, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_bad_copies_do_not_count, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once, support_setup, support_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
