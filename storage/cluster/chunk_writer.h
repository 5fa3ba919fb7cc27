/* One chunk on its way to CHUNK_COPIES nodes: replaces nodes that fail or stall, and decides when the chunk is safe.
 *
 * Safe means stored, durably, on CHUNK_COPIES nodes; on CHUNK_COPIES_MIN when no other node is left to be tried.
 * Nothing here suspends: the stream polls its chunks and parks until the earliest time that one of them names. */
#ifndef TERCET_STORAGE_CLUSTER_CHUNK_WRITER_H
#define TERCET_STORAGE_CLUSTER_CHUNK_WRITER_H

#include "storage/cluster/copy.h"
#include "storage/cluster/window.h"

#define CHUNK_TARGETS_MAX 8 /* nodes tried for one chunk */

enum chunk_state { CHUNK_OPEN, CHUNK_SAFE, CHUNK_LOST };

struct chunk_writer {
    struct cluster *cluster;
    struct window *window;
    struct task *owner;
    struct chunk_id id;
    char target[8 + CHUNK_ID_TEXT_LEN + 1]; /* /chunks/{id} */
    uint64_t begin;                         /* positions in the stream */
    uint64_t limit;                         /* the chunk ends here at the latest, at once when length_known */
    uint64_t available;                     /* up to here it may be sent; crc32c covers it */
    uint32_t crc32c;
    bool length_known;
    bool complete; /* available is its end */
    bool settled;  /* safe */
    struct copy copies[CHUNK_TARGETS_MAX];
    unsigned copy_count;
    uint64_t opened_ms;
    char *payload;          /* all of it in one piece with room for a footer behind; NULL unless the stream ends here */
    int64_t signed_wall_ms; /* time of all signatures over that piece, so that they can share the footer */
};

/* In a task. The chunk begins at `begin` of the window, where at least one byte is. stream_ended: no byte follows. */
struct chunk_writer *chunk_writer_open(struct cluster *cluster, struct window *window, uint64_t begin, uint64_t limit,
                                       bool length_known, bool stream_ended);
/* The window grew or the stream ended. */
void chunk_writer_extend(struct chunk_writer *chunk, bool stream_ended);
/* Drives the copies; *deadline_ms is lowered to the time at which to look again. */
enum chunk_state chunk_writer_poll(struct chunk_writer *chunk, uint64_t now_ms, uint64_t *deadline_ms);
/* Once safe: the chunk and its copies. */
void chunk_writer_ref(const struct chunk_writer *chunk, struct chunk_ref *ref);
/* The lowest position of the window that a copy needs, UINT64_MAX when none. */
uint64_t chunk_writer_floor(const struct chunk_writer *chunk);
/* The window is full: gives up copies that stalled before `position`, if enough others go on. */
void chunk_writer_drop_stalled(struct chunk_writer *chunk, uint64_t position);
/* Cancels what runs. Copies that a safe chunk does not count, and all copies of another, are discarded. */
void chunk_writer_free(struct chunk_writer *chunk);

#endif
