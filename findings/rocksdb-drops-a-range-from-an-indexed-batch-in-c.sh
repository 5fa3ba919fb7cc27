#!/bin/sh
# RocksDB 7.8.3 (Debian 12), its C interface: rocksdb_writebatch_wi_delete_range puts nothing into the batch. WriteBatchWithIndex answers
# NotSupported in C++, and the C function, which has no error to return, drops that. The batch is written with success, and
# the range is still there; the same call on a plain rocksdb_writebatch deletes it. And an iterator over such a batch and a base with bounds
# keeps the bounds for the base only: keys of the batch on both sides of them come up.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>

static char *error;

static void check(void)
{
    if (error) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }
}

static void show(const char *what, rocksdb_iterator_t *at)
{
    printf("%s:", what);
    for (rocksdb_iter_seek_to_first(at); rocksdb_iter_valid(at); rocksdb_iter_next(at)) {
        size_t len;
        const char *key = rocksdb_iter_key(at, &len);
        printf(" %.*s", (int)len, key);
    }
    printf("\n");
}

int main(void)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_t *db = rocksdb_open(options, "db", &error);
    check();
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    rocksdb_readoptions_t *all = rocksdb_readoptions_create(), *middle = rocksdb_readoptions_create();
    for (char key = 'b'; key <= 'f'; key++)
        rocksdb_put(db, write, &key, 1, "value", 5, &error);
    check();

    rocksdb_writebatch_wi_t *indexed = rocksdb_writebatch_wi_create(0, 1);
    rocksdb_writebatch_wi_put(indexed, "a", 1, "value", 5);
    rocksdb_writebatch_wi_put(indexed, "z", 1, "value", 5);
    rocksdb_readoptions_set_iterate_lower_bound(middle, "c", 1);
    rocksdb_readoptions_set_iterate_upper_bound(middle, "e", 1);
    show("from c to below e, in the database", rocksdb_create_iterator(db, middle));
    show("the same with the batch", rocksdb_writebatch_wi_create_iterator_with_base(indexed, rocksdb_create_iterator(db, middle)));

    rocksdb_writebatch_wi_delete_range(indexed, "c", 1, "e", 1);
    printf("changes in the batch after two puts and the range: %d\n", rocksdb_writebatch_wi_count(indexed));
    rocksdb_write_writebatch_wi(db, write, indexed, &error);
    check();
    show("written with the index", rocksdb_create_iterator(db, all));
    rocksdb_writebatch_t *plain = rocksdb_writebatch_create();
    rocksdb_writebatch_delete_range(plain, "c", 1, "e", 1);
    rocksdb_write(db, write, plain, &error);
    check();
    show("written without", rocksdb_create_iterator(db, all));
    return 0;
}
END
rocksdb_program
still "$(cd "$work" && ./finding)" "from c to below e, in the database: c d
the same with the batch: a c d z
changes in the batch after two puts and the range: 2
written with the index: a b c d e f z
written without: a b e f z"
