/* A deterministic world in one thread: lines of execution that stand for threads, tasks and messages under way, a clock
 * that moves only here, and chances that a seed decides. The same seed gives the same history, so that what it finds
 * can be looked at again.
 *
 * base_in_sim.c puts it below the real code: threads, conditions, tasks, the pool and the clocks of base/ are lines and
 * the time of this file, by the linker's --wrap. A line runs until it waits; a thread may be interrupted where it takes
 * a lock, a task is not, as on a loop. */
#ifndef TERCET_TESTS_MODEL_SIM_H
#define TERCET_TESTS_MODEL_SIM_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_NEVER UINT64_MAX

/* Whose line it is: what happens to it when the gateway's machine loses its power. */
enum sim_owner { SIM_WORLD, SIM_GATEWAY };
enum sim_kind { SIM_THREAD, SIM_TASK };

struct sim_line;

/* Runs the world, as a line of its own, until it returns. Aborts when nothing can go on any more. */
void sim_run(uint64_t seed, void (*world)(void *arg), void *arg);
uint64_t sim_steps(void); /* how often a line was continued */

struct sim_line *sim_spawn(enum sim_owner owner, enum sim_kind kind, void (*fn)(void *arg), void *arg);
/* Ends all lines of the owner where they are; not from one of them. What they hold is lost. */
void sim_kill(enum sim_owner owner);

struct sim_line *sim_self(void);
enum sim_owner sim_owner(const struct sim_line *line);
enum sim_kind sim_kind(const struct sim_line *line);
/* A word of each line, for what lies above. */
uint64_t *sim_word(struct sim_line *line);

/* Waits until somebody wakes that address; false when the time came first. */
bool sim_wait(const void *address, uint64_t until_us);
void sim_wake(const void *address); /* all that wait for it */
void sim_sleep_us(uint64_t us);
void sim_yield(void); /* others may go on first */
uint64_t sim_now_us(void);

uint64_t sim_random(void);
uint64_t sim_below(uint64_t bound);    /* 0 to bound - 1 */
bool sim_chance(unsigned of_thousand); /* true so often */

#endif
