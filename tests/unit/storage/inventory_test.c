/* What the gateway makes of a node's inventory: a right page is taken over, and any page that breaks the rules (which
 * would make whoever pages through it stray or never end) is refused as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/storage/fake_nodes.h"

#define CAPACITY 4

struct asking {
    const struct chunk_id *after;
    size_t capacity;
    struct cluster_copy copies[CAPACITY];
    size_t count;
    enum status status;
};

static void ask_run(void *arg)
{
    struct asking *asking = arg;
    asking->count = 77;
    asking->status =
        cluster_inventory(fake.cluster, 1, asking->after, asking->capacity, asking->copies, &asking->count);
}

static struct chunk_id id_of(unsigned number)
{
    struct chunk_id id = {{0}};
    id.bytes[0] = (uint8_t)number;
    return id;
}

/* The node answers with records of these ids, cut or lengthened by `more` bytes; `after` 0: asked from the first. */
static struct asking ask(const unsigned *numbers, size_t count, int more, unsigned after)
{
    static uint8_t page[64 * INVENTORY_RECORD_LEN];
    struct chunk_id behind = id_of(after);
    struct asking asking = {.after = after ? &behind : NULL, .capacity = CAPACITY};
    memset(page, 0, sizeof(page));
    for (size_t i = 0; i < count; i++) {
        uint8_t *record = page + i * INVENTORY_RECORD_LEN;
        struct chunk_id id = id_of(numbers[i]);
        memcpy(record, id.bytes, CHUNK_ID_LEN);
        put_u32(record + 16, 1000 + numbers[i]);
        put_u32(record + 20, 2000 + numbers[i]);
        put_u64(record + 24, 3000 + numbers[i]);
    }
    fake.nodes[0].inventory = bytes_of((char *)page, (size_t)((int)(count * INVENTORY_RECORD_LEN) + more));
    fake_run(ask_run, &asking);
    return asking;
}

static int setup(void **state)
{
    (void)state;
    fake_start();
    return 0;
}

static void a_right_page_is_taken_over(void **state)
{
    (void)state;
    const unsigned numbers[] = {3, 5, 9};
    struct asking asking = ask(numbers, 3, 0, 2);
    assert_int_equal(asking.status, STATUS_OK);
    assert_int_equal(asking.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct chunk_id id = id_of(numbers[i]);
        assert_memory_equal(&asking.copies[i].id, &id, sizeof(id));
        assert_int_equal(asking.copies[i].size, 1000 + numbers[i]);
        assert_int_equal(asking.copies[i].crc32c, 2000 + numbers[i]);
        assert_int_equal(asking.copies[i].stored_ms, 3000 + numbers[i]);
    }
    asking = ask(numbers, 0, 0, 9);
    assert_int_equal(asking.status, STATUS_OK);
    assert_int_equal(asking.count, 0);
}

static void assert_refused(struct asking asking, enum status status)
{
    assert_int_equal(asking.status, status);
    assert_int_equal(asking.count, 0);
}

static void ids_that_do_not_ascend_are_refused(void **state)
{
    (void)state;
    const unsigned falling[] = {3, 9, 5}, repeated[] = {3, 5, 5};
    assert_refused(ask(falling, 3, 0, 0), STATUS_INVALID);
    assert_refused(ask(repeated, 3, 0, 0), STATUS_INVALID);
}

static void a_page_that_does_not_lie_behind_is_refused(void **state)
{
    (void)state;
    const unsigned numbers[] = {3, 5};
    assert_refused(ask(numbers, 2, 0, 3), STATUS_INVALID); /* it would be asked for again and again */
    assert_refused(ask(numbers, 2, 0, 200), STATUS_INVALID);
}

static void a_length_that_is_no_whole_record_is_refused(void **state)
{
    (void)state;
    const unsigned numbers[] = {3, 5};
    assert_refused(ask(numbers, 2, -1, 0), STATUS_INVALID);
    assert_refused(ask(numbers, 2, 1, 0), STATUS_INVALID);
    assert_refused(ask(numbers, 0, 1, 0), STATUS_INVALID);
}

static void a_page_longer_than_asked_is_refused(void **state)
{
    (void)state;
    const unsigned numbers[] = {1, 2, 3, 4, 5};
    assert_int_equal(ask(numbers, CAPACITY, 0, 0).status, STATUS_OK);
    assert_refused(ask(numbers, CAPACITY, 1, 0), STATUS_LIMIT);
    assert_refused(ask(numbers, CAPACITY + 1, 0, 0), STATUS_LIMIT);
}

static void a_page_that_breaks_off_is_refused(void **state)
{
    (void)state;
    const unsigned numbers[] = {3, 5};
    fake.nodes[0].inventory_cut = true;
    struct asking asking = ask(numbers, 2, 0, 0);
    assert_int_not_equal(asking.status, STATUS_OK);
    assert_int_equal(asking.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_right_page_is_taken_over, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(ids_that_do_not_ascend_are_refused, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_page_that_does_not_lie_behind_is_refused, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_length_that_is_no_whole_record_is_refused, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_page_longer_than_asked_is_refused, setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_page_that_breaks_off_is_refused, setup, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
