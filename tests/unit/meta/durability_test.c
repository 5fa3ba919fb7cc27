/* What a crash and a damaged log may do: no acknowledged commit is lost, a torn last record is dropped, a damaged one
 * before it refuses to open. */
#include "tests/unit/meta/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/checksum.h"
#include "meta/history.h"

enum { CRASHES = 3, ACKNOWLEDGED = 200 };

struct acknowledgement {
    char key[16];
    char version_id[META_VERSION_ID_LEN + 1];
    uint64_t number;
};

/* Commits until it is killed, and reports each commit once meta says that it is durable. */
static void child_main(const char *path, int out)
{
    struct support s = {.pool = pool_create(1, "child")};
    struct meta_object object;

    snprintf(s.path, sizeof(s.path), "%s", path);
    OK(support_open(&s));
    OK(meta_bucket_get(s.meta, KEY("versioned"), &s.versioned));
    for (unsigned i = 0;; i++) {
        struct acknowledgement ack = {.key = {0}};
        snprintf(ack.key, sizeof(ack.key), "key-%u", i % 50);
        OK(support_put(&s, &s.versioned, ack.key, i % 3, (int)i, NULL, &object));
        memcpy(ack.version_id, object.version_id, sizeof(ack.version_id));
        ack.number = object.number;
        if (write(out, &ack, sizeof(ack)) != sizeof(ack))
            _exit(1);
    }
}

static void test_kill(void **state)
{
    struct support *s = *state;
    size_t total = 0;
    struct acknowledgement *acks = mem_alloc(CRASHES * ACKNOWLEDGED * 4 * sizeof(*acks));

    meta_close(s->meta);
    s->meta = NULL;
    for (int crash = 0; crash < CRASHES; crash++) {
        int pipes[2], status;
        size_t limit = total + ACKNOWLEDGED * 4;
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(pipes[0]);
            child_main(s->path, pipes[1]);
        }
        close(pipes[1]);
        for (size_t i = 0; i < ACKNOWLEDGED; i++)
            assert_int_equal(read(pipes[0], &acks[total++], sizeof(*acks)), sizeof(*acks));
        kill(child, SIGKILL);
        while (total < limit && read(pipes[0], &acks[total], sizeof(*acks)) == sizeof(*acks))
            total++; /* acknowledged before the signal arrived */
        close(pipes[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    OK(support_open(s));
    for (size_t i = 0; i < total; i++) {
        struct meta_object object;
        OK(support_get(s, &s->versioned, acks[i].key, acks[i].version_id, 0, &object));
        assert_int_equal(object.number, acks[i].number);
        meta_object_release(&object);
    }
    assert_true(support_bucket_now(s, &s->versioned).versions >= total);
    free(acks);
}

/* The log that a killed child left: opening for good would replay and remove it. */
static void leave_log(struct support *s, char wal[PATH_MAX])
{
    struct acknowledgement ack;
    struct dirent *entry;
    int pipes[2];
    off_t largest = 0;

    meta_close(s->meta);
    s->meta = NULL;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_main(s->path, pipes[1]);
    for (int i = 0; i < 100; i++)
        assert_int_equal(read(pipes[0], &ack, sizeof(ack)), sizeof(ack));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(pipes[0]);
    close(pipes[1]);
    DIR *dir = opendir(s->path);
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        struct stat stat_of;
        char path[PATH_MAX];
        size_t len = strlen(entry->d_name);
        if (len < 4 || strcmp(entry->d_name + len - 4, ".log") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", s->path, entry->d_name);
        assert_int_equal(stat(path, &stat_of), 0);
        if (stat_of.st_size > largest) {
            largest = stat_of.st_size;
            memcpy(wal, path, PATH_MAX);
        }
    }
    closedir(dir);
    assert_true(largest > 10000);
}

static void test_torn_tail(void **state)
{
    struct support *s = *state;
    char wal[PATH_MAX];
    struct stat before;
    struct meta_object object;

    leave_log(s, wal);
    assert_int_equal(stat(wal, &before), 0);
    assert_int_equal(truncate(wal, before.st_size - 5), 0);
    OK(support_open(s));
    uint64_t versions = support_bucket_now(s, &s->versioned).versions;
    assert_true(versions >= 99);
    OK(support_get(s, &s->versioned, "key-10", NULL, 2, &object));
    meta_object_release(&object);
}

static void test_flipped_byte(void **state)
{
    struct support *s = *state;
    char wal[PATH_MAX], byte;
    struct stat before;

    leave_log(s, wal);
    assert_int_equal(stat(wal, &before), 0);
    int fd = open(wal, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, before.st_size / 2), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, before.st_size / 2), 1);
    assert_int_equal(support_open(s), STATUS_DAMAGED);
    assert_null(s->meta);
    byte ^= 0x10; /* mended by hand, nothing is lost */
    assert_int_equal(pwrite(fd, &byte, 1, before.st_size / 2), 1);
    close(fd);
    OK(support_open(s));
    assert_true(support_bucket_now(s, &s->versioned).versions >= 100);
}

