/* The registry of lookups and of versions that are being read; see the header. */
#include "meta/readers.h"

#include <assert.h>
#include <string.h>

#include "base/check.h"
#include "base/lock.h"

void reader_pin_chunk(struct reader_pin *pin, const struct packed_chunks *chunks, uint32_t index)
{
    struct chunk_id id;
    uint32_t size;

    static_assert(sizeof(id) == sizeof(*pin), "a chunk's id is a pin");
    packed_chunks_get(chunks, index, &id, &size);
    memcpy(pin, &id, sizeof(*pin));
}

void reader_pin_upload(struct reader_pin *pin, const struct upload_id *upload)
{
    static_assert(sizeof(*upload) == sizeof(*pin), "an upload's id is a pin");
    memcpy(pin, upload, sizeof(*pin));
}

bool reader_pin_version(struct reader_pin *pin, const struct version_record *record)
{
    if (record->multipart)
        reader_pin_upload(pin, &record->upload);
    else if (record->chunks.count > 0)
        reader_pin_chunk(pin, &record->chunks, 0);
    else
        return false;
    return true;
}

void reader_registry_init(struct reader_registry *registry)
{
    *registry = (struct reader_registry){0};
    pthread_mutex_init(&registry->lock, NULL);
}

void reader_registry_release(struct reader_registry *registry)
{
    CHECK(!registry->lookups);
    for (unsigned i = 0; i < READER_SLOTS; i++)
        CHECK(!registry->slots[i]);
    pthread_mutex_destroy(&registry->lock);
}

void lookup_begin(struct reader_registry *registry, struct lookup *lookup, uint64_t sequence)
{
    lookup->sequence = sequence;
    lock_acquire(&registry->lock);
    lookup->next = registry->lookups;
    lookup->back = &registry->lookups;
    if (lookup->next)
        lookup->next->back = &lookup->next;
    registry->lookups = lookup;
    lock_release(&registry->lock);
}

void lookup_end(struct reader_registry *registry, struct lookup *lookup)
{
    lock_acquire(&registry->lock);
    *lookup->back = lookup->next;
    if (lookup->next)
        lookup->next->back = lookup->back;
    lock_release(&registry->lock);
}

static struct reader **reader_slot(struct reader_registry *registry, const struct reader_pin *pin)
{
    return &registry->slots[pin->bytes[READER_PIN_BYTES - 1] % READER_SLOTS];
}

void reader_begin(struct reader_registry *registry, struct reader *reader, const struct version_record *record,
                  uint64_t sequence)
{
    *reader = (struct reader){.sequence = sequence};
    if (!reader_pin_version(&reader->pin, record))
        return;
    reader->registry = registry;
    lock_acquire(&registry->lock);
    struct reader **slot = reader_slot(registry, &reader->pin);
    reader->next = *slot;
    reader->back = slot;
    if (reader->next)
        reader->next->back = &reader->next;
    *slot = reader;
    lock_release(&registry->lock);
}

void reader_end(struct reader *reader)
{
    struct reader_registry *registry = reader->registry;

    if (!registry)
        return;
    lock_acquire(&registry->lock);
    *reader->back = reader->next;
    if (reader->next)
        reader->next->back = reader->back;
    lock_release(&registry->lock);
}

bool reader_registry_looks_up(struct reader_registry *registry, uint64_t queued_sequence)
{
    bool found = false;

    lock_acquire(&registry->lock);
    for (const struct lookup *lookup = registry->lookups; lookup && !found; lookup = lookup->next)
        found = lookup->sequence < queued_sequence;
    lock_release(&registry->lock);
    return found;
}

bool reader_registry_holds(struct reader_registry *registry, const struct reader_pin *pin, uint64_t queued_sequence)
{
    bool held = false;

    lock_acquire(&registry->lock);
    for (const struct reader *reader = *reader_slot(registry, pin); reader && !held; reader = reader->next)
        held = reader->sequence < queued_sequence && memcmp(&reader->pin, pin, sizeof(*pin)) == 0;
    lock_release(&registry->lock);
    return held;
}
