/* A flipped bit in the tables of the metadata: what it hits is reported as damage of the database and nothing else,
 * what it does not hit is served. */
#include "tests/unit/meta/support.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>

#include "meta/damage.h"

#define OBJECTS 3000

static void key_name(char name[32], unsigned number)
{
    snprintf(name, 32, "key-%05u", number);
}

static void flip(const char *path, off_t offset)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

/* In the middle of the rows of each table that has many of them: those of objects, versions and chunks. */
static unsigned tables_damage(struct support *s)
{
    char pattern[80];
    struct stat info;
    unsigned damaged = 0;
    glob_t found;
    snprintf(pattern, sizeof(pattern), "%s/*.sst", s->path);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        assert_int_equal(stat(found.gl_pathv[i], &info), 0);
        if (info.st_size < 40000)
            continue;
        flip(found.gl_pathv[i], info.st_size / 4);
        damaged++;
    }
    globfree(&found);
    return damaged;
}

static void test_damage_is_told_from_everything_else(void **state)
{
    struct support *s = *state;
    struct meta_object object;
    struct meta_list_page page;
    unsigned read = 0, damaged = 0;
    char name[32];

    for (unsigned i = 0; i < OBJECTS; i++) {
        key_name(name, i);
        OK(support_put(s, &s->plain, name, 1, 'a', NULL, NULL));
    }
    meta_close(s->meta);
    s->meta = NULL;
    assert_true(tables_damage(s) >= 2);
    OK(support_open(s));
    assert_false(meta_is_damaged());
    for (unsigned i = 0; i < OBJECTS; i++) {
        key_name(name, i);
        enum status status = support_get(s, &s->plain, name, NULL, 0, &object);
        read += status == STATUS_OK;
        damaged += status == STATUS_DAMAGED;
        if (!status)
            meta_object_release(&object);
    }
    assert_int_equal(read + damaged, OBJECTS);
    assert_true(damaged > 0 && damaged < OBJECTS / 10);
    assert_true(meta_is_damaged());
    assert_true(damage_count() >= damaged);

    const struct meta_list_query query = {.bucket = s->plain.id, .max = 1000};
    struct meta_list_query next = query;
    enum status status;
    char marker[META_KEY_MAX];
    while ((status = meta_list(s->meta, &next, &page)) == STATUS_OK && page.count > 0) {
        size_t len = page.entries[page.count - 1].key.len;
        memcpy(marker, page.entries[page.count - 1].key.data, len);
        meta_list_page_release(&page);
        next.after = bytes_of(marker, len);
    }
    assert_int_equal(status, STATUS_DAMAGED);
    OK(support_put(s, &s->plain, "another", 1, 'b', NULL, NULL)); /* what needs no damaged row goes on */
}

static void test_a_damaged_state_does_not_open(void **state)
{
    struct support *s = *state;
    char pattern[80];
    glob_t found;
    meta_close(s->meta);
    s->meta = NULL;
    snprintf(pattern, sizeof(pattern), "%s/*.sst", s->path);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        flip(found.gl_pathv[i], 20);
    globfree(&found);
    assert_int_equal(support_open(s), STATUS_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_damage_is_told_from_everything_else, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_state_does_not_open, support_setup, support_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
