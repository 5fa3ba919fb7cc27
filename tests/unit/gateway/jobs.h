/* What the tests of the background jobs share: the jobs on a gateway within the test (fixture.h), and waiting for what
 * they do, in which the clock goes on faster than they work: durations that matter are long. */
#ifndef TERCET_TESTS_GATEWAY_JOBS_H
#define TERCET_TESTS_GATEWAY_JOBS_H

#include "tests/unit/gateway/fixture.h"

#include "gateway/jobs/background.h"

#define HOUR_MS UINT64_C(3600000)

/* Lets time pass, some of it at once, until the condition holds. */
#define PASS_UNTIL(fixture, step_ms, condition)                                                                        \
    for (unsigned turn_ = 0; !(condition); turn_++) {                                                                  \
        if (turn_ == 20000)                                                                                            \
            fail_msg("it never became so: %s", #condition);                                                            \
        fixture_pass(fixture, step_ms);                                                                                \
        usleep(200);                                                                                                   \
    }

/* A bucket, and garbage without grace; the jobs are started by the test. */
static inline int jobs_setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    f->gateway.options.gc_interval_ms = 60000;
    f->gateway.options.repair_interval_ms = 60000;
    f->gateway.options.inventory_interval_ms = 100000 * HOUR_MS; /* only when there is a reason */
    return ask(f, ROOT, "PUT", "/bucket", "", "") == 200 ? 0 : -1;
}

static inline void jobs_start(struct fixture *f)
{
    f->gateway.background = background_start(&f->gateway);
}

struct jobs_stopping {
    struct background *background;
    atomic_bool stopped;
};

static inline void *jobs_stop_thread(void *arg)
{
    struct jobs_stopping *stopping = arg;

    background_stop(stopping->background);
    stopping->stopped = true;
    return NULL;
}

/* They notice the stop by the clock. */
static inline void jobs_stop(struct fixture *f)
{
    struct jobs_stopping stopping = {.background = f->gateway.background};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, jobs_stop_thread, &stopping), 0);
    PASS_UNTIL(f, 100, stopping.stopped);
    pthread_join(thread, NULL);
    background_free(f->gateway.background);
    f->gateway.background = NULL;
}

static inline int jobs_teardown(void **state)
{
    struct fixture *f = *state;

    if (f->gateway.background)
        jobs_stop(f);
    return fixture_teardown(state);
}

/* The records of all chunks, in the order of their ids. */
static inline size_t jobs_chunks(struct fixture *f, struct meta_chunk *chunks, size_t max)
{
    size_t count;

    assert_int_equal(meta_chunk_walk(f->gateway.meta, NULL, max, chunks, &count), STATUS_OK);
    return count;
}

/* Puts an object of one chunk; returns the chunk, by which of all there are was not there before. */
static inline struct chunk_ref jobs_put(struct fixture *f, const char *target)
{
    struct meta_chunk chunks[64];
    size_t count;

    assert_int_equal(ask(f, ROOT, "PUT", target, "", "bytes"), 200);
    fixture_settle(f);
    count = jobs_chunks(f, chunks, 64);
    assert_in_range(count, 1, 63);
    return chunks[count - 1].ref; /* ids begin with the time: tests put one object a millisecond */
}

static inline struct meta_chunk jobs_chunk(struct fixture *f, const struct chunk_id *id)
{
    struct meta_chunk chunk;

    assert_int_equal(meta_chunk_get(f->gateway.meta, id, &chunk), STATUS_OK);
    return chunk;
}

/* How many copies are recorded as good. */
static inline unsigned jobs_good(struct fixture *f, const struct chunk_id *id)
{
    struct meta_chunk chunk = jobs_chunk(f, id);

    return chunk.ref.copies - (unsigned)__builtin_popcount(chunk.bad);
}

/* On how many nodes the chunk lies. */
static inline unsigned jobs_copies(struct fixture *f, const struct chunk_id *id)
{
    unsigned copies = 0;

    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        copies += fake_copy_is_there(f->gateway.cluster, number, id);
    return copies;
}

/* A node without a copy of it. */
static inline unsigned jobs_other_node(struct fixture *f, const struct chunk_id *id)
{
    unsigned number = 1;

    while (number < FIXTURE_NODES && fake_copy_is_there(f->gateway.cluster, number, id))
        number++;
    assert_false(fake_copy_is_there(f->gateway.cluster, number, id));
    return number;
}

#endif
