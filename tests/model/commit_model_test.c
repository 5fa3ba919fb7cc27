/* A model test of the commit protocol: the gateway's metadata, committer, replication, recovery and restore as they
 * are, in a world that a seed decides (sim.h): its disk, four nodes and the network fail as such things do. Clients
 * write and read; what they were told must stay true.
 *
 *   model_commit                           as many histories as the suite has time for
 *   model_commit --steps N --seed S        from that seed on until so many steps were made
 *   model_commit --broken NAME             with a fault in the protocol, which must be found: exits 0 then
 *
 * Each history is a process of its own, since a crash frees no memory. What is found is printed with its seed, and is
 * found again with it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "gateway/replication/recovery.h"
#include "gateway/replication/replication.h"
#include "tests/model/broken_builds.h"
#include "tests/model/disk_in_sim.h"
#include "tests/model/model.h"
#include "tests/model/nodes_in_sim.h"
#include "tests/model/sim.h"

#define DATA_DIR       "/"
#define META_PATH      "/metadata"
#define COPIES         2
#define CLIENTS        8
#define EVENTS         60
#define EVENT_US       (800 * MS) /* at most so long from one to the next */
#define RESERVE_MAX    20
#define SERVES_US      (180000 * MS) /* what nothing hinders serves after so long, and all nodes follow */
#define STEPS_OF_SUITE 2000000

static const uint8_t cluster_id[16] = "0123456789abcdef";

/* ---- the gateway's process --------------------------------------------------------------------------------------- */

/* Its process ends; the world sees to the rest. */
static _Noreturn void gateway_shut_out(void)
{
    model.shut_out = true;
    for (;;)
        sim_sleep_us(1000 * MS);
}

static void gateway_recover(struct taken_over *taken)
{
    const struct recovery_config config = {.cluster = model.cluster,
                                           .data_dir = DATA_DIR,
                                           .meta_path = META_PATH,
                                           .cluster_id = cluster_id,
                                           .copies = COPIES};
    enum status status;
    while (model.disk_lost) {
        status = recovery_restore(&config);
        model.cut_restore = model.cut_restore || status;
        if (status == STATUS_OK)
            model.disk_lost = false;
        else if (status != STATUS_UNAVAILABLE && status != STATUS_TIMEOUT && status != STATUS_CANCELLED &&
                 status != STATUS_CONFLICT)
            violated("a restore ended %s", status_name(status));
        sim_sleep_us(500 * MS);
    }
    while ((status = recovery_check(&config, taken)) != STATUS_OK) {
        if (status == STATUS_PRECONDITION && model.cut_restore)
            gateway_shut_out();
        if (status == STATUS_CONFLICT || status == STATUS_PRECONDITION)
            violated("a gateway whose disk is well is not let to start: %s", status_name(status));
        sim_sleep_us(500 * MS);
    }
}

static void bucket_need(const char *name, bool versioned, struct meta_bucket *bucket)
{
    while (meta_bucket_get(model.meta, bytes_from_str(name), bucket)) {
        enum status status = meta_bucket_create(model.meta, bytes_from_str(name), versioned, BYTES(""), NULL);
        if (status)
            sim_sleep_us(300 * MS);
    }
}

static void gateway_main(void *arg)
{
    struct taken_over taken;
    (void)arg;
    gateway_recover(&taken);
    model.bandwidth = mem_zalloc(sizeof(*model.bandwidth));
    model.bandwidth->bytes_per_s = 100 << 20;
    model.replication = replication_create(&(struct replication_config){.cluster = model.cluster,
                                                                        .copies = COPIES,
                                                                        .node_timeout_ms = 4000,
                                                                        .stall_ms = 500,
                                                                        .check_interval_ms = 1000,
                                                                        .bandwidth = model.bandwidth});
    struct meta_replication hooks = *replication_hooks(model.replication);
    broken_hooks(&hooks);
    struct meta_options options = {.path = META_PATH, .cluster_id = cluster_id, .replication = &hooks};
    enum status status = meta_open(&options, &model.meta);
    if (status)
        violated("the metadata do not open: %s", status_name(status));
    replication_start(model.replication, model.meta, NULL);
    replication_took_over(model.replication, &taken);
    bucket_need("plain", false, &model.buckets[0]);
    bucket_need("versioned", true, &model.buckets[1]);
    model.serves = true;
    for (unsigned i = 0; i < CLIENTS; i++)
        sim_spawn(SIM_GATEWAY, SIM_THREAD, client_main, NULL);
    for (;;) {
        sim_sleep_us(100 * MS);
        if (replication_refusal(model.replication) == STATUS_PRECONDITION && model.cut_restore)
            gateway_shut_out();
        if (replication_refusal(model.replication) || meta_has_failed(model.meta))
            violated("a gateway whose disk is well stopped");
    }
}

