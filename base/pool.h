/* The worker pool: blocking work (RocksDB, files, hashing of large pieces) runs here, never on a loop. */
#ifndef TERCET_BASE_POOL_H
#define TERCET_BASE_POOL_H

struct pool;

struct pool *pool_create(unsigned threads, const char *name);
void pool_free(struct pool *pool); /* waits for queued work */

/* Runs fn(arg) on a worker and returns when it is done. In a task: suspends. In a plain thread: runs fn in place. */
void pool_run(struct pool *pool, void (*fn)(void *arg), void *arg);

/* Said by what may wait for a disk, or otherwise long: aborts on a loop's thread, but not in builds with NDEBUG. */
void blocking_call(void);

/* Queues fn(arg) and returns at once. From any thread. */
void pool_submit(struct pool *pool, void (*fn)(void *arg), void *arg);

/* Work queued and not yet started, for metrics. */
unsigned pool_backlog(struct pool *pool);

#endif
