/* Writers and the keys that they know; see the header. */
#include "gateway/keys/key_writers.h"

#include <stddef.h>

#include "base/check.h"

void key_writers_init(struct key_writers *writers)
{
    *writers = (struct key_writers){0};
    CHECK(pthread_mutex_init(&writers->lock, NULL) == 0);
}

void key_writers_release(struct key_writers *writers)
{
    CHECK(!writers->first);
    pthread_mutex_destroy(&writers->lock);
}

void key_writer_begin(struct key_writers *writers, struct key_writer *writer, uint64_t generation)
{
    if (writer->begun)
        return;
    *writer = (struct key_writer){.begun = true, .generation = generation};
    pthread_mutex_lock(&writers->lock);
    writer->next = writers->first;
    if (writer->next)
        writer->next->previous = writer;
    writers->first = writer;
    pthread_mutex_unlock(&writers->lock);
}

void key_writer_end(struct key_writers *writers, struct key_writer *writer)
{
    if (!writer->begun)
        return;
    pthread_mutex_lock(&writers->lock);
    if (writer->previous)
        writer->previous->next = writer->next;
    else
        writers->first = writer->next;
    if (writer->next)
        writer->next->previous = writer->previous;
    pthread_mutex_unlock(&writers->lock);
    *writer = (struct key_writer){0};
}

bool key_writers_before(struct key_writers *writers, uint64_t generation)
{
    bool found = false;

    pthread_mutex_lock(&writers->lock);
    for (const struct key_writer *writer = writers->first; writer && !found; writer = writer->next)
        found = writer->generation < generation;
    pthread_mutex_unlock(&writers->lock);
    return found;
}
