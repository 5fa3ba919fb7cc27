/* secret_file: what of a file is the secret, and which modes are refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret_file.h"

static char path[] = "/tmp/tercet-secret-XXXXXX";
static int file = -1;

static enum status read_text(const char *text, mode_t mode, char out[8])
{
    const char *error = "";

    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(pwrite(file, text, strlen(text), 0), strlen(text));
    assert_int_equal(fchmod(file, mode), 0);
    memset(out, 'x', 8);
    enum status status = secret_file_read(path, out, 8, &error);
    assert_true((status == STATUS_OK) == (error == NULL));
    return status;
}

static void test_the_first_line_is_the_secret(void **state)
{
    static const char *const texts[][2] = {
        {"abc", "abc"}, {"abc\n", "abc"},       {"abc\r\ndef\n", "abc"},   {"", ""},
        {"\nabc", ""},  {"1234567", "1234567"}, {"1234567\n8", "1234567"}, {" a b ", " a b "}};
    char secret[8];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(read_text(texts[i][0], 0600, secret), STATUS_OK);
        assert_string_equal(secret, texts[i][1]);
    }
    assert_int_equal(read_text("12345678", 0600, secret), STATUS_LIMIT);
    assert_int_equal(secret[0], 0);
}

static void test_modes(void **state)
{
    static const mode_t good[] = {0400, 0600, 0700, 0440, 0640}, bad[] = {0604, 0602, 0601, 0620, 0660, 0644, 0666};
    char secret[8];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(read_text("abc", good[i], secret), STATUS_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_text("abc", bad[i], secret), STATUS_DENIED);
}

static void test_no_file(void **state)
{
    const char *error = NULL;
    char secret[8];

    (void)state;
    assert_int_equal(secret_file_read("/nonexistent/file", secret, sizeof(secret), &error), STATUS_IO);
    assert_non_null(error);
    assert_int_equal(secret_file_read("/tmp", secret, sizeof(secret), &error) == STATUS_OK, 0);
}

static void test_made(void **state)
{
    static const char fresh[] = "/tmp/tercet-secret-made";
    const char *error = NULL;
    char secret[8];
    struct stat info;

    (void)state;
    mode_t before = umask(0);
    assert_int_equal(secret_file_create(fresh, "abc"), STATUS_OK);
    umask(before);
    assert_int_equal(stat(fresh, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(secret_file_create(fresh, "def"), STATUS_OK); /* whole, in its place */
    assert_int_equal(secret_file_read(fresh, secret, sizeof(secret), &error), STATUS_OK);
    assert_string_equal(secret, "def");
    assert_int_equal(access("/tmp/tercet-secret-made.new", F_OK), -1);
    assert_int_equal(unlink(fresh), 0);
    assert_int_equal(secret_file_create("/nonexistent/file", "abc"), STATUS_IO);
}

static int make_file(void **state)
{
    (void)state;
    file = mkstemp(path);
    return file < 0;
}

static int remove_file(void **state)
{
    (void)state;
    close(file);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_line_is_the_secret),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_made),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
