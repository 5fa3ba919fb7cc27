/* Taking bytes in; see the header. Small pieces are hashed in place: the hand-over to the pool costs more
 * than the hash of a few KiB. */
#include "gateway/ingest.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/task.h"
#include "gateway/stored_checksum.h"

#define HASH_IN_PLACE_BYTES 16384

struct hash_job {
    struct ingest *ingest;
    const char *data;
    size_t len;
};

static void hash(void *arg)
{
    struct hash_job *job = arg;
    struct ingest *ingest = job->ingest;

    digest_update(&ingest->md5, job->data, job->len);
    if (ingest->wants_sha256)
        digest_update(&ingest->sha256, job->data, job->len);
    checksum_state_update(&ingest->checksum, job->data, job->len);
}

enum status ingest_open(struct ingest *ingest, struct gateway *gateway, const struct ingest_plan *plan)
{
    *ingest = (struct ingest){.gateway = gateway, .wants_sha256 = plan->sha256};
    enum status status = stream_writer_open(gateway->cluster, plan->expected_size, &ingest->writer);
    if (status) {
        ingest->gateway = NULL;
        return status;
    }
    digest_init(&ingest->md5, DIGEST_MD5);
    if (ingest->wants_sha256)
        digest_init(&ingest->sha256, DIGEST_SHA256);
    checksum_state_init(&ingest->checksum, plan->algorithm);
    return STATUS_OK;
}

enum status ingest_space(struct ingest *ingest, char **space, size_t *capacity)
{
    if (ingest->filled == ingest->capacity) {
        ingest->filled = ingest->capacity = 0;
        enum status status = stream_writer_space(ingest->writer, &ingest->space, &ingest->capacity);
        if (status)
            return status;
    }
    *space = ingest->space + ingest->filled;
    *capacity = ingest->capacity - ingest->filled;
    return STATUS_OK;
}

static void flush(struct ingest *ingest)
{
    struct hash_job job = {ingest, ingest->space, ingest->filled};

    if (ingest->filled == 0)
        return;
    if (ingest->filled <= HASH_IN_PLACE_BYTES)
        hash(&job);
    else
        pool_run(ingest->gateway->pool, hash, &job); /* while the nodes take what was committed before */
    stream_writer_commit(ingest->writer, ingest->filled);
    ingest->filled = ingest->capacity = 0;
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
    digest_final(&ingest->md5, ingest->md5_value);
    if (ingest->wants_sha256)
        digest_final(&ingest->sha256, ingest->sha256_value);
    checksum_state_final(&ingest->checksum, &ingest->checksum_value);
}

enum status ingest_finish(struct ingest *ingest, struct chunk_list *chunks)
{
    return stream_writer_finish(ingest->writer, chunks);
}

enum status ingest_publish(struct ingest *ingest, const struct ingest_version *version, struct meta_object *object)
{
    struct chunk_list chunks = {0};
    enum status status = ingest_finish(ingest, &chunks);

    *object = (struct meta_object){
        .size = ingest->size, .checksum = stored_checksum_make(&ingest->checksum_value), .headers = version->headers};
    memcpy(object->etag_md5, ingest->md5_value, MD5_LEN);
    if (!status) {
        status =
            meta_object_put(ingest->gateway->meta, version->bucket, version->key, object, &chunks, version->condition);
        if (status)
            ingest_discard(ingest->gateway, status, &chunks);
    }
    chunk_list_release(&chunks);
    return status;
}

void ingest_release(struct ingest *ingest)
{
    if (!ingest->gateway)
        return;
    stream_writer_free(ingest->writer);
    digest_release(&ingest->md5);
    digest_release(&ingest->sha256);
    checksum_state_release(&ingest->checksum);
    ingest->gateway = NULL;
}

struct discard {
    struct gateway *gateway;
    struct chunk_list chunks;
};

static void discard_task(void *arg)
{
    struct discard *discard = arg;

    for (size_t i = 0; i < discard->chunks.count; i++) {
        const struct chunk_ref *ref = &discard->chunks.refs[i];
        for (unsigned copy = 0; copy < ref->copies; copy++)
            if (cluster_chunk_delete(discard->gateway->cluster, &ref->id, ref->nodes[copy]))
                log_info("unused chunk is left on a node", LOG_INT("nodeId", ref->nodes[copy]));
    }
    chunk_list_release(&discard->chunks);
    free(discard);
}

void ingest_discard(struct gateway *gateway, enum status commit, const struct chunk_list *chunks)
{
    if (chunks->count == 0 || commit == STATUS_OK || commit == STATUS_UNCERTAIN)
        return;
    struct discard *discard = mem_zalloc(sizeof(*discard));
    discard->gateway = gateway;
    for (size_t i = 0; i < chunks->count; i++)
        chunk_list_append(&discard->chunks, &chunks->refs[i]);
    task_spawn(loop_current(), discard_task, discard);
}
