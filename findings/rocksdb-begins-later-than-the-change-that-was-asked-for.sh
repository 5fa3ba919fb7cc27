#!/bin/sh
# RocksDB 7.8.3 (Debian 12): rocksdb_get_updates_since(1), after a flush has made the first log obsolete, gives an iterator that is valid, whose
# status is OK, and whose first batch is number 501: 500 changes are passed over. Only a number that is not written yet is an
# error (NotFound), so a follower that trusts the status loses what it asked for. It has to compare the first batch's number with
# the one that it wanted, and to keep logs by WAL_ttl_seconds or WAL_size_limit_MB.
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

static void show(rocksdb_t *db, uint64_t wanted)
{
    rocksdb_wal_iterator_t *at = rocksdb_get_updates_since(db, wanted, NULL, &error);
    uint64_t first = 0;
    if (error) {
        printf("since %d: %.8s\n", (int)wanted, error);
        error = NULL;
        return;
    }
    if (rocksdb_wal_iter_valid(at))
        rocksdb_wal_iter_get_batch(at, &first);
    rocksdb_wal_iter_status(at, &error);
    printf("since %d: status %s, the first batch is %d\n", (int)wanted, error ? error : "OK", (int)first);
    rocksdb_wal_iter_destroy(at);
}

int main(void)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_t *db = rocksdb_open(options, "db", &error);
    check();
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    for (int i = 1; i <= 1000; i++) {
        rocksdb_put(db, write, (char *)&i, sizeof(i), "value", 5, &error);
        check();
        if (i == 500)
            rocksdb_flush(db, rocksdb_flushoptions_create(), &error);
        check();
    }
    show(db, 1);
    show(db, 400);
    show(db, 600);
    show(db, 1001);
    return 0;
}
END
rocksdb_program
still "$(cd "$work" && ./finding)" "since 1: status OK, the first batch is 501
since 400: status OK, the first batch is 501
since 600: status OK, the first batch is 600
since 1001: NotFound"
