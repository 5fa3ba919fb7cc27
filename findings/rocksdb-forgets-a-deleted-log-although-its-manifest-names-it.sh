#!/bin/sh
# RocksDB 7.8.3 (Debian 12), track_and_verify_wals_in_manifest on: 1000 synced puts, the process ends, and the write-ahead log file is
# deleted, as a careless clean-up or a file system's check does. The next open succeeds and shows an empty database: only logs that
# were closed and "synced" by a switch are in the manifest, not the one that was written last, where the newest acknowledged writes
# are. A store that trusts the option starts, serves nothing, and says nothing; something else has to remember how far it was.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(char *error)
{
    if (error) {
        printf("refused: %s\n", error);
        exit(0);
    }
}

int main(int argc, char **argv)
{
    char *error = NULL;
    rocksdb_options_t *plain = rocksdb_options_create(), *options = rocksdb_options_create();
    rocksdb_get_options_from_string(plain, "create_if_missing=true;track_and_verify_wals_in_manifest=true", options, &error);
    check(error);
    rocksdb_t *db = rocksdb_open(options, "db", &error);
    check(error);
    if (argc > 1) {
        rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
        rocksdb_writeoptions_set_sync(write, 1);
        for (int i = 0; i < 1000; i++) {
            char key[16];
            snprintf(key, sizeof(key), "%08d", i);
            rocksdb_put(db, write, key, strlen(key), "value", 5, &error);
            check(error);
        }
        puts("1000 synced puts");
        fflush(stdout);
        _Exit(0); /* as a crash ends it */
    }
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_iterator_t *at = rocksdb_create_iterator(db, read);
    int keys = 0;
    for (rocksdb_iter_seek_to_first(at); rocksdb_iter_valid(at); rocksdb_iter_next(at))
        keys++;
    printf("opened with %d keys\n", keys);
    return 0;
}
END
rocksdb_program
cd "$work"
./finding write >seen
cp -r db whole
rm db/*.log
./finding >>seen
rm -rf db && mv whole db
echo "with the log:" >>seen
./finding >>seen
still "$(cat seen)" "1000 synced puts
opened with 0 keys
with the log:
opened with 1000 keys"
