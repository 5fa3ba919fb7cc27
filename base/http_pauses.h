/* Answers whose clients have fallen behind the minimum rate, the longest behind first. They may go on as slowly as they
 * like as long as nobody needs what they hold: a paused video, a slow pipe. Whoever needs a place has the longest
 * paused one cut. May be shared by servers; thread-safe. */
#ifndef TERCET_BASE_HTTP_PAUSES_H
#define TERCET_BASE_HTTP_PAUSES_H

#include <pthread.h>
#include <stdbool.h>

struct http_pause;
struct http_stream;
struct task;

struct http_pauses {
    pthread_mutex_t lock; /* guards the rest, and that tasks in it live */
    struct http_pause *first, *last;
    unsigned count;
};

/* One of them; zero-initialise. */
struct http_pause {
    struct http_pauses *in; /* NULL: not paused, or told to go */
    struct http_pause *previous, *next;
    struct http_stream *stream;
    struct task *task;
    unsigned place;
};

void http_pauses_init(struct http_pauses *pauses);
/* Tells the longest paused answer that holds a place of this kind (http_request.place) to go; it gives its place up
 * soon. False when there is none. From any thread. */
bool http_pauses_cut_longest(struct http_pauses *pauses, unsigned place);
/* How many there are, as a metric. */
void http_pauses_register_metrics(struct http_pauses *pauses);

/* The running task's answer pauses; it goes on, or ends (idempotent). */
void http_pause_begin(struct http_pauses *pauses, struct http_pause *pause, struct http_stream *stream, unsigned place);
void http_pause_end(struct http_pause *pause);

#endif
