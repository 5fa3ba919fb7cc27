/* Logs with wrong bytes: what is whole in them is kept, and RocksDB opens what is left. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rocks.h"
#include "base/rocks_log_file.h"

#define OK(call)     assert_int_equal((call), STATUS_OK)
#define RECORDS      14
#define STEP         15999 /* a bit is turned in each of so many bytes */
#define PATH_LEN_MAX 256
#define COPY_BYTES   (1u << 20)
#define VALUE_BYTES  210000

/* The first goes over seven blocks; RocksDB 7.8 refuses a log in which its last fragment is damaged. */
static const size_t sizes[RECORDS] = {VALUE_BYTES, 1000, 1000, 1000,  1000,  41000, 10,
                                      41000,       0,    5000, 32757, 70000, 32768, 900};

struct fixture {
    char directory[64], database[PATH_LEN_MAX], copy[PATH_LEN_MAX];
};

static char value[VALUE_BYTES];

static enum status database_open(const char *path, enum rocks_recovery recovery, struct rocks **db)
{
    static const struct rocks_family family = {.name = "default"};
    const struct rocks_config config = {.path = path,
                                        .families = &family,
                                        .family_count = 1,
                                        .recovery = recovery,
                                        .cache_bytes = 1u << 20,
                                        .open_files_max = 64,
                                        .no_reservation = true};
    return rocks_open(&config, db);
}

static struct bytes key_of(unsigned record, char key[16])
{
    snprintf(key, 16, "record-%02u", record);
    return bytes_from_str(key);
}

/* Copies the files of the database; `flip` turns a bit of the log at that offset. Returns the length of the log. */
static off_t database_copy(const struct fixture *f, const char *to, off_t flip)
{
    static char data[COPY_BYTES];
    char from_path[2 * PATH_LEN_MAX], to_path[2 * PATH_LEN_MAX];
    off_t log_len = 0;
    struct dirent *entry;
    DIR *directory = opendir(f->database);
    assert_non_null(directory);
    assert_int_equal(mkdir(to, 0700), 0);
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(from_path, sizeof(from_path), "%s/%s", f->database, entry->d_name);
        snprintf(to_path, sizeof(to_path), "%s/%s", to, entry->d_name);
        int from = open(from_path, O_RDONLY | O_CLOEXEC), out = open(to_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ssize_t len = read(from, data, sizeof(data));
        assert_true(from >= 0 && out >= 0 && len >= 0 && len < (ssize_t)sizeof(data));
        if (strstr(entry->d_name, ".log") && len > log_len) {
            log_len = len;
            if (flip >= 0 && flip < len)
                data[flip] ^= 0x10;
        }
        assert_int_equal(write(out, data, (size_t)len), len);
        close(from);
        close(out);
    }
    closedir(directory);
    return log_len;
}

static void remove_tree(const char *path)
{
    char command[PATH_LEN_MAX + 16];
    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct rocks *db;
    char key[16];
    snprintf(f->directory, sizeof(f->directory), "/tmp/tercet-log-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->database, sizeof(f->database), "%s/database", f->directory);
    snprintf(f->copy, sizeof(f->copy), "%s/copy", f->directory);
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (char)(i * 131 >> 3);
    OK(database_open(f->database, ROCKS_DROP_TORN_TAIL, &db));
    for (unsigned i = 0; i < RECORDS; i++)
        OK(rocks_put(db, 0, key_of(i, key), bytes_of(value, sizes[i]), true));
    rocks_close(db);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    remove_tree(f->directory);
    free(f);
    return 0;
}

/* How many records the database has; each must be whole. */
static unsigned count_records(struct rocks *db)
{
    const struct rocks_view view = {0};
    char key[16], *data;
    unsigned count = 0;
    size_t len;
    for (unsigned i = 0; i < RECORDS; i++) {
        enum status status = rocks_get(db, &view, 0, key_of(i, key), &data, &len);
        if (status == STATUS_NOT_FOUND)
            continue;
        OK(status);
        assert_int_equal(len, sizes[i]);
        assert_memory_equal(data, value, len);
        free(data);
        count++;
    }
    return count;
}

static void test_a_turned_bit_costs_one_record(void **state)
{
    const struct fixture *f = *state;
    struct rocks *db;
    off_t len = database_copy(f, f->copy, -1);
    remove_tree(f->copy);
    assert_true(len > VALUE_BYTES);
    for (off_t at = 11; at < len; at += STEP) {
        database_copy(f, f->copy, at);
        OK(rocks_logs_mend(f->copy));
        OK(database_open(f->copy, ROCKS_DROP_TORN_TAIL, &db));
        assert_int_equal(count_records(db), RECORDS - 1);
        rocks_close(db);
        remove_tree(f->copy);
    }
}

static void test_a_whole_log_stays_as_it_is(void **state)
{
    const struct fixture *f = *state;
    struct rocks *db;
    char pattern[PATH_LEN_MAX + 32];
    database_copy(f, f->copy, -1);
    OK(rocks_logs_mend(f->copy));
    snprintf(pattern, sizeof(pattern), "! ls '%s'/*.damaged 2>/dev/null", f->copy);
    assert_int_equal(system(pattern), 0);
    OK(database_open(f->copy, ROCKS_DROP_TORN_TAIL, &db));
    assert_int_equal(count_records(db), RECORDS);
    rocks_close(db);
    remove_tree(f->copy);
}

static void test_the_damaged_log_is_kept(void **state)
{
    const struct fixture *f = *state;
    char command[2 * PATH_LEN_MAX + 64];
    database_copy(f, f->copy, 100000);
    OK(rocks_logs_mend(f->copy));
    OK(rocks_logs_mend(f->copy)); /* once more changes nothing */
    snprintf(command, sizeof(command), "test $(stat -c %%s '%s'/*.damaged) -gt %u", f->copy, VALUE_BYTES);
    assert_int_equal(system(command), 0);
    remove_tree(f->copy);
    assert_int_equal(rocks_logs_mend(f->copy), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_turned_bit_costs_one_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_whole_log_stays_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_damaged_log_is_kept, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
