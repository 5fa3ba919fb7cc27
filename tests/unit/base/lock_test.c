/* The rules for threads, which builds for tests assert: no lock is held while a task is suspended, and nothing blocks
 * on a loop's thread. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/task.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static struct loop *loop;

static void nothing(void *arg)
{
    (void)arg;
}

static void follows_the_rules(void *arg)
{
    (void)arg;
    lock_acquire(&mutex);
    lock_acquire_read(&shared);
    lock_release_shared(&shared);
    lock_release(&mutex);
    task_yield();
    lock_acquire_write(&shared);
    lock_release_shared(&shared);
    task_sleep_ms(1);
    loop_stop(loop);
}

static void yields_with_a_lock(void *arg)
{
    (void)arg;
    lock_acquire(&mutex);
    task_yield();
}

static void parks_with_a_lock(void *arg)
{
    (void)arg;
    lock_acquire(&mutex);
    task_unpark(task_self()); /* also when the wait would be none this time */
    task_park();
}

static void works_with_a_shared_lock(void *arg)
{
    struct pool *pool = pool_create(1, "test");

    (void)arg;
    lock_acquire_read(&shared);
    pool_run(pool, nothing, NULL);
}

static void blocks(void *arg)
{
    (void)arg;
    blocking_call();
}

static void works_in_place(void *arg)
{
    pool_run(arg, nothing, NULL); /* on the loop, but in no task: nothing there can be suspended */
}

/* How the process ends in which a loop runs that; 0: well. */
static int outcome(bool in_task, void (*fn)(void *arg))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        alarm(60);
        loop = loop_create();
        if (in_task)
            task_spawn(loop, fn, NULL);
        else
            loop_post(loop, fn, NULL);
        loop_run(loop);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void skip_unless_asserted(void)
{
#ifdef NDEBUG
    skip();
#endif
}

static void a_task_waits_without_locks(void **state)
{
    (void)state;
    skip_unless_asserted();
    assert_int_equal(outcome(true, follows_the_rules), 0);
    assert_int_equal(outcome(true, yields_with_a_lock), SIGABRT);
    assert_int_equal(outcome(true, parks_with_a_lock), SIGABRT);
    assert_int_equal(outcome(true, works_with_a_shared_lock), SIGABRT);
}

static void nothing_blocks_on_a_loop(void **state)
{
    (void)state;
    skip_unless_asserted();
    blocking_call(); /* no loop's thread */
    assert_int_equal(outcome(true, blocks), SIGABRT);
    assert_int_equal(outcome(false, blocks), SIGABRT);
    assert_int_equal(outcome(false, works_in_place), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_waits_without_locks),
        cmocka_unit_test(nothing_blocks_on_a_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