/* Appends a fragment to the log: of its full length, but with a wrong checksum unless `good`. */
static void append_fragment(const char *wal, uint8_t type, size_t len, bool good)
{
    struct stat info;
    uint8_t fragment[7 + 64] = {0};
    assert_true(len <= 64);
    assert_int_equal(stat(wal, &info), 0);
    size_t left = 32768 - (size_t)info.st_size % 32768;
    if (left < 7 + len) /* the next block, as RocksDB would */
        assert_int_equal(truncate(wal, info.st_size + (off_t)left), 0);
    memset(fragment + 7, 'x', len);
    fragment[4] = (uint8_t)len;
    fragment[6] = type;
    uint32_t crc = crc32c_update(0, fragment + 6, 1 + len);
    crc = (crc >> 15 | crc << 17) + 0xa282ead8u + !good;
    for (unsigned i = 0; i < 4; i++)
        fragment[i] = (uint8_t)(crc >> (8 * i));
    int fd = open(wal, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, fragment, 7 + len), 7 + len);
    close(fd);
}

/* The last record has its length but not its bytes: RocksDB refuses; it can be told, and cut off. */
static void test_torn_record(void **state)
{
    static const struct {
        struct {
            uint8_t type;
            bool good;
        } fragments[3];
        bool torn;
    } cases[] = {
        {{{1, false}}, true},
        {{{2, false}, {3, true}, {4, true}}, true}, /* its first page was not written, those behind it were */
        {{{2, true}, {3, false}, {4, true}}, true},
        {{{1, false}, {1, true}}, false}, /* another record behind it */
        {{{1, false}, {2, true}}, false},
    };
    struct support *s = *state;
    struct stat before, after;
    struct meta_torn tail;
    char wal[PATH_MAX];

    leave_log(s, wal);
    assert_int_equal(meta_torn_find(s->path, support_cluster, &tail), STATUS_CORRUPT); /* nothing is damaged */
    assert_int_equal(stat(wal, &before), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned n = 0; n < 3 && cases[i].fragments[n].type; n++)
            append_fragment(wal, cases[i].fragments[n].type, 40, cases[i].fragments[n].good);
        assert_int_equal(support_open(s), STATUS_DAMAGED);
        assert_int_equal(meta_torn_find(s->path, support_cluster, &tail), cases[i].torn ? STATUS_OK : STATUS_CORRUPT);
        if (cases[i].torn) {
            assert_int_equal(tail.log.offset, before.st_size);
            assert_true(tail.left.sequence >= 100 && tail.left.epoch != 0);
            OK(meta_torn_drop(&tail));
            assert_int_equal(stat(wal, &after), 0);
            assert_int_equal(after.st_size, before.st_size);
        } else {
            assert_int_equal(truncate(wal, before.st_size), 0);
        }
    }
    static const uint8_t other[16] = "another cluster";
    append_fragment(wal, 1, 40, false);
    assert_int_equal(meta_torn_find(s->path, other, &tail), STATUS_DENIED);
    OK(meta_torn_find(s->path, support_cluster, &tail));
    OK(meta_torn_drop(&tail));
    OK(support_open(s));
    struct meta_position position;
    meta_position(s->meta, &position);
    assert_int_equal(position.sequence, tail.left.sequence);
    assert_int_equal(position.epoch, tail.left.epoch);
    assert_true(support_bucket_now(s, &s->versioned).versions >= 100);
}

/* Damage in the middle is never taken for a torn record; that of the last acknowledged one is, and what is left is
 * less: which the nodes' replicas then show. */
static void test_damaged_record(void **state)
{
    struct support *s = *state;
    char wal[PATH_MAX], byte;
    struct stat before;
    struct meta_torn tail, last;

    leave_log(s, wal);
    assert_int_equal(stat(wal, &before), 0);
    int fd = open(wal, O_RDWR);
    const off_t places[] = {before.st_size / 2, before.st_size - 5};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pread(fd, &byte, 1, places[i]), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, places[i]), 1);
        assert_int_equal(meta_torn_find(s->path, support_cluster, &tail), i ? STATUS_OK : STATUS_CORRUPT);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, places[i]), 1);
    }
    close(fd);
    assert_true(tail.log.offset < (uint64_t)before.st_size);
    append_fragment(wal, 1, 40, false);
    OK(meta_torn_find(s->path, support_cluster, &last));
    assert_true(tail.left.sequence < last.left.sequence);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_kill),        TEST(test_torn_tail),      TEST(test_flipped_byte),
        TEST(test_torn_record), TEST(test_damaged_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
