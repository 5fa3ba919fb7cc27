/* Rotation: the keys of old objects are sealed anew, with the current key. A pass goes through all versions and uploads
 * in progress, at a bounded rate: what SSE-S3 sealed with another key than the current one, and what any kind sealed
 * with a key that is retired, gets a new description, if it still has the one that was read. Its bytes are not touched.
 * SSE-KMS with a key that is not retired stays: a client chose it. SSE-C stays in any case.
 *
 * There is a pass when the gateway starts, when its keys are others (SIGHUP), and once a day; without any keys one at
 * the start, which says what is missing. Whatever was sealed anew is committed, and found so by the next pass; so a
 * pass that was cut short loses nothing and the next one only looks at what is done. Uploads come before versions,
 * since a completed upload becomes a version.
 *
 * A retired key can be removed once a pass found nothing that needs it, to whose beginning all requests had ended that
 * began while it was not retired (keys/key_writers.h). */
#include "gateway/jobs/background_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/object/rewrap.h"
#include "meta/reseal.h"

#define LOOK_MS   1000                     /* how soon changed keys are noticed */
#define RETRY_MS  10000                    /* after a failure */
#define PASS_MS   (24 * UINT64_C(3600000)) /* between two passes without a reason */
#define BATCH_MAX 100                      /* that are handed to the committer together */

struct rekey_batch {
    struct meta_reseal changes[BATCH_MAX];
    struct buffer descriptions[BATCH_MAX];
    struct rekey_use *uses[BATCH_MAX]; /* whose key it was */
    size_t count;
};

struct rekey_walk {
    struct background *background;
    struct rekey_pass *pass;
    const struct meta_bucket *bucket;
    enum meta_sealed_family family;
    struct rekey_batch *batch;
};

static struct metric_counter *rewrapped_counter(void)
{
    return metric_counter_get("tercet_keys_rewrapped_total",
                              "Keys of versions and uploads that were sealed anew with the current key.", "");
}

static uint64_t *count_of(const struct rekey_walk *walk, struct rekey_use *use)
{
    return walk->family == META_SEALED_UPLOADS ? &use->uploads : &use->versions;
}

/* NULL: it is none of the keyring's, and there is no place for one more of these. */
static struct rekey_use *use_find(struct rekey_pass *pass, struct bytes name)
{
    for (size_t i = 0; i < pass->use_count; i++)
        if (bytes_equal_str(name, pass->uses[i].name))
            return &pass->uses[i];
    if (pass->use_count == REKEY_NAMES_MAX)
        return NULL;
    struct rekey_use *use = &pass->uses[pass->use_count++];
    *use = (struct rekey_use){0};
    memcpy(use->name, name.data ? name.data : "", name.len);
    return use;
}

/* What is sealed with a service's key, which no list has: the service is asked, once in a pass. */
static enum status use_ask(struct key_provider *keys, struct rekey_use *use)
{
    enum status status = keys ? key_provider_find(keys, bytes_from_str(use->name)) : STATUS_NOT_FOUND;

    if (status == STATUS_UNAVAILABLE)
        return status;
    use->asked = true;
    use->known = !status;
    return STATUS_OK;
}

static struct rekey_use *use_current(struct rekey_pass *pass)
{
    for (size_t i = 0; i < pass->use_count; i++)
        if (pass->uses[i].current)
            return &pass->uses[i];
    return NULL;
}

/* ---- sealing anew ----------------------------------------------------------------------------------------------- */

static void batch_clear(struct rekey_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        buffer_release(&batch->descriptions[i]);
    batch->count = 0;
}

/* What changed meanwhile was removed, or somebody gave it a key who knew what he did; the count is of before then. */
static enum status batch_run(struct rekey_walk *walk)
{
    struct background *background = walk->background;
    struct rekey_batch *batch = walk->batch;
    uint64_t rewrapped = 0;
    enum status status = STATUS_OK;

