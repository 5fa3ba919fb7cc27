/* Taking bytes in; see the header. A piece is on its way to the nodes while it is hashed, and the next one is received
 * meanwhile: nothing is kept of an upload before the hashes are compared, and they are final at its end. The window
 * keeps a piece until the next one is committed, which waits for the hashes. Small pieces are hashed in place: the
 * hand-over to the pool costs more than the hash of a few KiB. What is sealed is hashed before: its plain bytes are
 * kept in sealing.c's blocks, as long as the window would keep them. */
#include "gateway/object/ingest.h"

#include <string.h>

#include "gateway/object/sealing.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/replication/replication.h"
#include "meta/annotations.h"

#define HASH_IN_PLACE_BYTES 16384

/* SHA digests take as long as MD5 or longer, so another worker has them; what costs little is done beside. */
static bool has_digest(const struct ingest *ingest)
{
    return checksum_is_digest(ingest->checksum.algorithm);
}

static bool has_digests(const struct ingest *ingest)
{
    return ingest->wants_sha256 || has_digest(ingest);
}

static void digest(struct ingest *ingest, const char *data, size_t len)
{
    if (ingest->wants_sha256)
        digest_update(&ingest->sha256, data, len);
    if (has_digest(ingest))
        checksum_state_update(&ingest->checksum, data, len);
}

static void digest_run(void *arg)
{
    struct ingest *ingest = arg;

    digest(ingest, ingest->digest_data.data, ingest->digest_data.len);
    completion_signal(&ingest->digested);
}

static void sum_beside(void *arg, const void *data, size_t len)
{
    struct ingest *ingest = arg;

    if (!has_digest(ingest))
        checksum_state_update(&ingest->checksum, data, len);
    checksum_state_update(&ingest->also, data, len);
}

static void hash_in_place(struct ingest *ingest, const char *data, size_t len)
{
    md5_update(&ingest->md5, data, len);
    sum_beside(ingest, data, len);
    digest(ingest, data, len);
}

static void hash_begin(struct ingest *ingest, const char *data, size_t len)
{
    bool beside =
        (ingest->checksum.algorithm != CHECKSUM_NONE && !has_digest(ingest)) || ingest->also.algorithm != CHECKSUM_NONE;

    ingest->hashing = true;
    ingest->piece = (struct md5_piece){
        .md5 = &ingest->md5, .data = data, .len = len, .beside = beside ? sum_beside : NULL, .arg = ingest};
    md5_queue_add(ingest->gateway->md5_queue, &ingest->piece);
    if (has_digests(ingest)) {
        ingest->digest_data = bytes_of(data, len);
        completion_init(&ingest->digested);
        pool_submit(ingest->gateway->pool, digest_run, ingest);
    }
}

static void hash_wait(struct ingest *ingest)
{
    if (!ingest->hashing)
        return;
    md5_piece_wait(&ingest->piece);
    if (has_digests(ingest))
        completion_wait(&ingest->digested);
    ingest->hashing = false;
}

enum status ingest_open(struct ingest *ingest, struct gateway *gateway, const struct ingest_plan *plan)
{
    bool sealed = plan->key && plan->key->sealed;

    *ingest = (struct ingest){
        .gateway = gateway, .wants_sha256 = plan->sha256, .md5_is_checksum = plan->algorithm == CHECKSUM_MD5};
    enum status status =
        stream_writer_open(gateway->cluster, block_seal_stored_size(plan->expected_size, sealed), &ingest->writer);
    if (status) {
        ingest->gateway = NULL;
        return status;
    }
    if (gateway->options.small_max && !plan->never_carried && gateway->replication &&
        replication_carries(gateway->replication))
        stream_writer_hold(ingest->writer, gateway->options.small_max);
    md5_init(&ingest->md5);
    if (ingest->wants_sha256)
        digest_init(&ingest->sha256, DIGEST_SHA256);
    checksum_state_init(&ingest->checksum, ingest->md5_is_checksum ? CHECKSUM_NONE : plan->algorithm);
    checksum_state_init(&ingest->also, plan->also);
    if (sealed) {
        ingest->sealing = sealing_create(ingest->writer, plan->key, plan->expected_size);
        ingest->seal = plan->key->id;
        ingest->hides_md5 = plan->key->hides_md5;
    }
    return STATUS_OK;
}

enum status ingest_space(struct ingest *ingest, char **space, size_t *capacity)
{
    if (ingest->filled == ingest->capacity) {
        ingest->filled = ingest->capacity = 0;
        enum status status = STATUS_OK;
        if (ingest->sealing)
            status = sealing_space(ingest->sealing, &ingest->space, &ingest->capacity);
        else
            status = stream_writer_space(ingest->writer, &ingest->space, &ingest->capacity);
        if (status)
            return status;
    }
    *space = ingest->space + ingest->filled;
    *capacity = ingest->capacity - ingest->filled;
    return STATUS_OK;
}

static void flush(struct ingest *ingest)
{
    if (ingest->filled == 0)
        return;
    const char *data = ingest->space + ingest->unhashed;
    size_t len = ingest->filled - ingest->unhashed;
    hash_wait(ingest);
    ingest->unhashed = 0;
    if (len <= HASH_IN_PLACE_BYTES)
        hash_in_place(ingest, data, len);
    else
        hash_begin(ingest, data, len);
    if (ingest->sealing)
        sealing_commit(ingest->sealing, ingest->filled);
    else
        stream_writer_commit(ingest->writer, ingest->filled);
    ingest->filled = ingest->capacity = 0;
}

