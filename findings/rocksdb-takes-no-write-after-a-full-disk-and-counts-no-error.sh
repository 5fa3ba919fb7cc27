#!/bin/sh
# RocksDB 7.8.3 (Debian 12): the file system with the database is full, and a synced put fails with "No space left on device" while its
# log is written. Then there is room again. Every further write fails with the very same text, and so does a flush, also after the 5 s
# in which RocksDB looks for room once a flush or compaction has failed (and after half a minute). The C interface has no
# Resume: only closing and opening helps. Reads go on as if nothing were, and the property rocksdb.background-errors, which
# monitoring watches, stays 0. So a store has to keep room for its log, or end itself.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *error;

static const char *outcome(void)
{
    const char *said = !error ? "OK" : strstr(error, "No space left") ? "No space left on device" : error;
    error = NULL;
    return said;
}

int main(void)
{
    static const char value[1 << 20];
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_db_log_dir(options, "."); /* its text log is not what is looked at */
    rocksdb_writeoptions_t *synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(synced, 1);
    rocksdb_t *db = rocksdb_open(options, "small/db", &error);
    rocksdb_put(db, synced, "first", 5, "value", 5, &error);
    printf("first put: %s\n", outcome());
    for (char key = 'a'; key <= 'z' && !error; key++)
        rocksdb_put(db, synced, &key, 1, value, sizeof(value), &error);
    printf("until it is full: %s\n", outcome());
    unlink("small/other");
    for (int i = 0; i < 8; i++) {
        rocksdb_put(db, synced, "small", 5, "value", 5, &error);
        if (i == 0 || i == 7)
            printf("put with room, %d seconds later: %s\n", i, outcome());
        else
            error = NULL;
        sleep(1);
    }
    rocksdb_flush(db, rocksdb_flushoptions_create(), &error);
    printf("flush: %s\n", outcome());
    size_t len;
    char *got = rocksdb_get(db, rocksdb_readoptions_create(), "first", 5, &len, &error);
    printf("get: %s\n", got && len == 5 ? outcome() : "nothing");
    printf("rocksdb.background-errors: %s\n", rocksdb_property_value(db, "rocksdb.background-errors"));
    rocksdb_close(db);
    db = rocksdb_open(options, "small/db", &error);
    printf("opened again: %s\n", outcome());
    rocksdb_put(db, synced, "small", 5, "value", 5, &error);
    printf("put: %s\n", outcome());
    return 0;
}
END
cat >"$work/inside" <<'END'
mount -t tmpfs -o size=24m none small || exit 2
dd if=/dev/zero of=small/other bs=1M count=8 2>/dev/null
exec ./finding
END
rocksdb_program
cd "$work"
mkdir small
unshare --user --map-root-user --mount true 2>/dev/null || cannot "needs user and mount namespaces, for a small file system"
still "$(unshare --user --map-root-user --mount sh inside)" "first put: OK
until it is full: No space left on device
put with room, 0 seconds later: No space left on device
put with room, 7 seconds later: No space left on device
flush: No space left on device
get: OK
rocksdb.background-errors: 0
opened again: OK
put: OK"
