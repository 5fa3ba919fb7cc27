/* What retentions and holds forbid and how they change, by rows; and their stored form. The documents are read by
 * unit.gateway.object_lock and fuzz.xml. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "compat/object_lock.h"

#define DAY INT64_C(86400000)
#define G   LOCK_MODE_GOVERNANCE
#define C   LOCK_MODE_COMPLIANCE
#define NOW (1000 * DAY)

static const struct lock_time all_agree = {NOW, NOW, NOW};

static struct lock_retention until(enum lock_mode mode, int64_t days)
{
    return (struct lock_retention){.mode = mode, .until_ms = NOW + days * DAY};
}

static struct lock_retention held(enum lock_mode mode, uint32_t days)
{
    return (struct lock_retention){.mode = mode, .event_hold = LOCK_HOLD_ON, .duration.days = days};
}

static void test_removal(void **state)
{
    const struct lock_time doubtful = {NOW, NOW - 5 * DAY, NOW}, unknown = {NOW, INT64_MIN, NOW};
    const struct {
        struct lock_retention retention;
        enum lock_hold legal_hold;
        const struct lock_time *time;
        bool bypass;
        enum status status;
    } rows[] = {
        {{0}, LOCK_HOLD_NONE, &unknown, false, STATUS_OK},
        {{0}, LOCK_HOLD_OFF, &unknown, false, STATUS_OK},
        {{0}, LOCK_HOLD_ON, &all_agree, true, STATUS_DENIED},
        {until(G, 1), LOCK_HOLD_NONE, &all_agree, false, STATUS_DENIED},
        {until(G, 1), LOCK_HOLD_NONE, &all_agree, true, STATUS_OK},
        {until(G, 1), LOCK_HOLD_ON, &all_agree, true, STATUS_DENIED},
        {until(C, 1), LOCK_HOLD_NONE, &all_agree, true, STATUS_DENIED},
        {until(C, 0), LOCK_HOLD_NONE, &all_agree, false, STATUS_OK}, /* at its end it is over */
        {until(C, -1), LOCK_HOLD_ON, &all_agree, false, STATUS_DENIED},
        {until(C, -1), LOCK_HOLD_NONE, &doubtful, true, STATUS_CONFLICT},
        {until(C, -6), LOCK_HOLD_NONE, &doubtful, false, STATUS_OK},
        {until(C, -1), LOCK_HOLD_NONE, &unknown, false, STATUS_CONFLICT},
        {until(G, -1), LOCK_HOLD_NONE, &unknown, true, STATUS_OK},
        {held(C, 1), LOCK_HOLD_NONE, &all_agree, true, STATUS_DENIED},
        {held(G, 1), LOCK_HOLD_NONE, &all_agree, false, STATUS_DENIED},
        {held(G, 1), LOCK_HOLD_NONE, &all_agree, true, STATUS_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(lock_check_removal(&rows[i].retention, rows[i].legal_hold, rows[i].time, rows[i].bypass),
                         rows[i].status);
}

static struct lock_retention released(enum lock_mode mode)
{
    return (struct lock_retention){.mode = mode, .event_hold = LOCK_HOLD_OFF};
}

static void test_changes(void **state)
{
    const struct {
        struct lock_retention before, asked;
        bool bypass;
        enum status status;
        int64_t days; /* that it ends in afterwards */
    } rows[] = {
        {{0}, until(G, 3), false, STATUS_OK, 3},
        {{0}, held(C, 4), false, STATUS_OK, 4},
        {{0}, {0}, false, STATUS_OK, 0},
        {{0}, released(C), false, STATUS_INVALID, 0},
        {{0}, held(C, 0), false, STATUS_INVALID, 0},
        {until(G, 3), until(G, 3), false, STATUS_OK, 3},
        {until(G, 3), until(G, 2), false, STATUS_DENIED, 0},
        {until(G, 3), until(G, 2), true, STATUS_OK, 2},
        {until(G, 3), {0}, false, STATUS_DENIED, 0},
        {until(G, 3), {0}, true, STATUS_OK, 0},
        {until(G, 3), until(C, 4), false, STATUS_DENIED, 0},
        {until(G, 3), until(C, 1), true, STATUS_OK, 1},
        {until(C, 3), until(C, 4), false, STATUS_OK, 4},
        {until(C, 3), until(C, 2), true, STATUS_DENIED, 0},
        {until(C, 3), until(G, 4), true, STATUS_DENIED, 0},
        {until(C, 3), {0}, true, STATUS_DENIED, 0},
        {until(C, -3), {0}, false, STATUS_OK, 0},
        {until(C, -3), until(G, 1), false, STATUS_OK, 1},
        /* a hold on top of an end, and an end on top of a hold: the later one holds */
        {until(C, 9), held(C, 2), false, STATUS_OK, 9},
        {until(C, 1), held(C, 2), false, STATUS_OK, 2},
        {held(C, 5), until(C, 2), false, STATUS_OK, 5},
        {held(C, 5), until(C, 8), false, STATUS_OK, 8},
        {held(C, 5), until(G, 8), false, STATUS_DENIED, 0},
        /* another duration */
        {held(C, 5), held(C, 2), false, STATUS_OK, 5},
        {held(C, 5), held(C, 7), false, STATUS_OK, 7},
        {held(C, 5), held(C, 0), false, STATUS_OK, 5},
        {held(G, 5), held(G, 2), true, STATUS_OK, 2},
        /* released, once */
        {held(C, 5), released(C), false, STATUS_OK, 5},
        {held(G, 5), released(G), false, STATUS_OK, 5},
        {held(C, 5), released(G), false, STATUS_DENIED, 0},
        {held(C, 5), {0}, true, STATUS_DENIED, 0},
        {held(G, 5), {0}, true, STATUS_OK, 0},
        {until(C, 5), released(C), false, STATUS_INVALID, 0},
    };
    struct lock_retention after;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(lock_change(&rows[i].before, &rows[i].asked, &all_agree, rows[i].bypass, &after),
                         rows[i].status);
        if (rows[i].status == STATUS_OK && rows[i].asked.mode != LOCK_MODE_NONE)
            assert_int_equal((lock_retention_end(&after, NOW) - NOW) / DAY, rows[i].days);
        if (rows[i].status == STATUS_OK)
            assert_int_equal(after.mode, rows[i].asked.mode);
    }
}