static void gateway_start(void)
{
    sim_spawn(SIM_GATEWAY, SIM_THREAD, gateway_main, NULL);
}

/* Its machine loses its power. */
static void gateway_crash(void)
{
    sim_kill(SIM_GATEWAY);
    disk_power_failure();
    model.cut_restore = model.cut_restore || model.disk_lost;
    model.serves = model.shut_out = false;
    model.writing = 0;
    model.crashes++;
    for (uint32_t i = 1; i <= model.write_count; i++)
        if (model.writes[i].outcome == PENDING)
            model.writes[i].outcome = UNKNOWN;
}

static void disk_lose(void)
{
    disk_replace();
    model.disk_lost = true;
    model.restores++;
    for (unsigned i = 0; i < 2 * KEYS; i++)
        if (model.writes[model.names[i].told.write].outcome != ACKNOWLEDGED)
            model.names[i].told = model.names[i].acknowledged;
}

/* ---- what happens ------------------------------------------------------------------------------------------------ */

static void event_node(void)
{
    unsigned index = (unsigned)sim_below(NODES);
    bool spared = nodes_away() > 0; /* a minority is away at a time */
    switch (sim_below(6)) {
    case 0:
        if (!spared)
            node_crash(index);
        break;
    case 1:
        node_cut_off(index, !spared);
        break;
    case 2:
        node_slow(index, sim_chance(400));
        break;
    case 3:
        if (sim_chance(200))
            node_full(index, (unsigned)sim_below(RESERVE_MAX));
        else
            node_emptied(index);
        break;
    default:
        node_restart(index);
        node_cut_off(index, false);
        break;
    }
}

/* All nodes become full, or have room again. */
static void event_fill(void)
{
    bool full = sim_chance(150), to_the_end = sim_chance(300);
    for (unsigned i = 0; i < NODES; i++)
        if (full)
            node_full(i, to_the_end ? (unsigned)sim_below(3) : RESERVE_MAX);
        else
            node_emptied(i);
}

static void event_power(void)
{
    bool served = model.serves;
    gateway_crash();
    nodes_power_failure();
    if (served && sim_chance(600))
        disk_lose();
}

/* As it says itself then: -restore-metadata brings back all that was acknowledged. */
static void shut_out_restore(void)
{
    if (!model.shut_out)
        return;
    gateway_crash();
    disk_lose();
    gateway_start();
}

static void event(void)
{
    uint64_t drawn = sim_below(100);
    if (drawn < 65) {
        event_node();
        return;
    }
    if (drawn >= 92)
        return;
    if (drawn >= 85) {
        event_fill();
        return;
    }
    if (drawn < 72) {
        event_power();
    } else if (drawn < 77 && model.serves) {
        gateway_crash();
        disk_lose();
        if (sim_chance(500))
            node_crash((unsigned)sim_below(NODES));
    } else {
        gateway_crash();
    }
    sim_sleep_us(sim_below(sim_chance(300) ? 3000 * MS : 20 * MS));
    gateway_start();
}

static bool all_nodes_follow(void)
{
    struct meta_store *store = disk_store(META_PATH);
    for (unsigned i = 0; i < NODES; i++)
        if (node_sequence(i) != store_sequence(store))
            return false;
    return true;
}

/* How many nodes have the chunk and are counted for it: readers and repair know of no others. */
static unsigned recorded_of(const struct chunk_id *id)
{
    struct meta_chunk row;
    unsigned count = 0;
    if (meta_chunk_get(model.meta, id, &row))
        return 0;
    for (unsigned i = 0; i < row.ref.copies; i++)
        count += !(row.bad >> i & 1) && node_has_chunk(row.ref.nodes[i] - 1u, id);
    return count;
}

/* Nothing hinders anybody any more: everything must be found, on every node. It makes no difference that they are all
 * full, if what is under way has room in their reserves. */
