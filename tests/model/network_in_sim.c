/* The network to the nodes, and what the gateway takes them for; see nodes_in_sim.h. */
#include <stdlib.h>

#include "base/check.h"
#include "storage/cluster/carriers.h"
#include "tests/model/nodes_internal.h"
#include "tests/model/sim.h"

#define TIMEOUT_US (3000 * MS)
#define DOUBT_US   (400 * MS) /* a node that failed is taken for down so long */
#define CHECK_US   (1000 * MS)

/* ---- the network ------------------------------------------------------------------------------------------------- */

static void message_drop(struct message *message)
{
    if (--message->holders > 0)
        return;
    buffer_release(&message->body);
    buffer_release(&message->answer);
    free(message);
}

static uint64_t delay_us(const struct node_in_sim *node)
{
    if (node->slow)
        return sim_below(1500 * MS);
    return sim_chance(10) ? sim_below(200 * MS) : sim_below(3 * MS);
}

static void answer_give(struct message *message, bool answered, enum status status)
{
    if (!answered)
        message->status = status;
    message->answered = true;
    sim_wake(message);
}

static bool reaches(const struct node_in_sim *node, const struct message *message)
{
    return message->life == net.life && !node->cut && !sim_chance(net.lost_of_thousand);
}

/* On its way there and back. */
static void message_deliver(void *arg)
{
    struct message *message = arg;
    struct node_in_sim *node = &net.nodes[message->index];
    sim_sleep_us(delay_us(node));
    if (reaches(node, message)) {
        bool answers = node->up && node_ask(node, message);
        sim_sleep_us(delay_us(node));
        if (!answers)
            answer_give(message, false, STATUS_UNAVAILABLE); /* its socket is closed */
        else if (reaches(node, message))
            answer_give(message, true, STATUS_OK);
    }
    message_drop(message);
}

/* The same request once more, later; nobody waits for the answer. */
static void message_repeat(void *arg)
{
    struct message *message = arg;
    struct node_in_sim *node = &net.nodes[message->index];
    sim_sleep_us(delay_us(node) + sim_below(sim_chance(300) ? 3000 * MS : 20 * MS));
    if (reaches(node, message) && node->up)
        node_ask(node, message);
    message_drop(message);
}

static struct message *message_create(unsigned index, enum ask ask, struct bytes body)
{
    struct message *message = mem_zalloc(sizeof(*message));
    *message = (struct message){.holders = 1, .index = index, .ask = ask, .life = net.life};
    buffer_init(&message->body, RECORDS_MAX);
    buffer_init(&message->answer, RECORDS_MAX);
    enum status status = buffer_append_bytes(&message->body, body);
    CHECK(status == STATUS_OK);
    return message;
}

static void message_repeat_some(const struct message *message)
{
    if (message->ask == ASK_FENCE || !sim_chance(net.lost_of_thousand * 2))
        return;
    struct message *again = message_create(message->index, message->ask, buffer_bytes(&message->body));
    again->page = message->page;
    sim_spawn(SIM_WORLD, SIM_THREAD, message_repeat, again);
}

/* Sends it and waits for the answer. */
static enum status message_send(struct message *message, struct buffer *answer, struct cluster_meta_state *state)
{
    struct node_in_sim *node = &net.nodes[message->index];
    uint64_t until_us = sim_now_us() + TIMEOUT_US;
    message->holders++;
    sim_spawn(SIM_WORLD, SIM_THREAD, message_deliver, message);
    message_repeat_some(message);
    while (!message->answered && sim_wait(message, until_us))
        ;
    enum status status = message->answered ? message->status : STATUS_TIMEOUT;
    if (message->answered && message->status != STATUS_UNAVAILABLE)
        *state = message->state;
    if (message->answered && (message->state.full || status == STATUS_NO_SPACE))
        node->seems_full = true;
    if (!status && answer)
        status = buffer_append_bytes(answer, buffer_bytes(&message->answer));
    if (status == STATUS_TIMEOUT || status == STATUS_UNAVAILABLE)
        node->doubted_until_us = sim_now_us() + DOUBT_US;
    message_drop(message);
    return status;
}

enum status cluster_meta_state(struct cluster *cluster, unsigned index, struct cluster_meta_state *state)
{
    (void)cluster;
    return message_send(message_create(index, ASK_STATE, BYTES("")), NULL, state);
}

enum status cluster_meta_apply(struct cluster *cluster, unsigned index, struct bytes records,
                               struct cluster_meta_state *state)
{
    (void)cluster;
    return message_send(message_create(index, ASK_APPLY, records), NULL, state);
}

enum status cluster_meta_load(struct cluster *cluster, unsigned index, const struct cluster_meta_page *page,
                              struct bytes record, struct cluster_meta_state *state)
{
    struct message *message = message_create(index, ASK_LOAD, record);
    (void)cluster;
    message->page = *page;
    return message_send(message, NULL, state);
}

