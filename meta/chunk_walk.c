/* Reading the chunk rows themselves, for jobs that compare them with what the nodes hold; see meta.h. A walk keeps no
 * position here: its caller names the id behind which to go on, so that it may end and begin where it likes. */
#include "meta/chunk_rows.h"
#include "meta/internal.h"

#include <string.h>

#include "base/log.h"

struct chunk_walk {
    struct meta *meta;
    const struct chunk_id *id; /* to be read, or behind which to go on */
    size_t max, count;
    struct meta_chunk *chunks;
    enum status status;
};

static void meta_chunk_fill(const struct chunk_record *record, const struct chunk_id *id, struct meta_chunk *chunk)
{
    chunk_record_ref_all(record, id, &chunk->ref);
    chunk->bad = record->bad;
    chunk->unwanted = record->queued == CHUNK_UNWANTED;
}

static void chunk_get_run(void *arg)
{
    struct chunk_walk *get = arg;
    struct store_view view = meta_view(get->meta);
    struct chunk_record record;

    get->status = chunk_row_get(&view, get->id, &record);
    if (!get->status)
        meta_chunk_fill(&record, get->id, get->chunks);
}

enum status meta_chunk_get(struct meta *meta, const struct chunk_id *id, struct meta_chunk *chunk)
{
    struct chunk_walk get = {.meta = meta, .id = id, .chunks = chunk};
    pool_run(meta->pool, chunk_get_run, &get);
    return damage_of_row(get.status, "read a chunk's row");
}

/* The row under the iterator; the one that the walk goes on behind is left out. */
static enum status chunk_walk_add(struct chunk_walk *walk, const struct store_iterator *it)
{
    struct bytes key = store_iterator_key(it);
    struct chunk_record record;
    struct chunk_id id;

    if (key.len != CHUNK_ID_LEN)
        return STATUS_CORRUPT;
    memcpy(id.bytes, key.data, CHUNK_ID_LEN);
    if (walk->id && memcmp(&id, walk->id, sizeof(id)) == 0)
        return STATUS_OK;
    enum status status = chunk_record_decode(store_iterator_value(it), &record);
    if (!status)
        meta_chunk_fill(&record, &id, &walk->chunks[walk->count++]);
    return status;
}

static void chunk_walk_run(void *arg)
{
    static const struct chunk_id first;
    struct chunk_walk *walk = arg;
    struct store_view view = meta_view(walk->meta);
    struct row_key lower, upper = {.len = CHUNK_ID_LEN + 1};
    struct store_iterator it;

    memset(upper.data, 0xff, upper.len);
    row_key_chunk(&lower, walk->id ? walk->id : &first);
    store_iterator_open(&it, &view, STORE_CHUNKS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); store_iterator_valid(&it) && walk->count < walk->max && !walk->status;
         store_iterator_next(&it))
        walk->status = chunk_walk_add(walk, &it);
    if (!walk->status)
        walk->status = store_iterator_status(&it);
    store_iterator_close(&it);
}

enum status meta_chunk_walk(struct meta *meta, const struct chunk_id *after, size_t max, struct meta_chunk *chunks,
                            size_t *count)
{
    struct chunk_walk walk = {.meta = meta, .id = after, .max = max, .chunks = chunks};
    pool_run(meta->pool, chunk_walk_run, &walk);
    walk.status = damage_of_row(walk.status, "walk the chunks' rows");
    *count = walk.count;
    if (walk.status)
        log_error("chunk rows cannot be walked", LOG_STATUS(walk.status));
    return walk.status;
}
