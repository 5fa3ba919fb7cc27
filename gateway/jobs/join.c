/* Joining what was appended in small pieces: many of them, each a chunk of its own, make an object slow to read and its
 * record long. Small ones that stand side by side are read, stored as one chunk, and replaced in one commit, if they
 * are still there (meta_object_join). The object stays the same for everybody, and who reads the pieces reads on: they
 * are freed like all garbage. While an object is being appended to, only what makes a large chunk is joined, so that
 * each byte is stored anew once; when nothing came for a while, the rest. It shares its bandwidth with repair, and does
 * one object after the other. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/jobs/background_job.h"
#include "gateway/object/encryption.h"
#include "gateway/object/ingest.h"
#include "gateway/object/join_hints.h"
#include "gateway/object/object_reader.h"

#define ROUND_MS     1000
#define QUIET_MS     60000 /* since the last append */
#define LARGE_PIECES 128   /* are joined while more comes, or fewer that make one which is small no more */

struct join {
    struct gateway *gateway;
    struct meta_bucket bucket;
    struct bytes key;
    struct meta_object object;
    struct meta_join run;
};

static enum status commit(void *arg, const struct chunk_list *chunks)
{
    const struct join *join = arg;

    return meta_object_join(join->gateway->meta, join->bucket.id, join->key, &join->run, chunks);
}

static enum status copy_bytes(struct join *join, const struct object_key *key, struct ingest *ingest)
{
    struct object_reader reader;
    struct bytes piece;
    enum status status =
        object_reader_open(&reader, join->gateway, &join->object, key, join->run.offset, join->run.size);

    while (!status) {
        status = object_reader_next(&reader, &piece);
        if (status || piece.len == 0)
            break;
        status = ingest_write(ingest, piece);
    }
    object_reader_release(&reader);
    return status;
}

/* What is sealed gets another stream, with an identity of its own: a stream is sealed once. */
static enum status store_as_one(struct join *join, const struct object_key *key)
{
    struct object_key own = *key;
    const struct ingest_plan plan = {.expected_size = join->run.size, .key = &own};
    struct ingest ingest;

    if (own.sealed)
        block_seal_id_create(&own.id);
    enum status status = ingest_open(&ingest, join->gateway, &plan);
    if (!status) {
        status = copy_bytes(join, key, &ingest);
        if (!status) {
            ingest_seal(&ingest);
            join->run.seal = ingest.seal;
            status = ingest_store(&ingest, commit, join);
        }
        ingest_release(&ingest);
    }
    explicit_bzero(&own, sizeof(own));
    return status;
}

static bool is_quiet(const struct meta_object *object)
{
    int64_t age_ms = clock_wall_ms() - object->modified_ms;

    return age_ms >= QUIET_MS || age_ms < -QUIET_MS;
}

/* One run of the object as it is now. *again: there may be more of them; *later: there are pieces that more may join.
 */
static enum status join_run(struct background *background, struct join *join, bool *again, bool *later)
{
    const struct encryption_place place = {bytes_from_str(join->bucket.name), join->key};
    static const struct meta_version latest;
    struct object_key key;

    *again = *later = false;
    enum status status = meta_object_get(join->gateway->meta, join->bucket.id, join->key, &latest, &join->object);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    bool quiet = is_quiet(&join->object);
    if (!meta_object_joinable(&join->object, META_PIECE_SMALL, quiet ? JOIN_PIECES_MIN : LARGE_PIECES, &join->run)) {
        *later = !quiet;
        goto out;
    }
    status = encryption_open_kept(join->gateway->keys, join->object.attributes, &place, &key);
    if (status == STATUS_DENIED) { /* a client has the key: its pieces stay as they are */
        status = STATUS_OK;
        goto out;
    }
    if (!status) {
        background_pause(background, bandwidth_take(&join->gateway->bandwidth, join->run.size));
        status = store_as_one(join, &key);
    }
    explicit_bzero(&key, sizeof(key));
    *again = status == STATUS_OK || status == STATUS_CONFLICT;
    if (status == STATUS_CONFLICT ||
        status == STATUS_LIMIT) /* another object by now; chunks are as small as that here */
        status = STATUS_OK;
out:
    meta_object_release(&join->object);
    return status;
}

static void count_joined(uint64_t bytes)
{
    metric_counter_add(metric_counter_get("tercet_append_joined_bytes_total",
                                          "Bytes of appended pieces that were joined in the background.", ""),
                       bytes);
}

/* Whether the hint is done with. What fails for another reason than that something is away would fail again: who reads
 * or appends next may note it anew. */
static bool join_object(struct background *background, const struct join_hint *hint)
{
    struct join join = {.gateway = background->gateway, .key = hint->key};
    bool again = true, later = false;
    enum status status = meta_bucket_get(join.gateway->meta, bytes_from_str(hint->bucket), &join.bucket);

    if (status)
        return true;
    while (again && !status && !background_is_stopping(background)) {
        status = join_run(background, &join, &again, &later);
        if (again && !status)
            count_joined(join.run.size);
    }
    if (status)
        log_warn("appended pieces cannot be joined now", LOG_STR("bucket", hint->bucket), LOG_BYTES("key", hint->key),
                 LOG_STATUS(status));
    return status != STATUS_UNAVAILABLE && !later;
}

static uint64_t join_round(struct job *job)
{
    struct background *background = job->background;
    struct join_hints *hints = background->gateway->join_hints;
    struct join_hint **taken = mem_alloc(JOIN_HINTS_MAX * sizeof(*taken));
    size_t count = join_hints_take(hints, taken);

    for (size_t i = 0; i < count; i++) {
        if (!background_is_stopping(background) && !join_object(background, taken[i]))
            join_hints_add(hints, bytes_from_str(taken[i]->bucket), taken[i]->key);
        free(taken[i]);
    }
    free(taken);
    return ROUND_MS;
}

static void join_register_metrics(struct background *background)
{
    (void)background;
    count_joined(0);
}

const struct job_kind join_job = {.name = "join", .register_metrics = join_register_metrics, .round = join_round};
