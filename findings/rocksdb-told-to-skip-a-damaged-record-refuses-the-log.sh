#!/bin/sh
# RocksDB 7.8.3 (Debian 12), wal_recovery_mode kSkipAnyCorruptedRecords, the mode for salvage after damage: one flipped bit in the
# log, and what happens depends on which fragment of which record it hits. A record of 41 KB lies in three fragments, in three blocks.
# With its LAST fragment hit the database does not open at all: "Corruption: Write batch content corrupted." With the bit in a
# middle fragment it opens and lacks that record only. All other records are whole both times. Whoever wants them has to take the
# whole records out of the log by himself and to write it anew.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS 14
#define BLOCK   32768
#define HEADER  7
#define LOG     "db/000004.log"

static const size_t sizes[RECORDS] = {210000, 1000, 1000, 1000, 1000, 41000, 10, 41000, 0, 5000, 32757, 70000, 32768, 900};
static char value[210000];

static rocksdb_t *open_it(int mode, char **error)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_wal_recovery_mode(options, mode);
    *error = NULL;
    return rocksdb_open(options, "db", error);
}

/* The middle of the first fragment of that type behind the offset. */
static long fragment_find(long from, int type)
{
    static unsigned char log[1 << 20];
    FILE *file = fopen(LOG, "rb");
    long len = (long)fread(log, 1, sizeof(log), file), at = 0;
    fclose(file);
    while (at + HEADER <= len) {
        if (BLOCK - at % BLOCK < HEADER) {
            at += BLOCK - at % BLOCK;
            continue;
        }
        long size = log[at + 4] | log[at + 5] << 8;
        if (at >= from && log[at + 6] == type)
            return at + HEADER + size / 2;
        at += HEADER + size;
    }
    exit(2);
}

static void flip(long at)
{
    FILE *file = fopen(LOG, "r+b");
    fseek(file, at, SEEK_SET);
    int c = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(c ^ 0x10, file);
    fclose(file);
}

int main(int argc, char **argv)
{
    char *error = NULL, key[16];
    (void)argc;
    rocksdb_t *db = open_it(0, &error);
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    for (int i = 0; i < RECORDS; i++)
        rocksdb_put(db, write, key, (size_t)snprintf(key, 16, "%d", i), value, sizes[i], &error);
    if (error)
        return 2;
    rocksdb_close(db);
    flip(fragment_find(8 * BLOCK, atoi(argv[1]))); /* 3: middle, 4: last */
    db = open_it(3 /* kSkipAnyCorruptedRecords */, &error);
    if (!db) {
        printf("%s\n", error);
        return 0;
    }
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    int found = 0;
    for (int i = 0; i < RECORDS; i++) {
        size_t len;
        char *got = rocksdb_get(db, read, key, (size_t)snprintf(key, 16, "%d", i), &len, &error);
        found += got && len == sizes[i];
    }
    printf("opens, %d of %d records\n", found, RECORDS);
    return 0;
}
END
rocksdb_program
cd "$work"
middle=$(./finding 3)
rm -rf db
last=$(./finding 4)
still "middle: $middle
last: $last" "middle: opens, 13 of 14 records
last: Corruption: Write batch content corrupted."
