/* The walk through the versions of a bucket that has lifecycle rules. A page of versions is read, each is judged, and
 * what is due is asked for in batches, each under the condition that the version is still the one that was judged, and
 * still current, or still not, and with the same tags if they were asked for. So a version that a client writes,
 * restores or removes meanwhile is never touched on the grounds of what was there before. What the committer refuses,
 * because it is locked, stays.
 *
 * In memory are one page (1,000 names of at most 1 KiB, about 1.3 MiB) and one batch, whatever the bucket's size. */
#include "gateway/jobs/lifecycle_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/bucketlog/lines.h"
#include "gateway/notify/event.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/object_tags.h"

#define PAGE_ROWS    1000
#define BATCH_MAX    100  /* deletions that are handed to the committer together */
#define SLICE_MS     5000 /* of one bucket, before another one has its turn */
#define PAGE_UPLOADS 1000

struct walk {
    struct lifecycle_slice *slice;
    struct buffer name;      /* whose versions are being read */
    struct buffer done;      /* the name before */
    uint64_t versions;       /* of it, that came so far and stay; 0: it is not known what is above the next one */
    uint64_t sequence;       /* of the last one of them */
    int64_t newer_ms;        /* when that one was written */
    struct buffer places[2]; /* where the next page begins */
    struct meta_object_deletion batch[BATCH_MAX];
    enum lifecycle_outcome outcomes[BATCH_MAX]; /* if it is done */
    struct notify_event events[BATCH_MAX];
    size_t count;
};

bool lifecycle_rules_hold(const struct lifecycle_slice *slice)
{
    struct meta_settings *settings;
    struct meta_bucket bucket;
    struct meta_setting kept;

    if (meta_bucket_load(slice->background->gateway->meta, bytes_from_str(slice->bucket->name), &bucket, &settings))
        return false;
    bool hold = bucket.id == slice->bucket->id &&
                meta_setting_find(settings, S3_SETTING_LIFECYCLE, &kept) == STATUS_OK &&
                bytes_equal(kept.document, slice->kept);
    meta_settings_release(settings);
    return hold;
}

/* Whether it was refused for what the version is by now: then it stays, and nothing is wrong. */
static bool is_refusal(enum status status, enum lifecycle_outcome *outcome)
{
    *outcome = status == STATUS_DENIED || status == STATUS_CONFLICT ? LIFECYCLE_REFUSED : LIFECYCLE_CHANGED;
    return *outcome == LIFECYCLE_REFUSED || status == STATUS_PRECONDITION || status == STATUS_NOT_FOUND;
}

/* ---- what is due --------------------------------------------------------------------------------------------------
 */

/* The lines in the bucket's access log, under AWS's names. */
static void log_lifecycle_line(struct lifecycle_slice *slice, const char *operation, struct bytes key,
                               struct bytes version_id)
{
    struct gateway *gateway = slice->background->gateway;
    struct meta_settings *settings;
    struct meta_bucket bucket;

    if (!gateway->bucketlog || meta_bucket_load(gateway->meta, bytes_from_str(slice->bucket->name), &bucket, &settings))
        return;
    if (bucket.id == slice->bucket->id)
        bucketlog_lifecycle(gateway, &bucket, settings, operation, key, version_id);
    meta_settings_release(settings);
}

static void log_deletion(struct walk *walk, size_t i)
{
    bool marks = walk->outcomes[i] == LIFECYCLE_EXPIRED && walk->slice->bucket->versioned;

    log_lifecycle_line(walk->slice, marks ? "S3.CREATE.DELETEMARKER" : "S3.EXPIRE.OBJECT", walk->batch[i].key,
                       walk->batch[i].version.id);
}

/* Who is told of what the batch does, as the bucket's settings are now. */
static void batch_tell(struct walk *walk, size_t count)
{
    struct gateway *gateway = walk->slice->background->gateway;
    struct bytes name = bytes_from_str(walk->slice->bucket->name);
    struct meta_settings *settings;
    struct meta_bucket bucket;

    if (meta_bucket_load(gateway->meta, name, &bucket, &settings))
        return;
    for (size_t i = 0; i < count; i++) {
        enum notification_event event =
            walk->outcomes[i] == LIFECYCLE_EXPIRED ? NOTIFICATION_EXPIRATION_ANY : NOTIFICATION_EXPIRATION_DELETE;
        walk->batch[i].outbox =
            notify_event_of_lifecycle(gateway, settings, name, event, walk->batch[i].key, &walk->events[i]);
    }
    meta_settings_release(settings);
}

