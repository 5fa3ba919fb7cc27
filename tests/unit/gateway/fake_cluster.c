/* Nodes as shelves of copies, each sorted by id; see the header. One lock guards them all. */
#include "tests/unit/gateway/fake_cluster_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

/* ---- shelves, under the lock ------------------------------------------------------------------------------------- */

/* Where the copy is, or would be. */
static size_t shelf_place(const struct fake_shelf *shelf, const struct chunk_id *id)
{
    size_t place = 0;

    while (place < shelf->count && memcmp(&shelf->copies[place].id, id, sizeof(*id)) < 0)
        place++;
    return place;
}

struct fake_copy *fake_shelf_find(const struct fake_shelf *shelf, const struct chunk_id *id)
{
    size_t place = shelf_place(shelf, id);

    return place < shelf->count && memcmp(&shelf->copies[place].id, id, sizeof(*id)) == 0 ? &shelf->copies[place]
                                                                                          : NULL;
}

void fake_shelf_put(struct fake_shelf *shelf, const struct fake_copy *copy)
{
    size_t place = shelf_place(shelf, &copy->id);

    CHECK(fake_shelf_find(shelf, &copy->id) == NULL);
    if (shelf->count == shelf->capacity) {
        shelf->capacity = shelf->capacity ? 2 * shelf->capacity : 16;
        shelf->copies = mem_realloc(shelf->copies, shelf->capacity * sizeof(*shelf->copies));
    }
    memmove(shelf->copies + place + 1, shelf->copies + place, (shelf->count - place) * sizeof(*shelf->copies));
    shelf->copies[place] = *copy;
    shelf->count++;
}

/* False: it was not there. The data go to the caller. */
bool fake_shelf_take(struct fake_shelf *shelf, const struct chunk_id *id, struct fake_copy *taken)
{
    struct fake_copy *copy = fake_shelf_find(shelf, id);

    if (copy == NULL)
        return false;
    *taken = *copy;
    memmove(copy, copy + 1, (size_t)(shelf->copies + --shelf->count - copy) * sizeof(*copy));
    return true;
}

void fake_shelf_remove(struct fake_shelf *shelf, const struct chunk_id *id)
{
    struct fake_copy taken;

    if (fake_shelf_take(shelf, id, &taken))
        free(taken.data);
}

static void shelf_release(struct fake_shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++)
        free(shelf->copies[i].data);
    free(shelf->copies);
}

size_t fake_shelf_list(const struct fake_shelf *shelf, const struct chunk_id *after, size_t capacity,
                       struct cluster_copy *copies)
{
    size_t count = 0;

    for (size_t i = 0; i < shelf->count && count < capacity; i++) {
        const struct fake_copy *copy = &shelf->copies[i];
        if (after == NULL || memcmp(&copy->id, after, sizeof(*after)) > 0)
            copies[count++] = (struct cluster_copy){copy->id, copy->size, copy->crc32c, copy->stored_ms};
    }
    return count;
}

/* ---- the test's side --------------------------------------------------------------------------------------------- */

static struct node *node_of(const struct cluster *cluster, unsigned number)
{
    CHECK(number >= 1 && number <= cluster->count);
    return (struct node *)&cluster->nodes[number - 1];
}

void fake_lock(const struct cluster *cluster)
{
    pthread_mutex_lock((pthread_mutex_t *)&cluster->lock);
}

void fake_unlock(const struct cluster *cluster)
{
    pthread_mutex_unlock((pthread_mutex_t *)&cluster->lock);
}

struct cluster *fake_cluster_create(unsigned count, uint64_t chunk_bytes)
{
    struct cluster *cluster = mem_zalloc(sizeof(*cluster) + count * sizeof(cluster->nodes[0]));

    pthread_mutex_init(&cluster->lock, NULL);
    cluster->count = count;
    cluster->chunk_bytes = chunk_bytes;
    return cluster;
}

void cluster_free(struct cluster *cluster)
{
    CHECK(cluster->live_count == 0);
    for (unsigned i = 0; i < cluster->count; i++) {
        shelf_release(&cluster->nodes[i].store);
        shelf_release(&cluster->nodes[i].trash);
    }
    pthread_mutex_destroy(&cluster->lock);
    free(cluster);
}

struct fake_shelf *fake_store(struct cluster *cluster, unsigned number)
{
    return &node_of(cluster, number)->store;
}

