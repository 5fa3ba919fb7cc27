/* What RocksDB says of one of the node's databases, for the metrics: one list of numbers, with their names there. */
#ifndef TERCET_STORAGE_NODE_DATABASE_FIGURES_H
#define TERCET_STORAGE_NODE_DATABASE_FIGURES_H

#include <stdint.h>

struct rocksdb_t;
struct rocksdb_column_family_handle_t;

#define DATABASE_FIGURES 14

struct database_figures {
    uint64_t values[DATABASE_FIGURES]; /* in the order of database_figure_names */
};

/* The metric's name and help text for each. */
struct database_figure_name {
    const char *name, *help;
};
extern const struct database_figure_name database_figure_names[DATABASE_FIGURES];

/* families: all of the database; NULL when it has only the default one. What RocksDB does not say is 0. May wait for
 * RocksDB's lock, not for the disk. */
void database_figures_read(struct rocksdb_t *db, struct rocksdb_column_family_handle_t *const *families,
                           unsigned family_count, struct database_figures *figures);

#endif
