/* Requests, and deliveries of access logs, that may still commit what they sealed with a key as the keyring was when
 * they began. A large upload seals its object's key first and commits hours later; until then nobody can say that the
 * key is not needed any more. */
#ifndef TERCET_GATEWAY_KEY_WRITERS_H
#define TERCET_GATEWAY_KEY_WRITERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a request or a delivery; zeroed at first. */
struct key_writer {
    bool begun;
    uint64_t generation; /* of the keys, keyring_generation() */
    struct key_writer *previous, *next;
};
struct key_writers {
    pthread_mutex_t lock; /* never held across a suspension */
    struct key_writer *first;
};
void key_writers_init(struct key_writers *writers);
void key_writers_release(struct key_writers *writers); /* when there are none */

/* Before the writer asks for a key; `generation` is read before that. Once it has begun, nothing. Any thread. */
void key_writer_begin(struct key_writers *writers, struct key_writer *writer, uint64_t generation);
/* After its last commit; of one that never began, nothing. */
void key_writer_end(struct key_writers *writers, struct key_writer *writer);
/* Whether one is left that began before that generation. */
bool key_writers_before(struct key_writers *writers, uint64_t generation);

#endif