struct fake_shelf *fake_trash(struct cluster *cluster, unsigned number)
{
    return &node_of(cluster, number)->trash;
}

struct fake_node *fake_node(struct cluster *cluster, unsigned number)
{
    return &node_of(cluster, number)->fake;
}

void fake_node_slow(struct cluster *cluster, unsigned number, unsigned latency_ms)
{
    for (unsigned call = 0; call < FAKE_CALLS; call++)
        fake_node(cluster, number)->latency_ms[call] = latency_ms;
}

void fake_cluster_down(struct cluster *cluster, unsigned number, bool down)
{
    struct node *node = node_of(cluster, number);

    fake_lock(cluster);
    node->fake.down = down;
    node->down_since_ms = down ? clock_monotonic_ms() : 0;
    node->changes++;
    node->awaits_comparison = !down && cluster->bars_returning;
    fake_unlock(cluster);
}

void fake_cluster_changed(struct cluster *cluster, unsigned number)
{
    struct node *node = node_of(cluster, number);

    fake_lock(cluster);
    node->changes++;
    node->awaits_comparison = cluster->bars_returning;
    fake_unlock(cluster);
}

static void put(struct cluster *cluster, struct fake_shelf *shelf, const struct chunk_ref *ref, int64_t stored_ms)
{
    fake_lock(cluster);
    fake_shelf_put(
        shelf, &(struct fake_copy){.id = ref->id, .size = ref->size, .crc32c = ref->crc32c, .stored_ms = stored_ms});
    fake_unlock(cluster);
}

void fake_copy_put(struct cluster *cluster, unsigned number, const struct chunk_ref *ref, int64_t stored_ms)
{
    put(cluster, &node_of(cluster, number)->store, ref, stored_ms);
}

void fake_copy_put_trash(struct cluster *cluster, unsigned number, const struct chunk_ref *ref, int64_t stored_ms)
{
    put(cluster, &node_of(cluster, number)->trash, ref, stored_ms);
}

void fake_copy_lose(struct cluster *cluster, unsigned number, const struct chunk_id *id)
{
    fake_lock(cluster);
    fake_shelf_remove(&node_of(cluster, number)->store, id);
    fake_unlock(cluster);
}

void fake_copy_damage(struct cluster *cluster, unsigned number, const struct chunk_id *id)
{
    fake_lock(cluster);
    struct fake_copy *copy = fake_shelf_find(&node_of(cluster, number)->store, id);
    CHECK(copy != NULL);
    copy->damaged = true;
    fake_unlock(cluster);
}

static bool is_there(struct cluster *cluster, const struct fake_shelf *shelf, const struct chunk_id *id)
{
    fake_lock(cluster);
    bool there = fake_shelf_find(shelf, id) != NULL;
    fake_unlock(cluster);
    return there;
}

bool fake_copy_is_there(struct cluster *cluster, unsigned number, const struct chunk_id *id)
{
    return is_there(cluster, &node_of(cluster, number)->store, id);
}

bool fake_copy_is_in_trash(struct cluster *cluster, unsigned number, const struct chunk_id *id)
{
    return is_there(cluster, &node_of(cluster, number)->trash, id);
}

size_t fake_copy_count(struct cluster *cluster, unsigned number)
{
    fake_lock(cluster);
    size_t count = node_of(cluster, number)->store.count;
    fake_unlock(cluster);
    return count;
}

size_t fake_copy_total(struct cluster *cluster)
{
    size_t total = 0;

    for (unsigned i = 1; i <= cluster->count; i++)
        total += fake_copy_count(cluster, i);
    return total;
}

/* ---- the nodes as they are known --------------------------------------------------------------------------------- */

static bool is_writable(const struct node *node)
{
    return !node->fake.down && !node->awaits_comparison && !node->fake.full && !node->fake.read_only;
}

static unsigned count_nodes(const struct cluster *cluster, bool (*is)(const struct node *node))
{
    unsigned count = 0;

    fake_lock(cluster);
    for (unsigned i = 0; i < cluster->count; i++)
        count += is(&cluster->nodes[i]);
    fake_unlock(cluster);
    return count;
}

static bool is_healthy(const struct node *node)
{
    return !node->fake.down && !node->awaits_comparison;
}

static bool is_full(const struct node *node)
{
    return is_healthy(node) && node->fake.full;
}

unsigned cluster_node_count(const struct cluster *cluster)
{
    return cluster->count;
}

