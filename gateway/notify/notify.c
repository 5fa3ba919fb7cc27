/* The targets of -notify, their threads, and what is counted of them; see the header. */
#include "gateway/notify/notify.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/gateway.h"
#include "gateway/notify/notify_internal.h"

/* ---- the setting --------------------------------------------------------------------------------------------------
 */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* How long a NAME= the text begins with; 0: with none. */
static size_t name_len(const char *text)
{
    size_t len = 0;

    while (is_name_char(text[len]))
        len++;
    return len > 0 && text[len] == '=' && strncmp(text + len + 1 + strcspn(text + len + 1, ":, \t\r\n"), "://", 3) == 0
               ? len
               : 0;
}

/* Where the URL ends: at white space, or at a comma behind which the next target begins. */
static size_t url_len(const char *text)
{
    size_t len = 0;

    for (; text[len] && !is_space(text[len]); len++)
        if (text[len] == ',' && (!text[len + 1] || is_space(text[len + 1]) || name_len(text + len + 1) > 0))
            break;
    return len;
}

static void queue_init(struct notify *notify, struct notify_queue *queue)
{
    queue->notify = notify;
    pthread_mutex_init(&queue->lock, NULL);
    clock_cond_init(&queue->wake);
    buffer_init(&queue->error, NOTIFY_ERROR_MAX);
}

static void queue_release(struct notify_queue *queue)
{
    if (queue->target)
        queue->kind->release(queue->target);
    notify_url_release(&queue->url);
    buffer_release(&queue->error);
    pthread_cond_destroy(&queue->wake);
    pthread_mutex_destroy(&queue->lock);
}

/* Explains why a target cannot be made: its name before the reason. */
static enum status refuse(struct buffer *error, struct bytes name, const struct buffer *why)
{
    struct buffer text;

    buffer_init(&text, 2 * NOTIFY_ERROR_MAX);
    STATUS_IGNORE(
        buffer_printf(&text, "%.*s: %.*s", (int)name.len, name.data, (int)why->len, why->data ? why->data : ""),
        "a longer text is left out");
    STATUS_IGNORE(buffer_append_bytes(error, buffer_bytes(&text)), "a longer text is left out");
    buffer_release(&text);
    return STATUS_INVALID;
}

static enum status queue_open(struct notify_queue *queue, struct bytes name, struct bytes url, struct buffer *error)
{
    struct buffer why;

    buffer_init(&why, NOTIFY_ERROR_MAX);
    enum status status = STATUS_OK;
    if (name.len > NOTIFY_NAME_MAX)
        status = buffer_append_str(&why, "the name is too long") ? STATUS_LIMIT : STATUS_INVALID;
    if (!status)
        status = notify_url_parse(url, &queue->url, &why);
    if (!status) {
        memcpy(queue->name, name.data, name.len);
        queue->kind = notify_kind_find(queue->url.scheme);
        if (!queue->kind)
            status =
                buffer_append_str(&why, "there is no kind of target with that scheme") ? STATUS_LIMIT : STATUS_INVALID;
    }
    if (!status)
        status = queue->kind->create(&queue->url, queue->name, &queue->target, &why);
    if (status)
        status = refuse(error, name, &why);
    buffer_release(&why);
    return status;
}

static enum status read_targets(struct notify *notify, const char *text, struct buffer *error)
{
    while (true) {
        while (is_space(*text) || *text == ',')
            text++;
        if (!*text)
            return STATUS_OK;
        size_t len = name_len(text);
        struct bytes name = bytes_of(text, len);
        if (len == 0 || notify->count == NOTIFY_TARGETS_MAX || notify_has_target(notify, name)) {
            STATUS_IGNORE(buffer_append_str(error, len == 0 ? "NAME=SCHEME://HOST is needed, the name of letters, "
                                                              "digits, '-' and '_'"
                                                            : "at most 16 targets, each name once"),
                          "it fits");
            return STATUS_INVALID;
        }
        text += len + 1;
        struct notify_queue *queue = &notify->queues[notify->count++];
        queue_init(notify, queue);
        enum status status = queue_open(queue, name, bytes_of(text, url_len(text)), error);
        if (status)
            return status;
        text += url_len(text);
    }
}

enum status notify_create(const struct notify_options *options, struct notify **out, struct buffer *error)
{
    struct notify *notify = mem_zalloc(sizeof(*notify));

    notify->options = *options;
    queue_init(notify, &notify->others);
    enum status status = read_targets(notify, options->targets ? options->targets : "", error);
    if (status)
        notify_free(notify);
    else
        *out = notify;
    return status;
}

void notify_free(struct notify *notify)
{
    if (!notify)
        return;
    for (size_t i = 0; i < notify->count; i++)
        queue_release(&notify->queues[i]);
    queue_release(&notify->others);
    free(notify);
}