static enum status batch_run(struct walk *walk)
{
    struct background *background = walk->slice->background;
    struct meta_object_deletion *deletions[BATCH_MAX];
    uint64_t since_ms = clock_monotonic_ms();
    enum status status = STATUS_OK;
    size_t count = walk->count;

    walk->count = 0;
    if (count == 0 || !lifecycle_rules_hold(walk->slice))
        return STATUS_OK;
    for (size_t i = 0; i < count; i++)
        deletions[i] = &walk->batch[i];
    batch_tell(walk, count);
    meta_objects_delete(background->gateway->meta, walk->slice->bucket->id, deletions, count);
    for (size_t i = 0; i < count; i++) {
        notify_event_release(&walk->events[i]);
        enum lifecycle_outcome outcome = walk->outcomes[i];
        if (!walk->batch[i].status)
            log_deletion(walk, i);
        if (!walk->batch[i].status || is_refusal(walk->batch[i].status, &outcome))
            lifecycle_count(background, outcome, 1);
        else
            status = walk->batch[i].status;
    }
    background_pace(background, since_ms, count, background->gateway->options.lifecycle_change_rate);
    return status;
}

static enum status batch_add(struct walk *walk, const struct meta_list_entry *entry, const struct meta_seen *seen,
                             enum lifecycle_action action)
{
    struct meta_object_deletion *deletion = &walk->batch[walk->count];

    *deletion = (struct meta_object_deletion){.key = entry->key, .seen = *seen};
    if (action != LIFECYCLE_EXPIRE)
        deletion->version.id = bytes_from_str(entry->object.version_id);
    walk->outcomes[walk->count] = action == LIFECYCLE_EXPIRE   ? LIFECYCLE_EXPIRED
                                  : action == LIFECYCLE_REMOVE ? LIFECYCLE_REMOVED
                                                               : LIFECYCLE_MARKER_REMOVED;
    return ++walk->count == BATCH_MAX ? batch_run(walk) : STATUS_OK;
}

static const char *transition_name(enum storage_class storage_class)
{
    switch (storage_class) {
    case STORAGE_STANDARD_IA:
        return "S3.TRANSITION_SIA.OBJECT";
    case STORAGE_ONEZONE_IA:
        return "S3.TRANSITION_ZIA.OBJECT";
    case STORAGE_INTELLIGENT_TIERING:
        return "S3.TRANSITION_INT.OBJECT";
    case STORAGE_GLACIER_IR:
        return "S3.TRANSITION_GIR.OBJECT";
    default:
        return "S3.TRANSITION.OBJECT";
    }
}

static const struct meta_outbox_entry *transition_event(const struct walk *walk, struct bytes key,
                                                        struct notify_event *event)
{
    struct gateway *gateway = walk->slice->background->gateway;
    struct bytes name = bytes_from_str(walk->slice->bucket->name);
    const struct meta_outbox_entry *entry;
    struct meta_settings *settings;
    struct meta_bucket bucket;

    if (meta_bucket_load(gateway->meta, name, &bucket, &settings))
        return NULL;
    entry = notify_event_of_lifecycle(gateway, settings, name, NOTIFICATION_TRANSITION, key, event);
    meta_settings_release(settings);
    return entry;
}

static enum status transition(struct walk *walk, const struct meta_list_entry *entry, enum storage_class storage_class)
{
    struct background *background = walk->slice->background;
    const struct meta_version version = {.id = bytes_from_str(entry->object.version_id)};
    const uint8_t number = (uint8_t)storage_class;
    struct meta_object_update update = {.sequence = entry->object.sequence, .storage_class = &number};
    struct notify_event event = {0};
    enum lifecycle_outcome outcome = LIFECYCLE_MOVED;
    uint64_t since_ms = clock_monotonic_ms();
    struct meta_object object;

