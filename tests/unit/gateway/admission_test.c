/* Admission: each class has its own bound, uploads also one of bytes, and what was given back is there again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/http_server.h"
#include "base/metrics.h"
#include "gateway/front/admission.h"

static struct admission small(void)
{
    return (struct admission){
        .limits = {[CLASS_READ] = 2, [CLASS_WRITE] = 3, [CLASS_LIST] = 1, [CLASS_OTHER] = 1},
        .upload_bytes_max = 2500,
    };
}

static uint64_t refused(const char *labels)
{
    return metric_counter_value(metric_counter_get("tercet_requests_refused_total", "", labels));
}

static void test_classes_are_apart(void **state)
{
    struct admission admission = small();
    struct admission_share reads[2], share;

    (void)state;
    admission_register_metrics(&admission);
    assert_true(admission_enter(&admission, CLASS_READ, 0, &reads[0]));
    assert_true(admission_enter(&admission, CLASS_READ, 0, &reads[1]));
    assert_false(admission_enter(&admission, CLASS_READ, 0, &share));
    assert_int_equal(refused("reason=\"read\""), 1);
    assert_int_equal(admission.in_flight[CLASS_READ], 2);
    assert_true(admission_enter(&admission, CLASS_LIST, 0, &share));
    assert_true(admission_enter(&admission, CLASS_OTHER, 0, &share));
    assert_int_equal(admission.upload_bytes, 0);
    admission_leave(&admission, &reads[0]);
    assert_true(admission_enter(&admission, CLASS_READ, 0, &reads[0]));
}

static void test_system_is_never_refused(void **state)
{
    struct admission admission = small();
    struct admission_share share;

    (void)state;
    admission.limits[CLASS_SYSTEM] = 999;
    for (int i = 0; i < 1000; i++) {
        assert_false(admission_is_beyond(&admission, CLASS_SYSTEM));
        assert_true(admission_enter(&admission, CLASS_SYSTEM, 0, &share));
    }
    assert_true(admission_is_beyond(&admission, CLASS_SYSTEM));
    admission_leave(&admission, &share);
    assert_false(admission_is_beyond(&admission, CLASS_SYSTEM));
}

static void test_uploads_share_bytes(void **state)
{
    struct admission admission = small();
    struct admission_share first, second, third, fourth;
    uint64_t before = refused("reason=\"upload-memory\"");

    (void)state;
    assert_true(admission_enter(&admission, CLASS_WRITE, 1000, &first));
    assert_true(admission_enter(&admission, CLASS_WRITE, 1000, &second));
    assert_int_equal(admission.upload_bytes, 2000);
    assert_false(admission_enter(&admission, CLASS_WRITE, 501, &third));
    assert_int_equal(refused("reason=\"upload-memory\""), before + 1);
    assert_int_equal(admission.in_flight[CLASS_WRITE], 2);
    assert_true(admission_enter(&admission, CLASS_WRITE, 500, &third));
    assert_false(admission_enter(&admission, CLASS_WRITE, 0, &fourth)); /* by number */
    admission_leave(&admission, &second);
    admission_leave(&admission, &third);
    admission_leave(&admission, &first);
    assert_int_equal(admission.upload_bytes, 0);
    assert_int_equal(admission.in_flight[CLASS_WRITE], 0);
}

static bool make_room(void *arg, enum operation_class class)
{
    unsigned *left = arg;

    if (class != CLASS_READ || *left == 0)
        return false;
    (*left)--;
    return true;
}

static void test_a_place_may_be_taken_over(void **state)
{
    struct admission admission = small();
    struct admission_share shares[3], share;
    uint64_t before = refused("reason=\"read\"");
    unsigned left = 1;

    (void)state;
    admission.make_room = make_room;
    admission.make_room_arg = &left;
    for (int i = 0; i < 3; i++)
        assert_true(admission_enter(&admission, CLASS_READ, 0, &shares[i]));
    assert_int_equal(admission.in_flight[CLASS_READ], 3); /* until the one that was told to go has gone */
    assert_false(admission_enter(&admission, CLASS_READ, 0, &share));
    assert_int_equal(refused("reason=\"read\""), before + 1);
    admission_leave(&admission, &shares[0]);
    assert_false(admission_enter(&admission, CLASS_READ, 0, &share));
    admission_leave(&admission, &shares[1]);
    assert_true(admission_enter(&admission, CLASS_READ, 0, &share));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_are_apart),
        cmocka_unit_test(test_system_is_never_refused),
        cmocka_unit_test(test_uploads_share_bytes),
        cmocka_unit_test(test_a_place_may_be_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