/* ---- running ------------------------------------------------------------------------------------------------------
 */

void notify_start(struct notify *notify, struct gateway *gateway)
{
    notify->gateway = gateway;
    notify->counts = true;
    for (size_t i = 0; i < notify->count; i++)
        CHECK(pthread_create(&notify->queues[i].thread, NULL, notify_deliver, &notify->queues[i]) == 0);
    CHECK(pthread_create(&notify->counter, NULL, notify_count, notify) == 0);
}

void notify_stop(struct notify *notify)
{
    if (!notify || !notify->counts)
        return;
    atomic_store(&notify->stopping, true);
    notify_queue_wake(&notify->others);
    for (size_t i = 0; i < notify->count; i++)
        notify_queue_wake(&notify->queues[i]);
    pthread_join(notify->counter, NULL);
    for (size_t i = 0; i < notify->count; i++) {
        pthread_join(notify->queues[i].thread, NULL);
        notify_trials_refuse(&notify->queues[i]);
    }
    notify->counts = false;
}

void notify_queue_wake(struct notify_queue *queue)
{
    lock_acquire(&queue->lock);
    queue->woken = true;
    pthread_cond_signal(&queue->wake);
    lock_release(&queue->lock);
}

void notify_queue_wait(struct notify_queue *queue, uint64_t ms)
{
    uint64_t until_ms = clock_monotonic_ms() + ms;

    lock_acquire(&queue->lock);
    while (!queue->woken && !atomic_load(&queue->notify->stopping) &&
           clock_cond_wait(&queue->wake, &queue->lock, until_ms))
        continue;
    queue->woken = false;
    lock_release(&queue->lock);
}

/* ---- asked by requests --------------------------------------------------------------------------------------------
 */

static struct notify_queue *find(const struct notify *notify, struct bytes name)
{
    for (size_t i = 0; notify && i < notify->count; i++)
        if (bytes_equal_str(name, notify->queues[i].name))
            return (struct notify_queue *)&notify->queues[i];
    return NULL;
}

bool notify_has_target(const struct notify *notify, struct bytes name)
{
    return find(notify, name) != NULL;
}

/* Whatever was counted: commits that the outbox refuses would fail their requests. */
static bool outbox_has_room(const struct notify *notify)
{
    return !notify->gateway || (meta_outbox_backlog(notify->gateway->meta) < META_OUTBOX_ROWS_MAX / 8 * 7 &&
                                meta_outbox_backlog_bytes(notify->gateway->meta) < META_OUTBOX_BYTES_MAX / 8 * 7);
}

static struct notify_queue *queue_or_others(struct notify *notify, struct bytes name)
{
    struct notify_queue *queue = find(notify, name);

    return queue ? queue : &notify->others;
}

bool notify_has_room(struct notify *notify, struct bytes name)
{
    const struct notify_queue *queue = queue_or_others(notify, name);

    /* each has its share of the outbox, with a rest for what is under way and not counted yet */
    uint64_t shares = notify->count + 1, rows_max = META_OUTBOX_ROWS_MAX / 8 * 7 / shares;
    if (rows_max > notify->options.rows_max)
        rows_max = notify->options.rows_max;
    return atomic_load(&queue->rows) < rows_max &&
           atomic_load(&queue->bytes) < META_OUTBOX_BYTES_MAX / 8 * 7 / shares && outbox_has_room(notify);
}

void notify_drop_full(struct notify *notify, struct bytes name)
{
    notify_count_drop(queue_or_others(notify, name), NOTIFY_DROP_FULL, 1);
}

enum status notify_try(struct notify *notify, struct bytes name, struct bytes message, struct buffer *error)
{
    struct notify_queue *queue = find(notify, name);
    struct notify_trial trial = {.message = message, .error = error};

    if (!queue)
        return STATUS_NOT_FOUND;
    completion_init(&trial.done);
    lock_acquire(&queue->lock);
    bool accepted = !atomic_load(&notify->stopping) && notify->counts && queue->trial_count < NOTIFY_TRIALS_MAX;
    if (accepted) {
        trial.next = queue->trials;
        queue->trials = &trial;
        queue->trial_count++;
        queue->woken = true;
        pthread_cond_signal(&queue->wake);
    }
    lock_release(&queue->lock);
    if (!accepted)
        return STATUS_UNAVAILABLE;
    completion_wait(&trial.done);
    return trial.status;
}

void notify_trials_refuse(struct notify_queue *queue)
{
    lock_acquire(&queue->lock);
    struct notify_trial *trial = queue->trials;
    queue->trials = NULL;
    lock_release(&queue->lock);
    while (trial) {
        struct notify_trial *next = trial->next;
        trial->status = STATUS_UNAVAILABLE;
        completion_signal(&trial->done);
        trial = next;
    }
}
