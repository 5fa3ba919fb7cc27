/* A keyring that goes out sealed and comes back; what is not it does not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/keys/keyring.h"
#include "gateway/keys/keyring_export.h"

#define PASSPHRASE "correct horse battery"

static char folder[64], ring[96], sealed[96], back[96];

static int setup(void **state)
{
    const char *error;

    (void)state;
    strcpy(folder, "/tmp/export-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(ring, sizeof(ring), "%s/ring", folder);
    snprintf(sealed, sizeof(sealed), "%s/sealed", folder);
    snprintf(back, sizeof(back), "%s/back", folder);
    return keyring_file_add(ring, "a", &error) || keyring_file_add(ring, "b", &error) ||
                   keyring_file_retire(ring, "a", &error)
               ? -1
               : 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(ring);
    unlink(sealed);
    unlink(back);
    return rmdir(folder);
}

static size_t read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    size_t len = fread(text, 1, size - 1, file);
    fclose(file);
    text[len] = '\0';
    return len;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, 0600) == 0);
}

static void test_there_and_back(void **state)
{
    char before[4096], out[8192], after[4096];
    const char *error;
    struct stat info;

    (void)state;
    assert_int_equal(keyring_export(ring, sealed, "too short", &error), STATUS_LIMIT);
    assert_int_equal(keyring_export(ring, sealed, PASSPHRASE, &error), STATUS_OK);
    read_text(ring, before, sizeof(before));
    read_text(sealed, out, sizeof(out));
    assert_null(strstr(out, "key a"));
    assert_null(strstr(out, strstr(before, "key a ") + 6));
    assert_int_equal(keyring_import(back, sealed, "another passphrase", &error), STATUS_DENIED);
    assert_int_equal(access(back, F_OK), -1);
    assert_int_equal(keyring_import(back, sealed, PASSPHRASE, &error), STATUS_OK);
    read_text(back, after, sizeof(after));
    assert_string_equal(before, after);
    assert_true(stat(back, &info) == 0 && (info.st_mode & 0777) == 0600);
    assert_int_equal(keyring_import(back, sealed, PASSPHRASE, &error), STATUS_EXISTS);
}

static void test_what_was_changed(void **state)
{
    static const char *const wrong[] = {
        "", "#\n", "tercet-keyring-export 1 scrypt 131072 8 1 00\nAAAA\n",
        "tercet-keyring-export 2 scrypt 131072 8 1 00112233445566778899aabbccddeeff\nAA\n"};
    char out[8192];
    const char *error;

    (void)state;
    assert_int_equal(keyring_export(ring, sealed, PASSPHRASE, &error), STATUS_OK);
    read_text(sealed, out, sizeof(out));
    char *line = strstr(out, "131072 8 1 ") + 12; /* within the salt */
    *line = *line == '0' ? '1' : '0';
    write_text(sealed, out);
    assert_int_equal(keyring_import(back, sealed, PASSPHRASE, &error), STATUS_DENIED);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        write_text(sealed, wrong[i]);
        assert_int_equal(keyring_import(back, sealed, PASSPHRASE, &error), STATUS_INVALID);
    }
    assert_int_equal(access(back, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_changed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