    if (batch->count == 0)
        return STATUS_OK;
    meta_reseal(background->gateway->meta, walk->bucket->id, walk->family, batch->changes, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        enum status one = batch->changes[i].status;
        ++*count_of(walk, one ? batch->uses[i] : use_current(walk->pass));
        rewrapped += !one;
        if (one && one != STATUS_NOT_FOUND && one != STATUS_PRECONDITION) {
            walk->pass->failed++;
            status = one;
        }
    }
    walk->pass->rewrapped += rewrapped;
    metric_counter_add(rewrapped_counter(), rewrapped);
    batch_clear(batch);
    return status;
}

static enum status entry_rewrap(struct rekey_walk *walk, const struct meta_sealed *entry,
                                const struct encryption *encryption, struct rekey_use *use)
{
    const struct encryption to = {.kind = encryption->kind,
                                  .bucket_key = encryption->bucket_key,
                                  .key_name = bytes_from_str(use_current(walk->pass)->name)};
    const struct encryption_place place = {bytes_from_str(walk->bucket->name), entry->key};
    struct rekey_batch *batch = walk->batch;
    struct buffer *description = &batch->descriptions[batch->count];
    bool opened;

    buffer_init(description, ENCRYPTION_DESCRIPTION_BYTES_MAX);
    enum status status =
        encryption_rewrap(walk->background->gateway->keys, encryption, &to, &place, description, &opened);
    if (status) {
        buffer_release(description);
        ++*count_of(walk, use);
        walk->pass->failed++;
        return status == STATUS_UNAVAILABLE ? status : STATUS_OK;
    }
    batch->changes[batch->count] =
        (struct meta_reseal){.row = entry->row, .before = entry->document, .after = buffer_bytes(description)};
    batch->uses[batch->count++] = use;
    return batch->count == BATCH_MAX ? batch_run(walk) : STATUS_OK;
}

static enum status entry_run(struct rekey_walk *walk, const struct meta_sealed *entry)
{
    struct encryption encryption;

    if (encryption_read_document(entry->document, &encryption)) {
        walk->pass->failed++;
        return STATUS_OK;
    }
    if (encryption.kind == ENCRYPTION_CUSTOMER)
        return STATUS_OK;
    struct rekey_use *use = use_find(walk->pass, encryption.key_name);
    if (!use) {
        walk->pass->overflown++;
        return STATUS_OK;
    }
    if (!use->known && !use->asked && encryption_is_of_service(&encryption)) {
        enum status status = use_ask(walk->background->gateway->keys, use);
        if (status)
            return status;
    }
    if (use->known && !use->current && (use->retired || encryption.kind == ENCRYPTION_S3))
        return entry_rewrap(walk, entry, &encryption, use);
    ++*count_of(walk, use);
    return STATUS_OK;
}

static void show_progress(struct rekey *rekey, bool running)
{
    const struct rekey_pass *now = &rekey->now;

    pthread_mutex_lock(&rekey->lock);
    rekey->progress = (struct rekey_progress){running, now->started_ms, now->examined, now->rewrapped, now->failed};
    pthread_mutex_unlock(&rekey->lock);
}

/* ---- a pass ----------------------------------------------------------------------------------------------------- */

static enum status page_run(struct rekey_walk *walk, const struct meta_sealed_page *page)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < page->count && !status && !background_is_stopping(walk->background); i++)
        status = entry_run(walk, &page->entries[i]);
    if (!status)
        status = batch_run(walk);
    batch_clear(walk->batch);
    walk->pass->examined += page->examined;
    walk->pass->failed += page->damaged;
    show_progress(&walk->background->rekey, true);
    return status;
}

static enum status family_run(struct rekey_walk *walk)
{
    struct background *background = walk->background;
    uint64_t rate = background->gateway->options.rekey_rate; /* so a page is a second's at most */
    struct meta_sealed_page page = {.more = true}, next;
    enum status status = STATUS_OK;

    while (!status && page.more && !background_is_stopping(background)) {
        uint64_t since_ms = clock_monotonic_ms();
        status = meta_sealed_walk(background->gateway->meta, walk->bucket->id, walk->family, page.last, rate, &next);
        if (status)
            break;
        meta_sealed_page_release(&page); /* in which the place was */
        page = next;
        status = page_run(walk, &page);
        background_pace(background, since_ms, page.examined, rate);
    }
    meta_sealed_page_release(&page);
    return status;
}