/* What nobody knows to be over is not. */
static void test_a_doubtful_end_is_none(void **state)
{
    const struct lock_time unknown = {NOW, INT64_MIN, NOW};
    const struct lock_retention before = until(C, -1), asked = until(G, 1), none = {0};
    struct lock_retention after;

    (void)state;
    assert_int_equal(lock_change(&before, &asked, &unknown, true, &after), STATUS_DENIED);
    assert_int_equal(lock_change(&before, &none, &unknown, true, &after), STATUS_DENIED);
}

static void test_a_release_keeps_its_word(void **state)
{
    struct lock_retention asked = released(C), before = held(C, 5), after;
    const struct lock_time later = {NOW + 100 * DAY, NOW + 100 * DAY, NOW + 100 * DAY};

    (void)state;
    assert_int_equal(lock_change(&before, &asked, &later, false, &after), STATUS_OK);
    assert_int_equal(after.event_hold, LOCK_HOLD_OFF);
    assert_int_equal(after.until_ms, NOW + 105 * DAY);
    asked.duration.days = 1; /* a shorter one, named with the release */
    assert_int_equal(lock_change(&before, &asked, &later, false, &after), STATUS_OK);
    assert_int_equal(after.until_ms, NOW + 105 * DAY);
    asked.until_ms = NOW + 200 * DAY;
    assert_int_equal(lock_change(&before, &asked, &later, false, &after), STATUS_OK);
    assert_int_equal(after.until_ms, NOW + 200 * DAY);
}

static void test_rules(void **state)
{
    const struct lock_rule both = {C, {.years = 1}, {.days = 400}}, plain = {G, {.days = 2}, {0}};
    struct lock_retention retention = lock_rule_apply(&both, NOW);

    (void)state;
    assert_int_equal(retention.until_ms, NOW + 365 * DAY);
    assert_int_equal(lock_retention_end(&retention, NOW), NOW + 400 * DAY);
    retention = lock_rule_apply(&plain, NOW + 1);
    assert_int_equal(retention.until_ms, NOW + 2 * DAY + 1000); /* whole seconds, never sooner */
    assert_int_equal(retention.event_hold, LOCK_HOLD_NONE);
}

static void test_stored(void **state)
{
    const struct lock_retention retentions[] = {until(G, 3), held(C, 7), {C, NOW, LOCK_HOLD_OFF, {0}}};
    struct lock_retention read;
    struct buffer stored;
    enum lock_hold hold;

    (void)state;
    buffer_init(&stored, LOCK_RETENTION_BYTES_MAX);
    for (size_t i = 0; i < 3; i++) {
        buffer_clear(&stored);
        assert_int_equal(lock_retention_pack(&stored, &retentions[i]), STATUS_OK);
        assert_int_equal(lock_retention_unpack(buffer_bytes(&stored), &read), STATUS_OK);
        assert_memory_equal(&read, &retentions[i], sizeof(read));
        for (size_t len = 0; len < stored.len; len++)
            assert_int_equal(lock_retention_unpack(bytes_of(stored.data, len), &read), STATUS_CORRUPT);
        stored.data[1] = 9;
        assert_int_equal(lock_retention_unpack(buffer_bytes(&stored), &read), STATUS_CORRUPT);
    }
    buffer_clear(&stored);
    assert_int_equal(lock_legal_hold_pack(&stored, LOCK_HOLD_ON), STATUS_OK);
    assert_int_equal(lock_legal_hold_unpack(buffer_bytes(&stored), &hold), STATUS_OK);
    assert_int_equal(hold, LOCK_HOLD_ON);
    stored.data[1] = 0;
    assert_int_equal(lock_legal_hold_unpack(buffer_bytes(&stored), &hold), STATUS_CORRUPT);
    buffer_release(&stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removal),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_a_doubtful_end_is_none),
        cmocka_unit_test(test_a_release_keeps_its_word),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
