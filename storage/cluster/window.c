/* Segments are allocated as the stream grows, the first one to fit a small stream, and used again in turn. */
#include "storage/cluster/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct segment {
    struct segment *next;
    uint64_t begin;
    size_t len, capacity;
    char data[]; /* capacity + WINDOW_SPARE_BYTES */
};

void window_init(struct window *window, size_t held_bytes_max, uint64_t expected)
{
    *window = (struct window){.held_bytes_max = held_bytes_max, .expected = expected};
    window->segment_bytes_max = held_bytes_max / 2 < WINDOW_SEGMENT_BYTES ? held_bytes_max / 2 : WINDOW_SEGMENT_BYTES;
}

void window_release(struct window *window)
{
    while (window->first) {
        struct segment *next = window->first->next;
        free(window->first);
        window->first = next;
    }
    window->last = NULL;
    window->held_bytes = 0;
}

static size_t next_capacity(const struct window *window)
{
    size_t capacity = window->segment_bytes_max;
    if (window->expected != UINT64_MAX) {
        uint64_t rest = window->expected - window->end;
        return rest < capacity ? (size_t)rest : capacity;
    }
    return window->first || capacity < WINDOW_FIRST_BYTES ? capacity : WINDOW_FIRST_BYTES;
}

/* Takes the first segment out when nobody needs its bytes any more. */
static struct segment *take_passed(struct window *window, uint64_t floor)
{
    struct segment *segment = window->first;
    if (!segment || segment->begin + segment->len > floor)
        return NULL;
    window->first = segment->next;
    if (!window->first)
        window->last = NULL;
    window->begin = window->first ? window->first->begin : window->end;
    window->held_bytes -= segment->capacity;
    return segment;
}

static void append(struct window *window, struct segment *segment)
{
    segment->next = NULL;
    segment->begin = window->end;
    segment->len = 0;
    if (window->last)
        window->last->next = segment;
    else
        window->first = segment;
    window->last = segment;
    window->held_bytes += segment->capacity;
}

static bool grow(struct window *window, uint64_t floor)
{
    size_t capacity = next_capacity(window);
    struct segment *segment = NULL;
    CHECK(capacity > 0);
    while (window->held_bytes + capacity > window->held_bytes_max) {
        free(segment);
        segment = take_passed(window, floor);
        if (!segment)
            return false;
    }
    if (segment && segment->capacity != capacity) {
        free(segment);
        segment = NULL;
    }
    if (!segment) {
        segment = mem_alloc(sizeof(*segment) + capacity + WINDOW_SPARE_BYTES);
        segment->capacity = capacity;
    }
    append(window, segment);
    return true;
}

bool window_space(struct window *window, uint64_t floor, char **space, size_t *capacity)
{
    CHECK(floor <= window->end);
    if (!window->last || window->last->len == window->last->capacity)
        if (!grow(window, floor))
            return false;
    *space = window->last->data + window->last->len;
    *capacity = window->last->capacity - window->last->len;
    return true;
}

void window_commit(struct window *window, size_t len)
{
    CHECK(window->last && len <= window->last->capacity - window->last->len);
    window->last->len += len;
    window->end += len;
}

struct bytes window_at(const struct window *window, uint64_t position, uint64_t limit)
{
    CHECK(position >= window->begin && position <= limit && limit <= window->end);
    const struct segment *segment = window->first;
    while (segment && position >= segment->begin + segment->len)
        segment = segment->next;
    if (!segment || position == limit)
        return bytes_of(NULL, 0);
    size_t offset = (size_t)(position - segment->begin);
    size_t len = segment->len - offset;
    if (len > limit - position)
        len = (size_t)(limit - position);
    return bytes_of(segment->data + offset, len);
}

uint64_t window_first_segment_end(const struct window *window)
{
    return window->first ? window->first->begin + window->first->len : window->end;
}

char *window_tail(const struct window *window, uint64_t len)
{
    struct segment *segment = window->last;
    if (!segment || segment->len < len)
        return NULL;
    return segment->data + segment->len - len;
}