    if (!lifecycle_rules_hold(walk->slice))
        return STATUS_OK;
    update.outbox = transition_event(walk, entry->key, &event);
    enum status status = meta_object_update(background->gateway->meta, walk->slice->bucket->id, entry->key,
                                            walk->slice->bucket->versioned ? &version : NULL, &update, &object);
    notify_event_release(&event);
    if (status && !is_refusal(status, &outcome))
        return status;
    if (!status)
        log_lifecycle_line(walk->slice, transition_name(storage_class), entry->key,
                           bytes_from_str(entry->object.version_id));
    lifecycle_count(background, outcome, 1);
    background_pace(background, since_ms, 1, background->gateway->options.lifecycle_change_rate);
    return STATUS_OK;
}

/* ---- judging ------------------------------------------------------------------------------------------------------
 */

/* Whether nothing of the name is there but this version, its newest. */
static enum status is_alone(struct walk *walk, const struct meta_list_entry *entry, bool *alone)
{
    const struct meta_list_query query = {.bucket = walk->slice->bucket->id,
                                          .prefix = entry->key,
                                          .after = entry->key,
                                          .after_version = bytes_from_str(entry->object.version_id),
                                          .max = 1};
    struct meta_list_page page;
    enum status status = meta_list_versions(walk->slice->background->gateway->meta, &query, &page);

    *alone = false;
    if (status)
        return status;
    *alone = page.count == 0 || !bytes_equal(page.entries[0].key, entry->key);
    meta_list_page_release(&page);
    return STATUS_OK;
}

/* Of a version that rules by tags may be for; they lie with what a listing does not read. NOT_FOUND: it is another one
 * by now. */
static enum status tags_load(struct walk *walk, const struct meta_list_entry *entry, struct meta_seen *seen,
                             struct tag_set *tags)
{
    const struct lifecycle_slice *slice = walk->slice;
    const struct meta_version version = {.id = bytes_from_str(entry->object.version_id)};
    struct meta_object object;
    enum status status = meta_object_get(slice->background->gateway->meta, slice->bucket->id, entry->key,
                                         slice->bucket->versioned ? &version : NULL, &object);

    if (status)
        return status;
    status = object.sequence == entry->object.sequence ? object_tags_of(&object, tags) : STATUS_NOT_FOUND;
    meta_seen_attributes(seen, object.attributes);
    meta_object_release(&object);
    return status;
}

/* What the rules say of it once its tags are known, which are part of what was seen then. A version whose tags are
 * damaged stays. */
static enum status judge_with_tags(struct walk *walk, const struct meta_list_entry *entry,
                                   struct lifecycle_version *version, struct meta_seen *seen,
                                   struct lifecycle_verdict *verdict)
{
    const struct lifecycle_slice *slice = walk->slice;
    struct tag_set tags = {0};
    enum status status = tags_load(walk, entry, seen, &tags);

    *verdict = (struct lifecycle_verdict){0};
    if (status)
        return status == STATUS_NOT_FOUND || status == STATUS_CORRUPT ? STATUS_OK : status;
    version->tags = &tags;
    version->tags_unknown = false;
    *verdict = lifecycle_judge(slice->configuration, version, slice->now_ms, slice->day_ms);
    tag_set_release(&tags);
    return STATUS_OK;
}

/* A version is noncurrent since there is a newer one; or since it is there, if it came behind that one, as what is made
 * of an upload that was begun before it. */
static enum status judge(struct walk *walk, const struct meta_list_entry *entry, struct meta_seen *seen,
                         struct lifecycle_verdict *verdict)
{
    const struct lifecycle_slice *slice = walk->slice;
    const struct meta_object *object = &entry->object;
    struct lifecycle_version version = {
        .key = entry->key,
        .size = object->size,
        .modified_ms = object->modified_ms,
        .storage_class = object->storage_class < STORAGE_CLASS_COUNT ? object->storage_class : STORAGE_STANDARD,
        .delete_marker = object->delete_marker,
        .versioned = slice->bucket->versioned,
        .current = object->latest,
        .alone = true,
        .noncurrent_ms = object->modified_ms > walk->newer_ms ? object->modified_ms : walk->newer_ms,
        .newer = walk->versions > 0 ? walk->versions - 1 : 0,
        .tags_unknown = slice->configuration->tag_count > 0,
    };