void cluster_node_info(const struct cluster *cluster, unsigned index, struct cluster_node_info *info)
{
    const struct node *node = &cluster->nodes[index];

    fake_lock(cluster);
    *info = (struct cluster_node_info){
        .number = index + 1,
        .healthy = is_healthy(node),
        .writable = is_writable(node),
        .full = node->fake.full,
        .read_only = node->fake.read_only,
        .chunks = node->store.count,
        .total_bytes = 1u << 30,
        .free_bytes = 1u << 29,
        .changes = node->changes,
        .down_since_ms = node->down_since_ms,
        .awaits_comparison = node->awaits_comparison,
    };
    fake_unlock(cluster);
    snprintf(info->address, sizeof(info->address), "fake-%u:1", index + 1);
    snprintf(info->server_id, sizeof(info->server_id), "fake-%u", index + 1);
}

unsigned cluster_writable_count(const struct cluster *cluster)
{
    return count_nodes(cluster, is_writable);
}

unsigned cluster_healthy_count(const struct cluster *cluster)
{
    return count_nodes(cluster, is_healthy);
}

enum status fake_too_few(const struct cluster *cluster, unsigned there)
{
    return there + count_nodes(cluster, is_full) >= CHUNK_COPIES_MIN ? STATUS_NO_SPACE : STATUS_UNAVAILABLE;
}

bool cluster_has_node(const struct cluster *cluster, unsigned number)
{
    return number >= 1 && number <= cluster->count;
}

bool cluster_node_readable(const struct cluster *cluster, unsigned number)
{
    return cluster_has_node(cluster, number) && !node_of(cluster, number)->fake.down;
}

void cluster_set_draining(struct cluster *cluster, unsigned number, bool draining)
{
    if (cluster_has_node(cluster, number))
        atomic_store(&node_of(cluster, number)->fake.draining, draining);
}

unsigned cluster_zone(const struct cluster *cluster, unsigned number)
{
    return cluster_has_node(cluster, number) ? number - 1 : CLUSTER_NODES_MAX - 1;
}

uint64_t cluster_placed_beside(const struct cluster *cluster)
{
    (void)cluster;
    return 0;
}

bool cluster_node_is_draining(const struct cluster *cluster, unsigned number)
{
    return cluster_has_node(cluster, number) && atomic_load(&node_of(cluster, number)->fake.draining);
}

bool cluster_node_writable(const struct cluster *cluster, unsigned number)
{
    if (!cluster_has_node(cluster, number))
        return false;
    fake_lock(cluster);
    bool writable = is_writable(node_of(cluster, number));
    fake_unlock(cluster);
    return writable;
}

void fake_cluster_set_clocks(struct cluster *cluster, int64_t ahead_ms)
{
    fake_lock(cluster);
    cluster->clocks_ahead_ms = ahead_ms;
    fake_unlock(cluster);
}

bool cluster_clocks(const struct cluster *cluster, int64_t *earliest_ms, int64_t *latest_ms)
{
    fake_lock(cluster);
    *earliest_ms = *latest_ms = clock_wall_ms() + cluster->clocks_ahead_ms;
    fake_unlock(cluster);
    return cluster_healthy_count(cluster) > 0;
}

void cluster_on_damage(struct cluster *cluster, cluster_damage_fn fn, void *arg)
{
    cluster->on_damage = fn;
    cluster->damage_arg = arg;
}

void cluster_guard_discards(struct cluster *cluster, const struct cluster_discard_guard *guard)
{
    (void)cluster, (void)guard; /* nothing is discarded in the background here */
}

void cluster_compare_returning(struct cluster *cluster)
{
    fake_lock(cluster);
    cluster->bars_returning = true;
    fake_unlock(cluster);
}

void cluster_node_admit(struct cluster *cluster, unsigned number, uint64_t changes)
{
    struct node *node = node_of(cluster, number);

    fake_lock(cluster);
    if (node->changes == changes)
        node->awaits_comparison = false;
    fake_unlock(cluster);
}

static bool holds(const struct chunk_ref *ref, unsigned number)
{
    return memchr(ref->nodes, (int)number, ref->copies) != NULL;
}

unsigned cluster_pick_target(struct cluster *cluster, const struct chunk_ref *ref)
{
    for (unsigned number = cluster->count; number > 0; number--)
        if (!holds(ref, number) && cluster_node_writable(cluster, number))
            return number;
    return 0;
}
