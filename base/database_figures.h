/* What a database says of itself, for metrics and for who must know whether it takes writes: one list of numbers, with
 * names of our own whatever the database calls them. */
#ifndef TERCET_BASE_DATABASE_FIGURES_H
#define TERCET_BASE_DATABASE_FIGURES_H

#include <stdint.h>

enum database_figure {
    FIGURE_PENDING_COMPACTION_BYTES,
    FIGURE_WRITE_STOPPED,      /* 1 while no writes are taken */
    FIGURE_DELAYED_WRITE_RATE, /* bytes a second that writes are slowed down to; 0: not slowed */
    FIGURE_MEMTABLE_BYTES,
    FIGURE_TABLE_READER_BYTES,
    FIGURE_LEVEL0_FILES,
    FIGURE_BACKGROUND_ERRORS, /* since the start: writes may be impossible since then */
    FIGURE_CACHE_USED_BYTES,
    FIGURE_CACHE_CAPACITY_BYTES,
    FIGURE_TABLE_BYTES,
    FIGURE_BLOB_BYTES,
    FIGURE_LIVE_DATA_BYTES,
    FIGURE_RUNNING_COMPACTIONS,
    FIGURE_RUNNING_FLUSHES,
    DATABASE_FIGURES
};

struct database_figures {
    uint64_t values[DATABASE_FIGURES]; /* 0: not known, too */
};

#endif