    *verdict = lifecycle_judge(slice->configuration, &version, slice->now_ms, slice->day_ms);
    if (verdict->action == LIFECYCLE_REMOVE_MARKER) {
        enum status status = is_alone(walk, entry, &version.alone);
        if (status || !version.alone)
            *verdict = (struct lifecycle_verdict){0};
        return status;
    }
    if (verdict->action == LIFECYCLE_NOTHING || !version.tags_unknown || version.delete_marker)
        return STATUS_OK;
    return judge_with_tags(walk, entry, &version, seen, verdict);
}

static enum status version_run(struct walk *walk, const struct meta_list_entry *entry)
{
    struct meta_seen seen = {.sequence = entry->object.sequence, .latest = entry->object.latest};
    struct lifecycle_verdict verdict;
    enum status status;

    /* a name whose newest version was not seen waits for the next round: it is not known since when this one is not
     * current */
    if (!entry->object.latest && walk->versions == 0)
        return STATUS_OK;
    status = judge(walk, entry, &seen, &verdict);
    if (verdict.action != LIFECYCLE_REMOVE) /* else it is none of the newer ones that a rule keeps */
        walk->versions++;
    walk->newer_ms = entry->object.modified_ms;
    if (status || verdict.action == LIFECYCLE_NOTHING)
        return status;
    if (verdict.action == LIFECYCLE_TRANSITION)
        return transition(walk, entry, verdict.storage_class);
    return batch_add(walk, entry, &seen, verdict.action);
}

/* A version of another name, or of one that is listed from its newest again: what was counted is of the past. So it is
 * when the walk went back: the page before ended with the null version, which is a newer one by now, and this page
 * begins behind it where it is now. Then the rest of the name waits for the next round. */
static void name_enter(struct walk *walk, const struct meta_list_entry *entry)
{
    bool same = bytes_equal(entry->key, buffer_bytes(&walk->name));

    if (!same && walk->name.len > 0)
        CHECK(buffer_assign(&walk->done, buffer_bytes(&walk->name)) == STATUS_OK);
    if (!same)
        CHECK(buffer_assign(&walk->name, entry->key) == STATUS_OK);
    if (!same || entry->object.latest || entry->object.sequence >= walk->sequence)
        walk->versions = 0;
    walk->sequence = entry->object.sequence;
}

static enum status page_run(struct walk *walk, struct meta_list_query *query)
{
    struct background *background = walk->slice->background;
    uint64_t since_ms = clock_monotonic_ms();
    struct meta_list_page page;

    enum status status = meta_list_versions(background->gateway->meta, query, &page);
    if (status)
        return status;
    for (size_t i = 0; i < page.count && !status && !background_is_stopping(background); i++) {
        name_enter(walk, &page.entries[i]);
        status = version_run(walk, &page.entries[i]);
    }
    if (!status)
        status = batch_run(walk);
    if (!status && walk->done.len > 0) /* after a failure the page is judged again */
        CHECK(buffer_assign(walk->slice->key, buffer_bytes(&walk->done)) == STATUS_OK);
    walk->slice->finished = !page.truncated || page.count == 0;
    if (!walk->slice->finished) {
        const struct meta_list_entry *last = &page.entries[page.count - 1];
        CHECK(buffer_assign(&walk->places[0], last->key) == STATUS_OK);
        CHECK(buffer_assign(&walk->places[1], bytes_from_str(last->object.version_id)) == STATUS_OK);
        query->after = buffer_bytes(&walk->places[0]);
        query->after_version = buffer_bytes(&walk->places[1]);
    }
    lifecycle_count_examined(background, page.count);
    background_pace(background, since_ms, page.count, background->gateway->options.lifecycle_rate);
    meta_list_page_release(&page);
    return status;
}

