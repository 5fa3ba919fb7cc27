/* RocksDB's properties; see the header. Most are of one column family, and are added up; those of the database as a
 * whole, or of the block cache that its families share, are asked for once. */
#include "storage/node/database_figures.h"

#include <rocksdb/c.h>
#include <stdbool.h>
#include <stdlib.h>

const struct database_figure_name database_figure_names[DATABASE_FIGURES] = {
    {"tercet_node_rocksdb_pending_compaction_bytes", "Bytes that compaction has yet to rewrite."},
    {"tercet_node_rocksdb_write_stopped", "1 while RocksDB takes no writes."},
    {"tercet_node_rocksdb_delayed_write_bytes_per_second", "Rate that writes are slowed down to; 0: not slowed."},
    {"tercet_node_rocksdb_memtable_bytes", "Memory of all memtables."},
    {"tercet_node_rocksdb_table_reader_bytes", "Memory of table readers outside of the cache."},
    {"tercet_node_rocksdb_level0_files", "Files in level 0."},
    {"tercet_node_rocksdb_background_errors", "Errors in the background since the start."},
    {"tercet_node_rocksdb_cache_used_bytes", "Use of the block cache."},
    {"tercet_node_rocksdb_cache_capacity_bytes", "Size of the block cache."},
    {"tercet_node_rocksdb_sst_bytes", "Size of all table files."},
    {"tercet_node_rocksdb_blob_bytes", "Size of all blob files, where small chunks lie."},
    {"tercet_node_rocksdb_live_data_bytes", "What of both is not yet to be dropped by compaction, estimated."},
    {"tercet_node_rocksdb_running_compactions", "Compactions that run."},
    {"tercet_node_rocksdb_running_flushes", "Flushes that run."},
};

static const struct {
    const char *property;
    bool shared;
} sources[DATABASE_FIGURES] = {
    {"rocksdb.estimate-pending-compaction-bytes", false},
    {"rocksdb.is-write-stopped", true},
    {"rocksdb.actual-delayed-write-rate", true},
    {"rocksdb.cur-size-all-mem-tables", false},
    {"rocksdb.estimate-table-readers-mem", false},
    {"rocksdb.num-files-at-level0", false}, /* to be had as text only */
    {"rocksdb.background-errors", true},
    {"rocksdb.block-cache-usage", true},
    {"rocksdb.block-cache-capacity", true},
    {"rocksdb.total-sst-files-size", false},
    {"rocksdb.total-blob-file-size", false},
    {"rocksdb.estimate-live-data-size", false},
    {"rocksdb.num-running-compactions", true},
    {"rocksdb.num-running-flushes", true},
};

static uint64_t text_take(char *text)
{
    uint64_t value = text ? strtoull(text, NULL, 10) : 0;

    rocksdb_free(text);
    return value;
}

/* family NULL: the default one, and what the database shares. */
static uint64_t property_read(rocksdb_t *db, rocksdb_column_family_handle_t *family, const char *name)
{
    uint64_t value = 0;

    if (family)
        return rocksdb_property_int_cf(db, family, name, &value) == 0
                   ? value
                   : text_take(rocksdb_property_value_cf(db, family, name));
    return rocksdb_property_int(db, name, &value) == 0 ? value : text_take(rocksdb_property_value(db, name));
}

void database_figures_read(rocksdb_t *db, rocksdb_column_family_handle_t *const *families, unsigned family_count,
                           struct database_figures *figures)
{
    for (unsigned i = 0; i < DATABASE_FIGURES; i++) {
        uint64_t *value = &figures->values[i];

        *value = 0;
        if (!families || sources[i].shared)
            *value = property_read(db, NULL, sources[i].property);
        else
            for (unsigned family = 0; family < family_count; family++)
                *value += property_read(db, families[family], sources[i].property);
    }
}