enum status ingest_begin_with(struct ingest *ingest, struct bytes data)
{
    while (data.len > 0) {
        char *space;
        size_t capacity;
        enum status status = ingest_space(ingest, &space, &capacity);
        if (status)
            return status;
        size_t len = data.len < capacity ? data.len : capacity;
        memcpy(space, data.data, len);
        ingest->filled += len;
        ingest->unhashed = ingest->filled;
        if (ingest->filled == ingest->capacity)
            flush(ingest);
        data = bytes_of(data.data + len, data.len - len);
    }
    return STATUS_OK;
}

void ingest_commit(struct ingest *ingest, size_t len)
{
    ingest->filled += len;
    ingest->size += len;
    if (ingest->filled == ingest->capacity)
        flush(ingest);
}

enum status ingest_write(struct ingest *ingest, struct bytes data)
{
    while (data.len > 0) {
        char *space;
        size_t capacity;
        enum status status = ingest_space(ingest, &space, &capacity);
        if (status)
            return status;
        size_t len = data.len < capacity ? data.len : capacity;
        memcpy(space, data.data, len);
        ingest_commit(ingest, len);
        data = bytes_of(data.data + len, data.len - len);
    }
    return STATUS_OK;
}

void ingest_seal(struct ingest *ingest)
{
    flush(ingest);
    if (ingest->sealing)
        sealing_end(ingest->sealing);
    hash_wait(ingest);
    md5_final(&ingest->md5, ingest->md5_value);
    if (ingest->wants_sha256)
        digest_final(&ingest->sha256, ingest->sha256_value);
    checksum_state_final(&ingest->checksum, &ingest->checksum_value);
    checksum_state_final(&ingest->also, &ingest->also_value);
    if (ingest->md5_is_checksum) {
        ingest->checksum_value =
            (struct checksum_value){.algorithm = CHECKSUM_MD5, .full_object = true, .len = MD5_LEN};
        memcpy(ingest->checksum_value.value, ingest->md5_value, MD5_LEN);
    }
}

/* In the background, best effort. What an uncertain commit may have recorded is kept. */
static void discard(struct ingest *ingest, enum status commit, const struct chunk_list *chunks)
{
    if (commit != STATUS_OK && commit != STATUS_UNCERTAIN)
        cluster_discard(ingest->gateway->cluster, chunks);
}

static enum status store_durable(struct ingest *ingest, ingest_commit_fn commit, void *arg)
{
    struct chunk_list chunks = {0};
    enum status status = stream_writer_finish(ingest->writer, &chunks);
    if (!status) {
        status = commit(arg, &chunks);
        discard(ingest, status, &chunks);
    }
    chunk_list_release(&chunks);
    return status;
}

/* Nothing is to be taken back of a chunk that was carried: no node has it before its record. */
static enum status store_carried(const struct chunk_ref *ref, const char *bytes, ingest_commit_fn commit, void *arg)
{
    struct chunk_list chunks = {.carried = bytes};
    chunk_list_append(&chunks, ref);
    enum status status = commit(arg, &chunks);
    chunk_list_release(&chunks);
    return status;
}

enum status ingest_store(struct ingest *ingest, ingest_commit_fn commit, void *arg)
{
    struct chunk_ref ref;
    const char *bytes;
    if (!stream_writer_carry(ingest->writer, &ref, &bytes))
        return store_durable(ingest, commit, arg);
    enum status status = store_carried(&ref, bytes, commit, arg);
    if (status == STATUS_UNAVAILABLE && replication_wait(ingest->gateway->replication, 0))
        status = store_durable(ingest, commit, arg);
    return status;
}

void ingest_etag(const struct ingest *ingest, uint8_t etag[MD5_LEN])
{
    if (ingest->hides_md5)
        random_bytes(etag, MD5_LEN);
    else
        memcpy(etag, ingest->md5_value, MD5_LEN);
}

struct publication {
    struct ingest *ingest;
    const struct ingest_version *version;
    struct meta_object *object;
};

static enum status publish(void *arg, const struct chunk_list *chunks)
{
    const struct publication *publication = arg;
    const struct ingest_version *version = publication->version;
    return meta_object_put(publication->ingest->gateway->meta, version->bucket, version->key, publication->object,
                           chunks, version->condition);
}

enum status ingest_publish(struct ingest *ingest, const struct ingest_version *version, struct meta_object *object)
{
    *object = (struct meta_object){
        .size = ingest->size,
        .checksum = stored_checksum_make(&ingest->checksum_value),
        .storage_class = version->storage_class,
        .headers = version->headers,
        .attributes = version->attributes,
        .annotations = version->annotations,
        .outbox = version->outbox,
    };
    ingest_etag(ingest, object->etag_md5);
    enum status status = ingest_store(ingest, publish, &(struct publication){ingest, version, object});
    for (size_t i = 0; version->annotations && i < version->annotations->count; i++)
        discard(ingest, status, &version->annotations->entries[i].chunks);
    return status;
}

void ingest_release(struct ingest *ingest)
{
    if (!ingest->gateway)
        return;
    hash_wait(ingest);
    sealing_free(ingest->sealing);
    stream_writer_free(ingest->writer);
    digest_release(&ingest->sha256);
    checksum_state_release(&ingest->checksum);
    checksum_state_release(&ingest->also);
    ingest->gateway = NULL;
}