static void pass_begin(struct gateway *gateway, struct rekey_pass *pass)
{
    struct keyring_key *keys = mem_alloc(KEYRING_KEYS_MAX * sizeof(*keys));
    char current[KEY_NAME_MAX + 1];

    *pass = (struct rekey_pass){.started_ms = clock_wall_ms()};
    size_t count = keyring_list(gateway->keyring, keys, &pass->generation);
    pass->final = !key_writers_before(&gateway->key_writers, pass->generation);
    for (size_t i = 0; i < count; i++) {
        struct rekey_use *use = use_find(pass, bytes_from_str(keys[i].name));
        use->known = true;
        use->retired = keys[i].retired;
    }
    free(keys);
    if (!gateway->keys)
        return;
    key_provider_current(gateway->keys, current);
    struct rekey_use *use = use_find(pass, bytes_from_str(current));
    use->known = use->current = true;
}

static enum status pass_run(struct background *background, struct rekey_pass *pass)
{
    struct rekey_walk walk = {.background = background, .pass = pass, .batch = mem_zalloc(sizeof(*walk.batch))};
    struct meta_bucket *buckets;
    enum status status = STATUS_OK;
    size_t count;

    meta_bucket_list(background->gateway->meta, &buckets, &count);
    for (size_t i = 0; i < count && !status && !background_is_stopping(background); i++) {
        walk.bucket = &buckets[i];
        walk.family = META_SEALED_UPLOADS;
        status = family_run(&walk);
        walk.family = META_SEALED_VERSIONS;
        if (!status)
            status = family_run(&walk);
        if (status == STATUS_NOT_FOUND) /* the bucket was removed */
            status = STATUS_OK;
    }
    free(buckets);
    free(walk.batch);
    return status;
}

static void pass_publish(struct rekey *rekey)
{
    struct rekey_pass *pass = &rekey->now;

    pass->ended_ms = clock_wall_ms();
    pthread_mutex_lock(&rekey->lock);
    rekey->last = *pass;
    pthread_mutex_unlock(&rekey->lock);
    if (pass->rewrapped > 0)
        log_info("keys were sealed anew with the current key", LOG_INT("count", pass->rewrapped),
                 LOG_INT("failed", pass->failed));
    for (size_t i = 0; i < pass->use_count; i++) {
        const struct rekey_use *use = &pass->uses[i];
        if (!use->known)
            log_error("a key is missing: what was encrypted with it cannot be read", LOG_STR("keyName", use->name),
                      LOG_INT("versions", use->versions), LOG_INT("uploads", use->uploads));
    }
}

/* ---- the job ---------------------------------------------------------------------------------------------------- */

static bool is_due(struct gateway *gateway, const struct rekey *rekey)
{
    const struct rekey_pass *last = &rekey->last;

    if (rekey->again || last->ended_ms == 0 || last->generation != keyring_generation(gateway->keyring) ||
        clock_monotonic_ms() >= rekey->due_ms)
        return true;
    return !last->final && !key_writers_before(&gateway->key_writers, last->generation);
}

static uint64_t rekey_round(struct job *job)
{
    struct background *background = job->background;
    struct gateway *gateway = background->gateway;
    struct rekey *rekey = &background->rekey;

    if (!gateway->keys && rekey->last.ended_ms != 0)
        return JOB_OVER; /* what is missing was said */
    if (!is_due(gateway, rekey))
        return LOOK_MS;
    pass_begin(gateway, &rekey->now);
    enum status status = pass_run(background, &rekey->now);
    rekey->again = status != STATUS_OK;
    show_progress(rekey, false);
    if (status)
        log_warn("old keys cannot be sealed anew now", LOG_STATUS(status));
    if (status || background_is_stopping(background))
        return RETRY_MS;
    rekey->now.whole = rekey->now.failed == 0;
    rekey->due_ms = clock_monotonic_ms() + PASS_MS;
    pass_publish(rekey);
    return LOOK_MS;
}

static void rekey_register_metrics(struct background *background)
{
    CHECK(pthread_mutex_init(&background->rekey.lock, NULL) == 0);
    metric_counter_add(rewrapped_counter(), 0);
}

const struct job_kind rekey_job = {.name = "rekey", .register_metrics = rekey_register_metrics, .round = rekey_round};