static void end_check(void)
{
    uint64_t until_us = sim_now_us() + SERVES_US;
    bool full = sim_chance(500);
    for (unsigned i = 0; i < NODES; i++)
        if (full)
            node_full(i, UINT_MAX);
        else
            node_emptied(i);
    nodes_heal();
    for (uint64_t well_us = 0; well_us < 2000 * MS && sim_now_us() < until_us; sim_sleep_us(100 * MS)) {
        shut_out_restore();
        well_us = model.serves ? well_us + 100 * MS : 0;
    }
    if (!model.serves)
        violated("the gateway does not serve again");
    model.quiet = true;
    while ((model.writing > 0 || !all_nodes_follow()) && sim_now_us() < until_us)
        sim_sleep_us(100 * MS);
    for (unsigned i = 0; i < NODES; i++)
        if (!all_nodes_follow() || !node_equals(i, disk_store(META_PATH)))
            violated("node %u (sequence %llu) is not as the gateway (sequence %llu)", i + 1,
                     (unsigned long long)node_sequence(i), (unsigned long long)store_sequence(disk_store(META_PATH)));
    for (unsigned key = 0; key < 2 * KEYS; key++) {
        client_read(key);
        uint32_t number = model.names[key].told.write;
        const struct write *write = &model.writes[number];
        unsigned wanted = write->outcome == ACKNOWLEDGED ? CHUNK_COPIES_MIN : 1; /* the rest is for a comparison */
        if (number && holders_of(&write->chunk) < wanted)
            violated("key %u: write %u (%u) has %u copies in the end", key, number, write->outcome,
                     holders_of(&write->chunk));
        if (number && write->outcome == ACKNOWLEDGED && recorded_of(&write->chunk) < wanted)
            violated("key %u: of the %u copies of write %u its row counts %u in the end", key,
                     holders_of(&write->chunk), number, recorded_of(&write->chunk));
    }
}

static void world(void *arg)
{
    (void)arg;
    model.cluster = nodes_create();
    gateway_start();
    for (unsigned i = 0; i < EVENTS; i++) {
        sim_sleep_us(sim_below(EVENT_US));
        shut_out_restore();
        event();
    }
    end_check();
}

/* ---- histories --------------------------------------------------------------------------------------------------- */

static struct totals {
    uint64_t histories, steps, acknowledged, uncertain, refused, reads, crashes, restores;
} * totals; /* shared with the processes of the histories */

static void totals_add(void)
{
    totals->histories++;
    totals->steps += sim_steps();
    totals->acknowledged += model.acknowledged;
    totals->uncertain += model.uncertain;
    totals->refused += model.refused;
    totals->reads += model.reads;
    totals->crashes += model.crashes;
    totals->restores += model.restores;
}

static void totals_print(void)
{
    printf("%llu histories, %llu steps: %llu writes acknowledged, %llu uncertain, %llu refused, %llu reads, "
           "%llu crashes, %llu disks replaced\n",
           (unsigned long long)totals->histories, (unsigned long long)totals->steps,
           (unsigned long long)totals->acknowledged, (unsigned long long)totals->uncertain,
           (unsigned long long)totals->refused, (unsigned long long)totals->reads, (unsigned long long)totals->crashes,
           (unsigned long long)totals->restores);
}

/* Whether what was told stayed true. */
static bool history_run(uint64_t seed, bool loud)
{
    int ended;
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (!loud && (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout)))
            _exit(4);
        log_init("model", "0", loud ? LOG_WARN : LOG_ERROR);
        model.seed = seed;
        sim_run(seed, world, NULL);
        totals_add();
        _exit(0);
    }
    CHECK(waitpid(child, &ended, 0) == child);
    if (WIFSIGNALED(ended) || (WEXITSTATUS(ended) != 0 && WEXITSTATUS(ended) != 3))
        printf("seed %llu: the process ended with %s %d\n", (unsigned long long)seed,
               WIFSIGNALED(ended) ? "signal" : "code", WIFSIGNALED(ended) ? WTERMSIG(ended) : WEXITSTATUS(ended));
    return ended == 0;
}

/* A number behind an option, else what it is without. */
static uint64_t option(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return otherwise;
}

int main(int argc, char **argv)
{
    uint64_t steps = option(argc, argv, "--steps", STEPS_OF_SUITE), seed = option(argc, argv, "--seed", 1);
    bool found = false, loud = argc > 1 && strcmp(argv[argc - 1], "--loud") == 0;
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--broken") == 0)
            broken_choose(argv[i + 1]);
    report = fdopen(dup(STDOUT_FILENO), "w");
    CHECK(report != NULL);
    totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(totals != MAP_FAILED);
    for (; !found && totals->steps < steps; seed++)
        found = !history_run(seed, loud);
    totals_print();
    if (broken)
        printf(found ? "the broken build was found\n" : "THE BROKEN BUILD WAS NOT FOUND\n");
    return found == broken ? 0 : 1;
}
