/* See the header. Lines are contexts of base/context.h; the one that goes on is drawn among those that can. Each step
 * takes some microseconds; when no line can go on the clock moves to the first that waits for a time. */
#include "tests/model/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/context.h"

#define STACK_BYTES (512u << 10)
#define LINES_MAX   1024
#define STEP_US_MAX 20
#define START_US    1000000000ull

struct sim_line {
    struct context context;
    void *stack;
    void (*fn)(void *arg);
    void *arg;
    enum sim_owner owner;
    enum sim_kind kind;
    const void *address; /* waits for it; NULL: can go on */
    uint64_t until_us;
    bool timed_out, ended;
    uint64_t word;
};

static struct {
    uint64_t random, now_us, steps;
    struct context main;
    struct sim_line *lines[LINES_MAX];
    unsigned count;
    struct sim_line *running;
    void *stacks[LINES_MAX]; /* of lines that have ended */
    unsigned stack_count;
} sim;

/* ---- chances (SplitMix64) ---------------------------------------------------------------------------------------- */

uint64_t sim_random(void)
{
    uint64_t z = sim.random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t sim_below(uint64_t bound)
{
    return sim_random() % bound;
}

bool sim_chance(unsigned of_thousand)
{
    return sim_below(1000) < of_thousand;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static void *stack_take(void)
{
    if (sim.stack_count > 0)
        return sim.stacks[--sim.stack_count];
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    CHECK(stack != MAP_FAILED);
    return stack;
}

static void line_main(void *arg)
{
    struct sim_line *line = arg;
    line->fn(line->arg);
    line->ended = true;
    context_exit(&line->context, &sim.main);
}

struct sim_line *sim_spawn(enum sim_owner owner, enum sim_kind kind, void (*fn)(void *arg), void *arg)
{
    struct sim_line *line = mem_zalloc(sizeof(*line));
    *line = (struct sim_line){.stack = stack_take(), .fn = fn, .arg = arg, .owner = owner, .kind = kind};
    context_init(&line->context, line->stack, STACK_BYTES);
    context_prepare(&line->context, line_main, line);
    CHECK(sim.count < LINES_MAX);
    sim.lines[sim.count++] = line;
    return line;
}

/* The struct stays: others may hold it. */
static void line_remove(unsigned index)
{
    struct sim_line *line = sim.lines[index];
    line->ended = true;
    context_release(&line->context);
    CHECK(sim.stack_count < LINES_MAX);
    sim.stacks[sim.stack_count++] = line->stack;
    sim.lines[index] = sim.lines[--sim.count];
}

void sim_kill(enum sim_owner owner)
{
    CHECK(sim.running->owner != owner);
    for (unsigned i = 0; i < sim.count;)
        if (sim.lines[i]->owner == owner)
            line_remove(i);
        else
            i++;
}

struct sim_line *sim_self(void)
{
    return sim.running;
}

enum sim_owner sim_owner(const struct sim_line *line)
{
    return line->owner;
}

enum sim_kind sim_kind(const struct sim_line *line)
{
    return line->kind;
}

uint64_t *sim_word(struct sim_line *line)
{
    return &line->word;
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static void line_leave(void)
{
    struct sim_line *line = sim.running;
    context_switch(&line->context, &sim.main);
}

bool sim_wait(const void *address, uint64_t until_us)
{
    struct sim_line *line = sim.running;
    line->address = address;
    line->until_us = until_us;
    line->timed_out = false;
    line_leave();
    return !line->timed_out;
}

void sim_wake(const void *address)
{
    for (unsigned i = 0; i < sim.count; i++)
        if (sim.lines[i]->address == address)
            sim.lines[i]->address = NULL;
}

void sim_sleep_us(uint64_t us)
{
    const char nobody_wakes = 0;
    sim_wait(&nobody_wakes, sim.now_us + us);
}

void sim_yield(void)
{
    line_leave();
}

uint64_t sim_now_us(void)
{
    return sim.now_us;
}

uint64_t sim_steps(void)
{
    return sim.steps;
}

/* ---- the schedule ------------------------------------------------------------------------------------------------ */

/* Lines whose time has come go on; without any that can, the clock moves to the first of them. */
static void times_look(void)
{
    uint64_t first_us = SIM_NEVER;
    bool any = false;
    for (unsigned i = 0; i < sim.count; i++) {
        any = any || !sim.lines[i]->address;
        if (sim.lines[i]->address && sim.lines[i]->until_us < first_us)
            first_us = sim.lines[i]->until_us;
    }
    if (!any && first_us != SIM_NEVER && first_us > sim.now_us)
        sim.now_us = first_us;
    for (unsigned i = 0; i < sim.count; i++) {
        struct sim_line *line = sim.lines[i];
        if (line->address && line->until_us <= sim.now_us) {
            line->address = NULL;
            line->timed_out = true;
        }
    }
}

static struct sim_line *line_draw(void)
{
    unsigned can = 0;
    for (unsigned i = 0; i < sim.count; i++)
        can += !sim.lines[i]->address;
    if (can == 0) {
        fprintf(stderr, "sim: nothing can go on\n");
        abort();
    }
    uint64_t drawn = sim_below(can);
    for (unsigned i = 0;; i++)
        if (!sim.lines[i]->address && drawn-- == 0)
            return sim.lines[i];
}

void sim_run(uint64_t seed, void (*world)(void *arg), void *arg)
{
    sim.random = seed;
    sim.now_us = START_US;
    context_init_thread(&sim.main);
    struct sim_line *first = sim_spawn(SIM_WORLD, SIM_THREAD, world, arg);
    while (!first->ended) {
        times_look();
        struct sim_line *line = line_draw();
        sim.steps++;
        sim.now_us += 1 + sim_below(STEP_US_MAX);
        sim.running = line;
        context_switch(&sim.main, &line->context);
        sim.running = NULL;
        if (!line->ended)
            continue;
        sim_wake(line); /* whoever joins it */
        for (unsigned i = 0; i < sim.count; i++)
            if (sim.lines[i] == line)
                line_remove(i);
    }
}
