#!/bin/sh
# RocksDB 7.8.3 (Debian 12): 1000 puts, each synced and acknowledged; one bit of the write-ahead log flips in the middle. By default
# (PointInTimeRecovery) the next open succeeds without a word to the caller and about half of the keys are gone;
# paranoid_checks does not change that. TolerateCorruptedTailRecords and AbsoluteConsistency refuse to open. The name of the
# former says less than it does: damage before the tail is refused, which is what a store of acknowledged writes wants.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/finding.c" <<'END'
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char *error = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    if (argc > 1 && atoi(argv[1]) >= 0)
        rocksdb_options_set_wal_recovery_mode(options, atoi(argv[1]));
    rocksdb_t *db = rocksdb_open(options, "db", &error);
    if (error) {
        printf("refused as %.10s\n", error);
        return 0;
    }
    if (argc == 1) {
        rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
        rocksdb_writeoptions_set_sync(write, 1);
        for (int i = 0; i < 1000 && !error; i++) {
            char key[16];
            snprintf(key, sizeof(key), "%08d", i);
            rocksdb_put(db, write, key, strlen(key), "value", 5, &error);
        }
        _Exit(error != NULL);
    }
    rocksdb_iterator_t *at = rocksdb_create_iterator(db, rocksdb_readoptions_create());
    int keys = 0;
    for (rocksdb_iter_seek_to_first(at); rocksdb_iter_valid(at); rocksdb_iter_next(at))
        keys++;
    printf("opened with %s\n", keys == 1000 ? "all keys" : keys > 400 && keys < 600 ? "about half of the keys" : "another number");
    return 0;
}
END
rocksdb_program
cd "$work"
./finding
log=$(echo db/*.log)
middle=$(($(stat -c %s "$log") / 2))
byte=$(od -An -tu1 -j "$middle" -N 1 "$log" | tr -d ' ')
# shellcheck disable=SC2059 # an octal escape
printf "\\$(printf %o $((byte ^ 1)))" | dd of="$log" bs=1 seek="$middle" conv=notrunc 2>/dev/null
cp -r db damaged
for mode in "-1 the default" "2 PointInTimeRecovery" "0 TolerateCorruptedTailRecords" "1 AbsoluteConsistency"; do
    rm -rf db && cp -r damaged db
    printf '%s: ' "${mode#* }" >>seen
    ./finding "${mode%% *}" >>seen
done
still "$(cat seen)" "the default: opened with about half of the keys
PointInTimeRecovery: opened with about half of the keys
TolerateCorruptedTailRecords: refused as Corruption
AbsoluteConsistency: refused as Corruption"
