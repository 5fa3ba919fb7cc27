/* A store of each implementation, empty, and rows written as text; for the tests of the contract (meta/store.h). */
#ifndef TERCET_TESTS_UNIT_META_STORE_FIXTURE_H
#define TERCET_TESTS_UNIT_META_STORE_FIXTURE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "meta/store.h"
#include "meta/store_memory.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define KEY(k)   bytes_from_str(k)

struct fixture {
    struct meta_store *db;
    char path[64];
    bool memory;
};

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat, (void)type, (void)ftw;
    return remove(path);
}

static int rocks_setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    *state = f;
    strcpy(f->path, "/tmp/tercet-store-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    OK(store_open(f->path, 1 << 20, &f->db));
    return 0;
}

static int memory_setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    *state = f;
    f->memory = true;
    f->db = store_memory_create();
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->db);
    if (!f->memory)
        nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

/* What is in memory is open as long as it is. */
static void reopen(struct fixture *f)
{
    if (f->memory)
        return;
    store_close(f->db);
    OK(store_open(f->path, 1 << 20, &f->db));
}

/* "a=1 b=2 -c": puts and deletions in that order. */
static void batch_add(struct store_batch *batch, enum store_family family, const char *changes)
{
    char copy[256], *rest = copy, *change;
    assert_true(strlen(changes) < sizeof(copy));
    strcpy(copy, changes);
    while ((change = strsep(&rest, " "))) {
        char *value = strchr(change, '=');
        if (*change == '-') {
            store_batch_delete(batch, family, KEY(change + 1));
            continue;
        }
        *value++ = '\0';
        store_batch_put(batch, family, KEY(change), KEY(value));
    }
}

static void write_changes(struct fixture *f, enum store_family family, const char *changes)
{
    struct store_batch *batch = store_batch_create(f->db);
    batch_add(batch, family, changes);
    OK(store_write(f->db, batch));
    store_batch_free(batch);
}

static void append_row(const struct store_iterator *it, char *out)
{
    struct bytes key = store_iterator_key(it), value = store_iterator_value(it);
    snprintf(out + strlen(out), 256 - strlen(out), "%s%.*s=%.*s", *out ? " " : "", (int)key.len, key.data,
             (int)value.len, value.data);
}

/* The rows between the bounds, forwards and backwards. */
static void check_rows(const struct store_view *view, enum store_family family, struct bytes lower, struct bytes upper,
                       const char *forwards, const char *backwards)
{
    struct store_iterator it;
    char seen[256] = "";
    store_iterator_open(&it, view, family, lower, upper);
    for (store_iterator_first(&it); store_iterator_valid(&it); store_iterator_next(&it))
        append_row(&it, seen);
    OK(store_iterator_status(&it));
    assert_string_equal(seen, forwards);
    *seen = '\0';
    for (store_iterator_last(&it); store_iterator_valid(&it); store_iterator_previous(&it))
        append_row(&it, seen);
    OK(store_iterator_status(&it));
    assert_string_equal(seen, backwards);
    store_iterator_close(&it);
    store_iterator_close(&it);
}

#define ALL                                                                                                            \
    BYTES(""), (struct bytes)                                                                                          \
    {                                                                                                                  \
        0                                                                                                              \
    }

#define BOTH(test)                                                                                                     \
    {"rocks: " #test, test, rocks_setup, teardown, NULL},                                                              \
    {                                                                                                                  \
        "memory: " #test, test, memory_setup, teardown, NULL                                                           \
    }

#endif
