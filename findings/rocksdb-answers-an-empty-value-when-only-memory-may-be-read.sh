#!/bin/sh
# RocksDB 7.8.3 (Debian 12), max_open_files set: a Get that may read memory only (ReadOptions::read_tier = kBlockCacheTier), of a key
# in a table file that is not open at the moment, returns OK with an EMPTY value. When the table is open and its block is not in
# the cache, the same Get returns Incomplete, as documented. At its start RocksDB opens 16 tables only, so whoever reads so that a
# thread never waits for a disk takes that empty value for the record. An iterator of the same read tier says Incomplete.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLES 64

static void check(char *error)
{
    if (error) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }
}

static rocksdb_t *open_it(void)
{
    char *error = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_max_open_files(options, 256);
    rocksdb_options_set_disable_auto_compactions(options, 1);
    rocksdb_t *db = rocksdb_open(options, "db", &error);
    check(error);
    return db;
}

static size_t name(int i, char key[16])
{
    return (size_t)snprintf(key, 16, "%08d", i);
}

int main(void)
{
    char *error = NULL, key[16];
    rocksdb_t *db = open_it();
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    for (int i = 0; i < TABLES; i++) {
        rocksdb_put(db, write, key, name(i, key), "value", 5, &error);
        check(error);
        rocksdb_flush(db, flush, &error);
        check(error);
    }
    rocksdb_close(db);

    db = open_it();
    rocksdb_readoptions_t *memory = rocksdb_readoptions_create(), *any = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(memory, 1 /* kBlockCacheTier */);
    int right = 0, incomplete = 0, empty = 0, other = 0, whole = 0;
    for (int i = 0; i < TABLES; i++) {
        size_t len;
        char *value = rocksdb_get(db, memory, key, name(i, key), &len, &error);
        if (error && strncmp(error, "Result incomplete", 17) == 0)
            incomplete++;
        else if (!error && value && len == 0)
            empty++;
        else if (!error && value && len == 5)
            right++;
        else
            other++;
        error = NULL;
    }
    for (int i = 0; i < TABLES; i++) {
        size_t len;
        char *value = rocksdb_get(db, any, key, name(i, key), &len, &error);
        check(error);
        whole += value && len == 5;
    }
    printf("values of 5 bytes that are there: %d\n", whole);
    printf("with memory only: some Incomplete: %s, some OK and empty: %s, other: %d\n", incomplete ? "yes" : "no", empty ? "yes" : "no",
           other);
    fprintf(stderr, "(right %d, incomplete %d, empty %d)\n", right, incomplete, empty);
    return 0;
}
END
rocksdb_program
cd "$work"
still "$(./finding)" "values of 5 bytes that are there: 64
with memory only: some Incomplete: yes, some OK and empty: yes, other: 0"