enum status lifecycle_slice_run(struct lifecycle_slice *slice)
{
    struct walk *walk = mem_zalloc(sizeof(*walk));
    struct meta_list_query query = {.bucket = slice->bucket->id, .max = PAGE_ROWS};
    uint64_t end_ms = clock_monotonic_ms() + SLICE_MS;
    enum status status = STATUS_OK;
    struct buffer begun;

    walk->slice = slice;
    slice->finished = false;
    buffer_init(&begun, META_KEY_MAX);
    buffer_init(&walk->name, META_KEY_MAX);
    buffer_init(&walk->done, META_KEY_MAX);
    buffer_init(&walk->places[0], META_KEY_MAX);
    buffer_init(&walk->places[1], META_VERSION_ID_LEN);
    CHECK(buffer_assign(&begun, buffer_bytes(slice->key)) == STATUS_OK);
    query.after = buffer_bytes(&begun);
    while (!status && !slice->finished && !background_is_stopping(slice->background) && lifecycle_rules_hold(slice)) {
        /* a name of many versions ends before the slice does: it would begin with the name again */
        if (clock_monotonic_ms() >= end_ms && !bytes_equal(buffer_bytes(slice->key), buffer_bytes(&begun)))
            break;
        status = page_run(walk, &query);
    }
    slice->finished = slice->finished && !status && !background_is_stopping(slice->background);
    buffer_release(&begun);
    buffer_release(&walk->name);
    buffer_release(&walk->done);
    buffer_release(&walk->places[0]);
    buffer_release(&walk->places[1]);
    free(walk);
    return status;
}

/* ---- uploads ------------------------------------------------------------------------------------------------------
 */

static enum status upload_abort(struct lifecycle_slice *slice, const struct meta_upload_entry *entry)
{
    struct meta *meta = slice->background->gateway->meta;
    struct meta_upload upload = {.bucket = slice->bucket->id, .key = entry->key};
    enum lifecycle_outcome outcome = LIFECYCLE_UPLOAD_ABORTED;
    struct lifecycle_verdict verdict;

    if (!lifecycle_abortion(slice->configuration, entry->key, entry->created_ms, slice->day_ms, &verdict) ||
        verdict.due_ms > slice->now_ms)
        return STATUS_OK;
    uint64_t since_ms = clock_monotonic_ms();
    memcpy(upload.id, entry->id, sizeof(upload.id));
    enum status status = meta_upload_abort(meta, &upload);
    if (status && !is_refusal(status, &outcome))
        return status;
    if (!status)
        log_lifecycle_line(slice, "S3.DELETE.UPLOAD", entry->key, (struct bytes){0});
    lifecycle_count(slice->background, outcome, 1);
    background_pace(slice->background, since_ms, 1, slice->background->gateway->options.lifecycle_change_rate);
    return STATUS_OK;
}

static bool aborts_uploads(const struct lifecycle_configuration *configuration)
{
    for (size_t i = 0; i < configuration->count; i++)
        if (configuration->rules[i].enabled && configuration->rules[i].has_abort)
            return true;
    return false;
}

enum status lifecycle_uploads_abort(struct lifecycle_slice *slice)
{
    struct background *background = slice->background;
    struct meta_upload_query query = {.bucket = slice->bucket->id, .max = PAGE_UPLOADS};
    struct meta_upload_page page = {0}, next;
    bool more = aborts_uploads(slice->configuration);
    enum status status = STATUS_OK;

    while (!status && more && lifecycle_rules_hold(slice)) {
        uint64_t since_ms = clock_monotonic_ms();
        status = meta_upload_list(background->gateway->meta, &query, &next);
        if (status)
            break;
        meta_upload_page_release(&page); /* in which the markers are */
        page = next;
        for (size_t i = 0; i < page.count && !status && !background_is_stopping(background); i++)
            status = upload_abort(slice, &page.entries[i]);
        more = page.truncated && page.count > 0 && !background_is_stopping(background);
        if (more) {
            query.key_marker = page.entries[page.count - 1].key;
            query.upload_id_marker = bytes_from_str(page.entries[page.count - 1].id);
        }
        background_pace(background, since_ms, page.count, background->gateway->options.lifecycle_rate);
    }
    meta_upload_page_release(&page);
    return status;
}
