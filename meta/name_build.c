/* Making the rows of `names` in a database of a build that did not keep them: once, when it is opened. Each batch is a
 * change like any other, so the replicas get it; the last one says that all are there. When that is cut, the next start
 * begins anew and writes the same. */
#include "meta/name.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "meta/internal.h"

#define BATCH_BYTES (1u << 20)

struct names_build {
    struct meta *meta;
    struct store_batch *batch;
    struct buffer value;
    uint32_t bucket;
    struct row_key key; /* of the name's row, with the bucket */
    struct name_record name;
    uint64_t names;
};

static enum status build_write(struct names_build *build)
{
    struct history *history = &build->meta->history;
    history_prepare(history, build->batch);
    enum status status = history_append(history, build->batch, history_last(history));
    if (!status)
        status = store_sync(build->meta->db);
    store_batch_free(build->batch);
    build->batch = store_batch_create(build->meta->db);
    return status;
}

static void build_put(struct names_build *build, const struct row_key *key)
{
    store_batch_put(build->batch, STORE_NAMES, row_key_bytes(key), buffer_bytes(&build->value));
}

/* The name is complete. */
static enum status build_end_name(struct names_build *build)
{
    if (build->name.versions == 0)
        return STATUS_OK;
    buffer_clear(&build->value);
    name_record_encode(&build->value, &build->name);
    build_put(build, &build->key);
    build->name = (struct name_record){0};
    build->names++;
    return store_batch_bytes(build->batch) < BATCH_BYTES ? STATUS_OK : build_write(build);
}

/* Versions of a key come newest first. */
static enum status build_add(struct names_build *build, struct bytes row, struct bytes record)
{
    struct version_head head;
    struct row_key row_key;
    struct bytes key;
    uint64_t sequence;

    enum status status = row_key_version_parse(row, &key, &sequence);
    if (!status)
        status = version_record_decode_head(record, &head);
    if (status)
        return status;
    row_key_current(&row_key, build->bucket, key);
    if (build->name.versions > 0 && !bytes_equal(row_key_bytes(&row_key), row_key_bytes(&build->key)))
        status = build_end_name(build);
    if (status)
        return status;
    if (build->name.versions++ == 0) {
        build->key = row_key;
        build->name.number = head.number;
        build->name.latest = sequence;
    }
    build->name.oldest = sequence;
    buffer_clear(&build->value);
    number_record_encode(&build->value, sequence);
    row_key_number(&row_key, build->bucket, key, head.number);
    build_put(build, &row_key);
    return store_batch_bytes(build->batch) < BATCH_BYTES ? STATUS_OK : build_write(build);
}

static enum status build_bucket(struct names_build *build)
{
    const struct store_view view = {.db = build->meta->db};
    struct row_key lower, upper;
    struct store_iterator it;
    enum status status = STATUS_OK;

    row_key_prefix(&lower, build->bucket, BYTES(""));
    upper = lower;
    row_key_step_over(&upper);
    store_iterator_open(&it, &view, STORE_VERSIONS, row_key_bytes(&lower), row_key_bytes(&upper));
    for (store_iterator_first(&it); !status && store_iterator_valid(&it); store_iterator_next(&it))
        status = build_add(build, store_iterator_key(&it), store_iterator_value(&it));
    if (!status)
        status = store_iterator_status(&it);
    store_iterator_close(&it);
    return status ? status : build_end_name(build);
}

enum status names_build(struct meta *meta, struct state_record *state)
{
    struct names_build build = {.meta = meta, .batch = store_batch_create(meta->db)};
    struct meta_bucket *buckets;
    size_t count;
    enum status status = STATUS_OK;

    record_buffer_init(&build.value);
    bucket_table_list(&meta->buckets, &buckets, &count);
    for (size_t i = 0; i < count && !status; i++) {
        build.bucket = buckets[i].id;
        if (buckets[i].versioned)
            status = build_bucket(&build);
    }
    free(buckets);
    if (!status) {
        state->has_names = true;
        buffer_clear(&build.value);
        state_record_encode(&build.value, state);
        store_batch_put(build.batch, STORE_DEFAULT, STATE_KEY, buffer_bytes(&build.value));
        status = build_write(&build);
    }
    buffer_release(&build.value);
    store_batch_free(build.batch);
    if (status)
        log_error("metadata of an earlier build cannot be taken over", LOG_STATUS(status));
    else
        log_info("metadata of an earlier build were taken over", LOG_INT("names", build.names));
    return status;
}