enum status cluster_meta_dump(struct cluster *cluster, unsigned index, struct bytes after, struct buffer *record,
                              struct cluster_meta_state *state)
{
    (void)cluster;
    return message_send(message_create(index, ASK_DUMP, after), record, state);
}

enum status cluster_meta_last(struct cluster *cluster, unsigned index, struct buffer *record,
                              struct cluster_meta_state *state)
{
    (void)cluster;
    return message_send(message_create(index, ASK_LAST, BYTES("")), record, state);
}

enum status cluster_meta_fence(struct cluster *cluster, unsigned index, uint32_t generation,
                               struct cluster_meta_state *state)
{
    struct message *message = message_create(index, ASK_FENCE, BYTES(""));
    (void)cluster;
    message->generation = generation;
    return message_send(message, NULL, state);
}

/* ---- what the gateway takes the nodes for ------------------------------------------------------------------------ */

struct cluster *nodes_create(void)
{
    for (unsigned i = 0; i < NODES; i++) {
        net.nodes[i].up = true;
        buffer_init(&net.nodes[i].last, RECORDS_MAX);
        buffer_init(&net.nodes[i].loading, RECORDS_MAX);
    }
    net.lost_of_thousand = 10;
    return (struct cluster *)&net;
}

unsigned cluster_node_count(const struct cluster *cluster)
{
    (void)cluster;
    return NODES;
}

void cluster_node_info(const struct cluster *cluster, unsigned index, struct cluster_node_info *info)
{
    (void)cluster;
    *info = (struct cluster_node_info){.number = index + 1};
}

static bool is_readable(unsigned index)
{
    return sim_now_us() >= net.nodes[index].doubted_until_us;
}

bool cluster_node_readable(const struct cluster *cluster, unsigned number)
{
    (void)cluster;
    return is_readable(number - 1);
}

/* As a health check found it, or an answer said since. */
static bool seems_full(unsigned index)
{
    struct node_in_sim *node = &net.nodes[index];
    if (sim_now_us() >= node->checked_us + CHECK_US) {
        node->checked_us = sim_now_us();
        node->seems_full = node->full;
    }
    return node->seems_full;
}

static bool takes_chunks(unsigned index)
{
    return is_readable(index) && !seems_full(index);
}

/* From a place that is drawn. */
unsigned cluster_carriers_choose(struct cluster *cluster, uint64_t among, uint8_t numbers[CHUNK_COPIES_MAX])
{
    unsigned count = 0, others = 0, from = (unsigned)sim_below(NODES);
    (void)cluster;
    for (unsigned i = 0; i < NODES; i++) {
        unsigned index = (from + i) % NODES;
        if (!takes_chunks(index))
            continue;
        if (!(among & UINT64_C(1) << index))
            others++;
        else if (count < CHUNK_COPIES)
            numbers[count++] = (uint8_t)(index + 1);
    }
    return count == CHUNK_COPIES || (count == CHUNK_COPIES_MIN && others == 0) ? count : 0;
}

bool cluster_carriers_enough(const struct cluster *cluster, uint64_t among)
{
    uint8_t numbers[CHUNK_COPIES_MAX];
    return cluster_carriers_choose((struct cluster *)(uintptr_t)cluster, among, numbers) > 0;
}

int cluster_carriers_stand_in(struct cluster *cluster, uint64_t among, uint64_t beside, bool hedge)
{
    (void)beside;
    (void)cluster;
    for (unsigned i = 0; i < NODES; i++)
        if (among & UINT64_C(1) << i && takes_chunks(i) && (!hedge || sim_chance(500)))
            return (int)i;
    return -1;
}

enum carrier_pace cluster_carrier_pace(struct cluster *cluster, unsigned index, uint64_t since_ms, uint64_t now_ms)
{
    (void)cluster;
    if (!is_readable(index))
        return CARRIER_DOWN;
    return now_ms - since_ms > 500 ? CARRIER_STALLED : now_ms - since_ms > 60 ? CARRIER_LATE : CARRIER_IN_TIME;
}

void cluster_carrier_answered(struct cluster *cluster, unsigned index, uint64_t us)
{
    (void)cluster, (void)index, (void)us;
}

void cluster_carrier_replaced(struct cluster *cluster, unsigned index)
{
    (void)cluster, (void)index;
}

void cluster_carried_missing(struct cluster *cluster, unsigned number, const struct carried_block *block)
{
    (void)cluster, (void)number, (void)block;
}

void cluster_carried_discard(struct cluster *cluster, uint64_t nodes, const struct carried_block *block)
{
    (void)cluster, (void)nodes, (void)block;
}

void cluster_carried_safe(struct cluster *cluster, double seconds, bool degraded)
{
    (void)cluster, (void)seconds, (void)degraded;
}
