/* Open cursors: which commit each began to read at, so that GC knows what may still be read. */
#ifndef TERCET_META_CURSOR_H
#define TERCET_META_CURSOR_H

#include <pthread.h>
#include <stdint.h>

struct cursor_link {
    struct cursor_link *next, **back;
    uint64_t sequence;
};

struct cursor_registry {
    pthread_mutex_t lock; /* held for a few instructions */
    struct cursor_link *first;
};
void cursor_registry_init(struct cursor_registry *registry);
void cursor_registry_release(struct cursor_registry *registry);    /* no cursor may be open */
uint64_t cursor_registry_oldest(struct cursor_registry *registry); /* UINT64_MAX when none is open */

#endif
