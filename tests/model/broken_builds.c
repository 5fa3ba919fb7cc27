/* Faults in the protocol, put in below or beside the real code; see the header. */
#include "tests/model/broken_builds.h"

#include <string.h>

#include "base/check.h"
#include "gateway/replication/hand_on.h"
#include "meta/settle.h"
#include "meta/store.h"
#include "meta/take_over.h"
#include "tests/model/disk_in_sim.h"
#include "tests/model/nodes_in_sim.h"
#include "tests/model/sim.h"

bool broken;

static struct {
    bool one_node, skips_take_over, serves_others_first, shows_early, log_without_chunks;
} fault;

void broken_choose(const char *name)
{
    const struct {
        const char *name;
        bool *what;
    } builds[] = {
        {"answers-before-the-local-sync", &disk_lies},
        {"answers-after-one-node", &fault.one_node},
        {"applies-a-record-twice", &node_applies_twice},
        {"keeps-the-reserve-of-full-nodes", &node_keeps_its_reserve},
        {"skips-the-take-over", &fault.skips_take_over},
        {"serves-others-before-carriers", &fault.serves_others_first},
        {"shows-what-is-not-settled", &fault.shows_early},
        {"keeps-no-chunks-in-the-log", &fault.log_without_chunks},
    };
    for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++)
        if (strcmp(builds[i].name, name) == 0)
            broken = *builds[i].what = true;
    CHECK(broken);
}

enum hand_on_form __real_hand_on_form(const struct hand_on *rule, const struct carried_set *carried, uint64_t last);
enum hand_on_form __wrap_hand_on_form(const struct hand_on *rule, const struct carried_set *carried, uint64_t last);
enum hand_on_form __wrap_hand_on_form(const struct hand_on *rule, const struct carried_set *carried, uint64_t last)
{
    enum hand_on_form form = __real_hand_on_form(rule, carried, last);
    return form == HAND_ON_LATER && fault.serves_others_first ? HAND_ON_RECORD : form;
}

enum status __real_take_over_write_at(const char *path, const uint8_t *cluster, struct bytes record,
                                      const struct meta_position *replica);
enum status __wrap_take_over_write_at(const char *path, const uint8_t *cluster, struct bytes record,
                                      const struct meta_position *replica);
enum status __wrap_take_over_write_at(const char *path, const uint8_t *cluster, struct bytes record,
                                      const struct meta_position *replica)
{
    return fault.skips_take_over ? STATUS_OK : __real_take_over_write_at(path, cluster, record, replica);
}

enum status __real_settle_wait(struct settle *settle, enum settle_point point, uint64_t sequence);
enum status __wrap_settle_wait(struct settle *settle, enum settle_point point, uint64_t sequence);
enum status __wrap_settle_wait(struct settle *settle, enum settle_point point, uint64_t sequence)
{
    return fault.shows_early ? STATUS_OK : __real_settle_wait(settle, point, sequence);
}

void __real_store_batch_log_data(struct store_batch *batch, struct bytes data);
void __wrap_store_batch_log_data(struct store_batch *batch, struct bytes data);
void __wrap_store_batch_log_data(struct store_batch *batch, struct bytes data)
{
    if (!fault.log_without_chunks)
        __real_store_batch_log_data(batch, data);
}

static enum meta_held wait_for_one(void *arg, uint64_t last, uint64_t since_ms, struct meta_short *missing)
{
    (void)arg, (void)since_ms;
    *missing = (struct meta_short){0};
    for (;; sim_sleep_us(100))
        for (unsigned i = 0; i < NODES; i++)
            if (node_sequence(i) >= last)
                return META_HELD;
}

void broken_hooks(struct meta_replication *hooks)
{
    if (fault.one_node)
        hooks->wait = wait_for_one;
}
