/* See the header. */
#include "gateway/meta_ring.h"

static const struct meta_ring_record *ring_at(const struct meta_ring *ring, uint64_t position)
{
    return &ring->records[position % META_RING_RECORDS];
}

static void ring_drop(struct meta_ring *ring)
{
    struct meta_ring_record *oldest = &ring->records[ring->head % META_RING_RECORDS];
    ring->bytes -= oldest->data.len;
    buffer_release(&oldest->data);
    ring->head++;
}

void meta_ring_clear(struct meta_ring *ring)
{
    while (ring->head < ring->tail)
        ring_drop(ring);
}

void meta_ring_add(struct meta_ring *ring, struct buffer *take_record, uint64_t first, uint64_t last)
{
    if (ring->tail > ring->head && ring_at(ring, ring->tail - 1)->last + 1 != first)
        meta_ring_clear(ring);
    if (take_record->len == 0 || take_record->len > META_RING_BYTES_MAX) {
        meta_ring_clear(ring);
        buffer_release(take_record);
        return;
    }
    while (ring->tail - ring->head == META_RING_RECORDS ||
           (ring->tail > ring->head && ring->bytes + take_record->len > META_RING_BYTES_MAX))
        ring_drop(ring);
    ring->records[ring->tail % META_RING_RECORDS] = (struct meta_ring_record){*take_record, first, last};
    ring->bytes += take_record->len;
    ring->tail++;
}

enum status meta_ring_copy(const struct meta_ring *ring, uint64_t from, size_t bytes_wanted, struct buffer *out)
{
    uint64_t low = ring->head, high = ring->tail;
    enum status status = STATUS_OK;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (ring_at(ring, middle)->first < from)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == ring->tail || ring_at(ring, low)->first != from)
        return STATUS_NOT_FOUND;
    for (; !status && low < ring->tail && out->len < bytes_wanted; low++)
        status = buffer_append_bytes(out, buffer_bytes(&ring_at(ring, low)->data));
    return status;
}
