/* See the header. */
#include "base/check.h"
#include "gateway/replication/record_ring.h"

static const struct record_ring_record *ring_at(const struct record_ring *ring, uint64_t position)
{
    return &ring->records[position % RECORD_RING_RECORDS];
}

static void ring_drop(struct record_ring *ring)
{
    struct record_ring_record *oldest = &ring->records[ring->head % RECORD_RING_RECORDS];
    ring->bytes -= oldest->data.len;
    buffer_release(&oldest->data);
    ring->head++;
}

void record_ring_clear(struct record_ring *ring)
{
    while (ring->head < ring->tail)
        ring_drop(ring);
}

void record_ring_add(struct record_ring *ring, struct buffer *take_record, uint64_t first, uint64_t last)
{
    CHECK(first <= last);
    if (ring->tail > ring->head && ring_at(ring, ring->tail - 1)->last + 1 != first)
        record_ring_clear(ring);
    if (take_record->len == 0 || take_record->len > RECORD_RING_BYTES_MAX) {
        record_ring_clear(ring);
        buffer_release(take_record);
        return;
    }
    struct record_ring_record added = {.data = *take_record, .first = first, .last = last};
    struct carried_block block;
    struct bytes rest = buffer_bytes(&added.data);
    enum status status = carried_block_next(&rest, &block);
    CHECK(status == STATUS_OK || status == STATUS_NOT_FOUND);
    if (status == STATUS_OK) {
        added.carried = block.set;
        added.block_len = (size_t)(rest.data - added.data.data);
    }
    while (ring->tail - ring->head == RECORD_RING_RECORDS ||
           (ring->tail > ring->head && ring->bytes + take_record->len > RECORD_RING_BYTES_MAX))
        ring_drop(ring);
    ring->records[ring->tail % RECORD_RING_RECORDS] = added;
    ring->bytes += take_record->len;
    ring->tail++;
}

void record_ring_pass(struct record_ring *ring, uint64_t sequence)
{
    while (ring->head < ring->tail && ring->bytes > RECORD_RING_BYTES_KEPT &&
           ring_at(ring, ring->head)->last <= sequence)
        ring_drop(ring);
}

/* The position of the record that begins there; `tail` when there is none. */
static uint64_t ring_find(const struct record_ring *ring, uint64_t from)
{
    uint64_t low = ring->head, high = ring->tail;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (ring_at(ring, middle)->first < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ring->tail && ring_at(ring, low)->first == from ? low : ring->tail;
}

/* What is handed on of it; nothing: it is handed on later. */
static struct bytes record_part(const struct record_ring_record *record, const struct hand_on *rule)
{
    const struct carried_set *carried = record->carried.count ? &record->carried : NULL;
    enum hand_on_form form = rule ? hand_on_form(rule, carried, record->last) : HAND_ON_WHOLE;
    size_t left_out = form == HAND_ON_WHOLE ? 0 : form == HAND_ON_RECORD ? record->block_len : record->data.len;
    return bytes_of(record->data.data + left_out, record->data.len - left_out);
}

enum status record_ring_copy(const struct record_ring *ring, uint64_t from, size_t bytes_wanted,
                             const struct hand_on *rule, struct buffer *out)
{
    enum status status = STATUS_OK;
    uint64_t at = ring_find(ring, from);
    if (at == ring->tail)
        return STATUS_NOT_FOUND;
    for (; !status && at < ring->tail && out->len < bytes_wanted; at++) {
        struct bytes part = record_part(ring_at(ring, at), rule);
        if (part.len == 0)
            break;
        status = buffer_append_bytes(out, part);
    }
    return status;
}
