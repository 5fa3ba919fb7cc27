/* GET /system/encryption: the keys, how much needs each of them, and how far sealing anew has come. */
#include "gateway/jobs/background_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/front/json_reply.h"
#include "gateway/front/reply.h"

static json_t *time_or_null(int64_t wall_ms)
{
    char text[CLOCK_TEXT_MAX];

    if (wall_ms == 0)
        return json_null();
    clock_format_iso8601_ms(wall_ms, text);
    return json_string(text);
}

static const struct rekey_use *use_of(const struct rekey_pass *pass, const char *name)
{
    for (size_t i = 0; i < pass->use_count; i++)
        if (strcmp(pass->uses[i].name, name) == 0)
            return &pass->uses[i];
    return NULL;
}

/* What the last pass counted; null: that is not known of these keys yet. */
static void add_counts(json_t *value, const struct rekey_use *use, bool known)
{
    json_object_set_new(value, "versions", known ? json_integer(use ? (json_int_t)use->versions : 0) : json_null());
    json_object_set_new(value, "uploads", known ? json_integer(use ? (json_int_t)use->uploads : 0) : json_null());
}

static json_t *keys_array(struct gateway *gateway, const struct rekey_pass *pass)
{
    struct keyring_key *keys = mem_alloc(KEYRING_KEYS_MAX * sizeof(*keys));
    uint64_t generation;
    size_t count = keyring_list(gateway->keyring, keys, &generation);
    bool known = pass->ended_ms != 0 && pass->generation == generation;
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct rekey_use *use = use_of(pass, keys[i].name);
        bool unused = known && pass->whole && (!use || (use->versions == 0 && use->uploads == 0));
        json_t *value = json_pack("{s:s, s:s}", "name", keys[i].name, "state",
                                  keys[i].current   ? "current"
                                  : keys[i].retired ? "retired"
                                                    : "kept");
        add_counts(value, use, known);
        json_object_set_new(value, "inUse", known && pass->whole ? json_boolean(!unused) : json_null());
        json_object_set_new(value, "removable", json_boolean(unused && keys[i].retired && pass->final));
        json_array_append_new(list, value);
    }
    free(keys);
    return list;
}

static json_t *missing_array(const struct rekey_pass *pass)
{
    json_t *list = json_array();

    for (size_t i = 0; i < pass->use_count; i++) {
        const struct rekey_use *use = &pass->uses[i];
        if (!use->known)
            json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "name", use->name, "versions",
                                                  (json_int_t)use->versions, "uploads", (json_int_t)use->uploads));
    }
    return list;
}

static json_t *progress_object(const struct rekey_progress *progress, const struct rekey_pass *last)
{
    return json_pack("{s:b, s:o, s:o, s:I, s:I, s:I}", "running", progress->running, "started",
                     time_or_null(progress->started_ms), "lastEnded", time_or_null(last->ended_ms), "examined",
                     (json_int_t)progress->examined, "rewrapped", (json_int_t)progress->rewrapped, "failed",
                     (json_int_t)progress->failed);
}

void background_encryption_state(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;
    struct rekey *rekey = &gateway->background->rekey;
    struct rekey_pass *last = mem_alloc(sizeof(*last));
    char current[KEY_NAME_MAX + 1] = "";

    pthread_mutex_lock(&rekey->lock);
    *last = rekey->last;
    struct rekey_progress progress = rekey->progress;
    pthread_mutex_unlock(&rekey->lock);
    if (gateway->keys)
        key_provider_current(gateway->keys, current);
    json_t *value =
        json_pack("{s:o, s:o, s:o, s:o}", "current", current[0] ? json_string(current) : json_null(), "keys",
                  keys_array(gateway, last), "missing", missing_array(last), "pass", progress_object(&progress, last));
    free(last);
    HTTP_LAST_REPLY(json_reply(exchange, 200, value));
}
