/* The part of an upload that is in memory: a row of segments that the client's bytes are put into and that the copies
 * under way read from, each at its own position. Positions count bytes of the stream. Belongs to one loop. */
#ifndef TERCET_STORAGE_CLUSTER_WINDOW_H
#define TERCET_STORAGE_CLUSTER_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct segment;

struct window {
    struct segment *first, *last;
    uint64_t begin, end; /* positions of the first byte kept and behind the last committed one */
    size_t held_bytes;   /* capacity of all segments */
    size_t held_bytes_max;
    size_t segment_bytes_max; /* a half of held_bytes_max at most, so that two always fit */
    uint64_t expected;        /* size of the stream, UINT64_MAX when unknown */
};

void window_init(struct window *window, size_t held_bytes_max, uint64_t expected);
void window_release(struct window *window);

/* Where the next bytes go. Segments before `floor`, the lowest position that anyone still needs, are dropped only when
 * their room is wanted: what stays can be sent again. The bytes of the last commit always stay, since another segment
 * has room beside theirs. False when the window is full. */
bool window_space(struct window *window, uint64_t floor, char **space, size_t *capacity);
void window_commit(struct window *window, size_t len);

/* The bytes at a position that lie together, up to `limit` (a position); begin <= position <= limit <= end. */
struct bytes window_at(const struct window *window, uint64_t position, uint64_t limit);
/* The position behind the first segment: whoever needs bytes before it keeps the window from moving on. */
uint64_t window_first_segment_end(const struct window *window);
/* When `len` bytes end the stream and lie together: where they and WINDOW_SPARE_BYTES free bytes behind them are. */
char *window_tail(const struct window *window, uint64_t len);

#define WINDOW_SPARE_BYTES   48 /* behind each segment: room for the footer of a chunk that ends there */
#define WINDOW_SEGMENT_BYTES (256u << 10)
#define WINDOW_FIRST_BYTES   (64u << 10) /* first segment of a stream of unknown size: most are small */

#endif
