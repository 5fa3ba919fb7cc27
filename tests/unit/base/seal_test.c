/* Sealing: what was sealed opens with its key for its context, and nothing else does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/seal.h"

static const struct seal_key key = {"0123456789abcdef0123456789abcde"}, other = {"0123456789abcdef0123456789abcdf"};

static enum status open_with(const struct seal_key *with, struct bytes sealed, const char *context,
                             const char *expected)
{
    struct buffer text;

    buffer_init(&text, 4096);
    enum status status = seal_open(with, sealed, bytes_from_str(context), &text);
    if (!status)
        assert_true(bytes_equal_str(buffer_bytes(&text), expected));
    else
        assert_int_equal(text.len, 0);
    buffer_release(&text);
    return status;
}

static void test_opens(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x", "a secret of forty characters, or near it"};
    struct buffer sealed, again;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        buffer_init(&sealed, 4096);
        buffer_init(&again, 4096);
        assert_int_equal(seal_close(&key, bytes_from_str(texts[i]), BYTES("of a"), &sealed), STATUS_OK);
        assert_int_equal(sealed.len, strlen(texts[i]) + SEAL_MORE);
        assert_int_equal(open_with(&key, buffer_bytes(&sealed), "of a", texts[i]), STATUS_OK);
        assert_int_equal(seal_close(&key, bytes_from_str(texts[i]), BYTES("of a"), &again), STATUS_OK);
        assert_memory_not_equal(sealed.data, again.data, sealed.len); /* no two are alike */
        if (i > 1)
            assert_null(memmem(sealed.data, sealed.len, "secret", 6));
        buffer_release(&sealed);
        buffer_release(&again);
    }
}

static void test_nothing_else_opens(void **state)
{
    (void)state;
    struct buffer sealed;

    buffer_init(&sealed, 4096);
    assert_int_equal(seal_close(&key, BYTES("secret"), BYTES("of a"), &sealed), STATUS_OK);
    assert_int_equal(open_with(&other, buffer_bytes(&sealed), "of a", ""), STATUS_DENIED);
    assert_int_equal(open_with(&key, buffer_bytes(&sealed), "of b", ""), STATUS_DENIED);
    assert_int_equal(open_with(&key, buffer_bytes(&sealed), "", ""), STATUS_DENIED);
    for (size_t i = 0; i < sealed.len; i++) {
        assert_int_equal(open_with(&key, bytes_of(sealed.data, i), "of a", ""), STATUS_DENIED);
        sealed.data[i] ^= 1;
        assert_int_equal(open_with(&key, buffer_bytes(&sealed), "of a", ""), STATUS_DENIED);
        sealed.data[i] ^= 1;
    }
    assert_int_equal(open_with(&key, buffer_bytes(&sealed), "of a", "secret"), STATUS_OK);
    buffer_release(&sealed);
}

static void test_bounds(void **state)
{
    (void)state;
    struct buffer small;

    buffer_init(&small, SEAL_MORE);
    assert_int_equal(seal_close(&key, BYTES("x"), BYTES(""), &small), STATUS_LIMIT);
    assert_int_equal(small.len, 0);
    assert_int_equal(seal_close(&key, BYTES(""), BYTES(""), &small), STATUS_OK);
    buffer_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens),
        cmocka_unit_test(test_nothing_else_opens),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
